"""Checkpoints of a training: the newest epoch on disk, whole or not at all."""

from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from online_models.sequence.weights import Floats

_PARAMETER, _BEST, _MEMORY = "parameter_", "best_parameter_", "memory_"


class Checkpoint(NamedTuple):
    """What a training needs to go on: as if it had never stopped.

    memory     of the optimiser, in its order
    best       the parameters that foretold best what was kept apart, and their log loss there
    """

    epoch: int
    loss: float
    parameters: dict[str, Floats]
    memory: list[Floats]
    best: dict[str, Floats]
    best_loss: float


class Checkpoints:
    """The checkpoint of one training.

    training  tells it from others: its examples, seed and beginning
    """

    def __init__(self, folder: Path, training: str) -> None:
        self._file = folder / f"{training}.npz"

    def newest(self) -> Checkpoint | None:
        """What is there; nothing where no epoch was finished, or the file cannot be read."""
        try:
            # Opened here: numpy leaves a file open that is no archive.
            with self._file.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                names = stored.files
                memory = sorted(name for name in names if name.startswith(_MEMORY))
                parameters = [name for name in names if name.startswith(_PARAMETER)]
                return Checkpoint(
                    int(stored["epoch"]),
                    float(stored["loss"]),
                    {name.removeprefix(_PARAMETER): stored[name] for name in parameters},
                    [stored[name] for name in memory],
                    {name.removeprefix(_BEST): stored[name] for name in names if name.startswith(_BEST)},
                    float(stored["best_loss"]),
                )
        except (FileNotFoundError, BadZipFile, KeyError, EOFError, ValueError):
            # A training that begins again is right too, only later.
            return None

    def keep(self, checkpoint: Checkpoint) -> None:
        """Replace the file in one move: whoever is killed leaves the old one or the new one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        arrays = {f"{_PARAMETER}{name}": values for name, values in checkpoint.parameters.items()}
        arrays |= {f"{_MEMORY}{number:04}": values for number, values in enumerate(checkpoint.memory)}
        arrays |= {f"{_BEST}{name}": values for name, values in checkpoint.best.items()}
        losses = {"loss": np.array(checkpoint.loss), "best_loss": np.array(checkpoint.best_loss)}
        half = self._file.with_suffix(".half")
        with half.open("wb") as file:
            np.savez(file, epoch=np.array(checkpoint.epoch), **losses, **arrays)
        half.replace(self._file)

    def forget(self) -> None:
        """Remove the file: the training is done."""
        self._file.unlink(missing_ok=True)
