"""Histories hold for each target what was before it, and nothing else."""

import numpy as np
import pytest

from online_models.sequence.state import SequenceInput
from tests.support.people import BEGIN_MS, DAY_MS, done_by, shown_to
from training.counts import counts_of
from training.histories import Did, Shown, histories_of
from training.parameters import arrays_of, fresh
from training.states import begins, terms
from training.vocabulary import vocabulary_of
from training.windows import LENGTH, windows_of

SHOWN = shown_to(people=6, each=60)
DID = done_by(SHOWN)
END_MS = 1 << 46


def test_a_target_sees_the_steps_before_it_was_served() -> None:
    early, late = SequenceInput(1, 2, (), 10), SequenceInput(3, 4, (), 30)
    shown = Shown("u", 20, SequenceInput(5, 6, (7,), 30), 1.0, -0.5)
    (history,) = histories_of([Did("u", early), Did("u", late)], [shown], END_MS)
    # Of an end and an event at one time the end is first.
    assert [step.kind for step in history.steps] == [1, 5, 3]
    assert history.targets == [(1, 20, 6, (7,), 1.0, -0.5)]


def test_what_is_served_at_the_time_of_a_step_does_not_see_it() -> None:
    step = SequenceInput(1, 2, (), 20)
    (history,) = histories_of([Did("u", step)], [Shown("u", 20, step._replace(at_ms=25), 0.0, 0.0)], END_MS)
    assert history.targets[0].before == 0


def test_what_had_not_ended_is_not_known() -> None:
    step = SequenceInput(1, 2, (), 10)
    shown = Shown("u", 5, SequenceInput(5, 6, (), 30), 1.0, 0.0)
    (history,) = histories_of([Did("u", step)], [shown], 30)
    assert history == ([step], [])


@pytest.mark.parametrize("days", [1, 25, 59])
def test_shifting_the_future_changes_nothing_that_was_known(days: int) -> None:
    until_ms = BEGIN_MS + days * DAY_MS
    shifted = [
        one
        if one.ended.at_ms < until_ms
        else one._replace(ended=one.ended._replace(kind=9, at_ms=END_MS - 1), label=0.5)
        for one in SHOWN
    ]
    moved = [one if one.step.at_ms < until_ms else Did("w|0", one.step._replace(item=99)) for one in DID]
    assert histories_of(moved, shifted, until_ms) == histories_of(DID, SHOWN, until_ms)


def test_what_is_said_of_a_target_does_not_follow_from_what_came_later() -> None:
    # given what a model says of each target
    histories = histories_of(DID, SHOWN, END_MS)
    vocabulary = vocabulary_of(histories)
    parameters = fresh(vocabulary, 1)
    parameters["tag_reward"] += 1.0
    windows = windows_of(histories, vocabulary)
    nothing = np.zeros(windows.item.shape, np.float32)
    said = terms(parameters, windows, nothing, nothing)
    # when everything from some time on is another
    from_ms = BEGIN_MS + 30 * DAY_MS
    later = [
        history._replace(
            steps=[step if step.at_ms < from_ms else step._replace(kind=0, tags=()) for step in history.steps]
        )
        for history in histories
    ]
    changed = terms(parameters, windows_of(later, vocabulary), nothing, nothing)
    # then what is said of targets until then is the same, and later it is not
    before = (windows.weight > 0) & (windows.target_ms <= from_ms)
    after = (windows.weight > 0) & (windows.target_ms > from_ms + DAY_MS)
    assert (said[before] == changed[before]).all()
    assert before.sum() > 100
    assert (said[after] != changed[after]).mean() > 0.9


def test_counts_are_those_of_earlier_moments() -> None:
    histories = histories_of(DID, SHOWN, END_MS)
    vocabulary = vocabulary_of(histories)
    counts = counts_of(histories, vocabulary)
    times = sorted((step.at_ms, step.item) for history in histories for step in history.steps)
    for moment, often in zip(counts.at_ms.tolist(), counts.often, strict=True):
        expected = [sum(item == one and at < moment for at, item in times) for one in vocabulary.items]
        assert np.expm1(often[1 : len(expected) + 1]) == pytest.approx(expected, abs=1e-3)
    assert (counts.before(np.array([0, BEGIN_MS, END_MS])) == [0, 0, len(counts.at_ms) - 1]).all()


def test_windows_hold_each_step_and_target_once() -> None:
    histories = histories_of(DID, SHOWN, END_MS)
    vocabulary = vocabulary_of(histories)
    windows = windows_of(histories, vocabulary)
    assert windows.weight.sum() == len(SHOWN)
    assert (windows.at_ms > 0).sum() == len(SHOWN) + len(DID)
    assert windows.at.max() < LENGTH


def test_a_window_with_many_targets_stands_there_again() -> None:
    step = SequenceInput(1, 2, (3,), 10)
    shown = [Shown("u", 20, step._replace(at_ms=5_000 + number), 1.0, 0.0) for number in range(2 * LENGTH + 1)]
    windows = windows_of(histories_of([Did("u", step)], shown, 4_000), vocabulary_of(histories_of([], shown, END_MS)))
    assert windows.weight.sum() == 0
    histories = histories_of([Did("u", step)], shown, END_MS)
    windows = windows_of(histories, vocabulary_of(histories))
    assert windows.weight.sum() == len(shown)
    assert windows.follows.sum() == len(shown) + 1


def test_states_go_on_from_window_to_window() -> None:
    histories = histories_of(DID, SHOWN, END_MS)
    vocabulary = vocabulary_of(histories)
    parameters, windows = fresh(vocabulary, 1), windows_of(histories, vocabulary)
    nothing = np.zeros(windows.item.shape, np.float32)
    state = begins(parameters, windows, nothing)
    assert not state[windows.place == 0].any()
    assert state[windows.place > 0].any(1).all()


def test_arrays_are_named_in_order() -> None:
    histories = histories_of(DID, SHOWN, END_MS)
    vocabulary = vocabulary_of(histories)
    names = [array.name for array in arrays_of(fresh(vocabulary, 1), vocabulary)]
    assert names == sorted(names)
