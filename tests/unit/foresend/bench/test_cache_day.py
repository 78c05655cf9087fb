"""The simulated day: its policies are what they say, and the store stays within its limit."""

from pathlib import Path

from connectors.cache.store import CacheStore
from foresend.bench.cache_day import day, figures, lru_rate, random_rate, reads_of_a_day
from foresend.bench.filling import fill
from foresend.bench.people import model_people
from schemas.library import Release

USERS = 60


def quiet(_: object) -> None:
    """Nobody is told."""


def test_a_day_is_the_same_each_time_and_reads_some_much_more_than_others() -> None:
    trace = reads_of_a_day(1_000, 20_000)
    assert trace == reads_of_a_day(1_000, 20_000)
    assert set(trace) <= set(range(1_000))
    times = sorted((trace.count(place) for place in range(1_000)), reverse=True)
    assert sum(times[:250]) > 0.7 * len(trace)


def test_lru_keeps_what_was_read_last() -> None:
    # Room for two: of three in turn each is gone when its turn comes; of two none ever is.
    assert lru_rate([0, 1, 2] * 40, 2) == 0
    assert lru_rate([0, 1] * 40, 2) == 1
    assert 0 < random_rate([0, 1, 2] * 400, 2) < 1


def test_a_day_in_a_store_stays_within_its_limit(tmp_path: Path, sample_release: Release) -> None:
    people = model_people(sample_release, 20)
    fill(tmp_path / "whole", sample_release, people, USERS, quiet)
    whole = CacheStore(tmp_path / "whole")
    limit = whole.live.size // 4
    places = whole.live.entries
    whole.close()
    fill(tmp_path / "cache", sample_release, people, USERS, quiet, limit_bytes=limit)
    store = CacheStore(tmp_path / "cache")
    assert 0 < store.live.size <= limit
    trace = reads_of_a_day(places, 6_000)
    found = day(store, sample_release, people, trace, limit, quiet, quiet)
    told = figures(found, limit)
    assert found.live_bytes_max <= limit
    assert min(found.hit_rate, found.lru, found.random) > 0.25
    assert 0 < told["read_p50_us"] < told["message_p50_us"]
    store.close()
