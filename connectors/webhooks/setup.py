"""The providers that an installation has set up, from its secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.webhooks.fetching import fetch
from connectors.webhooks.intake import Webhooks
from connectors.webhooks.mailgun import MailgunVerifier
from connectors.webhooks.postmark import PostmarkVerifier
from connectors.webhooks.sendgrid import SendGridVerifier
from connectors.webhooks.sns import Fetch, SnsVerifier
from connectors.webhooks.verifying import TOLERANCE_S, Verifier
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId

Secrets = Mapping[WorkspaceId, str]


@dataclass(frozen=True)
class WebhookSecrets:
    """By provider and workspace, as `foresend.settings.webhooks` tells. A provider without any is not there.

    ses    topics, with blanks between several
    roots  in PEM, what certificates of SNS must descend from
    """

    sendgrid: Secrets = field(default_factory=dict, repr=False)
    ses: Secrets = field(default_factory=dict)
    postmark: Secrets = field(default_factory=dict, repr=False)
    mailgun: Secrets = field(default_factory=dict, repr=False)
    tolerance_s: int = TOLERANCE_S
    roots: bytes = b""


def webhooks_of(secrets: WebhookSecrets, address_secret: bytes, fetching: Fetch = fetch) -> Webhooks:
    """Every provider that there are secrets of.

    Raises:
        ConfigError: a secret is not what it should be.
    """
    verifiers: dict[str, Verifier] = {}
    if secrets.sendgrid:
        verifiers["sendgrid"] = SendGridVerifier(secrets.sendgrid, secrets.tolerance_s)
    if secrets.ses:
        topics = {topic: workspace for workspace, text in secrets.ses.items() for topic in text.split()}
        verifiers["ses"] = _sns(topics, fetching, secrets.roots)
    if secrets.postmark:
        verifiers["postmark"] = PostmarkVerifier(secrets.postmark)
    if secrets.mailgun:
        verifiers["mailgun"] = MailgunVerifier(secrets.mailgun, secrets.tolerance_s)
    return Webhooks(verifiers, address_secret, fetching)


def _sns(topics: Mapping[str, WorkspaceId], fetching: Fetch, roots: bytes) -> SnsVerifier:
    try:
        return SnsVerifier(topics, fetching, roots)
    except ValueError:
        raise ConfigError("webhooks.sns_roots: expected certificates in PEM") from None
