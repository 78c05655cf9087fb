"""The simulation: in order, the same for the same seed, with consequences only of what happened."""

from collections import Counter
from collections.abc import Callable

import pytest

from foresend.simulation.optimum import mean_chance
from foresend.simulation.simulation import Act, Occasion, Simulation
from schemas.events import EventKind
from schemas.ids import SlotName, UserId, VariantId
from schemas.library import Release
from schemas.tagging import tags_of
from tests.support.combinations import pair
from tests.support.events import START_MS, event
from tests.support.small_releases import small_release

Shown = dict[SlotName, VariantId]


def nothing_personal(_occasion: Occasion) -> Shown:
    return {}


def simulation(release: Release, people: int = 60, seed: int = 1, **options: object) -> Simulation:
    return Simulation(release, people=people, seed=seed, start_ms=START_MS, **options)  # type: ignore[arg-type]


def lived(
    simulated: Simulation, seconds: float, show: Callable[[Occasion], Shown] = nothing_personal
) -> list[Act | Occasion]:
    """All that happens up to a time, each mail answered at once."""
    happened = []
    for one in simulated.until(seconds):
        if isinstance(one, Occasion):
            simulated.shown(one, show(one), personal=False)
        happened.append(one)
    return happened


def of_mail(one: Act | Occasion) -> bool:
    return isinstance(one, Act) and one.name.startswith("Email ")


def test_the_same_seed_is_the_same_life_and_another_another(sample_release: Release) -> None:
    first = lived(simulation(sample_release), 60)
    assert first == lived(simulation(sample_release), 60)
    assert first != lived(simulation(sample_release, seed=2), 60)


def test_it_makes_no_difference_how_often_one_asks(sample_release: Release) -> None:
    at_once = lived(simulation(sample_release), 40)
    again = simulation(sample_release)
    assert [one for second in range(1, 41) for one in lived(again, second)] == at_once


def test_everything_comes_in_order_of_time_and_in_time(sample_release: Release) -> None:
    times = [one.at_s for one in lived(simulation(sample_release), 60)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert 50 < times[-1] <= 60


def test_what_is_told_late_has_its_consequences_later_not_before(sample_release: Release) -> None:
    simulated = simulation(sample_release, people=300)
    occasions = [one for one in simulated.until(60) if isinstance(one, Occasion)]
    for occasion in occasions:
        simulated.shown(occasion, {}, personal=False)
    times = [one.at_s for one in simulated.until(61)]
    assert times == sorted(times)
    assert times[0] >= 60


def test_people_sign_up_first_are_mailed_later_and_click_what_they_opened(sample_release: Release) -> None:
    happened = lived(simulation(sample_release, people=300), 120)
    by_user: dict[UserId, list[Act | Occasion]] = {}
    for one in happened:
        by_user.setdefault(one.user, []).append(one)
    assert len(by_user) == 300
    for acts in by_user.values():
        first, *others = acts
        assert isinstance(first, Act)
        assert (first.kind, "first_name" in first.traits) == (EventKind.IDENTIFY, True)
        assert all(isinstance(one, Occasion) or one.kind is not EventKind.IDENTIFY for one in others)
        sent = [one.send_id for one in acts if isinstance(one, Occasion)]
        opened = [one.properties["send_id"] for one in acts if isinstance(one, Act) and one.name == "Email Opened"]
        clicked = [
            one.properties["send_id"] for one in acts if isinstance(one, Act) and one.name == "Email Link Clicked"
        ]
        assert len(set(sent)) == len(sent)
        assert set(clicked) <= set(opened) <= set(sent)
        assert len(set(clicked)) == len(clicked)


def test_a_day_of_theirs_has_the_visits_and_mails_that_it_says(sample_release: Release) -> None:
    happened = lived(simulation(sample_release, people=400, day_s=1.0), 108)
    after_sign_up = [one for one in happened if one.at_s >= 8]
    mails = sum(isinstance(one, Occasion) for one in after_sign_up)
    assert mails / (400 * 100) == pytest.approx(1 / 5, rel=0.1)
    own = sum(isinstance(one, Act) and not of_mail(one) for one in after_sign_up)
    assert 0.35 < own / (400 * 100) < 0.65
    kinds = Counter(one.kind for one in after_sign_up if isinstance(one, Act))
    assert kinds[EventKind.PAGE] > 0
    assert kinds[EventKind.SCREEN] > 0


def test_the_engine_hears_of_what_people_like_more_than_of_all_else(sample_release: Release) -> None:
    simulated = simulation(sample_release, people=100)
    likes = simulated._audience.likes.tags
    names = simulated._audience.catalogue.tags
    own, others = 0, 0
    for one in lived(simulated, 120):
        if isinstance(one, Act) and one.kind is EventKind.TRACK and not of_mail(one):
            heard = tags_of(
                event(EventKind.TRACK, name=one.name, properties=dict(one.properties)), sample_release.settings.tags
            )
            liked = {names[tag] for tag in likes[simulated._numbers[one.user]].tolist() if tag >= 0}
            own += sum(tag in liked for tag, _ in heard)
            others += sum(tag not in liked for tag, _ in heard)
    assert 0.65 < own / (own + others) < 0.85


def test_what_is_shown_changes_what_is_clicked_and_nothing_that_people_do_of_themselves(
    sample_release: Release,
) -> None:
    def best(simulated: Simulation) -> Callable[[Occasion], Shown]:
        audience = simulated._audience

        def show(occasion: Occasion) -> Shown:
            _, choice = audience.best(occasion.template, simulated._numbers[occasion.user])
            return audience.tastes[occasion.template].sendable.variants_of(choice)

        return show

    plain, better = simulation(sample_release, people=300), simulation(sample_release, people=300)
    without, with_best = lived(plain, 120), lived(better, 120, best(better))
    clicks = [sum(of_mail(one) for one in happened) for happened in (without, with_best)]
    assert clicks[1] > 1.2 * clicks[0]
    own = [{one for one in happened if isinstance(one, Occasion)} for happened in (without, with_best)]
    assert own[0] == own[1]
    figures = [one.scoreboard.figures() for one in (plain, better)]
    assert figures[0].click_rate_optimum == pytest.approx(figures[1].click_rate_optimum, rel=0.1)
    assert figures[1].optimum_share == pytest.approx(1)


def test_controls_are_drawn_without_a_consequence(sample_release: Release) -> None:
    simulated = simulation(sample_release, people=300)
    happened = lived(simulated, 120)
    figures = simulated.scoreboard.figures()
    clicks = sum(isinstance(one, Act) and one.name == "Email Link Clicked" for one in happened)
    assert figures.sends == sum(isinstance(one, Occasion) for one in happened)
    assert figures.click_rate_personalised is not None
    assert clicks == pytest.approx(figures.click_rate_personalised * figures.sends, abs=5)
    assert figures.click_rate_best_fixed is not None
    assert figures.click_rate_best_fixed > 1.2 * figures.click_rate_personalised
    assert figures.click_rate_uniform is not None
    assert 0.02 < figures.click_rate_uniform < 0.09


def test_without_tastes_all_arms_are_alike(sample_release: Release) -> None:
    simulated = simulation(sample_release, people=200, taste=False)
    lived(simulated, 100)
    total = simulated.scoreboard._total
    assert total.chances == pytest.approx([total.chances[0]] * 4)
    assert simulated.scoreboard.figures().optimum_share is None


def test_at_the_turn_everybody_likes_other_things_as_much_as_before(sample_release: Release) -> None:
    simulated = simulation(sample_release, people=300, turn_at_s=100.0)
    before = simulated._audience
    lived(simulated, 99.9)
    assert simulated._audience is before
    old = simulated.scoreboard.figures()
    lived(simulated, 200)
    after = simulated._audience
    assert not (after.likes.tags[:, :1] == before.likes.tags).any()
    for name, tastes in after.tastes.items():
        assert sorted(tastes.worth[0].max(axis=1)) == sorted(before.tastes[name].worth[0].max(axis=1))
        assert mean_chance(tastes, after.fixed[name]) == pytest.approx(
            mean_chance(before.tastes[name], after.fixed[name])
        )
    now = simulated.scoreboard.figures()
    assert now.click_rate_optimum == pytest.approx(old.click_rate_optimum, rel=0.15)


@pytest.mark.parametrize(
    "release",
    [
        small_release(2, 3, rules=()),
        small_release(2, 3, tags=()),
        small_release(1, 1),
        small_release(2, 2, forbidden=[pair("s0.v0", "s1.v0"), pair("s0.v1", "s1.v1")]),
    ],
    ids=["no tag rules", "no tags", "nothing to choose", "rules"],
)
def test_any_release_can_be_lived_with(release: Release) -> None:
    simulated = simulation(release, people=100, turn_at_s=40.0)
    happened = lived(simulated, 100)
    assert sum(isinstance(one, Occasion) for one in happened) > 200
    assert simulated.scoreboard.figures().sends > 200


def test_a_release_that_allows_no_message_has_visits_without_mail() -> None:
    release = small_release(1, 1, forbidden=[pair("s0.v0", "s1.v0")])
    happened = lived(simulation(release), 60)
    assert happened
    assert not any(isinstance(one, Occasion) for one in happened)


def test_however_long_it_runs_no_more_is_waiting(sample_release: Release) -> None:
    simulated = simulation(sample_release, people=50, day_s=0.2)
    waiting = []
    for minute in range(1, 11):
        lived(simulated, 6.0 * minute)
        waiting.append(len(simulated._due))
    assert max(waiting[1:]) < 4 * 50
