"""Finds the merge tags of other mailers in a source, and says what each stands for here."""

import re
from enum import StrEnum
from typing import NamedTuple

_TAG = re.compile(
    r"""
      \{\{!--.{0,300}?--\}\} | \{\{!.{0,300}?\}\}                     # Handlebars: a comment
    | \{\{\{[^{}<]+\}\}\} | \{\{[^{}<]+\}\}                             # mustache, Handlebars, Mailjet, Liquid, Jinja
    | \{%(?:(?!\{%|</?[a-zA-Z!]).){1,300}?%\}                          # Liquid, Jinja, Mailjet: a command
    | \*\|[^|<\n]+\|\*                                               # Mailchimp
    | \[\[\s*[A-Za-z_](?:[\w.:@\ -]|"[^"<>]*")*\]\]                   # Mailjet's older form
    | %%[A-Za-z_][\w.-]{0,60}%%                                       # Salesforce
    """,
    re.VERBOSE | re.DOTALL,
)
LENGTH_MAX = 300
"""What is longer than this is no merge tag: a brace somewhere was never closed."""
_BLOCK = re.compile(
    r"[#^/>]|else\b|\*?(?:IF|IFNOT|ELSEIF|ELSE|END|INTERESTED|NOT_INTERESTED)(?::|$)|(?:end)?(?:if|each|unless)\b"
)
_DEFAULT = re.compile(r"""(?:\|\s*default\s*[:(]\s*|\|\|\s*|:)(?P<quote>["'])(?P<words>.*?)(?P=quote)""")
_NAME = re.compile(
    r"(?:(?:var|data|params|contact|merge_?var|html)[:.])?\s*@?(?P<name>[\w.:@ -]*?[\w])\s*$", re.IGNORECASE
)
NAME_LENGTH_MAX = 48

_UNSUBSCRIBE = re.compile(r"(?:[a-z_]*_)?(?:unsub(?:scribe)?|opt_?out)(?:_(?:url|link|href|page|center|[a-z]{2}))*")
_PREFERENCES = re.compile(
    r"update_profile|(?:[a-z_]*_)?(?:preferences?|manage_subscriptions?|profile_center|subscription_center)"
    r"(?:_(?:url|link|href|page|center))*"
)
_VIEW = re.compile(
    r"archive|(?:short_)?permalink|mirror(?:_page)?|web_?version|(?:[a-z_]*_)?view_(?:it_)?(?:in_(?:your_)?browser|online|email)"
    r"(?:_(?:url|link))*|(?:view|web_?version|browser|web_view)_(?:url|link)"
)
_ADDRESS = re.compile(r"(?:html_)?list_address(?:_html)?|(?:postal|physical|mailing|company|sender)_address")
_HEADERS = dict.fromkeys(("mc_subject", "subject", "subject_line", "email_subject"), "subject") | dict.fromkeys(
    ("mc_preview_text", "preheader", "preheader_text", "preview_text"), "preheader"
)
_SYNONYMS = {"fname": "first_name", "lname": "last_name", "firstname": "first_name", "lastname": "last_name"}


class Meaning(StrEnum):
    """What a merge tag stands for."""

    FIELD = "fields"
    MARK = "marks"
    WORKSPACE = "workspace"
    HEADER = "header"
    """The subject or the preheader."""
    BLOCK = "block"
    """A condition, a loop, an include: there is none here, somebody must decide."""
    NOTE = "note"
    """A comment, shown to nobody."""


class MergeTag(NamedTuple):
    """One merge tag: `source[start:end]` is `raw`; `default` are the words it names itself for want of a value."""

    start: int
    end: int
    raw: str
    meaning: Meaning
    name: str
    default: str = ""


def merge_tags(source: str) -> list[MergeTag]:
    """All merge tags of a source, in order.

    >>> [(tag.meaning.value, tag.name) for tag in merge_tags("Hi {{ FirstName }}, *|UNSUB|*")]
    [('fields', 'first_name'), ('marks', 'unsubscribe_url')]
    """
    found = []
    position = 0
    while match := _TAG.search(source, position):
        tag = _tag(match)
        position = match.start() + 1 if tag is None else match.end()
        if tag is not None:
            found.append(tag)
    return found


def _tag(match: re.Match[str]) -> MergeTag | None:
    raw = match[0]
    if len(raw) > LENGTH_MAX:
        return None
    start, end = match.span()
    if raw.startswith("{{!"):
        return MergeTag(start, end, raw, Meaning.NOTE, "")
    inner = raw.strip("{}[]%*|").strip().removeprefix("&").strip()
    if raw.startswith("{%") or _BLOCK.match(inner):
        return MergeTag(start, end, raw, Meaning.BLOCK, slug(inner))
    default = _DEFAULT.search(inner)
    expression = inner[: default.start()] if default else inner
    plain = _NAME.match(expression.partition("|")[0])
    name = slug(plain["name"] if plain else expression)
    if not name:
        return None
    return MergeTag(start, end, raw, *_meaning(name), default["words"] if default else "")


def _meaning(name: str) -> tuple[Meaning, str]:
    for pattern, mark in ((_UNSUBSCRIBE, "unsubscribe_url"), (_PREFERENCES, "preferences_url"), (_VIEW, "view_url")):
        if pattern.fullmatch(name):
            return Meaning.MARK, mark
    if _ADDRESS.fullmatch(name):
        return Meaning.WORKSPACE, "postal_address"
    if name == "list_company":
        return Meaning.WORKSPACE, "name"
    if name in _HEADERS:
        return Meaning.HEADER, _HEADERS[name]
    return Meaning.FIELD, _SYNONYMS.get(name, name)


def slug(text: str) -> str:
    """A name as templates, fields and slots have them; empty where there is no letter in the text.

    >>> slug("user.firstName"), slug("2-col")
    ('user_first_name', 'n2_col')
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    name = re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")[:NAME_LENGTH_MAX].strip("_")
    if not re.search("[a-z]", name):
        return ""
    return name if name[0].isalpha() else f"n{name}"
