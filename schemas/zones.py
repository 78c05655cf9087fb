"""Time zones by the tz database that is locked with the code: the machine's own would differ from place to place."""

from functools import lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

_DATABASE = files("tzdata")
_NAMES = frozenset((_DATABASE / "zones").read_text("ascii").split())


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The zone of a name like `Europe/Berlin`; None for any other text, `localtime` and paths among them.

    >>> zone_of("Europe/Berlin"), zone_of("localtime"), zone_of("../Europe/Berlin")
    (zoneinfo.ZoneInfo(key='Europe/Berlin'), None, None)
    """
    if name not in _NAMES:
        return None
    with _DATABASE.joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=name)
