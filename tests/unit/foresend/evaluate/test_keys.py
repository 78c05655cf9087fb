"""What `foresend evaluate` prints is read by others: these keys are fixed, more are welcome."""

import msgspec
import pytest

from foresend.evaluate.policy import PolicyResult
from foresend.evaluate.progressive import ProgressiveFigures
from foresend.evaluate.ranking import Ranking

FIXED: dict[type[msgspec.Struct], str] = {
    ProgressiveFigures: "dataset n auc auc_lo auc_hi block_auc logloss ece n_cold cold_auc cold_logloss us_per_event "
    "train_s state_bytes_p99",
    Ranking: "dataset n hr10 ndcg10 cold_hr10 cold_ndcg10 us_per_event",
    PolicyResult: "dataset policy outcome estimator value lo hi versus diff diff_lo diff_hi ess half",
}


@pytest.mark.parametrize("kind", FIXED, ids=lambda kind: kind.__name__)
def test_every_key_that_others_read_is_there(kind: type[msgspec.Struct]) -> None:
    assert set(FIXED[kind].split()) <= {field.encode_name for field in msgspec.structs.fields(kind)}
