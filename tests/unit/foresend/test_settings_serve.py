"""Settings of serve: safe where others reach it, easy on one's own machine, all problems told together."""

from pathlib import Path

import pytest

from foresend.serving import _own_secret, _url_of
from foresend.settings.loading import load
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError
from schemas.topics import PARTITIONS

SECRET = "ab" * 32
KEY = "a key of the shop"


def loaded(**environment: str) -> ServeSettings:
    given = {f"FORESEND_{name.upper()}": value for name, value in environment.items()}
    return load(ServeSettings, "serve", environment={"FORESEND_KAFKA_BOOTSTRAP": "localhost:9092"} | given)


def problems_of(**environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(**environment)
    return caught.value.problems


def test_on_loopback_nothing_but_kafka_is_needed() -> None:
    settings = loaded()
    assert (settings.host, settings.port, settings.keys, settings.secrets) == ("127.0.0.1", 8090, {}, {})
    assert settings.partition_numbers == tuple(range(PARTITIONS))


def test_where_others_reach_it_keys_and_secrets_are_needed_and_both_are_told() -> None:
    problems = problems_of(serve_host="10.1.2.3")
    assert len(problems) == 2
    assert "FORESEND_SERVE_KEYS" in problems[0]
    assert "FORESEND_SERVE_SIGNING_KEYS" in problems[1]


def test_with_keys_and_secrets_it_may_listen_anywhere() -> None:
    settings = loaded(serve_host="10.1.2.3", serve_keys=f"{KEY}:shop", serve_signing_keys=f"k1:{SECRET}")
    assert settings.workspace_by_key == {KEY: "shop"}
    assert settings.secrets == {"k1": bytes.fromhex(SECRET)}


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"serve_port": "65536"}, "serve.port"),
        ({"serve_partitions": "0,12"}, "serve.partitions"),
        ({"serve_partitions": "-1"}, "serve.partitions"),
        ({"serve_public_url": "mail.example", "serve_signing_keys": f"k:{SECRET}"}, "serve.public_url"),
        ({"serve_public_url": "https://mail.example"}, "serve.signing_keys"),
        ({"serve_signing_keys": "k1:not-hex"}, "hexadecimal"),
        ({"serve_signing_keys": "k1:abcd"}, "at least"),
        ({"serve_signing_keys": "k" * 33 + f":{SECRET}"}, "at most"),
        ({"serve_keys": "short:shop", "serve_host": "10.1.2.3", "serve_signing_keys": f"k:{SECRET}"}, "16"),
        ({"kafka_bootstrap": "nowhere"}, "kafka.bootstrap"),
    ],
)
def test_a_wrong_value_is_told_with_its_name(environment: dict[str, str], words: str) -> None:
    (problem,) = problems_of(**environment)
    assert words in problem


def test_secrets_are_never_shown() -> None:
    settings = loaded(serve_keys=f"{KEY}:shop", serve_signing_keys=f"k1:{SECRET}")
    assert KEY not in repr(settings)
    assert SECRET not in repr(settings)


def test_partitions_are_numbers_in_order() -> None:
    assert loaded(serve_partitions="7,3,3").partition_numbers == (3, 7)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1"])
def test_where_only_this_machine_reaches_it_no_keys_are_needed(host: str) -> None:
    assert loaded(serve_host=host).keys == {}


@pytest.mark.parametrize("host", ["::", "10.0.0.1", "mail.example", ""])
def test_everywhere_else_they_are(host: str) -> None:
    assert len(problems_of(serve_host=host)) == 2


def test_an_own_secret_is_made_once_and_only_we_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "signing.key"
    made = _own_secret(file)
    assert len(made) == 32
    assert _own_secret(file) == made
    assert file.stat().st_mode & 0o077 == 0


def test_the_own_address_is_a_url() -> None:
    assert _url_of("127.0.0.1", 8090) == "http://127.0.0.1:8090"
    assert _url_of("::1", 8090) == "http://[::1]:8090"
