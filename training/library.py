"""Keras on JAX, set up so that the same input gives the same bits in every process."""

import os
from typing import Any

from schemas.errors import ConfigError

ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
"""Sums in another order are other sums: on one thread the order is the program's."""


def keras() -> Any:
    """The library; its first import takes seconds.

    Raises:
        ConfigError: it is not installed in this environment.
    """
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ["JAX_PLATFORMS"] = "cpu"
    if ONE_THREAD not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {ONE_THREAD}".strip()
    try:
        import keras as library  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ConfigError("expected the packages of the extra `train`, found none: run `make setup`") from error
    return library
