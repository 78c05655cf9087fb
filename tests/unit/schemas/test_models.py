"""Model snapshots: the default where nothing was learnt, and no weight that no score could be made of."""

import math

import pytest

from schemas.codec import decode, encode
from schemas.errors import Reason, SchemaError
from schemas.ids import SlotName, TemplateName, WorkspaceId
from schemas.models import AFFINITY_WEIGHT, CLICK_LOGIT, DEFAULT_PRIOR, ModelSnapshot, SlotPrior

SHOP, NEWS = WorkspaceId("shop"), TemplateName("news")


def snapshot(prior: SlotPrior) -> ModelSnapshot:
    return ModelSnapshot(workspace=SHOP, number=1, slots={"news/hero": prior})


def test_a_slot_that_was_learnt_has_its_own_prior_and_another_the_default() -> None:
    own = SlotPrior(bias=-1.0, weights={"tag:jazz": 0.5})
    assert snapshot(own).prior_of(NEWS, SlotName("hero")) == own
    assert snapshot(own).prior_of(NEWS, SlotName("footer")) is DEFAULT_PRIOR
    assert SlotPrior(CLICK_LOGIT, {"affinity": AFFINITY_WEIGHT}) == DEFAULT_PRIOR
    assert 0.02 < 1 / (1 + math.exp(-CLICK_LOGIT)) < 0.1


def test_a_prior_without_weights_is_another_thing_than_the_default() -> None:
    own = snapshot(SlotPrior(weights={}))
    assert decode(ModelSnapshot, encode(own)).prior_of(NEWS, SlotName("hero")).weights == {}


@pytest.mark.parametrize(
    "prior",
    [SlotPrior(bias=math.nan), SlotPrior(bias=math.inf), SlotPrior(weights={"a": 1.0, "b": -math.inf})],
)
def test_a_weight_that_is_no_number_is_refused_by_name(prior: SlotPrior) -> None:
    with pytest.raises(SchemaError, match="news/hero") as caught:
        snapshot(prior).check()
    assert caught.value.reason is Reason.NOT_FINITE
    snapshot(SlotPrior(bias=1e300, weights={"a": -0.0})).check()
