"""What is told of a person's features, as the body of an HTTP answer."""

from datetime import UTC, datetime

from connectors.gateway.answers import Answer, json_body
from connectors.gateway.reads import Reads
from connectors.gateway.routing import Request, Right, Route
from schemas.ids import UserId, WorkspaceId
from schemas.profiles import FeatureValue, ToldProfile


def feature_routes(reads: Reads) -> list[Route]:
    """`GET /v1/users/{user}/features`."""

    async def features(request: Request) -> Answer:
        reads.require_ready()
        user = UserId(request.id("user"))
        return features_answer(request.workspace, user, reads.profile(request.workspace, user), reads.now_ms())

    path = ("v1", "users", "{user}", "features")
    return [Route("GET", path, Right.READ, features, about="What is known of a person, and how old it is")]


def features_answer(workspace: WorkspaceId, user: UserId, told: ToldProfile, now_ms: int) -> Answer:
    """Each feature with its value, when it moved last, and how long ago that is."""
    features = [_in_words(name, feature, now_ms) for name, feature in told.features.items()]
    return json_body(200, {"workspace": workspace, "user": user, "at": _iso(told.at_ms), "features": features})


def _in_words(name: str, feature: FeatureValue, now_ms: int) -> dict[str, object]:
    """A feature that never moved has its default, and no age."""
    moved = feature.at_ms > 0
    return {
        "name": name,
        "value": feature.value,
        "at": _iso(feature.at_ms) if moved else None,
        "age_s": max(0, now_ms - feature.at_ms) / 1000 if moved else None,
    }


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
