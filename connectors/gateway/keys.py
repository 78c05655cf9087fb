"""Who may read: API keys, each of one workspace."""

import binascii
from base64 import b64decode
from collections.abc import Callable, Mapping
from hashlib import sha256
from http import HTTPStatus
from typing import Protocol

from connectors.gateway.problems import Problem, not_found
from schemas.ids import WorkspaceId

_CHALLENGE = ((b"www-authenticate", b'Bearer realm="foresend"'),)


class Door(Protocol):
    """Tells whose messages a caller may read."""

    def workspace_of(self, authorization: bytes, /) -> WorkspaceId:
        """The workspace of a request, by its Authorization header (empty: it has none).

        Raises:
            Problem: 401, or there is no telling.
        """


class Keyring:
    """A door with keys, given as a bearer token or as the user name of basic authentication."""

    def __init__(self, keys: Mapping[str, WorkspaceId]) -> None:
        # Looked up by hash: the time of a comparison then tells nothing about a key.
        self._workspaces = {sha256(key.encode()).digest(): workspace for key, workspace in keys.items()}

    def workspace_of(self, authorization: bytes) -> WorkspaceId:
        """The workspace whose key was given."""
        found = self._workspaces.get(sha256(_key_in(authorization)).digest())
        if found is None:
            raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "expected a valid API key", _CHALLENGE)
        return found


class OpenDoor:
    """A door without keys, for loopback only: every caller reads the one workspace."""

    def __init__(self, workspace: WorkspaceId | None, known: Callable[[], tuple[WorkspaceId, ...]]) -> None:
        self._workspace = workspace
        self._known = known

    def workspace_of(self, _authorization: bytes) -> WorkspaceId:
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
