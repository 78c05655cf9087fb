"""`foresend campaign`: over all nodes, or told why not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from foresend import cli
from foresend.campaigning import together
from schemas.campaigns import CampaignState
from tests.support.campaign_nodes import nobody_listens, served, shop_workspace
from tests.support.campaigning import CampaignsInProcess

PEOPLE = 60
HOUR_MS = 3_600_000
HALVES = (range(5), range(5, 12))


class Rig(NamedTuple):
    nodes: list[CampaignsInProcess]
    urls: list[str]
    workspace: Path
    folder: Path
    capture: pytest.CaptureFixture[str]

    def type(self, *words: str, urls: list[str] | None = None) -> int:
        """Type a command about these nodes."""
        gateways = [word for url in urls or self.urls for word in ("--gateway", url)]
        given = ["--workspace", str(self.workspace), "--out", str(self.folder / "out"), *gateways]
        return cli.main(["campaign", *words, *given])

    def told(self, *words: str, urls: list[str] | None = None) -> tuple[int, Any, str]:
        """The exit code, the one JSON object, and what was said beside it."""
        self.capture.readouterr()
        code = self.type(*words, "--json", urls=urls)
        captured = self.capture.readouterr()
        return code, json.loads(captured.out) if captured.out else None, captured.err

    def walk(self) -> None:
        for node in self.nodes:
            node.walk()

    def deliver(self) -> list[str]:
        """An hour later, when everybody is due."""
        for node in self.nodes:
            node.pass_ms(HOUR_MS)
        return [grant.user for node in self.nodes for grant in node.deliver()]


@pytest.fixture
def rig(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Rig]:
    nodes = [
        CampaignsInProcess(tmp_path / f"cache-{half[0]}", owned=half, quiet_from=0, quiet_until=0) for half in HALVES
    ]
    for node in nodes:
        node.persons(PEOPLE)
        node.person("no-permission", permission=None)
    with served(nodes) as urls:
        yield Rig(nodes, urls, shop_workspace(tmp_path, throttle=1200, warm_up="[25, 30]"), tmp_path, capsys)
    for node in nodes:
        node.close()


def test_a_dry_run_adds_up_what_nodes_tell(rig: Rig) -> None:
    code, told, _ = rig.told("sale", "--dry-run")

    assert code == 0
    assert (told["audience"], told["eligible"], told["skipped"]) == (PEOPLE + 1, PEOPLE, {"no_permission": 1})
    assert told["fallback_share"] == 0.0
    # 25 on the first day, 30 on the second, 5 on the third; at the throttle alone it were three minutes.
    assert (told["warm_up_days"], told["seconds_at_throttle"]) == (3, 2 * 86_400)
    assert told["renders"] == 20
    pages = sorted((rig.folder / "out/sale").glob("[0-9]*.html"))
    assert len(pages) == 20
    assert all(f'href="{page.name}"' in Path(told["file"]).read_text("utf-8") for page in pages)


def test_a_dry_run_sends_nothing(rig: Rig) -> None:
    assert rig.type("sale", "--dry-run") == 0

    rig.walk()
    assert rig.deliver() == []
    assert "nothing is sent" in rig.capture.readouterr().out


def test_a_start_sends_to_everybody_once_over_all_nodes(rig: Rig) -> None:
    code, told, _ = rig.told("sale", "start")
    again, _, _ = rig.told("sale", "start")
    rig.walk()

    assert (code, again, told["state"]) == (0, 0, "running")
    assert sum(node.row().queued for node in rig.nodes) == PEOPLE + 1


def test_a_report_is_of_all_nodes_together(rig: Rig) -> None:
    rig.told("sale", "start")
    rig.walk()
    sent = rig.deliver()

    code, told, _ = rig.told("sale", "report")

    assert (code, told["state"], told["queued"]) == (0, "done", PEOPLE + 1)
    assert told["sent"] == len(sent) == told["sent_by"]["chosen"]
    assert told["skipped_by"] == {"no_permission": 1}
    assert rig.type("sale", "report") == 0
    words = rig.capture.readouterr().out
    assert f"sent {len(sent)}" in words
    assert "no_permission 1" in words


def test_a_limit_is_of_all_nodes_together(rig: Rig) -> None:
    _, told, _ = rig.told("sale", "start", "--limit", "24")
    rig.walk()

    assert told["limit"] == 24
    assert [node.row().queued for node in rig.nodes] == [10, 14]


def test_pause_resume_and_cancel_reach_all_nodes(rig: Rig) -> None:
    rig.told("sale", "start")
    rig.walk()

    assert rig.told("sale", "pause")[:2][0] == 0
    assert rig.deliver() == []
    assert {node.row().state for node in rig.nodes} == {CampaignState.PAUSED}
    assert rig.told("sale", "resume")[0] == 0
    rig.walk()
    assert rig.deliver()
    assert rig.told("sale", "cancel")[0] == 0
    assert {node.row().state for node in rig.nodes} == {CampaignState.CANCELLED}


def test_a_pause_that_a_node_did_not_hear_is_told_and_holds_at_the_others(rig: Rig) -> None:
    rig.told("sale", "start")
    away = nobody_listens()

    code, told, said = rig.told("sale", "pause", urls=[rig.urls[0], away])

    assert code == 1
    assert told["state"] == "paused"
    assert f"{away}: out of reach" in said
    assert rig.nodes[0].row().state is CampaignState.PAUSED


def test_nothing_is_begun_while_a_node_is_out_of_reach(rig: Rig) -> None:
    code, told, said = rig.told("sale", "start", urls=[rig.urls[0], nobody_listens()])

    assert (code, told) == (1, None)
    assert "out of reach" in said
    assert rig.nodes[0].campaigns.of(rig.nodes[0].campaigns._releases.workspaces()[0]) == []


def test_nodes_that_act_for_a_part_only_are_refused(rig: Rig) -> None:
    code, _, said = rig.told("sale", "start", urls=rig.urls[:1])

    assert code == 1
    assert "act for 42%" in said


def test_nothing_is_begun_anywhere_that_one_node_refuses(rig: Rig) -> None:
    rig.told("sale", "start")
    rig.nodes[1].campaigns.cancel(*_key(rig, 1))
    rig.workspace.joinpath("campaigns/sale.yaml").write_text("template: news\nholdout: 0.3\n", "utf-8")

    code, _, said = rig.told("sale", "start")

    assert code == 1
    assert "other settings" in said


def _key(rig: Rig, node: int) -> tuple[Any, str]:
    row = rig.nodes[node].row()
    return row.campaign.workspace, row.campaign.name


def test_a_list_tells_all_that_were_started(rig: Rig) -> None:
    rig.told("sale", "start")

    code, told, _ = rig.told("list")

    assert (code, told["campaign"], told["state"]) == (0, "sale", "running")


def test_another_run_begins_anew(rig: Rig) -> None:
    rig.told("sale", "start")
    rig.walk()
    rig.deliver()

    _, told, _ = rig.told("sale", "start", "--again")

    assert told["run"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ["sale"],
        ["sale", "start", "--dry-run"],
        ["list", "start"],
        ["sale", "pause", "--limit", "3"],
        ["sale", "start", "--limit", "0"],
        ["sale", "report", "--again"],
        ["nothing", "--dry-run"],
    ],
)
def test_wrong_use_is_told(rig: Rig, words: list[str]) -> None:
    assert rig.type(*words) == 2


def test_a_campaign_that_was_never_started_has_no_report(rig: Rig) -> None:
    code, told, said = rig.told("sale", "report")

    assert (code, told) == (1, None)
    assert "never started" in said


def test_states_that_differ_stand_beside_each_other(rig: Rig) -> None:
    rig.told("sale", "start")
    rig.nodes[0].campaigns.pause(*_key(rig, 0), why="complaints")

    told = [node.desk._told(node.row()) for node in rig.nodes]

    assert (together(told).state, together(told).why) == ("paused/running", "complaints")
