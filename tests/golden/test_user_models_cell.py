"""Stored models of every older version are still read. Blobs are never deleted and never made again."""

import json
from pathlib import Path

from online_models.slot_model import UserModels
from schemas.codec import decode
from schemas.ids import SlotName, TemplateName
from schemas.library import LearningSettings

CELLS = Path(__file__).parent / "cells"


def test_version_1_reads_as_it_was_written() -> None:
    stored = (CELLS / "user_models_v1.bin").read_bytes()
    expected = json.loads((CELLS / "user_models_v1.json").read_text(encoding="utf-8"))
    read = decode(UserModels, stored)
    found = {
        key: {"weights": model.by_name(), "examples": model.examples, "resets": model.resets}
        for key, model in read.slots.items()
    }
    assert found == expected
    assert list(found) == list(expected), "the order says which model learnt longest ago"


def test_version_2_is_version_1_with_a_taste() -> None:
    old = decode(UserModels, (CELLS / "user_models_v1.bin").read_bytes())
    new = decode(UserModels, (CELLS / "user_models_v2.bin").read_bytes())
    assert (new.slots, new.taste, old.taste) == (old.slots, b"liked", b"")


def test_what_was_written_in_version_1_goes_on_learning() -> None:
    models = decode(UserModels, (CELLS / "user_models_v1.bin").read_bytes())
    model = models.model_of(TemplateName("newsletter"), SlotName("hero"), LearningSettings())
    assert model.offset({"affinity": 1.0, "tag:sport": 1.0}) == -0.75
    model.learn({"affinity": 1.0}, clicked=True, prior_logit=0.0)
    assert model.experience == 42
    assert model.offset({"affinity": 1.0}) > 0.5
