"""A read as the body and headers of an HTTP answer."""

from typing import NamedTuple

import msgspec

from connectors.gateway.problems import Problem
from connectors.gateway.reads import Read
from schemas.decisions import Decision

Headers = tuple[tuple[bytes, bytes], ...]

_COMMON: Headers = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_SANDBOX = (b"content-security-policy", b"sandbox; script-src 'none'")
"""A look opened in a browser is somebody's content on this gateway's own address: it may run nothing there."""
_encoder = msgspec.json.Encoder()


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: Headers
    body: bytes


def html_answer(read: Read) -> Answer:
    """The message's HTML as the body; the rest that fits into headers is there."""
    served = read.served
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-language", _header(served.locale)),
        (b"foresend-source", _header(read.source)),
        (b"foresend-reason", _header(served.reason)),
        (b"foresend-decision", _header(served.decision)),
        (b"foresend-candidate", _header(str(served.candidate))),
        _SANDBOX,
        *_COMMON,
    )
    return Answer(200, headers, read.message.html)


def _header(value: str) -> bytes:
    """A value as a header may hold it: one with line breaks or the like would begin headers of its own."""
    return value.encode() if value.isascii() and value.isprintable() else b""


def json_answer(read: Read, *, explain: bool = False) -> Answer:
    """The message in its parts, and how it was chosen.

    explain  adds the distribution of each slot, and the terms that it comes from
    """
    served, message = read.served, read.message
    fields: dict[str, object] = {
        "workspace": read.workspace,
        "template": served.template,
        "user": served.user,
        "source": read.source,
        "reason": served.reason,
        "release": served.release,
        "decision": served.decision,
        "candidate": served.candidate,
        "propensity": served.propensity,
        "probabilities": served.probabilities,
        "variants": served.variants,
        "language": served.locale,
        "subject": message.subject,
        "preheader": message.preheader,
        "html": message.html.decode(),
        "text": message.text.decode(),
    }
    if explain:
        fields["explain"] = None if read.decision is None else explanation(read.decision)
    return json_body(200, fields)


def explanation(decision: Decision) -> dict[str, object]:
    """Why a decision is as it is: for each slot its variants, their probabilities, and what each score is the sum of.

    terms       what each adds to the score of each variant, by its name; they sum to `scores`
    deviations  of the scores, as the policy was given them
    experience  examples that the person's own model had learnt
    affinities  how near each variant's tags are to what the person does, from 0 to 1
    """
    return {
        slot.slot: {
            "variants": slot.variants,
            "probabilities": slot.probabilities,
            "scores": slot.scores(),
            "terms": slot.contributions(),
            "deviations": slot.spread(),
            "experience": slot.experience,
            "affinities": slot.affinities(),
        }
        for slot in decision.slots
    }


def json_body(status: int, fields: dict[str, object]) -> Answer:
    """Any fields as JSON."""
    return Answer(status, ((b"content-type", b"application/json"), *_COMMON), _encoder.encode(fields))


def problem_answer(problem: Problem) -> Answer:
    """A problem as RFC 9457 wants it."""
    headers = ((b"content-type", b"application/problem+json"), *problem.headers, *_COMMON)
    return Answer(problem.status.value, headers, problem.body())
