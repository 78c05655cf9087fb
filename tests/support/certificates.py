"""A certificate authority of one's own, and servers that have its certificates."""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.support.delivery import pem_of

DAY = timedelta(days=1)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def certificate(name: str, days: int = 1) -> bytes:
    """Of a host, by itself, in PEM; good for so many days. The same each time: another signature is another's."""
    return _certificate(name, days)


# Apart from what is called: a cache does not know that a default and its value, written out, are the same.
@cache
def _certificate(name: str, days: int) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(_key().public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + days * DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(_key(), hashes.SHA256())
    )
    return built.public_bytes(Encoding.PEM)


def server_context(name: str, folder: Path, days: int = 1) -> ssl.SSLContext:
    """Of a server that shows a certificate of this name."""
    file = folder / f"{name}.pem"
    file.write_bytes(certificate(name, days) + pem_of(_key()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def client_context(name: str) -> ssl.SSLContext:
    """Of a client that believes in a certificate of this name, and in no other."""
    return ssl.create_default_context(cadata=certificate(name).decode())
