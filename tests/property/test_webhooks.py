"""Whatever a provider's request holds: events that the log takes, or a reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.event_records import event_record
from connectors.webhooks.cutting import cut, is_known
from connectors.webhooks.mapping import providers
from connectors.webhooks.normalising import Receipt, normalised
from schemas.errors import SchemaError
from schemas.ids import WorkspaceId
from schemas.worlds import WorldRef
from tests.support.examples import quick

RECEIPT = Receipt(WorkspaceId("shop"), 1_700_000_000_000, WorldRef(), b"a secret")
NAMES = (
    "event email timestamp sg_event_id url reason status type eventType notificationType mail tags headers name value "
    "destination bounce bouncedRecipients emailAddress Message Records Sns Type RecordType MessageID Recipient "
    "Metadata ReceivedAt event-data recipient user-variables foresend_user foresend_send_id client-info bot severity ip"
)
KEYS = st.sampled_from(NAMES.split())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**63), max_value=2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["open", "Click", "Bounce", "clicked", "failed", "ann@example.com", "5.1.1", "1700000000", '{"a":1}']
    ),
    st.sampled_from(["<", "a@", "@b", '"', "(a@b.c", "a@b.example, c", "\x00@\x00.x", "ann@[::1]"]),
)
PAYLOADS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=24,
)


@pytest.mark.parametrize("provider", sorted(providers()))
@given(payload=PAYLOADS)
@quick
def test_noise_gives_events_or_reasons(provider: str, payload: Any) -> None:
    mapping = providers()[provider]
    for piece in cut(payload, mapping):
        is_known(piece, mapping)
        try:
            event = normalised(piece, mapping, RECEIPT)
            again = normalised(piece, mapping, RECEIPT)
            if event is not None and again is not None:
                event_record(event)
                assert event.id == again.id
        except SchemaError:
            continue
