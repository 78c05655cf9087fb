"""What the engine's policy would have earned on logged decisions, beside each choice for everybody.

Everything is cross-fitted: the policy used on a row, and what is expected of its outcome, were learnt from rows of
other folds only. Intervals are asymptotic normal ones, 95 %, of the rows; the policies are taken as given.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from connectors.mappings.loading import load_mapping
from connectors.mappings.model import Evaluation
from foresend.evaluate.chooser import Chooser, Choosing
from foresend.evaluate.rows import LoggedDecision, read_decisions
from online_models.estimators.estimate import Estimate, FloatArray
from online_models.estimators.off_policy import doubly_robust, inverse_propensity, self_normalised
from online_models.estimators.outcome_model import OutcomeModel
from schemas.errors import ConfigError
from schemas.ids import VariantId

FACTS_EXPECTED_BY_MAX = 256
"""Values of facts that the model of outcomes knows: the commonest. It only makes estimates narrower."""
ENGINE = "foresend"
"""The engine's own policy; others are named by the variant that they show everybody."""


class PolicyResult(msgspec.Struct, frozen=True):
    """One policy by one estimator. `half` is there where random halves of the rows are valued, counted from 1.

    versus  the choice for everybody that this estimator holds best; the difference to it is paired row by row
    ess     effective sample size
    """

    dataset: str
    policy: str
    outcome: str
    estimator: str
    value: float
    lo: float
    hi: float
    versus: str
    diff: float
    diff_lo: float
    diff_hi: float
    ess: float
    half: int | msgspec.UnsetType = msgspec.UNSET


def run(data: Path, mapping: Path, halves: int = 0, seed: int | None = None) -> Iterator[PolicyResult]:
    """Value the policies on all rows or, where halves are asked for, on so many random halves of them.

    seed  of folds and halves; None: the mapping's

    Raises:
        ConfigError: the mapping does not say how rows were drawn, or a file of the folder cannot be used.
    """
    evaluation = load_mapping(mapping).evaluation
    if evaluation is None or not evaluation.propensity:
        raise ConfigError(f"{mapping}: expected a section `evaluation` with a `propensity`: how rows were drawn")
    decisions = read_decisions(data, evaluation)
    dataset, start = data.resolve().name, evaluation.seed if seed is None else seed
    if not halves:
        yield from _valued(dataset, decisions, evaluation, start)
    for half in range(1, halves + 1):
        chosen = Random(f"{start}/{half}").sample(range(len(decisions)), len(decisions) // 2)
        rows = [decisions[row] for row in sorted(chosen)]
        for result in _valued(dataset, rows, evaluation, start + half):
            yield msgspec.structs.replace(result, half=half)


class _Logged(NamedTuple):
    """Rows in columns.

    variants  all that were shown
    choices   shape (n,): index of the variant shown
    folds     shape (n,)
    """

    variants: tuple[VariantId, ...]
    choices: NDArray[np.int64]
    folds: NDArray[np.int64]
    propensities: FloatArray
    outcomes: Mapping[str, FloatArray]


def _valued(
    dataset: str, decisions: Sequence[LoggedDecision], evaluation: Evaluation, seed: int
) -> Iterator[PolicyResult]:
    choosing = Choosing(evaluation, decisions)
    logged = _columns(decisions, evaluation, choosing.variants, seed)
    targets = {ENGINE: _engine(decisions, choosing, logged.folds)}
    for number, variant in enumerate(logged.variants):
        targets[str(variant)] = np.tile(np.eye(len(logged.variants))[number], (len(decisions), 1))
    features = _features(decisions)
    for outcome in logged.outcomes:
        expected = _expected(features, logged, outcome)
        estimates = {policy: _estimates(logged, target, outcome, expected) for policy, target in targets.items()}
        for estimator in estimates[ENGINE]:
            found = {policy: each[estimator] for policy, each in estimates.items()}
            versus = max(list(found)[1:], key=lambda policy: found[policy].mean)
            for policy, estimate in found.items():
                yield _result((dataset, policy, outcome, estimator), estimate, versus, found[versus])


def _columns(
    decisions: Sequence[LoggedDecision], evaluation: Evaluation, variants: tuple[VariantId, ...], seed: int
) -> _Logged:
    count = len(decisions)
    if ENGINE in variants:
        raise ConfigError(f"expected variants of other names than {ENGINE}: that is the engine's policy")
    index = {variant: number for number, variant in enumerate(variants)}
    return _Logged(
        variants,
        np.array([index[decision.variant] for decision in decisions]),
        _folds(decisions, evaluation.folds, seed),
        np.full(count, evaluation.propensity),
        {name: np.array([one.outcomes[name] for one in decisions]) for name in evaluation.outcomes},
    )


def _folds(decisions: Sequence[LoggedDecision], folds: int, seed: int) -> NDArray[np.int64]:
    """A fold for each row, shape (n,): all rows of a person are in one."""
    people = list(dict.fromkeys(decision.user for decision in decisions))
    if len(people) < folds:
        raise ConfigError(f"expected at least one person for each of {folds} folds, got {len(people)}")
    Random(seed).shuffle(people)
    fold_of = {user: number % folds for number, user in enumerate(people)}
    return np.array([fold_of[decision.user] for decision in decisions])


def _engine(decisions: Sequence[LoggedDecision], choosing: Choosing, folds: NDArray[np.int64]) -> FloatArray:
    """Probabilities of the engine's policy, shape (n, variants): for each fold by what the others taught, in row order.

    Each fold is a worker that learns by itself; what workers learnt is added up.
    """
    rows = [np.flatnonzero(folds == fold).tolist() for fold in range(int(folds.max()) + 1)]
    taught = [choosing.taught_by(decisions[row] for row in own) for own in rows]
    chances = np.empty((len(decisions), len(choosing.variants)))
    for fold, own in enumerate(rows):
        chooser = Chooser(choosing, [*taught[:fold], *taught[fold + 1 :]])
        for row in own:
            chances[row] = chooser.probabilities(decisions[row])
    return chances


def _features(decisions: Sequence[LoggedDecision]) -> FloatArray:
    """What is known of each row in numbers: each fact as 0 or 1, each number in deviations; what is unknown is 0."""
    counts = Counter(fact for decision in decisions for fact in decision.facts.items())
    # The commonest first, and of equally common ones always the same.
    facts = sorted(counts, key=lambda fact: (-counts[fact], fact))[:FACTS_EXPECTED_BY_MAX]
    columns = [[float(decision.facts.get(name) == value) for decision in decisions] for name, value in facts]
    for name in sorted({name for decision in decisions for name in decision.numbers}):
        known = np.array([decision.numbers.get(name, np.nan) for decision in decisions])
        spread = np.nanstd(known)
        if spread > 0:
            columns.append(np.nan_to_num((known - np.nanmean(known)) / spread).tolist())
    return np.array(columns).T if columns else np.zeros((len(decisions), 0))


def _expected(features: FloatArray, logged: _Logged, outcome: str) -> FloatArray:
    """What each choice is expected to come to in each row, shape (n, variants), learnt from the other folds."""
    rewards, count = logged.outcomes[outcome], len(logged.variants)
    expected = np.empty((len(rewards), count))
    for fold in range(int(logged.folds.max()) + 1):
        own = logged.folds == fold
        model = OutcomeModel.fit(features[~own], logged.choices[~own], rewards[~own], count)
        expected[own] = model.expect(features[own])
    return expected


def _estimates(logged: _Logged, target: FloatArray, outcome: str, expected: FloatArray) -> dict[str, Estimate]:
    rewards, rows = logged.outcomes[outcome], np.arange(len(target))
    columns = rewards, logged.propensities, target[rows, logged.choices]
    return {
        "ips": inverse_propensity(*columns),
        "snips": self_normalised(*columns),
        "dr": doubly_robust(*columns, expected[rows, logged.choices], (target * expected).sum(axis=1)),
    }


def _result(names: tuple[str, str, str, str], estimate: Estimate, versus: str, best: Estimate) -> PolicyResult:
    difference = estimate.minus(best)
    return PolicyResult(
        *names,
        estimate.mean,
        *estimate.interval,
        versus,
        difference.mean,
        *difference.interval,
        estimate.ess,
    )
