"""What tests of every kind share."""

import pytest

from schemas.library import Release
from templates.compiler import compile_release
from templates.workspace import SAMPLE, load, load_marketing


@pytest.fixture(scope="session")
def sample_release() -> Release:
    """The shipped sample workspace, compiled."""
    return compile_release(load(SAMPLE))


@pytest.fixture(scope="session")
def marketing_release() -> Release:
    """The same without its receipts: what is chosen for somebody, as benches measure it."""
    return compile_release(load_marketing(SAMPLE))
