"""What other people's choices say of one person: similar items, factors, and ranking a catalogue by them."""

from online_models.collaborative.catalog import Catalog
from online_models.collaborative.catalog_term import CatalogTerm
from online_models.collaborative.part import CollaborativePart
from online_models.collaborative.ranker import Ranker
from online_models.collaborative.ranks import RankWeights
from online_models.collaborative.slate import rows_of, slate_of
from online_models.collaborative.taste import NO_TASTE, TASTE_BYTES_MAX, Met, Taste, take, taste_of
from online_models.collaborative.term import CollaborativeTerm

__all__ = [
    "NO_TASTE",
    "TASTE_BYTES_MAX",
    "Catalog",
    "CatalogTerm",
    "CollaborativePart",
    "CollaborativeTerm",
    "Met",
    "RankWeights",
    "Ranker",
    "Taste",
    "rows_of",
    "slate_of",
    "take",
    "taste_of",
]
