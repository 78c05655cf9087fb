"""Every bench by its name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from foresend.bench import cache, collector, freshness, gateway, hotpath, render, shift
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
    "collector": Bench("take events in over HTTP", collector.CollectorSizes, collector.measure),
    "shift": Bench("renders saved against clicks lost, by thresholds of the shift", shift.ShiftSizes, shift.measure),
}
