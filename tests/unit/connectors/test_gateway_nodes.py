"""Several nodes: who holds whom, and what becomes of requests for persons whom a node does not hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.gateway.assignment import COPIES, assigned
from connectors.gateway.nodes import COPY, Nodes
from connectors.gateway.tokens import Claim, Purpose
from schemas.ids import SendId, UserId
from schemas.rights import RightKind
from schemas.topics import PARTITIONS
from tests.support.messages import NEWS, WORKSPACE, communication, release
from tests.support.rights import RightsNode
from tests.support.several_nodes import SeveralNodes

NAMES = ("a", "b", "c")
USERS = [f"user-{number}" for number in range(30)]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[SeveralNodes]:
    """Three nodes, each with the newsletters of the persons that it holds."""
    made = SeveralNodes(tmp_path, NAMES)
    fill(made)
    yield made
    made.close()


def fill(nodes: SeveralNodes) -> None:
    for name, node in nodes.by_name.items():
        node.release(release(1))
        for user in USERS:
            if name in nodes.owners(user):
                node.entry(communication(user))


class TestAssignment:
    @pytest.mark.parametrize("count", range(1, PARTITIONS + 3))
    def test_each_partition_is_on_two_nodes_and_shares_are_even(self, count: int) -> None:
        owners = assigned(count)
        assert all(len(one) == len({*one}) == min(COPIES, count) for one in owners)
        primaries = [sum(one[0] == node for one in owners) for node in range(count)]
        held = [sum(node in one for one in owners) for node in range(count)]
        assert max(primaries) - min(primaries) <= 1
        assert max(held) - min(held) <= 2

    @pytest.mark.parametrize("count", range(2, PARTITIONS))
    def test_one_more_node_takes_its_share_and_nothing_else_moves(self, count: int) -> None:
        before, after = assigned(count), assigned(count + 1)
        moved = [{*new} - {*old} for old, new in zip(before, after, strict=True)]
        assert all(one <= {count} for one in moved)
        assert sum(map(len, moved)) <= COPIES * PARTITIONS // (count + 1)
        # Whoever was the primary stays, or is the second: it has everything that the new one reads.
        for old, new in zip(before, after, strict=True):
            assert new[0] in (old[0], count)
            assert new[0] == old[0] or new[1] == old[0]

    def test_all_nodes_agree(self) -> None:
        urls = {name: f"http://{name}" for name in NAMES}
        views = [Nodes(urls, name) for name in NAMES]
        assert len({view.owners for view in views}) == 1
        assert sorted(number for view in views for number in view.primary_partitions) == list(range(PARTITIONS))

    def test_a_node_that_is_alone_holds_what_it_is_told(self) -> None:
        assert Nodes({}, "").partitions == Nodes({}, "").primary_partitions == tuple(range(PARTITIONS))
        assert Nodes({}, "", (1, 5)).partitions == Nodes({}, "", (1, 5)).primary_partitions == (1, 5)


class TestReads:
    @pytest.mark.parametrize("user", USERS[:8])
    def test_any_node_answers_for_anybody(self, nodes: SeveralNodes, user: str) -> None:
        replies = [node.get(f"/v1/communications/news/{user}?format=json").json for node in nodes.by_name.values()]
        assert replies[0]["source"] == "entry"
        assert replies[0] == replies[1] == replies[2]

    def test_a_draw_is_passed_on_and_made_once(self, nodes: SeveralNodes) -> None:
        user = USERS[0]
        first = nodes.stranger(user).post(f"/v1/communications/news/{user}", "s1")
        assert first.status == 200
        assert nodes.primary(user).post(f"/v1/communications/news/{user}", "s1").json == first.json
        assert len(nodes.primary(user).outbox()) == 1
        assert nodes.stranger(user).outbox() == []

    def test_ids_arrive_as_they_were(self, nodes: SeveralNodes) -> None:
        user = next(name for name in (f"a/ä|%{n} ?#" for n in range(50)) if "c" not in nodes.owners(name))
        for name in nodes.owners(user):
            nodes.by_name[name].entry(communication(user))
        quoted = "".join(f"%{byte:02X}" for byte in user.encode())
        reply = nodes.by_name["c"].get(f"/v1/communications/news/{quoted}?format=json")
        assert (reply.status, reply.json["user"]) == (200, user)

    def test_where_the_first_owner_is_away_the_second_answers(self, nodes: SeveralNodes) -> None:
        user = USERS[0]
        nodes.away.add(nodes.owners(user)[0])
        assert nodes.stranger(user).get(f"/v1/communications/news/{user}").status == 200
        nodes.away.add(nodes.owners(user)[1])
        reply = nodes.stranger(user).get(f"/v1/communications/news/{user}")
        assert (reply.status, reply.json["type"]) == (503, "urn:foresend:problem:owner_away")
        assert "retry-after" in reply.headers

    def test_a_caller_that_finds_owners_itself_is_told_who(self, nodes: SeveralNodes) -> None:
        user = USERS[0]
        for path in (f"/v1/communications/news/{user}", f"/v1/users/{user}/features"):
            reply = nodes.stranger(user).get(path, **{"x-foresend-route": "direct"})
            assert reply.status == 421
            assert reply.headers["x-foresend-owner"] == f"http://{nodes.owners(user)[0]}.example"
        assert nodes.asked == []

    def test_what_came_from_another_node_is_never_passed_on(self, nodes: SeveralNodes) -> None:
        user = USERS[0]
        stranger = nodes.stranger(user)
        digest = stranger.nodes.digest.decode()
        headers = {"x-foresend-forwarded": digest}
        assert stranger.get(f"/v1/communications/news/{user}", **headers).status == 421
        body = b'{"right": "unsubscribe"}'
        assert stranger.request("POST", f"/v1/users/{user}/rights", body, headers).status == 421
        assert nodes.asked == []


class TestRights:
    def test_they_are_taken_at_the_primary_wherever_they_are_told(self, nodes: SeveralNodes) -> None:
        user = USERS[1]
        assert nodes.stranger(user).use(user, "unsubscribe").status == 200
        assert nodes.primary(user).rights.of(WORKSPACE, UserId(user)) is not None
        assert nodes.stranger(user).rights.of(WORKSPACE, UserId(user)) is None

    @pytest.mark.parametrize(("right", "shown"), [("erase", 410), ("withdraw", 200)])
    def test_what_draws_heed_holds_at_both_nodes(self, nodes: SeveralNodes, right: str, shown: int) -> None:
        user = USERS[1]
        assert nodes.second(user).use(user, right).status == 200
        for node in (nodes.primary(user), nodes.second(user)):
            reply = node.post(f"/v1/communications/news/{user}", "s1")
            assert reply.status == shown
            assert shown == 410 or reply.json["reason"] == "consent"
        # Told to the job once.
        assert len([event for node in nodes.by_name.values() for event in node.told() if event.kind != "exposure"]) == 1

    @pytest.mark.parametrize("right", [*RightKind])
    def test_a_primary_out_of_reach_is_503_and_nothing_is_acknowledged(
        self, nodes: SeveralNodes, right: RightKind
    ) -> None:
        user = USERS[1]
        nodes.away.add(nodes.owners(user)[0])
        for node in (nodes.second(user), nodes.stranger(user)):
            assert node.use(user, right).status == 503
            assert node.rights.of(WORKSPACE, UserId(user)) is None

    def test_a_second_node_out_of_reach_refuses_what_draws_must_heed(self, nodes: SeveralNodes) -> None:
        user = USERS[1]
        nodes.away.add(nodes.owners(user)[1])
        assert nodes.primary(user).use(user, "erase").status == 503
        # It holds as far as it can, and is acknowledged when it is asked for again.
        assert nodes.primary(user).get(f"/v1/communications/news/{user}").status == 410
        assert nodes.primary(user).use(user, "unsubscribe").status == 200
        nodes.away.clear()
        assert nodes.primary(user).use(user, "erase").status == 200

    def test_nobody_but_a_node_makes_a_copy(self, nodes: SeveralNodes) -> None:
        user = USERS[1]
        body = b'{"right": "erase"}'
        reply = nodes.second(user).request("POST", f"/v1/users/{user}/rights", body, {COPY.decode(): "1"})
        assert reply.status == 200
        assert nodes.primary(user).rights.of(WORKSPACE, UserId(user)) is not None

    def test_pages_act_at_the_primary_too(self, nodes: SeveralNodes) -> None:
        user = UserId(USERS[2])
        node = nodes.stranger(user)
        token = node.signer.sign(Claim(Purpose.UNSUBSCRIBE, WORKSPACE, NEWS, user, SendId("s1")))
        assert node.request("POST", f"/u/{token}", b"List-Unsubscribe=One-Click").status == 200
        row = nodes.primary(user).rights.of(WORKSPACE, user)
        assert row is not None
        assert row.unsubscribed("email", "any") > 0
        nodes.away.add(nodes.owners(user)[0])
        assert node.request("POST", f"/u/{token}", b"List-Unsubscribe=One-Click").status == 503


def test_nodes_that_were_told_different_lists_refuse_each_other(tmp_path: Path) -> None:
    # What one of them believes to be its own another may act for.
    nodes = SeveralNodes(tmp_path, ("a", "b"), {"b": ("b", "a")})
    fill(nodes)
    own = next(user for user in USERS if nodes.by_name["a"].nodes.is_primary(WORKSPACE, UserId(user)) is False)
    reply = nodes.by_name["a"].use(own, "unsubscribe")
    assert reply.status == 503
    assert "same list" in reply.json["detail"]
    nodes.close()


def test_one_node_alone_asks_nobody(tmp_path: Path) -> None:
    node = RightsNode(tmp_path / "lone")
    node.release(release(1))
    assert node.use("anna", "erase").status == 200
    node.close()
