"""Scanners of six shapes and people through the job's own step: who is taken for whom. Seeded, in simulated time."""

import pytest

from schemas.library import Release
from tests.support.scanners import SHAPES, Found, simulate

PLAIN = tuple(shape for shape in SHAPES if shape != "patient")


@pytest.fixture(scope="module")
def found(sample_release: Release) -> dict[str, Found]:
    return simulate(sample_release, seed=1, scanners=100, people=1500)


@pytest.mark.parametrize("shape", PLAIN)
def test_the_clicks_of_plain_scanners_are_labelled(found: dict[str, Found], shape: str) -> None:
    assert found[shape].share >= 0.99


def test_people_keep_their_clicks(found: dict[str, Found]) -> None:
    assert found["people"].share <= 0.01


def test_the_patient_scanner_is_missed_and_we_say_so(
    found: dict[str, Found], capsys: pytest.CaptureFixture[str]
) -> None:
    """A browser's agent, one link, 40 s after delivery: nothing tells it from a person."""
    patient = found["patient"]
    missed = patient.clicks - patient.labelled
    with capsys.disabled():
        print(f"\npatient scanners missed: {missed} of {patient.clicks}")  # noqa: T201
    assert missed == patient.clicks
