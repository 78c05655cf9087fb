"""Settings that are wrong, and those that nobody made."""

from pathlib import Path

from foresend.doctor.configured import Configured, Sources, read
from foresend.doctor.findings import Finding, Program

ALL = frozenset(Program)
KAFKA = {"FORESEND_KAFKA_BOOTSTRAP": "127.0.0.1:9092"}


def told(environment: dict[str, str], *named: Program, file: Path | None = None) -> Configured:
    return read(Sources(environment, file), frozenset(named) or ALL, frozenset(named))


def of(found: Configured, check: str) -> Finding:
    (one,) = [finding for finding in found.findings if finding.check == check]
    return one


def test_without_settings_only_kafka_is_missed() -> None:
    found = told({})

    assert [one.check for one in found.findings] == ["settings.kafka"]
    assert not found.findings[0].ok
    assert "FORESEND_KAFKA_BOOTSTRAP" in found.findings[0].mend
    assert found.serve.port == 8090


def test_who_needs_no_kafka_is_not_asked_for_it() -> None:
    assert told({}, Program.DELIVER).findings[0].check == "settings.deliver"


def test_settings_of_a_program_that_are_set_are_looked_at() -> None:
    found = told({**KAFKA, "FORESEND_SERVE_PORT": "70000", "FORESEND_COLLECT_WORKSPACE_ID": "shop"})

    assert "serve.port: expected 0 to 65535" in of(found, "settings.serve").found
    assert of(found, "settings.collect").ok
    assert "settings.inbound" not in [one.check for one in found.findings]


def test_a_misspelt_setting_is_told() -> None:
    found = told({**KAFKA, "FORESEND_SERVE_PROT": "8090"})

    assert "FORESEND_SERVE_PROT: no such setting" in of(found, "settings.serve").found


def test_a_program_that_is_named_is_looked_at_in_any_case() -> None:
    finding = of(told(KAFKA, Program.COLLECT), "settings.collect")

    assert not finding.ok
    assert "collect.workspace_id" in finding.found


def test_kafka_missing_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[serve]\nport = 8091\n")

    found = told({}, file=file)

    assert [one.check for one in found.findings if not one.ok] == ["settings.kafka"]
    assert found.serve.port == 8091


def test_a_file_that_is_no_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[serve\n")

    assert "is not TOML" in told({}, file=file).findings[0].found


def test_secrets_are_not_told() -> None:
    found = told({**KAFKA, "FORESEND_SERVE_SIGNING_KEYS": "k1:hunter2hunter2", "FORESEND_COLLECT_KEYS": "hunter2"})

    assert [one.ok for one in found.findings] == [True, False, False]
    assert not any("hunter2" in f"{one.found}{one.mend}{one.expected}" for one in found.findings)
