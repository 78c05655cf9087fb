"""Campaigns of one node: who is asked for, once, and how far a start goes."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.cache.families import PROFILES, QUEUE
from connectors.cache.store import CacheStore
from connectors.delivery.campaign_dry_run import SLICE_ROWS, DryRunPage
from connectors.delivery.campaign_starts import FIRST_LIMIT, Order
from connectors.delivery.campaign_walk import WALK_ROWS
from connectors.gateway.problems import Problem
from schemas.campaigns import CampaignState
from schemas.codec import encode
from schemas.errors import CacheBusy
from schemas.ids import TemplateName, UserId, WorkspaceId
from schemas.keys import user_key
from schemas.sending import SkipReason
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


def states(node: CampaignsInProcess, users: list[str]) -> Counter[str]:
    return Counter(str(record.state) for sends in node.sends(users).values() for record in sends)


def queued_rows(node: CampaignsInProcess) -> int:
    return len(node.node.store.scan_rows(QUEUE, b"", 100_000))


def test_everybody_of_the_audience_is_sent_one_message(node: CampaignsInProcess) -> None:
    users = node.persons(3 * WALK_ROWS + 5)

    row = node.start()
    grants = node.deliver()

    assert (row.state, row.queued) == (CampaignState.DONE, len(users))
    assert sorted(grant.user for grant in grants) == sorted(users)
    assert states(node, users) == {"sent": len(users)}
    assert node.row().counted == {"sent": len(users), "sent:chosen": len(users)}


def test_a_rule_says_who_is_of_the_audience(node: CampaignsInProcess) -> None:
    gold = [f"gold-{number}" for number in range(5)]
    for user in gold:
        node.person(user, traits={"plan": "gold"})
    node.persons(7)

    node.start(sale(audience="traits.plan == 'gold'"))

    assert sorted(grant.user for grant in node.deliver()) == gold


def test_another_workspaces_people_are_not_asked_for_and_its_keys_stop_nothing(node: CampaignsInProcess) -> None:
    users = node.persons(3)
    other = WorkspaceId("other")
    node.node.record(PROFILES_TOPIC.name, user_key(other, UserId("anna")), encode(profile("anna")))

    node.start()

    assert sorted(grant.user for grant in node.deliver()) == users
    assert node.campaigns.of(other) == []
    with pytest.raises(Problem, match="was not"):
        node.campaigns.cancel(other, NAME)


def test_only_people_whom_the_node_acts_for_are_asked_for(tmp_path: Path) -> None:
    whole: list[str] = []
    for owned in (range(5), range(5, 12)):
        node = CampaignsInProcess(tmp_path / f"cache-{owned[0]}", owned=owned, **QUIET_OFF)
        users = node.persons(60)
        node.start()
        whole += [grant.user for grant in node.deliver()]
        node.close()

    assert sorted(whole) == sorted(users)


def test_a_dry_run_tells_what_a_start_then_does(tmp_path: Path) -> None:
    node = CampaignsInProcess(tmp_path / "cache", caps=((1, 1),))
    users = node.persons(200)
    for user in ("no-permission-1", "no-permission-2"):
        node.person(user, permission=None)
    node.person("no-entry", entries=False)
    node.person("other-country", traits={"country": "PT"})
    sale_of_all = sale(audience="not known(traits.country)", holdout=0.2, control=0.3)
    capped = users[0]
    node.ask("earlier", capped)
    node.deliver()

    page = node.dry_run(sale_of_all)
    before = queued_rows(node)
    node.start(sale_of_all)
    grants = node.deliver()
    counted = node.row().counted
    node.close()

    assert before == 0
    assert page.audience == len(users) + 3 == node.row().queued
    assert page.eligible == len(grants) == counted["sent"]
    assert page.skipped == {
        name.partition(":")[2]: count for name, count in counted.items() if name.startswith("skipped:")
    }
    assert set(page.skipped) == {SkipReason.NO_PERMISSION, SkipReason.HOLDOUT, SkipReason.CAP}
    assert page.controls == counted["sent:control"]
    assert page.fallbacks == counted.get("sent:fallback", 0) <= 1


def test_a_dry_run_counts_who_is_held_in_quiet_hours_and_who_would_come_too_late(tmp_path: Path) -> None:
    node = CampaignsInProcess(tmp_path / "cache")
    for user, zone in (("here", "UTC"), ("far", "Pacific/Auckland")):
        node.person(user, timezone=zone)

    page = node.dry_run()
    short = node.dry_run(sale(until_ms=node.now_ms + HOUR_MS))
    node.close()

    # Noon in UTC is one o'clock at night in Auckland.
    assert (page.audience, page.eligible, page.held, page.skipped) == (2, 2, 1, {})
    assert (short.eligible, short.held, short.skipped) == (1, 0, {"too_late": 1})


def test_a_dry_run_shows_messages_as_they_would_be_sent(node: CampaignsInProcess) -> None:
    node.persons(30)

    page = node.dry_run(samples=20)
    node.start()
    sent = {grant.user: grant for grant in node.deliver()}

    assert len(page.samples) == 20
    assert all(sent[one.user].subject == one.subject for one in page.samples)
    assert {one.reason for one in page.samples} == {""}


def test_a_dry_run_goes_on_where_a_page_ended(node: CampaignsInProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.delivery.campaign_dry_run.PAGE_ROWS", SLICE_ROWS)
    node.persons(3 * SLICE_ROWS)
    settings, template = node.campaigns.settings(sale())

    pages: list[DryRunPage] = []
    after = b""
    while not pages or after:
        pages.append(asyncio.run(node.dry_runs.page(sale(), settings, template, after, 0)))
        after = bytes.fromhex(pages[-1].after)

    assert len(pages) >= 3
    assert sum(page.audience for page in pages) == 3 * SLICE_ROWS


def test_a_kill_in_the_walk_neither_loses_nor_repeats_anybody(
    node: CampaignsInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = node.persons(4 * WALK_ROWS)
    node.campaigns.start(Order(sale()))
    commit = CacheStore.commit
    commits = 0

    def dying(store: CacheStore, batch: Any, outbox: Any = ()) -> None:
        nonlocal commits
        commits += 1
        if commits % 3:
            commit(store, batch, outbox)
        if commits % 3 < 2:
            raise CacheBusy("killed right before the write, or right after it")

    monkeypatch.setattr(CacheStore, "commit", dying)
    for _ in range(9):
        with suppress(CacheBusy):
            node.walker.tick()
            continue
        monkeypatch.undo()
        node.restart()
        monkeypatch.setattr(CacheStore, "commit", dying)
    monkeypatch.undo()
    node.walk()

    assert commits >= 6
    assert node.row().queued == len(users)
    assert sorted(grant.user for grant in node.deliver()) == sorted(users)


def test_who_is_walked_twice_is_asked_for_once(node: CampaignsInProcess) -> None:
    users = node.persons(2 * WALK_ROWS)
    row = node.start()

    batch = node.node.store.batch()
    node.campaigns.rows.put(batch, msgspec.structs.replace(row, state=CampaignState.RUNNING, cursor=b""))
    node.node.store.commit(batch)
    node.walk()

    assert sorted(grant.user for grant in node.deliver()) == sorted(users)
    assert all(len(sends) == 1 for sends in node.sends(users).values())


def test_a_start_that_is_told_again_begins_nothing_again(node: CampaignsInProcess) -> None:
    users = node.persons(5)

    first = node.start()
    node.deliver()
    second = node.start()

    assert second.started_ms == first.started_ms
    assert node.deliver() == []
    assert states(node, users) == {"sent": 5}


def test_another_run_is_another_message(tmp_path: Path) -> None:
    node = CampaignsInProcess(tmp_path / "cache", caps=((1, 9),), **QUIET_OFF)
    users = node.persons(5)
    node.start()
    node.deliver()
    node.pass_ms(1)

    node.start(run=2)
    node.deliver()

    assert states(node, users) == {"sent": 10}
    assert node.row().counted["sent"] == 5
    node.close()


def test_what_runs_is_not_begun_anew_and_not_with_other_settings(node: CampaignsInProcess) -> None:
    node.persons(2)
    node.campaigns.start(Order(sale(at_ms=node.now_ms + HOUR_MS)))

    with pytest.raises(Problem, match="cancelled or done"):
        node.campaigns.start(Order(sale(), run=2))
    with pytest.raises(Problem, match="other settings"):
        node.campaigns.start(Order(sale(holdout=0.3)))


def test_a_limit_stops_the_walk_and_a_larger_one_goes_on(node: CampaignsInProcess) -> None:
    users = node.persons(3 * WALK_ROWS)

    row = node.start(limit=WALK_ROWS + 3)
    first = node.deliver()
    again = node.start(limit=2 * WALK_ROWS)
    second = node.deliver()

    assert (row.state, row.queued, len(first)) == (CampaignState.DONE, WALK_ROWS + 3, WALK_ROWS + 3)
    assert (again.state, again.queued) == (CampaignState.DONE, 2 * WALK_ROWS)
    sent = [grant.user for grant in first + second]
    assert len(set(sent)) == len(sent) == 2 * WALK_ROWS
    assert set(sent) < set(users)


def test_nodes_share_a_limit_by_the_partitions_they_own(tmp_path: Path) -> None:
    queued = []
    for owned in (range(5), range(5, 12)):
        node = CampaignsInProcess(tmp_path / f"cache-{owned[0]}", owned=owned, **QUIET_OFF)
        node.persons(200)
        queued.append(node.start(limit=50).queued)
        node.close()

    assert queued == [20, 30]


def test_a_campaign_begins_at_its_time(node: CampaignsInProcess) -> None:
    node.persons(3)

    row = node.start(sale(at_ms=node.now_ms + HOUR_MS))
    node.pass_ms(HOUR_MS)
    node.walk()

    assert (row.state, row.queued) == (CampaignState.RUNNING, 0)
    assert node.row().queued == 3


def test_local_times_are_each_persons_own(node: CampaignsInProcess) -> None:
    for user, zone in (("near", "UTC"), ("east", "Asia/Tokyo"), ("west", "America/New_York")):
        node.person(user, timezone=zone)

    node.start(sale(local_time=13 * 60))
    due = {user: sends[0].due_ms for user, sends in node.sends(["near", "east", "west"]).items()}

    # It is noon in UTC: 21:00 in Tokyo, and 7:00 or 8:00 in New York.
    assert due["near"] == node.now_ms + HOUR_MS
    assert due["east"] == node.now_ms + 16 * HOUR_MS
    assert due["west"] in (node.now_ms + 5 * HOUR_MS, node.now_ms + 6 * HOUR_MS)


def test_the_first_campaign_to_real_people_is_limited(tmp_path: Path) -> None:
    node = CampaignsInProcess(tmp_path / "cache", live=True, channel="smtp", **QUIET_OFF)
    node.persons(FIRST_LIMIT + 50)

    with pytest.raises(Problem, match="nobody has looked"):
        node.campaigns.start(Order(sale(), limit=FIRST_LIMIT + 1))
    row = node.start()
    assert (row.queued, row.limit, row.state) == (FIRST_LIMIT, FIRST_LIMIT, CampaignState.DONE)
    with pytest.raises(Problem, match="nobody has looked"):
        node.start(limit=FIRST_LIMIT + 20)

    node.at_desk("GET", f"/v1/campaigns/{NAME}?looked=true")
    # What is not said is still limited; what is said holds, and from then on there is no such rule.
    assert node.start().queued == FIRST_LIMIT
    assert node.start(limit=FIRST_LIMIT + 20).queued == FIRST_LIMIT + 20
    other = node.start(msgspec.structs.replace(sale(), name="another"))
    assert other.queued == FIRST_LIMIT + 50
    node.close()


def test_a_report_that_is_looked_at_before_the_walk_has_ended_frees_nothing(tmp_path: Path) -> None:
    node = CampaignsInProcess(tmp_path / "cache", live=True, channel="smtp", **QUIET_OFF)
    node.persons(5)
    node.campaigns.start(Order(sale()))

    node.at_desk("GET", f"/v1/campaigns/{NAME}?looked=true")

    with pytest.raises(Problem, match="nobody has looked"):
        node.campaigns.check(Order(sale(), limit=FIRST_LIMIT + 1))
    node.close()


def test_what_stays_on_this_machine_is_not_limited(node: CampaignsInProcess) -> None:
    node.persons(FIRST_LIMIT + 20)

    assert node.start().queued == FIRST_LIMIT + 20


def test_what_cannot_be_sent_is_refused(node: CampaignsInProcess) -> None:
    with pytest.raises(Problem, match="expected a template"):
        node.campaigns.start(Order(sale().__class__(NAME, WORKSPACE, TemplateName("nothing"))))
    with pytest.raises(Problem, match="audience: there is no feature"):
        node.campaigns.start(Order(sale(audience="features.visits > 1")))
    with pytest.raises(Problem, match="not over"):
        node.campaigns.start(Order(sale(until_ms=1)))
    with pytest.raises(Problem, match="30 days at most"):
        node.campaigns.start(Order(sale(until_ms=node.now_ms + 31 * 24 * HOUR_MS)))
    with pytest.raises(Problem, match="was not"):
        node.campaigns.pause(WORKSPACE, "nothing")


def test_a_walk_waits_while_profiles_are_read_anew(node: CampaignsInProcess) -> None:
    users = node.persons(5)
    node.campaigns.start(Order(sale()))
    node.node.progress.is_ready = False

    node.walk()
    waiting = node.row()
    node.node.progress.is_ready = True
    node.walk()

    assert (waiting.state, waiting.queued) == (CampaignState.RUNNING, 0)
    assert node.row().queued == len(users)


def test_who_is_erased_between_the_look_and_the_write_is_not_asked_for(
    node: CampaignsInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = node.persons(5)
    node.campaigns.start(Order(sale()))
    after = node.people.after

    def erased_then(*place: Any) -> Any:
        found = after(*place)
        store = node.node.store
        batch = store.batch()
        batch.delete(PROFILES, store.names.person(WORKSPACE, UserId(users[2])))
        store.commit(batch)
        return found

    monkeypatch.setattr(node.people, "after", erased_then)
    node.walk()

    assert node.row().queued == 4
    assert node.sends(users)[users[2]] == []
