"""The variant library as it is released: immutable, compiled, published whole to the topic `library`."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self

import msgspec

from schemas.codec import Versioned
from schemas.decisions import Rendered
from schemas.ids import FieldName, Locale, ReleaseId, SlotName, Tag, TemplateName, VariantId, WorkspaceId


class MessageClass(StrEnum):
    """What a template is for; it decides which rules of permission hold."""

    MARKETING = "marketing"
    TRANSACTIONAL = "transactional"
    CRITICAL = "critical"


class TagRule(msgspec.Struct, frozen=True, array_like=True):
    """How an event's property becomes tags.

    property  a path into properties; dots between names, `[]` goes through a list: `products[].category`
    events    names of events it holds for; none named: all of them
    weight    what one event adds to the engagement with the tag
    """

    property: str
    events: tuple[str, ...] = ()
    weight: float = 1.0
    prefix: str = ""


class FeatureSettings(msgspec.Struct, frozen=True, array_like=True):
    """How a profile forgets."""

    tag_half_life_ms: int = 14 * 86_400_000
    rhythm_half_life_ms: int = 56 * 86_400_000


TEMPERATURES = MappingProxyType({"epsilon-greedy": 0.05, "linucb": 1.0, "softmax": 0.2, "thompson": 0.3})
"""Each kind of policy with the temperature it has where none is named, as measured in docs/policies.md."""


class PolicySettings(msgspec.Struct, frozen=True, array_like=True):
    """The rule that turns scores into probabilities, and how many candidates are kept.

    temperature  how far the best is preferred, in the kind's own unit (docs/policies.md); lower is further
    """

    kind: str = "softmax"
    temperature: float = 0.2
    floor: float = 0.01
    candidates: int = 8

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The settings that a file names; without a temperature that of the kind."""
        kind = values.get("kind", "softmax")
        return cls(**{"temperature": TEMPERATURES.get(kind, cls().temperature), **values})


class ShiftSettings(msgspec.Struct, frozen=True, array_like=True):
    """When a distribution has moved enough to render again.

    The defaults are measured with simulated people: a quarter fewer renders than at 0.05, 0.1 and 0.2, for one part in
    eighty of what personal messages gain over the best message for everybody.

    divergence   Jensen–Shannon divergence in bits above which it has
    lead         by how much a new favourite must lead the old one (hysteresis)
    preference   total variation by which the preference vector must move before anything is scored
    """

    divergence: float = 0.15
    lead: float = 0.3
    preference: float = 0.25


FACTS_MAX = 24
"""Facts that one workspace's models may look at; the schema of `foresend.yaml` says the same."""


class LearningSettings(msgspec.Struct, frozen=True, array_like=True):
    """What models look at, and how they learn. The defaults are measured on MovieLens and vehicle-coupon.

    rate            variance that each weight of a person's own model begins with: how far one example may move it
    shrinkage       how much of what a weight was made sure of is doubted again with each example, from 0 to 1
    facts           traits that models know as categories: a person's groups, and the situation last told
    numbers         features of a person (`online_models.vector`) that the population's prior looks at, by name
    number_traits   traits that models know as numbers; they are features of the vector too
    snapshot_every  examples after which the population's weights are published
    reach           how far variants and tags are believed to differ for everybody, and for everybody with a fact; 1 in
                    catalogues of unlike items, little where a brand wrote a few variants of one thing: they are
                    shown to who likes them, and what speaks for one is mostly who saw it
    drift           by how much, with each example, the population's weights are believed a little less: as a part of
                    the prior's variance. 0 where nothing changes; 0.0001 where much does: what holds just now counts
    """

    rate: float = 0.5
    shrinkage: float = 0.002
    attribution_ms: int = 7 * 86_400_000
    facts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    number_traits: tuple[str, ...] = ()
    snapshot_every: int = 256
    drift: float = 0.00001
    reach: float = 0.05


class HumanSettings(msgspec.Struct, frozen=True, array_like=True):
    """When clicks are taken for a machine's by their time and company, and how long they wait for that to be seen.

    The defaults are measured with simulated scanners and people (docs/humans-only.md). A time of 0 turns its rule off.

    too_soon_ms    a click sooner than this after its send was delivered, as far as told, or else drawn
    pair_ms        two links of one message clicked within this
    burst_ms       `burst_links` links of one message clicked within this
    messages_ms    links of two messages clicked within this
    hold_ms        how long a click waits before it counts, or after another link joined it
    early_ms       clicks sooner than this after the send wait longer, and so do those that a provider tells in batches
    early_hold_ms  how long those wait
    """

    too_soon_ms: int = 5_000
    pair_ms: int = 1_200
    burst_ms: int = 6_000
    burst_links: int = 3
    messages_ms: int = 3_000
    hold_ms: int = 2_000
    early_ms: int = 60_000
    early_hold_ms: int = 30_000


class ConsentSettings(msgspec.Struct, frozen=True, array_like=True):
    """What a consent object of an event means.

    categories  of the consent manager, each with the purpose that it stands for
    missing     whether a person of whom no consent is known may be learnt from and shown chosen content
    """

    categories: tuple[tuple[str, str], ...] = (
        ("analytics", "analytics"),
        ("personalisation", "personalisation"),
        ("tracking", "tracking"),
    )
    missing: bool = False


class TraitSettings(msgspec.Struct, frozen=True, array_like=True):
    """Which traits the collector lets through: all others are dropped before anything is written.

    kept       names, beside those that templates' fields show
    bands      names of traits that are a date of birth or an age, beside those known as such: kept as an age band
    sensitive  names that are dropped wherever they stand, beside those known as such
    """

    kept: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()


DECLARED_MAX = 16
"""Features that one workspace may declare; the schema of `foresend.yaml` says the same."""
KEYS_MAX = 32
"""Keys of a declared share; `bound` may say fewer."""


class DeclaredFeature(msgspec.Struct, frozen=True, array_like=True):
    """A feature that a workspace declares.

    kind          what is kept: `count`, `sum`, `mean`, `last`, `share`
    events        names of events it is made of; none named: all
    property      path of the value, as in `TagRule`; empty: each event is 1
    half_life_ms  after this time what happened counts half; 0: never forgotten
    window_ms     only what happened in this time counts, in steps of a twenty-fourth of it; 0: no window
    bound         of a `share` how many keys are kept (0: 8); else how far from 0 the value is told at most (0: any)
    default       the value where nothing is known
    """

    name: str
    kind: str
    events: tuple[str, ...] = ()
    property: str = ""
    half_life_ms: int = 0
    window_ms: int = 0
    bound: float = 0.0
    default: float = 0.0


class CatalogueSettings(msgspec.Struct, frozen=True, array_like=True):
    """A catalogue: items that catalog slots show, kept current by events from servers.

    updated, removed   names of the events that tell of an item, and that it is gone
    id                 path of the item's id in properties, as in `TagRule`
    parts              of each part of an item (title, price, url, src …) the path of its words, `(part, path)`
    tags               rules that make the item's tags of its properties; `events` and `weight` are not looked at
    valid_until        path of the time at which the item ends; empty: none has one
    """

    name: str
    updated: tuple[str, ...]
    removed: tuple[str, ...]
    id: str
    parts: tuple[tuple[str, str], ...]
    tags: tuple[TagRule, ...] = ()
    valid_until: str = ""


class Sender(msgspec.Struct, frozen=True, array_like=True):
    """Whom messages of a template are from, where that is not the workspace's own sender. `reply_to` may be empty."""

    name: str
    email: str
    reply_to: str = ""


class DeliverySettings(msgspec.Struct, frozen=True, array_like=True):
    """How messages of a workspace are sent.

    sender        whom they are from, where a template has no sender of its own
    home_url      where links lead that have no other end any more
    live          real people may be written to by channels that leave this installation
    channel       by which templates' messages go: `file`, `smtp`, `api` or `webhook`
    quiet_from, quiet_until  minutes after midnight at the person's place, the second before the first: over midnight;
                  both alike: no quiet hours
    caps          marketing messages at most in so many days, `(days, messages)` each
    control       share of persons who are sent default content by campaigns
    clicks, pixel links and opens are tracked, of those who agreed to it
    """

    sender: Sender = Sender("", "")
    home_url: str = ""
    live: bool = False
    channel: str = "file"
    quiet_from: int = 21 * 60
    quiet_until: int = 8 * 60
    caps: tuple[tuple[int, int], ...] = ((1, 1), (7, 3))
    control: float = 0.05
    clicks: bool = False
    pixel: bool = False


class WorkspaceSettings(msgspec.Struct, frozen=True, array_like=True):
    """What `foresend.yaml` says, for all templates of a workspace."""

    default_locale: Locale
    timezone: str
    tags: tuple[TagRule, ...] = ()
    features: FeatureSettings = FeatureSettings()
    policy: PolicySettings = PolicySettings()
    shift: ShiftSettings = ShiftSettings()
    learning: LearningSettings = LearningSettings()
    link_hosts: tuple[str, ...] = ()
    """Hosts that an address among a person's own values may lead to; none: such values are not shown."""
    consent: ConsentSettings = ConsentSettings()
    traits: TraitSettings = TraitSettings()
    declared: tuple[DeclaredFeature, ...] = ()
    humans: HumanSettings = HumanSettings()
    catalogues: tuple[CatalogueSettings, ...] = ()
    delivery: DeliverySettings = DeliverySettings()


class Variant(msgspec.Struct, frozen=True, array_like=True):
    """One way to fill a slot.

    content      for each locale, each part of the slot's kind (text; src and alt; text and url …)
    valid_from_ms, valid_until_ms   half-open, milliseconds; 0 is no bound
    when         an expression over what is known of a person: shown only where it holds; empty: to everybody
    share_min, share_max   bounds of its probability, as far as those of the other variants allow
    repeats_max  how often one person is shown it at most; 0: any number of times
    """

    id: VariantId
    tags: tuple[Tag, ...]
    content: dict[Locale, dict[str, str]]
    valid_from_ms: int = 0
    valid_until_ms: int = 0
    when: str = ""
    share_min: float = 0.0
    share_max: float = 1.0
    repeats_max: int = 0


class Slot(msgspec.Struct, frozen=True, array_like=True):
    """A place in a template that can be filled in more than one way. `kind` names its parts."""

    name: SlotName
    kind: str
    variants: tuple[Variant, ...]
    items: int = 0
    """Of a catalog slot how many items it shows. 0: an ordinary slot."""
    catalogue: str = ""
    """Of a catalog slot the name of the catalogue that its items come from."""


class Pair(msgspec.Struct, frozen=True, array_like=True):
    """Two variants of different slots, `(slot, variant)` each."""

    first: tuple[SlotName, VariantId]
    second: tuple[SlotName, VariantId]


class Disclosure(msgspec.Struct, frozen=True, array_like=True):
    """Words that must stand in a message which shows any of some variants.

    shown  `(slot, variant)` of each
    texts  the words in each locale
    """

    id: str
    shown: tuple[tuple[SlotName, VariantId], ...]
    texts: dict[Locale, str]


class ContentRules(msgspec.Struct, frozen=True, array_like=True):
    """What may stand together.

    forbidden    both of a pair are never shown together
    required     where the first is shown, the second is too
    disclosures  words that are shown with some variants
    """

    forbidden: tuple[Pair, ...] = ()
    required: tuple[Pair, ...] = ()
    disclosures: tuple[Disclosure, ...] = ()


class Field(msgspec.Struct, frozen=True, array_like=True):
    """A person's own value in a message, taken from the trait of that name; `default` for each locale.

    kind   `text`, or `url`: shown only where it is an https address on one of the workspace's own hosts
    """

    name: FieldName
    default: dict[Locale, str]
    length_max: int = 64
    kind: str = "text"


class TemplateKind(StrEnum):
    """What a template makes."""

    EMAIL = "email"
    BLOCK = "block"
    """A JSON object for an app, a page or a push message."""


class Template(msgspec.Struct, frozen=True, array_like=True):
    """A layout with named slots.

    layouts  for each locale, the key in `Release.layouts`: the content hash of a compiled layout
    surface  of a block where it is shown, which bounds its size: `in-app`, `web` or `push`
    sender   None: the workspace's
    purpose  of the permission that marketing needs: its list
    """

    name: TemplateName
    message_class: MessageClass
    slots: tuple[Slot, ...]
    fields: tuple[Field, ...]
    layouts: dict[Locale, str]
    rules: ContentRules = ContentRules()
    kind: TemplateKind = TemplateKind.EMAIL
    surface: str = ""
    sender: Sender | None = None
    purpose: str = "marketing"


class Layout(msgspec.Struct, frozen=True, array_like=True):
    """A compiled layout shape: Jinja2 sources in which slots, fields and send marks are still open."""

    html: str
    text: str
    locale: Locale
    subject: str = ""
    preheader: str = ""
    block: str = ""
    """Of a block its JSON, slots and fields open; then HTML and text are empty."""


class Release(Versioned, frozen=True):
    """A library release: the value of one record of the topic `library`.

    fallbacks   default content of a template and locale, key `template/locale`, send marks open
    dictionary  zstd dictionary trained on renders of sample people only; empty: none
    pieces      what messages of a template and locale are made of, key `template/locale`: bodies name them
    """

    workspace: WorkspaceId
    id: ReleaseId
    settings: WorkspaceSettings
    templates: tuple[Template, ...]
    layouts: dict[str, Layout]
    fallbacks: dict[str, Rendered]
    dictionary: bytes = b""
    dictionary_id: int = 0
    mark_prefix: str = ""
    """Begins every send mark of this release; no person's value may hold it."""
    pieces: dict[str, tuple[bytes, ...]] = {}
    links: dict[str, str] = {}
    """Every fixed address that its messages lead to, by its id: what a tracked link names, never the address itself."""
