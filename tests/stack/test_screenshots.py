"""Chromium draws two messages and tells how far they differ."""

import shutil

import pytest

from foresend.importing.screenshots import Camera

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium"),
]
PAGE = "<html><body style='margin:0;background:{}'><div style='height:1500px;background:{}'></div></body></html>"


def test_equal_messages_look_alike_and_others_differ_by_as_much_as_they_do() -> None:
    with Camera() as camera:
        same = camera.difference(PAGE.format("#fff", "#fff"), PAGE.format("#fff", "#ffffff"))
        half = camera.difference(PAGE.format("#fff", "#fff"), PAGE.format("#fff", "#000"))

    assert same == (0.0, 0.0)
    assert 0.4 < half.mean < 0.6
    assert half.mean == pytest.approx(half.changed)
