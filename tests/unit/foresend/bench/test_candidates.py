"""The bench of candidates finds what is wrong: held to decisions that are, and to ones that are not."""

from collections.abc import Callable, Sequence
from random import Random

import pytest

from flink_jobs.worlds import make_world
from foresend.bench import candidates as bench
from foresend.bench.candidates import CandidatesSizes, PromiseBroken, breaks, decided, deviate, measure
from foresend.bench.telling import Tell
from online_models.candidates import Chosen, select
from schemas.ids import SendId, SlotName, VariantId
from schemas.library import ContentRules, Pair, Release

Spoil = Callable[[list[Chosen]], list[Chosen]]
ONE, OTHER = (SlotName("a"), VariantId("1")), (SlotName("b"), VariantId("1"))

SILENT = Tell(quiet=True)


def test_the_samples_decisions_keep_every_promise(marketing_release: Release) -> None:
    found, select_us = decided(make_world(marketing_release, None), 3_000, 7, SILENT)
    assert set(found.wrong.values()) == {0}
    assert abs(found.chi_square()) < 5
    assert sum(found.bins) == 3_000
    assert select_us > 0


@pytest.mark.parametrize(
    ("rules", "shown", "is_broken"),
    [
        (ContentRules(forbidden=(Pair(ONE, OTHER),)), {ONE, OTHER}, True),
        (ContentRules(forbidden=(Pair(ONE, OTHER),)), {ONE}, False),
        (ContentRules(required=(Pair(ONE, OTHER),)), {ONE}, True),
        (ContentRules(required=(Pair(ONE, OTHER),)), {ONE, OTHER}, False),
        (ContentRules(required=(Pair(ONE, OTHER),)), {OTHER}, False),
    ],
)
def test_rules_are_held_by_name(rules: ContentRules, shown: set[bench.Place], is_broken: bool) -> None:
    assert breaks(rules, shown) is is_broken


def wrong_sums(chosen: list[Chosen]) -> list[Chosen]:
    return [one._replace(probability=one.probability * 0.99) for one in chosen]


def below_floor(chosen: list[Chosen]) -> list[Chosen]:
    last = chosen[-1].probability
    return [
        chosen[0]._replace(probability=chosen[0].probability + last),
        *chosen[1:-1],
        chosen[-1]._replace(probability=0),
    ]


def too_many(chosen: list[Chosen]) -> list[Chosen]:
    return [one._replace(probability=one.probability / 2) for one in chosen for _ in range(2)]


def empty(_: list[Chosen]) -> list[Chosen]:
    return []


@pytest.mark.parametrize("spoil", [wrong_sums, below_floor, too_many, empty])
def test_a_decision_that_breaks_a_promise_is_counted(
    marketing_release: Release, monkeypatch: pytest.MonkeyPatch, spoil: Spoil
) -> None:
    def spoilt(*given: object) -> list[Chosen]:
        return spoil(select(*given))  # type: ignore[arg-type]

    monkeypatch.setattr(bench, "select", spoilt)
    monkeypatch.setattr(bench, "draw", lambda _odds, _send: 0)
    found, _ = decided(make_world(marketing_release, None), 50, 7, SILENT)
    assert found.wrong[spoil.__name__] == 50


def test_draws_that_are_not_by_the_stated_probabilities_fail_the_bench(monkeypatch: pytest.MonkeyPatch) -> None:
    def favours_the_first(odds: Sequence[float], send_id: SendId) -> int:
        chance = Random(send_id)
        return 0 if chance.random() < 0.3 else chance.choices(range(len(odds)), odds)[0]

    monkeypatch.setattr(bench, "draw", favours_the_first)
    with pytest.raises(PromiseBroken, match="order_deviate"):
        list(measure(CandidatesSizes(decisions=4_000), SILENT))


def test_a_deviate_is_about_standard_normal_for_fair_counts() -> None:
    chance = Random(3)
    found = []
    for _ in range(200):
        counts = [0] * 20
        for _ in range(2_000):
            counts[chance.randrange(20)] += 1
        found.append(deviate(counts, [100.0] * 20))
    mean = sum(found) / len(found)
    assert abs(mean) < 0.25
    assert 0.8 < (sum((one - mean) ** 2 for one in found) / len(found)) ** 0.5 < 1.2
    assert deviate([5], [5.0]) == 0
