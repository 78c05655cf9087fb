"""A trained part read back as parameters, and what it says of targets: as it says it where it is used."""

from collections.abc import Sequence

import numpy as np

from online_models.sequence.weights import Floats
from schemas.models import ModelPart
from training.histories import History
from training.parameters import Parameters
from training.states import terms
from training.vocabulary import Vocabulary
from training.windows import Windows, windows_of


def loaded(part: ModelPart) -> tuple[Parameters, Vocabulary]:
    """The parameters with an empty row 0, and the vocabulary whose rows they are."""
    arrays = {array.name: np.frombuffer(array.data, array.type).reshape(array.shape) for array in part.arrays}
    hashes = {of: tuple(arrays[f"{of}_hashes"].tolist()) for of in ("item", "kind", "tag")}
    vocabulary = Vocabulary(hashes["item"], hashes["kind"], hashes["tag"], arrays["item_often"].astype(np.float32))
    parameters: Parameters = {}
    for name, values in arrays.items():
        if name.endswith("hashes") or name == "item_often":
            continue
        is_table = name.split("_")[0] in hashes
        empty = np.zeros((1, *values.shape[1:]), np.float32)
        parameters[name] = np.concatenate([empty, values]) if is_table else values.astype(np.float32)
    return parameters, vocabulary


def foretold(part: ModelPart, histories: Sequence[History]) -> tuple[Windows, Floats]:
    """Windows of all histories, and what the part says of their targets, with the counts that it was published with."""
    parameters, vocabulary = loaded(part)
    windows = windows_of(histories, vocabulary)
    often = np.concatenate([np.zeros(1, np.float32), vocabulary.often])
    return windows, terms(parameters, windows, often[windows.item], often[windows.target_item])
