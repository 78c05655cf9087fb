"""Chromium without a window, driven by the DevTools protocol over a pipe."""

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

CHROMIUM = shutil.which("chromium")
ANSWER_S = 30.0
END_S = 10.0
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--ignore-certificate-errors",
    "--remote-debugging-pipe",
)
_FREE_FD = 10
"""The browser reads at 3 and writes to 4; our ends of the pipes stay clear of both."""


class BrowserError(Exception):
    """The browser refused a command, or a script in a page failed."""


class Browser:
    """One browser with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._number = 0
        self._read = b""

    def __enter__(self) -> Self:
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, _FREE_FD) for pair in (os.pipe(), os.pipe()) for end in pair]
        its_in, self._to, self._from, its_out = ends
        command = [CHROMIUM or "chromium", *_FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{its_in} 4>&{its_out}', "bash", *command],
            pass_fds=(its_in, its_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(its_in)
        os.close(its_out)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(BrowserError, OSError):
            self.call("Browser.close")
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._to)
        os.close(self._from)

    def new_page(self, url: str) -> "Page":
        """A page in a context that shares nothing with others, once it is loaded."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        return self.tab(url, context)

    def tab(self, url: str, context: str) -> "Page":
        """One more page that shares what is stored."""
        target = self.call("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, context, session)
        page.go(url)
        return page

    def call(self, method: str, parameters: dict[str, Any] | None = None, session: str = "") -> Any:
        """One command and its result. What the browser tells unasked is passed over.

        Raises:
            BrowserError: it refused, or did not answer in time.
        """
        self._number += 1
        command = {"id": self._number, "method": method, "params": parameters or {}}
        if session:
            command["sessionId"] = session
        os.write(self._to, json.dumps(command).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _next(self) -> Any:
        while b"\0" not in self._read:
            if not select.select([self._from], [], [], ANSWER_S)[0]:
                raise BrowserError(f"expected an answer within {ANSWER_S:g} s")
            data = os.read(self._from, 1 << 16)
            if not data:
                raise BrowserError("the browser has ended")
            self._read += data
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)


class Page:
    """One tab."""

    def __init__(self, browser: Browser, context: str, session: str) -> None:
        self.browser = browser
        self.context = context
        self._session = session

    def go(self, url: str) -> None:
        """Open an address, and return once everything in it is loaded."""
        self.browser.call("Page.navigate", {"url": url}, self._session)
        # The document of before may still be there for a moment.
        self.run(
            f"new Promise(done => {{const look = () => location.href == {json.dumps(url)} && document.readyState == "
            "'complete' ? done() : setTimeout(look, 10); look()})"
        )

    def run(self, script: str) -> Any:
        """What an expression is worth; a promise is waited for.

        Raises:
            BrowserError: it failed.
        """
        parameters = {"expression": script, "awaitPromise": True, "returnByValue": True}
        found = self.browser.call("Runtime.evaluate", parameters, self._session)
        if "exceptionDetails" in found:
            raise BrowserError(str(found["exceptionDetails"]))
        return found["result"].get("value")

    def rest(self, seconds: float) -> None:
        """Let the page live for a while: for what must not happen, there is nothing to wait for."""
        self.run(f"new Promise(done => setTimeout(done, {seconds * 1000}))")

    def cookies(self) -> list[dict[str, Any]]:
        """All that are kept in this context, for whatever host."""
        found: list[dict[str, Any]] = self.browser.call("Storage.getCookies", {"browserContextId": self.context})[
            "cookies"
        ]
        return found

    def picture(self, file: Path, width_px: int, height_px: int, quality: int) -> None:
        """Write what is seen in a window of this size as WebP."""
        size = {"width": width_px, "height": height_px, "deviceScaleFactor": 1, "mobile": False}
        self.browser.call("Emulation.setDeviceMetricsOverride", size, self._session)
        wanted = {"format": "webp", "quality": quality}
        drawn = self.browser.call("Page.captureScreenshot", wanted, self._session)
        file.write_bytes(base64.b64decode(drawn["data"]))

    def close(self) -> None:
        """Close the tab, as somebody does who leaves."""
        self.browser.call("Page.close", {}, self._session)

    def end(self) -> None:
        """Close every tab of the context, its connections too, and forget what it kept."""
        self.browser.call("Target.disposeBrowserContext", {"browserContextId": self.context})
