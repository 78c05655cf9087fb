"""What Amazon SNS does, with a certificate of our own: a root, a signer below it, and signed messages."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from connectors.webhooks.sns import SIGNER, string_to_sign

CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Authority(NamedTuple):
    """One who signs certificates."""

    name: x509.Name
    key: rsa.RSAPrivateKey
    root: bytes


class Signer(NamedTuple):
    """One who signs messages."""

    key: rsa.RSAPrivateKey
    certificate: bytes

    def sign(self, message: dict[str, Any], version: str = "1") -> bytes:
        """The message as SNS sends it."""
        fields = NOTIFICATION if message["Type"] == "Notification" else CONFIRMATION
        algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303
        signature = self.key.sign(string_to_sign(message, fields), padding.PKCS1v15(), algorithm)
        signed = {"SignatureVersion": version, "Signature": base64.b64encode(signature).decode()}
        return json.dumps({"SigningCertURL": CERTIFICATE_URL, **message, **signed}).encode()


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def authority(now: datetime) -> Authority:
    """A root of its own."""
    key = _key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "A root")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(name, key, root.public_bytes(Encoding.PEM))


def signer(above: Authority, now: datetime, name: str = SIGNER, valid: timedelta = timedelta(days=30)) -> Signer:
    """Somebody whom the authority calls by that name."""
    key = _key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(above.name)
        .public_key(key.public_key())
        .serial_number(2)
        .not_valid_before(now - timedelta(days=300))
        .not_valid_after(now + valid)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()),
            critical=False,
        )
        .sign(above.key, hashes.SHA256())
    )
    return Signer(key, certificate.public_bytes(Encoding.PEM))


def notification(message: Any = None, topic: str = TOPIC, at: str = "") -> dict[str, Any]:
    """A notification that is not signed yet."""
    return {
        "Type": "Notification",
        "MessageId": "11111111-2222-3333-4444-555555555555",
        "TopicArn": topic,
        "Message": json.dumps(message if message is not None else {"notificationType": "Received"}),
        "Timestamp": at or datetime.now(UTC).isoformat(),
    }


def confirmation(topic: str = TOPIC, visit: str = SUBSCRIBE_URL) -> dict[str, Any]:
    """The first message of a subscription, not signed yet."""
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": "21111111-2222-3333-4444-555555555555",
        "TopicArn": topic,
        "Token": "t",
        "Message": "You have chosen to subscribe.",
        "SubscribeURL": visit,
        "Timestamp": "2023-11-14T22:13:20.000Z",
    }
