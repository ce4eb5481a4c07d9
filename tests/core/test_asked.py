"""What answers a question: everything that belongs to it, once, and nothing that does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tieout.core.asked import MAX_SKEW, answered, belongs, identified
from tieout.core.live import Ask
from tieout.core.model import Quarantined, Record


def test_events_are_inside_the_window_with_both_its_ends() -> None:
    ask = Ask("trades", since=10, until=20)
    inside = [time for time in (9, 10, 20, 21) if belongs({"timestamp": time}, ask)]
    assert inside == [10, 20]
    assert belongs({"timestamp": None}, ask), "what has no time may belong"


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (Ask("orders"), {"open", "pending", "partially_filled", None}),
        (Ask("orders", since=5), {"open", "pending", "partially_filled", None, "filled"}),
        (Ask("orders", until=4), {"open", "pending", "partially_filled", None, "cancelled"}),
    ],
)
def test_open_orders_always_closed_ones_inside_the_window(ask: Ask, expected: set[Any]) -> None:
    touched = {"filled": 5, "cancelled": 4, "open": 1, "pending": 1, "partially_filled": 1, None: 1}
    found = {
        status
        for status, time in touched.items()
        if belongs({"status": status, "updated_at": time, "created_at": 1}, ask)
    }
    assert found == expected


def test_symbols_restrict_what_has_one() -> None:
    ask = Ask("positions", symbols=frozenset({"A"}))
    assert belongs({"symbol": "A"}, ask)
    assert not belongs({"symbol": "B"}, ask)
    assert belongs({}, ask)
    balances = Ask("balances", symbols=frozenset({"USDT"}))
    assert not belongs({"currency": "BTC"}, balances)
    assert belongs({"currency": "USDT"}, balances)


def row(symbol: str, quantity: int) -> Record:
    return Record({"symbol": symbol, "quantity": Decimal(quantity), "leg": "net"}, {}, 1)


def test_copies_are_folded_and_contradictions_set_aside() -> None:
    given = [row("A", 1), row("A", 1), row("B", 1), row("B", 2), row("C", 3)]
    records, conflicts = identified(given, "positions", source="s", place="p")
    assert [record.values["symbol"] for record in records] == ["A", "C"]
    assert [each.values["symbol"] for each in conflicts] == ["B", "B"]
    assert all("different things about one position" in each.reason for each in conflicts)
    assert identified([], "positions", source="s", place="p") == ([], [])


@pytest.mark.parametrize("identity", [(), ("account", "order_id")])
def test_one_order_id_in_two_markets_is_two_orders(identity: tuple[str, ...]) -> None:
    """Binance counts them per symbol."""
    rows = [
        {"account": "a", "order_id": "28", "symbol": symbol, "quantity": Decimal(quantity)}
        for symbol, quantity in (("X", 1), ("Y", 2), ("Z", 3), ("Z", 4))
    ]
    given = [Record(row, {}) for row in rows]
    found, conflicts = identified(given, "orders", source="s", place="p", identity=identity)
    assert [row.values["symbol"] for row in found] == ["X", "Y"]
    assert {tuple(row.identity) for row in found} == {("account", "order_id")}
    assert [row.values["symbol"] for row in conflicts] == ["Z", "Z"]


def test_edge_16_a_corrected_trade_is_left_out() -> None:
    first = {"trade_id": "01", "quantity": Decimal(1), "supersedes": None}
    second = {"trade_id": "02", "quantity": Decimal(2), "supersedes": "01"}
    records, _ = identified(
        [Record(first, {}), Record(second, {})], "trades", source="s", place="p"
    )
    assert [record.values["trade_id"] for record in records] == ["02"]


def test_an_answer_covers_the_window_up_to_now() -> None:
    def window(until: int) -> tuple[int, int] | None:
        ask = Ask("trades", since=10, until=until)
        return answered("s", ask, [], asked_at=50, answered_at=51).window

    assert window(40) == (10, 40)
    assert window(99) == (10, 99), "by a clock that is ahead: it is no later there than now"
    assert window(50 + MAX_SKEW) == (10, 50 + MAX_SKEW)
    assert window(51 + MAX_SKEW) == (10, 50), "that is no clock: it asks about the future"
    assert answered("s", Ask("trades"), [], asked_at=50, answered_at=51).window == (0, 50)
    late = answered("s", Ask("trades", since=60), [], asked_at=50, answered_at=51)
    assert late.window == (50, 50), "a window that lies in the future covers nothing before it"
    assert answered("s", Ask("positions"), [], asked_at=50, answered_at=51).window is None


def test_an_answer_covers_what_is_known_and_asked_for() -> None:
    def covers(asked: set[str] | None, known: set[str] | None) -> frozenset[str] | None:
        ask = Ask("balances", symbols=None if asked is None else frozenset(asked))
        covered = None if known is None else frozenset(known)
        return answered("s", ask, [], asked_at=1, answered_at=1, covered=covered).symbols

    assert covers(None, None) is None
    assert covers({"A"}, None) == {"A"}
    assert covers(None, {"A"}) == {"A"}
    assert covers({"A", "B"}, {"B", "C"}) == {"B"}


def test_unreadable_rows_of_other_symbols_do_not_spoil_an_answer() -> None:
    bad = [
        Quarantined("s", "p", 1, "why", "raw", values={"symbol": "A"}),
        Quarantined("s", "p", 2, "why", "raw"),
    ]
    ask = Ask("positions", symbols=frozenset({"B"}))
    answer = answered("s", ask, [], bad, asked_at=1, answered_at=1)
    assert [each.row for each in answer.quarantined] == [2]
    assert not answer.complete


# From the future


TOLD = 1_700_000_000 * 10**9
LATE = TOLD + MAX_SKEW


@pytest.mark.parametrize(
    ("records", "column"),
    [
        ("trades", "timestamp"),
        ("movements", "timestamp"),
        ("orders", "created_at"),
        ("orders", "updated_at"),
        ("positions", "as_of"),
        ("balances", "as_of"),
    ],
)
def test_a_record_from_the_future_is_unreadable_as_far_as_clocks_can_differ(
    records: str, column: str
) -> None:
    name = "currency" if records == "balances" else "symbol"
    rows = [
        Record({name: symbol, column: at}, {}, n)
        for n, (symbol, at) in enumerate([("A", LATE), ("B", LATE + 1), ("C", LATE + 1)])
    ]
    ask = Ask(records, symbols=frozenset({"A", "B"}))
    found = answered("s", ask, rows, asked_at=TOLD - 1, answered_at=TOLD)
    assert [each.values[name] for each in found.records] == ["A"]
    (early,) = found.quarantined
    assert (early.field, early.values) == (column, {name: "B"})
    assert "is 300 s after it was told" in early.reason
    assert not found.complete


def test_one_that_is_only_later_than_was_asked_for_is_not_in_the_answer() -> None:
    rows = [Record({"symbol": "A", "timestamp": TOLD + n}, {}, n) for n in (0, 1)]
    found = answered("s", Ask("trades", 0, TOLD), rows, asked_at=TOLD, answered_at=TOLD)
    assert [each.row for each in found.records] == [0]
    assert found.complete
    late = [Record({"symbol": "A", "timestamp": LATE + 1}, {}, 2)]
    found = answered("s", Ask("trades", 0, TOLD), late, asked_at=TOLD, answered_at=TOLD)
    assert len(found.quarantined) == 1, "it is said, though it is outside of what was asked"
