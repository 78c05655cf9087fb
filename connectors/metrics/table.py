"""Every metric that Foresend tells. Dashboards, alerts, docs/metrics.md and the programs' meters all go by it.

Labels name workspaces, templates, slots, channels and reasons: never a person, an address, or words of people.
"""

from connectors.metrics.job import JOB
from connectors.metrics.metric import Metric
from connectors.metrics.of_all import OF_ALL
from connectors.metrics.of_cache import OF_CACHE
from connectors.metrics.of_collect import OF_COLLECT
from connectors.metrics.of_delivery import OF_DELIVERY
from connectors.metrics.of_serve import OF_SERVE
from connectors.metrics.of_training import OF_TRAINING

METRICS: tuple[Metric, ...] = (
    *OF_ALL,
    *OF_COLLECT,
    *OF_SERVE,
    *OF_CACHE,
    *OF_DELIVERY,
    *OF_TRAINING,
    *JOB,
)
BY_NAME = {metric.name: metric for metric in METRICS}
