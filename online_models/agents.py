"""Who an agent says it is: a program that fetches mail's pictures and links, or a person's browser or mail reader.

By its text alone. Two lists answer: the crawlers that the package `crawler-user-agents` knows by name, and
`online_models.agent_patterns`, which says what programs have in common.
"""

from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from online_models import agent_patterns as patterns
from online_models.agent_patterns import holds

AGENT_LENGTH_MAX = 512
"""Characters looked at: what tells a program from a person stands in them, and it bounds every search."""
CACHED_AGENTS_MAX = 4096


class AgentKind(StrEnum):
    """What an agent is: the reason of a verdict. The first four are people's."""

    BROWSER = "browser"
    MAIL_CLIENT = "mail_client"
    IMAGE_PROXY = "image_proxy"
    """A person opened, but the proxy hides device, place and hour."""
    EMPTY = "empty"
    """Nothing is said; so nothing is known."""
    CRAWLER = "crawler"
    LIBRARY = "library"
    HEADLESS = "headless"
    PREFETCH = "prefetch"
    """Gmail fetches pictures before anybody opens."""
    BARE = "bare"
    """`Mozilla/5.0` and no more: Apple's Mail Privacy Protection fetches pictures so, before anybody opens."""


PEOPLES = frozenset({AgentKind.BROWSER, AgentKind.MAIL_CLIENT, AgentKind.IMAGE_PROXY, AgentKind.EMPTY})


class AgentVerdict(NamedTuple):
    """Whether an agent is a machine's, and what kind of agent it is."""

    machine: bool
    reason: AgentKind


def classify(agent: str) -> AgentVerdict:
    """What an agent is. Only its first `AGENT_LENGTH_MAX` characters are looked at.

    >>> classify("curl/8.5.0").reason.value
    'library'
    >>> classify("Mozilla/5.0 (Windows NT 10.0; rv:109.0) Gecko/20100101 Firefox/115.0").machine
    False
    """
    return _classify(agent[:AGENT_LENGTH_MAX].strip())


@lru_cache(maxsize=CACHED_AGENTS_MAX)
def _classify(agent: str) -> AgentVerdict:
    kind = _kind(agent)
    return AgentVerdict(kind not in PEOPLES, kind)


def _kind(agent: str) -> AgentKind:
    """The first that holds: what is exact comes before what is likely."""
    lowered = agent.lower()
    if not agent:
        return AgentKind.EMPTY
    if patterns.BARE.fullmatch(agent):
        return AgentKind.BARE
    if agent.endswith(patterns.GMAIL_PREFETCH_END):
        return AgentKind.PREFETCH
    if patterns.IMAGE_PROXIES.search(lowered):
        return AgentKind.IMAGE_PROXY
    if holds(lowered, patterns.HEADLESS):
        return AgentKind.HEADLESS
    if patterns.LANGUAGES.match(lowered) or holds(lowered, patterns.LIBRARIES):
        return AgentKind.LIBRARY
    if _names_a_program(agent) or _lacks_a_browser(lowered):
        return AgentKind.CRAWLER
    return AgentKind.MAIL_CLIENT if holds(lowered, patterns.MAIL_CLIENTS) else AgentKind.BROWSER


def _names_a_program(agent: str) -> bool:
    plain = patterns.PEOPLES.sub("", agent)
    lowered = plain.lower()
    if holds(lowered, patterns.PROGRAMS) or patterns.PROGRAM_SHAPES.search(lowered):
        return True
    return patterns.is_listed(plain)


def _lacks_a_browser(lowered: str) -> bool:
    """Whether nothing in an agent draws pages for a person: a name and a version, or a remark of its own."""
    if patterns.COMPATIBLE.search(lowered):
        return True
    if holds(lowered, patterns.MAIL_CLIENTS):
        return False
    if patterns.ONE_WORD.fullmatch(lowered):
        return True
    drawn = holds(lowered, patterns.ENGINES) or holds(lowered, patterns.PLATFORMS)
    return not drawn and not lowered.startswith(patterns.TELEPHONES) and patterns.NAMES.fullmatch(lowered) is not None
