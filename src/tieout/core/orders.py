"""Two lists of orders, so that the same order has the same name and the same words on both.

1. An order is the other side's order of the same venue's id. By the client id it is only where
   one of the two has no venue's id: a submit that timed out has none, and a replacement may have
   the client id of what it replaces. Of several under one client id it is the one that is still
   open, else the one placed last.
   Where a venue's ids count per symbol (`by_symbol`), an order of another symbol is another one;
   elsewhere it is the same one, wrong in its symbol, unless there is one of the right symbol.
2. What was replaced was not cancelled: where one side says `replaced` and the other `cancelled`,
   with equal fills, both mean the end of the old leg of a cancel and replace.
3. `filled` never goes down: of two answers of one side about an order the one with more fills
   counts; else the later one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from tieout.core.asked import is_open
from tieout.core.model import Record, Value

_ZERO: Final = Decimal(0)


def merged(earlier: Iterable[Record], later: Iterable[Record]) -> list[Record]:
    """Two answers of one side as one; see rule 3."""
    rows: dict[tuple[Value, ...], Record] = {}
    for row in (*earlier, *later):
        key = (*row.identity.values(), row.values.get("symbol"))
        if key not in rows or filled(row.values) >= filled(rows[key].values):
            rows[key] = row
    return list(rows.values())


def name_of(row: Record, *, by_symbol: bool = False) -> str:
    """What an order is called from reading to reading: the venue's id; one's own where it has none.

    A client id names no order that has the venue's id as well: several may share it. Empty for an
    order without either.
    """
    ids = ((column, row.values.get(column)) for column in ("order_id", "client_order_id"))
    name = next((f"{column}:{id_}" for column, id_ in ids if id_ is not None), "")
    return f"{name} {row.values.get('symbol')}" if by_symbol and name else name


def filled(values: Mapping[str, Value]) -> Decimal:
    """How much was filled; nothing where it does not say."""
    amount = values.get("filled")
    return amount if isinstance(amount, Decimal) else _ZERO


class Orders:
    """Orders of one side, to be looked up from the other one. `by_symbol`: see rule 1."""

    def __init__(self, rows: Iterable[Record], *, by_symbol: bool = False) -> None:
        self.by_symbol = by_symbol
        self._by_id: dict[Value, list[Record]] = {}
        self._by_client: dict[Value, list[Record]] = {}
        for row in rows:
            if (id_ := row.values.get("order_id")) is not None:
                self._by_id.setdefault(id_, []).append(row)
            if (name := row.values.get("client_order_id")) is not None:
                self._by_client.setdefault(name, []).append(row)

    def partner(self, row: Record) -> Record | None:
        """The order that `row` is, on this side; see rule 1."""
        id_, name = row.values.get("order_id"), row.values.get("client_order_id")
        if id_ is not None and (same := self._alike(row, self._by_id.get(id_, []))):
            return same[-1]
        alike = self._by_client.get(name, []) if name is not None else []
        if id_ is not None:
            alike = [each for each in alike if each.values.get("order_id") is None]
        return max(self._alike(row, alike), key=_current, default=None)

    def _alike(self, row: Record, named: list[Record]) -> list[Record]:
        """Those of the symbol of `row`, of orders under one name."""
        symbol = row.values.get("symbol")
        own = [each for each in named if each.values.get("symbol") == symbol]
        return own if own or self.by_symbol else named


def _current(row: Record) -> tuple[bool, int, str]:
    placed = row.values.get("created_at")
    id_ = str(row.values.get("order_id"))
    return is_open(row.values), placed if isinstance(placed, int) else 0, id_


def in_the_words_of(
    ours: Iterable[Record], theirs: Iterable[Record], *, by_symbol: bool = False
) -> list[Record]:
    """The book's orders, each with the venue's id where only the client id was known, and with
    the venue's word for the old leg of a replacement.

    Where several of ours are one of theirs, as when a stale one still has no id, none is changed
    but the first: the others stay without a partner.
    """
    venue, found = Orders(theirs, by_symbol=by_symbol), []
    given = list(ours)
    taken = {
        name_of(row, by_symbol=by_symbol) for row in given if row.values.get("order_id") is not None
    }
    for row in given:
        partner = venue.partner(row)
        changed = {} if partner is None else _words(row.values, partner.values)
        new = _with(row, changed) if changed else row
        if "order_id" in changed:
            name = name_of(new, by_symbol=by_symbol)
            new = row if name in taken else new
            taken.add(name)
        found.append(new)
    return found


def _words(own: Mapping[str, Value], other: Mapping[str, Value]) -> dict[str, Value]:
    changed: dict[str, Value] = {}
    if own.get("order_id") is None and other.get("order_id") is not None:
        changed["order_id"] = other["order_id"]
    if {own.get("status"), other.get("status")} == {"replaced", "cancelled"}:
        if filled(own) == filled(other):
            changed["status"] = other["status"]
    return changed


def _with(row: Record, changed: Mapping[str, Value]) -> Record:
    values = {**row.values, **changed}
    identity = dict(row.identity)
    if "order_id" in changed:
        identity.pop("client_order_id", None)
        identity["order_id"] = changed["order_id"]
    return Record(values, identity, row.row)
