"""Tracked links and the pixel of one message, for those who agreed to it; everybody else's links go direct.

Called at a grant, over the final message, never on the way of reads. A link becomes `{public_url}/c/{token}`, and the
token names it by its id in `Release.links`: no address that a message holds can be led anywhere else. See
docs/tracking.md.
"""

import re
from collections.abc import Mapping
from html import escape, unescape

import msgspec

from connectors.cache.releases import OpenRelease
from connectors.gateway.marks import CLICKS, Tracking
from connectors.gateway.tokens import Claim, Purpose, Signer
from schemas.consent import TRACKING
from schemas.decisions import Rendered
from schemas.ids import ReleaseId, SendId, TemplateName, UserId
from schemas.library import DeliverySettings, Release
from schemas.profiles import ToldProfile
from schemas.sending import SendRecord

_TAG = re.compile(r"<(?:a|area|v:[a-z]+)\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.IGNORECASE)
"""Tags that lead somewhere when one clicks, Outlook's in comments among them. Each character fits one alternative."""
_HREF = re.compile(r"(\shref\s*=\s*)(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_IN_TEXT = re.compile(r"https://[^\s<>\"']+")
_AFTER = ".,;:!?)"
"""Ends a sentence rather than an address, where the address is not known with it."""
RELEASES_MAX = 64
"""Of which addresses are kept turned round."""


def may_track(told: ToldProfile | None) -> bool:
    """Whether clicks and opens of somebody may be told: only who said so. Mutant: True for all; then the tests fail."""
    return told is not None and told.consent.get(TRACKING) is True


def tracking_of(settings: DeliverySettings, told: ToldProfile | None) -> Tracking:
    """What may be told of a message to somebody: what the workspace wants and the person agreed to."""
    is_agreed = may_track(told)
    return Tracking(clicks=settings.clicks and is_agreed, pixel=settings.pixel and is_agreed)


class Tracker:
    """Puts signed addresses of our own in the place of fixed ones.

    public_url  where receivers reach this gateway, without a slash at its end
    """

    def __init__(self, public_url: str, signer: Signer) -> None:
        self._public_url = public_url
        self._signer = signer
        self._ids: dict[ReleaseId, dict[str, str]] = {}

    def tracked(self, record: SendRecord, release: OpenRelease, message: Rendered) -> Rendered:
        """The message of a grant, its links tracked where its marks say so: then it is made again to the byte later."""
        if CLICKS not in record.marks:
            return message
        return self.rewritten(
            message, release.release, record.template, record.user, record.send_id, key_id=record.marks[CLICKS]
        )

    def rewritten(
        self,
        message: Rendered,
        release: Release,
        template: TemplateName,
        user: UserId,
        send_id: SendId,
        *,
        key_id: str = "",
    ) -> Rendered:
        """The message with each fixed address of its release tracked, in HTML's links and in the text.

        release  that the message was made with
        key_id   of the signing key that was used before: the same message again has the same bytes
        """
        ids = self._ids_of(release)
        if not ids:
            return message
        claim = Claim(Purpose.CLICK, release.workspace, template, user, send_id)
        links = _Links(self._public_url, self._signer, claim, ids, key_id)
        return msgspec.structs.replace(
            message,
            html=_TAG.sub(links.in_tag, message.html.decode()).encode(),
            text=_IN_TEXT.sub(links.in_text, message.text.decode()).encode(),
        )

    def _ids_of(self, release: Release) -> dict[str, str]:
        """Of each address its id."""
        found = self._ids.get(release.id)
        if found is None:
            if len(self._ids) >= RELEASES_MAX:
                self._ids.clear()
            found = self._ids[release.id] = {address: link for link, address in release.links.items()}
        return found


class _Links:
    """The links of one message."""

    def __init__(self, public_url: str, signer: Signer, claim: Claim, ids: Mapping[str, str], key_id: str) -> None:
        self._public_url = public_url
        self._signer = signer
        self._claim = claim
        self._ids = ids
        self._key_id = key_id

    def in_tag(self, tag: re.Match[str]) -> str:
        """A tag with its address replaced; as it was where that is none of the release's."""
        return _HREF.sub(self._in_href, tag[0], count=1)

    def in_text(self, found: re.Match[str]) -> str:
        """An address in plain text. What stands right after it may belong to the sentence."""
        told = found[0]
        for end in range(len(told), max(len(told) - len(_AFTER), 0), -1):
            if told[:end] in self._ids:
                return self._tracked(told[:end]) + told[end:]
            if told[end - 1] not in _AFTER:
                break
        return told

    def _in_href(self, found: re.Match[str]) -> str:
        address = unescape(found[2] if found[2] is not None else found[3]).strip()
        if address not in self._ids:
            return found[0]
        # Escaped, and always in double quotes: nothing of ours ends the attribute.
        return f'{found[1]}"{escape(self._tracked(address))}"'

    def _tracked(self, address: str) -> str:
        claim = msgspec.structs.replace(self._claim, link=self._ids[address])
        return f"{self._public_url}/{Purpose.CLICK}/{self._signer.sign(claim, self._key_id)}"
