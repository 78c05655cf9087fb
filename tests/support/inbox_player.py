"""Somebody at the demo's inbox: by its JSON, as a program; and with a browser, by pressing what is there to press."""

import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from tests.support.browser import BrowserError, Page
from tests.support.waiting import wait_until

ANSWER_S = 20.0


class InboxProgram:
    """One person's inbox, asked for as JSON.

    address  of the person's page, as the demo tells it
    """

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._path = parts.hostname or "", parts.port, parts.path

    def look(self) -> dict[str, Any]:
        return self._ask("GET", f"{self._path}/inbox.json")

    def do(self, what: str, **form: str) -> dict[str, Any]:
        return self._ask("POST", f"{self._path}/{what}", urlencode(form))

    def until(self, is_so: Callable[[dict[str, Any]], bool], timeout_s: float, what: str) -> dict[str, Any]:
        wait_until(lambda: is_so(self.look()), timeout_s, what)
        return self.look()

    def _ask(self, method: str, path: str, body: str = "") -> dict[str, Any]:
        connection = HTTPConnection(self._host, self._port, timeout=ANSWER_S)
        try:
            connection.request(method, path, body, {"accept": "application/json"})
            answer = connection.getresponse()
            read = answer.read()
            assert answer.status == 200, (path, answer.status, read[:200])
            found: dict[str, Any] = json.loads(read)
            return found
        finally:
            connection.close()


class InboxReader:
    """The same in a browser: only what is on the page can be pressed."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, button: str) -> None:
        """Press the button that a selector finds, and wait for the next page."""
        self._page.run("window.wasHere = true")
        self._page.run(f"document.querySelector({json.dumps(button)}).click()")
        wait_until(lambda: self._asked("!window.wasHere && document.readyState == 'complete'"), ANSWER_S, "a new page")

    def can_press(self, button: str) -> bool:
        return bool(self._asked(f"document.querySelector({json.dumps(button)}) !== null"))

    def wait_for(self, words: str, timeout_s: float) -> None:
        """Until the page, which loads itself again, shows some words."""
        wait_until(lambda: words in self.text(), timeout_s, f"{words!r} on the page")

    def text(self) -> str:
        return str(self._asked("document.body.innerText") or "")

    def mail(self) -> str:
        """The mail that is shown, as HTML. A program reads it: in the browser nothing can run in its frame."""
        with urlopen(str(self._asked("document.querySelector('iframe').src")), timeout=ANSWER_S) as answer:  # noqa: S310
            read: bytes = answer.read()
        return read.decode()

    def frame_may(self) -> str:
        """What the frame that shows it may do."""
        return str(self._asked("document.querySelector('iframe[sandbox]').sandbox.value"))

    def _asked(self, script: str) -> Any:
        try:
            return self._page.run(script)
        except BrowserError:
            # Between two pages there is nobody to ask.
            return None
