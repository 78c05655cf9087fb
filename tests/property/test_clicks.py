"""What is true of labels for every log of clicks: repeats change nothing, reasons stay, all waiting ends."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from flink_jobs.cells import EXPOSURES, PROFILE
from online_models.cells import OpenExposures, Profile
from online_models.clicks import CLICKS_MAX, Click, judged
from schemas.codec import decode
from schemas.ids import SendId
from schemas.library import HumanSettings, Release
from tests.support.agents import CHROME
from tests.support.examples import quick
from tests.support.scanners import Hit, Simulated

USER = "ana"
AGENTS = ("", CHROME, "curl/8.5.0", "Mozilla/5.0")
hits = st.builds(
    Hit,
    at_s=st.one_of(st.floats(0.0, 30.0), st.floats(0.0, 700_000.0)),
    message=st.integers(0, 3),
    link=st.integers(0, 4),
    agent=st.sampled_from(AGENTS),
    method=st.sampled_from(("GET", "HEAD")),
)
clicks = st.builds(
    Click,
    send_id=st.sampled_from([SendId("a"), SendId("b")]),
    link=st.sampled_from([b"", b"1", b"2", b"3"]),
    at_ms=st.integers(0, 20_000),
    due_ms=st.just(0),
    reason=st.sampled_from(["", "head"]),
    event=st.just(b"{}"),
)


def ran(release: Release, seen: Sequence[Hit], seed: int, *, repeated: bool) -> Simulated:
    simulated = Simulated(release, seed)
    simulated.add(USER, list(seen))
    if repeated:
        simulated.events = [(log_ms + later, one) for log_ms, one in simulated.events for later in (0, 7)]
    simulated.run()
    return simulated


@settings(quick, max_examples=25)
@given(seen=st.lists(hits, min_size=1, max_size=12), seed=st.integers(0, 9))
def test_every_click_is_counted_once_and_repeats_change_nothing(
    sample_release: Release, seen: list[Hit], seed: int
) -> None:
    once = ran(sample_release, seen, seed, repeated=False)
    twice = ran(sample_release, seen, seed, repeated=True)
    assert sum(once.labels(USER).values()) == len(seen)
    assert twice.labels(USER) == once.labels(USER)


@settings(quick, max_examples=25)
@given(seen=st.lists(hits, min_size=1, max_size=12), seed=st.integers(0, 9))
def test_nothing_waits_for_ever(sample_release: Release, seen: list[Hit], seed: int) -> None:
    simulated = ran(sample_release, seen, seed, repeated=False)
    stored = simulated.oracle.cells[f"sample|{USER}"]
    left = stored.get(EXPOSURES.name)
    assert left is None or decode(OpenExposures, left) == OpenExposures()
    assert decode(Profile, stored[PROFILE.name]).exposures_until_ms == 0


@given(told=st.lists(clicks, max_size=CLICKS_MAX), sent=st.integers(0, 10_000))
def test_a_reason_stays_and_more_clicks_never_take_one_back(told: list[Click], sent: int) -> None:
    sent_ms, rules = {SendId("a"): sent}, HumanSettings()
    for known in range(len(told) + 1):
        before = judged(told[:known], sent_ms, rules)
        after = judged(told, sent_ms, rules)[:known]
        assert all(now.reason for then, now in zip(before, after, strict=True) if then.reason)
        assert judged(before, sent_ms, rules) == before


@given(told=st.lists(clicks, max_size=CLICKS_MAX), sent=st.integers(0, 10_000))
def test_with_all_rules_off_nothing_is_found(told: list[Click], sent: int) -> None:
    none = HumanSettings(0, 0, 0, 3, 0, 0, 0, 0)
    assert judged(told, {SendId("a"): sent}, none) == tuple(told)
