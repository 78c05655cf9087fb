"""Items of a file are read as a server's events are; what is none is told with its line."""

import pytest

from foresend.commands.catalogue import items_in
from schemas.errors import ConfigError
from schemas.library import WorkspaceSettings
from templates.compiler import compile_release
from templates.workspace import load
from tests.support.catalogues import FILMS, SAMPLE, film, workspace_of_films

GOOD = b'{"product_id":"f1","title":"Film 1","price":"\xc2\xa312","url":"https://www.lantern-reel.example/f1","genres":["Drama"]}'


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> WorkspaceSettings:
    return compile_release(load(workspace_of_films(tmp_path_factory.mktemp("films")))).settings


def test_every_line_is_an_item(settings: WorkspaceSettings) -> None:
    refused: list[str] = []
    found = list(items_in([GOOD, b"\n"], SAMPLE, settings, FILMS, refused))
    assert found == [film(1, tags=("drama",))]
    assert refused == []


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", GOOD.replace(b"https", b"http"), GOOD.replace(b"lantern-reel", b"evil"), b"{}", b"\xff"]
)
def test_a_line_that_is_none_is_told_and_the_others_are_taken(settings: WorkspaceSettings, line: bytes) -> None:
    refused: list[str] = []
    assert len(list(items_in([line, GOOD], SAMPLE, settings, FILMS, refused))) == 1
    assert [told.partition(":")[0] for told in refused] == ["line 1"]


def test_another_catalogue_is_refused(settings: WorkspaceSettings) -> None:
    with pytest.raises(ConfigError, match="films"):
        list(items_in([GOOD], SAMPLE, settings, "records", []))
