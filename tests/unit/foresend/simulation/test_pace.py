"""A faster pace: days become seconds, dates stay, and it is another release."""

import pytest

from foresend.simulation.pace import DAY_S, at_pace
from schemas.library import Release
from tests.support.events import DAY_MS


def test_fourteen_days_last_fourteen_of_theirs(sample_release: Release) -> None:
    paced = at_pace(sample_release, day_s=4.0).settings
    assert paced.features.tag_half_life_ms == 14 * 4_000
    assert paced.features.rhythm_half_life_ms == 56 * 4_000
    assert paced.learning.attribution_ms == 7 * 4_000
    assert paced.policy == sample_release.settings.policy
    assert paced.learning.rate == sample_release.settings.learning.rate


def test_where_a_day_lasts_seconds_a_click_counts_at_once(sample_release: Release) -> None:
    humans = at_pace(sample_release, day_s=4.0).settings.humans
    assert (humans.too_soon_ms, humans.pair_ms, humans.burst_ms, humans.messages_ms, humans.hold_ms) == (0, 0, 0, 0, 0)
    assert humans.burst_links == sample_release.settings.humans.burst_links


def test_it_is_another_release_and_the_same_each_time(sample_release: Release) -> None:
    paced = at_pace(sample_release, day_s=4.0)
    assert paced.id != sample_release.id
    assert at_pace(sample_release, day_s=4.0) == paced
    assert paced.templates == sample_release.templates


def test_at_the_pace_of_days_it_is_the_same_release(sample_release: Release) -> None:
    assert at_pace(sample_release, DAY_S) == sample_release


@pytest.mark.parametrize("day_s", [1e-9, 1e-3])
def test_no_duration_becomes_nothing(sample_release: Release, day_s: float) -> None:
    paced = at_pace(sample_release, day_s).settings
    assert min(paced.features.tag_half_life_ms, paced.learning.attribution_ms) >= 1
    assert sample_release.settings.features.tag_half_life_ms == 14 * DAY_MS
