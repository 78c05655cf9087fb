"""States of many persons at once, in numpy: where windows begin, and what a trained part says of each target."""

import numpy as np

from online_models.sequence.weights import MOMENTS, Floats
from training.parameters import HIDDEN, Parameters
from training.windows import LENGTH, Rows, Windows


def begins(parameters: Parameters, windows: Windows, often: Floats) -> Floats:
    """The state that each window begins with, from the person's first step on: shape (n, HIDDEN)."""
    return _run(parameters, windows, often)[0]


def terms(parameters: Parameters, windows: Windows, often: Floats, target_often: Floats) -> Floats:
    """What the part says of each target, in log-odds: shape (n, LENGTH).

    often, target_often  for each step and target, how often its item had been met: shape (n, LENGTH)
    """
    states = np.take_along_axis(_run(parameters, windows, often)[1], windows.at[..., None], 1)
    tags = _known(parameters["tag_reward"], windows.target_tags).sum(2) * windows.target_share[..., None]
    output = tags + _known(parameters["item_reward"], windows.target_item) + parameters["base_reward"]
    output += target_often[..., None] * parameters["often_reward"]
    found: Floats = np.sum(states * output[..., :HIDDEN], -1) + output[..., HIDDEN]
    return found


def _run(parameters: Parameters, windows: Windows, often: Floats) -> tuple[Floats, Floats]:
    """The state each window begins with, and the states before each of its steps.

    Windows of one place are stepped together: a person's next one begins with what the last left.
    """
    count = len(windows.person)
    first, before = np.zeros((count, HIDDEN), np.float32), np.zeros((count, LENGTH, HIDDEN), np.float32)
    left = np.zeros((int(windows.person.max(initial=-1)) + 1, HIDDEN), np.float32)
    for place in range(int(windows.place.max(initial=-1)) + 1):
        rows = np.flatnonzero(windows.place == place)
        told = _told(parameters, windows.rows(rows), often[rows])
        values = first[rows] = left[windows.person[rows]]
        for column in range(LENGTH):
            before[rows, column] = values
            values = _step(parameters, values, told[:, column])
        # A window that is not full is the person's last: what it leaves is not asked for.
        left[windows.person[rows]] = values
    return first, before


def _told(parameters: Parameters, windows: Windows, often: Floats) -> Floats:
    """What inputs add to the gates: shape (n, LENGTH, 3 · HIDDEN)."""
    tags = _known(parameters["tag_input"], windows.tags).sum(2) * windows.share[..., None]
    told = tags + _known(parameters["item_input"], windows.item) + often[..., None] * parameters["often_input"]
    told = told * (1.0 + _known(parameters["kind_gain"], windows.kind)) + _known(parameters["kind_add"], windows.kind)
    told += windows.moment.reshape(-1, MOMENTS).dot(parameters["moment"]).reshape(told.shape)
    gates: Floats = told @ parameters["kernel"] + parameters["bias"][0]
    return gates


def _step(parameters: Parameters, values: Floats, told: Floats) -> Floats:
    """One step of all; see `online_models.sequence.state.stepped`."""
    kept = values @ parameters["recurrent"] + parameters["bias"][1]
    gates = 0.5 + 0.5 * np.tanh(0.5 * (told[:, : 2 * HIDDEN] + kept[:, : 2 * HIDDEN]))
    candidate = np.tanh(told[:, 2 * HIDDEN :] + gates[:, HIDDEN:] * kept[:, 2 * HIDDEN :])
    new: Floats = (candidate + gates[:, :HIDDEN] * (values - candidate)).astype(np.float32)
    return new


def _known(table: Floats, rows: Rows) -> Floats:
    found: Floats = table[rows] * (rows > 0)[..., None].astype(np.float32)
    return found
