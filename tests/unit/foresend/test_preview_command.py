"""`foresend preview`: messages of the step for made-up people, as pages that are safe to open."""

import base64
import json
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from selectolax.lexbor import LexborHTMLParser, LexborNode

from connectors.gateway.answers import stored_of
from foresend.cli import main
from foresend.preview.page import SCREENS, in_mode
from foresend.starting import STARTER
from schemas.codec import decode, encode
from schemas.decisions import Communication, Decision
from schemas.library import Release
from templates.compiler import with_id
from templates.workspace import SAMPLE
from tests.support.answering import gateway
from tests.support.events import rated
from tests.support.fixed_worlds import FixedProgram
from tests.support.operator_harness import OperatorHarness

CANDIDATES = 8
"""Of the sample workspace's policy."""


class Previews:
    """Previews written into one folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def told(self, *options: str, workspace: Path = SAMPLE) -> list[dict[str, Any]]:
        assert main(["preview", "--workspace", str(workspace), "--out", str(self.folder), "--json", *options]) == 0
        return [json.loads(line) for line in self._capsys.readouterr().out.splitlines()]

    def page(self, name: str) -> LexborHTMLParser:
        return LexborHTMLParser((self.folder / f"{name}.html").read_text("utf-8"))

    def first(self, name: str, selector: str) -> LexborNode:
        found = self.page(name).css_first(selector)
        assert found is not None
        return found

    def tags(self, name: str) -> list[str | None]:
        root = self.page(name).root
        assert root is not None
        return [node.tag for node in root.traverse()]


@pytest.fixture
def previews(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Previews:
    return Previews(tmp_path / "out", capsys)


def test_each_sample_gets_a_page_with_all_templates(previews: Previews) -> None:
    told = previews.told()

    people = {line["person"] for line in told}
    assert people == {"Ana", "Heinrich", "Jonas", "Maeve", "Nobody yet"}
    assert len(told) == len(people) * 3
    assert {Path(line["file"]).name for line in told} == {path.name for path in previews.folder.iterdir()}
    page = previews.page("ana")
    assert [link.attributes["href"] for link in page.css("nav a")] == [
        "jonas.html", "ana.html", "heinrich.html", "maeve.html", "nobody-yet.html",
    ]  # fmt: skip


def test_a_sample_is_shown_what_its_tags_speak_for(previews: Previews) -> None:
    (ana,) = previews.told("--sample", "ana", "--template", "newsletter")
    (jonas,) = previews.told("--sample", "Jonas", "--template", "newsletter")

    for line in (ana, jonas):
        assert len(line["candidates"]) == CANDIDATES
        assert sum(one["probability"] for one in line["candidates"]) == pytest.approx(1.0, abs=1e-9)
        assert not line["is_default"]
    assert ana["candidates"][0]["variants"]["subject"] == "far-away"
    assert jonas["candidates"][0]["variants"]["subject"] == "on-repeat"
    assert (ana["locale"], jonas["locale"]) == ("en", "de")


def test_as_if_changes_language_values_and_tags(previews: Previews) -> None:
    changes = ["--as", "locale=de", "--as", "first_name=Rosa", "--as", "tags.jazz=500"]

    (line,) = previews.told("--sample", "ana", "--template", "newsletter", *changes)

    assert line["locale"] == "de"
    assert line["candidates"][0]["variants"]["subject"] == "on-repeat"
    assert "Rosa" in (previews.page("ana").html or "")
    (other,) = previews.told("--sample", "ana", "--template", "newsletter", "--locale", "de")
    assert other["locale"] == "de"


def test_a_page_shows_the_inbox_the_message_in_four_ways_and_its_text(previews: Previews) -> None:
    (line,) = previews.told("--sample", "ana", "--template", "newsletter")

    page = previews.page("ana")
    assert line["subject"] in previews.first("ana", ".inbox").text()
    assert line["preheader"] in previews.first("ana", ".inbox").text()
    frames = page.css("iframe")
    assert [frame.attributes["width"] for frame in frames] == ["640", "375", "640", "375"]
    assert all("Hello Ana," in (frame.attributes["srcdoc"] or "") for frame in frames)
    assert "Hello Ana," in previews.first("ana", "details pre").text()
    assert len(page.css("tr.shown")) == 1


def test_all_candidates_are_shown_whole_where_asked(previews: Previews) -> None:
    previews.told("--sample", "ana", "--template", "newsletter", "--all-candidates")

    assert len(previews.page("ana").css("iframe")) == CANDIDATES * len(SCREENS)


def test_a_hostile_name_changes_nothing_but_words(previews: Previews) -> None:
    hostile = '"></iframe><script>alert(1)</script><img src=x onerror=alert(1)>'
    previews.told("--sample", "ana", "--as", "first_name=Ana")
    plain = previews.tags("ana")

    previews.told("--sample", "ana", "--as", f"first_name={hostile}")

    page = previews.page("ana")
    assert page.css("script") == []
    assert all("sandbox" in frame.attributes and frame.attributes["sandbox"] is None for frame in page.css("iframe"))
    assert previews.tags("ana") == plain
    policy = previews.first("ana", 'meta[http-equiv="Content-Security-Policy"]').attributes["content"] or ""
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy


def test_a_screen_is_in_its_own_mode_whatever_the_browser_is_in() -> None:
    html = "@media (prefers-color-scheme: dark) {a} @media screen and (prefers-color-scheme:light) {b}"

    assert in_mode(html, dark=True) == "@media (min-width:0) {a} @media screen and (max-width:0) {b}"
    assert in_mode(html, dark=False) == "@media (max-width:0) {a} @media screen and (min-width:0) {b}"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--sample", "zoe"], "samples of this workspace: ana, heinrich, jonas, maeve, nobody-yet"),
        (["--template", "letter"], "templates of this workspace: cart_reminder, newsletter"),
        (["--as", "city"], "expected field=value"),
        (["--as", "tags.jazz=much"], "expected tags.jazz=NUMBER"),
        (["--user", "ana", "--url", "ftp://x"], "expected an address"),
    ],
)
def test_wrong_use_is_told(tmp_path: Path, options: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "--workspace", str(SAMPLE), "--out", str(tmp_path), *options]) == 2

    assert told in capsys.readouterr().err


def test_a_workspace_without_samples_shows_nobody_in_particular(
    tmp_path: Path, previews: Previews, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "shop")]) == 0
    for sample in (tmp_path / "shop/samples").iterdir():
        sample.unlink()
    capsys.readouterr()

    (line,) = previews.told(workspace=tmp_path / "shop")

    assert (line["person"], line["subject"] != "") == ("Nobody", True)


def test_a_real_person_is_asked_of_the_gateway(previews: Previews) -> None:
    answer = {
        "source": "entry", "reason": "", "release": "r1", "language": "de", "propensity": 0.4, "candidate": 2,
        "variants": {"subject": "plain"}, "subject": "Hallo", "preheader": "Wir <b>", "html": "<p>Hallo Rosa</p>",
        "text": "Hallo Rosa", "explain": {"subject": {
            "variants": ["plain"], "probabilities": [1.0], "scores": [0.0], "terms": {"prior": [0.0]},
            "affinities": [0.5],
        }},
    }  # fmt: skip
    with gateway(200, json.dumps(answer).encode()) as (url, asked):
        (line,) = previews.told("--user", "rosa 1", "--url", url, "--key", "secret", workspace=STARTER)

    assert asked == [("/v1/communications/welcome/rosa%201?format=json&explain=true", "Bearer secret")]
    assert (line["subject"], line["locale"]) == ("Hallo", "de")
    assert "Hallo Rosa" in (previews.first("rosa-1", "iframe").attributes["srcdoc"] or "")


def decided(release: Release, template: str) -> Decision:
    """A decision of the step for somebody who likes comedies."""
    harness = OperatorHarness(FixedProgram((encode(release),)))
    harness.send(rated("comedy"))
    entries = [decode(Communication, out.value) for out in harness.outputs if out.value]
    return next(one.decision for one in entries if one.decision and one.decision.template == template)


def stored_answer(decision: Decision) -> bytes:
    """What a gateway tells of it."""
    told = {
        "source": "entry", "reason": "", "release": decision.release, "language": decision.locale, "propensity": 0.5,
        "variants": {}, "subject": "as it is", "preheader": "", "html": "<p>", "text": "",
        "stored": base64.b64encode(stored_of(decision)).decode(),
    }  # fmt: skip
    return json.dumps(told).encode()


def test_a_real_persons_candidates_are_rendered_with_other_values(previews: Previews, sample_release: Release) -> None:
    options = [
        "--template",
        "newsletter",
        "--user",
        "ana",
        "--all-candidates",
        "--as",
        "first_name=Rosa",
        "--locale",
        "de",
    ]
    decision = decided(sample_release, "newsletter")
    with gateway(200, stored_answer(decision)) as (url, _):
        (line,) = previews.told(*options, "--url", url)

    assert line["locale"] == "de"
    likeliest = sorted(range(len(decision.candidates)), key=lambda one: -decision.candidates[one].probability)
    assert [(one["probability"], tuple(one["variants"].values())) for one in line["candidates"]] == [
        (decision.candidates[one].probability, decision.variants_of(one)) for one in likeliest
    ]
    frames = previews.page("ana").css("iframe")
    assert len(frames) == CANDIDATES * len(SCREENS)
    assert all("Rosa" in (frame.attributes["srcdoc"] or "") for frame in frames)
    assert "not the person’s own values" in previews.first("ana", "header").text().replace("'", "’")


def test_candidates_of_another_release_cannot_be_rendered_here(
    tmp_path: Path, sample_release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    other = with_id(msgspec.structs.replace(sample_release, dictionary_id=sample_release.dictionary_id + 1))
    options = ["preview", "--workspace", str(SAMPLE), "--out", str(tmp_path), "--user", "ana", "--all-candidates"]
    with gateway(200, stored_answer(decided(other, "cart_reminder"))) as (url, _):
        assert main([*options, "--template", "cart_reminder", "--url", url]) == 1

    assert f"was made with release {other.id}" in capsys.readouterr().err


def test_a_gateway_that_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(404, b'{"detail": "no such user"}') as (url, _):
        assert main(["preview", "--workspace", str(STARTER), "--out", str(tmp_path), "--user", "x", "--url", url]) == 1

    assert "answered 404 for welcome" in capsys.readouterr().err


def test_the_browser_is_opened_where_asked(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def opens(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", opens)

    previews.told("--sample", "ana", "--open")

    assert opened == [(previews.folder / "ana.html").resolve().as_uri()]


def test_neither_flink_nor_kafka_is_loaded(tmp_path: Path) -> None:
    words = f"main(['preview', '--workspace', {str(STARTER)!r}, '--out', {str(tmp_path)!r}])"
    script = (
        f"import sys; from foresend.cli import main; assert {words} == 0; "
        "assert not {'pyflink', 'py4j'} & set(sys.modules), 'Flink was loaded'"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
