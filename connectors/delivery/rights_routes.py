"""`POST /v1/users/{user}/rights`: other programs tell of rights, and acknowledge them to people once this has."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec

from connectors.cache.releases import Releases
from connectors.cache.store import CacheStore
from connectors.delivery.rights import RightsRow
from connectors.delivery.rights_told import RightsTold
from connectors.delivery.using_rights import UsingRights, is_for_all_nodes
from connectors.erasure.listing import Listed, nobody
from connectors.gateway.answers import Answer, json_body
from connectors.gateway.choosing import Progress
from connectors.gateway.nodes import COPY, Nodes, of_user
from connectors.gateway.problems import bad_request
from connectors.gateway.routing import Request, Right, Route
from schemas.codec import decode
from schemas.events import Millis
from schemas.ids import UserId, WorkspaceId
from schemas.keys import user_key
from schemas.library import ConsentSettings
from schemas.profiles import ToldProfile
from schemas.rights import Asked, RightKind

_Text = Annotated[str, msgspec.Meta(max_length=128)]
PATH = ("v1", "users", "{user}", "rights")


class RightsRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A right that somebody uses.

    at_ms             when it was asked for, if earlier than now
    channel, purpose  of an unsubscription; empty: of all
    source            where it was used; kept as proof
    told              the caller writes the event that tells the job itself
    """

    right: RightKind
    at_ms: Millis = 0
    channel: Literal["", "email", "push", "sms"] = ""
    purpose: _Text = ""
    source: _Text = ""
    told: bool = False


class RightsAnswer(msgspec.Struct, frozen=True):
    """It holds: nothing starts any more that it forbids."""

    right: RightKind
    at_ms: int


_decoder = msgspec.json.Decoder(RightsRequest)


class RightsDesk:
    """Takes rights in from other programs.

    listed  puts somebody on the list of the erased, in the same batch
    """

    def __init__(
        self,
        store: CacheStore,
        releases: Releases,
        progress: Progress,
        using: UsingRights,
        nodes: Nodes,
        *,
        clock_ms: Callable[[], int],
        listed: Listed = nobody,
    ) -> None:
        self._store = store
        self._releases = releases
        self._progress = progress
        self._using = using
        self._nodes = nodes
        self._clock_ms = clock_ms
        self._listed = listed

    def routes(self) -> list[Route]:
        """Its path."""
        return [
            Route(
                "POST",
                PATH,
                Right.RIGHTS,
                self._nodes.at_primary(self._use, of_user, patient=True),
                about="Unsubscribe, erase, or take consent back. Answered once nothing that it forbids can start",
                takes=RightsRequest,
                gives={200: RightsAnswer},
            )
        ]

    def telling(self, workspace: WorkspaceId, user: UserId, at_ms: int, source: str) -> RightsTold:
        """What makes the events of a person now."""
        newest = self._releases.newest(workspace)
        consent = newest.release.settings.consent if newest else ConsentSettings()
        return RightsTold(
            workspace,
            user,
            at_ms,
            self._progress.world,
            profile=self.profile(workspace, user),
            consent=consent,
            source=source,
        )

    def rights_of(self, workspace: WorkspaceId, user: UserId) -> RightsRow | None:
        """What somebody asked for, as far as it holds."""
        return self._using.rights.of(workspace, user)

    def profile(self, workspace: WorkspaceId, user: UserId) -> ToldProfile | None:
        """What is known of somebody here."""
        packed = self._store.profile(user_key(workspace, user))
        return None if packed is None else decode(ToldProfile, packed)

    async def _use(self, request: Request) -> Answer:
        workspace, user = of_user(request)
        told = _request(request.body)
        now_ms = self._clock_ms()
        at_ms = min(told.at_ms, now_ms) or now_ms
        asked = Asked(told.right, at_ms, told.channel, told.purpose)
        if COPY in request.headers and request.forwarded:
            await self._using.write(workspace, user, [asked])
        else:
            telling = self.telling(workspace, user, now_ms, told.source)
            rows = [] if told.told else telling.rows([asked], self._listed)
            # Here first: where the second node is away, it holds as far as it can, and the caller comes again.
            await self._using.write(workspace, user, [asked], rows)
            if is_for_all_nodes(asked):
                await self._nodes.copy(request, workspace, user)
            await self._using.settle(workspace, user)
        return json_body(200, {"right": told.right, "at_ms": at_ms})


def _request(body: bytes) -> RightsRequest:
    try:
        told = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise bad_request("bad_body", f'expected {{"right": "unsubscribe"}}: {error}') from None
    if told.right is not RightKind.UNSUBSCRIBE and (told.channel or told.purpose):
        raise bad_request("bad_body", "expected a channel and a purpose beside an unsubscription only")
    return told
