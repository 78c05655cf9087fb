"""All dashboards, in the order of reading."""

from foresend.dashboards.delivery import DELIVERY
from foresend.dashboards.overview import OVERVIEW
from foresend.dashboards.pipeline import PIPELINE
from foresend.dashboards.quality import MODELS

BOARDS = (OVERVIEW, PIPELINE, MODELS, DELIVERY)
