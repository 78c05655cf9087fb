"""Disclosures: words that stand in a message just where it shows one of the variants they belong to.

Authors print `{{ disclosures }}` where all of a template's may stand, or `{{ disclosure.NAME }}` for one of them. Each
is a place of its own in the compiled layout, filled with its words or with nothing: it is no slot, for nobody chooses
it.
"""

from collections.abc import Mapping, Sequence

from schemas.ids import FieldName, Locale, SlotName, VariantId
from schemas.library import Disclosure
from templates.cutting import Content
from templates.expressions import Pieces, Reference
from templates.shapes import Words, text_pieces

ROOT = "disclosure"
ALL: Reference = ("disclosures",)
SAID, UNSAID = VariantId("said"), VariantId("unsaid")
_NOTHING = Content({"": ""}, {"": Pieces(())})


def printed(names: Sequence[str], between: str = "\n") -> str:
    """What `{{ disclosures }}` stands for: each in its order, on a line of its own in texts."""
    return between.join(f"{{{{ {ROOT}.{name} }}}}" for name in names)


class Disclosures:
    """Those of a template, in one language.

    prefixes  what references to each begin with
    contents  for each its words, and nothing
    """

    def __init__(self, rules: Sequence[Disclosure], slots: Sequence[SlotName], locale: Locale) -> None:
        """Make them ready.

        slots  of the template, in its order

        Raises:
            ConfigError: words that do more than print values.
        """
        numbers = {slot: number for number, slot in enumerate(slots)}
        self.prefixes: list[Reference] = [(ROOT, rule.id) for rule in rules]
        self.contents: list[Mapping[VariantId, Content]] = [
            {SAID: _content(rule.texts[locale]), UNSAID: _NOTHING} for rule in rules
        ]
        self._shown = [tuple((numbers[slot], variant) for slot, variant in rule.shown) for rule in rules]

    def of(self, variants: Sequence[VariantId]) -> list[VariantId]:
        """For each whether it stands in a message with these variants, one for each slot."""
        return [SAID if any(variants[slot] == variant for slot, variant in shown) else UNSAID for shown in self._shown]

    def words(self, said: Sequence[VariantId], fields: Mapping[FieldName, str]) -> dict[str, str]:
        """The words of each by its name, for a person."""
        columns = zip(self.prefixes, self.contents, said, strict=True)
        return {name: contents[chosen].words(fields)[""] for (_, name), contents, chosen in columns}


NO_DISCLOSURES = Disclosures((), (), Locale(""))


def _content(text: str) -> Content:
    pieces = text_pieces(text)
    fixed: Words | None = None if pieces.references else {"": text}
    return Content(fixed, {"": pieces})
