"""Several nodes in this process, which reach each other without sockets, unless a test takes one away."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from connectors.gateway.nodes import Nodes
from connectors.http.client import Headers, HttpUnavailable
from connectors.http.client import Reply as HttpReply
from connectors.kafka.partitioning import event_partition
from schemas.ids import UserId
from tests.support.messages import WORKSPACE
from tests.support.rights import RightsNode


class SeveralNodes:
    """Nodes by their names; `away`: those that nobody reaches; `asked`: who was asked what by another."""

    def __init__(self, folder: Path, names: Sequence[str], lists: Mapping[str, Sequence[str]] | None = None) -> None:
        self.away: set[str] = set()
        self.asked: list[tuple[str, str, str]] = []
        self.by_name: dict[str, RightsNode] = {}
        for name in names:
            listed = (lists or {}).get(name, names)
            nodes = _LinkedNodes({one: f"http://{one}.example" for one in listed}, name, self)
            self.by_name[name] = RightsNode(folder / name, nodes)

    def close(self) -> None:
        for node in self.by_name.values():
            node.close()

    def owners(self, user: str) -> tuple[str, ...]:
        """Names of who holds a person, the primary first."""
        first = next(iter(self.by_name.values()))
        return first.nodes.owners[event_partition(WORKSPACE, UserId(user))]

    def primary(self, user: str) -> RightsNode:
        return self.by_name[self.owners(user)[0]]

    def second(self, user: str) -> RightsNode:
        return self.by_name[self.owners(user)[1]]

    def stranger(self, user: str) -> RightsNode:
        """A node that does not hold a person."""
        return next(node for name, node in self.by_name.items() if name not in self.owners(user))


class _LinkedNodes(Nodes):
    def __init__(self, urls: Mapping[str, str], own: str, all_nodes: SeveralNodes) -> None:
        super().__init__(urls, own)
        self._all = all_nodes

    def _client(self, name: str, timeout_s: float) -> "_Link":  # type: ignore[override]
        del timeout_s
        return _Link(self._all, name)


class _Link:
    """Asks a node in this process."""

    def __init__(self, nodes: SeveralNodes, name: str) -> None:
        self._nodes = nodes
        self._name = name

    async def request(self, method: str, path: str, body: bytes = b"", headers: Headers = ()) -> HttpReply:
        self._nodes.asked.append((self._name, method, path))
        if self._name in self._nodes.away:
            raise HttpUnavailable("away")
        reply = await self._nodes.by_name[self._name]._request(method, path, body, dict(headers))
        found = {name.encode(): value.encode() for name, value in reply.headers.items()}
        return HttpReply(reply.status, found, reply.body)
