"""What the gateway tells about itself on `/metrics`. Never labelled by user."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from schemas.ids import TemplateName, WorkspaceId

READ_BUCKETS_S = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.1)


class ReadMeters:
    """The gateway's meters in a registry of one's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._reads = Counter(
            "foresend_reads",
            "Reads answered with a message, by where it came from; reason: why the fallback was served",
            ["workspace", "template", "source", "reason"],
            registry=registry,
        )
        self._children: dict[tuple[str, str, str, str], Counter] = {}
        self.problems = Counter("foresend_read_problems", "Reads answered with a problem", ["code"], registry=registry)
        self.seconds = Histogram(
            "foresend_read_seconds",
            "Time to answer a read, in the process",
            buckets=READ_BUCKETS_S,
            registry=registry,
        )

    def count(self, workspace: WorkspaceId, template: TemplateName, source: str, reason: str) -> None:
        """Count a read. Only templates of a release come here, so the labels stay few."""
        labels = (workspace, template, source, reason)
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._reads.labels(*labels)
        child.inc()
