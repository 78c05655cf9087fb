"""The answer to a provider's request: yes once Kafka has all of it, and otherwise why not."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus

import msgspec

from connectors.collector.answers import STATUS_OF, Answer, problem, unavailable
from connectors.collector.event_log import Outgoing
from connectors.collector.intake import Moment
from connectors.collector.meters import Meters
from connectors.webhooks.intake import Heard, Webhooks
from connectors.webhooks.verifying import Unverified
from schemas.errors import TransientError

PATH = "/webhooks/"

Write = Callable[[Sequence[Outgoing]], Awaitable[None]]
"""Returns once all are acknowledged."""

_UNAUTHORIZED = (b"www-authenticate", b'Basic realm="webhooks"')
_JSON = ((b"content-type", b"application/json"),)


async def answer_webhook(
    webhooks: Webhooks,
    provider: str,
    headers: Mapping[bytes, bytes],
    body: bytes,
    moment: Moment,
    write: Write,
    meters: Meters,
) -> Answer:
    """Verify, write, and only then say yes."""
    try:
        heard = await webhooks.hear(provider, headers, body, moment)
    except Unverified as error:
        meters.webhooks.labels(provider, error.doubt.value).inc()
        challenge = [_UNAUTHORIZED] if error.status == HTTPStatus.UNAUTHORIZED else []
        return problem(error.status, str(error), error.doubt.value, *challenge)
    except TransientError as error:
        meters.webhooks.labels(provider, "unavailable").inc()
        return unavailable(str(error))
    with meters.acknowledge.time():
        await write(heard.records)
    heard.verified.written()
    _count(heard, meters)
    if heard.error is not None:
        reason = heard.error.reason
        return problem(STATUS_OF.get(reason, HTTPStatus.BAD_REQUEST), str(heard.error), reason.value)
    return Answer(HTTPStatus.OK, _JSON, msgspec.json.encode({"accepted": heard.accepted, "refused": heard.refused}))


def _count(heard: Heard, meters: Meters) -> None:
    meters.accepted.labels(heard.workspace).inc(heard.accepted)
    meters.mail.add(heard.workspace, heard.mail)
    meters.webhooks.labels(heard.provider, "accepted").inc(heard.accepted)
    for reason in heard.refused:
        meters.refused.labels(reason.value).inc()
        meters.webhooks.labels(heard.provider, reason.value).inc()
