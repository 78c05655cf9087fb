"""Names and places for made-up people, by language."""

from types import MappingProxyType
from typing import NamedTuple


class Region(NamedTuple):
    """What people who read one language are called, and where they live: `(city, time zone)`."""

    first_names: tuple[str, ...]
    places: tuple[tuple[str, str], ...]


_ENGLISH = Region(
    ("Maeve", "Oliver", "Grace", "Aisha", "Callum", "Priya", "Harriet", "Tomasz", "Ruth", "Dev", "Isla", "Noah"),
    (
        ("Bristol", "Europe/London"),
        ("Leeds", "Europe/London"),
        ("Galway", "Europe/Dublin"),
        ("Halifax", "America/Halifax"),
        ("Wellington", "Pacific/Auckland"),
        ("Porto", "Europe/Lisbon"),
    ),
)
_GERMAN = Region(
    ("Jonas", "Lena", "Heinrich", "Aylin", "Matthias", "Greta", "Emre", "Sabine", "Paul", "Ida"),
    (
        ("Leipzig", "Europe/Berlin"),
        ("Bremen", "Europe/Berlin"),
        ("Graz", "Europe/Vienna"),
        ("Basel", "Europe/Zurich"),
    ),
)
_FRENCH = Region(
    ("Camille", "Louis", "Inès", "Mathieu", "Zoé", "Youssef", "Élodie", "Hugo"),
    (("Nantes", "Europe/Paris"), ("Lyon", "Europe/Paris"), ("Liège", "Europe/Brussels")),
)
_SPANISH = Region(
    ("Lucía", "Mateo", "Carmen", "Iker", "Valentina", "Diego", "Nuria", "Joaquín"),
    (("Bilbao", "Europe/Madrid"), ("Sevilla", "Europe/Madrid"), ("Rosario", "America/Argentina/Buenos_Aires")),
)
_ITALIAN = Region(
    ("Giulia", "Marco", "Chiara", "Elio", "Sofia", "Tommaso", "Alba"),
    (("Torino", "Europe/Rome"), ("Bari", "Europe/Rome")),
)
_PORTUGUESE = Region(
    ("Inês", "Tiago", "Beatriz", "Rui", "Marta", "Caetano"),
    (("Braga", "Europe/Lisbon"), ("Recife", "America/Recife")),
)
_DUTCH = Region(
    ("Sanne", "Bram", "Fleur", "Daan", "Noor", "Joost"),
    (("Utrecht", "Europe/Amsterdam"), ("Gent", "Europe/Brussels")),
)
_POLISH = Region(
    ("Zofia", "Jakub", "Hanna", "Piotr", "Maja", "Kacper"),
    (("Gdańsk", "Europe/Warsaw"), ("Poznań", "Europe/Warsaw")),
)
_REGIONS = MappingProxyType(
    {
        "en": _ENGLISH,
        "de": _GERMAN,
        "fr": _FRENCH,
        "es": _SPANISH,
        "it": _ITALIAN,
        "pt": _PORTUGUESE,
        "nl": _DUTCH,
        "pl": _POLISH,
    }
)


def region_of(locale: str) -> Region:
    """Where people of a locale live and what they are called; those of a language not known here, as in English.

    >>> region_of("de-AT").places[0]
    ('Leipzig', 'Europe/Berlin')
    """
    return _REGIONS.get(locale.replace("_", "-").partition("-")[0].lower(), _ENGLISH)
