"""What is looked at for which program, and where checkpoints are."""

from pathlib import Path

import pytest

from foresend.doctor.configured import Sources
from foresend.doctor.examining import Examination, checkpoints, examine
from foresend.doctor.findings import Program


def names(environment: dict[str, str], *programs: Program) -> list[str]:
    return [one.check for one in examine(Examination(Sources(environment), frozenset(programs)))]


def test_a_worker_needs_neither_java_nor_kafka() -> None:
    assert names({}, Program.DELIVER) == [
        "python",
        "packages",
        "settings.deliver",
        "port.deliver",
        "folder.mail",
        "disk.mail",
    ]


def test_the_job_needs_java_the_connector_and_a_place_for_checkpoints() -> None:
    found = names({}, Program.JOB)

    assert {"extra.flink", "java", "jars.flink", "folder.checkpoints", "disk.checkpoints"} <= {*found}
    assert "jars.broker" not in found
    assert "extra.train" not in found


def test_inbound_has_two_doors() -> None:
    found = names({}, Program.INBOUND)

    assert [name for name in found if name.startswith("port.")] == ["port.inbound", "port.inbound.metrics"]


def test_all_programs_where_none_is_named() -> None:
    found = names({})

    assert {"port.local", "port.collect", "port.serve", "jars.broker", "extra.train", "folder.cache"} <= {*found}


@pytest.mark.parametrize(
    "settings",
    ["execution.checkpointing.dir: s3://bucket/c\n", "execution:\n  checkpointing:\n    dir: s3://bucket/c\n"],
    ids=["flat", "a tree"],
)
def test_checkpoints_where_flinks_settings_say(tmp_path: Path, settings: str) -> None:
    (tmp_path / "config.yaml").write_text(settings)

    place, variable = checkpoints(Examination(Sources({"FLINK_CONF_DIR": str(tmp_path)})))

    assert place == "s3://bucket/c"
    assert "config.yaml" in variable


def test_checkpoints_of_a_job_that_ran_and_of_one_that_did_not(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    wanted = Examination(Sources({}), job_folder=tmp_path)
    before = checkpoints(wanted)[0]
    (tmp_path / "conf/config.yaml").write_text("execution.checkpointing.dir: file:///elsewhere\n")

    assert before == str(tmp_path / "checkpoints")
    assert checkpoints(wanted)[0] == "file:///elsewhere"
