"""The newcomer's path, as the README tells it, up to the preview: without Java, Kafka or anything that listens."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser

from tests.support.newcomer import COMMANDS_MAX, Newcomer, typed


def test_the_path_is_short_and_ends_with_ones_own_template_live() -> None:
    words = typed()

    assert len(words) <= COMMANDS_MAX
    assert (words[0], words[-1]) == ("make setup", "make demo WORKSPACE=shop")


@pytest.mark.timeout(400)
def test_ones_own_email_is_on_the_screen(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    words = [text for text in typed() if text.startswith("foresend ")]
    assert [text.split()[1] for text in words] == ["init", "template", "validate", "preview"]

    told = {text.split()[1]: newcomer.type(text) for text in words}

    assert "template my" in told["template"]
    assert "no errors" in told["validate"]
    page = Path(unquote(urlsplit(newcomer.opened).path))
    shown = LexborHTMLParser(page.read_text("utf-8"))
    frames = [frame.attributes["srcdoc"] or "" for frame in shown.css("iframe")]
    assert any("Spring is here, Ana" in frame and "See the boots" in frame for frame in frames)
    assert any("Your next ten thousand steps" in row.text() for row in shown.css(".inbox"))
