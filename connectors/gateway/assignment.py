"""Which nodes hold which partition: worked out by everybody from the list of nodes alone.

Persons belong to partitions (`connectors.kafka.partitioning.event_partition`). Each partition is held by two nodes; the
first of them is its primary. A node added at the list's end takes its share from those that have most, and nothing else
moves. See docs/nodes.md.
"""

from collections.abc import Sequence

from schemas.topics import PARTITIONS

COPIES = 2


def assigned(nodes: int, partitions: int = PARTITIONS) -> tuple[tuple[int, ...], ...]:
    """The nodes of each partition, by their places in the list; the primary first.

    As if the nodes had come one after the other, so that one more at the end changes as little as can be.

    >>> assigned(1, 3), assigned(2, 4)
    (((0,), (0,), (0,)), ((0, 1), (0, 1), (1, 0), (1, 0)))
    """
    owners = [[0] for _ in range(partitions)]
    for new in range(1, nodes):
        _give_primaries(owners, new, partitions // (new + 1))
        _give_seconds(owners, new, COPIES * partitions // (new + 1))
    return tuple(tuple(one) for one in owners)


def _give_primaries(owners: list[list[int]], new: int, share: int) -> None:
    """Make a node the primary of its share. Who was it becomes the second: it has everything."""
    for _ in range(share):
        loads = _loads([one[:1] for one in owners], new)
        most = max(range(new), key=lambda node: (loads[node], -node))
        partition = max(number for number, one in enumerate(owners) if one[0] == most)
        owners[partition] = [new, most]


def _give_seconds(owners: list[list[int]], new: int, share: int) -> None:
    """Make a node the second where there is none yet, then of those that hold most, up to its share."""
    for one in owners:
        if len(one) < COPIES and new not in one:
            one.append(new)
    while _loads(owners, new)[new] < share:
        loads = _loads(owners, new)
        free = [number for number, one in enumerate(owners) if new not in one]
        partition = max(free, key=lambda number: (loads[owners[number][1]], number), default=None)
        if partition is None:
            return
        owners[partition][1] = new


def _loads(owners: Sequence[Sequence[int]], new: int) -> list[int]:
    """How many partitions each node has."""
    found = [0] * (new + 1)
    for one in owners:
        for node in one:
            found[node] += 1
    return found
