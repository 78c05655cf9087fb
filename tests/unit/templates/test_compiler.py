import hashlib
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from schemas.codec import decode, encode
from schemas.errors import ConfigError
from schemas.ids import Locale, TemplateName
from schemas.library import TEMPERATURES, FeatureSettings, LearningSettings, PolicySettings, Release, ShiftSettings
from templates.compiler import compile_release
from templates.library import Library
from templates.send_marks import MARKS, mark
from templates.workspace import SAMPLE, load
from tests.support.workspaces import sample_with

NEWSLETTER = TemplateName("newsletter")
EN, DE = Locale("en"), Locale("de")
RELEASE_BYTES_MAX = 1_000_000
"""What a Kafka record may hold by default."""


def test_the_same_folder_gives_the_same_bytes(sample_release: Release) -> None:
    again = compile_release(load(SAMPLE))
    assert encode(again) == encode(sample_release)
    assert decode(Release, encode(sample_release)) == sample_release


def test_the_bytes_do_not_depend_on_the_process(sample_release: Release) -> None:
    script = (
        "from templates.workspace import SAMPLE, load; from templates.compiler import compile_release;"
        "from schemas.codec import encode; import hashlib;"
        "print(hashlib.sha256(encode(compile_release(load(SAMPLE)))).hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )  # fmt: skip
    assert other.stdout.strip() == hashlib.sha256(encode(sample_release)).hexdigest()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("foresend.yaml", "temperature: 0.2", "temperature: 0.6"),
        ("newsletter/locales/de.yaml", "Nadel runter", "Nadel hoch"),
        ("newsletter/template.mjml", 'font-size="34px"', 'font-size="35px"'),
    ],
)  # fmt: skip
def test_any_change_makes_another_release(
    tmp_path: Path, sample_release: Release, file: str, old: str, new: str
) -> None:
    assert compile_release(load(sample_with(tmp_path, (file, old, new)))).id != sample_release.id


def test_a_sample_person_is_in_no_release(tmp_path: Path, sample_release: Release) -> None:
    other = ("samples/ana.yaml", "city: Porto", "city: Braga")
    assert compile_release(load(sample_with(tmp_path, other))).id == sample_release.id


def test_layouts_are_kept_by_content_so_that_words_of_variants_do_not_touch_them(
    tmp_path: Path, sample_release: Release
) -> None:
    change = ("newsletter/locales/de.yaml", "Nadel runter", "Nadel hoch")
    changed = compile_release(load(sample_with(tmp_path, change)))
    assert changed.layouts == sample_release.layouts
    assert changed.mark_prefix != sample_release.mark_prefix


def test_settings_are_as_the_file_says_and_its_defaults_those_of_the_shapes(
    tmp_path: Path, sample_release: Release
) -> None:
    settings = sample_release.settings
    assert (settings.default_locale, settings.timezone, settings.link_hosts) == (
        "en", "Europe/London", ("lantern-reel.example",),
    )  # fmt: skip
    assert [(rule.property, rule.events[0], rule.weight) for rule in settings.tags][:3] == [
        ("genres", "Content Rated", 1.0),
        ("genres", "Content Viewed", 0.5),
        ("products[].category", "Order Completed", 3.0),
    ]
    # What the sample writes out as defaults are the defaults, so that its comments tell the truth.
    assert settings.features == FeatureSettings()
    assert settings.policy == PolicySettings()
    assert settings.shift == ShiftSettings()
    assert settings.learning == LearningSettings()


def test_settings_may_be_left_out_and_may_be_changed(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, ("foresend.yaml", "attribution_window: 7d", "attribution_window: 12h"))
    text = (folder / "foresend.yaml").read_text()
    (folder / "foresend.yaml").write_text(text[: text.index("features:")] + text[text.index("learning:") :])
    settings = load(folder).settings
    assert settings.learning.attribution_ms == 12 * 3_600_000
    assert (settings.policy, settings.features) == (PolicySettings(), FeatureSettings())


def test_each_kind_of_policy_has_a_temperature_of_its_own_where_none_is_named(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, ("foresend.yaml", "kind: softmax", "kind: thompson"))
    text = (folder / "foresend.yaml").read_text()
    (folder / "foresend.yaml").write_text("\n".join(line for line in text.split("\n") if "  temperature:" not in line))
    assert load(folder).settings.policy == PolicySettings(kind="thompson", temperature=TEMPERATURES["thompson"])


def test_known_words_are_baked_in_and_what_is_open_stays_open(sample_release: Release) -> None:
    template = next(template for template in sample_release.templates if template.name == NEWSLETTER)
    layout = sample_release.layouts[template.layouts[DE]]
    assert 'lang="de"' in layout.html
    assert "Lantern &amp; Reel" in layout.html
    assert "Lantern & Reel" in layout.text
    assert "Hallo {{ fields.first_name }}" in layout.html
    for root in ("texts.", "workspace.", "locale", "preheader"):
        assert "{{ " + root not in layout.html
        assert "{{ " + root not in layout.text
    assert layout.subject == "{{ slots.subject.text }}"


def test_words_are_escaped_when_they_are_baked_in(tmp_path: Path) -> None:
    change = ("tagline: Cinema · Records · Bristol", 'tagline: "<b>\\"Cinema\\"</b> & more"')
    release = compile_release(load(sample_with(tmp_path, ("newsletter/locales/en.yaml", *change))))
    fallback = release.fallbacks["newsletter/en"]
    assert b"&lt;b&gt;&quot;Cinema&quot;&lt;/b&gt; &amp; more" in fallback.html
    assert b'<b>"Cinema"</b> & more' in fallback.text


def test_links_of_variants_carry_the_campaign_and_the_variant(sample_release: Release) -> None:
    library = Library(sample_release)
    variant = library.variant(NEWSLETTER, library.template(NEWSLETTER).slots[4].name, "stream")  # type: ignore[arg-type]
    assert variant is not None
    assert variant.content[EN]["url"] == (
        "https://www.lantern-reel.example/stream?utm_source=lantern-reel&utm_medium=email"
        "&utm_campaign=newsletter&utm_content=action.stream"
    )


def test_without_a_source_links_are_left_as_they_are(tmp_path: Path) -> None:
    folder = sample_with(tmp_path)
    path = folder / "foresend.yaml"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "utm_" not in line))
    release = compile_release(load(folder))
    assert "utm_" not in str([slot for template in release.templates for slot in template.slots])


def test_every_template_and_language_has_a_fallback_with_its_marks_open(sample_release: Release) -> None:
    assert sorted(sample_release.fallbacks) == [
        "cart_reminder/de", "cart_reminder/en", "newsletter/de", "newsletter/en", "receipt/de", "receipt/en",
    ]  # fmt: skip
    assert sample_release.mark_prefix.startswith("fs-mark-")
    for key, fallback in sample_release.fallbacks.items():
        assert b"{{" not in fallback.html + fallback.text
        assert fallback.subject
        assert fallback.preheader
        if key.startswith("receipt/"):
            # Nobody unsubscribes from receipts.
            assert mark(sample_release.mark_prefix, "unsubscribe_url").encode() not in fallback.html + fallback.text
            continue
        for name in MARKS.keys() - {"send_id"}:
            assert mark(sample_release.mark_prefix, name).encode() in fallback.html
        assert mark(sample_release.mark_prefix, "unsubscribe_url").encode() in fallback.text


def test_the_fallback_shows_nothing_that_ends(sample_release: Release) -> None:
    assert all(b"TENYEARS" not in fallback.html for fallback in sample_release.fallbacks.values())


def test_a_layout_that_jinja_must_run_is_compressed_with_a_dictionary_of_sample_people(tmp_path: Path) -> None:
    condition = ("newsletter/template.mjml", "{{ texts.greeting }}", "{% if fields.city == 'Porto' %}x{% endif %}")
    release = compile_release(load(sample_with(tmp_path, condition)))
    assert sorted(release.pieces) == ["cart_reminder/de", "cart_reminder/en", "receipt/de", "receipt/en"]
    assert b"Porto" in release.dictionary
    library, plain = Library(release), Library(msgspec.structs.replace(release, dictionary=b""))
    fallback = release.fallbacks["newsletter/en"]
    assert len(library.compress(fallback)) * 10 < len(plain.compress(fallback))


def test_a_release_whose_layouts_only_print_has_pieces_and_no_dictionary(sample_release: Release) -> None:
    assert sample_release.pieces.keys() == sample_release.fallbacks.keys()
    assert (sample_release.dictionary, sample_release.dictionary_id) == (b"", 0)
    assert len(encode(sample_release)) < RELEASE_BYTES_MAX


def test_a_workspace_without_sample_people_has_a_release_too(tmp_path: Path) -> None:
    folder = sample_with(tmp_path)
    for path in (folder / "samples").iterdir():
        path.unlink()
    assert compile_release(load(folder)).pieces


def test_a_workspace_with_errors_is_not_loaded(tmp_path: Path) -> None:
    folder = sample_with(tmp_path, ("foresend.yaml", "floor: 0.01", "floor: 0.5"))
    with pytest.raises(ConfigError, match=r"foresend\.yaml:\d+:\d+: .*floor"):
        load(folder)
