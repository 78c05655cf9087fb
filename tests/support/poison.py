"""Input that no sender should send, and some did: each with the reason for which it is refused."""

from typing import NamedTuple

from schemas.errors import Reason


class Poison(NamedTuple):
    """One bad call, as bytes. `kind`: of the path it is sent to by itself; empty: it is good there."""

    name: str
    payload: bytes
    reason: Reason
    kind: str = "track"


def _track(rest: str) -> bytes:
    return ('{"type": "track", "userId": "u", "event": "E", ' + rest + "}").encode()


DEEP = 10_000

POISON = (
    Poison("empty", b"", Reason.NOT_JSON),
    Poison("not JSON", b"event=Clicked&user=u", Reason.NOT_JSON),
    Poison("cut short", b'{"type": "track", "userId": "u", "ev', Reason.NOT_JSON),
    Poison("lone surrogate", _track(r'"properties": {"a": "\ud800"}'), Reason.NOT_JSON),
    Poison(
        "bad UTF-8", b'{"type": "track", "userId": "u", "event": "E", "properties": {"a": "\xff"}}', Reason.BAD_UTF8
    ),
    Poison("nested 10 000 deep", _track(f'"properties": {{"a": {"[" * DEEP}{"]" * DEEP}}}'), Reason.TOO_DEEP),
    Poison("nested 150 deep", _track(f'"properties": {{"a": {"[" * 150}{"]" * 150}}}'), Reason.TOO_DEEP),
    Poison("NaN", _track('"properties": {"a": NaN}'), Reason.NOT_FINITE),
    Poison("Infinity", _track('"properties": {"a": -Infinity}'), Reason.NOT_FINITE),
    Poison("a number beyond all", _track('"properties": {"a": 1e999}'), Reason.NOT_FINITE),
    Poison("a list", b"[]", Reason.WRONG_TYPE),
    Poison("a number", b"42", Reason.WRONG_TYPE),
    Poison("properties of a wrong type", _track('"properties": "many"'), Reason.WRONG_TYPE),
    Poison("an id of a wrong type", b'{"type": "track", "userId": {"a": 1}, "event": "E"}', Reason.WRONG_TYPE),
    Poison("an id too long", b'{"type": "track", "event": "E", "userId": "' + b"u" * 257 + b'"}', Reason.WRONG_TYPE),
    Poison("nobody", b'{"type": "track", "event": "E", "userId": "", "anonymousId": null}', Reason.WRONG_TYPE),
    Poison("track of nothing", b'{"type": "track", "userId": "u"}', Reason.WRONG_TYPE),
    Poison("alias of nobody", b'{"type": "alias", "userId": "u"}', Reason.WRONG_TYPE, "alias"),
    Poison("group without a group", b'{"type": "group", "userId": "u"}', Reason.WRONG_TYPE, "group"),
    Poison("a time that is none", _track('"timestamp": "soon"'), Reason.WRONG_TYPE),
    Poison("unknown kind", b'{"type": "teleport", "userId": "u"}', Reason.UNKNOWN_KIND),
    Poison("our own kind", b'{"type": "exposure", "userId": "u"}', Reason.UNKNOWN_KIND),
    Poison("no kind", b'{"userId": "u", "event": "E"}', Reason.UNKNOWN_KIND, ""),
    Poison("1970", _track('"timestamp": "1970-01-01T00:00:00Z"'), Reason.TIME_OUT_OF_RANGE),
    Poison("2099", _track('"timestamp": "2099-01-01T00:00:00Z"'), Reason.TIME_OUT_OF_RANGE),
    Poison("over 1 MB", _track(f'"properties": {{"a": "{"x" * 1_000_000}"}}'), Reason.TOO_LARGE),
)

ALONE = tuple(poison for poison in POISON if poison.kind)
IN_LISTS = tuple(poison for poison in POISON if poison.name not in ("empty", "not JSON", "cut short"))
"""Those that can stand in a batch: the others leave no list that could be cut."""
