"""People's clicks told from machines': by when each came, and by the company it keeps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

from schemas.ids import SendId
from schemas.library import HumanSettings

CLICKS_MAX = 32
"""Clicks of one person that wait at a time; so many at once are no person's."""
CLICK_BYTES_MAX = 2_048
"""Of a waiting click's event; what is larger waits without its properties."""


class Evidence(StrEnum):
    """Why a reaction is taken for a machine's, beside the kinds of agents."""

    PROVIDER = "provider"
    """The provider of the mail service says so."""
    HEAD = "head"
    """The link was asked for without wanting its page."""
    SPEED = "speed"
    """Sooner after the send than anybody reads."""
    LINKS = "links"
    """Several links of one message within seconds."""
    MESSAGES = "messages"
    """Links of several messages at once."""


HUMAN = "human"
"""Counted where nothing speaks against a person."""


class Click(msgspec.Struct, frozen=True, array_like=True):
    """A click that waits for what else comes, or that was counted and is kept as evidence a little longer.

    link    a hash of where it leads; empty where nobody told
    due_ms  log time until which it waits, or is evidence
    reason  why it is a machine's; empty as long as nothing says so
    event   packed: what features are made of if it was a person's; empty once it was counted
    """

    send_id: SendId
    link: bytes
    at_ms: int
    due_ms: int
    reason: str
    event: bytes

    @property
    def waits(self) -> bool:
        """Whether it was not counted yet."""
        return bool(self.event)


def judged(clicks: Sequence[Click], sent_ms: Mapping[SendId, int], settings: HumanSettings) -> tuple[Click, ...]:
    """The same clicks, with a reason where there is evidence by now. A reason once given stays.

    sent_ms  when each open send was delivered, as far as told, or else drawn
    """
    reasons = [click.reason or _by_speed(click, sent_ms, settings) for click in clicks]
    every = tuple(enumerate(clicks))
    for evidence, together in (
        (Evidence.LINKS, _together(every, _link, settings.pair_ms, 2)),
        (Evidence.LINKS, _together(every, _link, settings.burst_ms, settings.burst_links)),
        (Evidence.MESSAGES, _together(every, _send, settings.messages_ms, 2)),
    ):
        for index in together:
            reasons[index] = reasons[index] or evidence
    return tuple(
        click if click.reason == reason else msgspec.structs.replace(click, reason=str(reason))
        for click, reason in zip(clicks, reasons, strict=True)
    )


def _by_speed(click: Click, sent_ms: Mapping[SendId, int], settings: HumanSettings) -> str:
    return Evidence.SPEED if _is_within(click, sent_ms, settings.too_soon_ms) else ""


def _is_within(click: Click, sent_ms: Mapping[SendId, int], after_ms: int) -> bool:
    """Whether a click came sooner than so long after its send; never where that is 0, or the send is not known."""
    sent = sent_ms.get(click.send_id, 0)
    return sent > 0 and after_ms > 0 and click.at_ms - sent < after_ms


def _link(click: Click) -> tuple[str, bytes]:
    """Links of one message are told apart among themselves only."""
    return click.send_id, click.link


def _send(click: Click) -> tuple[str, bytes]:
    return "", click.send_id.encode()


def _together(
    clicks: Sequence[tuple[int, Click]], key: Callable[[Click], tuple[str, bytes]], window_ms: int, least: int
) -> Iterator[int]:
    """Numbers of the clicks that share a window with `least` different ones of one group; `key` is (group, which).

    The window is half-open: one of 0 ms holds nothing.
    """
    for _, first in clicks:
        group, _ = key(first)
        near = [
            (number, key(click)[1])
            for number, click in clicks
            if key(click)[0] == group and 0 <= click.at_ms - first.at_ms < window_ms
        ]
        if len({which for _, which in near}) >= least:
            yield from (number for number, _ in near)
