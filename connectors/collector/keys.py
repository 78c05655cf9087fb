"""Write keys: who may send events, and whose events they are."""

import base64
import binascii
from collections.abc import Mapping

from schemas.ids import WorkspaceId


class WriteKeys:
    """The keys of workspaces; with none, every caller sends for one workspace (on loopback only).

    public  keys that stand in web pages, where everybody reads them: they send events and can do nothing else
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

    def is_public(self, key: str | None) -> bool:
        """Whether everybody may know the key."""
        return key in self._public

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
