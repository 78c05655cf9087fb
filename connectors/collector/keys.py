"""Write keys: who may send events, and whose events they are."""

import base64
import binascii
from collections.abc import Mapping

from schemas.ids import WorkspaceId


class WriteKeys:
    """The keys of workspaces; with none, every caller sends for one workspace (on loopback only)."""

    def __init__(self, keys: Mapping[str, WorkspaceId], open_workspace: WorkspaceId | None = None) -> None:
        self._keys = dict(keys)
        self._open = open_workspace

    def workspace_of(self, key: str | None) -> WorkspaceId | None:
        """Whose key it is; None for nobody's."""
        if self._open is not None:
            return self._open
        return None if key is None else self._keys.get(key)


def key_of(authorization: bytes) -> str | None:
    """The user name of basic authentication, which is where Segment's libraries put the key."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(token.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
