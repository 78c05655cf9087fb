"""What a running gateway would answer for a real person: a look, which is never counted as shown."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import msgspec

from connectors.http.client import HttpClient
from foresend.explaining import ExplainedSlot
from foresend.preview.choosing import LOOK_MARKS, Candidate, Chosen, Likely, likely_of
from online_models.candidates import Chosen as Selected
from online_models.candidates import select
from online_models.rules import Rules
from schemas.decisions import Decision, Rendered
from schemas.errors import ConfigError, TransientError
from schemas.ids import Locale, TemplateName
from schemas.library import Release, Template
from templates.library import Library
from templates.send_marks import fill
from templates.sources import SamplePerson

DEFAULT_URL = "http://127.0.0.1:8090"
HTTP_PORT = 80


class NotLookedAt(TransientError):
    """The gateway has no answer to show; its message says why."""


class Asked(NamedTuple):
    """Which gateway is asked for whom.

    instead  made-up values: every candidate that the gateway holds is rendered here with them; None: what it answers
    """

    url: str
    key: str
    user: str
    instead: SamplePerson | None = None


class _Look(msgspec.Struct, frozen=True):
    """What a preview reads of the gateway's answer."""

    source: str
    reason: str
    release: str
    language: str
    propensity: float
    variants: dict[str, str]
    subject: str
    preheader: str
    html: str = ""
    text: str = ""
    block: msgspec.Raw = msgspec.Raw(b"")
    explain: dict[str, ExplainedSlot] | None = None
    stored: bytes = b""


async def ask_all(asked: Asked, release: Release, names: Sequence[TemplateName]) -> tuple[list[Chosen], list[str]]:
    """The message of each template, and in a word where each comes from.

    Raises:
        ConfigError: the address is none.
        NotLookedAt: the gateway refuses, does not know such a template, or holds nothing that can be rendered here.
    """
    parts = urlsplit(asked.url)
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(f"--url: expected an address as {DEFAULT_URL}, got {asked.url!r}")
    headers = [("authorization", f"Bearer {asked.key}")] if asked.key else []
    chosen, reasons = [], []
    async with HttpClient(parts.hostname, parts.port or HTTP_PORT) as client:
        for name in names:
            path = f"/v1/communications/{quote(name, safe='')}/{quote(asked.user, safe='')}?format=json&explain=true"
            reply = await client.request("GET", path, headers=headers)
            if reply.status != HTTPStatus.OK:
                told = reply.body.decode(errors="replace")[:200]
                raise NotLookedAt(f"the gateway at {asked.url} answered {reply.status} for {name}: {told}")
            look = msgspec.json.decode(reply.body, type=_Look)
            chosen.append(
                _chosen(release, name, look) if asked.instead is None else _made(release, look, asked.instead)
            )
            older = "" if look.release == release.id else f" of release {look.release}"
            reasons.append(f"{name} from its {look.source}{older}" + (f" ({look.reason})" if look.reason else ""))
    return chosen, reasons


def _chosen(release: Release, name: TemplateName, look: _Look) -> Chosen:
    template = next(one for one in release.templates if one.name == name)
    block = bytes(look.block) if bytes(look.block) not in {b"", b"null", b'""'} else b""
    message = Rendered(look.subject, look.preheader, look.html.encode(), look.text.encode(), block)
    slots = {
        slot: sorted(
            (Likely(*told) for told in zip(one.variants, one.probabilities, one.affinities, strict=True)),
            key=lambda likely: -likely.probability,
        )
        for slot, one in (look.explain or {}).items()
    }
    candidate = Candidate(look.variants, look.propensity, message)
    return Chosen(template, Locale(look.language), [candidate], slots, is_default=look.source == "fallback")


def _made(release: Release, look: _Look, person: SamplePerson) -> Chosen:
    """Every candidate of a stored decision, with made-up values: the person's own are not known here."""
    decision = _decision(release, look)
    library = Library(release)
    template = library.template(decision.template)
    locale = library.locale_for(template, person.locale or decision.locale)
    personal = library.personal(template, locale, library.fields_of(template, locale, person.traits))
    candidates = []
    for one in _candidates(release, template, decision):
        variants = [slot.variants[place] for slot, place in zip(decision.slots, one.choice, strict=True)]
        shown: dict[str, str] = {slot.slot: variant for slot, variant in zip(decision.slots, variants, strict=True)}
        message = fill(personal.render(variants), release.mark_prefix, LOOK_MARKS)
        candidates.append(Candidate(shown, one.probability, message))
    candidates.sort(key=lambda one: -one.probability)
    if not candidates:
        raise NotLookedAt(f"{template.name}: the decision has no candidates: default content is served")
    return Chosen(template, locale, candidates, likely_of(decision), is_default=False)


def _decision(release: Release, look: _Look) -> Decision:
    """The stored decision, if it can be rendered here."""
    if not look.stored:
        raise NotLookedAt(f"the gateway holds no decision ({look.reason or look.source}): nothing can be rendered anew")
    decision = msgspec.msgpack.decode(look.stored, type=Decision)
    if decision.release != release.id:
        raise NotLookedAt(
            f"{decision.template}: the message was made with release {decision.release}, this workspace compiles to "
            f"{release.id}: only candidates of the same release can be rendered here"
        )
    if any(slot.catalogue for slot in decision.slots):
        raise NotLookedAt(f"{decision.template} shows items of a catalogue, which are not here: leave --as away")
    return decision


def _candidates(release: Release, template: Template, decision: Decision) -> list[Selected]:
    """The candidates again: a decision is told without them, and holds all that they follow from."""
    distributions = [slot.probabilities for slot in decision.slots]
    if not all(distributions):
        return []
    policy = release.settings.policy
    rules = Rules.of(template.rules, [(slot.slot, slot.variants) for slot in decision.slots])
    return select(distributions, rules, policy.candidates, policy.floor, int(decision.id, 16))
