"""Settings of the collector: who may send, and from where."""

from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.settings import KafkaSettings
from foresend.settings.collect import CollectSettings, is_loopback
from foresend.settings.loading import load
from schemas.errors import ConfigError

KAFKA = KafkaSettings("host:9092")
BASE = {"FORESEND_KAFKA_BOOTSTRAP": "host:9092"}


def test_keys_are_read_from_their_own_variable() -> None:
    environment = {**BASE, "FORESEND_COLLECT_KEYS": "k1:shop,k2:store", "FORESEND_COLLECT_HOST": "192.0.2.1"}
    settings = load(CollectSettings, "collect", environment=environment)
    assert settings.keys == {"k1": "shop", "k2": "store"}
    assert "k1" not in repr(settings)


def test_without_keys_only_loopback_and_a_named_workspace_will_do() -> None:
    assert CollectSettings(KAFKA, workspace_id="shop").problems() == []
    assert len(CollectSettings(KAFKA).problems()) == 1
    assert len(CollectSettings(KAFKA, host="192.0.2.1", workspace_id="shop").problems()) == 1
    assert CollectSettings(KAFKA, host="192.0.2.1", keys={"k": "shop"}).problems() == []


def test_the_system_cannot_be_impersonated() -> None:
    assert CollectSettings(KAFKA, workspace_id="-").problems()
    assert CollectSettings(KAFKA, keys={"k": "a|b"}).problems()


def test_topic_and_mapping_come_together() -> None:
    assert CollectSettings(KAFKA, workspace_id="s", kafka_topic="orders").problems()
    assert CollectSettings(KAFKA, workspace_id="s", kafka_mapping=Path("m")).problems()
    assert not CollectSettings(KAFKA, workspace_id="s", kafka_topic="o", kafka_mapping=Path("m")).problems()


def test_problems_of_kafka_and_of_the_collector_are_told_together() -> None:
    with pytest.raises(ConfigError) as caught:
        load(
            CollectSettings, "collect", environment={"FORESEND_KAFKA_BOOTSTRAP": "no", "FORESEND_COLLECT_PORT": "70000"}
        )
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("shop.example", False),
    ],
)
def test_what_loopback_is(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_origins_are_origins_and_keys_of_pages_are_other_keys() -> None:
    keys = {"k": "shop"}

    assert CollectSettings(KAFKA, keys=keys, origins=("https://shop.example", "http://localhost:3000")).problems() == []
    for origin in ("shop.example", "https://shop.example/", "*", "https://a@b"):
        assert CollectSettings(KAFKA, keys=keys, origins=(origin,)).problems(), origin
    assert CollectSettings(KAFKA, keys=keys, web_keys={"w": "shop"}).problems() == []
    assert CollectSettings(KAFKA, keys=keys, web_keys={"k": "shop"}).problems()
    assert CollectSettings(KAFKA, workspace_id="shop", web_keys={"w": "shop"}).problems()


def test_the_gateway_is_asked_with_a_key_of_each_workspace() -> None:
    one = settings_of(keys={"a": "shop"}, gateway="http://g:1", gateway_key="k")
    assert (one.problems(), one.key_by_workspace) == ([], {"shop": "k"})
    several = {"keys": {"a": "shop", "b": "store"}, "gateway": "http://g:1"}
    two = settings_of(**several, gateway_keys={"shop": "k1", "store": "k2"})
    assert (two.problems(), two.key_by_workspace) == ([], {"shop": "k1", "store": "k2"})
    # With another workspace's key somebody else would be unsubscribed there.
    assert "none for shop, store" in settings_of(**several, gateway_key="k").problems()[0]


def test_a_gateway_is_an_address_and_its_keys_need_one() -> None:
    assert "collect.gateway" in settings_of(keys={"a": "shop"}, gateway="g:1").problems()[0]
    assert "collect.gateway: is needed" in settings_of(keys={"a": "shop"}, gateway_key="k").problems()[0]


def settings_of(**given: Any) -> CollectSettings:
    return CollectSettings(KafkaSettings("localhost:9092"), **given)
