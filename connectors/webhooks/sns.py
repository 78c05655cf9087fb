"""Amazon SNS: signed by a certificate that is named in the message, and fetched from Amazon alone.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509 import verification

from connectors.webhooks.paths import text_at
from connectors.webhooks.verifying import Doubt, Request, Unverified, Verified, check_json
from schemas.errors import TransientError
from schemas.ids import WorkspaceId

Fetch = Callable[[str], Awaitable[bytes]]
"""What an address answers; raises TransientError where it does not."""

HOST = re.compile(r"sns\.(?P<region>[a-z0-9-]{1,32})\.(?P<suffix>amazonaws\.com(\.cn)?)")
SIGNER = "sns.amazonaws.com"
CERTIFICATES_MAX = 64
"""Certificates remembered: one for each region, and those before them."""
FETCHES_MAX = 4
"""At once: a topic's name is no secret, and whoever knows it must not make us ask Amazon without end."""

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303  version 1 is theirs


class TooManyCertificates(TransientError):
    """Others are being fetched. Those that are known already still do."""


class SnsVerifier:
    """By the topics that a workspace has, and by certificates of SNS.

    roots  in PEM, what a certificate must descend from; none: that Amazon's host gave it over TLS must do
    """

    def __init__(self, topics: Mapping[str, WorkspaceId], fetch: Fetch, roots: bytes = b"") -> None:
        self._topics = dict(topics)
        self._fetch = fetch
        self._roots = x509.load_pem_x509_certificates(roots) if roots else []
        self._certificates: OrderedDict[str, list[x509.Certificate]] = OrderedDict()
        self._fetching = 0

    async def verify(self, request: Request) -> Verified:
        """Whose topic it came by.

        Raises:
            Unverified: it is of another topic, or not signed by SNS.
            TransientError: the certificate cannot be fetched now.
        """
        check_json(request)
        payload = request.payload
        fields = _SIGNED.get(text_at(payload, ["Type"]))
        if fields is None or not isinstance(payload, dict):
            raise Unverified(Doubt.MISSING, "expected a message of Amazon SNS (without raw delivery), got another")
        workspace = self._topics.get(text_at(payload, ["TopicArn"]))
        if workspace is None:
            raise Unverified(Doubt.WRONG_TOPIC, "expected a topic that webhooks.ses names, got another")
        address = text_at(payload, ["SigningCertURL", "SigningCertUrl"])
        if not is_of_sns(address) or not urlsplit(address).path.endswith(".pem"):
            raise Unverified(Doubt.WRONG_HOST, "expected a certificate on a host of Amazon SNS, got another address")
        chain = await self._chain(address)
        check_chain(chain, self._roots, signers_of(urlsplit(address).netloc), request.now_ms)
        _check_signature(chain[0], payload, fields)
        return Verified(workspace, visit=_to_visit(payload))

    async def _chain(self, address: str) -> list[x509.Certificate]:
        """The signer's certificate, and those it came with."""
        found = self._certificates.get(address)
        if found is None:
            found = await self._fetched(address)
            self._certificates[address] = found
            while len(self._certificates) > CERTIFICATES_MAX:
                self._certificates.popitem(last=False)
        return found

    async def _fetched(self, address: str) -> list[x509.Certificate]:
        if self._fetching >= FETCHES_MAX:
            raise TooManyCertificates("expected to fetch fewer certificates at once")
        self._fetching += 1
        try:
            return x509.load_pem_x509_certificates(await self._fetch(address))
        except ValueError:
            raise Unverified(Doubt.BAD_CERTIFICATE, "expected a certificate, got other bytes") from None
        finally:
            self._fetching -= 1


def is_of_sns(address: str) -> bool:
    """Whether it is an address of Amazon SNS, by https, and nothing but that."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return (
        parts.scheme == "https"
        and HOST.fullmatch(parts.netloc) is not None
        and not re.search(r"[\s\\\x00-\x1f\x7f]", address)
    )


def signers_of(host: str) -> frozenset[str]:
    """The names that SNS may sign by whose certificate this host gave: those of its own region only.

    Source: `signingCertCommonName` of AWS's SDK for Java 2, package `messagemanager`.

    >>> sorted(signers_of("sns.af-south-1.amazonaws.com"))[1:3]
    ['sns-signing.af-south-1.amazonaws.com', 'sns.af-south-1.amazonaws.com']
    """
    found = HOST.fullmatch(host)
    if found is None:
        return frozenset()
    region, suffix = found["region"], found["suffix"]
    names = {f"sns-signing.{region}.{suffix}", f"sns.{region}.{suffix}", f"sns-{region}.{suffix}"}
    government = {"sns-us-gov-west-1.amazonaws.com"} if region.startswith("us-gov-") else set()
    return frozenset(names | government | ({SIGNER} if suffix == "amazonaws.com" else set()))


def check_chain(
    chain: list[x509.Certificate], roots: list[x509.Certificate], signers: frozenset[str], now_ms: int
) -> None:
    """Refuse a certificate that is not of SNS, not valid now, or, where there are roots, not descended from them.

    Raises:
        Unverified: it is to be refused.
    """
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    leaf = chain[0]
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise Unverified(Doubt.BAD_CERTIFICATE, "expected a certificate that is valid now")
    name = next((one for one in _names(leaf) if one in signers), None)
    if name is None:
        raise Unverified(Doubt.BAD_CERTIFICATE, f"expected a certificate of {SIGNER} or its region, got another's")
    if not roots:
        return
    policy = verification.PolicyBuilder().store(verification.Store(roots)).time(now)
    try:
        policy.build_server_verifier(x509.DNSName(name)).verify(leaf, chain[1:])
    except verification.VerificationError:
        raise Unverified(Doubt.BAD_CERTIFICATE, "expected a certificate descended from the roots") from None


def _names(leaf: x509.Certificate) -> list[str]:
    common = [str(one.value) for one in leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        others = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return common
    return common + others.get_values_for_type(x509.DNSName)


def _check_signature(leaf: x509.Certificate, payload: dict[str, Any], fields: tuple[str, ...]) -> None:
    key = leaf.public_key()
    algorithm = _HASHES.get(text_at(payload, ["SignatureVersion"]))
    if not isinstance(key, rsa.RSAPublicKey) or algorithm is None:
        raise Unverified(Doubt.BAD_SIGNATURE, "expected an RSA signature of version 1 or 2, got another")
    try:
        signature = base64.b64decode(text_at(payload, ["Signature"]), validate=True)
        key.verify(signature, string_to_sign(payload, fields), padding.PKCS1v15(), algorithm)
    except (binascii.Error, InvalidSignature):
        raise Unverified(Doubt.BAD_SIGNATURE, "expected a signature by the certificate, got another") from None


def string_to_sign(payload: dict[str, Any], fields: tuple[str, ...]) -> bytes:
    """Names and values of the fields that there are, a line each."""
    parts = [f"{name}\n{payload[name]}\n" for name in fields if isinstance(payload.get(name), str)]
    return "".join(parts).encode(errors="surrogatepass")


def _to_visit(payload: dict[str, Any]) -> str:
    """Where a subscription is confirmed. An UnsubscribeConfirmation holds an address too: it would subscribe anew."""
    if payload["Type"] != "SubscriptionConfirmation":
        return ""
    address = text_at(payload, ["SubscribeURL"])
    if not is_of_sns(address):
        raise Unverified(Doubt.WRONG_HOST, "expected to confirm on a host of Amazon SNS, got another address")
    return address
