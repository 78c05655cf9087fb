"""Whether an address may be written to, from the topic's records through the cache to the answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.cache.families import SUPPRESSIONS
from connectors.cache.pending import Pending
from connectors.cache.store import CacheStore
from connectors.cache.suppressing import suppress
from connectors.contacts.addresses import address_name, address_user
from connectors.delivery.suppressions import Suppressions
from schemas.codec import encode
from schemas.errors import SchemaError
from schemas.ids import WorkspaceId
from schemas.suppressions import REASONS, Suppressed, suppression_key

SECRET = b"0123456789abcdef0123456789abcdef"
SHOP, OTHER = WorkspaceId("shop"), WorkspaceId("other")
ANA = "Ana@shop.example"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CacheStore]:
    found = CacheStore(tmp_path / "cache")
    yield found
    found.close()


def apply(store: CacheStore, *records: tuple[bytes, bytes | None]) -> list[str]:
    batch = Pending(store)
    done = [suppress(batch, key, value) for key, value in records]
    batch.commit(0)
    return done


def key(reason: str, address: str = ANA, channel: str = "email", workspace: WorkspaceId = SHOP) -> bytes:
    return suppression_key(workspace, channel, address_name(SECRET, channel, address), reason)


def row(at_ms: int, lifted_ms: int = 0) -> bytes:
    return encode(Suppressed(at_ms, lifted_ms))


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_found_by_the_address_alone(store: CacheStore, reason: str) -> None:
    apply(store, (key(reason), row(5)))
    asked = Suppressions(store, SECRET)
    assert asked.suppressed(SHOP, "email", ANA) == reason
    assert asked.suppressed(SHOP, "email", " ana@SHOP.example ") == reason
    assert asked.suppressed(SHOP, "email", "bo@shop.example") is None
    assert asked.suppressed(SHOP, "sms", ANA) is None
    assert asked.suppressed(OTHER, "email", ANA) is None
    assert Suppressions(store, b"another secret").suppressed(SHOP, "email", ANA) is None


@pytest.mark.parametrize(
    ("reason", "opted_in_ms", "found"),
    [(reason, 5, reason) for reason in REASONS]
    + [(reason, 6, None) for reason in REASONS if reason != "hard_bounce"]
    + [("hard_bounce", 6, "hard_bounce")],
)
def test_only_a_later_opt_in_ends_it_and_no_opt_in_a_hard_bounce(
    store: CacheStore, reason: str, opted_in_ms: int, found: str | None
) -> None:
    apply(store, (key(reason), row(5)))
    assert Suppressions(store, SECRET).suppressed(SHOP, "email", ANA, opted_in_ms) == found


@pytest.mark.parametrize("reason", REASONS)
def test_what_an_operator_lifted_holds_no_more_until_it_happens_again(store: CacheStore, reason: str) -> None:
    apply(store, (key(reason), row(5, 5)))
    assert Suppressions(store, SECRET).suppressed(SHOP, "email", ANA) is None
    apply(store, (key(reason), row(6, 5)))
    assert Suppressions(store, SECRET).suppressed(SHOP, "email", ANA) == reason


def test_a_hard_bounce_is_told_before_what_stops_less(store: CacheStore) -> None:
    apply(store, *[(key(reason), row(5)) for reason in reversed(REASONS)])
    assert Suppressions(store, SECRET).suppressed(SHOP, "email", ANA) == "hard_bounce"


def test_a_tombstone_removes_a_row_and_a_rebuild_all(store: CacheStore) -> None:
    assert apply(store, (key("complaint"), row(5)), (key("complaint"), None)) == ["written", "removed"]
    assert store.row(SUPPRESSIONS, key("complaint")) is None
    apply(store, (key("complaint"), row(5)))
    store.forget_followed({})
    assert store.row(SUPPRESSIONS, key("complaint")) is None


@pytest.mark.parametrize(
    ("of", "value"), [(key("dislike"), row(1)), (key("complaint"), b"\x01x"), (b"a|b", row(1)), (b"\xff", row(1))]
)
def test_what_is_no_row_is_refused(store: CacheStore, of: bytes, value: bytes) -> None:
    with pytest.raises(SchemaError):
        apply(store, (of, value))


def test_the_name_of_an_address_is_what_its_unknown_owner_is_called() -> None:
    assert address_user(SECRET, ANA) == f"address-{address_name(SECRET, 'email', ANA)}"
    assert address_name(SECRET, "email", "no address") == address_name(SECRET, "email", "NO address")
