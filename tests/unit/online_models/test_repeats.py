"""Which events were seen: the newest so many, found only where an entry begins."""

from online_models.cells import SEEN_EVENTS_MAX
from online_models.repeats import HASH_BYTES, hash_of, is_repeat, remember
from schemas.ids import EventId


def ring(count: int) -> bytes:
    seen = b""
    for number in range(count):
        seen = remember(seen, hash_of(EventId(f"e{number}")))
    return seen


def test_nothing_was_seen_at_first() -> None:
    assert not is_repeat(b"", hash_of(EventId("e0")))


def test_a_hash_is_short_and_the_same_every_time() -> None:
    # Stored behaviour: a hash that changed would let every repeat through once.
    assert hash_of(EventId("e0")).hex() == "18771e9983"
    assert len(hash_of(EventId("é" * 256))) == HASH_BYTES


def test_the_newest_are_remembered_and_the_one_before_them_is_forgotten() -> None:
    seen = ring(SEEN_EVENTS_MAX + 1)
    assert len(seen) == HASH_BYTES * SEEN_EVENTS_MAX
    assert not is_repeat(seen, hash_of(EventId("e0")))
    for number in range(1, SEEN_EVENTS_MAX + 1):
        assert is_repeat(seen, hash_of(EventId(f"e{number}")))
    assert not is_repeat(seen, hash_of(EventId("another")))


def test_exactly_as_many_as_fit_are_all_remembered() -> None:
    seen = ring(SEEN_EVENTS_MAX)
    assert all(is_repeat(seen, hash_of(EventId(f"e{number}"))) for number in range(SEEN_EVENTS_MAX))


def test_a_match_across_two_entries_is_chance_and_no_repeat() -> None:
    seen = b"abcde" + b"fghij"
    for at in range(1, HASH_BYTES):
        assert not is_repeat(seen, seen[at : at + HASH_BYTES])
    assert is_repeat(seen, b"abcde")
    assert is_repeat(seen, b"fghij")


def test_a_chance_match_does_not_hide_a_true_one_behind_it() -> None:
    assert is_repeat(b"xaaaa" + b"aaaaa", b"aaaaa")
    assert is_repeat(b"aaaab" + b"aaaaa", b"aaaaa")
