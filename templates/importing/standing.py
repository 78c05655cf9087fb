"""What stands where a merge tag stood: a reference in the template, and the words of the default message."""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

import msgspec

from templates.html_reading import NUMBER
from templates.importing.merge_tags import Meaning, MergeTag, slug
from templates.urls import url_fault
from templates.values import plain

LENGTH_URL = 128
"""Most that a field may hold."""
_FRIENDLY = dict.fromkeys(("first_name", "name", "user_name", "contact_first_name"), "there")
"""What is said in English to somebody whose name is unknown: "Hello there"."""


class FoundField(msgspec.Struct):
    """A field of the template: `default` is what it shows where a person's own value is unknown."""

    name: str
    default: str
    is_url: bool
    raw: str


class Address(msgspec.Struct, frozen=True):
    """What an address with merge tags becomes: in the template, and in the default message."""

    template: str
    default: str
    is_kept: bool = True
    """Whether the tags still mean something."""


class Standing:
    """Gives each merge tag its field, and each address its own; remembers what it gave."""

    def __init__(self, tags: Sequence[MergeTag], values: Mapping[str, str], locale: str, *, year: int) -> None:
        self.tags = tags
        self.fields: dict[str, FoundField] = {}
        self.headers: dict[str, str] = {}
        self.lost: list[MergeTag] = []
        self._values, self._year = values, year
        self._friendly = _FRIENDLY if locale.startswith("en") else {}
        self._addresses: dict[str, Address] = {}
        self._links: set[str] = set()

    def take_links(self, values: Sequence[str]) -> None:
        """Learn which tags are whole addresses somewhere: they are addresses everywhere."""
        for value in values:
            found = NUMBER.fullmatch(value.strip())
            if found:
                self._links.add(self.tags[int(found[1])].name)

    def reference(self, tag: MergeTag) -> str:
        """What prints the tag's value in a layout; nothing for a command."""
        if tag.meaning is Meaning.FIELD:
            return f"{{{{ fields.{self._field(tag).name} }}}}"
        if tag.meaning is Meaning.HEADER:
            return f"{{{{ {tag.name} }}}}"
        if tag.meaning in {Meaning.MARK, Meaning.WORKSPACE}:
            return f"{{{{ {tag.meaning.value}.{tag.name} }}}}"
        return ""

    def words(self, tag: MergeTag) -> str:
        """What the tag shows in the default message."""
        if tag.meaning is Meaning.FIELD:
            return self._field(tag).default
        if tag.meaning is Meaning.HEADER:
            return self.headers.get(tag.name, "")
        if tag.meaning is Meaning.MARK:
            return mark_address(tag.name)
        return self._values[tag.name] if tag.meaning is Meaning.WORKSPACE else ""

    def address(self, value: str) -> Address:
        """What an address with tags becomes; `value` as written, with numbers in the place of tags."""
        if value not in self._addresses:
            self._addresses[value] = self._address(value)
        return self._addresses[value]

    def _address(self, value: str) -> Address:
        found = NUMBER.fullmatch(value.strip())
        tags = [self.tags[int(number)] for number in NUMBER.findall(value)]
        if found and (tags[0].meaning in {Meaning.FIELD, Meaning.MARK}):
            return Address(self.reference(tags[0]), self.words(tags[0]))
        fixed = NUMBER.split(value)[0].startswith(("https://", "mailto:"))
        if fixed and all(tag.meaning in {Meaning.MARK, Meaning.WORKSPACE} for tag in tags):
            return Address(self._each(value, self.reference), self._each(value, self.words))
        plainly = self._each(value, lambda tag: quote(self._fixed(tag), safe=""))
        if value.startswith("mailto:"):
            sender = f"mailto:{self._values['sender_email']}"
            return Address("mailto:{{ workspace.sender_email }}", sender, is_kept=False)
        if url_fault(plainly, mail=False) or not any(tag.meaning is Meaning.FIELD for tag in tags):
            return Address(plainly, plainly, is_kept=False)
        name = slug("_".join(tag.name for tag in tags if tag.meaning is Meaning.FIELD).removesuffix("_url"))
        raw = self._each(value, lambda tag: tag.raw)
        own = self._new(f"{name}_link_url", plainly, raw, is_url=True)
        return Address(f"{{{{ fields.{own.name} }}}}", plainly)

    def _fixed(self, tag: MergeTag) -> str:
        """A tag's words inside an address; a field that is printed nowhere else is none."""
        return self._default(tag, is_url=False) if tag.meaning is Meaning.FIELD else self.words(tag)

    def shown_in(self, texts: Sequence[str]) -> list[FoundField]:
        """The fields that these texts print, by name."""
        whole = "\n".join(texts)
        return [field for name, field in sorted(self.fields.items()) if f"{{{{ fields.{name} }}}}" in whole]

    def fixed_addresses(self) -> list[tuple[str, str]]:
        """Addresses whose tags mean nothing any more: as they were, and as they are now."""
        return [
            (self._each(value, lambda tag: tag.raw), address.template)
            for value, address in self._addresses.items()
            if not address.is_kept
        ]

    def _each(self, value: str, show: Callable[[MergeTag], str]) -> str:
        return NUMBER.sub(lambda found: show(self.tags[int(found[1])]), value)

    def _field(self, tag: MergeTag) -> FoundField:
        found = self.fields.get(tag.name)
        if found is None:
            is_url = tag.name in self._links or tag.name.endswith(("_url", "_link", "_href"))
            found = self.fields[tag.name] = FoundField(tag.name, self._default(tag, is_url=is_url), is_url, tag.raw)
        return found

    def _new(self, name: str, default: str, raw: str, *, is_url: bool) -> FoundField:
        number = 1
        own = name
        while own in self.fields:
            number += 1
            own = f"{name}_{number}"
        self.fields[own] = FoundField(own, default, is_url, raw)
        return self.fields[own]

    def _default(self, tag: MergeTag, *, is_url: bool) -> str:
        named = plain(tag.default)
        if is_url:
            return self._values["home_url"] if url_fault(named, mail=False) else named
        if tag.name == "current_year":
            return str(self._year)
        return named if named and "{" not in named else self._friendly.get(tag.name, tag.name.replace("_", " "))


def mark_address(name: str) -> str:
    """What a send mark is filled with when an import is measured."""
    return f"https://mark.example/{name}"
