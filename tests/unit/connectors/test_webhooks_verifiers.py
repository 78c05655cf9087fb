"""Who sent a webhook: the valid, and each way to be something else."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from connectors.webhooks import mailgun
from connectors.webhooks.fetching import fetch
from connectors.webhooks.mailgun import MailgunVerifier
from connectors.webhooks.postmark import PostmarkVerifier
from connectors.webhooks.sendgrid import SendGridVerifier
from connectors.webhooks.sns import CERTIFICATES_MAX, FETCHES_MAX, SnsVerifier, is_of_sns
from connectors.webhooks.verifying import Doubt, Request, Unverified
from schemas.errors import ConfigError, TransientError
from tests.support.collecting import NOW, NOW_MS, SHOP
from tests.support.sns_signing import (
    CERTIFICATE_URL,
    SUBSCRIBE_URL,
    TOPIC,
    authority,
    confirmation,
    notification,
    signer,
)
from tests.support.webhooks import (
    NOW_S,
    PASSWORDS,
    SIGNING_KEYS,
    STORE,
    Amazon,
    Signed,
    by_mailgun,
    by_postmark,
    by_sendgrid,
    by_ses,
    public_text,
    sendgrid_key,
    sns_authority,
    sns_signer,
)

EVENT = [{"event": "open", "email": "ann@example.com"}]


def doubted(signed: Signed, verifier: Any, now_ms: int = NOW_MS) -> Doubt:
    with pytest.raises(Unverified) as caught:
        signed.verified_by(verifier, now_ms)
    assert "ann@" not in str(caught.value)
    return caught.value.doubt


def changed(body: bytes) -> bytes:
    return body.replace(b"ann@", b"amn@")


def sendgrid() -> SendGridVerifier:
    return SendGridVerifier({one: public_text(sendgrid_key(one)) for one in (SHOP, STORE)})


def test_sendgrid_signs_time_and_body_and_the_key_says_whose() -> None:
    assert by_sendgrid(EVENT).verified_by(sendgrid()).workspace == SHOP
    assert by_sendgrid(EVENT, STORE).verified_by(sendgrid()).workspace == STORE


def test_sendgrid_with_a_byte_changed() -> None:
    signed = by_sendgrid(EVENT)
    assert doubted(Signed(changed(signed.body), signed.headers), sendgrid()) is Doubt.BAD_SIGNATURE
    assert doubted(Signed(signed.body[:-2], signed.headers), sendgrid()) is Doubt.BAD_SIGNATURE
    later = {**signed.headers, "X-Twilio-Email-Event-Webhook-Timestamp": str(NOW_S + 1)}
    assert doubted(Signed(signed.body, later), sendgrid()) is Doubt.BAD_SIGNATURE


def test_sendgrid_by_another_key_or_without_a_signature() -> None:
    only_the_store = SendGridVerifier({STORE: public_text(sendgrid_key(STORE))})
    assert doubted(by_sendgrid(EVENT), only_the_store) is Doubt.BAD_SIGNATURE
    assert doubted(Signed(by_sendgrid(EVENT).body), sendgrid()) is Doubt.MISSING
    noise = {**by_sendgrid(EVENT).headers, "X-Twilio-Email-Event-Webhook-Signature": "no base64!"}
    assert doubted(Signed(by_sendgrid(EVENT).body, noise), sendgrid()) is Doubt.BAD_SIGNATURE


@pytest.mark.parametrize("make", [by_sendgrid, by_mailgun])
def test_a_signed_time_counts_for_five_minutes_either_way(make: Any) -> None:
    verifier = sendgrid() if make is by_sendgrid else MailgunVerifier(SIGNING_KEYS)
    for at_s in (NOW_S - 300, NOW_S + 300):
        assert make(EVENT, at_s=at_s).verified_by(verifier).workspace == SHOP
    for at_s in (NOW_S - 301, NOW_S + 301):
        assert doubted(make(EVENT, at_s=at_s), verifier) is Doubt.OLD


@pytest.mark.parametrize("text", ["", "no key", base64.b64encode(b"no key").decode()])
def test_a_key_of_sendgrid_that_is_none_is_told_at_the_start(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SendGridVerifier({SHOP: text})
    assert not text or text not in str(caught.value)


def test_mailgun_signs_time_and_token() -> None:
    verifier = MailgunVerifier(SIGNING_KEYS)
    assert by_mailgun(EVENT[0]).verified_by(verifier).workspace == SHOP
    assert by_mailgun(EVENT[0], STORE, token="b" * 50).verified_by(verifier).workspace == STORE


def test_mailgun_with_a_byte_changed_by_another_key_and_unsigned() -> None:
    verifier = MailgunVerifier({STORE: SIGNING_KEYS[STORE]})
    assert doubted(by_mailgun(EVENT[0]), verifier) is Doubt.BAD_SIGNATURE
    tampered = by_mailgun(EVENT[0], STORE).body.replace(b"aaaaa", b"aaaab", 1)
    assert doubted(Signed(tampered), verifier) is Doubt.BAD_SIGNATURE
    assert doubted(Signed(json.dumps({"event-data": EVENT[0]}).encode()), verifier) is Doubt.MISSING
    assert doubted(Signed(b"{"), verifier) is Doubt.NOT_JSON


def test_a_token_of_mailgun_comes_once_but_again_until_it_was_written() -> None:
    verifier = MailgunVerifier(SIGNING_KEYS)
    first = by_mailgun(EVENT[0]).verified_by(verifier)
    again = by_mailgun(EVENT[0]).verified_by(verifier)  # the first was not acknowledged: it may be sent again
    again.written()

    assert first.workspace == SHOP
    assert doubted(by_mailgun(EVENT[0]), verifier) is Doubt.REPLAYED
    assert doubted(by_mailgun({"event": "clicked"}), verifier) is Doubt.REPLAYED


def test_tokens_are_forgotten_once_they_are_too_old_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = MailgunVerifier(SIGNING_KEYS)
    by_mailgun(EVENT[0], token="old").verified_by(verifier).written()
    by_mailgun(EVENT[0], token="new", at_s=NOW_S + 601).verified_by(verifier, NOW_MS + 601_000).written()
    assert list(verifier._seen) == ["new"]

    monkeypatch.setattr(mailgun, "TOKENS_MAX", 3)
    for number in range(5):
        by_mailgun(EVENT[0], token=f"t{number}").verified_by(verifier).written()
    assert list(verifier._seen) == ["t2", "t3", "t4"]


def test_postmark_by_name_and_password() -> None:
    verifier = PostmarkVerifier(PASSWORDS)
    assert by_postmark({}).verified_by(verifier).workspace == SHOP
    assert by_postmark({}, PASSWORDS[STORE]).verified_by(verifier).workspace == STORE
    assert doubted(by_postmark({}, "shop:a password of the shoP"), verifier) is Doubt.WRONG_CREDENTIALS
    assert doubted(by_postmark({}, "shop"), verifier) is Doubt.WRONG_CREDENTIALS
    assert doubted(Signed(b"{}"), verifier) is Doubt.MISSING
    assert doubted(Signed(b"{}", {"Authorization": "Bearer x"}), verifier) is Doubt.MISSING
    assert doubted(Signed(b"{}", {"Authorization": "Basic ä"}), verifier) is Doubt.WRONG_CREDENTIALS


def sns(amazon: Amazon | None = None, roots: bytes | None = None) -> SnsVerifier:
    amazon = amazon or Amazon(sns_signer().certificate)
    return SnsVerifier({TOPIC: SHOP}, amazon.fetch, sns_authority().root if roots is None else roots)


@pytest.mark.parametrize("version", ["1", "2"])
def test_sns_signs_by_its_certificate(version: str) -> None:
    assert by_ses({"eventType": "Open"}, version=version).verified_by(sns()).workspace == SHOP


@pytest.mark.parametrize("version", ["1", "2"])
def test_sns_with_a_byte_changed(version: str) -> None:
    signed = by_ses({"eventType": "Open", "who": "ann@example.com"}, version=version)
    assert doubted(Signed(changed(signed.body)), sns()) is Doubt.BAD_SIGNATURE


def test_sns_of_another_topic_asks_nobody() -> None:
    amazon = Amazon(sns_signer().certificate)
    assert doubted(by_ses({}, topic=TOPIC + "2"), sns(amazon)) is Doubt.WRONG_TOPIC
    assert amazon.asked == []


def test_sns_is_asked_for_a_certificate_once() -> None:
    amazon = Amazon(sns_signer().certificate)
    verifier = sns(amazon)
    for _ in range(3):
        by_ses({}).verified_by(verifier)
    assert amazon.asked == [CERTIFICATE_URL]


def test_certificates_remembered_are_bounded() -> None:
    amazon = Amazon(sns_signer().certificate)
    verifier = sns(amazon)
    for number in range(CERTIFICATES_MAX + 5):
        address = CERTIFICATE_URL.replace("0123", str(number))
        amazon.pages[address] = sns_signer().certificate
        signed = sns_signer().sign({**notification(), "SigningCertURL": address})
        Signed(signed).verified_by(verifier)
    assert len(verifier._certificates) == CERTIFICATES_MAX


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-west-1.amazonaws.com\\@evil.example/a.pem",
        "https://s3.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com/a.txt",
        "https://sns.evil.example.amazonaws.com/a.pem",
        "https://[::1/a.pem",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_not_fetched(address: str) -> None:
    amazon = Amazon(sns_signer().certificate)
    signed = sns_signer().sign({**notification(), "SigningCertURL": address})
    assert doubted(Signed(signed), sns(amazon)) is Doubt.WRONG_HOST
    assert amazon.asked == []


def test_the_hosts_of_sns() -> None:
    assert is_of_sns(CERTIFICATE_URL)
    assert is_of_sns(CERTIFICATE_URL.replace(".com/", ".com.cn/"))


def test_a_certificate_of_somebody_else_or_out_of_date_is_refused() -> None:
    for other in (
        signer(sns_authority(), NOW, name="mail.example.com"),
        signer(sns_authority(), NOW, valid=timedelta(seconds=-1)),
        signer(authority(NOW), NOW),
    ):
        signed = Signed(other.sign(notification()))
        assert doubted(signed, sns(Amazon(other.certificate))) is Doubt.BAD_CERTIFICATE
    assert doubted(by_ses({}), sns(Amazon(b"no certificate"))) is Doubt.BAD_CERTIFICATE


def test_a_region_may_sign_by_a_name_of_its_own_but_not_by_anothers() -> None:
    regional = signer(sns_authority(), NOW, name="sns-signing.eu-west-1.amazonaws.com")
    assert Signed(regional.sign(notification())).verified_by(sns(Amazon(regional.certificate))).workspace == SHOP
    foreign = signer(sns_authority(), NOW, name="sns-signing.af-south-1.amazonaws.com")
    assert doubted(Signed(foreign.sign(notification())), sns(Amazon(foreign.certificate))) is Doubt.BAD_CERTIFICATE


def test_without_roots_the_name_and_the_dates_are_still_checked() -> None:
    unknown = signer(authority(NOW), NOW)
    assert Signed(unknown.sign(notification())).verified_by(sns(Amazon(unknown.certificate), b"")).workspace == SHOP
    for other in (
        signer(authority(NOW), NOW, name="mail.example.com"),
        signer(authority(NOW), NOW, valid=timedelta(seconds=-1)),
    ):
        signed = Signed(other.sign(notification()))
        assert doubted(signed, sns(Amazon(other.certificate), b"")) is Doubt.BAD_CERTIFICATE


def test_a_certificate_that_cannot_be_fetched_now_is_no_doubt() -> None:
    amazon = Amazon(sns_signer().certificate)
    amazon.is_away = True
    with pytest.raises(TransientError):
        by_ses({}).verified_by(sns(amazon))


def test_only_so_many_certificates_are_fetched_at_once() -> None:
    async def hear_many() -> list[Any]:
        release = asyncio.Event()

        async def slow(_address: str) -> bytes:
            await release.wait()
            return sns_signer().certificate

        verifier = SnsVerifier({TOPIC: SHOP}, slow)
        messages = [
            {**notification(), "SigningCertURL": CERTIFICATE_URL.replace("0123", str(n))}
            for n in range(FETCHES_MAX + 1)
        ]
        requests = [Request({}, b"", json.loads(sns_signer().sign(one)), NOW_MS) for one in messages]
        waiting = [asyncio.create_task(verifier.verify(one)) for one in requests]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        release.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    *believed, refused = asyncio.run(hear_many())

    assert [one.workspace for one in believed] == [SHOP] * FETCHES_MAX
    assert isinstance(refused, TransientError)


def test_a_subscription_is_confirmed_at_amazon_only() -> None:
    assert Signed(sns_signer().sign(confirmation())).verified_by(sns()).visit == SUBSCRIBE_URL
    elsewhere = Signed(sns_signer().sign(confirmation(visit="https://evil.example/")))
    assert doubted(elsewhere, sns()) is Doubt.WRONG_HOST
    ended = {**confirmation(), "Type": "UnsubscribeConfirmation"}
    assert Signed(sns_signer().sign(ended)).verified_by(sns()).visit == ""


@pytest.mark.parametrize("body", [b"[]", b'"x"', b'{"eventType": "Open"}', b'{"Type": "Other"}'])
def test_what_is_no_message_of_sns(body: bytes) -> None:
    assert doubted(Signed(body), sns()) is Doubt.MISSING


def test_nothing_but_amazon_is_ever_fetched() -> None:
    with pytest.raises(TransientError):
        asyncio.run(fetch("https://127.0.0.1/x.pem"))
