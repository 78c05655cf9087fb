"""SendGrid's signed event webhook: ECDSA with P-256 and SHA-256 over the time of signing and the body."""

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from connectors.webhooks.verifying import TOLERANCE_S, Doubt, Request, Unverified, Verified, check_age
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId

SIGNATURE = b"x-twilio-email-event-webhook-signature"
TIMESTAMP = b"x-twilio-email-event-webhook-timestamp"


class SendGridVerifier:
    """By the public keys that SendGrid shows, in base64."""

    def __init__(self, keys: Mapping[WorkspaceId, str], tolerance_s: int = TOLERANCE_S) -> None:
        self._keys = {workspace: public_key(text) for workspace, text in keys.items()}
        self._tolerance_s = tolerance_s

    async def verify(self, request: Request) -> Verified:
        """Whose key it was signed for.

        Raises:
            Unverified: nobody's, or it was signed too long ago.
        """
        signature, timestamp = request.headers.get(SIGNATURE), request.headers.get(TIMESTAMP)
        if not signature or not timestamp:
            raise Unverified(Doubt.MISSING, "expected the headers of SendGrid's signed event webhook, got none")
        for workspace, key in self._keys.items():
            if is_signed(key, signature, timestamp, request.body):
                check_age(timestamp.decode(), request.now_ms, self._tolerance_s)
                return Verified(workspace)
        raise Unverified(Doubt.BAD_SIGNATURE, "expected a signature by a key of a workspace, got another")


def public_key(text: str) -> ec.EllipticCurvePublicKey:
    """The key, as SendGrid shows it: base64 of DER.

    Raises:
        ConfigError: it is none, or of another curve.
    """
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        raise ConfigError("webhooks.sendgrid: expected a public key in base64, as SendGrid shows it") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ConfigError("webhooks.sendgrid: expected a public key of the curve P-256, got another")
    return key


def is_signed(key: ec.EllipticCurvePublicKey, signature: bytes, timestamp: bytes, body: bytes) -> bool:
    """Whether time and body were signed for this key."""
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp + body, ec.ECDSA(hashes.SHA256()))
    except (binascii.Error, InvalidSignature):
        return False
    return True
