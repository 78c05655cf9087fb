"""What was learnt over all users, before anybody scores with it: whether the numbers are those that scoring reads."""

from online_models.collaborative.part import CollaborativePart
from online_models.prior.learnt import unpack
from online_models.sequence.weights import SequenceWeights
from schemas.errors import Reason, SchemaError, StateError
from schemas.models import ModelPart, ModelSnapshot, PartKind

READ = {PartKind.COLLABORATIVE: CollaborativePart.of, PartKind.SEQUENCE: SequenceWeights.of}


def check_usable(published: ModelSnapshot | ModelPart) -> None:
    """Refuse what no score can be made of, so that what was published before it stays in use.

    Raises:
        SchemaError: damaged, not finite, or not of the shapes that scoring needs; with what was expected and what came.
    """
    published.check()
    if isinstance(published, ModelPart):
        READ[published.kind](published)
        return
    for name, slot in published.slots.items():
        try:
            unpack(slot.learnt)
        except StateError as error:
            raise SchemaError(Reason.WRONG_TYPE, f"slot {name}: {error}") from error
