"""What persons and sends are called in the keys of this cache: keyed hashes, so that no key holds an id."""

from hashlib import blake2b

from connectors.cache.families import ITEM_BYTES, PERSON_BYTES, SEND_BYTES
from schemas.ids import SendId, UserId, WorkspaceId
from schemas.keys import join_key

SALT_BYTES = 32
_PERSON = b"person"
_SEND = b"send"
_ITEM = b"item"


class RowNames:
    """Names of rows. The salt is this cache's own: elsewhere the same person has another name.

    All rows of a person begin with the same bytes, so that one range of each family holds them.
    """

    def __init__(self, salt: bytes) -> None:
        self._person = blake2b(key=salt, digest_size=PERSON_BYTES, person=_PERSON)
        self._send = blake2b(key=salt, digest_size=SEND_BYTES, person=_SEND)
        self._item = blake2b(key=salt, digest_size=ITEM_BYTES, person=_ITEM)
        # All that is looked up for one request is mostly of one person. One value, so that threads see both or neither.
        self._last = (b"", b"")
        self._last_send = (b"", b"")

    def person(self, workspace: WorkspaceId, user: UserId) -> bytes:
        """Name of a person: key of a profile, beginning of all other rows."""
        return self.person_of(join_key(workspace, user))

    def person_of(self, key: bytes) -> bytes:
        """Name of the person of a key `workspace|user`."""
        last_key, last_name = self._last
        if key == last_key and last_name:
            return last_name
        named = self._person.copy()
        named.update(key)
        name = named.digest()
        self._last = (key, name)
        return name

    def entry(self, key: bytes) -> bytes:
        """Name of the entry of a key `workspace|template|user`."""
        workspace, template, user = key.split(b"|")
        return self.person_of(workspace + b"|" + user) + template

    def send(self, workspace: WorkspaceId, send_id: SendId) -> bytes:
        """Name of a send."""
        key = join_key(workspace, send_id)
        last_key, last_name = self._last_send
        if key == last_key and last_name:
            return last_name
        named = self._send.copy()
        named.update(key)
        name = named.digest()
        self._last_send = (key, name)
        return name

    def item(self, key: bytes) -> bytes:
        """Name of an item of a key `workspace|catalogue|item`."""
        named = self._item.copy()
        named.update(key)
        return named.digest()
