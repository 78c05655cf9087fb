"""The demo's folder and ports: nothing of anybody else is emptied or taken."""

import socket
from pathlib import Path

import pytest

from foresend.demo.order import DemoOrder
from foresend.demo.programs import LOCK, own_folder, preferred_port
from foresend.local import ports
from schemas.errors import ConfigError


def test_a_folder_is_made_and_emptied_when_it_is_the_demos_own(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "demo"
    with own_folder(folder):
        (folder / "cache").mkdir()
        (folder / "cache" / "entry").write_text("old")
        (folder / "serve.log").write_text("old")
    with own_folder(folder):
        assert [entry.name for entry in folder.iterdir()] == [LOCK]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match=r"expected a folder of the demo's own"), own_folder(tmp_path):
        pass
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with own_folder(tmp_path):
        (tmp_path / "cache").mkdir()
        with pytest.raises(ConfigError, match="another demo runs"), own_folder(tmp_path):
            pass
        assert (tmp_path / "cache").exists()


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    wanted = ports.free_port()
    assert preferred_port(wanted) == wanted
    with socket.create_server((ports.LOOPBACK, wanted)):
        other = preferred_port(wanted)
    assert other != wanted
    assert ports.is_free(other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seconds": 0.0}, "--seconds"),
        ({"people": 0}, "--people"),
        ({"seed": -1}, "--seed"),
        ({"drift": True}, "--drift"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        DemoOrder(Path(), **changes).check()  # type: ignore[arg-type]


def test_tastes_turn_at_half_time_and_the_kill_comes_a_third_in() -> None:
    order = DemoOrder(Path(), seconds=300.0, drift=True, chaos=True)
    order.check()
    assert (order.turn_at_s, order.kill_at_s) == (150.0, 100.0)
    endless = DemoOrder(Path(), chaos=True)
    assert (endless.turn_at_s, endless.kill_at_s) == (None, 60.0)
    assert DemoOrder(Path(), seconds=9.0).kill_at_s is None
