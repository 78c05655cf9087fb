"""The pages that links in mails lead to, as HTML: plain, without scripts, without anything from elsewhere."""

import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from connectors.gateway.answers import Answer

ALL_FIELD, PURPOSE_FIELD = "all", "purpose"
_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
)
_STYLE = (
    "body{font:17px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.2rem;color:#1b1b1b;"
    "background:#fff}button{font:inherit;padding:.6rem 1.2rem;border:1px solid #1b1b1b;border-radius:.3rem;"
    "background:#1b1b1b;color:#fff;cursor:pointer}label{display:block;margin:.6rem 0}.quiet button{background:#fff;"
    "color:#1b1b1b}@media (prefers-color-scheme:dark){body{background:#161616;color:#eee}button{background:#eee;"
    "color:#161616}a{color:#9cf}.quiet button{background:#161616;color:#eee;border-color:#eee}}"
)
WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "unsubscribe": "Unsubscribe",
            "ask": "{address} will get no more messages of this kind from {sender}.",
            "ask_unknown": "You will get no more messages of this kind from {sender}.",
            "all": "Unsubscribe from everything",
            "done": "Unsubscribed",
            "done_text": "It holds from now on. Receipts and the like, which you need, still come.",
            "more": "Choose what you receive",
            "choose": "What you receive",
            "choose_text": "{sender} may write to {address} about what is ticked. By saving you agree to that, and you "
            "can take it back here at any time.",
            "save": "Save",
            "saved": "Saved.",
            "nothing": "Nothing is kept here",
            "nothing_text": "This person was forgotten, or nothing is known.",
            "unknown": "This link is not known here",
            "unknown_text": "It may have been cut off. Use the link in the message once more.",
        },
        "de": {
            "unsubscribe": "Abbestellen",
            "ask": "{address} bekommt dann keine Nachrichten dieser Art mehr von {sender}.",
            "ask_unknown": "Sie bekommen dann keine Nachrichten dieser Art mehr von {sender}.",
            "all": "Alles abbestellen",
            "done": "Abbestellt",
            "done_text": "Das gilt ab jetzt. Belege und Ähnliches, das Sie brauchen, kommen weiterhin.",
            "more": "Auswählen, was Sie bekommen",
            "choose": "Was Sie bekommen",
            "choose_text": "{sender} darf {address} zu dem schreiben, was angekreuzt ist. Mit dem Speichern stimmen "
            "Sie dem zu, und können es hier jederzeit zurücknehmen.",
            "save": "Speichern",
            "saved": "Gespeichert.",
            "nothing": "Hier ist nichts gespeichert",
            "nothing_text": "Diese Person wurde vergessen, oder es ist nichts über sie bekannt.",
            "unknown": "Dieser Link ist hier nicht bekannt",
            "unknown_text": "Vielleicht wurde er abgeschnitten. Nehmen Sie noch einmal den aus der Nachricht.",
        },
    }
)


class Page(NamedTuple):
    """What all pages of one person say.

    sender   whose messages they are
    address  masked; empty: none is known
    """

    language: str
    sender: str
    address: str = ""

    def words(self, name: str) -> str:
        """Words of the page, its values filled in, as HTML."""
        text = WORDS[self.language][name]
        return escape(text).format(sender=escape(self.sender), address=escape(self.address))


def text_version(language: str) -> str:
    """What proves which words somebody agreed to: a hash of them."""
    return f"preferences-{language}-{hashlib.sha256(WORDS[language]['choose_text'].encode()).hexdigest()[:12]}"


def language_of(*told: str) -> str:
    """The first of these languages that pages are written in; else English.

    >>> language_of("", "fr-CH, de;q=0.8"), language_of("de-AT", "en")
    ('en', 'de')
    """
    for one in told:
        found = one.strip()[:2].lower()
        if found in WORDS:
            return found
    return "en"


def masked(address: str) -> str:
    """An address that its owner knows again and nobody else learns.

    >>> masked("anna.ek@mail.example.org")
    'a***@m***.org'
    """
    name, at, host = address.rpartition("@")
    if not at or not name:
        return ""
    first, dot, last = host.rpartition(".")
    return f"{name[0]}***@{first[:1]}***{dot}{last}"


def unsubscribe_page(page: Page, path: str) -> Answer:
    """Asks: nothing happens before the button is pressed."""
    ask = page.words("ask" if page.address else "ask_unknown")
    form = _form(path, f"<button>{page.words('unsubscribe')}</button>", "List-Unsubscribe", "One-Click")
    everything = _form(path, f"<button>{page.words('all')}</button>", ALL_FIELD, "1")
    return _page(200, page, "unsubscribe", f'<p>{ask}</p>{form}<div class="quiet">{everything}</div>')


def done_page(page: Page, preferences: str) -> Answer:
    """It is done."""
    more = f'<p><a href="{escape(preferences)}">{page.words("more")}</a></p>'
    return _page(200, page, "done", f"<p>{page.words('done_text')}</p>{more}")


def preferences_page(page: Page, path: str, purposes: Sequence[tuple[str, bool]], *, is_saved: bool) -> Answer:
    """Every purpose with its tick."""
    boxes = "".join(
        f'<label><input type="checkbox" name="{PURPOSE_FIELD}" value="{escape(name)}"{" checked" if on else ""}> '
        f"{escape(name.replace('_', ' ').replace('-', ' ').capitalize())}</label>"
        for name, on in purposes
    )
    saved = f'<p role="status">{page.words("saved")}</p>' if is_saved else ""
    form = f'<form method="post" action="{escape(path)}">{boxes}<button>{page.words("save")}</button></form>'
    return _page(200, page, "choose", f"{saved}<p>{page.words('choose_text')}</p>{form}")


def nothing_page(page: Page) -> Answer:
    """Nothing is known of the person any more."""
    return _page(HTTPStatus.GONE, page, "nothing", f"<p>{page.words('nothing_text')}</p>")


def unknown_page(language: str) -> Answer:
    """The token is none of ours, or leads nowhere any more."""
    page = Page(language, "")
    return _page(HTTPStatus.NOT_FOUND, page, "unknown", f"<p>{page.words('unknown_text')}</p>")


def head_of(answer: Answer) -> Answer:
    """The same without its body."""
    return answer._replace(body=b"")


def _form(path: str, button: str, name: str, value: str) -> str:
    field = f'<input type="hidden" name="{name}" value="{value}">'
    return f'<form method="post" action="{escape(path)}">{field}{button}</form>'


def _page(status: int, page: Page, title: str, body: str) -> Answer:
    heading = page.words(title)
    whole = (
        f'<!doctype html><html lang="{page.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex">'
        f"<title>{heading}</title><style>{_STYLE}</style></head><body><main><h1>{heading}</h1>{body}</main></body></html>"
    )
    return Answer(int(status), _HEADERS, whole.encode())
