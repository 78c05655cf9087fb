"""The long log: as many events as asked for, in order, each one that the job takes."""

from collections import Counter

import pytest

from foresend.simulation.behaviour_log import behaviour_log
from schemas.events import Event, EventKind, check_time, decode_event, encode_event
from schemas.library import Release
from schemas.tagging import tags_of
from schemas.worlds import WorldRef
from tests.support.events import DAY_MS, START_MS
from tests.support.small_releases import small_release

SPAN_MS = 30 * DAY_MS


def log(release: Release, seed: int = 1, users: int = 200, events: int = 5_000) -> list[Event]:
    return list(behaviour_log(release, seed=seed, users=users, events=events, start_ms=START_MS, span_ms=SPAN_MS))


def test_it_is_as_long_as_asked_in_order_and_within_its_span(sample_release: Release) -> None:
    events = log(sample_release)
    times = [event.at_ms for event in events]
    assert len(events) == 5_000
    assert times == sorted(times)
    assert START_MS <= times[0] < times[-1] < START_MS + SPAN_MS


def test_every_event_is_one_that_the_job_takes(sample_release: Release) -> None:
    events = log(sample_release)
    for event in events:
        assert decode_event(encode_event(event)) == event
        check_time(event.at_ms, event.received_ms)
        assert event.world == WorldRef(1, 0)
    assert len({event.id for event in events}) == len({event.record_id for event in events}) == len(events)


def test_some_users_do_far_more_than_others_and_each_keeps_to_his_likes(sample_release: Release) -> None:
    events = log(sample_release)
    counts = Counter(event.user for event in events)
    assert 150 < len(counts) <= 200
    assert counts.most_common(1)[0][1] > 4 * 25
    user = counts.most_common(1)[0][0]
    tags = Counter(
        tag for event in events if event.user == user for tag, _ in tags_of(event, sample_release.settings.tags)
    )
    assert sum(count for _, count in tags.most_common(3)) > 0.6 * tags.total()


def test_it_is_browsing_with_a_few_names_and_orders_and_no_mail(sample_release: Release) -> None:
    kinds = Counter(event.name if event.kind is EventKind.TRACK else event.kind for event in log(sample_release))
    assert 0.01 < kinds[EventKind.IDENTIFY] / 5_000 < 0.03
    assert 0 < kinds["Order Completed"] < 0.03 * 5_000
    assert not any(kind.startswith("Email") for kind in kinds)


def test_the_same_seed_is_the_same_log(sample_release: Release) -> None:
    assert log(sample_release, events=300) == log(sample_release, events=300)
    assert log(sample_release, events=300) != log(sample_release, seed=2, events=300)


@pytest.mark.parametrize("release", [small_release(2, 2, rules=()), small_release(2, 2, tags=())])
def test_a_workspace_without_tags_has_a_log_too(release: Release) -> None:
    assert len(log(release, users=1, events=50)) == 50


def test_another_world_can_be_named(sample_release: Release) -> None:
    (event,) = behaviour_log(
        sample_release, seed=1, users=1, events=1, start_ms=START_MS, span_ms=1, world=WorldRef(3, 2)
    )
    assert event.world == WorldRef(3, 2)
