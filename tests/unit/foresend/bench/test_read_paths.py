"""The other ways to answer a read: they answer what the gateway answers, or comparing them would say nothing."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from connectors.cache.families import ENTRIES
from connectors.cache.rocks import Database
from connectors.cache.store import CacheStore
from connectors.gateway.marks import MarkFiller
from connectors.gateway.tokens import Signer
from flink_jobs.worlds import make_world
from foresend.bench.naive import NaiveReads, naive_row
from foresend.bench.on_demand import OnDemandReads
from foresend.bench.people import ModelPerson, model_people, user_number
from foresend.bench.read_paths import Bare, answers_dictionary, bare_key
from online_models.cells import Profile
from online_models.rules import Rules
from schemas.codec import decode
from schemas.errors import CacheBusy
from schemas.events import EventKind, decode_event
from schemas.ids import SendId
from schemas.keys import user_key
from schemas.library import Release
from templates.send_marks import fill
from templates.workspace import SAMPLE, load_marketing
from tests.support.asgi import request

USER = user_number(0)
MARKS = MarkFiller("https://mail.example", Signer({"k1": b"0123456789abcdef"}))
SEND = SendId("send-1")


@pytest.fixture(scope="module")
def person(marketing_release: Release) -> ModelPerson:
    return model_people(marketing_release, 5)[0]


@pytest.fixture
def new_database(tmp_path: Path) -> Iterator[Callable[[bytes, bytes], Database]]:
    opened: list[Database] = []

    def make(key: bytes, value: bytes) -> Database:
        database = Database(tmp_path / f"rows-{len(opened)}")
        opened.append(database)
        batch = database.batch()
        batch.put(ENTRIES, key, value)
        database.write(batch)
        return database

    yield make
    for database in opened:
        database.close()


@pytest.fixture
def on_demand(
    marketing_release: Release, person: ModelPerson, new_database: Callable[[bytes, bytes], Database]
) -> OnDemandReads:
    rows = new_database(user_key(marketing_release.workspace, USER), person.profile)
    return OnDemandReads(rows, marketing_release, MARKS, None)


def test_on_demand_says_what_a_finished_message_of_the_same_variants_says(
    marketing_release: Release, person: ModelPerson, on_demand: OnDemandReads
) -> None:
    entry = next(entry.decision for entry in person.entries if entry.decision)

    read = on_demand.draw(marketing_release.workspace, entry.template, USER, SEND, {})

    library, profile = make_world(marketing_release, None).library, decode(Profile, person.profile)
    template, variants = library.template(entry.template), list(read.served.variants.values())
    fields = library.fields_of(template, entry.locale, profile.traits)
    finished = library.render(template, entry.locale, variants, fields)
    assert read.message == fill(finished, marketing_release.mark_prefix, read.served.marks)
    assert read.source == "entry"
    assert b"https://mail.example/u/" in read.message.html


def test_on_demand_draws_by_the_probabilities_of_the_decision_and_keeps_the_rules(
    marketing_release: Release, person: ModelPerson, on_demand: OnDemandReads
) -> None:
    entry = next(entry.decision for entry in person.entries if entry.decision)
    template = next(one for one in marketing_release.templates if one.name == entry.template)
    rules = Rules.of(template.rules, [(slot.slot, slot.variants) for slot in entry.slots])
    shown: Counter[str] = Counter()
    for number in range(3_000):
        served = on_demand.draw(marketing_release.workspace, entry.template, USER, SendId(f"s{number}"), {}).served
        choice = [slot.variants.index(served.variants[slot.slot]) for slot in entry.slots]
        assert rules.allow(choice)
        shown[served.variants[entry.slots[0].slot]] += 1

    expected = dict(zip(entry.slots[0].variants, entry.slots[0].probabilities, strict=True))
    likeliest = max(expected, key=lambda variant: expected[variant])
    assert shown[likeliest] / 3_000 == pytest.approx(expected[likeliest], abs=0.1)
    assert set(shown) <= set(expected)


def test_the_same_send_is_drawn_the_same(marketing_release: Release, on_demand: OnDemandReads) -> None:
    template = marketing_release.templates[0].name

    first, second = (on_demand.draw(marketing_release.workspace, template, USER, SEND, {}) for _ in range(2))

    assert first.message == second.message


def test_recorded_on_demand_leaves_an_exposure_for_each_send(
    marketing_release: Release,
    person: ModelPerson,
    new_database: Callable[[bytes, bytes], Database],
    tmp_path: Path,
) -> None:
    rows = new_database(user_key(marketing_release.workspace, USER), person.profile)
    store = CacheStore(tmp_path / "store")
    reads = OnDemandReads(rows, marketing_release, MARKS, store)
    template = marketing_release.templates[0].name

    served = reads.draw(marketing_release.workspace, template, USER, SEND, {}).served

    (_, row) = store.outbox_head(10)[0]
    event = decode_event(row.value)
    assert (event.kind, event.user) == (EventKind.EXPOSURE, USER)
    assert event.exposure is not None
    assert dict(zip(event.exposure.slots, event.exposure.variants, strict=True)) == served.variants
    sent = store.sent(marketing_release.workspace, SEND)
    assert sent is not None
    assert sent.served == served
    with pytest.raises(CacheBusy):
        reads.draw(marketing_release.workspace, template, USER, SEND, {})
    store.close()


def test_the_naive_way_makes_a_whole_message_too(
    marketing_release: Release, person: ModelPerson, new_database: Callable[[bytes, bytes], Database]
) -> None:
    row = naive_row(person.profile, marketing_release)
    rows = new_database(user_key(marketing_release.workspace, USER), row)
    reads = NaiveReads(rows, marketing_release, load_marketing(SAMPLE), MARKS)

    for template in marketing_release.templates:
        read = reads.draw(marketing_release.workspace, template.name, USER, SEND, {})

        assert list(read.served.variants) == [slot.name for slot in template.slots]
        text = read.message.html + read.message.text + read.message.subject.encode()
        assert b"{{" not in text
        assert b"<mj-" not in text
        assert b"https://mail.example/u/" in read.message.html


def test_the_bare_way_sends_the_very_bytes(
    marketing_release: Release, new_database: Callable[[bytes, bytes], Database]
) -> None:
    compressor = zstandard.ZstdCompressor(dict_data=answers_dictionary(marketing_release))
    bare = Bare(new_database(bare_key("news", USER), compressor.compress(b'{"html": "..."}')), marketing_release)

    answer = request(bare, "POST", f"/v1/communications/news/{USER}", b"{}")

    assert (answer.status, answer.body) == (200, b'{"html": "..."}')
    assert request(bare, "GET", "/readyz").status == 200
