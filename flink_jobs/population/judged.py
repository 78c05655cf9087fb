"""What is counted of the quality of models: of every example that says how good the decision's probability was."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from connectors.metrics.job import (
    BASELINE_LOG_LOSS,
    DRIFT_ALARMS,
    EXAMPLES,
    LOG_LOSS,
    PREDICTED,
    RESETS,
    REWARDED,
    TOLD,
)
from flink_jobs.counting import Count
from online_models.drift import Drift
from online_models.judging import Judgement, log_loss
from schemas.examples import Example
from schemas.ids import WorkspaceId

_BOUNDS = tuple(map(float, TOLD))


def judged_counts(example: Example, judgements: Iterable[Judgement]) -> Iterator[Count]:
    """Examples, rewards and probabilities by bucket, both log losses, and drift."""
    for one in judgements:
        slot = (example.workspace, example.template, one.slot)
        cell = (*slot, TOLD[bisect_left(_BOUNDS, one.told)])
        yield Count(EXAMPLES, cell)
        yield Count(REWARDED, cell, one.rewarded)
        yield Count(PREDICTED, cell, one.told)
        yield Count(LOG_LOSS, slot, log_loss(one.told, rewarded=one.rewarded))
        yield Count(BASELINE_LOG_LOSS, slot, log_loss(one.base, rewarded=one.rewarded))
        # Also where nothing drifted: an alert does not see the first value of a counter (a test looks for the 0).
        yield from (Count(DRIFT_ALARMS, (*slot, kind), kind in one.drifts) for kind in Drift)


def reset_counts(workspace: WorkspaceId, before: tuple[int, int], after: tuple[int, int]) -> Iterator[Count]:
    """What ran away by one example; a slot that made room for another takes its own resets along."""
    for part, was, now in zip(("prior", "weights"), before, after, strict=True):
        yield Count(RESETS, (workspace, part), max(0, now - was))
