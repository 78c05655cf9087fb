"""A whole node in this process, as `foresend serve` puts it together: of a workspace with people, and one without."""

from pathlib import Path

from prometheus_client import CollectorRegistry

from connectors.cache.applying import Applier, LogRecord
from connectors.cache.meters import CacheMeters
from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from connectors.gateway.keys import grant_of
from connectors.gateway.routing import Right
from connectors.kafka.settings import KafkaSettings
from connectors.metrics.making import program_registry
from foresend.serving import _put_together
from foresend.serving_delivery import Signing
from foresend.settings.serve import ServeSettings
from schemas.codec import encode
from schemas.ids import UserId, WorkspaceId
from schemas.keys import join_key, user_key
from schemas.profiles import FeatureValue, ToldProfile
from schemas.topics import COMMUNICATIONS, LIBRARY, PROFILES
from tests.support.asgi import Response, request
from tests.support.messages import START_MS, WORKSPACE, communication, record_of, release, version

BANK = WorkspaceId("bank")
SHOP_KEY, BANK_KEY = "the key of the shop", "the key of the bank"


class WholeNode:
    """Nobody follows its topics: what it knows was put in by hand."""

    def __init__(self, folder: Path) -> None:
        self.store = CacheStore(folder)
        self._fill()
        grants = [
            grant_of(SHOP_KEY, WORKSPACE, Right),
            grant_of(BANK_KEY, BANK, Right),
        ]
        settings = ServeSettings(
            KafkaSettings("127.0.0.1:1"),
            folder=folder,
            keys=dict([grant.line.split(":", 1) for grant in grants]),
            rate_per_s=0,
        )
        registry = program_registry()
        signing = Signing("https://mail.example", {"k1": b"0123456789abcdef"})
        self.gateway, (follower, *_) = _put_together(settings, self.store, CacheMeters(registry), registry, signing)
        follower.is_ready = True  # type: ignore[attr-defined]

    def _fill(self) -> None:
        applier = Applier(self.store, Releases(self.store), CacheMeters(CollectorRegistry()))
        told = ToldProfile(version(1), at_ms=START_MS, features={"visits": FeatureValue(7.0, START_MS)})
        records = [
            *[(LIBRARY.name, join_key(one, "1"), encode(release(1, workspace=one))) for one in (WORKSPACE, BANK)],
            (COMMUNICATIONS.name, *record_of(communication())),
            (PROFILES.name, user_key(WORKSPACE, UserId("anna")), encode(told)),
        ]
        for offset, (topic, key, value) in enumerate(records):
            applier.apply([LogRecord(topic, 0, offset, START_MS, key, value)], {(topic, 0): offset + 1}, START_MS)

    def send(self, method: str, path: str, body: str, key: str) -> Response:
        head = {"Authorization": f"Bearer {key}"} if key else {}
        return request(self.gateway, method, path, body.encode(), head)
