"""What tests of every kind share."""

import pytest

from schemas.library import Release
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load


@pytest.fixture(scope="session")
def sample_release() -> Release:
    """The shipped sample workspace, compiled."""
    return compile_release(load(SAMPLE))
