"""Erasure and age: what is left of sends, in the queue, the ledger, in records and caps."""

import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from connectors.cache.families import CAPS, LEDGER, QUEUE, RECORDS
from connectors.delivery.send_rows import SendErased
from connectors.delivery.sweeping import RECORDS_KEPT_MS, Sweeper
from schemas.codec import encode
from schemas.ids import TemplateName, UserId
from schemas.keys import user_key
from schemas.profiles import ToldProfile
from schemas.rights import Asked, RightKind
from schemas.sending import Grant
from schemas.topics import PROFILES
from tests.support.delivering import ALARM, RECEIPT, LedgerInProcess
from tests.support.messages import NEWS, WORKSPACE, version

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


def erase(node: LedgerInProcess, number: int = 50) -> None:
    """A grave of the profile arrives."""
    grave = ToldProfile(version(number), grave=True)
    node.node.record(PROFILES.name, user_key(WORKSPACE, UserId("anna")), encode(grave))


def test_erasure_takes_queue_records_and_caps_along(node: LedgerInProcess) -> None:
    node.tell(granted(node))
    node.ask("s2", template=RECEIPT)
    erase(node)
    store = node.node.store
    person = store.names.person(WORKSPACE, UserId("anna"))
    assert store.rows_of_person(RECORDS, person) == []
    assert not store.row(CAPS, person)
    assert person in store.purges()
    assert node.ledger.records(WORKSPACE, UserId("anna")) == []
    assert node.grant() == []
    assert not store.has_rows(QUEUE)
    assert store.has_rows(LEDGER)
    with pytest.raises(SendErased):
        node.ask("s2", template=RECEIPT)


def test_what_is_granted_to_somebody_erased_meanwhile_ends_without_a_trace(node: LedgerInProcess) -> None:
    grant = granted(node)
    erase(node)
    assert not node.ledger.person_over(WORKSPACE, UserId("anna")).done()
    node.tell(grant)
    assert node.ledger.person_over(WORKSPACE, UserId("anna")).done()
    assert node.events() == []
    assert not node.node.store.has_rows(QUEUE)


def test_the_lease_of_somebody_erased_persists_over_a_restart(node: LedgerInProcess) -> None:
    granted(node)
    erase(node)
    node.restart()
    assert not node.ledger.person_over(WORKSPACE, UserId("anna")).done()
    node.pass_ms(UNHEARD_MS)
    node.ledger.expire()
    assert node.ledger.person_over(WORKSPACE, UserId("anna")).done()
    assert not node.node.store.has_rows(QUEUE)


@pytest.mark.parametrize("template", [NEWS, RECEIPT, ALARM])
def test_who_asked_to_be_erased_is_sent_nothing(node: LedgerInProcess, template: TemplateName) -> None:
    node.person()
    node.ask(template=template)
    node.rights.take(WORKSPACE, UserId("anna"), [Asked(RightKind.ERASE, node.now_ms)])
    assert node.grant() == []
    with pytest.raises(SendErased):
        node.record()
    assert not node.node.store.has_rows(RECORDS)


def test_an_erasure_waits_for_a_grant_that_is_under_way(node: LedgerInProcess) -> None:
    """The lock: without it a grant could read who is erased next, and write after it."""
    node.person()
    node.ask()
    entered, go_on = threading.Event(), threading.Event()
    decide = node.granting.decide

    def slowly(*given: object) -> Grant | None:
        entered.set()
        assert go_on.wait(10)
        return decide(*given)  # type: ignore[arg-type]

    with patch.object(node.granting, "decide", slowly):
        granting = threading.Thread(target=node.grant)
        granting.start()
        assert entered.wait(10)
        erasing = threading.Thread(target=erase, args=(node,))
        erasing.start()
        erasing.join(0.2)
        assert erasing.is_alive()
        go_on.set()
        granting.join()
        erasing.join()
    assert not node.node.store.has_rows(RECORDS)


def test_sends_are_forgotten_after_90_days(node: LedgerInProcess) -> None:
    node.tell(granted(node))
    sweeper = Sweeper(node.node.store, node.node.clock)
    node.pass_ms(RECORDS_KEPT_MS)
    assert [sweeper.step() for _ in range(3)] == [0, 1, 0]
    node.pass_ms(1)
    assert sweeper.step() == 1
    assert not any(node.node.store.has_rows(family) for family in (LEDGER, RECORDS, CAPS))
