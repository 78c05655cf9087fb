"""Channel `api`: SendGrid's v3 Mail Send. The send id goes in its custom arguments, and its own tracking is off.

https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
"""

import msgspec

from connectors.delivery.channels.outbound import Answer, Blocked, Outbound, Unanswered, Unsent
from connectors.delivery.channels.resting import Rest
from connectors.delivery.header_lines import NAME_MAX, RECIPIENT_STATUS, SENDER_STATUS, address_of, clean
from connectors.delivery.lease import Attempt, Lease, Unsendable
from connectors.delivery.mime import (
    BAD_MESSAGE,
    Stationery,
    list_headers,
    message_id,
    reply_address,
    unsubscribe_headers,
)
from schemas.sending import Grant, Outcome

URL = "https://api.sendgrid.com/v3/mail/send"
LATER = frozenset({408, 429, 503})
"""Nothing was taken, and it may be tried again."""
OURS = frozenset({401, 403, 404, 405, 413})
"""What says something of the account."""
CONNECTIONS = 8
_OFF = {"enable": False}


class SendGridChannel:
    """Sends by an account of SendGrid, which signs (DKIM) and takes bounces back by itself."""

    name = "api"

    def __init__(
        self, key: str, outbound: Outbound, stationery: Stationery, *, url: str = URL, connections: int = CONNECTIONS
    ) -> None:
        self.connections = connections
        self._key = key
        self._outbound = outbound
        self._stationery = stationery
        self._url = url
        self._rest = Rest()

    async def ready(self) -> bool:
        """Whether the account takes messages, as far as known."""
        return not self._rest.is_needed

    async def send(self, grant: Grant, lease: Lease, /) -> Attempt:
        """Send one message."""
        headers = [("Authorization", f"Bearer {self._key}"), ("Content-Type", "application/json")]
        body = body_of(grant, self._stationery)
        try:
            answer = await self._outbound.post(self._url, body, headers, lease.begin)
        except Blocked:
            return Attempt(Outcome.POLICY)
        except Unsent:
            self._rest.failed()
            return Attempt(Outcome.SOFT)
        except Unanswered:
            return Attempt(Outcome.UNKNOWN)
        if answer is None:
            return Attempt(Outcome.NOT_BEGUN)
        found = attempt_of(answer)
        if found.outcome in {Outcome.SENT, Outcome.REFUSED}:
            self._rest.worked()
        else:
            self._rest.failed()
        return found

    async def close(self) -> None:
        """Nothing is open."""


def attempt_of(answer: Answer) -> Attempt:
    """What a status means. SendGrid knows no message that comes again, so what may have been taken is unknown."""
    status = str(answer.status)
    if answer.status // 100 == 2:
        return Attempt(Outcome.SENT, status)
    if answer.status in LATER:
        return Attempt(Outcome.SOFT, status)
    if answer.status // 100 == 3 or answer.status in OURS:
        return Attempt(Outcome.POLICY, status)
    return Attempt(Outcome.REFUSED if answer.status // 100 == 4 else Outcome.UNKNOWN, status)


def body_of(grant: Grant, stationery: Stationery) -> bytes:
    """A grant as SendGrid wants it.

    Raises:
        Unsendable: an address or link of it is not as it must be, or it has no content.
    """
    recipient = address_of(grant.address, RECIPIENT_STATUS)
    writer = address_of(grant.sender.email, SENDER_STATUS)
    content = [("text/plain", grant.text), ("text/html", grant.html)]
    if not (grant.text or grant.html):
        raise Unsendable(BAD_MESSAGE, "expected a message with a text or HTML part, got neither")
    fields: dict[str, object] = {
        "personalizations": [{"to": [{"email": recipient}]}],
        "from": {"email": writer, "name": clean(grant.sender.name, NAME_MAX)},
        "subject": clean(grant.subject),
        "content": [{"type": kind, "value": text} for kind, text in content if text],
        "headers": dict(
            [
                ("Message-ID", message_id(grant)),
                *unsubscribe_headers(grant, stationery),
                *list_headers(grant),
            ]
        ),
        # docs/webhooks.md names these: what SendGrid tells of a mail is joined to the send by them.
        "custom_args": {
            "foresend_send_id": grant.send_id,
            "foresend_user": grant.user,
            "foresend_template": grant.template,
        },
        # One click must not count twice.
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": _OFF,
            "subscription_tracking": _OFF,
            "ganalytics": _OFF,
        },
    }
    reply = reply_address(grant)
    if reply:
        fields["reply_to"] = {"email": reply}
    return msgspec.json.encode(fields)
