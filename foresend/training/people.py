"""One id of the log as training sees it: rights and identity by the job's own rules, and what it did."""

from collections.abc import Mapping
from typing import NamedTuple

from flink_jobs.personalize.consent import may, may_use, take_consent, take_said
from flink_jobs.personalize.effects import Effects
from flink_jobs.personalize.identity import become_person, goes_on, handed_by, tells_person
from flink_jobs.personalize.linked import is_asked_for, remember_linked
from flink_jobs.personalize.rights import erase, is_from_before, take_link
from flink_jobs.personalize.state import UserState
from flink_jobs.personalize.step import NO_BEHAVIOUR
from online_models.cells import Link
from online_models.reactions import BY_PEOPLE, BY_SERVICES, CLICK, is_hidden, told_of
from online_models.repeats import hash_of, is_repeat, remember
from online_models.sequence.inputs import input_of_event
from online_models.sequence.state import SequenceInput
from schemas.consent import ANALYTICS
from schemas.errors import SchemaError
from schemas.events import BEHAVIOUR, OUTCOME, VIA_MAX, Event, EventKind
from schemas.ids import EventId, RecordId, Tag, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.library import WorkspaceSettings
from schemas.tagging import tags_of
from schemas.versions import Position

SILENT = NO_BEHAVIOUR | BY_SERVICES | {OUTCOME}
"""Events that tell of wishes, or what services do: the step does not see them as behaviour."""
Links = Mapping[str, tuple[Link, ...]]
"""By id, as `workspace|id`: whose it is, from when on."""


class Deed(NamedTuple):
    """One event that may be learnt from. See `training.histories.Did`.

    via  ids whose profiles it passed through
    """

    event: EventId
    via: tuple[UserId, ...]
    step: SequenceInput
    at_ms: int
    engaged: tuple[tuple[Tag, float], ...]


class Person:
    """What is collected of one id, and what its person agreed to.

    name          `workspace|id`
    did           by the event's record
    clicks        of each send the first click that no evidence of its own speaks against: when it counts, and whether
                  at all, tells the example that it ended
    forgotten_ms  log time up to which nothing may be used
    """

    def __init__(self, workspace: WorkspaceId, user: UserId, erased_ms: int = 0) -> None:
        """erased_ms: as the list of the erased has it; 0: it does not name this id."""
        self.name = f"{workspace}|{user}"
        self.state = UserState(user_key(workspace, user), None, lambda _: None)
        self.did: dict[RecordId, Deed] = {}
        self.clicks: dict[str, Deed] = {}
        self.forgotten_ms = self.state.profile.erased_at_ms = erased_ms
        self.state.profile.is_grave = self.state.profile.is_listed = erased_ms > 0

    def take(self, event: Event, position: Position, settings: WorkspaceSettings) -> None:
        """Apply one event, in the order of `flink_jobs.personalize.step.on_event`, as far as rights and identity go."""
        profile, effects = self.state.profile, Effects()
        seen = hash_of(event.id)
        if is_repeat(profile.seen, seen) or is_from_before(profile, event):
            return
        profile.seen = remember(profile.seen, seen)
        if not profile.is_person and tells_person(event):
            become_person(self.state, event, effects)
        if event.kind is EventKind.ERASE:
            if is_asked_for(profile, event):
                erase(self.state, event, position, effects)
                self._forget(position.log_ms)
        elif goes_on(profile, event) is not None:
            return
        elif event.kind is EventKind.LINK:
            take_link(self.state, event, position, effects)
        elif event.kind is not EventKind.REFRESH:
            profile.is_grave = False
            self._learn(event, position.log_ms, settings)

    def agrees(self, settings: WorkspaceSettings) -> bool:
        """Whether the person may be learnt from now."""
        return may(self.state.profile, ANALYTICS, settings.consent)

    def _learn(self, event: Event, log_ms: int, settings: WorkspaceSettings) -> None:
        state, effects = self.state, Effects()
        is_changed = take_consent(state, event, settings.consent, effects)
        if event.kind is EventKind.MERGE:
            try:
                is_changed |= take_said(state, handed_by(event).features.consent, settings.consent, effects)
            except SchemaError:
                return
        if is_changed and not self.agrees(settings):
            self._forget(log_ms)
        remember_linked(state.profile, event, effects)
        is_behaviour = event.kind in BEHAVIOUR and event.name not in SILENT
        if is_behaviour and may_use(event, state.profile, ANALYTICS, settings.consent):
            self._behave(event, log_ms, settings)

    def _behave(self, event: Event, log_ms: int, settings: WorkspaceSettings) -> None:
        if event.name in BY_PEOPLE and (told_of(event) or is_hidden(event)):
            return
        step = input_of_event(event, settings.tags, log_ms)
        deed = Deed(event.id, event.via, step, event.at_ms, tuple(tags_of(event, settings.tags)))
        send_id = event.properties.get("send_id")
        if event.name == CLICK and isinstance(send_id, str) and send_id:
            self.clicks.setdefault(send_id, deed)
        else:
            self.did[event.record_id] = deed

    def _forget(self, log_ms: int) -> None:
        self.did.clear()
        self.clicks.clear()
        self.forgotten_ms = log_ms


def owner_of(links: Links, user: str, at_ms: int, until_ms: int) -> str:
    """Whose what an id did at a time is, as it was known at another: the last in the chain of links.

    user      `workspace|id`
    until_ms  links that were made from then on are not known yet

    Before its first link all is the first person's (`flink_jobs.personalize.identity`); what was before the oldest
    person that is remembered stays the id's own.
    """
    passed = [user]
    while len(passed) <= VIA_MAX:
        known = [link for link in links.get(passed[-1], ()) if link.from_ms < until_ms]
        if not known:
            break
        person = next((link.user for link in reversed(known) if link.from_ms <= at_ms), known[0].user)
        name = f"{user.partition('|')[0]}|{person}"
        if not person or name in passed:
            break
        passed.append(name)
    return passed[-1]
