"""`foresend job personalize --settings-to`: what somebody else who submits the job hands to it."""

import json
import stat
from pathlib import Path

import pytest

from foresend.cli import main

SECRET = "ab" * 32


def test_the_settings_file_tells_all_and_only_to_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "job" / "settings.json"
    file.parent.mkdir()
    file.write_text("of an earlier start, for all to read")
    monkeypatch.setenv("FORESEND_KAFKA_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("FORESEND_KAFKA_SASL_PASSWORD", "a password")
    monkeypatch.setenv("FORESEND_INSTALLATION_SECRET", SECRET)

    code = main(["job", "personalize", "--settings-to", str(file), "--source", "events"])

    told = json.loads(file.read_bytes())
    assert code == 0
    assert (told["kafka"]["bootstrap"], told["kafka"]["sasl_password"]) == ("kafka:9092", "a password")
    assert (told["source"], told["group"]) == ("events", "foresend-personalize-events")
    assert told["secret"], "expected the installation's secret, by which the erased are known"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_kafka_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORESEND_KAFKA_BOOTSTRAP", raising=False)

    code = main(["job", "personalize", "--settings-to", str(tmp_path / "settings.json")])

    assert code == 2
    assert list(tmp_path.iterdir()) == []
