"""The slate of a catalog slot: the items that were ranked best for a person, kept until they must be ranked again."""

import numpy as np

from online_models.collaborative.catalog_term import STAMP_BYTES, CatalogTerm
from online_models.terms import Person


def slate_of(term: CatalogTerm, person: Person, items: int, before: bytes) -> bytes:
    """Return the slate packed: the term's stamp, then a uint32 for the hash of each item, best first.

    before  the slate that was kept, or no bytes. It is returned as it is where what it follows from (the person's
            taste, the trained part, the items of the slot) is as it was: ranking costs a hundred times as much as that
            takes to see
    """
    stamp = term.stamp(person)
    if before[:STAMP_BYTES] == stamp:
        return before
    rows, _ = term.rank(person, items)
    return stamp + term.items[rows].astype("<u4").tobytes()


def rows_of(term: CatalogTerm, slate: bytes) -> tuple[int, ...]:
    """The rows of a slate's items in the term's table, best first; items that left the table are left out."""
    items = np.frombuffer(slate, "<u4", offset=STAMP_BYTES).tolist() if slate else []
    return tuple([term.row_of[item] for item in items if item in term.row_of])
