"""`foresend doctor` as it is typed."""

import json
from pathlib import Path

import pytest

from foresend import cli
from tests.support.name_server import name_server


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_line_for_each_check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESEND_DELIVER_PORT", "0")

    code = cli.main(["doctor", "--for", "deliver", "--json"])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {tuple(line) for line in lines} == {("check", "ok", "found", "expected", "mend")}
    assert code == (0 if all(line["ok"] for line in lines) else 1)
    assert next(line for line in lines if line["check"] == "folder.mail")["ok"]


def test_a_fault_is_told_in_words_with_its_mend(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORESEND_DELIVER_PORT", "70000")

    assert cli.main(["doctor", "--for", "deliver"]) == 1

    told = capsys.readouterr().out
    assert "WRONG  settings.deliver: deliver.port: expected 0 to 65535, got 70000" in told
    assert "       mend: " in told
    assert "ok     python: " in told


def test_a_domain(capsys: pytest.CaptureFixture[str]) -> None:
    with name_server({"shop.example TXT": ["v=spf1 +all"]}) as server:
        assert cli.main(["doctor", "--dns", "shop.example", "--resolver", server]) == 1

    told = capsys.readouterr().out
    assert "WRONG  dns.spf: shop.example ends in +all: anybody may send" in told
    assert "WRONG  dns.dmarc: none for shop.example" in told
    assert "ok     dns.ptr: not looked at" in told


def test_options_of_dns_want_a_domain(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--resolver", "127.0.0.1"]) == 2
    assert "--resolver: expected --dns DOMAIN beside it" in capsys.readouterr().err
