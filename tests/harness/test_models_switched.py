"""What was learnt over all users appears, is replaced, damaged and rolled back in the midst of a log: replayed, the log
gives the same bytes, wherever the operator starts anew; what cannot be used changes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from online_models.trained import Trained
from schemas.decisions import TERMS, Decision
from schemas.library import Release
from schemas.models import PartKind
from tests.support.fixed_worlds import FixedProgram
from tests.support.switching import (
    EVENTS_OF_WORLD,
    SwitchedLog,
    badly_shaped,
    collaborative,
    decisions_of,
    program_of,
    replayed,
    sequence,
    told_by,
)

SEED = 5
NO_PART, SEQUENCE, COLLABORATIVE = 0, 2, 3
"""Worlds, by how much of `models` they know: from which on a part is there."""
REPLAY = """
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load
from tests.support.switching import SwitchedLog, digest, program_of
print(digest(SwitchedLog(program_of(compile_release(load(SAMPLE))), 5).harness))
"""


@pytest.fixture(scope="module")
def program(sample_release: Release) -> FixedProgram:
    return program_of(sample_release)


@pytest.fixture(scope="module")
def log(program: FixedProgram) -> SwitchedLog:
    return SwitchedLog(program, SEED)


def columns(decision: Decision) -> int:
    """How many terms a decision's scores have."""
    slot = decision.slots[0]
    return len(slot.terms) // 4 // len(slot.variants)


def contributed(decisions: list[Decision], term: str) -> bool:
    """Whether a term says anything in any of these."""
    return any(any(slot.contributions().get(term, ())) for decision in decisions for slot in decision.slots)


@pytest.mark.parametrize("shift", [None, 0, 5])
def test_a_replay_gives_the_same_bytes_wherever_the_operator_starts_anew(
    shift: int | None, program: FixedProgram, log: SwitchedLog
) -> None:
    worlds = range(1, len(program.models) + 1)
    restarts = () if shift is None else tuple(EVENTS_OF_WORLD * world + shift for world in worlds)
    assert told_by(replayed(program, log.records, restarts)) == told_by(log.harness)
    assert not log.harness.dead_letters


def test_other_processes_give_the_same_bytes() -> None:
    replays = [_start(hash_seed) for hash_seed in (1, 2)]
    said = [replay.communicate(timeout=120) for replay in replays]
    assert [replay.returncode for replay in replays] == [0, 0], said
    first, second = (out for out, _ in said)
    assert first == second != ""


def _start(hash_seed: int) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", REPLAY],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(root)},
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_decisions_hold_the_terms_of_the_parts_that_there_are(log: SwitchedLog) -> None:
    decisions = decisions_of(log.harness)
    for decision in decisions:
        world = decision.world.models
        assert columns(decision) == (2 if world < SEQUENCE else len(TERMS)), world
    sequenced = [one for one in decisions if one.world.models == SEQUENCE]
    assert contributed(sequenced, "sequence")
    assert not contributed(sequenced, "collaborative"), "there is no such part yet"
    both = [one for one in decisions if one.world.models >= COLLABORATIVE]
    assert contributed(both, "sequence")
    assert contributed(both, "collaborative")


def test_what_cannot_be_used_changes_nothing(sample_release: Release, log: SwitchedLog) -> None:
    without = replayed(program_of(sample_release, with_bad=False), log.records)
    assert told_by(without) == told_by(log.harness)


def test_a_part_that_is_none_is_left_out_with_its_reason(sample_release: Release) -> None:
    bad = badly_shaped(PartKind.COLLABORATIVE)
    trained = Trained({PartKind.COLLABORATIVE: bad, PartKind.SEQUENCE: sequence(sample_release, 1)})
    assert not trained.has_collaborative
    assert "expected an array items" in trained.refused[PartKind.COLLABORATIVE]
    other = Trained(
        {PartKind.COLLABORATIVE: collaborative(sample_release, 1), PartKind.SEQUENCE: badly_shaped(PartKind.SEQUENCE)}
    )
    assert other.has_collaborative
    assert other.sequence is None
    assert "sequence: expected sizes" in other.refused[PartKind.SEQUENCE]
