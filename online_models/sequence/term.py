"""What a person's recurrent state says of each variant of a slot."""

from collections.abc import Sequence

import numpy as np

from online_models.sequence.state import opened
from online_models.sequence.weights import TAGS_OF_INPUT_MAX, Floats, SequenceWeights
from online_models.terms import Person, SlotTable, TermScores, hash_of_name

VALUE_MAX = 8.0
"""Log-odds beyond which no honest term reaches."""
ROUNDING = 1e-4
"""Between a value and its parts, both float32; what is more was cut off at `VALUE_MAX`."""


class Outputs:
    """What states are multiplied by, for each variant of a table: made when a row is first asked for.

    A part is used for hours and snapshots come by the minute: whoever makes terms keeps these.
    """

    def __init__(self, table: SlotTable, weights: SequenceWeights, head: str = "reward") -> None:
        self.table = table
        self.weights = weights
        self.head = head
        self._rows: Floats = np.zeros((len(table), weights.hidden + 1), np.float32)
        self._known = np.zeros(len(table), np.bool_)
        self._whole = False

    def rows(self, chosen: Sequence[int] | None) -> Floats:
        """The rows asked for, or all: shape (n, hidden + 1)."""
        if not self._whole:
            self._make(range(len(self.table)) if chosen is None else chosen)
            self._whole = chosen is None
        return self._rows if chosen is None else self._rows[list(chosen)]

    def _make(self, chosen: Sequence[int]) -> None:
        table, weights = self.table, self.weights
        for row in chosen:
            if not self._known[row]:
                item = hash_of_name(table.variants[row])
                self._rows[row] = weights.output(self.head, item, tag_hashes(table.tags[row]))
                self._known[row] = True


class SequenceTerm:
    """State × embedding of the variant + what is added whatever the state is: log-odds beyond the other terms'.

    With the head `next`: how much likelier an item comes next than its popularity tells. A variant that training did
    not meet speaks by its tags. Making one costs nothing: all is in `outputs`.
    """

    __slots__ = ("_outputs",)

    def __init__(self, outputs: Outputs) -> None:
        self._outputs = outputs

    def score(self, person: Person, rows: Sequence[int] | None = None) -> TermScores:
        """See `Term`. One product over all rows asked for."""
        weights, outputs = self._outputs.weights, self._outputs.rows(rows)
        values = outputs[:, :-1] @ person.once(weights, lambda one: opened(one.hidden, weights).values) + outputs[:, -1]
        if len(values) and not float(abs(values).max()) <= VALUE_MAX:
            values = np.clip(np.nan_to_num(values, nan=0.0), -VALUE_MAX, VALUE_MAX)
        return TermScores(values.tolist(), (weights.deviation,) * len(values))

    def explain(self, person: Person, row: int) -> list[tuple[str, float]]:
        """What the variant's parts add to the term's value: all variants alike, the variant itself, each tag."""
        outputs, table = self._outputs, self._outputs.table
        tags, variant = table.tags[row][:TAGS_OF_INPUT_MAX], table.variants[row]
        names = ["all", f"variant:{variant}", *[f"tag:{tag}" for tag in tags]]
        parts = outputs.weights.parts(outputs.head, hash_of_name(variant), tag_hashes(tags))
        values = opened(person.hidden, outputs.weights).values
        told = [(name, float(part[:-1] @ values + part[-1])) for name, part in zip(names, parts, strict=True)]
        beyond = self.score(person, (row,)).values[0] - sum([value for _, value in told])
        return [*told, ("bound", beyond)] if abs(beyond) > ROUNDING else told


def tag_hashes(tags: Sequence[str]) -> tuple[int, ...]:
    """Hashes of the tags of a variant that count."""
    return tuple([hash_of_name(tag) for tag in tags[:TAGS_OF_INPUT_MAX]])
