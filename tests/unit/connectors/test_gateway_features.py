"""What is told of a person: from the topic `profiles` through the cache to the gateway and to `foresend features`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from connectors.cache.applying import LogRecord
from connectors.gateway.keys import Keyring, grant_of
from connectors.gateway.routing import Right
from connectors.kafka.partitioning import partition_of_key
from schemas.codec import decode, encode
from schemas.dead_letters import DeadLetter
from schemas.errors import Reason, StateVersionError
from schemas.ids import UserId, WorkspaceId
from schemas.keys import user_key
from schemas.profiles import FeatureValue, ToldProfile
from schemas.topics import DEAD_LETTERS, PARTITIONS, PROFILES
from schemas.versions import Version
from tests.support.gateway import GatewayInProcess
from tests.support.messages import ANNA, START_MS, WORKSPACE, release, version

KEY = user_key(WORKSPACE, ANNA)
PATH = "/v1/users/anna/features"
FEATURES = {
    "events": FeatureValue(3.0, START_MS - 60_000),
    "tags": FeatureValue({"jazz": 0.75, "folk": 0.25}, START_MS - 120_000),
    "spent": FeatureValue(7.0, 0),
}


def told(number: int = 1, **fields: object) -> ToldProfile:
    return ToldProfile(version(number), at_ms=START_MS - 1_000, features=FEATURES, **fields)  # type: ignore[arg-type]


def grave(number: int) -> ToldProfile:
    return ToldProfile(version(number), grave=True)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[GatewayInProcess]:
    made = GatewayInProcess(tmp_path / "cache")
    made.release(release(1))
    yield made
    made.close()


def arrive(node: GatewayInProcess, *values: ToldProfile | None) -> None:
    for value in values:
        node.record(PROFILES.name, KEY, None if value is None else encode(value))


class TestCache:
    def test_a_lower_version_is_ignored_and_an_equal_one_overwrites(self, node: GatewayInProcess) -> None:
        again = replace(told(2), locale="de")
        arrive(node, told(2), told(1), again)
        assert node.store.profile(KEY) == encode(again)
        assert node.metric("foresend_cache_records_total", topic="profiles", outcome="overtaken") == 1

    def test_the_guard_holds_inside_one_batch_and_the_offset_moves_with_it(self, node: GatewayInProcess) -> None:
        batch = [
            LogRecord(PROFILES.name, 3, offset, START_MS, KEY, encode(told(number)))
            for offset, number in enumerate((1, 3, 2))
        ]
        node.applier.apply(batch, {(PROFILES.name, 3): 3}, START_MS)
        assert node.store.profile(KEY) == encode(told(3))
        assert node.store.offsets()[PROFILES.name, 3] == 3

    def test_a_grave_lets_nothing_older_back_and_a_tombstone_removes_it(self, node: GatewayInProcess) -> None:
        arrive(node, told(1), grave(5), told(4))
        assert node.store.profile(KEY) is None
        arrive(node, None, told(3))
        assert node.store.profile(KEY) == encode(told(3))

    @pytest.mark.parametrize(
        ("key", "value", "reason"),
        [
            (KEY, b"", Reason.WRONG_TYPE),
            (KEY, b"\x01junk", Reason.WRONG_TYPE),
            (KEY, encode(ToldProfile(Version(version(1)[:5]))), Reason.WRONG_TYPE),
            (b"shop|anna|x", encode(told()), Reason.KEY_MISMATCH),
            (b"\xff", encode(told()), Reason.KEY_MISMATCH),
        ],
    )
    def test_what_is_no_profile_is_a_dead_letter(
        self, node: GatewayInProcess, key: bytes, value: bytes, reason: Reason
    ) -> None:
        node.record(PROFILES.name, key, value)
        (row,) = [row for row in node.outbox() if row.topic == DEAD_LETTERS.name]
        letter = decode(DeadLetter, row.value)
        assert (letter.source, letter.reason, letter.payload) == (PROFILES.name, reason, value)
        assert node.store.profile(KEY) is None

    def test_a_newer_shape_stops_the_node(self, node: GatewayInProcess) -> None:
        with pytest.raises(StateVersionError):
            node.record(PROFILES.name, KEY, bytes((99,)) + encode(told())[1:])

    def test_a_rebuild_drops_it(self, node: GatewayInProcess) -> None:
        arrive(node, told())
        node.store.forget_followed({})
        assert node.store.profile(KEY) is None


class TestGateway:
    def test_features_are_told_with_their_age(self, node: GatewayInProcess) -> None:
        arrive(node, told())
        reply = node.get(PATH)
        assert (reply.status, reply.json["user"], reply.json["workspace"]) == (200, "anna", "shop")
        assert reply.json["at"] == "2025-10-09T08:53:19.000Z"
        assert reply.json["features"] == [
            {"name": "events", "value": 3.0, "at": "2025-10-09T08:52:20.000Z", "age_s": 60.0},
            {"name": "tags", "value": {"jazz": 0.75, "folk": 0.25}, "at": "2025-10-09T08:51:20.000Z", "age_s": 120.0},
            {"name": "spent", "value": 7.0, "at": None, "age_s": None},
        ]

    def test_an_unknown_person_is_not_found_and_an_erased_one_is_gone(self, node: GatewayInProcess) -> None:
        reply = node.get(PATH)
        assert (reply.status, reply.json["type"]) == (404, "urn:foresend:problem:unknown_user")
        arrive(node, told(1), grave(2))
        reply = node.get(PATH)
        assert (reply.status, reply.json["type"]) == (410, "urn:foresend:problem:erased")

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("POST", PATH, 405),
            ("GET", "/v1/users/anna", 404),
            ("GET", "/v1/users/a/b/features", 404),
            ("GET", "/v1/users//features", 400),
            ("GET", "/v1/users/%ff/features", 400),
            ("GET", f"/v1/users/{'x' * 1000}/features", 400),
        ],
    )
    def test_other_paths_and_methods_are_refused(
        self, node: GatewayInProcess, method: str, path: str, status: int
    ) -> None:
        assert node.request(method, path).status == status

    def test_a_persons_own_slashes_are_percent_encoded(self, node: GatewayInProcess) -> None:
        node.record(PROFILES.name, user_key(WORKSPACE, UserId("a/b|c")), encode(told()))
        assert node.get("/v1/users/a%2Fb%7Cc/features").status == 200

    def test_one_tenants_key_never_reads_anothers_person(self, tmp_path: Path) -> None:
        own, other = (("key-of-shop", WORKSPACE), ("key-of-bank", WorkspaceId("bank")))
        node = GatewayInProcess(tmp_path / "c", Keyring([grant_of(*own, Right), grant_of(*other, Right)]))
        arrive(node, told())
        assert [node.get(PATH, Authorization=f"Bearer {key}").status for key in ("key-of-shop", "key-of-bank", "")] == [
            200, 404, 401,
        ]  # fmt: skip
        node.close()

    def test_a_node_answers_for_its_own_partitions_only(self, tmp_path: Path) -> None:
        others = [number for number in range(PARTITIONS) if number != partition_of_key(KEY)]
        node = GatewayInProcess(tmp_path / "c", partitions=others)
        node.release(release(1))
        assert node.get(PATH).status == 421
        node.close()

    def test_while_the_cache_is_read_anew_nothing_is_told(self, node: GatewayInProcess) -> None:
        arrive(node, told())
        node.progress.is_ready = False
        assert node.get(PATH).status == 503


def test_everything_told_is_json(node: GatewayInProcess) -> None:
    arrive(node, told())
    assert json.loads(node.get(PATH).body)["features"]
