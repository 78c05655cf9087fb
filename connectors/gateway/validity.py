"""Which candidates of an entry may be served: everything that can make one invalid after it was rendered."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from schemas.decisions import Communication, Decision
from schemas.ids import ReleaseId, SlotName, TemplateName, VariantId, WorkspaceId
from schemas.library import Pair, Release, Template, Variant

CHANGES_KEPT_MAX = 1_024
"""Pairs of releases by template that are remembered: a few hundred bytes each."""

Place = tuple[SlotName, VariantId]
Span = tuple[int, int]
"""From and until, half-open, milliseconds; 0 is no bound."""


@dataclass(frozen=True)
class Change:
    """What a template's newest release takes back of what an older one said: most often nothing.

    is_another  it is of another kind or class now, or gone: nothing rendered before may be served
    withdrawn   variants that are no more; or only for some people; or only with words that were not there
    spans       where a variant's validity is another now, the one that holds
    forbidden, required  pairs that are new among the rules
    closed      slots that showed items, and show others now or none
    """

    is_another: bool = False
    withdrawn: frozenset[Place] = frozenset()
    spans: Mapping[Place, Span] = field(default_factory=dict)
    forbidden: tuple[Pair, ...] = ()
    required: tuple[Pair, ...] = ()
    closed: frozenset[SlotName] = frozenset()

    @property
    def is_nothing(self) -> bool:
        """Whether all that was valid still is."""
        return not (self.is_another or self.withdrawn or self.spans or self.forbidden or self.required or self.closed)

    def allows(self, shown: Sequence[Place], now_ms: int) -> bool:
        """Whether what a candidate shows may still be served."""
        if self.is_another:
            return False
        # Mutant: look at the first slot alone; then `test_what_a_release_takes_back_is_never_served` fails.
        for place in shown:
            if place in self.withdrawn or place[0] in self.closed or not _holds(self.spans.get(place), now_ms):
                return False
        if any(pair.first in shown and pair.second in shown for pair in self.forbidden):
            return False
        return all(pair.second in shown for pair in self.required if pair.first in shown)


NOTHING = Change()


class Changes:
    """What newest releases take back, worked out once for each older release that entries still name."""

    def __init__(self) -> None:
        self._known: dict[tuple[WorkspaceId, ReleaseId, ReleaseId, TemplateName], Change] = {}

    def between(self, older: Release, newest: Release, template: TemplateName) -> Change:
        """What the newest release of a workspace changed in a template since an older one."""
        if older.id == newest.id:
            return NOTHING
        key = (newest.workspace, older.id, newest.id, template)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= CHANGES_KEPT_MAX:
                self._known.clear()
            found = self._known[key] = change_of(_template(older, template), _template(newest, template))
        return found


def valid_candidates(
    entry: Communication,
    decision: Decision,
    change: Change,
    now_ms: int,
    is_gone: Callable[[Place], bool] | None = None,
) -> list[bool]:
    """Tell for each candidate of an entry whether it may be served now.

    change   what the newest release took back since the entry's own
    is_gone  whether a slot shows something that its catalogue has no more; None: nothing is gone
    """
    # Mutant: take every candidate for valid; then `test_an_expired_candidate_is_never_drawn` fails.
    valid = [until_ms == 0 or now_ms < until_ms for until_ms in entry.valid_until_ms]
    if is_gone is None and change.is_nothing:
        return valid
    names = [slot.slot for slot in decision.slots]
    for index, is_valid in enumerate(valid):
        if is_valid:
            shown = list(zip(names, decision.variants_of(index), strict=True))
            valid[index] = change.allows(shown, now_ms) and not (is_gone is not None and any(map(is_gone, shown)))
    return valid


def change_of(older: Template | None, newest: Template | None) -> Change:
    """What the newest form of a template takes back of an older one; None: the release has no such template."""
    if older is None or newest is None:
        return Change(is_another=True)
    if (older.kind, older.surface, older.message_class) != (newest.kind, newest.surface, newest.message_class):
        return Change(is_another=True)
    before, now = _variants(older), _variants(newest)
    both = before.keys() & now.keys()
    return Change(
        withdrawn=frozenset(_withdrawn(older, newest, before, now)),
        spans={place: _span(now[place]) for place in both if _span(before[place]) != _span(now[place])},
        forbidden=tuple([pair for pair in newest.rules.forbidden if pair not in older.rules.forbidden]),
        required=tuple([pair for pair in newest.rules.required if pair not in older.rules.required]),
        closed=frozenset(slot for slot, *_ in _showing(older) - _showing(newest)),
    )


def _withdrawn(
    older: Template, newest: Template, before: Mapping[Place, Variant], now: Mapping[Place, Variant]
) -> Iterator[Place]:
    """Yield what may be shown no more, or not as it was rendered."""
    said, to_say = _disclosed(older), _disclosed(newest)
    for place, variant in before.items():
        found = now.get(place)
        is_narrowed = found is not None and found.when not in {"", variant.when}
        if found is None or is_narrowed or not to_say.get(place, {}).items() <= said.get(place, {}).items():
            yield place


def _showing(template: Template) -> frozenset[tuple[SlotName, str, int]]:
    """Slots that show items, of what catalogue, and how many."""
    return frozenset((slot.name, slot.catalogue, slot.items) for slot in template.slots if slot.catalogue)


def _variants(template: Template) -> dict[Place, Variant]:
    return {(slot.name, variant.id): variant for slot in template.slots for variant in slot.variants}


def _disclosed(template: Template) -> dict[Place, dict[str, object]]:
    """For each variant the words that must stand beside it, by the disclosure's name."""
    found: dict[Place, dict[str, object]] = {}
    for disclosure in template.rules.disclosures:
        for slot, variant in disclosure.shown:
            found.setdefault((slot, variant), {})[disclosure.id] = disclosure.texts
    return found


def _template(release: Release, name: TemplateName) -> Template | None:
    return next((template for template in release.templates if template.name == name), None)


def _span(variant: Variant) -> Span:
    return variant.valid_from_ms, variant.valid_until_ms


def _holds(span: Span | None, now_ms: int) -> bool:
    return span is None or (span[0] <= now_ms and (not span[1] or now_ms < span[1]))
