"""The way that tutorials show: an unpickled River pipeline, Jinja2 and MJML compiled, all of it at the request.

It is here to be measured, never to be used: a pickle runs whatever it holds.
"""

import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from mjml import mjml2html
from river import compose, linear_model, preprocessing

from connectors.cache.families import ENTRIES
from connectors.cache.rocks import Database
from connectors.cache.rows import Served
from connectors.gateway.marks import MarkFiller
from connectors.gateway.reads import Read
from online_models.cells import Profile
from online_models.features import affinity
from online_models.prior.features import features_of
from schemas.codec import decode
from schemas.decisions import Rendered
from schemas.ids import DecisionId, Locale, SendId, SlotName, TemplateName, UserId, VariantId, WorkspaceId
from schemas.keys import user_key
from schemas.library import Release, Slot, Template, Variant
from templates.baking import Known
from templates.sources import Workspace


def naive_row(profile: bytes, release: Release) -> bytes:
    """What the naive path keeps of a user: a pipeline that has learnt a little, and the profile's values, pickled."""
    known = decode(Profile, profile)
    model = compose.Pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression())
    shares = dict(known.tags.shares())
    for template in release.templates:
        for slot in template.slots:
            for variant in slot.variants:
                near = affinity(shares, variant.tags)
                model.learn_one(features_of(variant.id, variant.tags, near), near > 0)
    return pickle.dumps({"model": model, "shares": shares, "locale": known.locale, "traits": dict(known.traits)})


@dataclass(frozen=True)
class _Page:
    """One language of a template as a tutorial would have it: MJML with Jinja2 in it."""

    mjml: str
    text: str
    subject: str


class NaiveReads:
    """What the gateway asks for a draw, answered as tutorials do. `rows` holds each user's pickle."""

    def __init__(self, rows: Database, release: Release, workspace: Workspace, marks: MarkFiller) -> None:
        self._rows = rows
        self._release = release
        self._templates = {template.name: template for template in release.templates}
        self._marks = marks
        self._pages = {
            (source.template.name, locale): _Page(
                Known(locale, words, workspace.values).html(source.mjml),
                release.layouts[self._templates[source.template.name].layouts[locale]].text,
                words.subject,
            )
            for source in workspace.templates
            for locale, words in source.locales.items()
        }

    def require_ready(self) -> None:
        """It always is."""

    def draw(
        self, workspace: WorkspaceId, template: TemplateName, user: UserId, send_id: SendId, given: Mapping[str, str]
    ) -> Read:
        """The likeliest variant of each slot, rendered for one send."""
        known = pickle.loads(self._rows.get(ENTRIES, user_key(workspace, user)) or b"")  # noqa: S301
        of = self._templates[template]
        chosen = [_best(known["model"], slot, known["shares"]) for slot in of.slots]
        locale = known["locale"] if known["locale"] in of.layouts else self._release.settings.default_locale
        served = self._served(of, user, send_id, locale, chosen)
        marks = self._marks.marks(workspace, send_id, served, given)
        fields = {one.name: known["traits"].get(one.name, one.default[locale]) for one in of.fields}
        slots = {
            slot.name: {name: _filled(text, fields) for name, text in variant.content[locale].items()}
            for slot, variant in zip(of.slots, chosen, strict=True)
        }
        return Read(workspace, served, _rendered(self._pages[template, locale], slots, fields, marks), None)

    def _served(self, of: Template, user: UserId, send_id: SendId, locale: Locale, chosen: Sequence[Variant]) -> Served:
        variants: dict[str, VariantId] = {slot.name: one.id for slot, one in zip(of.slots, chosen, strict=True)}
        return Served(
            template=of.name,
            user=user,
            at_ms=time.time_ns() // 1_000_000,
            release=self._release.id,
            locale=locale,
            decision=DecisionId(send_id),
            reason="",
            candidate=0,
            propensity=1.0,
            probabilities=(1.0,),
            variants=variants,
            body=b"",
            marks={},
        )


def _best(model: Any, slot: Slot, shares: Mapping[int | str, float]) -> Variant:
    return max(
        slot.variants,
        key=lambda one: model.predict_proba_one(features_of(one.id, one.tags, affinity(shares, one.tags)))[True],
    )


def _filled(text: str, fields: Mapping[Any, str]) -> str:
    return jinja2.Template(text).render(fields=fields) if "{{" in text else text


def _rendered(
    page: _Page, slots: Mapping[SlotName, Mapping[str, str]], fields: Mapping[Any, str], marks: Mapping[str, str]
) -> Rendered:
    values = {"slots": slots, "fields": fields, "marks": marks}
    html = mjml2html(jinja2.Template(page.mjml, autoescape=True).render(values), disable_comments=True, fonts={})
    text = jinja2.Template(page.text).render(values)
    subject = jinja2.Template(page.subject).render(values)
    return Rendered(subject, "", html.encode(), text.encode())
