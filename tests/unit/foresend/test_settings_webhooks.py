"""Settings of webhooks: secrets by workspace, told to nobody."""

from pathlib import Path

import pytest

from connectors.webhooks.setup import webhooks_of
from foresend.settings.collect import CollectSettings
from foresend.settings.installation import InstallationSettings
from foresend.settings.loading import load
from foresend.settings.webhooks import WebhookSettings
from schemas.errors import ConfigError
from tests.support.collecting import SHOP
from tests.support.webhooks import SECRET, Amazon, public_text, sendgrid_key

BASE = {"FORESEND_KAFKA_BOOTSTRAP": "host:9092", "FORESEND_COLLECT_KEYS": "k:shop"}
INSTALLATION = {"FORESEND_INSTALLATION_SECRET": "s" * 32}
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"


def settings(**environment: str) -> CollectSettings:
    return load(CollectSettings, "collect", environment={**BASE, **environment})


def test_secrets_come_from_the_environment_by_workspace() -> None:
    found = settings(
        **INSTALLATION,
        FORESEND_WEBHOOKS_SENDGRID=f"shop:{public_text(sendgrid_key(SHOP))}",
        FORESEND_WEBHOOKS_SES=f"shop:{TOPIC}",
        FORESEND_WEBHOOKS_POSTMARK="shop:name:a long password",
        FORESEND_WEBHOOKS_MAILGUN="shop:key-1",
    )

    assert found.webhooks.ses == {"shop": TOPIC}
    assert found.webhooks.postmark == {"shop": "name:a long password"}
    heard = webhooks_of(found.webhooks.secrets(), found.installation.secret_bytes, Amazon(b"").fetch)
    assert all(provider in heard for provider in ("sendgrid", "ses", "postmark", "mailgun"))


def test_no_secret_is_shown() -> None:
    found = settings(
        **INSTALLATION, FORESEND_WEBHOOKS_MAILGUN="shop:key-1", FORESEND_WEBHOOKS_POSTMARK="shop:name:a password 1"
    )
    for hidden in ("key-1", "a password", "s" * 32):
        assert hidden not in repr(found)
        assert hidden not in repr(found.webhooks.secrets())


def test_a_provider_without_secrets_is_not_there() -> None:
    heard = webhooks_of(WebhookSettings(mailgun={"shop": "k"}).secrets(), SECRET, Amazon(b"").fetch)
    assert "mailgun" in heard
    assert "sendgrid" not in heard


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (WebhookSettings(tolerance_s=0), "tolerance_s"),
        (WebhookSettings(ses={"shop": "mail"}), "webhooks.ses"),
        (WebhookSettings(ses={"shop": TOPIC, "store": f"{TOPIC}2 {TOPIC}"}), "got one twice"),
        (WebhookSettings(mailgun={"shop": "k", "store": "k"}), "got one twice"),
        (WebhookSettings(postmark={"shop": "name:short"}), "webhooks.postmark"),
        (WebhookSettings(postmark={"shop": "a password without a name"}), "webhooks.postmark"),
    ],
)
def test_what_is_wrong_is_told(wrong: WebhookSettings, part: str) -> None:
    [problem] = wrong.problems()
    assert part in problem


def test_several_topics_stand_with_blanks_between() -> None:
    assert WebhookSettings(ses={"shop": f"{TOPIC} {TOPIC}2"}).problems() == []


def test_people_are_named_by_a_secret_so_there_must_be_one() -> None:
    with pytest.raises(ConfigError, match="FORESEND_INSTALLATION_SECRET"):
        settings(FORESEND_WEBHOOKS_MAILGUN="shop:key-1")
    assert InstallationSettings("too short").problems()
    assert InstallationSettings("").problems() == InstallationSettings("x" * 32).problems() == []


def test_a_workspace_has_a_name_here_too() -> None:
    with pytest.raises(ConfigError, match=r"a\|b"):
        settings(**INSTALLATION, FORESEND_WEBHOOKS_MAILGUN="a|b:key-1")


def test_roots_are_certificates_in_a_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sns_roots"):
        WebhookSettings(ses={"shop": TOPIC}, sns_roots=tmp_path / "none.pem").secrets()
    file = tmp_path / "roots.pem"
    file.write_text("no certificate", encoding="utf-8")
    with pytest.raises(ConfigError, match="sns_roots"):
        webhooks_of(WebhookSettings(ses={"shop": TOPIC}, sns_roots=file).secrets(), SECRET, Amazon(b"").fetch)
