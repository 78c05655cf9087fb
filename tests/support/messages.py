"""Releases and communications made by hand: what the cache and the gateway are tested with."""

import struct
from collections.abc import Sequence

import msgspec
import zstandard

from schemas.codec import encode
from schemas.decisions import Candidate, Communication, Decision, Rendered, SlotDecision
from schemas.ids import (
    DecisionId,
    Locale,
    ReleaseId,
    SlotName,
    TemplateName,
    UserId,
    VariantId,
    WorkspaceId,
)
from schemas.keys import communication_key
from schemas.library import ConsentSettings, Layout, MessageClass, Release, Template, WorkspaceSettings
from schemas.versions import Position, Version, version_of
from schemas.worlds import WorldRef

WORKSPACE = WorkspaceId("shop")
NEWS = TemplateName("news")
CART = TemplateName("cart")
ANNA = UserId("anna")
PREFIX = "zq7-"
START_MS = 1_760_000_000_000
DICTIONARY = b"<html><body><p>Hello, this is what all messages of the shop have in common</p></body></html>"


def release(
    number: int = 1,
    templates: Sequence[TemplateName] = (NEWS, CART),
    locales: Sequence[str] = ("en", "de"),
    workspace: WorkspaceId = WORKSPACE,
) -> Release:
    """A release whose fallbacks say where they come from, and hold the unsubscribe mark."""
    return Release(
        workspace=workspace,
        id=ReleaseId(f"release-{number}"),
        settings=WorkspaceSettings(default_locale=Locale("en"), timezone="UTC", consent=ConsentSettings(missing=True)),
        templates=tuple(
            Template(name, MessageClass.MARKETING, (), (), {Locale(locale): locale for locale in locales})
            for name in templates
        ),
        layouts={locale: Layout("", "", Locale(locale)) for locale in locales},
        fallbacks={
            f"{template}/{locale}": message(f"fallback {template} {locale} {number}")
            for template in templates
            for locale in locales
        },
        dictionary=DICTIONARY,
        dictionary_id=7,
        mark_prefix=PREFIX,
    )


def message(words: str) -> Rendered:
    """A message that says these words, with a send mark in each body."""
    body = f'<html><body><p>{words}</p><a href="{PREFIX}unsubscribe_url-">bye</a></body></html>'
    return Rendered(words, f"pre {words}", body.encode(), f"{words}\n{PREFIX}unsubscribe_url-".encode())


def compress(rendered: Rendered) -> bytes:
    """A body as the job writes it."""
    raw = zstandard.ZstdCompressionDict(DICTIONARY, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return zstandard.ZstdCompressor(dict_data=raw).compress(msgspec.msgpack.encode(rendered))


def version(number: int) -> Version:
    """Versions that sort like their numbers."""
    return version_of(Position(START_MS + number, 0, number), 0)


def communication(
    user: str = ANNA,
    number: int = 1,
    odds: Sequence[float] = (0.5, 0.3, 0.2),
    valid_until_ms: Sequence[int] | None = None,
    template: TemplateName = NEWS,
    locale: str = "en",
    release_id: str = "release-1",
    workspace: WorkspaceId = WORKSPACE,
) -> Communication:
    """An entry with one slot, a candidate for each of `odds`; its messages name user, number and candidate."""
    count = len(odds)
    variants = tuple(VariantId(f"v{index}") for index in range(count))
    features = struct.pack(f"<{count}f", *(index / 8 for index in range(count)))
    decision = Decision(
        id=DecisionId(f"d-{user}-{number}"),
        workspace=workspace,
        template=template,
        user=UserId(user),
        release=ReleaseId(release_id),
        world=WorldRef(1, 0),
        locale=Locale(locale),
        policy="softmax",
        cause="shift",
        at_ms=START_MS,
        slots=(SlotDecision(SlotName("headline"), variants, tuple(odds), b"", features),),
        candidates=tuple(Candidate(bytes((index,)), share) for index, share in enumerate(odds)),
    )
    return Communication(
        version=version(number),
        decision=decision,
        bodies=tuple(compress(message(f"entry {user} {number} {index}")) for index in range(count)),
        valid_until_ms=tuple(valid_until_ms or [0] * count),
        dictionary=7,
    )


def record_of(entry: Communication) -> tuple[bytes, bytes]:
    """Key and value of an entry's record."""
    decision = entry.decision
    assert decision is not None
    return communication_key(decision.workspace, decision.template, decision.user), encode(entry)
