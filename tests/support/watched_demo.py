"""A demo with people at its inbox and a Prometheus beside it, which scrapes all that the demo announces."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from foresend.local.prometheus import Prometheus
from tests.support.demo_process import DemoProcess
from tests.support.inbox_player import InboxProgram
from tests.support.prometheus_api import Api
from tests.support.waiting import wait_until

STARTED_S = 300.0
ANSWER_S = 20.0
UNSUBSCRIBES_AT = 3
NEWSLETTER_EACH = 4
NOT_EVENTS = (b"{", b'{"batch": [{"type": "track"}]}')
"""What the collector refuses: no JSON, and no event."""


class WatchedDemo:
    """What a test does with it, once it runs."""

    def __init__(self, api: Api, demo: DemoProcess) -> None:
        self.api = api
        self._demo = demo
        self._inboxes = {address.rpartition("/")[2]: InboxProgram(address) for address in _addresses(demo)}
        self._rounds = 0

    def be_busy(self) -> None:
        """One round of what people and clients do: mail is sent, one unsubscribes, something is no event.

        Raises:
            AssertionError: the demo has ended, or answers with an error.
        """
        assert self._demo.is_running, self._demo.words.read_text()
        self._rounds += 1
        for inbox in self._inboxes.values():
            inbox.do("sends", template="receipt")
            if self._rounds % NEWSLETTER_EACH == 1:
                inbox.do("sends", template="newsletter")
        if self._rounds == UNSUBSCRIBES_AT:
            ana = self._inboxes["ana"]
            told = ana.until(lambda told: any(mail["one_click"] for mail in told["mails"]), ANSWER_S, "a newsletter")
            mail = next(mail for mail in told["mails"] if mail["one_click"])
            ana.do("one-clicks", mail=str(mail["number"]))
        if self._rounds % NEWSLETTER_EACH == 2:
            self._tell_nonsense()

    def _tell_nonsense(self) -> None:
        groups = json.loads((self._demo.folder / "targets.json").read_text())
        (collector,) = [group["targets"][0] for group in groups if group["labels"]["program"] == "collect"]
        for body in NOT_EVENTS:
            request = Request(f"http://{collector}/v1/batch", body, {"content-type": "application/json"})
            try:
                with urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - loopback
                    answer.read()
            except HTTPError as refused:
                refused.close()


@contextmanager
def watched_demo(folder: Path, people: int) -> Iterator[WatchedDemo]:
    """Both of them, as long as the block; nothing of them is left after it."""
    with Prometheus(folder / "prometheus", 0) as prometheus:
        demo = DemoProcess(folder, "--people", str(people), "--json")
        try:
            wait_until(lambda: len(_addresses(demo)) > 1 or not demo.is_running, STARTED_S, "the demo's two addresses")
            yield WatchedDemo(Api(prometheus.url), demo)
        finally:
            demo.kill()


def _addresses(demo: DemoProcess) -> list[str]:
    return [word for word in demo.words.read_text().split() if word.startswith("http://") and word[-1].isalpha()]
