"""What the sample people see, whole. A change here is a change that people see: look at it, then accept it.

Accept with `ACCEPT_GOLDEN=1 .venv/bin/pytest tests/golden/templates`, in the commit that says why.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.decisions import Rendered
from schemas.ids import TemplateName, VariantId
from schemas.library import Release
from templates.library import Library
from templates.send_marks import fill
from templates.workspace import SAMPLE, SamplePerson, load

FOLDER = Path(__file__).parent
MARKS = {
    "unsubscribe_url": "https://mail.lantern-reel.example/u/token",
    "preferences_url": "https://mail.lantern-reel.example/p/token",
    "view_url": "https://mail.lantern-reel.example/v/token",
    "send_id": "send-1",
    "open_pixel": '<img src="https://mail.lantern-reel.example/o/token" width="1" height="1" alt="">',
}
MESSAGES = {
    "ana_newsletter": {
        "subject": "far-away", "hero": "observatory", "headline": "elsewhere", "pick": "metropolis",
        "action": "stream", "offer": "late-show",
    },
    "jonas_newsletter": {
        "subject": "on-repeat", "hero": "listening-room", "headline": "needle-down", "pick": "blue-hour",
        "action": "listen", "offer": "free-postage",
    },
    "maeve_newsletter": {
        "subject": "good-laugh", "hero": "front-row", "headline": "laughing", "pick": "prince-achmed",
        "action": "family", "offer": "family-matinee",
    },
    "heinrich_cart_reminder": {
        "subject": "still-here", "headline": "intermission-over", "reason": "few-left", "picture": "shelf",
        "extra": "held-until",
    },
    "ana_cart_reminder": {
        "subject": "intermission", "headline": "held", "reason": "returns", "picture": "parcel", "extra": "winter",
    },
    "nobody_newsletter": {},
}  # fmt: skip
"""File name: a sample person and a template; variants that differ from the first of their slot."""


def rendered(library: Library, people: Sequence[SamplePerson], name: str) -> Rendered:
    person_name, _, template_name = name.partition("_")
    person = next(person for person in people if person.name.split()[0].lower() == person_name)
    template = library.template(TemplateName(template_name))
    locale = library.locale_for(template, person.locale)
    chosen = MESSAGES[name]
    variants = [VariantId(chosen.get(slot.name, slot.variants[0].id)) for slot in template.slots]
    message = library.render(template, locale, variants, library.fields_of(template, locale, person.traits))
    return fill(message, library.release.mark_prefix, MARKS)


def readable(html: bytes) -> str:
    """The HTML with a line for each tag, so that a difference can be read."""
    return re.sub(r"\s*\n\s*", "\n", html.decode().replace("<", "\n<")).strip() + "\n"


def check(file: Path, shown: str) -> None:
    if os.environ.get("ACCEPT_GOLDEN"):
        file.write_text(shown, "utf-8")
    expected = file.read_text("utf-8") if file.exists() else ""
    assert shown.splitlines() == expected.splitlines(), f"{file.name} changed: accept it as this file's head tells"


@pytest.fixture(scope="module")
def library(sample_release: Release) -> Library:
    return Library(sample_release)


@pytest.fixture(scope="module")
def people() -> Sequence[SamplePerson]:
    return load(SAMPLE).samples


@pytest.mark.parametrize("name", MESSAGES)
def test_a_sample_person_sees_the_same_message(library: Library, people: Sequence[SamplePerson], name: str) -> None:
    message = rendered(library, people, name)
    check(FOLDER / f"{name}.html", readable(message.html))
    check(
        FOLDER / f"{name}.txt",
        f"Subject: {message.subject}\nPreheader: {message.preheader}\n\n{message.text.decode()}",
    )


def test_no_expected_file_is_left_over() -> None:
    expected = {f"{name}.{kind}" for name in MESSAGES for kind in ("html", "txt")}
    assert {path.name for path in FOLDER.iterdir() if path.suffix in {".html", ".txt"}} == expected
