"""The ledger: what is asked for, granted and told, once each; over retries, restarts, erasures and releases."""

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from connectors.cache.chores import ROUND_MS
from connectors.cache.families import CAPS, RELEASES
from connectors.cache.store import CacheStore
from connectors.delivery.ledger import LedgerTimes
from connectors.delivery.outcomes import Backoff
from connectors.delivery.send_rows import REST_MS, SendIdTaken, SendRow, SendRows, Turn
from connectors.delivery.sent_messages import SentMessages
from schemas.codec import encode
from schemas.errors import StateVersionError
from schemas.ids import SendId, TemplateName, UserId, WorkspaceId
from schemas.keys import join_key
from schemas.library import MessageClass
from schemas.profiles import Contact
from schemas.rights import Asked, RightKind
from schemas.sending import Grant, Outcome, SendState, SkipReason, Trigger
from schemas.topics import LIBRARY
from tests.support.delivering import ALARM, NOON_MS, RECEIPT, LedgerInProcess, sending_release
from tests.support.messages import NEWS, WORKSPACE, communication

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LEASE_MS = 16_000
"""And the margin."""
UNHEARD_MS = 300_000


@pytest.fixture
def node(tmp_path: Path) -> Iterator[LedgerInProcess]:
    found = LedgerInProcess(tmp_path / "cache")
    yield found
    found.close()


def granted(node: LedgerInProcess, send_id: str = "s1", **fields: object) -> Grant:
    """Somebody's send, granted."""
    node.person()
    node.ask(send_id, **fields)  # type: ignore[arg-type]
    [grant] = node.grant()
    return grant


def test_what_is_asked_for_is_granted_once_and_told(node: LedgerInProcess) -> None:
    node.person()
    assert node.ask().state is SendState.QUEUED
    [grant] = node.grant()
    assert (grant.address, grant.sender.email, grant.attempt) == ("anna@mail.example", "post@shop.example", 1)
    assert grant.headers.unsubscribe_url in grant.html
    assert node.record().state is SendState.GRANTED
    assert node.record().permission is not None
    assert node.grant() == []
    assert node.events() == []
    node.pass_ms(1_000)
    node.tell(grant)
    assert (node.record().state, node.record().ended_ms) == (SendState.SENT, node.now_ms)
    assert node.events() == ["exposure", "Email Sent"]
    assert {event.at_ms for event in node.node.told()} == {node.now_ms}


def test_an_outcome_that_is_told_again_changes_nothing(node: LedgerInProcess) -> None:
    grant = granted(node)
    node.tell(grant)
    node.tell(grant)
    node.tell(grant, Outcome.UNKNOWN)
    assert node.events() == ["exposure", "Email Sent"]
    assert node.record().state is SendState.SENT


def test_grants_are_on_the_disk_before_they_are_given(node: LedgerInProcess) -> None:
    node.person()
    node.ask()
    states: list[SendState] = []
    sync = CacheStore.sync

    def synced(store: CacheStore) -> None:
        states.append(node.record().state)
        sync(store)

    with patch.object(CacheStore, "sync", autospec=True, side_effect=synced):
        assert len(node.grant()) == 1
    assert states == [SendState.GRANTED]


def test_one_batch_of_grants_is_one_write(node: LedgerInProcess) -> None:
    for number in range(20):
        node.person(f"u{number}")
        node.ask(f"s{number}", f"u{number}")
    with patch.object(CacheStore, "commit", autospec=True, side_effect=CacheStore.commit) as commit:
        assert len(node.grant()) == 20
    assert commit.call_count == 1


def test_a_send_id_is_asked_for_once(node: LedgerInProcess) -> None:
    node.person()
    first = node.ask()
    node.pass_ms(5)
    assert node.ask() == first
    with pytest.raises(SendIdTaken):
        node.ask(user="bert")
    with pytest.raises(SendIdTaken):
        node.ask(template=RECEIPT)
    triggers = [Trigger(SendId(name), NEWS, UserId("anna")) for name in ("s1", "s2", "s2", "s3")]
    assert node.ledger.request_all(WORKSPACE, triggers) == 2


def test_what_is_due_later_is_granted_later(node: LedgerInProcess) -> None:
    node.person()
    node.ask(at_ms=NOON_MS + HOUR_MS)
    assert node.grant() == []
    assert node.ledger.grant(WORKSPACE, 20, ["file"]).wait_ms == 1_000
    node.pass_ms(HOUR_MS - 300)
    assert node.ledger.grant(WORKSPACE, 20, ["file"]).wait_ms == 300
    node.pass_ms(300)
    assert len(node.grant()) == 1


def test_what_is_too_late_fails(node: LedgerInProcess) -> None:
    node.person()
    node.ask(until_ms=NOON_MS + 10)
    node.pass_ms(11)
    assert node.grant() == []
    assert (node.record().state, node.record().detail) == (SendState.FAILED, "too_late")


def test_a_receipt_does_not_wait_behind_a_campaign(node: LedgerInProcess) -> None:
    node.person()
    for number in range(5):
        node.person(f"u{number}")
        node.ask(f"n{number}", f"u{number}")
    node.pass_ms(1)
    node.ask("receipt", template=RECEIPT)
    node.ask("alarm", template=ALARM)
    assert [grant.send_id for grant in node.grant(2)] == ["alarm", "receipt"]
    assert [grant.template for grant in node.grant()] == [NEWS] * 5


def test_other_workspaces_are_given_nothing(node: LedgerInProcess) -> None:
    node.person()
    node.ask()
    assert node.ledger.grant(WorkspaceId("other"), 20, ["file"]).grants == []


def test_marketing_in_doubt_waits_for_a_person(node: LedgerInProcess) -> None:
    grant = granted(node)
    node.tell(grant, Outcome.UNKNOWN)
    assert node.record().state is SendState.AMBIGUOUS
    node.pass_ms(30 * DAY_MS)
    assert node.grant() == []
    assert [record.send_id for record in node.ledger.ambiguous(WORKSPACE)] == ["s1"]


def test_what_is_in_doubt_was_sent(node: LedgerInProcess) -> None:
    node.tell(granted(node), Outcome.UNKNOWN)
    assert node.ledger.resolve(WORKSPACE, [SendId("s1"), SendId("s9")], is_sent=True) == 1
    assert node.record().state is SendState.SENT
    assert node.events() == ["exposure", "Email Sent"]
    assert node.ledger.ambiguous(WORKSPACE) == []
    assert node.ledger.resolve(WORKSPACE, [SendId("s1")], is_sent=False) == 0


def test_what_is_in_doubt_is_sent_again_with_the_same_message_id(node: LedgerInProcess) -> None:
    first = granted(node)
    node.tell(first, Outcome.UNKNOWN)
    node.pass_ms(3 * DAY_MS)
    assert node.ledger.resolve(WORKSPACE, [SendId("s1")], is_sent=False) == 1
    [again] = node.grant()
    assert (again.attempt, again.headers) == (2, first.headers)
    node.tell(first)
    assert node.record().state is SendState.GRANTED
    node.tell(again)
    assert node.record().state is SendState.SENT


@pytest.mark.parametrize("template", [RECEIPT, ALARM])
def test_all_else_in_doubt_is_sent_again(node: LedgerInProcess, template: TemplateName) -> None:
    first = granted(node, template=template)
    node.tell(first, Outcome.UNKNOWN)
    assert node.record().state is SendState.QUEUED
    node.pass_ms(2 * 60_000)
    [again] = node.grant()
    assert (again.attempt, again.headers.message_id) == (2, first.headers.message_id)


def test_who_is_not_heard_of_is_taken_for_lost(node: LedgerInProcess) -> None:
    granted(node)
    node.ask("s2", template=RECEIPT)
    assert len(node.grant()) == 1
    node.pass_ms(UNHEARD_MS - 1)
    assert node.ledger.expire() == 0
    node.pass_ms(1)
    assert node.ledger.expire() == 2
    assert node.record().state is SendState.AMBIGUOUS
    assert node.record("s2").state is SendState.QUEUED
    assert node.ledger.leases == 0


def test_what_is_told_late_is_told_all_the_same(node: LedgerInProcess) -> None:
    news = granted(node)
    node.ask("s2", template=RECEIPT)
    [receipt] = node.grant()
    node.pass_ms(UNHEARD_MS)
    node.ledger.expire()
    node.tell(news)
    node.tell(receipt)
    assert node.record().state is SendState.SENT
    assert node.record("s2").state is SendState.SENT
    node.pass_ms(DAY_MS)
    assert node.grant() == []
    assert node.events() == ["exposure", "Email Sent"] * 2


def test_leases_persist_over_a_restart(node: LedgerInProcess) -> None:
    grant = granted(node)
    node.pass_ms(10_000)
    node.restart()
    assert node.ledger.leases == 1
    over = node.ledger.person_over(WORKSPACE, UserId("anna"))
    node.pass_ms(LEASE_MS - 1)
    node.ledger.expire()
    assert not over.done()
    node.pass_ms(1)
    node.ledger.expire()
    assert over.done()
    assert node.record().state is SendState.GRANTED
    node.tell(grant)
    assert node.record().state is SendState.SENT


def test_a_lease_is_over_once_its_outcome_is_told(node: LedgerInProcess) -> None:
    grant = granted(node)
    over = node.ledger.person_over(WORKSPACE, UserId("anna"))
    assert not over.done()
    assert node.ledger.person_over(WORKSPACE, UserId("bert")).done()
    node.tell(grant, Outcome.NOT_BEGUN)
    assert over.done()


def test_5xx_is_never_tried_again(node: LedgerInProcess) -> None:
    node.tell(granted(node), Outcome.HARD, "5.1.1")
    assert (node.record().state, node.record().status) == (SendState.BOUNCED, "5.1.1")
    [bounce] = node.node.told()
    assert (bounce.name, bounce.properties["bounce_type"], bounce.properties["send_id"]) == (
        "Email Bounced",
        "hard",
        "s1",
    )
    node.ask("s2")
    [second] = node.grant()
    node.tell(second, Outcome.REFUSED, "5.2.3")
    assert node.record("s2").state is SendState.BOUNCED
    assert node.events() == ["Email Bounced"]
    node.pass_ms(DAY_MS)
    assert node.grant() == []


def test_what_is_put_off_is_tried_again_with_backoff_and_given_up_in_the_end(tmp_path: Path) -> None:
    node = LedgerInProcess(
        tmp_path / "cache", LedgerTimes(backoff=Backoff(first_ms=60_000, longest_ms=240_000, most=5))
    )
    grant = granted(node, until_ms=NOON_MS + 5 * HOUR_MS)
    waits = []
    while node.record().state is not SendState.FAILED:
        node.tell(grant, Outcome.SOFT, "4.2.2")
        if node.record().state is SendState.QUEUED:
            waits.append(node.record().due_ms - node.now_ms)
            node.pass_ms(waits[-1] - 1)
            assert node.grant() == []
            node.pass_ms(1)
            [grant] = node.grant()
    assert [least <= wait < 1.5 * least for wait, least in zip(waits, (60e3, 120e3, 240e3, 240e3), strict=True)]
    assert (node.record().detail, node.record().attempt, node.record().failures) == ("attempts", 5, 5)
    assert [event.properties["bounce_type"] for event in node.node.told()] == ["soft"]
    node.close()


def test_jitter_is_of_the_send_and_attempt_alone() -> None:
    backoff = Backoff()
    waits = {backoff.wait_ms(bytes((number,)) * 16, 3) for number in range(50)}
    assert len(waits) > 40
    assert all(240_000 <= wait < 360_000 for wait in waits)
    assert backoff.wait_ms(b"a" * 16, 3) == backoff.wait_ms(b"a" * 16, 3)
    assert backoff.wait_ms(b"a" * 16, 500) <= 1.5 * backoff.longest_ms


def test_a_receiving_domain_rests_after_a_refusal_by_policy(node: LedgerInProcess) -> None:
    node.tell(granted(node), Outcome.POLICY, "5.7.1")
    node.person("bert")
    node.ask("s2", "bert")
    other = Contact(addresses={"email": "carl@other.example"})
    node.person("carl", contact=other)
    node.ask("s3", "carl", RECEIPT)
    assert [grant.send_id for grant in node.grant()] == ["s3"]
    assert (node.record("s2").state, node.record("s2").due_ms) == (SendState.HELD, node.now_ms + REST_MS)
    assert node.events() == []
    node.pass_ms(REST_MS + 120_000)
    assert {grant.send_id for grant in node.grant()} == {"s1", "s2"}


@pytest.mark.parametrize(
    ("outcome", "is_kept"),
    [
        (Outcome.SENT, True),
        (Outcome.UNKNOWN, True),
        (Outcome.SOFT, False),
        (Outcome.HARD, False),
        (Outcome.NOT_BEGUN, False),
        (Outcome.POLICY, False),
    ],
)
def test_a_cap_counts_what_may_have_been_sent(node: LedgerInProcess, outcome: Outcome, is_kept: bool) -> None:
    node.tell(granted(node), outcome)
    person = node.node.store.names.person(WORKSPACE, UserId("anna"))
    assert (node.node.store.row(CAPS, person) is not None) is is_kept


def test_two_for_one_person_at_once_are_one_under_a_cap_of_one(node: LedgerInProcess) -> None:
    node.person()
    node.ask("s1")
    node.ask("s2")
    node.ask("receipt", template=RECEIPT)
    assert len(node.grant()) == 2
    states = {node.record(name).state for name in ("s1", "s2")}
    assert states == {SendState.GRANTED, SendState.SKIPPED}
    [skipped] = [record for record in node.ledger.records(WORKSPACE, UserId("anna")) if record.reason]
    assert (skipped.reason, skipped.detail) == (SkipReason.CAP, "1 a day")


def test_quiet_hours_hold_until_the_window_opens_and_then_it_is_drawn_anew(node: LedgerInProcess) -> None:
    node.person()
    node.pass_ms(10 * HOUR_MS)
    node.ask("s1")
    node.ask("s2", template=ALARM)
    assert [grant.send_id for grant in node.grant()] == ["s2"]
    held = node.record()
    assert (held.state, held.reason, held.due_ms) == (SendState.HELD, SkipReason.QUIET_HOURS, NOON_MS + 20 * HOUR_MS)
    node.pass_ms(10 * HOUR_MS)
    [grant] = node.grant()
    assert grant.at_ms == NOON_MS + 20 * HOUR_MS


def test_who_took_consent_back_is_sent_default_content(node: LedgerInProcess) -> None:
    node.person()
    node.ask()
    node.rights.take(WORKSPACE, UserId("anna"), [Asked(RightKind.WITHDRAW, node.now_ms)])
    [grant] = node.grant()
    assert "fallback news" in grant.subject
    assert (node.record().candidate, node.record().fallback) == (-1, "consent")


def test_who_has_no_message_yet_is_sent_default_content_and_one_is_asked_for(node: LedgerInProcess) -> None:
    node.person(entries=False, locale="de")
    node.ask()
    [grant] = node.grant()
    assert (grant.subject, grant.locale) == ("fallback news de 1", "de")
    assert node.record().fallback == "missing"
    assert node.events() == ["refresh"]


def test_nobody_known_and_no_template_are_skips(node: LedgerInProcess) -> None:
    node.ask("s1", "nobody")
    node.person()
    node.ask("s2")
    gone = msgspec.structs.replace(sending_release(2), templates=sending_release(2).templates[1:])
    node.node.record(LIBRARY.name, join_key(WORKSPACE, "9"), encode(gone))
    assert node.grant() == []
    records = [node.record(name) for name in ("s1", "s2")]
    assert all(record.state is SendState.SKIPPED for record in records)
    assert [(record.reason, record.detail) for record in records] == [("nothing_to_say", "no_template")] * 2


def test_what_was_sent_is_made_again_to_the_byte_after_releases_and_renders(node: LedgerInProcess) -> None:
    grant = granted(node)
    node.tell(grant)
    for number in range(2, 5):
        node.node.release(sending_release(number))
    node.person(number=7)
    sent = SentMessages(SendRows(node.node.store), node.node.releases)
    made = sent.message(WORKSPACE, UserId("anna"), SendId("s1"))
    assert made is not None
    assert (made.subject, made.html.decode(), made.text.decode()) == (grant.subject, grant.html, grant.text)
    assert sent.message(WORKSPACE, UserId("bert"), SendId("s1")) is None
    assert sent.message(WORKSPACE, UserId("anna"), SendId("s2")) is None


def test_what_cannot_be_made_again_is_not_shown(node: LedgerInProcess) -> None:
    grant = granted(node)
    rows = SendRows(node.node.store)
    sent = SentMessages(rows, node.node.releases)
    release = node.node.releases.newest(WORKSPACE)
    assert release is not None
    other = msgspec.structs.replace(
        node.record(), marks={**node.record().marks, "unsubscribe_url": "https://x.example"}
    )
    assert sent.made(node.record(), release) is not None
    assert sent.made(other, release) is None
    assert grant.digest == node.record().digest


def test_releases_of_another_channel_move_what_is_queued(node: LedgerInProcess) -> None:
    node.person()
    node.ask()
    node.node.release(sending_release(2, live=True, channel="smtp"))
    assert node.grant(channels=("file",)) == []
    [grant] = node.grant(channels=("smtp",))
    assert (grant.channel, node.record().channel) == ("smtp", "smtp")


def test_what_is_told_between_is_on_the_disk(node: LedgerInProcess) -> None:
    grant = granted(node)
    with patch.object(CacheStore, "sync", autospec=True, side_effect=CacheStore.sync) as sync:
        node.tell(grant)
    assert sync.call_count == 1


def test_class_and_channel_are_as_the_newest_release_says(node: LedgerInProcess) -> None:
    node.person()
    record = node.ask(template=RECEIPT)
    assert (record.message_class, record.channel) == (MessageClass.TRANSACTIONAL, "file")


def test_what_becomes_of_sends_is_counted(node: LedgerInProcess) -> None:
    def metric(name: str, **labels: str) -> float:
        return node.node.metric(name, workspace=WORKSPACE, **labels)

    first = granted(node)
    node.ask("s2")
    node.ask("s3", template=RECEIPT)
    [receipt] = node.grant()
    assert node.node.metric("foresend_sends_open") == 2
    node.tell(first)
    node.tell(receipt, Outcome.POLICY, "5.7.1")
    assert metric("foresend_sends_ended_total", state="sent", reason="") == 1
    assert metric("foresend_sends_ended_total", state="skipped", reason="cap") == 1
    assert metric("foresend_sends_granted_total") == 2
    assert metric("foresend_domains_rested_total") == 1
    assert node.node.metric("foresend_sends_open") == 0


def test_one_that_cannot_be_made_does_not_hold_up_the_others(node: LedgerInProcess) -> None:
    node.person()
    node.person("bert")
    node.ask()
    node.ask("s2", "bert")
    decide = node.granting.decide

    def damaged(turn: Turn, row: SendRow, *rest: int) -> Grant | None:
        if row.record.user == "anna":
            raise StateVersionError("expected an older release")
        return decide(turn, row, *rest)

    with patch.object(node.granting, "decide", damaged):
        assert [grant.send_id for grant in node.grant()] == ["s2"]
    assert (node.record().state, node.record().due_ms) == (SendState.HELD, node.now_ms + 60_000)
    node.pass_ms(60_000)
    assert [grant.send_id for grant in node.grant()] == ["s1"]


def test_what_was_sent_is_made_again_after_many_releases(node: LedgerInProcess) -> None:
    grant = granted(node)
    node.tell(grant)
    for number in range(2, 6):
        node.node.release(sending_release(number))
        for template in (NEWS, RECEIPT, ALARM):
            node.node.entry(communication("anna", number, template=template, release_id=f"release-{number}"))
        for _ in range(6):
            node.pass_ms(ROUND_MS)
            node.node.applier.apply([], {}, node.now_ms)
    sent = SentMessages(SendRows(node.node.store), node.node.releases)
    made = sent.message(WORKSPACE, UserId("anna"), SendId("s1"))
    assert made is not None
    assert made.html.decode() == grant.html
    kept = [key for key, _ in node.node.store.scan_rows(RELEASES, b"", 100) if b"|" in key]
    assert kept == [join_key(WORKSPACE, "release-1"), join_key(WORKSPACE, "release-5")]
