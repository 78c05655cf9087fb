"""`foresend release`: what was published, what differs, and the way back."""

import json

import pytest
from msgspec.structs import replace

from connectors.kafka import release_records as records_module
from connectors.kafka.log_reader import LogRecord
from foresend import cli
from schemas.codec import decode, encode
from schemas.keys import join_key
from schemas.library import Release
from schemas.versions import Position
from templates.compiler import compile_release, with_id
from templates.workspace import SAMPLE, load

START_MS = 1_760_000_000_000


class Topic:
    """The topic `library` as a list."""

    def __init__(self) -> None:
        self.records: list[LogRecord] = []

    def publish(self, _kafka: object, release: Release) -> int:
        return self.add(release.workspace, encode(release))

    def add(self, workspace: str, value: bytes) -> int:
        offset = len(self.records)
        self.records.append(LogRecord(join_key(workspace, f"{offset}-x"), value, Position(START_MS, 0, offset)))
        return offset

    def ids(self) -> list[str]:
        return [decode(Release, record.value).id for record in self.records]


@pytest.fixture(scope="module")
def first() -> Release:
    """The sample workspace's release."""
    return compile_release(load(SAMPLE))


@pytest.fixture(scope="module")
def second(first: Release) -> Release:
    """Another one, with another floor."""
    policy = replace(first.settings.policy, floor=0.02)
    return with_id(replace(first, settings=replace(first.settings, policy=policy)))


@pytest.fixture
def poison(first: Release) -> Release:
    """One that no layout can be rendered of."""
    layouts = {key: replace(layout, html="{{ nothing.like.it }}") for key, layout in first.layouts.items()}
    return with_id(replace(first, layouts=layouts))


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    found = Topic()
    monkeypatch.setenv("FORESEND_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.chdir(SAMPLE.parent)
    monkeypatch.setattr(records_module, "read_log", lambda *_: iter(list(found.records)))
    monkeypatch.setattr(records_module, "publish_release", found.publish)
    return found


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_list_tells_each_release_and_which_one_is_used(
    topic: Topic, first: Release, second: Release, poison: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    for release in (first, second, poison):
        topic.publish(None, release)
    topic.add("somebody-else", encode(first))
    topic.add(first.workspace, b"no release")
    assert cli.main(["release", "list", "--json"]) == 0
    lines = told(capsys)
    assert [(line["offset"], line["release"], line["used"]) for line in lines] == [
        (0, first.id, False),
        (1, second.id, True),
        (2, poison.id, False),
        (4, "", False),
    ]
    assert [bool(line["refused"]) for line in lines] == [False, False, True, True]
    assert lines[0]["variants"] == sum(len(slot.variants) for one in first.templates for slot in one.slots)


def test_a_roll_back_publishes_the_one_before_to_the_byte(topic: Topic, first: Release, second: Release) -> None:
    topic.publish(None, first)
    topic.publish(None, second)
    assert cli.main(["release", "rollback", "--json"]) == 0
    assert topic.ids() == [first.id, second.id, first.id]
    assert topic.records[2].value == topic.records[0].value
    assert cli.main(["release", "rollback"]) == 0
    assert topic.ids()[-1] == second.id


def test_a_roll_back_from_a_bad_release_goes_to_the_newest_that_can_be_used(
    topic: Topic, first: Release, second: Release, poison: Release
) -> None:
    for release in (first, second, poison):
        topic.publish(None, release)
    assert cli.main(["release", "rollback", "--workspace-id", first.workspace]) == 0
    assert topic.ids()[-1] == second.id


def test_a_roll_back_goes_to_the_release_that_is_named(topic: Topic, first: Release, second: Release) -> None:
    for release in (first, second, second):
        topic.publish(None, release)
    assert cli.main(["release", "rollback", first.id[:6]]) == 0
    assert topic.ids()[-1] == first.id


def test_no_roll_back_to_what_is_not_there_or_cannot_be_used(
    topic: Topic, first: Release, poison: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    topic.publish(None, first)
    assert cli.main(["release", "rollback"]) == 2
    assert "expected an earlier release" in capsys.readouterr().err
    assert cli.main(["release", "rollback", "ffff-no-such"]) == 2
    assert first.id in capsys.readouterr().err
    topic.publish(None, poison)
    assert cli.main(["release", "rollback", poison.id]) == 2
    assert topic.ids() == [first.id, poison.id]


def test_a_diff_tells_what_the_folder_would_change_and_what_two_releases_differ_in(
    topic: Topic, first: Release, second: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    topic.publish(None, first)
    assert cli.main(["release", "diff"]) == 0
    assert "says what" in capsys.readouterr().out
    topic.publish(None, second)
    assert cli.main(["release", "diff"]) == 0
    assert "-policy.floor: 0.02\n+policy.floor: 0.01" in capsys.readouterr().out
    assert cli.main(["release", "diff", first.id, second.id, "--json"]) == 0
    assert told(capsys) == [
        {
            "older": first.id,
            "newer": second.id,
            "part": "settings",
            "path": "policy.floor",
            "before": "0.01",
            "after": "0.02",
        }
    ]


@pytest.mark.parametrize("words", [["list", "a"], ["rollback", "a", "b"], ["diff", "a", "b", "c"], ["publish", "a"]])
def test_too_many_releases_are_wrong_use(topic: Topic, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["release", *words]) == 2
    assert "expected at most" in capsys.readouterr().err
    assert topic.records == []


def test_a_diff_without_a_release_says_so(topic: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    assert topic.records == []
    assert cli.main(["release", "diff"]) == 2
    assert "found none that is in use" in capsys.readouterr().err
