"""The same log gives the same bytes: replayed from the start, in another process, with worlds switched in mid-log."""

import os
import subprocess
import sys
from pathlib import Path

# A process of its own for each replay: what sets and maps do must not depend on the interpreter's hash seed.
REPLAY = """
from hashlib import blake2b
from msgspec.structs import replace
from schemas.codec import encode
from schemas.models import ModelSnapshot, SlotPrior
from schemas.worlds import WorldRef
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load
from tests.support.events import DAY_MS, START_MS, WORKSPACE
from tests.support.fixed_worlds import FixedProgram
from tests.support.logs import behaviour
from tests.support.operator_harness import OperatorHarness
from tests.support.releases import another_release

release = compile_release(load(SAMPLE))
name = f"{release.templates[0].name}/{release.templates[0].slots[0].name}"
snapshot = ModelSnapshot(workspace=WORKSPACE, number=1, slots={name: SlotPrior(bias=0.5)})
program = FixedProgram((encode(release), encode(another_release(release))), (encode(snapshot),))
harness = OperatorHarness(program)
for number, event in enumerate(behaviour(seed=7, users=10, count=240)):
    harness.send(replace(event, world=WorldRef(1 + (number > 160), int(number > 80))))
harness.advance_event_time(START_MS + 40 * DAY_MS)
assert len(harness.outputs) > 60
print(blake2b(repr((harness.snapshot(), harness.outputs, harness.told, harness.dead_letters)).encode()).hexdigest())
"""


def test_a_log_replayed_in_another_process_gives_equal_decisions_and_state() -> None:
    replays = [_start(hash_seed) for hash_seed in (1, 2)]
    said = [replay.communicate(timeout=120) for replay in replays]
    assert [replay.returncode for replay in replays] == [0, 0], said
    first, second = (digest.strip() for digest, _ in said)
    assert first == second


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
