"""Who somebody is, told so coarsely that many others are the same: an age band, a country and its region."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

BANDS = (
    (16, "under-16"),
    (18, "16-17"),
    (25, "18-24"),
    (35, "25-34"),
    (45, "35-44"),
    (55, "45-54"),
    (65, "55-64"),
    (131, "65+"),
)
"""The age below which each band ends. All above 64 are one: the older, the fewer there are of an age."""
AGE_BAND = "age_band"
COUNTRY = "country"
REGION = "region"
_NAME_MAX = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_YEAR = re.compile(r"(?<!\d)(1[89]\d\d|20\d\d)(?!\d)")
_PLACE = re.compile(r"[^\W\d_][\w .,'’()&-]*")
_REGION_NAMES = ("region", "state", "province", "regionCode", "stateCode", "region_code", "state_code")
_COUNTRY_NAMES = ("country", "countryCode", "country_code")


def age_band(value: Any, at_ms: int) -> str | None:
    """The band of an age, or of a date of birth seen from a time; None for what is neither.

    Numbers are an age, a year, seconds or milliseconds since 1970, whichever they can be. Of a date that cannot be
    read exactly, the end of its year counts: who may be a minor is taken for one.

    >>> age_band("1990-05-17", 1_700_000_000_000), age_band(17, 0), age_band("soon", 0)
    ('25-34', '16-17', None)
    """
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"\d{1,3}", text):
            return _band(int(text))
        if not re.fullmatch(r"-?\d{5,14}", text):
            return _band_of_birth(_date_in(text), at_ms)
        value = int(text)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e14:
        return None
    return _band(int(value)) if 0 <= value < 131 else _band_of_birth(_date_of(value), at_ms)


def coarse_place(value: Any) -> dict[str, str]:
    """Country and region of an address, under those names; nothing of what cannot be told apart (a text).

    No part of a postal code is kept: its first two characters are a million people in one country,
    and one village in another.

    >>> coarse_place({"city": "Bonn", "postalCode": "53111", "state": "NRW", "country": "DE"})
    {'country': 'DE', 'region': 'NRW'}
    """
    if not isinstance(value, dict):
        return {}
    found = {}
    for name, spellings in ((COUNTRY, _COUNTRY_NAMES), (REGION, _REGION_NAMES)):
        named = next((place for spelling in spellings if (place := place_name(value.get(spelling)))), None)
        if named:
            found[name] = named
    return found


def place_name(value: Any) -> str | None:
    """The name or code of a country or region; None for what may be more than that, such as a whole address."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    digits = sum(sign.isdigit() for sign in text)
    return text if len(text) <= _NAME_MAX and digits <= 3 and _PLACE.fullmatch(text) else None


def _band(age: int) -> str | None:
    return next((name for end, name in BANDS if age < end), None) if age >= 0 else None


def _band_of_birth(born: date | None, at_ms: int) -> str | None:
    if born is None:
        return None
    today = (_EPOCH + timedelta(milliseconds=at_ms)).date()
    return _band(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))


def _date_in(text: str) -> date | None:
    exact = _ISO.match(text)
    if exact:
        try:
            return date(*map(int, exact.groups()))
        except ValueError:
            pass
    year = _YEAR.search(text)
    return date(int(year[0]), 12, 31) if year else None


def _date_of(number: float) -> date | None:
    if 1800 <= number < 2100:
        return date(int(number), 12, 31)
    if abs(number) < 1e7:
        return None
    seconds = number / 1000 if abs(number) > 1e10 else number
    return (_EPOCH + timedelta(seconds=seconds)).date()
