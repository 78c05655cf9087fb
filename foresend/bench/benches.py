"""Every bench by its name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from foresend.bench import (
    cache,
    candidates,
    collector,
    deliver,
    footprint,
    freshness,
    gateway,
    hostile,
    hotpath,
    models,
    release,
    render,
    shift,
)
from foresend.bench.figures import Figure, Run, merged
from foresend.bench.telling import Tell


@dataclass(frozen=True)
class Bench:
    """One bench.

    sizes    a dataclass of its options
    measure  told the sizes, gives the runs of each of its lines
    """

    about: str
    sizes: type[Any]
    measure: Callable[[Any, Tell], Iterator[Sequence[Run]]]

    def lines(self, sizes: Any, tell: Tell) -> Iterator[dict[str, Figure]]:
        """The figures of each line, over all its runs."""
        for runs in self.measure(sizes, tell):
            yield {**merged(runs), "runs": len(runs)}


BENCHES = {
    "hotpath": Bench(
        "the job in Flink on one slot, and the same step in a bare loop", hotpath.HotpathSizes, hotpath.measure
    ),
    "freshness": Bench(
        "from the collector's 202 until the gateway shows a change", freshness.FreshnessSizes, freshness.measure
    ),
    "gateway": Bench(
        "draw from the cache, beside other ways to answer the same", gateway.GatewaySizes, gateway.measure
    ),
    "cache": Bench("fill, rebuild and read a node's store", cache.CacheSizes, cache.measure),
    "render": Bench("compile layouts, render combinations, choose candidates", render.RenderSizes, render.measure),
    "candidates": Bench(
        "random decisions over a library, each held to what is promised", candidates.CandidatesSizes, candidates.measure
    ),
    "release": Bench(
        "draws before a release, and while everybody is rendered anew after it", release.ReleaseSizes, release.measure
    ),
    "models": Bench(
        "an event's cost with all parts of the models on, and the bytes of cells", models.ModelsSizes, models.measure
    ),
    "footprint": Bench(
        "bytes of state for a person, and of records for an event", footprint.FootprintSizes, footprint.measure
    ),
    "collector": Bench("take events in over HTTP", collector.CollectorSizes, collector.measure),
    "deliver": Bench(
        "mails to simulated recipients, each read and held to its person; and with kills around DATA",
        deliver.DeliverSizes,
        deliver.measure,
    ),
    "hostile": Bench(
        "strings that mean harm in every place of a message that is sent", hostile.HostileSizes, hostile.measure
    ),
    "shift": Bench("renders saved against clicks lost, by thresholds of the shift", shift.ShiftSizes, shift.measure),
}
