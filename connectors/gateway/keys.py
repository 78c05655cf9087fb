"""Who may do what: API keys, each of one workspace, with the rights that it was given. Only hashes of keys are kept."""

import binascii
import re
import secrets
from base64 import b64decode
from collections.abc import Callable, Iterable
from hashlib import sha256
from http import HTTPStatus
from math import ceil
from time import monotonic
from typing import NamedTuple, Protocol

from connectors.gateway.problems import Problem, not_found
from connectors.gateway.routing import Right
from schemas.ids import WorkspaceId

KEY_START = "fsk_"
"""Begins every key, so that scanners of repositories know one."""
_KEY_BYTES = 32
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOBODY = (None, None)
_CHALLENGE = ((b"www-authenticate", b'Bearer realm="foresend"'),)


class KeyGrant(NamedTuple):
    """What the settings say of a key. They never hold the key itself.

    digest  SHA-256 of the key, hexadecimal: a key is 32 random bytes, so nothing slower is needed
    """

    digest: str
    workspace: WorkspaceId
    rights: frozenset[Right]

    @classmethod
    def read(cls, digest: str, said: str) -> "KeyGrant":
        """What stands in the settings: a digest, and `workspace:right+right`.

        Raises:
            ValueError: it is none, in words that repeat nothing of it.
        """
        workspace, _, rights = said.rpartition(":")
        names = [right.strip() for right in rights.split("+")]
        if not _DIGEST.fullmatch(digest) or not workspace:
            raise ValueError("expected sha256-of-the-key:workspace:right+right, as `foresend keys new` prints it")
        strange = [name for name in names if name not in {*Right}]
        if strange:
            raise ValueError(f"expected rights among {', '.join(Right)}, got others")
        return cls(digest, WorkspaceId(workspace), frozenset(map(Right, names)))

    @property
    def line(self) -> str:
        """What stands in the settings."""
        return f"{self.digest}:{self.workspace}:{'+'.join(sorted(self.rights))}"


def new_key() -> str:
    """A key that nobody has."""
    return KEY_START + secrets.token_urlsafe(_KEY_BYTES)


def grant_of(key: str, workspace: WorkspaceId, rights: Iterable[Right]) -> KeyGrant:
    """What the settings say of a key."""
    return KeyGrant(sha256(key.encode()).hexdigest(), workspace, frozenset(rights))


class Door(Protocol):
    """Tells whose workspace a caller may act in."""

    def enter(self, authorization: bytes, right: Right, /) -> WorkspaceId:
        """The workspace of a request, by its Authorization header (empty: it has none).

        Raises:
            Problem: 401; 403, the key has not the right; or there is no telling.
        """


class Keyring:
    """A door with keys, given as a bearer token or as the user name of basic authentication.

    rate_per_s  requests a second of one key; 0: no limit. A second's worth may come at once
    clock_s     seconds that only grow
    """

    def __init__(
        self, grants: Iterable[KeyGrant], rate_per_s: float = 0.0, clock_s: Callable[[], float] = monotonic
    ) -> None:
        # Looked up by hash: the time of a comparison then tells nothing about a key.
        self._keys = {
            bytes.fromhex(grant.digest): (grant, Bucket(rate_per_s, clock_s) if rate_per_s else None)
            for grant in grants
        }

    def enter(self, authorization: bytes, right: Right) -> WorkspaceId:
        """The workspace whose key was given. It counts as a request of the key.

        Raises:
            Problem: 401, 403; 429, the key asks too often.
        """
        grant, bucket = self._keys.get(sha256(_key_in(authorization)).digest(), _NOBODY)
        if grant is None:
            raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "expected a valid API key", _CHALLENGE)
        # Mutant: leave this out; then `test_a_key_may_do_what_it_was_given_and_nothing_else` fails.
        if right not in grant.rights:
            raise Problem(HTTPStatus.FORBIDDEN, "forbidden", f"expected a key with the right {right}, this has not")
        if bucket is not None:
            bucket.take()
        return grant.workspace


class Bucket:
    """A token bucket, kept as one number: when the next request would be due if all came evenly (GCRA, ITU-T I.371).

    per_s  tokens that come in a second; so many may be taken at once
    """

    def __init__(self, per_s: float, clock_s: Callable[[], float]) -> None:
        self._each_s = 1.0 / per_s
        self._ahead_s = max(1.0, self._each_s) - self._each_s / 2
        self._clock_s = clock_s
        self._due_s = 0.0

    def take(self) -> None:
        """Take a token.

        Raises:
            Problem: 429, there is none; `Retry-After` says in how many seconds there is one.
        """
        now_s = self._clock_s()
        due_s = max(self._due_s, now_s)
        wait_s = due_s - now_s - self._ahead_s
        if wait_s > 0:
            retry = ((b"retry-after", b"%d" % max(1, ceil(wait_s))),)
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, "rate", "expected fewer requests a second of this key", retry)
        self._due_s = due_s + self._each_s


class OpenDoor:
    """A door without keys, for loopback only: every caller may do everything in the one workspace."""

    def __init__(self, workspace: WorkspaceId | None, known: Callable[[], tuple[WorkspaceId, ...]]) -> None:
        self._workspace = workspace
        self._known = known

    def enter(self, _authorization: bytes, _right: Right) -> WorkspaceId:
        """The workspace of the settings, or the only one that has a release."""
        if self._workspace is not None:
            return self._workspace
        known = self._known()
        if len(known) != 1:
            raise not_found(
                "no_workspace",
                f"expected one workspace with a release, got {len(known)}; "
                "release one, or name it by the setting workspace_id",
            )
        return known[0]


def _key_in(authorization: bytes) -> bytes:
    scheme, _, value = authorization.partition(b" ")
    if scheme.lower() == b"bearer":
        return value.strip()
    if scheme.lower() == b"basic":
        try:
            return b64decode(value.strip(), validate=True).partition(b":")[0]
        except binascii.Error:
            return b""
    return b""
