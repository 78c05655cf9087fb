"""What was removed of erased users leaves RocksDB's files, too: every file is searched, nobody else goes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
import zstandard

from connectors.cache import purging
from connectors.cache.families import CAPS, ENTRIES, OUTBOX, PROFILES, RECORDS, SERVED
from connectors.cache.purging import RANGES_MAX, Purger
from connectors.cache.reader import CacheReader
from connectors.cache.store import EVERYBODY, CacheStore
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.ids import UserId
from schemas.keys import communication_key, user_key
from schemas.profiles import Contact, ToldProfile
from schemas.topics import COMMUNICATIONS
from schemas.topics import PROFILES as PROFILES_TOPIC
from tests.support.gateway import GatewayInProcess
from tests.support.messages import (
    DICTIONARY,
    NEWS,
    WORKSPACE,
    communication,
    compress,
    message,
    release,
    version,
)
from tests.support.waiting import wait_until

CANARY = UserId("canary-8f31")
EMAIL = "kanarienvogel.q7@mail.example"
NAME = "Xanthippe Quirrelmundt"
NEEDLES = tuple(word.encode() for word in (CANARY, EMAIL, NAME))
ZSTD = b"\x28\xb5\x2f\xfd"
OTHERS = [f"user-{number}" for number in range(300)]
PATIENCE_S = 10.0
GOING_ON = threading.Event()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache")
    made.release(release(1))
    yield made
    made.close()


def purger_of(node: GatewayInProcess, *, may_rest: bool = True) -> Purger:
    return Purger(node.store, node.meters, may_rest=lambda: may_rest, clock_ms=node.clock)


@contextmanager
def purging_behind(purger: Purger) -> Iterator[None]:
    stopping = threading.Event()
    thread = threading.Thread(target=purger.run, args=(stopping,))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def named(user: str) -> Communication:
    """A message that names its user, in a body that is compressed."""
    entry = communication(user)
    body = compress(message(f"Dear {NAME}, this goes to {EMAIL}")) if user == CANARY else entry.bodies[0]
    return msgspec.structs.replace(entry, bodies=(body, *entry.bodies[1:]))


def told(node: GatewayInProcess, user: str, number: int = 1) -> None:
    email = EMAIL if user == CANARY else f"{user}@mail.example"
    profile = ToldProfile(version(number), traits={"name": NAME}, contact=Contact({"email": email}))
    node.record(PROFILES_TOPIC.name, user_key(WORKSPACE, UserId(user)), encode(profile))


def fill(node: GatewayInProcess, *users: str) -> None:
    for user in users:
        node.entry(named(user))
        if user == CANARY:
            told(node, user)
        for send in range(2):
            assert node.post(f"/v1/communications/news/{user}", f"{user}/{send}").status == 200


def erase(node: GatewayInProcess, user: str = CANARY, number: int = 90) -> None:
    key = communication_key(WORKSPACE, NEWS, UserId(user))
    node.record(COMMUNICATIONS.name, key, encode(Communication.of_grave(version(number))))
    grave = ToldProfile(version(number), grave=True)
    node.record(PROFILES_TOPIC.name, user_key(WORKSPACE, UserId(user)), encode(grave))


def drain(node: GatewayInProcess) -> None:
    """Kafka has acknowledged everything."""
    node.store.outbox_done([number for number, _ in node.store.outbox_head(100_000)])


def found_in_files(folder: Path) -> dict[bytes, set[str]]:
    """Which needles stand in which files: as they are, in hexadecimal digits, or inside a compressed body."""
    dictionary = zstandard.ZstdCompressionDict(DICTIONARY, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    found: dict[bytes, set[str]] = {}
    for file in folder.rglob("*"):
        layers = [file.read_bytes()] if file.is_file() else []
        for frame in layers[0].split(ZSTD)[1:] if layers else []:
            opener = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
            try:
                layers.append(opener.decompress(ZSTD + frame))
            except zstandard.ZstdError:
                continue
        for needle in NEEDLES:
            ways = (needle, needle.hex().encode(), needle.hex().upper().encode())
            if any(way in layer for layer in layers for way in ways):
                found.setdefault(needle, set()).add(file.suffix or file.name)
    return found


def kept(node: GatewayInProcess) -> dict[bytes, bytes | None]:
    keys = [communication_key(WORKSPACE, NEWS, UserId(user)) for user in OTHERS]
    return dict(zip(keys, node.store.entries(keys), strict=True))


def test_no_byte_of_an_erased_person_stays_in_the_files(tmp_path: Path, node: GatewayInProcess) -> None:
    # Given: in the log file, in tables on two levels, in memory, in the outbox; and overwritten since, too.
    fill(node, *OTHERS[:100], CANARY, *OTHERS[100:200])
    assert found_in_files(tmp_path / "cache").keys() == set(NEEDLES)
    assert ".log" in found_in_files(tmp_path / "cache")[NEEDLES[0]]
    node.store.flush()
    node.store.compact(ENTRIES, b"", b"\xff" * 20)
    node.entry(msgspec.structs.replace(named(CANARY), version=version(2)))
    fill(node, *OTHERS[200:])
    drain(node)
    assert found_in_files(tmp_path / "cache")[NEEDLES[0]] >= {".log", ".sst"}
    before, repeated = kept(node), node.post("/v1/communications/news/user-7", "user-7/0").body
    # When
    with purging_behind(purger_of(node)):
        erase(node)
        wait_until(lambda: node.metric("foresend_cache_erasures_total") > 0, PATIENCE_S, "the erasure to be purged")
        # Then
        assert found_in_files(tmp_path / "cache") == {}
    assert None not in before.values()
    assert kept(node) == before
    assert node.post("/v1/communications/news/user-7", "user-7/0").body == repeated
    assert node.post(f"/v1/communications/news/{CANARY}", f"{CANARY}/0").status == 410
    assert node.store.purges() == {}


def test_who_is_not_erased_is_still_found(tmp_path: Path, node: GatewayInProcess) -> None:
    # The search could find nothing because it cannot: in tables, of a living user, it finds.
    fill(node, CANARY, *OTHERS[:50])
    drain(node)
    erase(node, OTHERS[7])
    purger = purger_of(node)
    purger.note()
    assert purger.purge(GOING_ON) == 1
    assert found_in_files(tmp_path / "cache") == {needle: {".sst"} for needle in NEEDLES}


def test_a_purge_is_done_only_once_the_outbox_has_passed_on_what_it_held(
    tmp_path: Path, node: GatewayInProcess
) -> None:
    fill(node, CANARY)
    erase(node)
    purger = purger_of(node)
    purger.note()
    assert purger.purge(GOING_ON) == 0
    assert node.store.purges().keys() == {node.store.names.person(WORKSPACE, CANARY)}
    assert found_in_files(tmp_path / "cache").keys() == {NEEDLES[0]}
    drain(node)
    node.clock.now_ms += 2_500
    assert purger.purge(GOING_ON) == 1
    assert found_in_files(tmp_path / "cache") == {}
    assert node.store.purges() == {}
    assert node.metric("foresend_cache_erasures_total") == 1
    assert node.metric("foresend_cache_erasure_seconds") == 2.5
    assert purger.purge(GOING_ON) == 0


def test_later_draws_of_others_do_not_hold_a_purge_up(node: GatewayInProcess) -> None:
    fill(node, CANARY, *OTHERS[:2])
    erase(node)
    purger = purger_of(node)
    purger.note()
    drain(node)
    node.post("/v1/communications/news/user-0", "later")
    purger.note()
    assert purger.purge(GOING_ON) == 1


def test_a_node_that_was_killed_purges_after_its_start(tmp_path: Path, node: GatewayInProcess) -> None:
    fill(node, CANARY, *OTHERS[:20])
    drain(node)
    erase(node)
    node.close()
    again = GatewayInProcess(tmp_path / "cache")
    purger = purger_of(again)
    purger.note()
    assert purger.purge(GOING_ON) == 1
    assert found_in_files(tmp_path / "cache") == {}
    again.close()


def test_a_stop_ends_a_purge_between_two_ranges_and_it_stays_asked_for(node: GatewayInProcess) -> None:
    fill(node, CANARY)
    drain(node)
    erase(node)
    purger = purger_of(node)
    purger.note()
    stopping = threading.Event()
    stopping.set()
    assert purger.purge(stopping) == 0
    assert len(node.store.purges()) == 1


def test_who_is_erased_again_during_a_purge_is_purged_again(tmp_path: Path, node: GatewayInProcess) -> None:
    fill(node, CANARY)
    drain(node)
    erase(node)
    purger = purger_of(node)
    purger.note()
    node.entry(msgspec.structs.replace(named(CANARY), version=version(91)))
    erase(node, number=92)
    assert purger.purge(GOING_ON) == 1
    assert len(node.store.purges()) == 1
    purger.note()
    assert purger.purge(GOING_ON) == 1
    assert found_in_files(tmp_path / "cache") == {}


def test_many_at_once_have_whole_families_written_anew(tmp_path: Path, node: GatewayInProcess) -> None:
    fill(node, CANARY, *OTHERS[:60])
    drain(node)
    for user in (CANARY, *OTHERS[:RANGES_MAX]):
        erase(node, user)
    purger = purger_of(node)
    purger.note()
    with patch.object(CacheStore, "compact", autospec=True, side_effect=CacheStore.compact) as compact:
        assert purger.purge(GOING_ON) == RANGES_MAX + 1
    assert [call.args[1] for call in compact.call_args_list] == [ENTRIES, PROFILES, SERVED, RECORDS, CAPS, OUTBOX]
    assert found_in_files(tmp_path / "cache") == {}
    assert [kept(node)[key] is not None for key in list(kept(node))[:60]] == [False] * 32 + [True] * 28


def test_large_families_are_written_in_steps_that_leave_nothing_out(
    node: GatewayInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "STEP_BYTES", 1)
    fill(node, *OTHERS[:5])
    node.store.forget_followed({})
    purger = purger_of(node)
    purger.note()
    with patch.object(CacheStore, "compact", autospec=True) as compact:
        purger.purge(GOING_ON)
    ranges = [call.args[2:] for call in compact.call_args_list if call.args[1] is SERVED]
    assert ranges[0][0] <= b"\0"
    assert ranges[-1][1] > b"\xff" * 16
    assert all(one[1] == following[0] for one, following in pairwise(ranges))
    assert len(ranges) > 1


def test_what_a_rebuild_drops_is_purged_once_the_node_has_caught_up(tmp_path: Path, node: GatewayInProcess) -> None:
    told(node, CANARY)
    node.entry(named(CANARY))
    node.store.forget_followed({})
    assert node.store.purges().keys() == {EVERYBODY}
    busy = purger_of(node, may_rest=False)
    busy.note()
    assert busy.purge(GOING_ON) == 0
    assert found_in_files(tmp_path / "cache").keys() == set(NEEDLES)
    caught_up = purger_of(node)
    caught_up.note()
    assert caught_up.purge(GOING_ON) == 0  # nobody was erased
    assert found_in_files(tmp_path / "cache") == {}
    assert node.store.purges() == {}


def test_an_empty_cache_has_nothing_to_purge(node: GatewayInProcess) -> None:
    store = node.store
    store.forget_followed({})
    store.forget_followed({})
    assert store.purges() == {}


def test_a_reading_view_goes_on_over_a_purge(tmp_path: Path, node: GatewayInProcess) -> None:
    fill(node, CANARY, *OTHERS[:30])
    drain(node)
    reader = CacheReader(tmp_path / "cache", tmp_path / "scratch")
    assert len(list(reader.entries())) == 31
    purger = purger_of(node)
    for number, user in enumerate((CANARY, *OTHERS[:10]), 1):
        erase(node, user)
        purger.note()
        purger.purge(GOING_ON)
        reader.catch_up()
        assert len(list(reader.entries())) == 31 - number
    assert [key for key, _ in reader.profiles()] == []
    reader.close()


def test_what_waits_to_be_purged_is_told_with_its_age(node: GatewayInProcess) -> None:
    """A person's message and profile are one erasure; what the outbox still holds is not done.

    Mutant: look at what is asked for now alone; then an erasure that nothing finishes is ever young.
    """
    purger = purger_of(node)
    assert (len(purger.open_since_ms), purger.oldest_s) == (0, 0)
    fill(node, CANARY, OTHERS[0])
    erase(node)
    purger.note()
    node.clock.now_ms += 90_000
    purger.purge(GOING_ON)
    erase(node, OTHERS[0])
    purger.note()
    assert len(purger.open_since_ms) == 2
    assert 90 <= purger.oldest_s < 91

    drain(node)
    purger.purge(GOING_ON)
    purger.purge(GOING_ON)
    assert (len(purger.open_since_ms), purger.oldest_s) == (0, 0)
