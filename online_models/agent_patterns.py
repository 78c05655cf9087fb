"""What agents of programs have in common, and what people's have that looks like it.

Plain words are searched for one by one, in lower case: many times faster than a pattern that has them as branches.
How they were tuned, and on what, stands in docs/humans-only.md.
"""

import re

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

BARE = re.compile(r"Mozilla/\d\.\d")
GMAIL_PREFETCH_END = "Edge/12.246 Mozilla/5.0"
IMAGE_PROXIES = re.compile(r"image[ -]?proxy|mail[ -]?proxy|image[ -]?cache")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for line in text.strip().splitlines() for word in line.strip().strip("|").split("|"))


HEADLESS = _words("headless|phantomjs|selenium|webdriver|puppeteer|playwright|cypress|jsdom|slimerjs")

LIBRARIES = _words(
    """
    aiohttp|httpx|okhttp|httpclient|http-client|http_client|http client|httpunit|httpurlconnection|urlgrabber
    libwww-perl|lwp::|reqwest|guzzle|winhttp|restsharp|postman|insomnia|mechanize|scrapy|typhoeus|zend_http|jakarta|asynchttp|symfony
    apache-http|unirest|retrofit|superagent|restclient|rest-client|indy library|snoopy|pycurl|grequests|colly/|jersey/
    request-promise|http.rb|python-requests|python-urllib|node-fetch|node-superagent|php-curl
    """
)
LANGUAGES = re.compile(
    r"(?:curl|wget|libcurl|httpie|lwp|java|ruby|perl|php|python|node|dart|rust|deno|bun|got|undici|axios|faraday)"
    r"(?:[-/ .:_]|$)|go[-/]"
)
"""An agent that begins so is a program's own library."""

PEOPLES = re.compile(
    r"cubot|caboto|camscanner|feedlyapp|embedded ?(?:wb|web browser)[^;)]*|avant ?browser[^;)]*"
    r"|mozacfetch|ghostery|webengine|\bjob ?search(?:er)?\b|staticlogin:.*|\[fb[^\]]*\]|instagram [\d.]+ .*"
    r"|(?<=. )(?:viber|notion|asana|paypal|tumblr|slack|spotify|pinterest|hubspot|linkedin|twitter)[/ ][\d.]+",
    re.IGNORECASE,
)
"""Words of people's phones, apps and browsers that hold a program's word: taken out before programs are looked for."""

PROGRAMS = _words(
    """
    http:|https:|www.|(+|robot|crawl|spider|slurp|archiv|fetch|monitor|scan|preview|prerender|pre-render|validat|linkcheck
    link check|checklink|checker|pingdom|pingback|pinger|uptime|harvest|indexer|indexing|feed|reeder|parser|analyzer
    analysis|analyzis|inspect|lighthouse|synthetic|pagespeed|page speed|speedcurve|downloader|explorador|httrack|sucker
    screenshot|favicon|webhook|web hook|webmaster|openvas|nessus|nikto|sqlmap|scrub|facebookexternal|embed|unfurl|onebox
    collage|collector|transcoder|lightspeed|light speed|hunter|claude|openai|perplexity|anthropic|newsai|catchpoint
    advisor|googleother|googleweblight|mediapartners|discover|like gecko;|mozilla/5.0 [|firephp|swcd|devtools
    browserless|dejaclick|sparkler|ptst|ruxit|dynatrace|newrelic|datadog|site24x7|gomez|keynote|rigor
    mimecast|proofpoint|barracuda|symantec|messagelabs|trendmicro|powershell
    """
)
"""What such programs do, or are called; and, first, the address to ask who this is."""
PROGRAM_SHAPES = re.compile(
    r"bots?(?:[^a-z]|$)|bot[-_/]|scrap(?:e|y|er|ing)\b|\brss|rss\b|\baudit|(?<![a-z])probe|\bgpt|finder\b|\bseo"
    r"|\b(?:code|cursor|trae)/\d|\b[a-z]*ai/\d(?<!dubai/\d)(?<!hyundai/\d)"
    r"|@[\w-]+\.[a-z]{2}| at [\w-]+ dot [a-z]{2}"
    r"|[;,(] ?[\w.-]+\.(?:com|net|org|io|ly|gy|eu|me|info|ai|app|dev)\b"
    # Where no browser writes anything: after the engine's "like Gecko", and before "Mozilla".
    r"|like gecko,(?! *safari)|^[\w ]+, mozilla|^ddg_|^duckduckgo/"
)

MAIL_CLIENTS = _words(
    """
    thunderbird|outlook|postbox|lotus-notes|superhuman|airmail|sparrow|mailbird|applemail|apple mail
    yahoomobilemail|mobilemail|eudora|the bat|evolution|kmail|windows-live-mail|windowslivemail|microsoft office
    barca|foxmail|icedove|mailspring
    emclient|em client|canary|k-9|fairemail|protonmail|tutanota|claws|sylpheed|aquamail|bluemail
    """
)
ENGINES = _words(
    """
    webkit|gecko/|gecko)|rv:|khtml|presto|trident|msie|opera/|opera mini|dalvik|netscape|netfront|browser|midp|ucweb
    up.link|docomo|j-phone|kddi|cfnetwork|quicktime|exoplayer|stagefright|upnp|vlc/|lynx|links (|elinks|w3m|dillo
    netsurf|icab|konqueror|mozac
    """
)
"""What draws pages, or plays: browsers, telephones of old, players, and Apple's network for apps."""
TELEPHONES = (
    "nokia",
    "sonyericsson",
    "samsung",
    "sec-",
    "lg/",
    "lg-",
    "mot-",
    "blackberry",
    "htc",
    "zte",
    "sie-",
    "sharp",
)
PLATFORMS = _words(
    """
    windows|android|iphone|ipad|ipod| ios|mac os|macos|macintosh|symbian|amiga|blackberry|tizen|webos|kaios|playstation
    nintendo|xbox|roku|beos|haiku|risc os|os/2|palm|series60|x11|freebsd|openbsd
    """
)
COMPATIBLE = re.compile(
    r"compatible[;,](?! *(?:[^)]*msie|aol|omniweb|konqueror|netfront|lotus|amiga|abrowse|ibrowse|u;|windows|opera"
    r"|web ?tv|icab|iphone|android|linux))"
)
"""A program that calls itself compatible, and is none of the browsers that did."""
NAMES = re.compile(r"[\w .,:;/+&|!#@()~\[\]–-]*[\w)\]]|\W*|[\w+/=]{60,}")
"""Names, versions and remarks; or no word at all; or one long cipher."""
ONE_WORD = re.compile(r"[a-z]+")

PEOPLES_LISTED = frozenset({r"AP3A\.240617\.008", "MetaIAB Facebook", "TSM-turingos", "Sonic", "Fluid", "GTmetrix"})
"""Of the list, what people's agents hold too: where collections disagree a person loses more than a program gains."""


def _is_plain(pattern: str) -> bool:
    """Whether a pattern is text with escaped signs, and nothing more."""
    return not re.search(r"(?<!\\)[\[\](){}.*+?^$|]|\\\w", pattern)


_LISTED = [str(entry["pattern"]) for entry in CRAWLER_USER_AGENTS_DATA if entry["pattern"] not in PEOPLES_LISTED]
_LISTED_WORDS = tuple(re.sub(r"\\(?=\W)", "", pattern) for pattern in _LISTED if _is_plain(pattern))
_LISTED_SHAPES = re.compile("|".join(pattern for pattern in _LISTED if not _is_plain(pattern)))


def is_listed(agent: str) -> bool:
    """Whether the list of crawlers names the agent's program; case matters."""
    return holds(agent, _LISTED_WORDS) or _LISTED_SHAPES.search(agent) is not None


def holds(agent: str, words: tuple[str, ...]) -> bool:
    """Whether any of the words stands in the agent."""
    # A comprehension runs at a third of the cost of a generator, also where it could have stopped early.
    return True in [word in agent for word in words]
