"""What is counted of campaigns, what shares do, and when one pauses by itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.delivery.campaign_pauses import SENT_MIN, reason_to_pause
from schemas.campaigns import CampaignState
from schemas.codec import encode
from schemas.ids import SendId, UserId
from schemas.keys import user_key
from schemas.profiles import Suppression
from schemas.sending import Outcome, SendState
from schemas.topics import DAY_MS
from schemas.topics import PROFILES as PROFILES_TOPIC
from tests.support.campaigning import NAME, CampaignsInProcess, sale
from tests.support.delivering import profile
from tests.support.messages import WORKSPACE

HOUR_MS = 3_600_000
QUIET_OFF: dict[str, Any] = {"quiet_from": 0, "quiet_until": 0}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[CampaignsInProcess]:
    found = CampaignsInProcess(tmp_path / "cache", **QUIET_OFF)
    yield found
    found.close()


def test_shares_are_held_out_and_sent_default_content(node: CampaignsInProcess) -> None:
    users = node.persons(400)
    node.start(sale(holdout=0.25, control=0.25))
    node.deliver()

    counted = node.row().counted
    records = [record for sends in node.sends(users).values() for record in sends]
    assert counted["skipped:holdout"] == sum(record.reason == "holdout" for record in records)
    assert 60 < counted["skipped:holdout"] < 140
    assert counted["sent:control"] == sum(record.control for record in records)
    assert 45 < counted["sent:control"] < 110


def test_a_workspaces_control_holds_where_a_campaign_says_none(tmp_path: Path) -> None:
    node = CampaignsInProcess(tmp_path / "cache", control=1.0, **QUIET_OFF)
    node.persons(4)

    node.start(sale(control=-1.0))
    node.deliver()

    assert node.row().counted == {"sent": 4, "sent:control": 4}
    node.close()


@pytest.mark.parametrize(
    ("counted", "base", "why"),
    [
        ({"sent": 9, "bounced": 1, "hard_bounces": 1}, {}, ""),
        ({"sent": SENT_MIN - 1, "complaints": 9}, {}, ""),
        ({"sent": 97, "bounced": 3, "hard_bounces": 3}, {}, "hard_bounces"),
        ({"sent": 98, "bounced": 2, "hard_bounces": 2}, {}, ""),
        ({"sent": 90, "bounced": 10, "hard_bounces": 2}, {}, ""),
        ({"sent": 1000, "complaints": 1}, {}, "complaints"),
        ({"sent": 1001, "complaints": 1}, {}, ""),
        ({"sent": 2000, "complaints": 2}, {"sent": 1000, "complaints": 2}, ""),
        ({"sent": 1050, "complaints": 9}, {"sent": 1000, "complaints": 1}, ""),
    ],
)
def test_when_a_campaign_pauses_by_itself(counted: dict[str, int], base: dict[str, int], why: str) -> None:
    assert reason_to_pause(counted, base) == why


def test_hard_bounces_pause_a_campaign_until_somebody_lets_it_go_on(node: CampaignsInProcess) -> None:
    node.persons(3 * SENT_MIN)
    node.start()

    for number, grant in enumerate(node.grant(SENT_MIN)):
        node.tell(grant, Outcome.HARD if number % 25 == 0 else Outcome.SENT, "5.1.1")
    row = node.row()
    held = node.deliver()
    node.campaigns.resume(WORKSPACE, NAME)
    node.walk()
    rest = node.deliver()

    assert (row.state, row.why, row.counted["hard_bounces"]) == (CampaignState.PAUSED, "hard_bounces", 4)
    assert held == []
    assert len(rest) == 2 * SENT_MIN
    assert node.row().state is CampaignState.DONE


def test_refusals_that_say_nothing_of_the_address_pause_nothing(node: CampaignsInProcess) -> None:
    node.persons(SENT_MIN + 20)
    node.start()

    for number, grant in enumerate(node.grant(SENT_MIN)):
        node.tell(grant, Outcome.REFUSED if number % 10 == 0 else Outcome.SENT, "5.0.0")

    assert node.row().state is CampaignState.DONE
    assert (node.row().counted["bounced"], "hard_bounces" in node.row().counted) == (10, False)


def blamed(node: CampaignsInProcess, user: str, reason: str) -> None:
    told = profile(user, number=9)
    suppressed = {"email": Suppression(reason, node.now_ms)}
    told = msgspec.structs.replace(told, contact=msgspec.structs.replace(told.contact, suppressed=suppressed))
    node.node.record(PROFILES_TOPIC.name, user_key(WORKSPACE, UserId(user)), encode(told))
    node.walker.tick()


def test_a_complaint_counts_for_the_newest_send_of_a_campaign_once(node: CampaignsInProcess) -> None:
    users = node.persons(SENT_MIN)
    node.start()
    node.deliver()
    node.pass_ms(DAY_MS)

    blamed(node, users[0], "complaint")
    blamed(node, users[0], "complaint")

    assert node.row().counted["complaints"] == 1
    assert (node.row().state, node.row().why) == (CampaignState.PAUSED, "complaints")


def test_a_late_bounce_is_no_longer_counted_as_sent(node: CampaignsInProcess) -> None:
    users = node.persons(10)
    node.start()
    node.deliver()

    blamed(node, users[0], "hard_bounce")

    assert node.row().counted == {"bounced": 1, "hard_bounces": 1, "sent": 9, "sent:chosen": 9}


def test_a_send_whose_links_are_followed_is_counted_once_beside_what_it_showed(node: CampaignsInProcess) -> None:
    node.persons(60)
    node.start(sale(control=0.5))
    sent = node.deliver()
    controls = {grant.send_id for grant in sent if node.record(grant.send_id).control}

    for grant in [*sent[:40], *sent[:40]]:
        node.campaigns.told_of_click(WORKSPACE, grant.send_id)
    node.campaigns.told_of_click(WORKSPACE, SendId("nobody's"))
    node.walker.tick()

    of_control = sum(grant.send_id in controls for grant in sent[:40])
    counted = node.row().counted
    assert (counted["clicks"], counted["clicks:control"], counted["clicks:chosen"]) == (40, of_control, 40 - of_control)


@pytest.mark.parametrize("days", [8, 100])
def test_what_comes_long_after_a_send_is_not_put_down_to_it(node: CampaignsInProcess, days: int) -> None:
    users = node.persons(3)
    node.start()
    node.deliver()
    node.pass_ms(days * DAY_MS)

    blamed(node, users[0], "complaint")

    assert "complaints" not in node.row().counted


def test_what_was_suppressed_before_is_nobodys_fault(node: CampaignsInProcess) -> None:
    users = node.persons(3)
    blamed(node, users[0], "complaint")
    node.pass_ms(HOUR_MS)
    node.start()
    node.deliver()

    node.walker.tick()

    assert "complaints" not in node.row().counted


def test_a_send_of_a_run_before_counts_no_more(node: CampaignsInProcess) -> None:
    node.persons(2)
    node.start()
    (grant, *_) = node.grant(1)
    node.campaigns.cancel(WORKSPACE, NAME)
    node.walk()
    node.pass_ms(1)
    node.start(sale(at_ms=node.now_ms + HOUR_MS), run=2)

    node.tell(grant)

    assert node.row().counted == {}
    assert node.record(grant.send_id).state is SendState.SENT
