"""The best way known to us to answer a read without finished messages: score, choose and render at the request.

Everything is warm: a packed profile in RocksDB, the scores' constant parts, the compiled library.
"""

import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from msgspec.structs import replace

from connectors.cache.exposures import exposure_row
from connectors.cache.families import ENTRIES
from connectors.cache.rocks import Database
from connectors.cache.rows import Served
from connectors.cache.store import CacheStore
from connectors.gateway.marks import MarkFiller
from connectors.gateway.reads import Read, joined
from flink_jobs.worlds import make_world
from online_models.cells import Profile
from online_models.menus import Menu
from online_models.scoring import SlotScores
from online_models.slot_model import UserModels
from online_models.terms import Person, Situation
from schemas.codec import decode
from schemas.decisions import Candidate, Decision, SlotDecision
from schemas.errors import CacheBusy
from schemas.ids import DecisionId, SendId, SlotName, TemplateName, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.library import Release
from schemas.worlds import WorldRef

WORLD = WorldRef(1, 0)
TRIES_MAX = 100
_UNIFORM = 2.0**-64
_NUMBER_BYTES = 8
_NO_MODELS = UserModels()


class OnDemandReads:
    """What the gateway asks for a draw, answered without its cache.

    rows   holds each user's packed profile
    store  where sends and exposures are remembered, as the gateway does; None: a draw leaves nothing behind
    """

    def __init__(self, rows: Database, release: Release, marks: MarkFiller, store: CacheStore | None) -> None:
        self._rows = rows
        self._world = make_world(release, None)
        self._marks = marks
        self._store = store

    def require_ready(self) -> None:
        """It always is."""

    def draw(
        self, workspace: WorkspaceId, template: TemplateName, user: UserId, send_id: SendId, given: Mapping[str, str]
    ) -> Read:
        """Score, choose and render for one send.

        Raises:
            CacheBusy: the send id was there before.
        """
        if self._store is not None and self._store.sent(workspace, send_id) is not None:
            raise CacheBusy("expected a bench to use each send id once")
        world, library, at_ms = self._world, self._world.library, time.time_ns() // 1_000_000
        profile = decode(Profile, self._rows.get(ENTRIES, user_key(workspace, user)) or b"")
        of, menu = library.template(template), world.menu(template, at_ms)
        scores = self._scores(menu, profile)
        odds = [world.policy.probabilities(one.scores, one.uncertainties) for one in scores]
        choice = _drawn(odds, menu, send_id)
        variants = [one.variants[index] for one, index in zip(scores, choice, strict=True)]
        locale = library.locale_for(of, profile.locale)
        unfilled = library.personal(of, locale, library.fields_of(of, locale, profile.traits)).opened(variants)
        propensity = 1.0
        for slot, index in zip(odds, choice, strict=True):
            propensity *= slot[index]
        served = Served(
            template=template,
            user=user,
            at_ms=at_ms,
            release=library.release.id,
            locale=locale,
            decision=DecisionId(send_id),
            reason="",
            candidate=0,
            propensity=propensity,
            probabilities=(propensity,),
            variants={slot.name: variant for slot, variant in zip(of.slots, variants, strict=True)},
            body=b"",
            marks={},
        )
        served = replace(served, marks=self._marks.marks(workspace, send_id, served, given))
        if self._store is not None:
            decision = _decision(workspace, served, scores, odds, choice)
            rows = [exposure_row(workspace, send_id, served, decision, WORLD)]
            self._store.remember_send(workspace, send_id, served, rows)
        return joined(workspace, served, unfilled, None)

    def _scores(self, menu: Menu, profile: Profile) -> list[SlotScores]:
        person = Person(profile.tags.shares(), Situation(), _NO_MODELS, b"", 0)
        return [scorer.score(person) for scorer in menu.scorers]


def _drawn(odds: Sequence[Sequence[float]], menu: Menu, send_id: SendId) -> list[int]:
    """One variant of each slot by its probabilities, drawn again while rules refuse the combination."""
    for attempt in range(TRIES_MAX):
        digest = blake2b(f"{send_id}/{attempt}".encode(), digest_size=_NUMBER_BYTES * min(len(odds), 8)).digest()
        choice = []
        for slot, probabilities in enumerate(odds):
            at = slot % 8 * _NUMBER_BYTES
            left = int.from_bytes(digest[at : at + _NUMBER_BYTES]) * _UNIFORM
            for index, probability in enumerate(probabilities):  # noqa: B007 - the last one takes what rounding left
                left -= probability
                if left < 0:
                    break
            choice.append(index)
        if menu.rules.allow(choice):
            return choice
    raise CacheBusy(f"expected rules to allow one of {TRIES_MAX} combinations drawn, they allowed none")


def _decision(
    workspace: WorkspaceId,
    served: Served,
    scores: Sequence[SlotScores],
    odds: Sequence[tuple[float, ...]],
    choice: Sequence[int],
) -> Decision:
    """What an exposure tells, which the gateway finds in its entry."""
    slots = tuple(
        SlotDecision(SlotName(name), one.variants, probabilities, b"", one.affinities.tobytes())
        for name, one, probabilities in zip(served.variants, scores, odds, strict=True)
    )
    return Decision(
        id=served.decision,
        workspace=workspace,
        template=served.template,
        user=served.user,
        release=served.release,
        world=WORLD,
        locale=served.locale,
        policy="softmax",
        cause="on demand",
        at_ms=served.at_ms,
        slots=slots,
        candidates=(Candidate(bytes(choice), served.propensity),),
    )
