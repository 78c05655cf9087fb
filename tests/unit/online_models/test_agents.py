"""Programs told from people by their agents."""

from zlib import crc32

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from online_models import agent_patterns
from online_models.agent_patterns import PEOPLES_LISTED
from online_models.agents import AGENT_LENGTH_MAX, AgentKind, AgentVerdict, _classify, classify
from tests.support.agents import CHROME, DATA, agents_of

GMAIL_PREFETCH = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "

MACHINES = [
    ("Mozilla/5.0", AgentKind.BARE),
    (GMAIL_PREFETCH, AgentKind.PREFETCH),
    ("curl/8.5.0", AgentKind.LIBRARY),
    ("python-requests/2.31.0", AgentKind.LIBRARY),
    ("okhttp/4.12.0", AgentKind.LIBRARY),
    ("Go-http-client/2.0", AgentKind.LIBRARY),
    ("Java/17.0.1", AgentKind.LIBRARY),
    (CHROME.replace("Chrome", "HeadlessChrome"), AgentKind.HEADLESS),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", AgentKind.CRAWLER),
    ("Mozilla/5.0 (compatible; Nobody-has-heard-of-it/1.0)", AgentKind.CRAWLER),
    ("Some Spider", AgentKind.CRAWLER),
    ("Acme Gateway/3.1", AgentKind.CRAWLER),
    (f"{CHROME} (+https://scanner.example)", AgentKind.CRAWLER),
    (CHROME.replace("like Gecko)", "like Gecko; compatible; acme)"), AgentKind.CRAWLER),
    ("acme (admin@acme.example)", AgentKind.CRAWLER),
    (f"{CHROME} Mimecast", AgentKind.CRAWLER),
]
PEOPLE = [
    ("", AgentKind.EMPTY),
    ("   ", AgentKind.EMPTY),
    (CHROME, AgentKind.BROWSER),
    (GMAIL_PREFETCH.removesuffix(" Mozilla/5.0"), AgentKind.BROWSER),
    ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", AgentKind.BROWSER),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1; Trident/4.0)", AgentKind.BROWSER),
    (IPHONE + "Mobile/15E148 [FBAN/FBIOS;FBDV/iPhone11,8;FBSV/13.3.1;FBCR/]", AgentKind.BROWSER),
    (IPHONE + "Mobile/15E148 Instagram 123.1.0.26.115 (iPhone11,8; iOS 13_3; en_US)", AgentKind.BROWSER),
    (CHROME.replace("Windows NT 10.0; Win64; x64", "Linux; Android 9; CUBOT_X19"), AgentKind.BROWSER),
    ("Dalvik/2.1.0 (Linux; U; Android 6.0.1; Nexus Player Build/MMB29T)", AgentKind.BROWSER),
    ("AppName/1 CFNetwork/758.1.2 Darwin/15.0.0", AgentKind.BROWSER),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:24.0) Gecko/20100101 Thunderbird/24.2.0", AgentKind.MAIL_CLIENT),
    ("Outlook-iOS/665.29827.prod.iphone (2.63.0)", AgentKind.MAIL_CLIENT),
    ("Superhuman", AgentKind.MAIL_CLIENT),
    ("ELinks/0.13 (textmode; Linux; 80x24)", AgentKind.BROWSER),
    (
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        AgentKind.IMAGE_PROXY,
    ),
    ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", AgentKind.IMAGE_PROXY),
]


@pytest.mark.parametrize(("agent", "kind"), MACHINES)
def test_a_machines_agent_is_told_with_its_reason(agent: str, kind: AgentKind) -> None:
    assert classify(agent) == (True, kind)


@pytest.mark.parametrize(("agent", "kind"), PEOPLE)
def test_a_persons_agent_is_no_machines(agent: str, kind: AgentKind) -> None:
    assert classify(agent) == (False, kind)


def test_only_the_first_characters_are_looked_at() -> None:
    filler = "x" * AGENT_LENGTH_MAX
    assert classify(f"{CHROME} {filler} Googlebot/2.1") == (False, AgentKind.BROWSER)
    assert classify(f"{CHROME} Googlebot/2.1 {filler}") == (True, AgentKind.CRAWLER)


def test_what_people_use_too_still_stands_in_the_list() -> None:
    listed = {entry["pattern"] for entry in CRAWLER_USER_AGENTS_DATA}
    assert listed >= PEOPLES_LISTED


needs_collections = pytest.mark.skipif(not DATA.exists(), reason="../shared/data/bots-and-domains is absent")


@needs_collections
def test_of_collected_agents_machines_are_found_and_people_spared() -> None:
    """Image proxies stand apart: people open through them."""
    machines = [classify(agent) for _, agent in agents_of("machines")]
    people = [classify(agent) for _, agent in agents_of("people")]
    told = [verdict for verdict in machines if verdict.reason is not AgentKind.IMAGE_PROXY]
    missed = [verdict for verdict in told if not verdict.machine]
    lost = [verdict for verdict in people if verdict.machine]
    assert len(missed) <= 0.02 * len(told)
    assert len(lost) <= 0.01 * len(people)


@needs_collections
@pytest.mark.parametrize("quarter", range(4))
def test_no_quarter_of_the_families_stands_out(quarter: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do our own patterns live by the list: without it they still find nearly all, in each quarter."""

    def those_of(whose: str) -> list[AgentVerdict]:
        found = [classify(agent) for family, agent in agents_of(whose) if crc32(family.encode()) % 4 == quarter]
        return [verdict for verdict in found if verdict.reason is not AgentKind.IMAGE_PROXY]

    listed, people = those_of("machines"), those_of("people")
    with monkeypatch.context() as without:
        without.setattr(agent_patterns, "is_listed", lambda _agent: False)
        _classify.cache_clear()
        unlisted = those_of("machines")
    _classify.cache_clear()
    assert sum(verdict.machine for verdict in listed) >= 0.98 * len(listed)
    assert sum(verdict.machine for verdict in unlisted) >= 0.95 * len(unlisted)
    assert sum(verdict.machine for verdict in people) <= 0.03 * len(people)


@needs_collections
def test_image_proxies_are_reported_apart() -> None:
    proxies = [agent for family, agent in agents_of("people") if "Proxy" in family]
    assert proxies
    assert {classify(agent).reason for agent in proxies} == {AgentKind.IMAGE_PROXY}
