"""What happens in an evaluation, by log time: behaviour, decisions, and outcomes once they may be known."""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from connectors.mappings.events import EventMaker
from connectors.mappings.files import find_file, read_join, read_rows
from connectors.mappings.model import Constant, Evaluation, Mapping, Source
from foresend.evaluate.rows import LoggedDecision, read_decisions
from schemas.errors import ConfigError, SchemaError
from schemas.events import Event
from schemas.ids import RecordId, UserId, VariantId, WorkspaceId
from schemas.worlds import WorldRef

DAY_MS = 86_400_000
WORKSPACE = WorkspaceId("evaluation")
_WORLD = WorldRef(1, 0)


class Told(NamedTuple):
    """The outcome of a decision may be known from now on.

    place  of the decision among all
    rank   of its grade among all grades told before, from 0 to 1; None without grades
    """

    place: int
    decision: LoggedDecision
    rank: float | None


Happening = Event | LoggedDecision | Told


def timeline(folder: Path, mapping: Mapping) -> Iterator[tuple[int, Happening]]:
    """Everything with its log time, in order. At one time: what was done, then outcomes, then decisions.

    Raises:
        ConfigError: the mapping has no evaluation, or the folder is not what it says.
    """
    evaluation = evaluation_of(mapping)
    if evaluation.moments is not None:
        events = read_events(folder, mapping)
        decisions = decisions_at_moments(events, evaluation)
    else:
        events, decisions = [], read_decisions(folder, evaluation)
    yield from _merged(events, decisions, evaluation)


def evaluation_of(mapping: Mapping) -> Evaluation:
    """The mapping's evaluation.

    Raises:
        ConfigError: it has none.
    """
    if mapping.evaluation is None:
        raise ConfigError(f"mapping {mapping.path}: expected a section `evaluation`, which tells what to judge")
    return mapping.evaluation


def _merged(
    events: list[Event], decisions: list[LoggedDecision], evaluation: Evaluation
) -> Iterator[tuple[int, Happening]]:
    delay_ms = evaluation.label_delay_days * DAY_MS
    grades: list[float] = []
    due: list[tuple[int, int, LoggedDecision]] = []
    behaviour = iter(events)
    event = next(behaviour, None)
    for place, decision in enumerate(decisions):
        while event is not None and event.at_ms < decision.at_ms:
            yield from _told(due, event.at_ms, grades)
            yield event.at_ms, event
            event = next(behaviour, None)
        yield from _told(due, decision.at_ms, grades)
        yield decision.at_ms, decision
        heapq.heappush(due, (decision.at_ms + delay_ms, place, decision))
        if not delay_ms:
            yield from _told(due, decision.at_ms, grades)
    yield from _told(due, 1 << 62, grades)


def _told(
    due: list[tuple[int, int, LoggedDecision]], until_ms: int, grades: list[float]
) -> Iterator[tuple[int, Happening]]:
    while due and due[0][0] <= until_ms:
        at_ms, place, decision = heapq.heappop(due)
        yield at_ms, Told(place, decision, _rank(grades, decision.grade))


def _rank(grades: list[float], grade: float | None) -> float | None:
    """The part of earlier grades below this one, equals counting half; then it is among them."""
    if grade is None:
        return None
    below, until = bisect_left(grades, grade), bisect_right(grades, grade)
    rank = (below + until) / 2 / len(grades) if grades else 0.5
    insort(grades, grade)
    return rank


def read_events(folder: Path, mapping: Mapping) -> list[Event]:
    """The events of a mapping's sources, in the order of their times.

    Raises:
        ConfigError: a row cannot be an event: an evaluation leaves nothing out.
    """
    found = [event for source in mapping.sources for event in _events_of(folder, mapping, source)]
    return sorted(found, key=lambda event: event.at_ms)


def _events_of(folder: Path, mapping: Mapping, source: Source) -> Iterator[Event]:
    if source.table is None:
        raise ConfigError(f"{source.place}: expected a file, for an evaluation reads no topic")
    path = find_file(folder, source.table.file)
    joined = {join.name: read_join(folder, join) for join in source.joins}
    maker = EventMaker(mapping, source, WORKSPACE, joined)
    for row in read_rows(path, source.table):
        try:
            if row.record is None:
                raise row.refused or ConfigError("no record")
            yield maker.event(row.record, RecordId(f"{source.table.file}-{row.number}"), _WORLD, None)
        except SchemaError as error:
            raise ConfigError(f"file {path}: row {row.number}: {error}") from error


def decisions_at_moments(events: list[Event], evaluation: Evaluation) -> list[LoggedDecision]:
    """A decision for each person known at each moment: one with an event before it."""
    moments, shown = evaluation.moments, evaluation.variant[0]
    if moments is None or not isinstance(shown, Constant):
        raise ConfigError("expected moments with one constant variant")
    first: dict[UserId, int] = {}
    times: dict[tuple[UserId, str], list[int]] = {}
    for event in events:
        first.setdefault(event.user, event.at_ms)
        times.setdefault((event.user, event.name), []).append(event.at_ms)
    decisions: list[LoggedDecision] = []
    for at_ms in range(moments.from_ms, moments.to_ms, moments.every_ms):
        for user, first_ms in first.items():
            if first_ms < at_ms:
                outcomes = {
                    name: _comes(times.get((user, outcome.event), []), at_ms, outcome.within_days * DAY_MS)
                    for name, outcome in evaluation.outcomes.items()
                }
                number = len(decisions) + 1
                decisions.append(LoggedDecision(number, user, at_ms, VariantId(str(shown.value)), (), {}, {}, outcomes))
    return decisions


def _comes(times: list[int], from_ms: int, within_ms: int) -> float:
    """Whether one of these times, in order, lies in a span: 1 or 0."""
    place = bisect_left(times, from_ms)
    return float(place < len(times) and times[place] < from_ms + within_ms)
