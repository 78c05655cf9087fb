"""Catalog slots in the job: whose message holds an item is rendered again when that changes, and nobody else."""

import pytest
from msgspec.structs import replace

from connectors.gateway.marks import LOOK_MARKS
from flink_jobs.cells import MODELS
from flink_jobs.personalize.consent import UPDATED
from online_models.explaining import TOLERANCE, explained
from online_models.slot_model import UserModels
from schemas.catalogue import DEFAULT_SLATE, Item, ItemId, items_of_slate
from schemas.codec import decode, encode
from schemas.decisions import CATALOGUE_ASKED, Communication, Decision, SlotDecision, assessed_rows
from schemas.events import Event, EventKind
from schemas.examples import Example
from schemas.ids import SlotName
from schemas.library import Release
from schemas.topics import EXAMPLES
from schemas.worlds import WorldRef
from templates.compiler import compile_release
from templates.send_marks import Opener
from templates.workspace import load
from tests.support.catalogues import PICKS, film, workspace_of_films
from tests.support.events import HOUR_MS, START_MS, clicked, event, named, rated, served
from tests.support.fixed_worlds import FixedProgram, FixedWorlds
from tests.support.operator_harness import OperatorHarness

FILMS = tuple(film(number, tags=("comedy",) if number < 10 else ("horror",)) for number in range(20))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return compile_release(load(workspace_of_films(tmp_path_factory.mktemp("films"))))


class Job:
    """The job over one release and a catalogue, told events at the newest catalogue that they name."""

    def __init__(self, release: Release, *items: Item) -> None:
        self.release = release
        self.harness = OperatorHarness(FixedProgram((encode(release),), items=items))
        self._at_ms, self._read = START_MS, 0

    def send(self, one: Event, catalogue: int) -> dict[str, str]:
        """Apply an event; returns the cause of each newsletter written anew, by user."""
        self._at_ms = max(self._at_ms + 1_000, one.at_ms)
        world = WorldRef(1, 0, catalogue)
        self.harness.send(replace(one, at_ms=self._at_ms, received_ms=self._at_ms, world=world))
        return self.new()

    def asked(self, user: str, catalogue: int) -> dict[str, str]:
        """Apply the refresh that the cache sends when an item of an entry changed."""
        refresh = event(EventKind.REFRESH, user, properties={"reason": CATALOGUE_ASKED})
        return self.send(refresh, catalogue)

    def new(self) -> dict[str, str]:
        outputs, self._read = self.harness.outputs[self._read :], len(self.harness.outputs)
        read = {output.key.decode(): decode(Communication, output.value or b"") for output in outputs}
        return {
            key.split("|")[2]: entry.decision.cause
            for key, entry in read.items()
            if "newsletter" in key and entry.decision is not None
        }

    def entry(self, user: str) -> Communication:
        key = f"sample|newsletter|{user}".encode()
        return decode(Communication, [one.value for one in self.harness.outputs if one.key == key][-1] or b"")

    def decision(self, user: str) -> Decision:
        found = self.entry(user).decision
        assert found is not None
        return found

    def picks(self, user: str) -> SlotDecision:
        return next(slot for slot in self.decision(user).slots if slot.slot == PICKS)

    def held(self, user: str) -> set[ItemId]:
        return {item for slate in self.picks(user).variants for item in items_of_slate(slate)}

    def pages(self, user: str) -> list[str]:
        entry, decision = self.entry(user), self.decision(user)
        opener = Opener(self.release)
        return [
            opener.open(body, decision.template, decision.locale).filled(LOOK_MARKS).html.decode()
            for body in entry.bodies
        ]


def test_a_message_shows_items_near_to_the_person_and_says_which(release: Release) -> None:
    job = Job(release, *FILMS)
    job.send(rated("comedy"), 20)
    job.send(rated("horror", user="ben"), 20)
    for user in ("ana", "ben"):
        picks = job.picks(user)
        assert picks.catalogue == "films"
        assert sum(picks.probabilities) == pytest.approx(1.0)
        assert all(len(items_of_slate(slate)) == 2 for slate in picks.variants)
        for candidate, page in zip(job.decision(user).candidates, job.pages(user), strict=True):
            place = [slot.slot for slot in job.decision(user).slots].index(picks.slot)
            shown = items_of_slate(picks.variants[candidate.choice[place]])
            assert all(f"Film {item[1:]}<" in page for item in shown)
    assert any(int(item[1:]) < 10 for item in job.held("ana"))


def test_without_enough_items_the_releases_own_are_shown(release: Release) -> None:
    job = Job(release, film(1))
    job.send(rated("comedy"), 1)
    assert job.picks("ana").variants == (DEFAULT_SLATE,)
    assert job.picks("ana").catalogue == ""
    assert all("Paper Moons" in page for page in job.pages("ana"))


def test_an_item_that_was_told_without_a_part_is_not_shown_and_stops_nobody(release: Release) -> None:
    # The workspace asks for a price since its newest release; these were told before it.
    old = [replace(one, parts={name: one.parts[name] for name in ("title", "url")}) for one in FILMS]
    job = Job(release, *old, *FILMS[:2])
    job.send(rated("comedy"), 20)
    assert job.picks("ana").variants == (DEFAULT_SLATE,)
    job.asked("ana", 22)
    assert job.held("ana") == {"f0", "f1"}


def test_a_changed_price_is_shown_to_those_whose_message_holds_it_and_renders_nobody_else(release: Release) -> None:
    few = [film(number, tags=("comedy",)) for number in range(2)]
    many = [film(10 + number, tags=("horror",)) for number in range(30)]
    dearer = film(1, price="£99", tags=("comedy",))
    job = Job(release, *few, *many, dearer)
    job.send(rated("comedy"), 32)
    job.send(rated("horror", user="ben"), 32)
    assert ItemId("f1") in job.held("ana")
    assert ItemId("f1") not in job.held("ben")
    # Everybody is asked, as if the cache knew nothing of who holds what.
    assert job.asked("ana", 33) == {"ana": "catalogue"}
    assert job.asked("ben", 33) == {}
    assert any("£99" in page for page in job.pages("ana"))
    assert not any("£99" in page for page in job.pages("ben"))
    assert job.decision("ana").world.catalogue == 33
    assert job.asked("ana", 33) == {}


def test_an_item_that_is_gone_leaves_the_message(release: Release) -> None:
    job = Job(release, *FILMS, *[film(number, gone=True) for number in range(10)])
    job.send(rated("comedy"), 20)
    before = job.held("ana")
    gone = next(iter(sorted(before)))
    at = 20 + int(gone[1:]) + 1 if int(gone[1:]) < 10 else 30
    assert job.asked("ana", at) == {"ana": "catalogue"}
    assert not any(int(item[1:]) < at - 20 for item in job.held("ana"))


def test_an_item_that_ends_is_replaced_at_its_time_by_itself(release: Release) -> None:
    ending = [film(number, tags=("comedy",), ends_ms=START_MS + 60_000) for number in range(2)]
    job = Job(release, *[film(10 + number) for number in range(3)], *ending)
    job.send(rated("comedy"), 5)
    assert {"f0", "f1"} & job.held("ana")
    assert START_MS + 60_000 in job.entry("ana").valid_until_ms
    job.harness.advance_event_time(START_MS + 60_000)
    assert job.new() == {"ana": "catalogue"}
    assert not {"f0", "f1"} & job.held("ana")


def test_who_takes_back_consent_to_be_learnt_from_keeps_no_item_that_was_chosen_by_it(release: Release) -> None:
    said = {"consent": {"categoryPreferences": {"analytics": False, "personalisation": True}}}
    withdrawn = named(UPDATED, context=said)
    job, unknown = Job(release, *FILMS), Job(release, *FILMS)
    for _ in range(5):
        job.send(rated("comedy"), 20)
    unknown.send(withdrawn, 20)
    assert job.held("ana") != unknown.held("ana")
    assert job.send(withdrawn, 20) == {"ana": "consent"}
    assert job.picks("ana").variants == unknown.picks("ana").variants


def test_the_same_log_gives_the_same_bytes(release: Release) -> None:
    def told() -> list[bytes | None]:
        job = Job(release, *FILMS, film(3, price="£1", tags=("comedy",)))
        for number in range(12):
            job.send(rated("comedy" if number % 3 else "horror", user=f"u{number % 4}"), 20 + number // 6)
        return [output.value for output in job.harness.outputs]

    first = told()
    assert len(first) > 4
    assert told() == first


def test_what_a_slate_earned_is_learnt_of_each_of_its_items(release: Release) -> None:
    job = Job(release, *FILMS)
    job.send(rated("comedy"), 20)
    decision = job.decision("ana")
    job.send(served(decision, "s1", START_MS), 20)
    job.send(clicked("s1", "ana", START_MS + 60_000), 20)
    job.harness.advance_event_time(START_MS + HOUR_MS)
    (told,) = job.harness.told[EXAMPLES.name]
    example = decode(Example, told.value or b"")
    place = [slot.slot for slot in decision.slots].index(SlotName(PICKS))
    slate = decision.variants_of(0)[place]
    items = [(variant, tags) for slot, variant, tags in zip(*columns(example), strict=True) if slot == PICKS]
    assert [item for item, _ in items] == list(items_of_slate(slate))
    assert all(tags in (("comedy",), ("horror",)) for _, tags in items)
    assert len(assessed_rows(example.assessed, len(example.slots))) == len(decision.slots) + 1
    models = decode(UserModels, job.harness.cell(MODELS.name, "sample|ana") or b"")
    assert models.experience_of(decision.template, SlotName(PICKS)) == 1


def columns(example: Example) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]:
    return example.slots, example.variants, example.tags


def test_a_slates_terms_are_told_by_the_features_of_its_items(release: Release) -> None:
    job = Job(release, *FILMS)
    for number in range(3):
        job.send(rated("comedy"), 20)
        job.send(served(job.decision("ana"), f"s{number}", START_MS + number * HOUR_MS), 20)
        job.send(clicked(f"s{number}", "ana", START_MS + number * HOUR_MS + 60_000), 20)
        job.harness.advance_event_time(START_MS + number * HOUR_MS + 2 * 60_000)
    job.send(event(EventKind.REFRESH, "ana"), 20)
    decision = job.decision("ana")
    world = FixedWorlds((encode(release),), items=FILMS)(decision.workspace, decision.world)
    for slot, scorer in zip(decision.slots, world.scorers_of(decision), strict=True):
        told = explained(decision, slot, scorer, world.settings)
        assert len(told) == len(slot.variants)
        assert [one.missing for one in told if one.missing > TOLERANCE] == []
    picks = decision.slots[[slot.slot for slot in decision.slots].index(SlotName(PICKS))]
    assert picks.experience > 0
