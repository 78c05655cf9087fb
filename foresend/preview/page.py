"""One person's messages as one HTML page: wide and narrow, light and dark, and why they are so. It runs no script."""

import re
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from foresend.demo.playground.pictures import stand_in
from foresend.demo.playground.story import Words
from foresend.preview.choosing import Candidate, Chosen
from schemas.library import Release, Template
from templates.sources import SamplePerson

_PAGE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "resources"), autoescape=True, undefined=StrictUndefined
)
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)
_ALWAYS, _NEVER = "(min-width:0)", "(max-width:0)"
_MADE_UP = re.compile(r"https://[a-z0-9.-]+\.example/")
"""Hosts that cannot be (RFC 2606): nothing is loaded from there."""


class Screen(NamedTuple):
    """How a message is looked at."""

    title: str
    width: int
    height: int
    mode: str


SCREENS = (
    Screen("Computer, light", 640, 720, "light"),
    Screen("Phone, light", 375, 720, "light"),
    Screen("Computer, dark", 640, 720, "dark"),
    Screen("Phone, dark", 375, 720, "dark"),
)


class Other(NamedTuple):
    """Somebody else's page."""

    name: str
    file: str


class About(NamedTuple):
    """What a page tells beside the messages. `source`: where they come from."""

    person: SamplePerson
    source: str
    brand: str
    sender: tuple[str, str]
    people: Sequence[Other] = ()


def page_of(release: Release, about: About, messages: Sequence[Chosen], *, every: bool) -> str:
    """The page. `every`: all candidates are shown whole, not the likeliest alone."""
    return _PAGE.get_template("page.html").render(
        person=about.person,
        people=about.people,
        brand=about.brand,
        source=about.source,
        release=release.id,
        messages_are_many=every,
        messages=[_told(release, about, chosen, every=every) for chosen in messages],
    )


def _told(release: Release, about: About, chosen: Chosen, *, every: bool) -> dict[str, Any]:
    template = chosen.template
    sender = (template.sender.name, template.sender.email) if template.sender else about.sender
    shown = list(enumerate(chosen.candidates, 1))[: None if every else 1]
    own = [] if chosen.is_default else chosen.candidates
    return {
        "name": template.name,
        "message_class": template.message_class.value,
        "makes": template.kind.value,
        "locale": chosen.locale,
        "is_default": chosen.is_default,
        "sender_name": sender[0],
        "sender_email": sender[1],
        "slot_names": [slot.name for slot in template.slots],
        "slots": chosen.slots,
        "shown": [_message(release, template, chosen, number, one) for number, one in shown],
        "shown_numbers": [number for number, _ in shown],
        "candidates": [
            {"number": number, "probability": one.probability, "variants": one.variants}
            for number, one in enumerate(own, 1)
        ],
    }


def _message(release: Release, template: Template, chosen: Chosen, number: int, one: Candidate) -> dict[str, Any]:
    message = one.message
    html = _with_stand_ins(message.html.decode(), release, template, chosen, one)
    return {
        "number": number,
        "probability": one.probability,
        "subject": message.subject,
        "preheader": message.preheader,
        "text": message.text.decode(),
        "block": msgspec.json.format(message.block, indent=2).decode() if message.block else "",
        "html_bytes": len(message.html),
        "screens": [{**screen._asdict(), "html": in_mode(html, dark=screen.mode == "dark")} for screen in SCREENS],
    }


def in_mode(html: str, *, dark: bool) -> str:
    """A message as a program in dark or in light mode shows it, whatever mode the browser is in.

    >>> in_mode("@media (prefers-color-scheme: dark) {}", dark=True)
    '@media (min-width:0) {}'
    """
    return _LIGHT.sub(_NEVER if dark else _ALWAYS, _DARK.sub(_ALWAYS if dark else _NEVER, html))


def _with_stand_ins(html: str, release: Release, template: Template, chosen: Chosen, one: Candidate) -> str:
    """Pictures of made-up brands, which are on no server, drawn; all others as they are."""
    words = Words(release)
    for slot in template.slots:
        variant = next((each for each in slot.variants if each.id == one.variants.get(slot.name)), None)
        address = variant.content.get(chosen.locale, {}).get("src", "") if variant else ""
        if variant and _MADE_UP.match(address):
            drawn = stand_in(words, template.name, slot.name, variant.id) or b""
            html = html.replace(
                f'src="{escape(address)}"', f'src="data:image/svg+xml;base64,{b64encode(drawn).decode()}"'
            )
    return html
