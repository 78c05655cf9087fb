"""The people: the same for the same seed, of any release, busy in different measure, awake by day."""

import pytest

from foresend.simulation.life import Life
from foresend.simulation.people import INTENSITY_MEAN, draw_people, locales_of
from schemas.ids import FieldName, Locale
from schemas.zones import zone_of
from tests.support.small_releases import small_release

RELEASE = small_release(2, 2, locales=("sv", "de", "en"), fields=("first_name", "city", "shoe_size"))
PEOPLE = draw_people(RELEASE, 1_000, seed=1)


def test_the_same_seed_makes_the_same_people_and_another_others() -> None:
    assert draw_people(RELEASE, 50, seed=1) == PEOPLE[:50]
    assert draw_people(RELEASE, 50, seed=2) != PEOPLE[:50]


def test_they_read_the_languages_of_the_release_the_default_most() -> None:
    counts = {locale: sum(person.locale == locale for person in PEOPLE) for locale in locales_of(RELEASE)}
    assert list(counts) == ["sv", "de", "en"]
    assert counts[Locale("sv")] == max(counts.values())
    assert min(counts.values()) > 150


def test_everybody_has_an_id_of_his_own_and_a_zone_that_there_is() -> None:
    assert len({person.user for person in PEOPLE}) == len(PEOPLE)
    assert all(zone_of(person.timezone) for person in PEOPLE)


def test_they_tell_what_templates_show_and_what_they_have() -> None:
    fields = [FieldName(field.name) for field in RELEASE.templates[0].fields]
    traits = PEOPLE[0].traits(fields)
    assert set(traits) == {"first_name", "city", "locale", "timezone"}
    assert set(PEOPLE[0].traits([])) == {"locale", "timezone"}


def test_some_do_far_more_than_others_and_the_mean_is_one() -> None:
    activities = sorted(person.activity for person in PEOPLE)
    assert sum(activities) / len(activities) == pytest.approx(1, abs=0.1)
    assert sum(activities[-100:]) > 0.25 * sum(activities)


def test_a_rhythm_has_peaks_and_the_mean_that_visits_are_scaled_by() -> None:
    for person in PEOPLE[:20]:
        day = [person.rhythm.intensity(minute / 1440) for minute in range(1440)]
        assert sum(day) / len(day) == pytest.approx(INTENSITY_MEAN, rel=1e-6)
        assert 0 < min(day) < 0.3 < max(day) <= 1
        assert person.rhythm.intensity(7.25) == pytest.approx(person.rhythm.intensity(0.25))


def test_mails_in_short_time_tire_and_rest_restores() -> None:
    person, life = PEOPLE[0], Life(chance=None)  # type: ignore[arg-type]
    fresh = life.mood(person, 10.0)
    for mail in range(3):
        life.tire(10.0 + mail / 100)
    tired = life.mood(person, 10.03)
    assert tired < 0.9 * fresh
    assert tired < life.mood(person, 12.03) < life.mood(person, 30.03) <= 1
    assert life.mood(person, 40.0) == pytest.approx(fresh, rel=1e-3)
