"""Why a message is rendered again: each cause when it should, and nothing without a cause that can be seen in it."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from connectors.gateway.marks import LOOK_MARKS
from online_models.shift import shifted
from schemas.codec import decode, encode
from schemas.decisions import CAUSES, Communication, Decision
from schemas.events import Event, EventKind
from schemas.ids import ReleaseId, TemplateName, VariantId
from schemas.library import Release, Template, Variant
from schemas.worlds import WorldRef
from templates.compiler import with_id
from templates.send_marks import Opener
from tests.support.events import DAY_MS, HOUR_MS, START_MS, event, exposed, named, rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness
from tests.support.releases import another_release

KEY = "sample|ana"
NEWSLETTER = TemplateName("newsletter")
GRANTED = {"consent": {"categoryPreferences": {"analytics": True, "personalisation": True}}}
NO_ANALYTICS = {"consent": {"categoryPreferences": {"analytics": False, "personalisation": True}}}
NOTHING_AGREED = {"consent": {"categoryPreferences": {"analytics": False, "personalisation": False}}}
SECOND = WorldRef(2, 0)
NAMES = ("Anabel", "Borislav", "Zoëlle")


class Watched:
    """A harness, and what each event made of which template."""

    def __init__(self, *releases: Release) -> None:
        self.harness = OperatorHarness(FixedProgram(tuple(map(encode, releases))))
        self._at_ms = START_MS
        self._read = 0

    def send(self, one: Event) -> dict[str, str]:
        """Apply an event; returns the cause of each template written anew."""
        self._at_ms = max(self._at_ms + 1_000, one.at_ms)
        self.harness.send(replace(one, at_ms=self._at_ms, received_ms=self._at_ms))
        return self.new()

    def wait(self, until_ms: int) -> dict[str, str]:
        """Let time go on; returns the same."""
        self._at_ms = until_ms
        self.harness.advance_event_time(until_ms)
        return self.new()

    def new(self) -> dict[str, str]:
        outputs, self._read = self.harness.outputs[self._read :], len(self.harness.outputs)
        found = {}
        for output in outputs:
            entry = decode(Communication, output.value) if output.value else None
            said = "gone"
            if entry is not None:
                said = entry.decision.cause if entry.decision else f"withheld: {entry.withheld}"
            found[output.key.decode().split("|")[1]] = said
        return found

    def newest(self, template: str = NEWSLETTER) -> Communication:
        values = [output.value for output in self.harness.outputs if output.key.split(b"|")[1] == template.encode()]
        return decode(Communication, values[-1] or b"")


def changed(release: Release, change: Callable[[Variant], Variant]) -> Release:
    """The release with its newsletter's first headline changed."""

    def of(template: Template) -> Template:
        if template.name != NEWSLETTER:
            return template
        first = template.slots[0]
        return replace(
            template,
            slots=(replace(first, variants=(change(first.variants[0]), *first.variants[1:])), *template.slots[1:]),
        )

    return with_id(replace(release, templates=tuple(map(of, release.templates))))


def newsletter(release: Release) -> Template:
    return next(template for template in release.templates if template.name == NEWSLETTER)


@pytest.fixture
def names(sample_release: Release) -> set[str]:
    return {template.name for template in sample_release.templates}


def all_of(names: set[str], cause: str) -> dict[str, str]:
    return dict.fromkeys(names, cause)


def refresh(**properties: Any) -> Event:
    return event(EventKind.REFRESH, properties=properties)


def test_new(sample_release: Release, names: set[str]) -> None:
    assert Watched(sample_release).send(event(EventKind.PAGE)) == all_of(names, "new")


def test_release_at_the_next_event_once(sample_release: Release, names: set[str]) -> None:
    watched = Watched(sample_release, another_release(sample_release))
    watched.send(rated("comedy"))
    assert watched.send(event(EventKind.PAGE, world=SECOND)) == all_of(names, "release")
    assert watched.send(event(EventKind.PAGE, world=SECOND)) == {}


def test_release_when_the_cache_asks_for_it_and_not_twice(sample_release: Release, names: set[str]) -> None:
    watched = Watched(sample_release, another_release(sample_release))
    watched.send(rated("comedy"))
    asked = {"reason": "release", "release": another_release(sample_release).id}
    assert watched.send(refresh(**asked)) == {}
    assert watched.send(event(EventKind.REFRESH, world=SECOND, properties=asked)) == all_of(names, "release")
    assert watched.send(event(EventKind.REFRESH, world=SECOND, properties=asked)) == {}


def test_a_roll_back_is_a_release_too(sample_release: Release, names: set[str]) -> None:
    watched = Watched(sample_release, another_release(sample_release), sample_release)
    watched.send(rated("comedy"))
    watched.send(event(EventKind.PAGE, world=SECOND))
    assert watched.send(event(EventKind.PAGE, world=WorldRef(3, 0))) == all_of(names, "release")
    decision = watched.newest().decision
    assert decision is not None
    assert decision.release == sample_release.id


def test_refresh_of_what_is_named_and_nothing_beside_it(sample_release: Release, names: set[str]) -> None:
    watched = Watched(sample_release)
    watched.send(rated("comedy"))
    assert watched.send(refresh(template=NEWSLETTER, reason="missing")) == {NEWSLETTER: "refresh"}
    assert watched.send(refresh(template="gone", reason="missing")) == {}
    assert watched.send(refresh(reason="features")) == {}
    assert watched.send(refresh(reason="operator")) == all_of(names, "refresh")


def test_shift(sample_release: Release) -> None:
    watched = Watched(sample_release)
    watched.send(event(EventKind.PAGE))
    causes = [watched.send(rated("horror")) for _ in range(6)]
    assert {cause for one in causes for cause in one.values()} == {"shift"}


@pytest.mark.parametrize(
    "told",
    [
        named("Zoë"),
        event(EventKind.PAGE, context={"locale": "de-DE"}),
    ],
    ids=["name", "locale"],
)
def test_shown(sample_release: Release, names: set[str], told: Event) -> None:
    watched = Watched(sample_release)
    watched.send(event(EventKind.PAGE))
    first = watched.send(told)
    assert first
    assert set(first.values()) == {"shown"}
    assert watched.send(told) == {}


def test_validity_at_its_date_without_any_event(sample_release: Release) -> None:
    end_ms = START_MS + DAY_MS
    watched = Watched(changed(sample_release, lambda one: replace(one, valid_until_ms=end_ms)))
    watched.send(rated("comedy"))
    before = watched.newest()
    gone = newsletter(sample_release).slots[0].variants[0].id
    assert watched.wait(end_ms - 1) == {}
    assert watched.wait(end_ms) == {NEWSLETTER: "validity"}
    after = watched.newest()
    assert before.decision
    assert after.decision
    assert end_ms in before.valid_until_ms
    assert gone in before.decision.slots[0].variants
    assert gone not in after.decision.slots[0].variants
    assert after.decision.at_ms == end_ms


def test_validity_counts_also_where_a_reward_is_due_at_the_same_moment(sample_release: Release) -> None:
    end_ms = START_MS + 10_000 + sample_release.settings.learning.attribution_ms
    watched = Watched(changed(sample_release, lambda one: replace(one, valid_until_ms=end_ms)))
    watched.send(rated("comedy"))
    watched.send(exposed(watched.newest(), "s1", START_MS + 10_000))
    assert watched.wait(end_ms)[NEWSLETTER] == "validity"


def test_a_date_that_changes_nothing_does_not_hide_the_next_one(sample_release: Release) -> None:
    first, second = START_MS + HOUR_MS, START_MS + DAY_MS
    # Never valid, so that its date changes nothing that is shown.
    never = Variant(VariantId("never"), (), {}, valid_from_ms=first + 1, valid_until_ms=first)
    release = changed(sample_release, lambda one: replace(one, valid_until_ms=second))
    template = newsletter(release)
    slot = template.slots[0]
    content = {locale: dict(slot.variants[0].content[locale]) for locale in template.layouts}
    slots = (replace(slot, variants=(*slot.variants, replace(never, content=content))), *template.slots[1:])
    others = [one for one in release.templates if one.name != NEWSLETTER]
    release = with_id(replace(release, templates=(replace(template, slots=slots), *others)))
    watched = Watched(release)
    watched.send(rated("comedy"))
    assert watched.wait(second - 1) == {}
    assert watched.wait(second) == {NEWSLETTER: "validity"}


def test_consent_that_is_back(sample_release: Release, names: set[str]) -> None:
    watched = Watched(sample_release)
    watched.send(event(EventKind.PAGE, context=GRANTED))
    withheld = watched.send(event(EventKind.PAGE, context=NOTHING_AGREED))
    assert withheld == all_of(names, "withheld: consent")
    assert watched.send(event(EventKind.PAGE, context=NOTHING_AGREED)) == {}
    assert watched.send(event(EventKind.PAGE, context=GRANTED)) == all_of(names, "consent")


def test_what_may_not_be_known_any_more_is_not_kept_in_a_message(sample_release: Release, names: set[str]) -> None:
    watched = Watched(sample_release)
    watched.send(rated("horror", context=GRANTED))
    before = watched.newest().decision
    assert watched.send(event(EventKind.PAGE, context=NO_ANALYTICS)) == all_of(names, "consent")
    after = watched.newest().decision
    assert before
    assert after
    assert before.vector != after.vector
    assert watched.send(event(EventKind.PAGE, context=NO_ANALYTICS)) == {}
    assert watched.send(event(EventKind.PAGE, context=GRANTED)) == {}


# Nothing else


def names_in(entry: Communication, release: Release) -> set[str]:
    """The names that the messages of an entry say."""
    decision, opener = entry.decision, Opener(release)
    assert decision is not None
    messages = [opener.open(body, decision.template, decision.locale).filled(LOOK_MARKS) for body in entry.bodies]
    said = b"".join(message.html + message.text + message.subject.encode() for message in messages)
    return {name for name in NAMES if name.encode() in said}


def is_seen(
    before: Communication | None, after: Communication, sent: Event | None, releases: dict[ReleaseId, Release]
) -> bool:
    """Whether the cause that an entry names can be seen in it, next to the one before."""
    new = after.decision
    assert new is not None
    old = None if before is None else before.decision
    if new.cause == "new":
        return before is None or before.grave
    if new.cause == "consent":
        return (before is not None and bool(before.withheld)) or (sent is not None and "consent" in sent.context)
    assert before is not None
    assert old is not None
    if new.cause == "release":
        return new.release != old.release
    if new.cause == "refresh":
        asked = sent.properties if sent is not None and sent.kind is EventKind.REFRESH else {}
        return asked.get("reason") not in {"release", "features", None} and asked.get("template") in {
            None,
            new.template,
        }
    names = [(slot.slot, slot.variants) for slot in new.slots]
    if new.cause in {"validity", "eligible"}:
        return names != [(slot.slot, slot.variants) for slot in old.slots]
    if new.cause == "shift":
        return _has_shifted(old, new, releases[new.release])
    said = [names_in(entry, releases[one.release]) for entry, one in ((before, old), (after, new))]
    return new.cause == "shown" and (new.locale != old.locale or said[0] != said[1])


def _has_shifted(old: Decision, new: Decision, release: Release) -> bool:
    pairs = zip(old.slots, new.slots, strict=True)
    return any(shifted(one.probabilities, two.probabilities, release.settings.shift) for one, two in pairs)


def script(seed: int) -> Iterator[Event | int]:
    """Events and times that pass, from one seed."""
    chance, at_ms = random.Random(seed), START_MS
    made: list[Callable[[], Event]] = [
        lambda: rated(chance.choice(["comedy", "horror", "drama"])),
        lambda: event(EventKind.PAGE),
        lambda: event(EventKind.PAGE, context={"locale": chance.choice(["en", "de", "de-DE", "xx"])}),
        lambda: named(chance.choice(NAMES)),
        lambda: event(EventKind.IDENTIFY, traits={"nobody_shows_this": chance.random()}),
        lambda: refresh(
            reason=chance.choice(["release", "features", "missing"]), template=chance.choice([NEWSLETTER, "x"])
        ),
        lambda: event(EventKind.PAGE, context=chance.choice([GRANTED, GRANTED, NO_ANALYTICS, NOTHING_AGREED])),
        lambda: event(EventKind.ERASE),
    ]
    weights = [8, 6, 2, 2, 2, 3, 1, 0.2]
    library = 1
    for _ in range(60):
        at_ms += chance.choice([1, 1_000, HOUR_MS, DAY_MS])
        library = min(3, library + (chance.random() < 0.03))
        if chance.random() < 0.1:
            yield at_ms
        (one,) = chance.choices(made, weights)
        yield replace(one(), at_ms=at_ms, received_ms=at_ms, world=WorldRef(library, 0))


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_rendered_without_a_cause_that_can_be_seen(sample_release: Release, seed: int) -> None:
    ends = changed(sample_release, lambda one: replace(one, valid_until_ms=START_MS + 20 * DAY_MS))
    releases = (ends, another_release(ends), ends)
    by_id = {release.id: release for release in releases}
    harness = OperatorHarness(FixedProgram(tuple(map(encode, releases))))
    newest: dict[bytes, Communication | None] = {}
    read = 0
    for step in script(seed):
        if isinstance(step, int):
            harness.advance_event_time(step)
        else:
            harness.send(step)
        for output in harness.outputs[read:]:
            entry = None if output.value is None else decode(Communication, output.value)
            if entry is not None and entry.decision is not None:
                assert entry.decision.cause in CAUSES
                sent = None if isinstance(step, int) else step
                assert is_seen(newest.get(output.key), entry, sent, by_id), entry.decision.cause
            newest[output.key] = entry
        read = len(harness.outputs)
    assert harness.dead_letters == []
    assert read > 2
