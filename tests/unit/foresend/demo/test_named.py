"""Who can be played, what is known of them at first, and what they can do."""

import msgspec
import pytest

from foresend.demo.named import NamedPerson, deed_names, deed_of, introduction, named_people, tags_of
from online_models.features import tags_of as tags_of_event
from schemas.events import EventKind
from schemas.ids import Tag, UserId
from schemas.library import Release, TagRule
from templates.workspace import SAMPLE, load
from tests.support.events import event

OTHERS = [UserId("person-0"), UserId("person-1"), UserId("person-2")]


def test_the_two_samples_of_whom_most_is_known_are_played(sample_release: Release) -> None:
    ana, jonas = named_people(load(SAMPLE), sample_release, OTHERS)

    assert (ana.user, ana.name, jonas.user, jonas.name) == ("ana", "Ana", "jonas", "Jonas")
    assert jonas.locale == "de"


def test_without_samples_two_others_with_different_tastes_are(sample_release: Release) -> None:
    workspace = msgspec.structs.replace(load(SAMPLE), samples=())
    first, second = named_people(workspace, sample_release, OTHERS)

    assert (first.user, second.user) == ("person-0", "person-1")
    assert first.tags != second.tags
    assert first.tags


def test_an_introduction_says_who_it_is_and_what_one_likes_best(sample_release: Release) -> None:
    ana, _ = named_people(load(SAMPLE), sample_release, OTHERS)
    identify, *acts = introduction(ana, sample_release.settings)

    assert identify["type"] == "identify"
    assert (identify["traits"]["first_name"], identify["traits"]["locale"]) == ("Ana", "en")
    assert {call["userId"] for call in (identify, *acts)} == {"ana"}
    assert [call["properties"]["genres"] for call in acts] == [["sci-fi"]]


def test_somebody_of_whom_nothing_is_known_is_introduced_all_the_same(sample_release: Release) -> None:
    calls = introduction(NamedPerson(UserId("x"), "X"), sample_release.settings)
    assert calls == [{"type": "identify", "traits": {}, "userId": "x"}]


def test_whatever_can_be_done_engages_with_its_tag(sample_release: Release) -> None:
    rules = sample_release.settings.tags
    names = deed_names(sample_release.settings)
    assert names[0] == "Content Rated"
    assert len(names) == len(set(names))
    for name in names:
        for tag in tags_of(sample_release):
            deed = deed_of(sample_release.settings, name, tag)
            assert deed is not None
            happened = event(EventKind.TRACK, name=deed.name, properties=dict(deed.properties))
            assert tag in dict(tags_of_event(happened, rules))


@pytest.mark.parametrize(
    ("rule", "name", "tag", "properties"),
    [
        (TagRule("kind", prefix="kind:"), "Item Viewed", "kind:x", {"kind": "x"}),
        (TagRule("kind", prefix="kind:"), "Item Viewed", "x", None),
        (TagRule("kind", prefix="kind:"), "Item Viewed", "kind:", None),
        (TagRule("kind", events=("A",)), "B", "x", None),
        (TagRule("kind", weight=0.0), "Item Viewed", "x", None),
    ],
)
def test_a_deed_follows_the_rules_of_any_workspace(
    sample_release: Release, rule: TagRule, name: str, tag: str, properties: dict[str, str] | None
) -> None:
    settings = msgspec.structs.replace(sample_release.settings, tags=(rule,))
    deed = deed_of(settings, name, Tag(tag))
    assert (deed and deed.properties) == properties
