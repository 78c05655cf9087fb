"""Pauses and cancellations of campaigns, their pace, and the desk that acknowledges them."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.cache.families import CAMPAIGNS
from connectors.delivery.campaign_starts import Order
from connectors.delivery.campaign_walk import WALK_ROWS
from connectors.delivery.shares import send_id_of
from connectors.gateway.problems import Problem
from schemas.campaigns import CampaignState, Pace
from schemas.ids import UserId
from schemas.sending import Outcome
from schemas.topics import DAY_MS
from tests.support.campaigning import NAME, CampaignsInProcess, sale
from tests.support.delivering import RECEIPT
from tests.support.messages import WORKSPACE

HOUR_MS = 3_600_000
QUIET_OFF: dict[str, Any] = {"quiet_from": 0, "quiet_until": 0}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[CampaignsInProcess]:
    found = CampaignsInProcess(tmp_path / "cache", **QUIET_OFF)
    yield found
    found.close()


def states(node: CampaignsInProcess, users: list[str]) -> Counter[str]:
    return Counter(str(record.state) for sends in node.sends(users).values() for record in sends)


def test_nothing_is_granted_of_a_paused_campaign_and_all_of_it_once_it_goes_on(node: CampaignsInProcess) -> None:
    users = node.persons(2 * WALK_ROWS)
    node.start()
    begun = node.grant(10)

    node.campaigns.pause(WORKSPACE, NAME)
    paused = node.deliver()
    node.pass_ms(HOUR_MS)
    still = node.deliver()
    node.campaigns.resume(WORKSPACE, NAME)
    node.walk()
    for grant in begun:
        node.tell(grant)
    rest = node.deliver()

    assert (paused, still) == ([], [])
    assert len(begun) == 10
    assert sorted(grant.user for grant in begun + rest) == sorted(users)
    assert (node.row().state, node.row().is_sweeping) == (CampaignState.DONE, False)


def test_a_pause_in_the_midst_of_the_walk_stops_it_there(node: CampaignsInProcess) -> None:
    users = node.persons(3 * WALK_ROWS)
    node.campaigns.start(Order(sale()))
    node.walker.tick()

    node.campaigns.pause(WORKSPACE, NAME)
    node.walk()
    stopped = node.row().queued
    node.restart()
    node.walk()
    still = node.row().queued
    node.campaigns.resume(WORKSPACE, NAME)
    node.walk()

    assert stopped == still < len(users)
    assert sorted(grant.user for grant in node.deliver()) == sorted(users)


def test_other_sends_go_on_while_a_campaign_is_paused(node: CampaignsInProcess) -> None:
    node.persons(5)
    node.start()
    node.campaigns.pause(WORKSPACE, NAME)

    node.ask("receipt", "user-1", RECEIPT)

    assert [grant.send_id for grant in node.deliver()] == ["receipt"]


def test_a_cancelled_campaign_ends_what_is_queued(node: CampaignsInProcess) -> None:
    users = node.persons(3 * WALK_ROWS)
    node.start(sale(local_time=18 * 60))
    node.ask("other", users[0], RECEIPT, at_ms=node.now_ms + HOUR_MS)

    node.campaigns.cancel(WORKSPACE, NAME)
    node.walk()

    assert states(node, users) == {"cancelled": len(users), "queued": 1}
    assert node.row().counted == {"cancelled": len(users)}
    node.pass_ms(12 * HOUR_MS)
    assert [grant.send_id for grant in node.deliver()] == ["other"]


def test_a_cancellation_that_a_kill_broke_off_is_finished(node: CampaignsInProcess) -> None:
    users = node.persons(3 * WALK_ROWS)
    node.start(sale(local_time=18 * 60))
    node.campaigns.cancel(WORKSPACE, NAME)
    node.walker.tick()

    node.restart()
    node.walk()

    assert states(node, users) == {"cancelled": len(users)}
    assert node.row().counted == {"cancelled": len(users)}


def test_what_a_pause_put_off_is_cancelled_too(node: CampaignsInProcess) -> None:
    users = node.persons(WALK_ROWS + 2)
    node.start()
    node.campaigns.pause(WORKSPACE, NAME)
    node.deliver()

    node.campaigns.cancel(WORKSPACE, NAME)
    node.walk()

    assert states(node, users) == {"cancelled": len(users)}
    with pytest.raises(Problem, match="was cancelled"):
        node.campaigns.resume(WORKSPACE, NAME)


def test_what_is_left_of_a_cancelled_run_is_not_sent_in_the_next(node: CampaignsInProcess) -> None:
    users = node.persons(5)
    node.start()
    granted = node.grant(2)
    node.campaigns.cancel(WORKSPACE, NAME)
    node.pass_ms(1)

    # Begun anew before what was queued has been cancelled, and before a worker gave back what it had not begun.
    node.start(run=2)
    for grant in granted:
        node.tell(grant, Outcome.NOT_BEGUN)
    node.pass_ms(HOUR_MS)
    sent = {grant.send_id for grant in node.deliver()}

    # The two that were given back come up last, when the cap of a day leaves no room beside the new message.
    assert len(sent) == len(users)
    assert sent == {send_id_of(WORKSPACE, NAME, 2, UserId(user)) for user in users}
    assert states(node, users) == {"sent": 5, "cancelled": 3, "skipped": 2}


def test_the_throttle_holds_over_an_hour(node: CampaignsInProcess) -> None:
    users = node.persons(150)
    node.start(sale(pace=Pace(per_hour=60)))

    sent = []
    for _ in range(61):
        sent.append(len(node.deliver()))
        node.pass_ms(60_000)

    assert sum(sent[:60]) <= 60
    assert sum(sent) >= 55
    assert max(sent) <= 2
    for _ in range(120):
        node.deliver()
        node.pass_ms(60_000)
    assert states(node, users) == {"sent": len(users)}


def test_who_is_due_at_once_comes_up_as_fast_as_the_throttle_says(node: CampaignsInProcess) -> None:
    users = node.persons(60)
    node.start(sale(pace=Pace(per_hour=60)))

    due = sorted(sends[0].due_ms - node.now_ms for sends in node.sends(users).values())

    # One a minute: who would be turned away for an hour is not looked at sixty times.
    assert due == [number * 60_000 for number in range(60)]


def test_a_receiving_domain_warms_up_over_a_restart(node: CampaignsInProcess) -> None:
    node.persons(12)
    node.start(sale(pace=Pace(warm_up=(3, 5))))

    first = len(node.deliver())
    node.walker.tick()
    node.restart()
    again = len(node.deliver())
    node.pass_ms(DAY_MS)
    second = len(node.deliver())
    node.pass_ms(DAY_MS)
    third = len(node.deliver())

    assert (first, again, second, third) == (3, 0, 5, 4)


def test_a_check_writes_nothing(node: CampaignsInProcess) -> None:
    body = {"campaign": msgspec.to_builtins(sale()), "check": True}

    answer = node.at_desk("POST", f"/v1/campaigns/{NAME}:start", body)

    assert json.loads(answer.body)["state"] == "running"
    assert node.node.store.scan_rows(CAMPAIGNS, b"", 10) == []


def test_the_desk_tells_where_a_campaign_stands(node: CampaignsInProcess) -> None:
    node.persons(4)
    node.at_desk("POST", f"/v1/campaigns/{NAME}:start", {"campaign": msgspec.to_builtins(sale())})
    node.walk()
    node.grant(1)

    told = json.loads(node.at_desk("GET", f"/v1/campaigns/{NAME}").body)
    listed = json.loads(node.at_desk("GET", "/v1/campaigns").body)

    assert (told["state"], told["queued"], told["waiting"], told["share"]) == ("done", 4, 4, 1.0)
    assert listed["campaigns"] == [told]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"campaign": {"name": "other", "workspace": WORKSPACE, "template": "news"}},
        {"campaign": {"name": NAME, "workspace": "other", "template": "news"}},
        {"campaign": {"name": NAME, "workspace": WORKSPACE, "template": "news", "colour": 1}},
        {"campaign": {"name": NAME, "workspace": WORKSPACE, "template": "news"}, "limit": 0},
    ],
)
def test_a_start_that_says_something_else_is_refused(node: CampaignsInProcess, body: dict[str, Any]) -> None:
    with pytest.raises(Problem) as refused:
        node.at_desk("POST", f"/v1/campaigns/{NAME}:start", body)

    assert refused.value.status == 400


def test_a_pause_is_acknowledged_once_nothing_granted_may_begin(node: CampaignsInProcess) -> None:
    node.persons(3)
    node.start()
    (grant, *_) = node.grant(1)

    async def pausing() -> int:
        pause = asyncio.create_task(node.called("POST", f"/v1/campaigns/{NAME}:pause"))
        # Its own turns of the loop, and the one that waits for the disk.
        await asyncio.wait([pause], timeout=0.05)
        assert not pause.done()
        node.tell(grant)
        return (await pause).status

    assert asyncio.run(pausing()) == 200
    assert node.grant(10) == []


def test_a_pause_whose_messages_are_still_under_way_is_not_acknowledged_but_holds(node: CampaignsInProcess) -> None:
    node.persons(3)
    node.start()
    node.grant(1)

    with pytest.raises(Problem) as refused:
        node.at_desk("POST", f"/v1/campaigns/{NAME}:pause")

    assert refused.value.status == 503
    assert node.row().state is CampaignState.PAUSED
    assert node.grant(10) == []


def test_a_pause_is_on_the_disk_before_it_is_acknowledged(
    node: CampaignsInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.persons(3)
    node.start()
    said: list[str] = []
    store = node.node.store
    monkeypatch.setattr(store, "sync", lambda: said.append(node.row().state))

    node.at_desk("POST", f"/v1/campaigns/{NAME}:pause")

    assert said == [CampaignState.PAUSED]
