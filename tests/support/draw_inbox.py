"""Draws docs/images/inbox.webp of a running demo: `python -m tests.support.draw_inbox http://127.0.0.1:8070/ana FILE`.

Needs Chromium. The person gets a newsletter, unsubscribes, and then is sent another newsletter and a receipt.
"""

import sys
import tempfile
from pathlib import Path

from tests.support.browser import Browser
from tests.support.inbox_player import InboxReader

WIDTH_PX, HEIGHT_PX = 1280, 940
QUALITY = 82


def draw(address: str, file: Path, profile: Path) -> None:
    with Browser(profile) as browser:
        page = browser.new_page(f"{address}/inbox")
        reader = InboxReader(page)
        reader.press("button[value=newsletter]")
        reader.press("form[action$=one-clicks] button")
        reader.press("button[value=newsletter]")
        reader.press("button[value=receipt]")
        page.go(f"{address}/inbox?mail=1")
        page.rest(1.0)
        page.picture(file, WIDTH_PX, HEIGHT_PX, QUALITY)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        draw(sys.argv[1], Path(sys.argv[2]), Path(folder))
