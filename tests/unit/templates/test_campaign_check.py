"""What is wrong with a campaign is told with its place and a mend, everything at once, before anything is sent."""

from pathlib import Path

import pytest

from schemas.campaigns import Campaign, Pace
from templates.problems import Severity
from templates.validation import validate
from templates.workspace import load
from tests.support.workspaces import sample_with

FILE = "campaigns/friday-reel.yaml"
RULE = "device == 'mobile' or tags['sci-fi'] > 0.1 or features.sessions > 1"

MISTAKES = [
    # what is written, what is written instead, a word of the message, line (0: not looked at), column
    ("template: newsletter ", "template: newsleter ", "there is no template 'newsleter'", 5, 1),
    ("throttle: 20000", "throtle: 20000", "unknown setting 'throtle'", 13, 1),
    ("template: newsletter ", "# template: newsletter ", "lacks 'template'", 6, 1),
    (RULE, "device = 'mobile'", "'=' does not belong here", 6, 18),
    (RULE, "traits.shoe_size > 40", "the trait 'shoe_size' is never kept", 6, 11),
    (RULE, "features.visits > 1", "there is no feature 'visits'", 6, 11),
    (RULE, "tag.jazz > 0.1", "there is no name tag.jazz", 6, 11),
    ("at: now ", "at: soon ", "has not the form", 8, 1),
    ("at: now ", "at: 2030-02-30T06:00:00Z ", "is no time", 8, 1),
    ("at: now ", "at: 2030-05-31 ", "has not the form", 8, 1),
    ('"17:00"', '"25:00"', "has not the form", 10, 1),
    ("best_hour: true", "best_hour: always", "expected true or false", 9, 1),
    ("throttle: 20000", "throttle: 0", "at least 1", 13, 1),
    ("[200, 500, 1000, 5000]", "[200, 100]", "100 comes after 200", 14, 16),
    ("holdout: 0.05", "holdout: 0.6", "at most 0.5", 15, 1),
    ("holdout: 0.05", "holdout: 0.5\ncontrol: 0.45\n#", "come to more than 0.9", 15, 1),
]


@pytest.mark.parametrize(("old", "new", "message", "line", "column"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_a_mend(
    tmp_path: Path, old: str, new: str, message: str, line: int, column: int
) -> None:
    changes = [(FILE, "control: 0.05", "# control")] if "control:" in new else []
    folder = sample_with(tmp_path, *changes, (FILE, old, new))

    (found,) = [problem for problem in validate(folder) if problem.severity is Severity.ERROR]

    assert found.file == FILE
    assert message in found.message
    assert (found.line, found.column) == (line, column)
    assert found.mend


def test_an_end_before_the_beginning_is_told(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (FILE, "at: now ", "at: 2030-05-31T06:00:00Z\nuntil: 2030-05-30T06:00:00Z\n#"))

    assert any("expected a time after the beginning" in problem.message for problem in validate(folder))


def test_an_end_within_the_day_of_own_hours_is_a_warning(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (FILE, "at: now ", "at: 2030-05-31T06:00:00Z\nuntil: 2030-05-31T09:00:00Z\n#"))

    (found,) = validate(folder)

    assert found.severity is Severity.WARNING
    assert "people's own hours" in found.message


def test_everything_is_told_at_once(tmp_path: Path) -> None:
    folder = sample_with(
        tmp_path,
        (FILE, RULE, "traits.shoe_size > 40 and traits.hat_size > 50"),
        (FILE, "template: newsletter ", "template: letter "),
        (FILE, "[200, 500, 1000, 5000]", "[200, 100]"),
    )

    assert len([problem for problem in validate(folder) if problem.severity is Severity.ERROR]) == 4


def test_a_trait_that_the_settings_keep_may_be_asked_for(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (FILE, RULE, "traits.plan == 'gold'"))
    settings = folder / "foresend.yaml"
    assert validate(folder)

    settings.write_text(settings.read_text("utf-8") + "\ntraits:\n  kept: [plan]\n", "utf-8")

    assert validate(folder) == []


@pytest.mark.parametrize("name", ["list", "Friday", "a b", "1st"])
def test_a_name_that_the_command_could_not_take_is_refused(tmp_path: Path, name: str) -> None:
    folder = sample_with(tmp_path)
    (folder / FILE).rename(folder / "campaigns" / f"{name}.yaml")

    assert any("is no name for a campaign" in problem.message for problem in validate(folder))


def test_a_campaign_is_read_as_it_is_written(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (FILE, "at: now ", "at: 2030-05-31T08:00:00+02:00 "))

    assert load(folder).campaigns == (
        Campaign(
            name="friday-reel",
            workspace=load(folder).id,
            template=load(folder).templates[1].template.name,
            audience=RULE,
            at_ms=1_906_437_600_000,
            local_time=17 * 60,
            best_hour=True,
            holdout=0.05,
            control=0.05,
            pace=Pace(20_000, (200, 500, 1000, 5000)),
        ),
    )
