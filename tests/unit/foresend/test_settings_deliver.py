"""Settings of deliver: files alone unless said otherwise, TLS unless the relay is here, all problems told together."""

from pathlib import Path

import pytest

from connectors.delivery.worker_meters import WorkerMeters
from foresend.delivering import channels_of, clients_of, secret_of
from foresend.settings.deliver import SECTION, DeliverSettings
from foresend.settings.loading import load
from schemas.errors import ConfigError
from tests.support.delivery import DOMAIN, pem_of, rsa_key

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSBzaG9w"


def loaded(**environment: str) -> DeliverSettings:
    given = {f"FORESEND_{name.upper()}": value for name, value in environment.items()}
    return load(DeliverSettings, SECTION, environment=given)


def problems_of(**environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(**environment)
    return caught.value.problems


def test_by_itself_only_files_are_written() -> None:
    settings = loaded()

    assert list(channels_of(settings, WorkerMeters())) == ["file"]
    assert [client.name for client in clients_of(settings)] == ["http://127.0.0.1:8090"]


EVERYTHING = {
    "smtp_host": "relay.example",
    "sendgrid_key": "SG.key",
    "endpoints_urls": "shop:https://push.example/hook",
    "endpoints_secrets": f"shop:{SECRET}",
}


def test_whatever_is_set_up_nothing_goes_to_people_unless_it_is_live(caplog: pytest.LogCaptureFixture) -> None:
    assert list(channels_of(loaded(**EVERYTHING), WorkerMeters())) == ["file"]
    assert "deliver.live" in caplog.text
    live = channels_of(loaded(**EVERYTHING, deliver_live="true"), WorkerMeters())
    assert [(name, channel.name) for name, channel in live.items()] == [
        (name, name) for name in ("file", "smtp", "api", "webhook")
    ]


def test_each_node_is_asked_with_each_key() -> None:
    settings = loaded(deliver_gateways="http://a:1,https://b:2", deliver_keys="one,two")
    assert [client.name for client in clients_of(settings)] == [
        "http://a:1",
        "http://a:1",
        "https://b:2",
        "https://b:2",
    ]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"deliver_gateways": "gateway:8090"}, "deliver.gateways"),
        ({"deliver_gateways": "http://gateway/path"}, "deliver.gateways"),
        ({"deliver_gateways": ","}, "deliver.gateways"),
        ({"deliver_port": "65536"}, "deliver.port"),
        ({"deliver_stop_s": "-1"}, "deliver.stop_s"),
        ({"deliver_return_address": "bounces"}, "deliver.return_address"),
        ({"deliver_return_address": "b+x@in.shop.example"}, "deliver.return_address"),
        ({"deliver_unsubscribe_address": "u@IN.shop.example"}, "deliver.unsubscribe_address"),
        ({"smtp_tls": "opportunistic"}, "smtp.tls"),
        ({"smtp_host": "relay.example", "smtp_tls": "none"}, "smtp.tls"),
        ({"smtp_port": "0"}, "smtp.port"),
        ({"smtp_connections": "0"}, "smtp.connections"),
        ({"sendgrid_connections": "0"}, "sendgrid.connections"),
        ({"endpoints_urls": "shop:http://push.example/", "endpoints_secrets": f"shop:{SECRET}"}, "endpoints.urls"),
        ({"endpoints_urls": "shop:https://push.example/"}, "endpoints.secrets"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_by_its_name(environment: dict[str, str], words: str) -> None:
    assert [problem for problem in problems_of(**environment) if words in problem]


def test_no_secret_is_quoted() -> None:
    short = "too short"
    told = problems_of(endpoints_urls="shop:https://push.example/", endpoints_secrets=f"shop:{short}")
    assert short not in "\n".join(told)
    assert "SG.key" not in repr(loaded(**EVERYTHING))
    assert SECRET not in repr(loaded(**EVERYTHING))


def test_a_relay_on_this_machine_may_be_spoken_to_plainly() -> None:
    assert loaded(smtp_host="127.0.0.1", smtp_tls="none").smtp.relay().tls == "none"


def test_keys_are_read_and_all_that_cannot_be_are_told(tmp_path: Path) -> None:
    (tmp_path / "good.pem").write_bytes(pem_of(rsa_key()))
    (tmp_path / "bad.pem").write_bytes(b"no key")
    good = loaded(deliver_dkim=f"{DOMAIN}:s1:{tmp_path}/good.pem s2:{tmp_path}/good.pem")
    bad = loaded(deliver_dkim=f"{DOMAIN}:s1:{tmp_path}/bad.pem s2:{tmp_path}/none.pem")

    assert [key.selector for key in good.stationery().keys.aligned(DOMAIN)] == ["s1", "s2"]
    with pytest.raises(ConfigError) as caught:
        bad.stationery()
    assert len(caught.value.problems) == 2


def test_a_secret_may_be_written_as_standard_webhooks_writes_it() -> None:
    assert secret_of(SECRET) == b"secret of the shop"
    assert secret_of("a plain secret") == b"a plain secret"
    with pytest.raises(ConfigError):
        secret_of("whsec_no base64")
