"""A row of the table of metrics."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Prometheus's types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


class Program(StrEnum):
    """What runs, by the name of its command."""

    COLLECT = "collect"
    SERVE = "serve"
    DELIVER = "deliver"
    INBOUND = "inbound"
    TRAIN = "train"
    JOB = "job"


@dataclass(frozen=True)
class Metric:
    """What is told under one name.

    name      as it stands in Prometheus: of a counter with `_total`; of a histogram without `_bucket`
    unit      what one is: a base unit, or the noun that is counted
    values    of a label, all that it can be, where that is a closed list; labels that are missing here name a
              workspace, a template, a topic or the like
    buckets   upper bounds, of a histogram
    """

    name: str
    kind: Kind
    unit: str
    programs: tuple[Program, ...]
    meaning: str
    labels: tuple[str, ...] = ()
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()

    @property
    def bare_name(self) -> str:
        """The name as the library wants it: it adds `_total` by itself."""
        return self.name.removesuffix("_total") if self.kind is Kind.COUNTER else self.name
