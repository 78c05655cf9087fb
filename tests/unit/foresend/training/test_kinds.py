"""Each kind of part is trained on what was known, and judged on what came later."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from flink_jobs.worlds import Shelf
from foresend.training.kinds import KINDS, Collaborative, _catalogue
from foresend.training.reading import Log
from online_models.catalogue import CatalogueLog, CatalogueView
from online_models.cells import Link
from online_models.collaborative import CollaborativePart
from schemas.catalogue import item_key
from schemas.codec import encode
from schemas.ids import UserId, WorkspaceId
from schemas.models import ModelPart, PartKind, Standing
from templates.compiler import compile_release
from templates.library import Library
from templates.workspace import load
from tests.support.catalogues import SAMPLE, film, workspace_of_films
from tests.support.circles import shown_to_circles
from training.gate import JUDGED_MIN
from training.sequence import Trained, part_of

EXAMPLES = shown_to_circles(6_000)
LOG = Log(EXAMPLES, [], EXAMPLES[-1].ended_ms, {})
SINCE_MS = EXAMPLES[5_000].ended_ms
END_MS = 1 << 46


def as_part(trained: Trained, number: int = 1) -> ModelPart:
    name = WorkspaceId("w")
    return part_of(trained, name, Standing.CHALLENGER, number, SINCE_MS, kind=PartKind.COLLABORATIVE)


@pytest.fixture(scope="module")
def part() -> ModelPart:
    return as_part(Collaborative(None).train(LOG, SINCE_MS, None, 3, Path()))


def test_every_kind_can_be_trained() -> None:
    assert set(KINDS) == set(PartKind)


def test_what_people_alike_chose_foretells_rewards(part: ModelPart) -> None:
    judged, verdict = Collaborative(None).judge(part, None, LOG, SINCE_MS, END_MS)
    assert judged.checksum == part.checksum
    assert verdict.passed, verdict.reason
    assert verdict.challenger.auc > verdict.champion.auc + 0.02
    assert verdict.challenger.logloss < verdict.champion.logloss
    part.check()


def test_the_same_log_and_seed_make_the_same_part(part: ModelPart) -> None:
    assert as_part(Collaborative(None).train(LOG, SINCE_MS, None, 3, Path())).checksum == part.checksum
    assert as_part(Collaborative(None).train(LOG, SINCE_MS, None, 4, Path())).checksum != part.checksum


def test_nothing_of_what_came_later_is_in_it(part: ModelPart) -> None:
    before = LOG._replace(examples=[one for one in EXAMPLES if one.ended_ms < SINCE_MS])
    assert as_part(Collaborative(None).train(before, SINCE_MS, None, 3, Path())).checksum == part.checksum


def test_a_warm_start_goes_on_from_the_champion_and_is_judged_by_it(part: ModelPart) -> None:
    again = as_part(Collaborative(None).train(LOG, SINCE_MS, part, 3, Path()), number=2)
    assert again.checksum != part.checksum
    _, verdict = Collaborative(None).judge(again, part, LOG, SINCE_MS, END_MS)
    assert abs(verdict.challenger.logloss - verdict.champion.logloss) < 0.01
    _, same = Collaborative(None).judge(part, part, LOG, SINCE_MS, END_MS)
    assert same.challenger == same.champion
    assert same.passed


def test_a_device_and_its_person_are_one_who_chooses(part: ModelPart) -> None:
    # given a log in which half of everybody's choices were made on a device
    split = [one if place % 2 else replace(one, user=UserId(f"d-{one.user}")) for place, one in enumerate(EXAMPLES)]
    links = {f"w|d-{one.user}": (Link(one.user, 1),) for one in EXAMPLES}
    # then with links it is the same part as if there had been no devices
    made = Collaborative(None).train(LOG._replace(examples=split, links=links), SINCE_MS, None, 3, Path())
    apart = Collaborative(None).train(LOG._replace(examples=split), SINCE_MS, None, 3, Path())
    whole, halves = CollaborativePart.of(as_part(made)), CollaborativePart.of(as_part(apart))
    assert (whole.neighbours == CollaborativePart.of(part).neighbours).all()
    assert (halves.weights != whole.weights).any()


def test_too_few_rewards_say_nothing(part: ModelPart) -> None:
    few = EXAMPLES[-(JUDGED_MIN - 1) :]
    _, verdict = Collaborative(None).judge(part, None, LOG._replace(examples=few), SINCE_MS, END_MS)
    assert "at least" in verdict.reason
    _, verdict = Collaborative(None).judge(part, None, LOG._replace(examples=[]), SINCE_MS, END_MS)
    assert (verdict.judged, verdict.since_ms) == (0, 0)


def test_items_that_are_there_are_ranked(tmp_path: Path) -> None:
    log = CatalogueLog()
    for offset, item in enumerate((film(1, tags=("drama",)), film(2), film(2, gone=True), film(3))):
        log.take(offset, item_key(item.workspace, item.catalogue, item.id), encode(item))
    release = compile_release(load(workspace_of_films(tmp_path)))
    table = _catalogue(Shelf(Library(release), CatalogueView(log, SAMPLE, log.end)))
    assert table is not None
    assert table.variants == ("f3", "f1")
    assert table.tags == ((), ("drama",))
    assert _catalogue(Shelf(Library(release))) is None
