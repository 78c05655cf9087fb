"""The values of send marks: links that name this send, and the send's id."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from connectors.cache.rows import Served
from connectors.gateway.problems import Problem, bad_request
from connectors.gateway.tokens import Claim, Purpose, Signer
from schemas.ids import SendId, WorkspaceId

LINKS = {
    "unsubscribe_url": Purpose.UNSUBSCRIBE,
    "preferences_url": Purpose.PREFERENCES,
    "view_url": Purpose.VIEW,
}
"""Marks that are links of ours; a caller may give links of its own instead."""
_PURPOSES = tuple(LINKS.values())
URL_LENGTH_MAX = 2_000
CLICKS = "clicks"
"""No mark of a layout: kept among the values where links are tracked; it names the key that signs them."""
LOOK_MARKS = {**dict.fromkeys(LINKS, "#"), "send_id": "", "open_pixel": ""}
"""A look is no send: its links lead nowhere, so that nobody unsubscribes somebody by trying out a preview."""


class Tracking(NamedTuple):
    """What may be told of one message. Both are off but for those who agreed to it."""

    clicks: bool = False
    pixel: bool = False


UNTRACKED = Tracking()


class MarkFiller:
    """Makes the marks of sends.

    public_url  where receivers reach this gateway, without a slash at its end
    """

    def __init__(self, public_url: str, signer: Signer) -> None:
        self._public_url = public_url
        self._links = [(name, f"{public_url}/{purpose}/") for name, purpose in LINKS.items()]
        self._signer = signer

    def marks(
        self,
        workspace: WorkspaceId,
        send_id: SendId,
        served: Served,
        given: Mapping[str, str],
        tracking: Tracking = UNTRACKED,
    ) -> dict[str, str]:
        """A value for every mark. Without tracking the pixel's is nothing, and links go direct."""
        claim = Claim(Purpose.UNSUBSCRIBE, workspace, served.template, served.user, send_id)
        # All of them, whatever is given: that is seldom.
        tokens = zip(self._links, self._signer.sign_each(_PURPOSES, claim), strict=True)
        links = {name: start + token for (name, start), token in tokens}
        pixel = self._pixel(workspace, send_id, served) if tracking.pixel else ""
        clicks = {CLICKS: self._signer.key_id} if tracking.clicks else {}
        return {**links, **given, "send_id": send_id, "open_pixel": pixel, **clicks}

    def _pixel(self, workspace: WorkspaceId, send_id: SendId, served: Served) -> str:
        token = self._signer.sign(Claim(Purpose.OPEN, workspace, served.template, served.user, send_id))
        address = escape(f"{self._public_url}/{Purpose.OPEN}/{token}")
        return f'<img src="{address}" width="1" height="1" alt="" style="display:block;border:0">'


def check_marks(given: Mapping[str, str]) -> None:
    """Refuse marks that a caller may not give.

    Raises:
        Problem: 400.
    """
    for name, value in given.items():
        if name not in LINKS:
            raise _refused(f"expected only marks among {', '.join(LINKS)}")
        is_url = value.startswith(("https://", "http://")) and len(value) <= URL_LENGTH_MAX
        if not is_url or not value.isprintable():
            raise _refused(f"expected the mark {name} to be a URL of at most {URL_LENGTH_MAX} characters")


def _refused(detail: str) -> Problem:
    return bad_request("bad_marks", detail)
