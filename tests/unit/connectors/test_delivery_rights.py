"""Rights at their node: they hold at once, on the disk, and are acknowledged only once nothing is under way."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from connectors.cache.families import RIGHTS, SENDS_KEPT_MS
from connectors.cache.store import CacheStore
from connectors.delivery.rights import LISTS_MAX, RightsRow
from connectors.erasure.listing import listing
from schemas.codec import encode
from schemas.decisions import Communication
from schemas.events import EventKind
from schemas.keys import communication_key, user_key
from schemas.profiles import Contact, Permission, ToldProfile
from schemas.rights import ALL, Asked, RightKind
from schemas.topics import COMMUNICATIONS, ERASED, PROFILES
from schemas.versions import Position, version_of
from tests.support.messages import ANNA, NEWS, START_MS, WORKSPACE, communication, record_of, release, version
from tests.support.rights import RightsNode

ANNA_NEWS = "/v1/communications/news/anna"
ANNAS_KEY = communication_key(WORKSPACE, NEWS, ANNA)
ASK = Asked(RightKind.UNSUBSCRIBE, START_MS)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RightsNode]:
    """A node with a release, and Anna's newsletter."""
    made = RightsNode(tmp_path / "cache")
    made.release(release(1))
    made.entry(communication())
    yield made
    made.close()


def told(node: RightsNode, number: int, **fields: object) -> None:
    """What the job tells of Anna arrives."""
    profile = ToldProfile(version(number), **fields)  # type: ignore[arg-type]
    node.record(PROFILES.name, user_key(WORKSPACE, ANNA), encode(profile))


def grave_of_entry(node: RightsNode, number: int) -> None:
    node.record(COMMUNICATIONS.name, ANNAS_KEY, encode(Communication.of_grave(version(number))))


class TestErasure:
    def test_it_holds_before_the_job_has_answered(self, node: RightsNode) -> None:
        assert node.post(ANNA_NEWS, "s1").status == 200
        told(node, 2)
        assert node.use("anna", "erase").status == 200
        assert node.get(ANNA_NEWS).status == 410
        assert node.post(ANNA_NEWS, "s1").status == 410
        assert node.post(ANNA_NEWS, "s2").status == 410
        assert node.get("/v1/users/anna/features").status == 410
        row = node.rights.of(WORKSPACE, ANNA)
        assert row is not None
        assert row.erased_ms == START_MS

    def test_it_holds_after_a_restart(self, node: RightsNode, tmp_path: Path) -> None:
        node.use("anna", "erase")
        node.close()
        again = RightsNode(tmp_path / "cache")
        assert again.get(ANNA_NEWS).status == 410
        again.close()

    def test_it_holds_over_a_rebuild(self, node: RightsNode) -> None:
        node.use("anna", "erase")
        node.store.forget_followed({})
        node.release(release(1))
        node.entry(communication())
        assert node.get(ANNA_NEWS).status == 410

    def test_an_entry_of_before_is_gone_until_its_own_grave(self, node: RightsNode) -> None:
        node.use("anna", "erase")
        told(node, 90, grave=True)
        # The profile's grave came by another topic than the entry's, which is not here yet.
        assert node.get(ANNA_NEWS).status == 410
        # In flight when the erasure was asked for, and later in the log than the node's clock said.
        node.entry(communication(number=80))
        assert node.get(ANNA_NEWS).status == 410
        grave_of_entry(node, 89)
        assert node.get(ANNA_NEWS).status == 410

    def test_who_comes_back_is_served_in_the_new_life(self, node: RightsNode) -> None:
        node.use("anna", "erase")
        grave_of_entry(node, 89)
        told(node, 90, grave=True)
        node.clock.now_ms += 1_000
        node.entry(communication(number=91))
        assert node.get(ANNA_NEWS).status == 200
        told(node, 92)
        row = node.rights.of(WORKSPACE, ANNA)
        assert row is not None
        assert row.erased_ms == 0

    def test_erased_twice_the_new_life_is_not_held_up(self, node: RightsNode) -> None:
        node.use("anna", "erase")
        grave_of_entry(node, 89)
        told(node, 90, grave=True)
        node.clock.now_ms += 1_000
        # The job answers nothing to the second: she is a grave.
        node.use("anna", "erase")
        assert node.get(ANNA_NEWS).status == 410
        node.clock.now_ms += 1_000
        node.entry(communication(number=3_000))
        assert node.get(ANNA_NEWS).status == 200

    def test_the_row_goes_once_the_job_has_answered_and_the_grave_could_go(self, node: RightsNode) -> None:
        node.use("anna", "erase")
        node.clock.now_ms += SENDS_KEPT_MS + 1
        assert node.rights.sweep(node.clock.now_ms) == 0
        told(node, 90, grave=True)
        assert node.rights.sweep(node.clock.now_ms) == 1
        assert node.rights.of(WORKSPACE, ANNA) is None

    def test_it_is_told_to_the_job_with_its_row_on_the_list(self, tmp_path: Path) -> None:
        node = RightsNode(tmp_path / "listed", listed=listing(b"s" * 32))
        node.release(release(1))
        node.use("anna", "erase")
        assert [row.topic for row in node.outbox()] == [ERASED.name, "events"]
        (event,) = node.told()
        assert (event.kind, event.user, event.properties) == (EventKind.ERASE, ANNA, {"listed": True})
        node.close()


class TestWithdrawal:
    def test_default_content_is_served_before_the_job_has_answered(self, node: RightsNode) -> None:
        assert node.use("anna", "withdraw").status == 200
        reply = node.post(ANNA_NEWS, "s1")
        assert (reply.json["source"], reply.json["reason"]) == ("fallback", "consent")

    def test_consent_that_is_given_later_lifts_it_for_what_was_made_since(self, node: RightsNode) -> None:
        node.use("anna", "withdraw", at_ms=START_MS - 5)
        agreed = {"consent": {"personalisation": True}}
        told(node, 2, **agreed, consented_ms={"personalisation": START_MS - 6})
        assert node.get(ANNA_NEWS).headers["foresend-reason"] == "consent"
        told(node, 3, **agreed, consented_ms={"personalisation": START_MS - 4})
        row = node.rights.of(WORKSPACE, ANNA)
        assert row is not None
        assert row.withdrawn_ms == 0
        assert node.get(ANNA_NEWS).headers["foresend-source"] == "entry"

    def test_an_entry_of_before_stays_withheld(self, node: RightsNode) -> None:
        node.clock.now_ms += 1_000
        node.use("anna", "withdraw")
        told(node, 2, consent={"personalisation": True}, consented_ms={"personalisation": node.clock.now_ms + 1})
        assert node.get(ANNA_NEWS).headers["foresend-reason"] == "consent"
        node.entry(communication(number=1_001))
        assert node.get(ANNA_NEWS).headers["foresend-source"] == "entry"

    def test_the_job_is_told_a_whole_statement(self, node: RightsNode) -> None:
        told(node, 2, consent={"analytics": True, "personalisation": True})
        node.use("anna", "withdraw")
        (event,) = node.told()
        said = event.context["consent"]["categoryPreferences"]
        assert said == {"analytics": True, "personalisation": False, "tracking": False}

    def test_the_row_goes_two_days_after_the_job_told_of_the_person(self, node: RightsNode) -> None:
        node.use("anna", "withdraw")
        told(node, 2, consent={"personalisation": True})
        later_ms = START_MS + SENDS_KEPT_MS + 1
        assert node.rights.sweep(later_ms) == 0
        profile = ToldProfile(version_of(Position(later_ms, 0, 1), 0), consent={"personalisation": False})
        node.record(PROFILES.name, user_key(WORKSPACE, ANNA), encode(profile))
        assert node.rights.sweep(later_ms) == 1


class TestUnsubscription:
    def test_it_says_when_for_its_channel_and_purpose_only(self, node: RightsNode) -> None:
        node.use("anna", "unsubscribe", channel="email", purpose="newsletter", at_ms=START_MS - 9)
        row = node.rights.of(WORKSPACE, ANNA)
        assert row is not None
        assert row.unsubscribed("email", "newsletter") == START_MS - 9
        assert row.unsubscribed("email", "offers") == row.unsubscribed("sms", "newsletter") == 0

    @pytest.mark.parametrize("said", [{}, {"channel": "email"}])
    def test_of_all_means_every_purpose(self, node: RightsNode, said: dict[str, str]) -> None:
        node.use("anna", "unsubscribe", **said)
        row = node.rights.of(WORKSPACE, ANNA)
        assert row is not None
        assert row.unsubscribed("email", "any") == START_MS
        assert bool(row.unsubscribed("sms", "any")) is (said == {})

    def test_times_never_go_back(self) -> None:
        row = RightsRow().with_asked(ASK).with_asked(ASK._replace(at_ms=3))
        assert row.unsubscribed("email", "any") == START_MS

    def test_who_names_lists_without_end_is_off_all(self) -> None:
        row = RightsRow()
        for number in range(LISTS_MAX + 5):
            row = row.with_asked(ASK._replace(channel="email", purpose=f"list-{number}"))
        assert len(row.unsubscribed_ms) == LISTS_MAX + 1
        assert row.unsubscribed("email", "other") == START_MS

    def test_draws_go_on(self, node: RightsNode) -> None:
        node.use("anna", "unsubscribe")
        assert node.post(ANNA_NEWS, "s1").status == 200

    def test_the_job_is_told_of_the_wish_and_of_each_permission(self, node: RightsNode) -> None:
        permissions = {
            "email/news": Permission(True, 1),
            "email/old": Permission(False, 1),
            "sms/x": Permission(True, 1),
        }
        told(node, 2, contact=Contact(permissions=permissions))
        node.use("anna", "unsubscribe", source="page")
        found = [(event.kind, event.name, event.properties) for event in node.told()]
        assert found[:2] == [
            (EventKind.TRACK, "Unsubscribed", {"source": "page"}),
            (EventKind.TRACK, "Unsubscribed", {"list_id": "news", "source": "page"}),
        ]
        assert [(kind, said["channel"], said["suppress"]) for kind, _, said in found[2:]] == [
            (EventKind.CONTACT, "push", "unsubscribed"),
            (EventKind.CONTACT, "sms", "unsubscribed"),
        ]


class TestAcknowledgement:
    def test_what_the_caller_tells_is_told_once(self, node: RightsNode) -> None:
        assert node.use("anna", "unsubscribe", told=True).status == 200
        assert node.outbox() == []

    def test_a_right_is_on_the_disk_before_it_is_acknowledged(
        self, node: RightsNode, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        synced: list[bool] = []

        def sync(store: CacheStore) -> None:
            synced.append(store.row(RIGHTS, store.names.person(WORKSPACE, ANNA)) is not None)

        monkeypatch.setattr(CacheStore, "sync", sync)
        assert node.use("anna", "unsubscribe").status == 200
        assert synced == [True]

    def test_right_and_event_are_one_batch(self, node: RightsNode, monkeypatch: pytest.MonkeyPatch) -> None:
        commits: list[int] = []
        commit = CacheStore.commit

        def counted(store: CacheStore, batch: object, outbox: object = ()) -> None:
            commits.append(len(outbox))  # type: ignore[arg-type]
            commit(store, batch, outbox)  # type: ignore[arg-type]

        monkeypatch.setattr(CacheStore, "commit", counted)
        node.use("anna", "unsubscribe", channel="email")
        assert commits == [1]

    def test_a_message_under_way_is_waited_for(self, node: RightsNode) -> None:
        node.using._wait_s = 20.0
        node.leases.begin()
        ending = threading.Timer(0.1, node.leases.end)

        def looked() -> None:
            # By then it holds: no grant that begins now would miss it.
            assert node.rights.of(WORKSPACE, ANNA) is not None
            ending.start()

        node.leases.looked = looked
        assert node.use("anna", "unsubscribe").status == 200
        assert node.leases.over.done()

    def test_one_that_does_not_end_in_time_refuses_the_acknowledgement_and_the_right_holds(
        self, node: RightsNode
    ) -> None:
        node.leases.begin()
        reply = node.use("anna", "erase")
        assert (reply.status, reply.json["type"]) == (503, "urn:foresend:problem:still_sending")
        assert "retry-after" in reply.headers
        assert node.get(ANNA_NEWS).status == 410

    def test_a_draw_under_way_is_over_before_a_right_is_taken(self, node: RightsNode) -> None:
        taken = threading.Event()

        def take() -> None:
            node.rights.take(WORKSPACE, ANNA, [Asked(RightKind.ERASE, START_MS)])
            taken.set()

        with node.store.drawing:
            thread = threading.Thread(target=take)
            thread.start()
            assert not taken.wait(0.1)
        thread.join()
        assert taken.is_set()

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b'{"right": "forget"}',
            b'{"right": "erase", "purpose": "news"}',
            b'{"right": "unsubscribe", "channel": "pigeon"}',
            b'{"right": "unsubscribe", "purpose": "' + b"x" * 200 + b'"}',
            b'{"right": "erase", "at_ms": -1}',
            b'{"right": "erase", "user": "berta"}',
        ],
    )
    def test_what_is_no_right_is_refused(self, node: RightsNode, body: bytes) -> None:
        reply = node.request("POST", "/v1/users/anna/rights", body)
        assert (reply.status, reply.json["type"]) == (400, "urn:foresend:problem:bad_body")
        assert node.rights.of(WORKSPACE, ANNA) is None

    def test_no_right_is_from_the_future(self, node: RightsNode) -> None:
        node.use("anna", "withdraw", at_ms=START_MS + 10**9)
        row = node.rights.of(WORKSPACE, ANNA)
        assert row is not None
        assert row.withdrawn_ms == START_MS

    def test_rights_are_of_one_workspace(self, node: RightsNode) -> None:
        node.use("anna", "erase")
        other = msgspec.structs.replace(communication(workspace=type(WORKSPACE)("other")))
        node.record(COMMUNICATIONS.name, *record_of(other))
        assert node.rights.of(type(WORKSPACE)("other"), ANNA) is None


class Race:
    """A stand-in for ledger and worker, in one loop with the rights: a grant, then the send, with a barrier between."""

    def __init__(self, node: RightsNode) -> None:
        self.node = node
        self.started: list[str] = []

    def grant(self) -> bool:
        """As a ledger does it: under the lock rights are asked for, and the lease is open before it is left."""
        with self.node.store.drawing:
            if self.node.rights.of(WORKSPACE, ANNA) is not None:
                return False
            self.node.leases.begin()
            return True

    async def send(self, granted: asyncio.Event, go: asyncio.Event) -> None:
        """A worker: waits at the barrier, starts, tells."""
        if self.grant():
            granted.set()
            await go.wait()
            self.started.append("sent")
            self.node.leases.end()


@pytest.mark.parametrize("right", [*RightKind])
def test_nothing_starts_after_an_acknowledged_right(node: RightsNode, right: RightKind) -> None:
    node.using._wait_s = 20.0
    race = Race(node)

    async def acted() -> list[str]:
        granted, go = asyncio.Event(), asyncio.Event()
        worker = asyncio.create_task(race.send(granted, go))
        await granted.wait()
        using = asyncio.create_task(node.using.use(WORKSPACE, ANNA, [Asked(right, START_MS, ALL, ALL)]))
        looked = asyncio.Event()
        node.leases.looked = looked.set
        await looked.wait()
        # The right holds, the message granted before it is still at the barrier: nobody is told yet.
        assert not using.done()
        assert not race.grant()
        go.set()
        await using
        race.started.append("acknowledged")
        await worker
        await race.send(granted, go)
        return race.started

    assert asyncio.run(acted()) == ["sent", "acknowledged"]
    assert json.dumps(race.started).count("sent") == 1
