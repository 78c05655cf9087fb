"""A read as the body and headers of an HTTP answer."""

from typing import NamedTuple

import msgspec

from connectors.gateway.problems import Problem
from connectors.gateway.reads import Read
from schemas.decisions import Decision
from schemas.ids import DecisionId, Locale, ReleaseId, TemplateName, UserId, VariantId, WorkspaceId
from templates.assembly import Opened

Headers = tuple[tuple[bytes, bytes], ...]

_COMMON: Headers = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_SANDBOX = (b"content-security-policy", b"sandbox; script-src 'none'")
"""A look opened in a browser is somebody's content on this gateway's own address: it may run nothing there."""
_JSON: Headers = ((b"content-type", b"application/json"), *_COMMON)
_encoder = msgspec.json.Encoder()


class Answer(NamedTuple):
    """One HTTP answer."""

    status: int
    headers: Headers
    body: bytes


def body_answer(read: Read) -> Answer:
    """The message's HTML as the body, of a block its JSON; the rest that fits into headers is there."""
    served, message = read.served, read.message
    headers = (
        (b"content-type", b"application/json" if message.block else b"text/html; charset=utf-8"),
        (b"content-language", _header(served.locale)),
        (b"foresend-source", _header(read.source)),
        (b"foresend-reason", _header(served.reason)),
        (b"foresend-decision", _header(served.decision)),
        (b"foresend-candidate", _header(str(served.candidate))),
        _SANDBOX,
        *_COMMON,
    )
    return Answer(200, headers, message.block or message.html)


def _header(value: str) -> bytes:
    """A value as a header may hold it: one with line breaks or the like would begin headers of its own."""
    return value.encode() if value.isascii() and value.isprintable() else b""


def json_answer(read: Read, *, explain: bool = False) -> Answer:
    """The message in its parts, and how it was chosen.

    explain  adds the distribution of each slot, the terms that it comes from, and the packed decision, base64
    """
    whole, in_json = read.whole, read.in_json
    if in_json is not None and isinstance(whole, Opened):
        # Joined out of escaped pieces: to escape all of it anew for each draw would take longer than the draw.
        parts = [_head(read, whole.subject, whole.preheader), in_json.html, b'","text":"', in_json.text, b'"']
    else:
        message = read.message
        head = _head(read, message.subject, message.preheader)
        parts = [head[:-1], _encoder.encode(message.html.decode()), b',"text":', _encoder.encode(message.text.decode())]
        if message.block:
            parts += [b',"block":', message.block]
    if explain:
        told = None if read.decision is None else explanation(read.decision)
        stored = b"" if read.decision is None else stored_of(read.decision)
        parts += [b',"explain":', _encoder.encode(told), b',"stored":', _encoder.encode(stored)]
    parts.append(b"}")
    return Answer(200, _JSON, b"".join(parts))


class _Head(msgspec.Struct):
    """What an answer says of a message before the message itself."""

    workspace: WorkspaceId
    template: TemplateName
    user: UserId
    source: str
    reason: str
    release: ReleaseId
    decision: DecisionId
    candidate: int
    propensity: float
    probabilities: tuple[float, ...]
    variants: dict[str, VariantId]
    language: Locale
    subject: str
    preheader: str
    html: str = ""


def _head(read: Read, subject: str, preheader: str) -> bytes:
    """The answer as far as where the HTML begins, its first quote included."""
    served = read.served
    head = _Head(
        read.workspace,
        served.template,
        served.user,
        read.source,
        served.reason,
        served.release,
        served.decision,
        served.candidate,
        served.propensity,
        served.probabilities,
        served.variants,
        served.locale,
        subject,
        preheader,
    )
    return _encoder.encode(head)[:-2]


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


def stored_of(decision: Decision) -> bytes:
    """A decision as it is stored, without its candidates: what `foresend explain` tells features from."""
    return msgspec.msgpack.encode(msgspec.structs.replace(decision, candidates=()))


def json_body(status: int, fields: dict[str, object]) -> Answer:
    """Any fields as JSON."""
    return Answer(status, _JSON, _encoder.encode(fields))


def problem_answer(problem: Problem) -> Answer:
    """A problem as RFC 9457 wants it."""
    headers = ((b"content-type", b"application/problem+json"), *problem.headers, *_COMMON)
    return Answer(problem.status.value, headers, problem.body())
