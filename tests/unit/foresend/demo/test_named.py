"""Who can be played, what is known of them at first, and what they can do."""

import msgspec
import pytest

from connectors.contacts.addresses import normalised_email
from foresend.demo.playground.named import (
    NamedPerson,
    deed_names,
    deed_of,
    introduction,
    named_people,
    purposes_of,
    speaks_to,
    tags_of,
)
from schemas.events import EventKind
from schemas.ids import Tag, UserId
from schemas.library import Release, TagRule
from schemas.tagging import tags_of as tags_of_event
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
    identify, opt_in, *acts = introduction(ana, sample_release)

    assert identify["type"] == "identify"
    assert (identify["traits"]["first_name"], identify["traits"]["locale"]) == ("Ana", "en")
    assert {call["userId"] for call in (identify, opt_in, *acts)} == {"ana"}
    assert [call["properties"]["genres"] for call in acts] == [["sci-fi"]]


def test_somebody_of_whom_nothing_is_known_is_introduced_all_the_same(sample_release: Release) -> None:
    identify, *others = introduction(NamedPerson(UserId("x"), "X"), sample_release)
    assert identify == {"type": "identify", "traits": {"email": "x@inbox.example"}, "userId": "x"}
    assert [call["event"] for call in others] == ["Subscribed"]


def test_an_opt_in_is_told_with_its_proof_for_each_list_of_marketing(sample_release: Release) -> None:
    _, opt_in, *_ = introduction(NamedPerson(UserId("x"), "X"), sample_release)
    assert (opt_in["type"], opt_in["event"]) == ("track", "Subscribed")
    assert {"list_id": "marketing", "text_version": "1"}.items() <= opt_in["properties"].items()
    newsletter, *others = sample_release.templates
    named = msgspec.structs.replace(newsletter, purpose="news")
    other = msgspec.structs.replace(sample_release, templates=(named, *others))
    assert purposes_of(other) == ["marketing", "news"]


@pytest.mark.parametrize(
    ("user", "address"),
    [
        ("ana", "ana@inbox.example"),
        ("Maeve-2", "maeve-2@inbox.example"),
        ("person-00001", "person-00001@inbox.example"),
    ],
)
def test_everybody_has_an_address_of_ones_own(user: str, address: str) -> None:
    assert NamedPerson(UserId(user), "").address == address


@pytest.mark.parametrize("user", ["José", "a b", "-", "x@y", "", "a" * 100, "<b>"])
def test_an_address_can_be_written_to_whatever_the_id_is(user: str) -> None:
    address = NamedPerson(UserId(user), "").address
    assert normalised_email(address) == address
    assert address != NamedPerson(UserId(f"{user}?"), "").address


@pytest.mark.parametrize(
    ("tags", "expected"), [({"sci-fi": 9.0, "opera": 1.0}, True), ({"opera": 9.0, "sci-fi": 1.0}, False), ({}, False)]
)
def test_a_workspace_speaks_to_who_likes_what_some_variant_is_about(
    sample_release: Release, tags: dict[Tag, float], *, expected: bool
) -> None:
    assert speaks_to(sample_release, NamedPerson(UserId("x"), "X", tags=tags)) is expected


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
