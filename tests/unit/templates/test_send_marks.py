import subprocess
import sys

import pytest

from schemas.decisions import Rendered
from schemas.errors import StateCorrupt, StateVersionError
from schemas.ids import Locale, TemplateName
from schemas.library import Release
from templates.library import Library
from templates.send_marks import MARKS, Opener, Whole, fill, mark

PREFIX = "fs-mark-0a1b2c3d-"
NEWS, EN = TemplateName("newsletter"), Locale("en")
MESSAGE = Rendered(
    "Hi",
    "pre",
    f'<a href="{mark(PREFIX, "view_url")}">x</a>{mark(PREFIX, "open_pixel")}'.encode(),
    f"x <{mark(PREFIX, 'view_url')}>".encode(),
)


def test_marks_are_filled_escaped_in_html_and_plain_in_text() -> None:
    filled = fill(MESSAGE, PREFIX, {"view_url": 'https://x.example/?a=1&b="2"', "open_pixel": '<img src="p">'})
    assert filled.html == b'<a href="https://x.example/?a=1&amp;b=&quot;2&quot;">x</a><img src="p">'
    assert filled.text == b'x <https://x.example/?a=1&b="2">'
    assert (filled.subject, filled.preheader) == ("Hi", "pre")


def test_what_a_value_holds_is_not_filled_again() -> None:
    filled = fill(MESSAGE, PREFIX, {"view_url": mark(PREFIX, "open_pixel"), "open_pixel": "<img>"})
    assert filled.text == f"x <{PREFIX}open_pixel->".encode()


def test_without_a_prefix_nothing_is_a_mark() -> None:
    assert fill(MESSAGE, "", {}) == MESSAGE


def test_a_mark_of_a_newer_release_is_an_error_and_not_a_hole() -> None:
    with pytest.raises(StateVersionError, match="view_url"):
        fill(MESSAGE, PREFIX, {"open_pixel": ""})


def test_a_mark_that_is_cut_off_is_an_error() -> None:
    with pytest.raises(StateVersionError):
        fill(Rendered("", "", f"{PREFIX}view_url".encode(), b""), PREFIX, dict.fromkeys(MARKS, ""))


def test_what_was_compressed_opens_equal(sample_release: Release) -> None:
    library, opener = Library(sample_release), Opener(sample_release)
    for rendered in sample_release.fallbacks.values():
        body = library.compress(rendered)
        assert opener.open(body, NEWS, EN) == Whole(rendered, sample_release.mark_prefix)
        assert body == library.compress(rendered)


@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "flipped", "not ours"])
def test_a_damaged_body_is_told_and_not_served(sample_release: Release, damage: str) -> None:
    body = Library(sample_release).compress(next(iter(sample_release.fallbacks.values())))
    damaged = {
        "cut": body[:-3],
        "empty": b"",
        "noise": b"\x00" * 40,
        "flipped": body[:4] + bytes([body[4] ^ 0xFF]) + body[5:],
        "not ours": Library(sample_release)._zstd.compress(b"\x93\x01\x02\x03"),
    }
    with pytest.raises(StateCorrupt):
        Opener(sample_release).open(damaged[damage], NEWS, EN)


def test_a_body_that_would_unfold_without_bound_is_refused(sample_release: Release) -> None:
    bomb = Library(sample_release)._zstd.compress(bytes(50_000_000))
    with pytest.raises(StateCorrupt, match="at most"):
        Opener(sample_release).open(bomb, NEWS, EN)


def test_the_gateway_loads_neither_jinja_nor_mjml() -> None:
    script = (
        "import sys, templates.send_marks;"
        "print([m for m in ('jinja2', 'mjml', 'ruamel', 'jsonschema') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"
