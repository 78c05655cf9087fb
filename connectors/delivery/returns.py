"""Whose a message was that came back: tokens in the envelope's sender (VERP), and the node that knows what they name.

A bounce is sent to `bounces+TOKEN@…`. There is room for 64 characters before the @ (RFC 5321), too few for a person's
id and a send's: so a token names a row of the ledger, signed, in letters that survive a server which writes them small.
"""

import hmac
from base64 import b32decode, b32encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple

import msgspec

from connectors.delivery.send_rows import SendErased, SendRows
from connectors.gateway.answers import Answer, json_body
from connectors.gateway.nodes import Nodes
from connectors.gateway.problems import bad_request, not_found
from connectors.gateway.routing import Request, Right, Route
from connectors.kafka.partitioning import event_partition
from schemas.errors import Reason, SchemaError
from schemas.ids import SendId, UserId, WorkspaceId

SEND_BYTES = 16
_PROOF_BYTES = 8
_TOKEN_BYTES = 1 + SEND_BYTES + _PROOF_BYTES
TOKEN_LENGTH = 40
RETURNED = ("v1", "deliveries:returned")
PATH = "/" + "/".join(RETURNED)


class Returned(NamedTuple):
    """What a token names.

    partition  of its person: the node that holds it has the send
    send       what the send is called in that node's keys
    """

    partition: int
    send: bytes


class ReturnTokens:
    """Signs with the first key and knows tokens of all of them.

    keys  as those of links in messages (`connectors.gateway.tokens.Signer`)
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        self._secrets = [hmac.digest(secret, b"foresend returns", sha256) for secret in keys.values()]

    def token(self, workspace: WorkspaceId, user: UserId, send: bytes) -> str:
        """The token of a send to a person: 40 letters and digits. `send`: what it is called in the ledger's keys."""
        said = bytes((event_partition(workspace, user),)) + send
        return b32encode(said + _proof(self._secrets[0], said)).decode().lower()

    def read(self, token: str) -> Returned:
        """What a token names.

        Raises:
            SchemaError: it is not one of ours.
        """
        try:
            packed = b32decode(token.upper().encode("ascii")) if len(token) == TOKEN_LENGTH else b""
        except ValueError:
            packed = b""
        said, proof = packed[:-_PROOF_BYTES], packed[-_PROOF_BYTES:]
        proofs = (_proof(secret, said) for secret in self._secrets)
        if len(packed) != _TOKEN_BYTES or not any(hmac.compare_digest(own, proof) for own in proofs):
            raise SchemaError(Reason.WRONG_TYPE, "expected a token signed by this installation, got another text")
        return Returned(said[0], said[1:])


def _proof(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, said, sha256)[:_PROOF_BYTES]


class ReturnedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks whose a message was."""

    token: str


class ReturnedAnswer(msgspec.Struct, frozen=True):
    """The send that a token names, and to whom it went."""

    user: UserId
    send_id: SendId


_decoder = msgspec.json.Decoder(ReturnedRequest)


class ReturnDesk:
    """Answers `POST /v1/deliveries:returned`."""

    def __init__(self, rows: SendRows, tokens: ReturnTokens, nodes: Nodes) -> None:
        self._rows = rows
        self._tokens = tokens
        self._nodes = nodes

    def routes(self) -> Sequence[Route]:
        """Its path."""
        return [
            Route(
                "POST",
                RETURNED,
                Right.DELIVER,
                self._nodes.at_primary(self._tell, self._whose),
                about="Whose a message was that came back, by the token in the address that it came back to",
                takes=ReturnedRequest,
                gives={200: ReturnedAnswer},
            )
        ]

    async def _tell(self, request: Request) -> Answer:
        """Which send it was.

        Raises:
            Problem: 404, no such send is known, or it is another workspace's.
        """
        try:
            row = self._rows.named(self._read(request).send)
        except SendErased:
            row = None
        if row is None or row.workspace != request.workspace:
            raise not_found("no_such_send", "expected the token of a send that is remembered")
        return json_body(HTTPStatus.OK, {"user": row.record.user, "send_id": row.record.send_id})

    def _whose(self, request: Request) -> tuple[WorkspaceId, UserId]:
        """Somebody whose node is the one that is asked for."""
        return request.workspace, _someone(request.workspace, self._read(request).partition)

    def _read(self, request: Request) -> Returned:
        try:
            return self._tokens.read(_decoder.decode(request.body).token)
        except (msgspec.DecodeError, UnicodeDecodeError, SchemaError) as error:
            raise bad_request("bad_token", str(error)) from None


@cache
def _someone(workspace: WorkspaceId, partition: int) -> UserId:
    """Any id of a partition: nodes are found by persons."""
    number = 0
    while event_partition(workspace, UserId(f"{number}")) != partition:
        number += 1
    return UserId(f"{number}")
