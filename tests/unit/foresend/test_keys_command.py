"""`foresend keys new`: the key is shown once, and what the settings say of it opens the door."""

import json
import tomllib

import pytest

from connectors.gateway.keys import KeyGrant, Keyring
from connectors.gateway.problems import Problem
from connectors.gateway.routing import Right
from foresend.cli import main
from foresend.settings.loading import load
from foresend.settings.serve import ServeSettings

NEW = ["keys", "new", "--workspace", "shop", "--right", "draw", "--right", "read"]


def test_what_is_printed_opens_the_door(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(NEW) == 0
    key, said = capsys.readouterr()
    line = next(line for line in said.splitlines() if "FORESEND_SERVE_KEYS" in line).strip()
    name, _, value = line.partition("=")
    settings = load(ServeSettings, "serve", environment={"FORESEND_KAFKA_BOOTSTRAP": "localhost:9092", name: value})
    door = Keyring(settings.key_grants)
    head = f"Bearer {key.strip()}".encode()
    assert [door.enter(head, right) for right in (Right.DRAW, Right.READ)] == ["shop", "shop"]
    with pytest.raises(Problem, match="right send"):
        door.enter(head, Right.SEND)
    assert key.strip() not in said


def test_the_settings_file_takes_what_is_printed_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(NEW)
    said = capsys.readouterr().err
    table = tomllib.loads(said[said.index("[serve.keys]") :])
    assert [KeyGrant.read(*pair).rights for pair in table["serve"]["keys"].items()] == [{Right.DRAW, Right.READ}]


def test_for_programs_it_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEW, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["workspace"], told["rights"]) == ("shop", ["draw", "read"])
    assert told["key"] not in told["setting"]


@pytest.mark.parametrize("workspace", ["", "a:b", "a,b", "a b"])
def test_a_workspace_that_settings_could_not_hold_is_refused(workspace: str) -> None:
    assert main(["keys", "new", "--workspace", workspace, "--right", "read"]) == 2
