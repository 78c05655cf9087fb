"""Settings of the mail providers' webhooks: by what each is believed."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from connectors.webhooks.setup import WebhookSecrets
from connectors.webhooks.verifying import TOLERANCE_S
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId

TOLERANCE_S_MAX = 86_400
_TOPIC = re.compile(r"arn:aws(-cn|-us-gov)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_.-]{1,256}")
PASSWORD_LENGTH_MIN = 16
"""Of name and password together: it is all that Postmark has to show."""


@dataclass(frozen=True)
class WebhookSettings:
    """Section `webhooks`: workspace: secret. A provider without any is not answered.

    sendgrid     its public verification key, in base64
    ses          the SNS topics that it tells its events by; several with blanks between
    postmark     name:password, as in the address that Postmark is given
    mailgun      the account's HTTP webhook signing key
    tolerance_s  how far a signed time of SendGrid and Mailgun may be from ours
    sns_roots    a file of certificates (PEM) that those of SNS must descend from; none: Amazon's host must do
    """

    sendgrid: dict[str, str] = field(default_factory=dict, repr=False)
    ses: dict[str, str] = field(default_factory=dict)
    postmark: dict[str, str] = field(default_factory=dict, repr=False)
    mailgun: dict[str, str] = field(default_factory=dict, repr=False)
    tolerance_s: int = TOLERANCE_S
    sns_roots: Path | None = None

    @property
    def providers(self) -> dict[str, dict[str, str]]:
        """The secrets by provider, of those that have any."""
        found = {"sendgrid": self.sendgrid, "ses": self.ses, "postmark": self.postmark, "mailgun": self.mailgun}
        return {provider: secrets for provider, secrets in found.items() if secrets}

    def problems(self) -> list[str]:
        """What is wrong with these values; a secret is never quoted."""
        found = []
        if not 0 < self.tolerance_s <= TOLERANCE_S_MAX:
            found.append(f"webhooks.tolerance_s: expected 1 to {TOLERANCE_S_MAX}, got {self.tolerance_s}")
        for provider, secrets in self.providers.items():
            words = [word for text in secrets.values() for word in (text.split() if provider == "ses" else [text])]
            if len(set(words)) < len(words):
                found.append(f"webhooks.{provider}: expected another secret for each workspace, got one twice")
        for workspace, text in self.ses.items():
            if not text.split() or not all(_TOPIC.fullmatch(topic) for topic in text.split()):
                found.append(
                    f"webhooks.ses: expected topics like arn:aws:sns:eu-west-1:123456789012:name of {workspace}"
                )
        for workspace, text in self.postmark.items():
            if not text.partition(":")[2] or len(text) < PASSWORD_LENGTH_MIN:
                length = f"at least {PASSWORD_LENGTH_MIN} characters"
                found.append(f"webhooks.postmark: expected name:password of {length} for {workspace}")
        return found

    def secrets(self) -> WebhookSecrets:
        """As the collector is given them.

        Raises:
            ConfigError: the file of certificates cannot be read.
        """
        try:
            roots = b"" if self.sns_roots is None else self.sns_roots.read_bytes()
        except OSError as error:
            raise ConfigError(f"webhooks.sns_roots: {self.sns_roots}: cannot be read: {error.strerror}") from error
        return WebhookSecrets(
            sendgrid=_by_workspace(self.sendgrid),
            ses=_by_workspace(self.ses),
            postmark=_by_workspace(self.postmark),
            mailgun=_by_workspace(self.mailgun),
            tolerance_s=self.tolerance_s,
            roots=roots,
        )


def _by_workspace(secrets: dict[str, str]) -> dict[WorkspaceId, str]:
    return {WorkspaceId(workspace): secret for workspace, secret in secrets.items()}
