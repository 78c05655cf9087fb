"""Stand-ins for a message's pictures: those of a made-up brand are on no server, and nobody needs a network here."""

from hashlib import sha256
from html import escape
from urllib.parse import quote

from foresend.demo.playground.story import Words
from schemas.ids import Locale, SlotName, VariantId
from schemas.library import Release

PATH = "/pictures/"
_SHAPES = 7


def with_stand_ins(html: str, release: Release, template: str, language: str) -> str:
    """A message's HTML with the addresses of its variants' pictures replaced by those of stand-ins."""
    for found in release.templates:
        if found.name != template:
            continue
        for slot in found.slots:
            for variant in slot.variants:
                address = variant.content.get(Locale(language), {}).get("src")
                if address:
                    stand_in = PATH + "/".join(quote(part, safe="") for part in (template, slot.name, variant.id))
                    html = html.replace(f'src="{escape(address)}"', f'src="{stand_in}"')
    return html


def stand_in(words: Words, template: str, slot: SlotName, variant: VariantId) -> bytes | None:
    """An SVG in colours of the variant's own, with its name; None where there is no such variant."""
    found = words.find(template, slot, variant)
    if found is None:
        return None
    digest = sha256(f"{template}/{slot}/{variant}".encode()).digest()
    hue = digest[0] * 360 // 256
    circles = "".join(
        f'<circle cx="{digest[3 * n] * 1200 // 255}" cy="{digest[3 * n + 1] * 600 // 255}" '
        f'r="{60 + digest[3 * n + 2] // 2}" fill="hsl({(hue + 25 * n) % 360} 60% 55%)" fill-opacity=".35"/>'
        for n in range(1, _SHAPES)
    )
    name, tags = escape(variant.replace("-", " ")), escape(", ".join(found.tags) or "for everybody")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1200 600" width="1200" height="600">'
        f'<rect width="1200" height="600" fill="hsl({hue} 45% 22%)"/>{circles}'
        '<g fill="#fff" font-family="Georgia, serif" text-anchor="middle">'
        f'<text x="600" y="300" font-size="96">{name}</text>'
        f'<text x="600" y="372" font-size="36" fill-opacity=".85">{tags}</text></g></svg>'
    ).encode()
