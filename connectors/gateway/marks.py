"""The values of send marks: links that name this send, and the send's id."""

from collections.abc import Mapping

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
URL_LENGTH_MAX = 2_000
LOOK_MARKS = {**dict.fromkeys(LINKS, "#"), "send_id": "", "open_pixel": ""}
"""A look is no send: its links lead nowhere, so that nobody unsubscribes somebody by trying out a preview."""


class MarkFiller:
    """Makes the marks of sends.

    public_url  where receivers reach this gateway, without a slash at its end
    """

    def __init__(self, public_url: str, signer: Signer) -> None:
        self._public_url = public_url
        self._signer = signer

    def marks(
        self, workspace: WorkspaceId, send_id: SendId, served: Served, given: Mapping[str, str]
    ) -> dict[str, str]:
        """A value for every mark. The pixel is off: it needs tracking consent where law asks for it."""
        links = {
            name: f"{self._public_url}/{purpose}/"
            + self._signer.sign(Claim(purpose, workspace, served.template, served.user, send_id))
            for name, purpose in LINKS.items()
            if name not in given
        }
        return {**links, **given, "send_id": send_id, "open_pixel": ""}


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
