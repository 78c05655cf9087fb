"""Every cell of keyed state, in one table: what it holds, how large it can get, and when it is forgotten."""

from dataclasses import dataclass
from typing import NewType

from online_models.cells import ContactPart, OpenExposures, Profile, Trail
from online_models.population import Pending, PopulationCell
from online_models.slot_model import UserModels
from schemas.codec import Cell

CellName = NewType("CellName", str)


@dataclass(frozen=True)
class CellRow:
    """One row of the table.

    bound   what keeps it small
    ttl     Flink's TTL runs on processing time and does not replay: forgetting is by the user's own deadlines
    """

    name: CellName
    kind: type[Cell]
    purpose: str
    bound: str
    ttl: str
    erasure: str


PROFILE = CellRow(
    name=CellName("profile"),
    kind=Profile,
    purpose="features, what was last emitted, place in the log; read and written on every event",
    bound="128 event ids, 32 tags, 168 hours, 6 devices, 16 traits, 64 counts of repeats, one row a template and slot",
    ttl="none",
    erasure="replaced by a grave",
)
MODELS = CellRow(
    name=CellName("models"),
    kind=UserModels,
    purpose="the user's own River models, one for each slot; touched by exposures and rewards only",
    bound="32 slots of 64 weights",
    ttl="none",
    erasure="cleared",
)
EXPOSURES = CellRow(
    name=CellName("exposures"),
    kind=OpenExposures,
    purpose="what was shown and waits for its reward, and clicks that wait for evidence",
    bound="20 exposures, each until its attribution window ends; 32 clicks that wait, of 2 KB each; 8 ids of sends",
    ttl="none",
    erasure="cleared",
)
TRAIL = CellRow(
    name=CellName("trail"),
    kind=Trail,
    purpose="newest events of an anonymous profile, for the person it may become",
    bound="200 events, together 64 KB, and the features of those before them",
    ttl="none",
    erasure="cleared",
)
CONTACT = CellRow(
    name=CellName("contact"),
    kind=ContactPart,
    purpose="addresses, permission with its proof, suppression; touched by rights only",
    bound="3 channels, 32 purposes",
    ttl="none",
    erasure="cleared",
)
CELLS = (PROFILE, MODELS, EXPOSURES, TRAIL, CONTACT)
"""Of the operator that is keyed by person."""
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
    bound="32 examples, each for a minute of log time",
    ttl="none",
    erasure="folded into aggregates within a minute: at rest nothing of a person stays",
)
POPULATION_CELLS = (POPULATION, PENDING)
"""Of the population's learner, keyed by workspace: what was learnt, and examples that are not folded into it yet."""
