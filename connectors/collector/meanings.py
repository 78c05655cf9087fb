"""What the name of a trait or property says about its value, as far as the law or good manners care.

By name only, in English: a shop may sell in a category named health, but what stands under `health` is somebody's.
"""

import re
from collections.abc import Iterable
from enum import StrEnum

from schemas.contacts import Channel

KNOWN_MAX = 8192
"""Names whose meaning is remembered: senders use few, but anybody can send many."""
NAME_LENGTH_MAX = 64
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Meaning(StrEnum):
    """What a value is."""

    PLAIN = "plain"
    SENSITIVE = "sensitive"
    """A category of GDPR Article 9 or 10."""
    EMAIL = "email"
    PHONE = "phone"
    PERSON = "person"
    """The name of a person."""
    SECRET = "secret"  # noqa: S105 - what it is called, not one
    """A password, or a number that stands for a person or an account."""
    BIRTH = "birth"
    """A date of birth or an age."""
    ADDRESS = "address"
    PLACE = "place"
    """Part of an address, or a position, closer than a region."""
    COUNTRY = "country"
    REGION = "region"
    IP = "ip"


_ARTICLE_9 = (
    "health healthcare blood bmi hiv cancer diabetes diabetic asthma depression dna fingerprint fingerprints retina "
    "faceprint voiceprint religion faith church mosque synagogue belief beliefs race racial caste tribe orientation "
    "sexuality gay lesbian homosexual bisexual transgender queer lgbt lgbtq union abortion therapy genome handicapped "
    "criminal conviction convictions"
)
_SENSITIVE_WORDS = frozenset(_ARTICLE_9.split())
_SENSITIVE_STEMS = (
    "religio", "ethnic", "politic", "biometr", "genetic", "disab", "pregnan", "diagnos", "medic", "allerg", "sexual",
    "psychiatr", "vaccin", "illness", "disease", "symptom", "menstru", "fertil", "contracept", "immunis", "immuniz",
)  # fmt: skip
_SENSITIVE_PHRASES = (
    "sexlife", "sexualorientation", "tradeunion", "laborunion", "labourunion", "unionmember", "partyaffiliation",
    "partymember", "votingintention", "votedfor", "nationalorigin", "heartrate", "faceid", "facescan", "healthstatus",
)  # fmt: skip
_ONLY_ALONE = frozenset({"race", "union"})
"""As part of a longer name they mean something else more often than not."""
_SCREEN = ("device", "screen", "page", "image")

_WHOLE = {
    Meaning.EMAIL: "email emailaddress mailaddress",
    Meaning.PHONE: "phone phonenumber mobile mobilenumber mobilephone telephone tel cell cellphone msisdn whatsapp fax",
    Meaning.BIRTH: "birthday birthdate dateofbirth dob birth yearofbirth birthyear age",
    Meaning.ADDRESS: "address addresses",
    Meaning.IP: "ip ipaddress ipv4 ipv6",
    Meaning.COUNTRY: "country countrycode",
    Meaning.REGION: "region state province regioncode statecode",
    Meaning.PERSON: "firstname lastname fullname surname familyname givenname middlename maidenname forename username",
    Meaning.PLACE: "street streetname housenumber postalcode postcode zip zipcode latitude longitude lat lng lon "
    "coordinates geolocation gps addressline",
    Meaning.SECRET: "password passwd passcode ssn socialsecuritynumber passport passportnumber iban creditcard "
    "creditcardnumber cardnumber cvv cvc pin taxid nationalid idnumber licenseplate advertisingid idfa gaid "
    "devicetoken pushtoken accesstoken refreshtoken idtoken apikey secret",
}
_BY_NAME = {name: meaning for meaning, names in _WHOLE.items() for name in names.split()}
_ENDINGS = (
    ("ipaddress", Meaning.IP),
    ("emailaddress", Meaning.EMAIL),
    ("email", Meaning.EMAIL),
    ("phone", Meaning.PHONE),
    ("phonenumber", Meaning.PHONE),
    ("mobilenumber", Meaning.PHONE),
    ("address", Meaning.ADDRESS),
    ("firstname", Meaning.PERSON),
    ("lastname", Meaning.PERSON),
    ("surname", Meaning.PERSON),
    ("birthday", Meaning.BIRTH),
    ("birthdate", Meaning.BIRTH),
    ("dateofbirth", Meaning.BIRTH),
    ("postalcode", Meaning.PLACE),
    ("postcode", Meaning.PLACE),
    ("zipcode", Meaning.PLACE),
    ("zip", Meaning.PLACE),
    ("street", Meaning.PLACE),
    ("password", Meaning.SECRET),
    ("token", Meaning.SECRET),
)
"""What the last words of a longer name say: of whom or what is said before, as in `billing_email`."""


def channel_of(name: str) -> Channel | None:
    """The channel that a trait of this name is an address of: the person's own, not the one of an invoice.

    >>> channel_of("emailAddress"), channel_of("billing_email")
    ('email', None)
    """
    meaning = _BY_NAME.get("".join(words_of(name)))
    return "email" if meaning is Meaning.EMAIL else "sms" if meaning is Meaning.PHONE else None


class Meanings(dict[str, Meaning]):
    """The meaning of each name asked for.

    sensitive  further names of one workspace that are, in any spelling
    """

    def __init__(self, sensitive: Iterable[str] = ()) -> None:
        super().__init__()
        self._own = frozenset("".join(words_of(name)) for name in sensitive) - {""}

    def __missing__(self, name: str) -> Meaning:
        found = self._told(name)
        if len(self) < KNOWN_MAX and len(name) <= NAME_LENGTH_MAX:
            self[name] = found
        return found

    def _told(self, name: str) -> Meaning:
        words = words_of(name)
        joined = "".join(words)
        if joined in self._own or _is_sensitive(words, joined):
            return Meaning.SENSITIVE
        return _BY_NAME.get(joined) or _by_ending(words)


def words_of(name: str) -> list[str]:
    """The words of a name in snake, kebab or camel case, in lower case; digits say nothing.

    >>> words_of("dateOfBirth"), words_of("IPAddress"), words_of("billing_e-mail")
    (['date', 'of', 'birth'], ['ip', 'address'], ['billing', 'email'])
    """
    words: list[str] = []
    for found in _WORD.findall(name[: 4 * NAME_LENGTH_MAX]):
        word = found.lower()
        if word == "mail" and words[-1:] == ["e"]:
            words[-1] = "email"
        else:
            words.append(word)
    return words


def _is_sensitive(words: list[str], joined: str) -> bool:
    for word in words:
        if word.startswith(_SENSITIVE_STEMS):
            return True
        if word in _SENSITIVE_WORDS and (len(words) == 1 or word not in _ONLY_ALONE):
            # A screen has an orientation too.
            return word != "orientation" or words[0] not in _SCREEN
    return any(phrase in joined for phrase in _SENSITIVE_PHRASES)


def _by_ending(words: list[str]) -> Meaning:
    """By whole words: headphones are no phone."""
    for ending, meaning in _ENDINGS:
        if any("".join(words[-count:]) == ending for count in (1, 2, 3)):
            return meaning
    return Meaning.PLAIN
