"""Settings of inbound mail: what is refused, and whose keys are asked with."""

from pathlib import Path
from typing import Any

import pytest

from connectors.kafka.settings import KafkaSettings
from foresend.settings.inbound import InboundSettings

KAFKA = KafkaSettings("127.0.0.1:9092")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "inbound.workspaces: is needed"),
        ({"workspace_id": "shop", "port": 70_000}, "inbound.port: expected 0 to 65535"),
        ({"workspace_id": "shop", "unsubscribe": "a+b"}, "inbound.unsubscribe: expected"),
        ({"workspace_id": "shop", "gateway": "ftp://x"}, "inbound.gateway: expected"),
        ({"workspace_id": "shop", "gateway_key": "k"}, "inbound.gateway: is needed"),
        ({"workspace_id": "shop", "signing_keys": {"k1": "no hex"}}, "inbound.signing_keys: expected secrets in hex"),
        ({"workspace_id": "shop", "signing_keys": {"k1": "00"}}, "inbound.signing_keys: expected secrets of at least"),
    ],
)
def test_what_cannot_be_used_is_told(given: dict[str, Any], problem: str) -> None:
    (found,) = InboundSettings(KAFKA, **given).problems()
    assert found.startswith(problem)


def test_a_domain_names_its_workspace() -> None:
    rules = InboundSettings(KAFKA, workspaces={"In.Shop.Example": "shop"}).rules(b"s")
    assert rules.workspace_of(["bounces+x@in.shop.example"]) == "shop"
    assert rules.workspace_of(["bounces@else.example"]) == ""


def test_the_key_of_a_node_on_this_machine_is_found(tmp_path: Path) -> None:
    own = tmp_path / "signing.key"
    settings = InboundSettings(KAFKA, workspace_id="shop")
    assert settings.secrets(own) == {}
    own.write_bytes(b"0123456789abcdef")
    assert settings.secrets(own) == {"local": b"0123456789abcdef"}
