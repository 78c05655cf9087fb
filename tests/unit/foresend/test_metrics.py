"""The table of metrics, its page, and what the programs answer on `/metrics` are one and the same."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from connectors.collector.meters import Meters
from connectors.delivery.worker_meters import WorkerMeters
from connectors.inbound.meters import InboundMeters
from connectors.metrics.making import counter, program_registry
from connectors.metrics.metric import Kind, Metric, Program
from connectors.metrics.table import METRICS
from foresend.metrics_page import page
from foresend.training.meters import TrainingMeters
from schemas.ids import WorkspaceId
from schemas.models import PartKind, Standing
from tests.support.whole_node import WholeNode

PAGE = Path(__file__).parents[3] / "docs/metrics.md"
BASE_UNITS = {"seconds", "bytes", "ratio", "1", "1 or 0"}
PERSONAL = {"user", "user_id", "person", "address", "email", "recipient", "send_id", "domain", "campaign", "ip", "key"}


def of_node(folder: Path) -> bytes:
    node = WholeNode(folder)
    try:
        return node.send("GET", "/metrics", "", "").body
    finally:
        node.store.close()


def of_training(_: Path) -> bytes:
    meters = TrainingMeters(WorkspaceId("shop"))
    meters.trained(PartKind.SEQUENCE, Standing.CHAMPION, 1.0)
    return meters.page()


PAGES: dict[Program, Callable[[Path], bytes]] = {
    Program.COLLECT: lambda _: Meters().page(),
    Program.SERVE: of_node,
    Program.DELIVER: lambda _: WorkerMeters().page(),
    Program.INBOUND: lambda _: InboundMeters().page(),
    Program.TRAIN: of_training,
}


def told(page_: bytes) -> dict[str, tuple[str, str]]:
    """Type and meaning of each of our metrics on a page, by the table's name."""
    families = list(text_string_to_metric_families(page_.decode()))
    return {
        family.name + ("_total" if family.type == "counter" else ""): (family.type, family.documentation)
        for family in families
        if family.name.startswith("foresend_")
    }


@pytest.mark.parametrize("program", PAGES, ids=lambda program: program.value)
def test_a_program_tells_what_the_table_says_and_nothing_else(program: Program, tmp_path: Path) -> None:
    """Mutant: a name that is made beside the table, or a row that nobody makes."""
    found = told(PAGES[program](tmp_path))
    expected = {one.name: (one.kind.value, one.meaning) for one in METRICS if program in one.programs}
    assert found == expected


@pytest.mark.parametrize("program", PAGES, ids=lambda program: program.value)
def test_a_program_tells_of_its_process_and_its_version(program: Program, tmp_path: Path) -> None:
    found = PAGES[program](tmp_path).decode()
    for name in ("process_resident_memory_bytes", "process_start_time_seconds", "python_info", "foresend_build_info"):
        assert re.search(rf"^{name}[ {{]", found, re.MULTILINE), name
    assert "_created" not in found


@pytest.mark.parametrize("metric", METRICS, ids=lambda one: one.name)
def test_a_row_is_named_as_the_rule_says_and_names_nobody(metric: Metric) -> None:
    assert re.fullmatch(r"foresend_[a-z][a-z0-9_]*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM)
    assert not PERSONAL & set(metric.labels)
    assert set(metric.values) <= set(metric.labels)
    assert metric.meaning.strip()
    assert metric.unit.strip()
    assert metric.programs
    unit = metric.name.removesuffix("_total").rpartition("_")[2]
    if unit in BASE_UNITS:
        assert metric.unit == unit


def test_a_name_stands_once() -> None:
    assert len({one.name for one in METRICS}) == len(METRICS)


def test_a_meter_that_the_table_does_not_know_cannot_be_made() -> None:
    with pytest.raises(KeyError):
        counter("foresend_guesses_total", program_registry())
    with pytest.raises(TypeError, match="gauge"):
        counter("foresend_ready", program_registry())


def test_the_page_is_what_the_table_says() -> None:
    """Where this fails: `python -m foresend.metrics_page > docs/metrics.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()
