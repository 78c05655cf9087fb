"""What came of many sends: each mail is read, and held to its recipient; each record to what was to be expected."""

import re
from base64 import b64encode
from binascii import a2b_base64, a2b_qp
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from functools import partial
from typing import Any

from connectors.delivery.returns import ReturnTokens
from connectors.gateway.tokens import Claim, Signer
from connectors.kafka.partitioning import event_partition
from foresend.bench.mail_people import TRANSACTIONAL, Recipient
from foresend.bench.mail_sink import KeptMail
from foresend.bench.mail_site import DOMAIN, SELECTOR
from schemas.errors import SchemaError
from schemas.ids import SendId, TemplateName, UserId, WorkspaceId
from schemas.sending import SendState

VERIFY_EVERY = 50
"""The signature of every so many-th mail is verified by another program: that takes longer than all else."""
_NAME = re.compile(rb"Zoe\d{7}")
_TOKEN = re.compile(rb"/[upv]/([A-Za-z0-9_-]{40,})")
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_BOUNDARY = re.compile(rb'boundary="([^"]+)"')


@dataclass
class Verdicts:
    """Figures. All but `mails` and `ambiguous` are to be 0.

    missing      sends that are told as sent, and of which no mail came
    duplicates   mails of marketing that came again
    lost         sends of other classes of which no mail came
    foreign      mails in which something is of somebody else, or nothing of the recipient's
    unsigned     mails whose signature does not hold, of those that were verified
    unexplained  sends whose record does not say what was to be expected of that person
    ambiguous    of marketing, of which a person decides
    again        mails of other classes that came again, with the same Message-ID
    new_ids      of these, with another
    """

    mails: int = 0
    missing: int = 0
    duplicates: int = 0
    lost: int = 0
    foreign: int = 0
    unsigned: int = 0
    unexplained: int = 0
    ambiguous: int = 0
    again: int = 0
    new_ids: int = 0
    sent: Counter[SendId] = field(default_factory=Counter)
    message_ids: dict[SendId, bytes] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


class Checks:
    """Of one run.

    keys    by which the node signs links
    public  half of the key that mails are signed by, DER
    """

    def __init__(
        self, workspace: WorkspaceId, people: Sequence[Recipient], keys: Mapping[str, bytes], public: bytes
    ) -> None:
        self._workspace = workspace
        self._people = {one.user: one for one in people}
        self._users = {one.address: one.user for one in people}
        self._signer = Signer(keys)
        self._returns = ReturnTokens(keys)
        self._key_record = b"v=DKIM1; k=rsa; p=" + b64encode(public)
        self.found = Verdicts()

    def mail(self, mail: KeptMail) -> None:
        """Hold one mail to the person whom its envelope names."""
        found = self.found
        found.mails += 1
        head, _, body = mail.data.partition(b"\r\n\r\n")
        headers = _headers(head)
        said = self._said(mail, body, headers)
        if len(said) != 1:
            self._wrong("tokens of several sends, or of none")
            return
        ((user, send_id, template),) = said
        problem = self._foreign(mail, headers, body, self._people.get(user))
        if problem:
            self._wrong(problem)
        found.sent[send_id] += 1
        if found.sent[send_id] > 1:
            found.duplicates += template != TRANSACTIONAL
            found.again += template == TRANSACTIONAL
            found.new_ids += found.message_ids[send_id] != headers[b"message-id"]
        found.message_ids[send_id] = headers[b"message-id"]
        if found.mails % VERIFY_EVERY == 1:
            found.unsigned += not self._verifies(mail.data)

    def record(self, user: UserId, template: TemplateName, record: Mapping[str, Any]) -> None:
        """Hold what is told of a send to what was to be expected, and to the mails that came."""
        found = self.found
        expected = self._people[user].skips[template == TRANSACTIONAL]
        mails = found.sent[record["send_id"]]
        state = record["state"]
        if expected is not None:
            found.unexplained += not (state == SendState.SKIPPED and record["reason"] == expected and not mails)
            return
        found.missing += state == SendState.SENT and not mails
        found.lost += template == TRANSACTIONAL and not mails
        found.ambiguous += state == SendState.AMBIGUOUS
        ends = {SendState.SENT} if template == TRANSACTIONAL else {SendState.SENT, SendState.AMBIGUOUS}
        found.unexplained += state not in ends

    def _said(
        self, mail: KeptMail, body: bytes, headers: Mapping[bytes, bytes]
    ) -> set[tuple[UserId, SendId, TemplateName]]:
        """Whose a mail says that it is, by every token in it; a receipt has none, and is whose the address is."""
        claims = self._claims(body, headers)
        if claims or b"list-unsubscribe" in headers:
            return {(claim.user, claim.send_id, claim.template) for claim in claims}
        user = self._users.get(mail.recipient)
        return {(user, SendId(f"{TRANSACTIONAL}-{user}"), TRANSACTIONAL)} if user else set()

    def _claims(self, body: bytes, headers: Mapping[bytes, bytes]) -> list[Claim]:
        """What every token in a mail says; one that is not of ours is somebody else's."""
        tokens = set(_TOKEN.findall(headers.get(b"list-unsubscribe", b"")))
        for part in parts_of(body, headers):
            tokens.update(_TOKEN.findall(part))
        try:
            return [self._signer.read(token.decode()) for token in tokens]
        except SchemaError:
            return []

    def _foreign(self, mail: KeptMail, headers: Mapping[bytes, bytes], body: bytes, one: Recipient | None) -> str:
        """What in a mail is not the recipient's; empty: nothing."""
        if one is None:
            return "nobody we know"
        subject = str(make_header(decode_header(headers[b"subject"].decode("ascii")))).encode()
        names = {name for text in (*parts_of(body, headers), subject) for name in _NAME.findall(text)}
        if names != {one.name.encode()}:
            return "names"
        if (mail.recipient, headers[b"to"]) != (one.address, one.address.encode()):
            return "address"
        if headers.get(b"content-language") != one.locale.encode():
            return "language"
        token = mail.sender.partition("+")[2].partition("@")[0]
        try:
            partition = self._returns.read(token).partition
        except SchemaError:
            return "return token"
        return "" if partition == event_partition(self._workspace, one.user) else "return token"

    def _verifies(self, data: bytes) -> bool:
        # Only here: dkimpy is one of what development needs.
        import dkim  # noqa: PLC0415

        names = {f"{SELECTOR}._domainkey.{DOMAIN}.".encode(): self._key_record}
        message_from_bytes(data, policy=policy.strict)
        return bool(dkim.verify(data, dnsfunc=partial(_looked_up, names)))

    def _wrong(self, what: str) -> None:
        self.found.foreign += 1
        self.found.wrong.append(what)


def _looked_up(names: Mapping[bytes, bytes], name: bytes, **_: object) -> bytes | None:
    return names.get(name)


def parts_of(body: bytes, headers: Mapping[bytes, bytes]) -> list[bytes]:
    """The parts of a body, decoded: of messages that we wrote, which is simpler and quicker than of any."""
    boundary = _BOUNDARY.search(headers[b"content-type"])
    if boundary is None:
        return [_decoded(body, headers)]
    parts = [part.partition(b"\r\n\r\n") for part in body.split(b"--" + boundary[1]) if b"\r\n\r\n" in part]
    return [_decoded(text, _headers(head)) for head, _, text in parts]


def _decoded(text: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    return a2b_base64(text) if headers.get(b"content-transfer-encoding") == b"base64" else a2b_qp(text)


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = _FOLD.sub(b"", head).strip(b"\r\n").split(b"\r\n")
    return {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
