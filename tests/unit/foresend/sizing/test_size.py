import json
import re
from dataclasses import asdict, replace

import pytest

from foresend import cli
from foresend.sizing import CONSTANTS, Constant, Load, size_of
from foresend.sizing.plan import MAX_PARALLELISM
from schemas.errors import ConfigError
from schemas.topics import PARTITIONS
from tests.support.documents import ROOT, Command, commands

SMALL = Load(users=1_000, events_per_day=10_000)
LARGE = Load(users=20_000_000, events_per_day=500_000_000)
COMMANDS = [one for one in commands(ROOT / "docs/deploy/sizes.md") if one.words[:2] == ["foresend", "size"]]
SAFE_MOST = 3.0
KEYS = {
    *("task_managers", "cores", "state_bytes", "cache_nodes", "cache_bytes", "partitions", "kafka_bytes_per_day"),
    "constants",
}


def test_a_small_installation_still_has_two_of_what_may_fail() -> None:
    size = size_of(SMALL)

    assert (size.task_managers, size.collectors, size.cache_nodes, size.brokers) == (1, 2, 2, 3)
    assert size.partitions == PARTITIONS


def test_a_large_one_counted_by_hand() -> None:
    size = size_of(LARGE)

    # 500e6 / 86 400 × 4 = 23 148 events a second in the busiest hour.
    assert size.task_managers == 16  # 23 148 / 1 500
    assert size.collectors == 4  # 23 148 / 6 000
    assert size.cache_nodes == 3  # 23 148 × 0.5 × 2 / 10 000
    assert size.cache_bytes == 20_000_000 * 3_500 * 2 * 1.5
    assert size.state_bytes == 20_000_000 * 5_600
    assert size.kafka_bytes_per_day == 500_000_000 * 750
    assert size.cores == 16 + 4 + 3 + 3


def test_every_task_manager_has_a_partition_and_key_groups_divide_evenly() -> None:
    for million in range(100, 4_000, 300):
        size = size_of(replace(LARGE, events_per_day=million * 1_000_000))

        assert size.partitions >= max(size.task_managers, PARTITIONS)
        assert MAX_PARALLELISM % size.partitions == 0


@pytest.mark.parametrize("more", [{"users": 40_000_000}, {"events_per_day": 10**9}, {"templates": 5}, {"peak": 8.0}])
def test_more_of_anything_is_never_smaller(more: dict[str, int]) -> None:
    before, after = asdict(size_of(LARGE)), asdict(size_of(replace(LARGE, **more)))

    assert all(after[name] >= before[name] for name in before)
    assert after != before


@pytest.mark.parametrize(
    "wrong",
    [{"users": 0}, {"events_per_day": 0}, {"templates": 0}, {"peak": 0.5}, {"peak": float("nan")}],
)
def test_no_load_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        size_of(replace(SMALL, **wrong))


def test_more_than_the_job_can_be_divided_among_is_refused() -> None:
    with pytest.raises(ConfigError, match="720 task managers at most"):
        size_of(replace(LARGE, events_per_day=10**11))


def test_the_command_prints_the_keys_that_others_read(capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main(["size", "--users", "1000000", "--events-per-day", "20000000", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert set(told) >= KEYS
    assert {one["name"] for one in told["constants"]} == {one.name for one in CONSTANTS}


def test_the_command_says_where_partitions_must_be_set(capsys: pytest.CaptureFixture[str]) -> None:
    few = cli.main(["size", "--users", "1000", "--events-per-day", "1000"]), capsys.readouterr().out
    many = cli.main(["size", "--users", "1000", "--events-per-day", "500000000"]), capsys.readouterr().out

    assert few[0] == many[0] == 0
    assert "Set PARTITIONS" not in few[1]
    assert "Set PARTITIONS in schemas/topics.py to 16" in many[1]


def test_wrong_use_ends_with_2() -> None:
    assert cli.main(["size", "--users", "0", "--events-per-day", "1"]) == 2


@pytest.mark.parametrize("constant", [one for one in CONSTANTS if one.bench], ids=lambda one: one.name)
def test_each_number_is_on_the_safe_side_of_what_was_measured_and_not_far_off(constant: Constant) -> None:
    measured = _figures(constant.bench, constant.figure)
    if not measured:
        pytest.skip(f"the page has no figures of {constant.bench} yet")
    # The last table of a bench is of its largest size.
    ratio = constant.value / measured[-1] if constant.safe_above else measured[-1] / constant.value

    assert 0.99 <= ratio <= SAFE_MOST, (constant.name, constant.value, measured)


def test_the_page_tells_each_number() -> None:
    page = (ROOT / "docs/deploy/sizes.md").read_text(encoding="utf-8")

    assert [one.figure for one in CONSTANTS if one.figure and f"`{one.figure}`" not in page] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.text)
def test_the_commands_of_the_page_do_what_it_says(command: Command) -> None:
    assert cli.main(list(command.words[1:])) == 0


def _figures(bench: str, figure: str) -> list[float]:
    """What docs/benchmarks.md tells of it, table by table."""
    page = (ROOT / "docs/benchmarks.md").read_text(encoding="utf-8")
    part = page.partition(f"<!-- figures of {bench}:")[2].partition(f"<!-- end of figures of {bench} ")[0]
    return [float(one.replace(" ", "")) for one in re.findall(rf"^\| {figure} \| ([\d .]+) \|", part, re.MULTILINE)]
