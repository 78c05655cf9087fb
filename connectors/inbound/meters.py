"""What inbound mail tells about itself. Labels are kinds and reasons, never a person or an address."""

from collections import Counter as Count
from collections.abc import Iterable

from connectors.inbound.intake import Taken
from connectors.inbound.understanding import MailKind
from connectors.metrics.mail import MailCounts, MailMeter, mail_event
from connectors.metrics.making import counter, gauge, page_of, program_registry


class InboundMeters:
    """The meters of one process."""

    def __init__(self) -> None:
        registry = self._registry = program_registry()
        self.ready = gauge("foresend_ready", registry)
        self._mails = counter("foresend_inbound_mails_total", registry)
        self._refused = counter("foresend_inbound_refused_total", registry)
        self._bounces = counter("foresend_inbound_bounces_total", registry)
        self.not_now = counter("foresend_inbound_not_now_total", registry)
        self._events = MailMeter(registry)

    def count(self, taken: Taken) -> None:
        """Count a mail that is safe."""
        if taken.refused is not None:
            self._refused.labels(taken.refused.value).inc()
        elif taken.kind is not None:
            self._mails.labels(taken.kind.value).inc()
        for kind, number in bounces_of(taken).items():
            self._bounces.labels(kind).inc(number)
        told = MailCounts(mail_event(event.name, event.properties) for event in taken.events)
        self._events.add(taken.workspace, told)

    def page(self) -> bytes:
        """All of them, as Prometheus reads them."""
        return page_of(self._registry)


def bounces_of(taken: Taken) -> Count[str]:
    """How many bounces of each kind a mail told of."""
    found = (event.properties.get("bounce_type") for event in taken.events)
    return Count(kind for kind in found if isinstance(kind, str))


class InboundFigures:
    """Counts of mails and of their events, by the keys that are printed."""

    def __init__(self) -> None:
        self._mails = 0
        self._refused = 0
        self._events = 0
        self._kinds: Count[str] = Count()
        self._bounces: Count[str] = Count()

    def count(self, taken: Taken) -> None:
        """Count a mail."""
        self._mails += 1
        self._refused += taken.refused is not None
        self._events += len(taken.events)
        if taken.refused is None and taken.kind is not None:
            self._kinds[taken.kind.value] += 1
        self._bounces += bounces_of(taken)

    def count_all(self, all_taken: Iterable[Taken]) -> None:
        """Count several."""
        for taken in all_taken:
            self.count(taken)

    @property
    def refused(self) -> int:
        """Mails of no use."""
        return self._refused

    def as_json(self) -> dict[str, int]:
        """Ready to print."""
        return {
            "mails": self._mails,
            **{kind.value: self._kinds[kind.value] for kind in MailKind},
            "refused": self._refused,
            **{kind: self._bounces[kind] for kind in ("hard", "soft", "block")},
            "events": self._events,
        }
