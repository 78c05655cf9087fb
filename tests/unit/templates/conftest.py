"""What tests of the variant library share."""

from functools import lru_cache

import pytest

from templates.yaml_files import parse_yaml

PARSED = lru_cache(parse_yaml)


@pytest.fixture(autouse=True)
def _parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test leaves as they are, are parsed once for all tests: reading YAML is most of the time here."""
    monkeypatch.setattr("templates.yaml_files.parse_yaml", PARSED)
