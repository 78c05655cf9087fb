"""Settings of serve: safe where others reach it, easy on one's own machine, all problems told together."""

from pathlib import Path

import pytest

from connectors.gateway.keys import grant_of
from connectors.gateway.routing import Right
from foresend.serving import _own_secret, _url_of
from foresend.settings.loading import load
from foresend.settings.serve import ServeSettings
from schemas.errors import ConfigError
from schemas.ids import WorkspaceId
from schemas.topics import PARTITIONS

SECRET = "ab" * 32
KEY = "a key of the shop"
GRANT = grant_of(KEY, WorkspaceId("shop"), [Right.READ, Right.DRAW])


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
    settings = loaded(serve_host="10.1.2.3", serve_keys=GRANT.line, serve_signing_keys=f"k1:{SECRET}")
    assert settings.key_grants == [GRANT]
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
        ({"serve_keys": f"{KEY}:shop"}, "foresend keys new"),
        ({"serve_keys": f"{GRANT.digest}:shop"}, "foresend keys new"),
        ({"serve_keys": f"{GRANT.digest}:shop:read+write"}, "rights among read, draw"),
        ({"serve_keys": f"{GRANT.digest}:shop:"}, "rights among"),
        ({"kafka_bootstrap": "nowhere"}, "kafka.bootstrap"),
    ],
)
def test_a_wrong_value_is_told_with_its_name(environment: dict[str, str], words: str) -> None:
    (problem,) = problems_of(**environment)
    assert words in problem


def test_a_limit_of_the_cache_is_none_or_has_room_for_something() -> None:
    (problem,) = problems_of(serve_cache_bytes="1000")
    assert "serve.cache_bytes: expected 0 (no limit) or at least" in problem


def test_secrets_are_never_shown() -> None:
    settings = loaded(serve_keys=GRANT.line, serve_signing_keys=f"k1:{SECRET}")
    assert GRANT.digest not in repr(settings)
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


TWO = "one:http://10.0.0.1:8090,two:http://10.0.0.2:8090"


def test_partitions_follow_from_the_nodes() -> None:
    signing = {"serve_signing_keys": f"k1:{SECRET}"}
    both = [loaded(serve_nodes=TWO, serve_node=name, **signing) for name in ("one", "two")]
    assert [one.partition_numbers for one in both] == [tuple(range(PARTITIONS))] * 2
    three = f"{TWO},three:http://10.0.0.3:8090"
    held = [loaded(serve_nodes=three, serve_node=name, **signing) for name in ("one", "two", "three")]
    assert sorted(number for one in held for number in one.partition_numbers) == sorted([*range(PARTITIONS)] * 2)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"serve_nodes": TWO, "serve_node": "three"}, "serve.node: expected one of one, two"),
        ({"serve_nodes": TWO}, "serve.node: expected one of one, two"),
        ({"serve_node": "one"}, "serve.node: expected serve.nodes beside it"),
        ({"serve_nodes": TWO, "serve_node": "one", "serve_partitions": "1"}, "serve.partitions: expected none"),
        ({"serve_nodes": "one:10.0.0.1:8090", "serve_node": "one"}, "serve.nodes: expected addresses as http://"),
        ({"serve_nodes": "one:http://a/path", "serve_node": "one"}, "serve.nodes: expected addresses as http://"),
        ({"serve_nodes": "one:http://a,two:http://a", "serve_node": "one"}, "an address of its own for each node"),
        ({"serve_nodes": TWO, "serve_node": "one"}, "serve.signing_keys: needed, the same on all nodes"),
    ],
)
def test_a_wrong_list_of_nodes_is_told(environment: dict[str, str], words: str) -> None:
    assert words in "\n".join(problems_of(**environment))
