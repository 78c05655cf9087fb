"""Features of one user: what an event engages with, when and on what somebody is active, and the traits shown."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from online_models.cells import DEVICES_MAX, TAGS_MAX, TRAITS_MAX, Profile
from online_models.features import TRAIT_LENGTH_MAX, affinity, observe, remember_context, remember_traits
from schemas.events import Event, EventKind
from schemas.ids import FieldName, Locale, Tag
from schemas.library import FeatureSettings, TagRule, WorkspaceSettings
from schemas.tagging import TAG_LENGTH_MAX, TAGS_OF_EVENT_MAX, VALUES_OF_EVENT_MAX, tags_of
from schemas.zones import zone_of

MONDAY_NOON_MS = 1_760_356_800_000  # 2025-10-13 12:00 UTC
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
GENRES = TagRule("genres")
OTHER_TEXTS = ["", ".", "..", "Europe", "europe/berlin", "Europe/Berlin ", "/etc/localtime", "localtime", "posixrules"]
"""Names of no zone: some of them the machine's own database would find."""


def event(at_ms: int = MONDAY_NOON_MS, **fields: Any) -> Event:
    ids: dict[str, Any] = {"workspace": "shop", "user": "ana", "record_id": "r", "id": "e"}
    said: dict[str, Any] = {"kind": EventKind.TRACK, "name": "Content Rated", "at_ms": at_ms, "received_ms": at_ms}
    return Event(**(ids | said | fields))


def settings(*rules: TagRule, timezone: str = "UTC", **half_lives: int) -> WorkspaceSettings:
    return WorkspaceSettings(Locale("en"), timezone, rules or (GENRES,), FeatureSettings(**half_lives))


def rated(*genres: str, at_ms: int = MONDAY_NOON_MS) -> Event:
    return event(at_ms, properties={"genres": list(genres)})


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On a machine whose own zone is another than UTC."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def seen(*events: Event, by: WorkspaceSettings | None = None) -> Profile:
    profile = Profile()
    for one in events:
        observe(profile, one, by or settings())
    return profile


class TestTags:
    def test_a_path_goes_through_objects_and_lists(self) -> None:
        bought = event(properties={"cart": {"products": [{"tags": ["Jazz", "Vinyl"]}, {"tags": "Folk"}, {}, 5]}})
        assert tags_of(bought, [TagRule("cart.products[].tags")]) == [("jazz", 1.0), ("vinyl", 1.0), ("folk", 1.0)]

    @pytest.mark.parametrize("value", [None, 5, True, {}, [], "", "   ", {"genres": "jazz"}, [[["jazz"]]], [None, 5]])
    def test_what_is_no_text_gives_no_tag(self, value: Any) -> None:
        assert tags_of(event(properties={"genres": value}), [GENRES]) == []

    @pytest.mark.parametrize("path", ["a.b.c", "genres.x", "genres[].x", "[]", "", ".", "genres."])
    def test_a_path_that_leads_nowhere_gives_no_tag(self, path: str) -> None:
        assert tags_of(event(properties={"genres": ["jazz"]}), [TagRule(path)]) == []

    def test_a_rule_holds_for_the_events_it_names(self) -> None:
        rule = TagRule("genres", events=("Order Completed",))
        assert tags_of(rated("Jazz"), [rule]) == []
        assert tags_of(event(name="Order Completed", properties={"genres": "Jazz"}), [rule]) == [("jazz", 1.0)]

    def test_a_tag_counts_once_and_for_the_most_that_a_rule_gives_it(self) -> None:
        rules = [TagRule("genres", weight=1.0), TagRule("genres", weight=3.0), TagRule("genres", weight=2.0)]
        assert tags_of(rated("Jazz", " jazz ", "JAZZ"), rules) == [("jazz", 3.0)]

    def test_a_prefix_keeps_apart_what_has_equal_names(self) -> None:
        rules = [TagRule("genres", prefix="genre:"), TagRule("brand", prefix="brand:")]
        found = tags_of(event(properties={"genres": "Jazz", "brand": "Jazz"}), rules)
        assert [tag for tag, _ in found] == ["genre:jazz", "brand:jazz"]

    def test_tags_have_a_length_and_an_event_a_number_of_them(self) -> None:
        ((tag, _),) = tags_of(rated("x" * 100_000), [GENRES])
        assert len(tag) == TAG_LENGTH_MAX
        many = tags_of(rated(*[f"genre {n}" for n in range(200)]), [GENRES])
        assert [tag for tag, _ in many] == [f"genre {n}" for n in range(TAGS_OF_EVENT_MAX)]

    def test_a_rule_looks_at_so_many_values_and_no_more(self) -> None:
        found = tags_of(rated(*["jazz"] * (VALUES_OF_EVENT_MAX - 1), "folk", "rock"), [GENRES])
        assert [tag for tag, _ in found] == ["jazz", "folk"]


class TestEngagement:
    def test_it_fades_by_the_half_life_of_the_workspace(self) -> None:
        by = settings(tag_half_life_ms=DAY_MS)
        profile = seen(rated("jazz"), rated("folk", at_ms=MONDAY_NOON_MS + 2 * DAY_MS), by=by)
        assert profile.tags.shares() == {"jazz": pytest.approx(0.2), "folk": pytest.approx(0.8)}

    def test_order_does_not_matter(self) -> None:
        events = [rated(genre, at_ms=MONDAY_NOON_MS + n * HOUR_MS) for n, genre in enumerate("abcabca")]
        one, other = seen(*events), seen(*reversed(events))
        for tag in "abc":
            assert one.tags.shares()[tag] == pytest.approx(other.tags.shares()[tag], rel=1e-12)
        assert (one.first_seen_ms, one.last_seen_ms, one.events) == (other.first_seen_ms, other.last_seen_ms, 7)

    def test_the_first_tag_moves_everything(self) -> None:
        assert seen(rated("jazz")).moved == pytest.approx(1.0)

    def test_more_of_the_only_tag_moves_nothing(self) -> None:
        profile = seen(rated("jazz"))
        profile.moved = 0.0
        observe(profile, rated("jazz"), settings())
        assert profile.moved == 0.0

    def test_another_tag_moves_by_its_new_share(self) -> None:
        profile = seen(rated("jazz"))
        profile.moved = 0.0
        observe(profile, rated("folk"), settings())
        assert profile.moved == pytest.approx(0.5)

    def test_after_a_long_silence_little_is_left_but_its_shares_still_move(self) -> None:
        """Given shares of 3 : 1 from 52 half-lives ago, one event turns them over, however small they have become."""
        profile = seen(*[rated("jazz")] * 3, rated("folk"), by=settings(tag_half_life_ms=DAY_MS))
        profile.moved = 0.0
        observe(profile, rated("jazz", at_ms=MONDAY_NOON_MS + 52 * DAY_MS), settings(tag_half_life_ms=DAY_MS))
        assert profile.moved == pytest.approx(0.25, abs=1e-9)

    def test_tags_have_a_bound(self) -> None:
        profile = seen(*[rated(f"genre {n}") for n in range(TAGS_MAX + 10)])
        assert len(profile.tags.values) == TAGS_MAX

    def test_what_engages_with_nothing_moves_nothing(self) -> None:
        profile = seen(event(kind=EventKind.PAGE, name="Home"))
        assert profile.moved == 0.0
        assert profile.tags.values == {}


class TestRhythm:
    @pytest.mark.parametrize(
        ("at_ms", "zone", "hour_of_week"),
        [
            (MONDAY_NOON_MS, "UTC", 12),
            (MONDAY_NOON_MS, "Europe/Berlin", 14),
            (MONDAY_NOON_MS + 12 * HOUR_MS, "UTC", 24),
            (MONDAY_NOON_MS - 13 * HOUR_MS, "UTC", 6 * 24 + 23),
            (MONDAY_NOON_MS + 60 * DAY_MS, "Europe/Berlin", 4 * 24 + 13),
            (MONDAY_NOON_MS, "Asia/Kathmandu", 17),
            (0, "America/New_York", 2 * 24 + 19),
            ((1 << 46) - 1, "Pacific/Kiritimati", 6 * 24 + 15),
        ],
    )
    def test_hours_are_those_of_the_persons_own_week(self, at_ms: int, zone: str, hour_of_week: int) -> None:
        profile = Profile(timezone=zone)
        observe(profile, event(at_ms), settings())
        assert list(profile.hours.values) == [hour_of_week]

    def test_who_tells_no_zone_has_the_workspaces(self) -> None:
        profile = seen(event(), by=settings(timezone="Europe/Berlin"))
        assert list(profile.hours.values) == [14]

    @pytest.mark.usefixtures("in_tokyo")
    @pytest.mark.parametrize("zone", ["Nowhere/Land", "localtime", ""])
    def test_a_workspace_without_a_zone_has_utc_and_never_the_machines(self, zone: str) -> None:
        profile = seen(event(), by=settings(timezone=zone))
        assert list(profile.hours.values) == [12]

    def test_devices_have_a_bound_and_a_length(self) -> None:
        kinds = ["Mobile", "mobile", "x" * 1000, *[f"kind {n}" for n in range(20)]]
        profile = seen(*[event(context={"device": {"type": kind}}) for kind in kinds])
        assert len(profile.devices.values) == DEVICES_MAX
        assert all(len(str(kind)) <= 16 for kind in profile.devices.values)
        assert profile.devices.values["mobile"] == 2 * profile.devices.values["x" * 16]

    @pytest.mark.parametrize("device", [None, 5, "mobile", [], {}, {"type": None}, {"type": 5}, {"type": ""}])
    def test_what_names_no_device_is_none(self, device: Any) -> None:
        assert seen(event(context={"device": device})).devices.values == {}

    def test_first_and_last_are_told_in_any_order_and_from_the_first_millisecond(self) -> None:
        for times in ((0, 5, 9), (9, 5, 0), (5, 0, 9)):
            profile = seen(*[event(at_ms) for at_ms in times])
            assert (profile.first_seen_ms, profile.last_seen_ms, profile.events) == (0, 9, 3)


class TestTraits:
    SHOWN = frozenset({FieldName("first_name"), FieldName("points")})

    def remembered(self, **traits: Any) -> Profile:
        profile = Profile()
        remember_traits(profile, event(kind=EventKind.IDENTIFY, traits=traits), self.SHOWN)
        return profile

    def test_only_what_a_template_shows_is_kept(self) -> None:
        assert self.remembered(first_name="Ana", password="secret").traits == {"first_name": "Ana"}

    @pytest.mark.parametrize(("value", "text"), [("Ana", "Ana"), (5, "5"), (2.5, "2.5"), (-0.0, "-0.0"), ("", "")])
    def test_texts_and_numbers_are_kept_as_text(self, value: Any, text: str) -> None:
        assert self.remembered(points=value).traits == {"points": text}

    @pytest.mark.parametrize("value", [None, True, [], {}, ["Ana"], 10**15, 10**400, -(10**15), 1e308])
    def test_what_cannot_be_shown_is_not_kept(self, value: Any) -> None:
        assert self.remembered(points=value).traits == {}

    def test_traits_have_a_length_and_a_number(self) -> None:
        assert len(self.remembered(first_name="x" * 10_000).traits[FieldName("first_name")]) == TRAIT_LENGTH_MAX
        profile, names = Profile(), [FieldName(f"t{n:02}") for n in range(TRAITS_MAX + 5)]
        remember_traits(profile, event(traits=dict.fromkeys(names, "x")), frozenset(names))
        assert set(profile.traits) == set(names[:TRAITS_MAX])

    def test_a_trait_outweighs_the_context(self) -> None:
        profile = Profile()
        told = event(
            traits={"locale": "de-DE", "timezone": "Europe/Berlin"},
            context={"locale": "en-GB", "timezone": "Europe/London"},
        )
        remember_context(profile, told)
        assert (profile.locale, profile.timezone) == ("de-DE", "Europe/Berlin")

    @pytest.mark.parametrize("locale", [None, 5, "", [], {}])
    def test_what_is_no_locale_changes_none(self, locale: Any) -> None:
        profile = Profile(locale="de")
        remember_context(profile, event(context={"locale": locale}))
        assert profile.locale == "de"

    @pytest.mark.parametrize(
        "zone",
        [None, 5, "", [], "../etc/passwd", "/etc/localtime", "localtime", "America", "x" * 100_000, "UTC\x00", "😀"],
    )
    def test_what_is_no_zone_changes_none(self, zone: Any) -> None:
        profile = Profile(timezone="Asia/Tokyo")
        remember_context(profile, event(context={"timezone": zone}))
        assert profile.timezone == "Asia/Tokyo"

    def test_a_locale_has_a_length(self) -> None:
        profile = Profile()
        remember_context(profile, event(context={"locale": "x" * 1000}))
        assert len(profile.locale) == TAG_LENGTH_MAX


class TestZones:
    @pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+12"])
    def test_a_zone_is_found_by_its_name(self, name: str) -> None:
        assert str(zone_of(name)) == name

    @pytest.mark.parametrize("name", OTHER_TEXTS)
    def test_other_texts_are_none(self, name: str) -> None:
        assert zone_of(name) is None


class TestAffinity:
    def test_it_is_the_part_of_all_engagement_that_goes_to_the_tags(self) -> None:
        shares: dict[int | str, float] = {"jazz": 0.5, "folk": 0.25, "rock": 0.25}
        assert affinity(shares, [Tag("jazz"), Tag("rock"), Tag("none")]) == 0.75
        assert affinity(shares, []) == 0.0
        assert affinity({}, [Tag("jazz")]) == 0.0

    def test_rounding_does_not_lead_out_of_its_range(self) -> None:
        tags = [Tag(f"t{n}") for n in range(10)]
        profile = seen(*[rated(tag, at_ms=MONDAY_NOON_MS + n) for n, tag in enumerate(tags)])
        assert 0.999999 < affinity(profile.tags.shares(), tags) <= 1.0
        assert affinity({"a": 0.7, "b": 0.3000000000000003}, [Tag("a"), Tag("b")]) == 1.0
