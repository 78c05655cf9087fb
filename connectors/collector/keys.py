"""Write keys: who may send events, and whose events they are."""

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple

from schemas.ids import WorkspaceId


class Sender(NamedTuple):
    """Whose key it is, and whether everybody may know it."""

    workspace: WorkspaceId
    is_public: bool


class WriteKeys:
    """The keys of workspaces; with none, every caller sends for one workspace (on loopback only).

    public  keys that stand in web pages, where everybody reads them: what is sent with one may be behaviour, but
            changes nobody's address and erases nobody
    """

    def __init__(
        self,
        keys: Mapping[str, WorkspaceId],
        open_workspace: WorkspaceId | None = None,
        public: Mapping[str, WorkspaceId] | None = None,
    ) -> None:
        self._public = frozenset(public or ())
        self._keys = {**(public or {}), **keys}
        self._open = open_workspace

    def sender_of(self, key: str | None) -> Sender | None:
        """Whose key it is; None for nobody's."""
        if self._open is not None:
            return Sender(self._open, is_public=False)
        workspace = None if key is None else self._keys.get(key)
        return None if workspace is None else Sender(workspace, key in self._public)


def key_of(authorization: bytes) -> str | None:
    """The user name of basic authentication, which is where Segment's libraries put the key."""
    scheme, _, token = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        return base64.b64decode(token.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return None
