"""The engine's policy on real e-mails: better than any one of them for everybody, and never clearly worse.

Half a minute of learning, so it runs with the stack's tests.
"""

from pathlib import Path

import pytest

from foresend.evaluate.policy import ENGINE, PolicyResult, run

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/hillstrom"
MAPPING = ROOT / "examples/hillstrom/mapping.yaml"

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/hillstrom is absent"),
]


def visits(halves: int = 0) -> list[PolicyResult]:
    results = run(DATA, MAPPING, halves)
    return [one for one in results if (one.policy, one.outcome, one.estimator) == (ENGINE, "visit", "dr")]


def test_it_finds_who_is_to_be_sent_what() -> None:
    (engine,) = visits()
    assert engine.versus == "Mens E-Mail"
    assert engine.value >= 0.188


def test_on_random_halves_it_is_never_clearly_worse_than_the_best_for_everybody() -> None:
    found = visits(halves=4)
    assert sum(one.diff for one in found) / len(found) >= -0.002
    assert not any(one.diff_hi < 0 for one in found)
