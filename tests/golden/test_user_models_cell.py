"""Stored models of every older version are still read. Blobs are never deleted and never made again."""

import json
import struct
from pathlib import Path

from online_models.slot_model import UserModels
from online_models.terms import hash_of_name
from schemas.codec import decode, encode
from schemas.ids import SlotName, TemplateName
from schemas.library import LearningSettings

CELLS = Path(__file__).parent / "cells"


def test_version_1_reads_as_it_was_written() -> None:
    stored = (CELLS / "user_models_v1.bin").read_bytes()
    expected = json.loads((CELLS / "user_models_v1.json").read_text(encoding="utf-8"))
    read = decode(UserModels, stored)
    found = {
        key: {
            "weights": dict(zip(model.names, struct.unpack(f"<{len(model.names)}f", model.weights), strict=True)),
            "examples": model.examples,
            "resets": model.resets,
        }
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
    affinity, sport = hash_of_name("affinity"), hash_of_name("tag:sport")
    assert model.offset([(affinity, 1.0), (sport, 1.0)]) == -0.75
    assert model.weight(affinity) == 0.5
    model.learn({affinity: 1.0}, target=1.0, base=0.0)
    assert model.experience == 42
    assert model.weight(affinity) > 0.5
    models.put(TemplateName("newsletter"), SlotName("hero"), model)
    again = decode(UserModels, encode(models))
    assert again.slots["newsletter/hero"].names == ()
    assert again.model_of(TemplateName("newsletter"), SlotName("hero"), LearningSettings()).weight(sport) == -1.25


def test_version_3_holds_hashes_weights_and_variances() -> None:
    read = decode(UserModels, (CELLS / "user_models_v3.bin").read_bytes())
    model = read.model_of(TemplateName("newsletter"), SlotName("hero"), LearningSettings())
    affinity, jazz = hash_of_name("affinity"), hash_of_name("tag:jazz")
    assert (model.weight(affinity), model.weight(jazz)) == (0.5, -1.25)
    assert model.variance([(affinity, 1.0)]) == 0.25
    assert model.variance([(jazz, 2.0)]) == 0.5
    assert (model.experience, model.resets, read.taste) == (7, 2, b"liked")
