"""Keyed state of the population learner: what was learnt, and the newest examples that are not folded into it yet."""

from flink_jobs.cells import CellName, CellRow
from online_models.population import Pending, PopulationCell

POPULATION = CellRow(
    name=CellName("population"),
    kind=PopulationCell,
    purpose="statistics of one workspace: each slot's prior, weights of terms, calibration; no person's",
    bound="a bounded table of hashed features for each slot; 64 slots",
    ttl="none",
    erasure="holds aggregates only",
)
PENDING = CellRow(
    name=CellName("pending"),
    kind=Pending,
    purpose="examples of the last moments, until they are folded into the statistics",
    bound="32 examples",
    ttl="none",
    erasure="folded into aggregates after 32 further examples",
)
POPULATION_CELLS = (POPULATION, PENDING)
