"""Orders of one person: how many, worth how much, the newest; corrected by what is cancelled or refunded."""

import struct
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from schemas.events import Event

COMPLETED, CANCELLED, REFUNDED = "Order Completed", "Order Cancelled", "Order Refunded"
ORDER_EVENTS = frozenset({COMPLETED, CANCELLED, REFUNDED})
ORDERS_MAX = 16
"""Newest orders with an id that are remembered one by one, so that they can be corrected; older ones are sums."""
AMOUNT_MAX = 1e12
"""Larger amounts are a mistake, and count as none."""
ROUNDING = 1e-9

_ROW = struct.Struct("<8sqdd?")
_UNTOLD = -1.0


class OrderFigures(NamedTuple):
    """What a person's orders come to. `newest_ms` is 0 where none stands."""

    orders: int
    value: float
    newest_ms: int


class _Row(NamedTuple):
    """One remembered order. `value` is below 0 until the order itself is told; `gone`: cancelled, or refunded whole."""

    key: bytes
    at_ms: int
    value: float = _UNTOLD
    refunded: float = 0.0
    gone: bool = False

    def figures(self) -> OrderFigures:
        left = self.value - self.refunded
        if self.value < 0.0 or self.gone or (self.refunded > 0.0 and left <= ROUNDING * max(1.0, self.value)):
            return OrderFigures(0, 0.0, 0)
        return OrderFigures(1, left, self.at_ms)


class Orders(msgspec.Struct, array_like=True):
    """Sums over all orders, and the newest ones.

    count, value, newest_ms  of orders without an id, and of those no longer remembered
    kept                     remembered orders, packed
    """

    count: int = 0
    value: float = 0.0
    newest_ms: int = 0
    kept: bytes = b""

    def take(self, event: Event) -> None:
        """Let an event tell of an order; in whatever order the events of the remembered orders come.

        One order is one, however often it is told, by its `order_id`. A cancelled or wholly refunded one is none. A
        refund without an amount is of the whole order. Without an id a cancellation takes one order away, a refund
        its amount only; with the id of an order that is not remembered, nothing.
        """
        amount = _amount(event)
        key = _key(event.properties)
        if key is None:
            self._take_nameless(event, amount)
            return
        rows = self.remembered()
        row = rows.get(key, _Row(key, event.at_ms))
        if event.name == COMPLETED:
            row = row._replace(at_ms=event.at_ms if row.value < 0.0 else min(row.at_ms, event.at_ms))
            row = row._replace(value=max(row.value, amount or 0.0))
        elif event.name == CANCELLED or amount is None:
            row = row._replace(gone=True)
        else:
            row = row._replace(refunded=row.refunded + amount)
        rows[key] = row
        self._keep(rows)

    def figures(self) -> OrderFigures:
        """What stands now."""
        rows = [row.figures() for row in self.remembered().values()]
        return OrderFigures(
            max(0, self.count + sum(row.orders for row in rows)),
            max(0.0, self.value + sum(row.value for row in rows)),
            max([self.newest_ms, *[row.newest_ms for row in rows]]),
        )

    def merge(self, other: "Orders") -> None:
        """Add another profile's orders; one that both remember is one."""
        self.count += other.count
        self.value += other.value
        self.newest_ms = max(self.newest_ms, other.newest_ms)
        rows = self.remembered()
        for key, row in other.remembered().items():
            known = rows.get(key, row)
            times = [one.at_ms for one in (known, row) if one.value >= 0.0] or [known.at_ms, row.at_ms]
            refunded = row.refunded if known is row else known.refunded + row.refunded
            rows[key] = _Row(key, min(times), max(known.value, row.value), refunded, known.gone or row.gone)
        self._keep(rows)

    def _take_nameless(self, event: Event, amount: float | None) -> None:
        if event.name == COMPLETED:
            self.count += 1
            self.value += amount or 0.0
            self.newest_ms = max(self.newest_ms, event.at_ms)
        else:
            self.count -= event.name == CANCELLED
            self.value -= amount or 0.0

    def remembered(self) -> dict[bytes, _Row]:
        """Remembered orders, by the hashes of their ids."""
        return {row[0]: _Row(*row) for row in _ROW.iter_unpack(self.kept)}

    def _keep(self, rows: dict[bytes, _Row]) -> None:
        newest = sorted(rows.values(), key=lambda row: (row.at_ms, row.key))
        for row in newest[:-ORDERS_MAX]:
            figures = row.figures()
            self.count += figures.orders
            self.value += figures.value
            self.newest_ms = max(self.newest_ms, figures.newest_ms)
        self.kept = b"".join(_ROW.pack(*row) for row in newest[-ORDERS_MAX:])


def _key(properties: Mapping[str, Any]) -> bytes | None:
    told = properties.get("order_id")
    if isinstance(told, bool) or not isinstance(told, (str, int)) or told == "":
        return None
    return blake2b(str(told).encode(), digest_size=8).digest()


def _amount(event: Event) -> float | None:
    """What an order event says it is about: what was earned, or what is given back in all."""
    names = ("revenue", "total", "value") if event.name == COMPLETED else ("total", "revenue", "value")
    for name in names:
        told = event.properties.get(name)
        if isinstance(told, (int, float)) and not isinstance(told, bool) and abs(told) <= AMOUNT_MAX:
            return max(0.0, float(told)) if event.name == COMPLETED else abs(float(told))
    return None
