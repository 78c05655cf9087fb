"""Each mistake that an author can make in a workspace is told with its file, its line and a way to mend it."""

import shutil
from pathlib import Path

import pytest

from schemas.errors import ConfigError
from templates.problems import Problem, Severity
from templates.validation import validate
from templates.workspace import SAMPLE, load
from tests.support.workspaces import sample_with

SETTINGS = "foresend.yaml"
VARIANTS = "newsletter/variants.yaml"
EN = "newsletter/locales/en.yaml"
DE = "newsletter/locales/de.yaml"
LAYOUT = "newsletter/template.mjml"
FIELD = "{{ fields.first_name }}"

MISTAKES = [
    # file, what is written, what is written instead, where it is told (if elsewhere), a word of the message
    (SETTINGS, "temperature:", "temprature:", None, "unknown setting 'temprature'"),
    (SETTINGS, "name: Lantern & Reel  ", "nome: Lantern & Reel  ", None, "unknown setting 'nome'"),
    (SETTINGS, "workspace: sample ", "workspace: Sample ", None, "has not the form"),
    (SETTINGS, "temperature: 0.2", "temperature: warm", None, "expected a number"),
    (SETTINGS, "temperature: 0.2", "temperature: 0", None, "more than 0"),
    (SETTINGS, "tag_half_life: 14d", "tag_half_life: 14 days", None, "has not the form"),
    (SETTINGS, "kind: softmax", "kind: hardmax", None, "expected one of epsilon-greedy, linucb, softmax, thompson"),
    (SETTINGS, "floor: 0.01", "floor: 0.03", None, "is over 0.2"),
    (SETTINGS, "candidates: 8", "candidates: 7", None, "cannot show all 8 variants"),
    (SETTINGS, "timezone: Europe/London", "timezone: Europe/Lunden", None, "no time zone"),
    (SETTINGS, "timezone: Europe/London", "timezone: ../../etc/passwd", None, "no time zone"),
    (SETTINGS, "home_url: https://www", "home_url: http://www", None, "home_url: expected an address"),
    (SETTINGS, "home_url: https://www.lantern-reel", "home_url: https://www.other", None, "not in links.hosts"),
    (SETTINGS, "help_url: https://www.lantern-reel.example/help", "help_url: javascript:x", None, "help_url: expected"),
    (SETTINGS, "  records_url:", "  sender_name: x\n  records_url:", None, "set elsewhere"),
    (SETTINGS, "Projector Yard", "Projector {{ yard", None, "may not hold {"),
    (SETTINGS, "default_locale: en", "default_locale: fr", "newsletter/locales/fr.yaml", "default locale 'fr'"),
    (SETTINGS, "property: category", "property: category[", None, "has not the form"),
    (SETTINGS, "kind: mean ", "kind: median ", None, "expected one of count, sum, mean, last, share"),
    (SETTINGS, "name: played_7d", "name: spent_90d", None, "'spent_90d' is declared above already"),
    (SETTINGS, "name: played_7d", "name: orders", None, "'orders' is the name of a feature that is always there"),
    (SETTINGS, "name: played_7d", "name: Played", None, "has not the form"),
    (SETTINGS, "      property: rating  ", "      # property: rating  ", None, "a mean needs a property"),
    (SETTINGS, "half_life: 28d", "half_life: 28d\n      window: 28d", None, "it has a half_life and a window"),
    (SETTINGS, "      kind: count\n", "      kind: share\n", None, "a share has no window"),
    (SETTINGS, "half_life: 28d ", "half_life: month ", None, "has not the form"),
    (SETTINGS, "default: 3 ", "bound: 2\n      default: 3 ", None, "the default is beyond the bound 2"),
    (SETTINGS, 'from: "21:00"', "from: 9pm", None, "has not the form"),
    (SETTINGS, "live: false", "live: perhaps", None, "expected true or false"),
    (SETTINGS, "channel: file", "channel: pigeon", None, "expected one of file, smtp, api, webhook"),
    (SETTINGS, "channel: file", "channel: smtp", None, "nothing is sent by smtp yet"),
    (SETTINGS, "{ days: 7, messages: 3 }", "{ days: 1, messages: 3 }", None, "a cap of 1 days stands above"),
    (SETTINGS, "{ days: 1, messages: 1 }", "{ days: 1, messages: 4 }", "foresend.yaml", "cannot both bind"),
    (SETTINGS, "{ days: 7, messages: 3 }", "{ days: 70, messages: 3 }", None, "at most 31"),
    (VARIANTS, "class: marketing", "purpose: []\nclass: marketing", None, "expected text"),
    (VARIANTS, "class: marketing", "class: advertising", None, "expected one of marketing"),
    (VARIANTS, "kind: headline", "kind: sideline", None, "expected one of subject"),
    (VARIANTS, "id: after-dark", "id: friday-reel", None, "stands in subject twice"),
    (VARIANTS, "id: after-dark", "id: After Dark", None, "has not the form"),
    (VARIANTS, "  subject:", "  Subject:", None, "no name that may stand here"),
    (VARIANTS, "src: https://images", "src: http://images", None, "begins with https://"),
    (VARIANTS, "src: https://images.lantern-reel", "src: https://images.evil", None, "a host that is not ours"),
    (VARIANTS, "src: https:", "alt2: x\n          src: https:", None, "unknown part 'alt2'"),
    (VARIANTS, "[action.listen, offer.two-seats]", "[action.listen, offer.nothing]", None, "no variant offer.nothing"),
    (VARIANTS, "[action.listen, offer.two-seats]", "[action.listen, action.book]", None, "are of one slot"),
    (VARIANTS, "[action.listen, offer.two-seats]", "[action.listen]", None, "at least 2 entries"),
    (
        VARIANTS,
        "[action.listen, offer.two-seats]",
        "[action.family, offer.family-matinee]",
        None,
        "never allow offer.fam",
    ),
    (VARIANTS, "2030-06-01T22:00:00Z", "2030-06-01", None, "has not the form"),
    (VARIANTS, "2030-06-01T22:00:00Z", "2030-06-31T22:00:00Z", None, "is no time"),
    (
        VARIANTS,
        "valid_until:",
        'valid_from: "2031-01-01T00:00:00Z"\n        valid_until:',
        None,
        "ends before it begins",
    ),
    (VARIANTS, "length_max: 40", "length_max: 0", None, "at least 1"),
    (VARIANTS, "  city: {", "  town: {", DE, "no field 'city'"),
    (EN, "subject: ", "subjct: ", None, "unknown setting 'subjct'"),
    (
        EN,
        'subject: "{{ slots.subject.text }}"',
        'subject: "a\\nb {{ slots.subject.text }}"',
        None,
        "more than one line",
    ),
    (EN, 'subject: "{{ slots.subject.text }}"', 'subject: "{{ slots.hero.src }}"', None, "is not words of a slot"),
    (EN, 'subject: "{{ slots.subject.text }}"', 'subject: "{{ marks.send_id }}"', None, "may not be printed here"),
    (EN, 'subject: "{{ slots.subject.text }}"', 'subject: "Hello"', None, "'subject' is printed nowhere in en"),
    (EN, "  city: your town\n", "", None, "'city' has no default in en"),
    (EN, "city: your town", "city: your {{ town }}", None, "must be plain words"),
    (EN, "  view: View in your browser\n", "", LAYOUT, "texts.view has no words in en"),
    (EN, "  view:", "  vew: x\n  view:", None, "printed nowhere"),
    (EN, f"Hello {FIELD}", "Hello {{ fields.first }}", None, "no field 'first'"),
    (EN, f"Hello {FIELD}", "Hello {{ fields.first_name", None, "Jinja2 cannot read"),
    (EN, f"Hello {FIELD}", "Hello {{ fields.first_name|upper }}", None, "may only print values"),
    (EN, f"Hello {FIELD}", "Hello { you }", None, "may not hold {"),
    (EN, f"Hello {FIELD}", "Hello {{ fields.first_name }}{{ fields.city }}", None, "side by side"),
    (EN, f"Hello {FIELD}", "Hello fs-mark-view_url-", None, "send marks"),
    (EN, f"Hello {FIELD}", "Hello {{ workspace.nothing }}", None, "no value 'nothing'"),
    (EN, "    after-dark:", "    after-lunch:", None, "subject.after-dark lacks the part 'text'"),
    (EN, "    after-dark:", "    after-lunch:", None, "no variant 'after-lunch'"),
    (EN, "  headline:\n", "  headlines:\n", None, "no slot 'headlines'"),
    (EN, "title: Two seats", "titel: Two seats", None, "unknown part 'titel'"),
    (EN, "title: Two seats", "titel: Two seats", LAYOUT, "slots.offer.title is printed, but lacks in two-seats (en)"),
    (DE, "  city: deiner Stadt\n", "", None, "'city' has no default in de"),
    (LAYOUT, "slots.headline.text", "slots.hedline.text", None, "no slot 'hedline'"),
    (LAYOUT, "slots.headline.text", "slots.headline.url", None, "has no part 'url'"),
    (LAYOUT, "{{ slots.headline.text }}", "x", None, "'headline' is printed nowhere"),
    (LAYOUT, "slots.offer.code", "slots.offer.url", None, "is printed, but lacks in two-seats (de)"),
    (LAYOUT, "marks.view_url", "marks.vew_url", None, "no marks.vew_url"),
    (LAYOUT, "workspace.help_url", "workspace.hlp_url", None, "no workspace.hlp_url"),
    (LAYOUT, "texts.why", "texts.wy", None, "texts.wy has no words in de, en"),
    (LAYOUT, "{{ texts.why }}", "{{ texts.why", None, "Jinja2 cannot read"),
    (LAYOUT, "{{ texts.why }}", "{% for a in b %}{% endfor %}", None, "expected a plain value"),
    (LAYOUT, "{{ texts.why }}", "{{ fields.city|safe }}", None, "'safe' is not allowed"),
    (LAYOUT, "{{ texts.why }}", "fs-mark-x", None, "may not be written"),
    (LAYOUT, "<mj-button", "<mj-buton", None, "<mj-buton> is no MJML element"),
    (LAYOUT, "</mj-button>", "", None, "<mj-button> of line"),
    (LAYOUT, "<mj-raw>{{ marks", '<mj-include path="/etc/passwd" /><mj-raw>{{ marks', None, "mj-include is not read"),
    (LAYOUT, ' alt="{{ slots.hero.alt }}"', "", None, "<mj-image> has no alt"),
    (LAYOUT, "{{ slots.hero.src }}", "{{ slots.hero.alt }}", None, "slots.hero.alt stands in src"),
    (LAYOUT, "{{ slots.action.url }}", "{{ fields.city }}", None, "fields.city stands in href"),
    (LAYOUT, "{{ slots.action.url }}", "https://evil.example/", None, "leads to a host that is not ours"),
    (LAYOUT, 'color="#2a241d"', 'color="{{ fields.city }}"', None, "fields.city stands in a style"),
    (LAYOUT, "{{ marks.unsubscribe_url }}", "#", None, "lacks a visible link to unsubscribe"),
    (LAYOUT, "{{ marks.preferences_url }}", "#", None, "lacks a visible link to the preferences"),
    (LAYOUT, "{{ marks.view_url }}", "#", None, "lacks a link to view it"),
    (LAYOUT, "{{ workspace.postal_address }}", "", None, "lacks the sender's postal address"),
    (LAYOUT, "{{ preheader }}", "", None, "lacks its preheader"),
    (LAYOUT, "{{ locale }}", "en", None, "lacks its language"),
    ("samples/ana.yaml", "locale: en", "locale: english", None, "has not the form"),
    ("samples/ana.yaml", "sci-fi: 9", "sci-fi: -9", None, "at least 0"),
]


@pytest.mark.parametrize(("file", "old", "new", "told_in", "word"), MISTAKES, ids=lambda part: str(part)[:40])
def test_a_mistake_is_told_where_it_was_made(
    tmp_path: Path, file: str, old: str, new: str, told_in: str | None, word: str
) -> None:
    folder = sample_with(tmp_path, (file, old, new))
    shutil.rmtree(folder / "templates" / "cart_reminder")
    told = validate(folder)
    problems = [problem for problem in told if word in problem.message]
    assert problems, list(map(str, told))
    expected = told_in or file
    assert expected in {problems[0].file, problems[0].file.removeprefix("templates/")}
    assert problems[0].mend
    if told_in is None and "lacks" not in word and "nowhere" not in word and "no default" not in word:
        changed = next(
            number
            for number, pair in enumerate(zip(_lines(SAMPLE, file), _lines(folder, file), strict=False), 1)
            if pair[0] != pair[1]
        )
        assert abs(problems[0].line - changed) <= 2 or "fs-mark" in new or file == VARIANTS


def _lines(folder: Path, file: str) -> list[str]:
    path = folder / file if (folder / file).exists() else folder / "templates" / file
    return path.read_text("utf-8").splitlines()


def test_the_sample_has_no_problem() -> None:
    assert validate(SAMPLE) == []


def test_all_problems_are_told_at_once_and_sorted(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, *[(file, old, new) for file, old, new in _compatible()])
    problems = validate(folder)
    assert problems == sorted(problems)
    assert {problem.file for problem in problems} >= {SETTINGS, f"templates/{EN}", f"templates/{LAYOUT}"}
    with pytest.raises(ConfigError) as refused:
        load(folder)
    assert len(refused.value.problems) == sum(problem.severity is Severity.ERROR for problem in problems)


def _compatible() -> list[tuple[str, str, str]]:
    return [
        (SETTINGS, "timezone: Europe/London", "timezone: Mars"),
        (EN, "city: your town", "city: your {{ town }}"),
        (LAYOUT, "marks.view_url", "marks.vew_url"),
    ]


def test_a_tag_that_no_event_can_bring_is_a_warning_only(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (VARIANTS, "[drama]", "[Drama]"))
    assert [(p.severity, "'Drama'" in p.message) for p in validate(folder)] == [(Severity.WARNING, True)]
    load(folder)


SHARE = ("      kind: count\n      events: [Trailer Played]\n      window: 7d", "      kind: share\n      bound: {}")


@pytest.mark.parametrize(("bound", "is_refused"), [("1", False), ("32", False), ("33", True), ("2.5", True)])
def test_a_share_keeps_a_whole_number_of_keys(tmp_path: Path, bound: str, is_refused: bool) -> None:
    folder = sample_with(tmp_path, (SETTINGS, SHARE[0], SHARE[1].format(bound)))
    assert ["a share keeps 1 to 32 keys" in problem.message for problem in validate(folder)] == [True] * is_refused


def test_declared_features_are_read_with_their_times_in_milliseconds(tmp_path: Path) -> None:
    mean, spent, played = load(sample_with(tmp_path)).settings.declared
    assert (mean.kind, mean.property, mean.half_life_ms, mean.window_ms, mean.default) == (
        "mean", "rating", 28 * 86_400_000, 0, 3.0,
    )  # fmt: skip
    assert (spent.kind, spent.events, spent.window_ms, spent.bound) == (
        "sum", ("Order Completed",), 90 * 86_400_000, 5000.0,
    )  # fmt: skip
    assert (played.kind, played.property, played.bound, played.default) == ("count", "", 0.0, 0.0)


def _slots_warned_of(folder: Path) -> list[str]:
    told = [problem for problem in validate(folder) if problem.message.endswith("no event carries any of its tags")]
    assert all(problem.severity is Severity.WARNING and problem.mend for problem in told)
    return [problem.message.split(":")[0] for problem in told if "newsletter" in problem.file]  # in the file's order


def test_slots_whose_tags_no_event_carries_are_warned_of(tmp_path: Path) -> None:
    """Given no rule at all, or rules with a prefix only; where one tag of a slot can come, nothing is said."""
    text = (SAMPLE / SETTINGS).read_text("utf-8")
    rules = text[text.index("\ntags:\n") : text.index("\nfeatures:")]
    slots = ["slot subject", "slot hero", "slot headline", "slot pick", "slot action", "slot offer"]
    assert _slots_warned_of(sample_with(tmp_path / "a", (SETTINGS, rules, ""))) == slots
    prefixed = "\ntags:\n  - property: genres\n    prefix: 'film:'\n"
    assert _slots_warned_of(sample_with(tmp_path / "b", (SETTINGS, rules, prefixed))) == slots
    one = (VARIANTS, "tags: [drama]", "tags: ['film:drama']")
    assert _slots_warned_of(sample_with(tmp_path / "c", (SETTINGS, rules, prefixed), one)) == slots[1:]
    assert _slots_warned_of(sample_with(tmp_path / "d")) == []


def test_what_is_wrong_in_shared_content_is_told_once(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (VARIANTS, "src: https://images", "src: http://images"))
    assert len(validate(folder)) == 1


def test_settings_that_cannot_be_read_do_not_hide_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, (LAYOUT, "marks.view_url", "marks.vew_url"))
    (folder / SETTINGS).write_text("workspace: [")
    files = [(problem.file, problem.message) for problem in validate(folder)]
    assert files[0][0] == SETTINGS
    assert any("vew_url" in message for _, message in files)
    assert not any("workspace." in message for _, message in files)


def test_a_folder_that_is_no_workspace_is_told_and_not_crashed_on(tmp_path: Path) -> None:
    assert {problem.file for problem in validate(tmp_path / "nowhere")} == {SETTINGS, "templates"}
    shutil.copytree(SAMPLE, tmp_path / "w")
    shutil.rmtree(tmp_path / "w" / "templates" / "newsletter" / "locales")
    (tmp_path / "w" / "templates" / "cart_reminder" / "template.mjml").unlink()
    (tmp_path / "w" / "templates" / "Bad Name").mkdir()
    told = {problem.file for problem in validate(tmp_path / "w")}
    assert told == {"templates/Bad Name", "templates/cart_reminder/template.mjml", "templates/newsletter/locales"}


def test_a_fallback_needs_variants_for_everybody_at_any_time(tmp_path: Path) -> None:
    changes = [
        (VARIANTS, f"- {{ id: {variant}", f'- {{ valid_until: "2030-01-01T00:00:00Z", id: {variant}')
        for variant in (
            "friday-reel", "after-dark", "far-away", "all-heart",
            "good-laugh", "true-stories", "big-screen", "on-repeat",
        )
    ]  # fmt: skip
    problems = validate(sample_with(tmp_path, *changes))
    assert ["for everybody, at any time" in problem.message for problem in problems] == [True]


def test_a_problem_reads_as_one_line() -> None:
    shown = str(Problem("a.yaml", 3, 5, "it is wrong", "Mend it."))
    assert shown == "a.yaml:3:5: it is wrong. Mend it."


def test_an_epsilon_is_a_part_of_one(tmp_path: Path) -> None:
    folder = sample_with(
        tmp_path,
        (SETTINGS, "kind: softmax", "kind: epsilon-greedy"),
        (SETTINGS, "temperature: 0.2", "temperature: 1.5"),
    )
    shutil.rmtree(folder / "templates" / "cart_reminder")
    assert [problem.message for problem in validate(folder)] == ["policy.temperature: expected at most 1, got 1.5"]
