"""The sequence model in Keras: states before each step, and what they say of rewards and of what comes next."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from online_models.sequence.weights import MOMENTS, TAGS_OF_INPUT_MAX, Floats
from training.library import keras
from training.parameters import HIDDEN, INPUTS, Parameters
from training.windows import LENGTH

NEGATIVES = 64
"""Items drawn for each window that what comes next is told apart from."""
RATE = 0.003
ROW_SHRINKAGE = 1e-3
"""L2 of the rows of items: few have enough examples to be told apart from what their tags say."""
SHRINKAGE = 5e-4
NEXT_WEIGHT = 0.1
"""Of the loss of what comes next, beside that of rewards: it teaches where rewards are few."""
IMPOSSIBLE = -1e9


class Network(NamedTuple):
    """A compiled model, made once for tables of these lengths."""

    model: Any
    layers: dict[str, Any]

    def put(self, parameters: Parameters) -> None:
        """Begin with these numbers, and an optimiser that remembers nothing."""
        for names, layer in self.layers.items():
            layer.set_weights([_as_stored(name, parameters[name]) for name in names.split()])
        for variable in self.model.optimizer.variables:
            if variable is not self.model.optimizer.learning_rate:
                variable.assign(np.zeros(variable.shape, variable.dtype))

    def parameters(self) -> Parameters:
        """The numbers as they are now."""
        found: Parameters = {}
        for names, layer in self.layers.items():
            values = layer.get_weights()
            found.update({
                name: np.array(value[0] if name.startswith("often") else value, np.float32)
                for name, value in zip(names.split(), values, strict=True)
            })  # fmt: skip
        return found

    def memory(self) -> list[Floats]:
        """What the optimiser remembers."""
        return [np.array(variable.value) for variable in self.model.optimizer.variables]

    def remember(self, memory: list[Floats]) -> None:
        """Let the optimiser go on from what it remembered."""
        for variable, value in zip(self.model.optimizer.variables, memory, strict=True):
            variable.assign(value)


def _as_stored(name: str, values: Floats) -> Floats:
    return values[None, :] if name.startswith("often") else values


@lru_cache(maxsize=4)
def network_of(items: int, kinds: int, tags: int) -> Network:
    """Compile the model for tables of these many rows."""
    return _Maker(items, kinds, tags).network()


class _Maker:
    """Builds the model, layer by layer. A layer's weights are named as the parameters that they are."""

    def __init__(self, items: int, kinds: int, tags: int) -> None:
        self.keras: Any = keras()
        self.ops: Any = self.keras.ops
        layers, shrink = self.keras.layers, self.keras.regularizers.L2
        rows, few = shrink(ROW_SHRINKAGE), shrink(SHRINKAGE)
        self.layers: dict[str, Any] = {
            "kind_add": layers.Embedding(kinds, INPUTS, embeddings_regularizer=few),
            "kind_gain": layers.Embedding(kinds, INPUTS, embeddings_regularizer=few),
            "moment": layers.Dense(INPUTS, use_bias=False, kernel_regularizer=few),
            "often_input": layers.Dense(INPUTS, use_bias=False, kernel_regularizer=few),
            "kernel recurrent bias": layers.GRU(
                HIDDEN, return_sequences=True, reset_after=True, kernel_regularizer=few, recurrent_regularizer=few
            ),
        }
        for name, width in (("input", INPUTS), ("reward", HIDDEN + 1), ("next", HIDDEN + 1)):
            self.layers[f"item_{name}"] = layers.Embedding(items, width, embeddings_regularizer=rows)
            self.layers[f"tag_{name}"] = layers.Embedding(tags, width, embeddings_regularizer=few)
            if width != INPUTS or name != "input":
                self.layers[f"often_{name} base_{name}"] = layers.Dense(width, kernel_regularizer=few)

    def network(self) -> Network:
        """The compiled model."""
        inputs = self._inputs()
        before = self._states(inputs)
        outputs = {"reward": self._reward(inputs, before), "next": self._next(inputs, before)}
        model = self.keras.Model(inputs, outputs)
        losses = self.keras.losses
        model.compile(
            optimizer=self.keras.optimizers.Adam(RATE, beta_2=0.99),
            loss={
                "reward": losses.BinaryCrossentropy(from_logits=True),
                "next": losses.SparseCategoricalCrossentropy(from_logits=True),
            },
            loss_weights={"reward": 1.0, "next": NEXT_WEIGHT},
        )
        model.optimizer.build(model.trainable_variables)
        return Network(model, self.layers)

    def _inputs(self) -> dict[str, Any]:
        steps, tags = (LENGTH,), (LENGTH, TAGS_OF_INPUT_MAX)
        whole = {"kind": steps, "item": steps, "tags": tags, "at": steps, "target_item": steps, "target_tags": tags}
        whole |= {"drawn_item": (NEGATIVES,), "drawn_tags": (NEGATIVES, TAGS_OF_INPUT_MAX)}
        real = {"share": steps, "often": steps, "moment": (LENGTH, MOMENTS), "state": (HIDDEN,), "offset": steps}
        real |= {"target_share": steps, "target_often": steps, "drawn_share": (NEGATIVES,), "drawn_often": (NEGATIVES,)}
        shapes = [(name, shape, "int32") for name, shape in whole.items()]
        shapes += [(name, shape, "float32") for name, shape in real.items()]
        return {name: self.keras.Input(shape, dtype=kind, name=name) for name, shape, kind in shapes}

    def _known(self, layer: str, rows: Any) -> Any:
        """The rows of a table; what has none counts for nothing."""
        known = self.ops.cast(rows > 0, "float32")
        return self.layers[layer](rows) * known[..., None]

    def _embedded(self, name: str, inputs: dict[str, Any], of: str = "") -> Any:
        ops, often = self.ops, "often_input" if name == "input" else f"often_{name} base_{name}"
        tags = ops.sum(self._known(f"tag_{name}", inputs[f"{of}tags"]), axis=-2) * inputs[f"{of}share"][..., None]
        own = self._known(f"item_{name}", inputs[f"{of}item"])
        return own + tags + self.layers[often](inputs[f"{of}often"][..., None])

    def _states(self, inputs: dict[str, Any]) -> Any:
        """The state before each step: shape (batch, LENGTH, HIDDEN)."""
        told = self._embedded("input", inputs)
        told = told * (1.0 + self._known("kind_gain", inputs["kind"])) + self._known("kind_add", inputs["kind"])
        told = told + self.layers["moment"](inputs["moment"])
        after = self.layers["kernel recurrent bias"](told, initial_state=inputs["state"])
        return self.ops.concatenate([inputs["state"][:, None, :], after[:, :-1, :]], axis=1)

    def _reward(self, inputs: dict[str, Any], before: Any) -> Any:
        ops = self.ops
        states = ops.take_along_axis(before, inputs["at"][..., None], axis=1)
        output = self._embedded("reward", inputs, "target_")
        term = ops.sum(states * output[..., :HIDDEN], axis=-1) + output[..., HIDDEN]
        return (term + inputs["offset"])[..., None]

    def _next(self, inputs: dict[str, Any], before: Any) -> Any:
        """Log-odds of the item that came, then of those drawn, beyond how often each was met."""
        ops = self.ops
        came, drawn = self._embedded("next", inputs), self._embedded("next", inputs, "drawn_")
        own = ops.sum(before * came[..., :HIDDEN], axis=-1) + came[..., HIDDEN] + inputs["often"]
        others = ops.matmul(before, ops.transpose(drawn[..., :HIDDEN], (0, 2, 1)))
        others = others + (drawn[..., HIDDEN] + inputs["drawn_often"])[:, None, :]
        same = inputs["item"][..., None] == inputs["drawn_item"][:, None, :]
        others = ops.where(same, IMPOSSIBLE, others)
        return ops.concatenate([own[..., None], others], axis=-1)
