"""Errors: who is at fault decides what is done, and dashboards count by a closed list."""

import pytest

from schemas.errors import (
    BrokerUnavailable,
    CacheBusy,
    ConfigError,
    DataError,
    PersonalizationError,
    Reason,
    SchemaError,
    StateCorrupt,
    StateError,
    StateVersionError,
    TransientError,
    UnknownWorkspace,
    UnknownWorld,
    WorldUnavailable,
)

FAMILIES = {
    DataError: (SchemaError, UnknownWorkspace, UnknownWorld),
    StateError: (StateVersionError, StateCorrupt),
    TransientError: (CacheBusy, BrokerUnavailable, WorldUnavailable),
    ConfigError: (ConfigError,),
}


@pytest.mark.parametrize(("family", "members"), FAMILIES.items())
def test_an_error_belongs_to_one_family(
    family: type[PersonalizationError], members: tuple[type[PersonalizationError], ...]
) -> None:
    for member in members:
        assert [other for other in FAMILIES if issubclass(member, other)] == [family]
        assert member.__doc__


def test_the_reasons_of_dead_letters_are_a_closed_list_that_dashboards_know() -> None:
    assert sorted(Reason) == [
        "bad_utf8",
        "key_mismatch",
        "not_allowed",
        "not_finite",
        "not_json",
        "time_out_of_range",
        "too_deep",
        "too_large",
        "unknown_kind",
        "unknown_workspace",
        "unknown_world",
        "unmapped",
        "wrong_type",
    ]


def test_a_fault_of_the_input_says_its_reason() -> None:
    assert SchemaError(Reason.NOT_JSON, "expected JSON").reason is Reason.NOT_JSON
    assert UnknownWorkspace("expected a release").reason is Reason.UNKNOWN_WORKSPACE
    assert str(SchemaError(Reason.NOT_JSON, "expected JSON")) == "expected JSON"


def test_all_problems_of_a_configuration_are_told() -> None:
    error = ConfigError(["one", "two"])
    assert error.problems == ["one", "two"]
    assert str(error) == "one\ntwo"
    assert ConfigError("one").problems == ["one"]
