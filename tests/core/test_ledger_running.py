"""A running projection is the projection, however the entries come."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.journal import JournalEntry, journal_entry
from tieout.core.ledger import Method, project
from tieout.core.ledger.running import Running

SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "BTC/USDT")
OFTEN = (*[SYMBOLS[0]] * 6, *SYMBOLS)
amounts = st.integers(1, 9).map(lambda number: Decimal(number) / 4)
times = st.integers(1, 12)


def entry(records: str, **values: Any) -> JournalEntry:
    said = {name: values.pop(name) for name in ("opening", "approved_by") if name in values}
    return journal_entry(records, values, account="main", venue="binance", source="t", **said)


@st.composite
def openings(draw: st.DrawFn) -> JournalEntry:
    said = {"opening": True, "approved_by": draw(st.sampled_from(["ada", "bob", None]))}
    said["as_of"] = draw(st.integers(0, 6))
    if draw(st.booleans()):
        name = draw(st.sampled_from(["BTC", "USDT", "*"]))
        total = Decimal(0) if name == "*" else draw(amounts)
        wallet = draw(st.sampled_from(["spot", "futures"]))
        return entry("balances", currency=name, wallet=wallet, total=total, **said)
    name = draw(st.sampled_from([*SYMBOLS[:2], "*"]))
    quantity = Decimal(0) if name == "*" else draw(amounts)
    price = draw(st.none() | amounts)
    return entry("positions", symbol=name, quantity=quantity, average_price=price, **said)


@st.composite
def trades(draw: st.DrawFn) -> JournalEntry:
    few = st.sampled_from(["1", "2", "3", "4"])
    values: dict[str, Any] = {
        "symbol": draw(st.sampled_from(OFTEN)),
        "trade_id": draw(few | st.integers(10, 10_000).map(str)),
        "side": draw(st.sampled_from(["buy", "sell"])),
        "quantity": draw(amounts),
        "price": draw(amounts),
        "fee": draw(st.none() | amounts),
        "fee_currency": "USDT",
        "timestamp": draw(times),
        "order_id": draw(st.sampled_from(["o1", "o2", None])),
    }
    match draw(st.integers(0, 9)):
        case 0:
            values["supersedes"] = draw(few)
        case 1:
            values |= {"supersedes": draw(few), "exec_type": "bust"}
        case 2:
            values["version"] = Decimal(draw(st.integers(1, 3)))
        case 3:
            values["sequence"] = Decimal(draw(st.integers(1, 5)))
    return entry("trades", **values)


@st.composite
def movements(draw: st.DrawFn) -> JournalEntry:
    split = draw(st.integers(0, 4)) == 0
    what = {"symbol": SYMBOLS[0], "type": "corporate_action"} if split else {}
    return entry(
        "movements",
        **{"currency": None if split else "USDT", "type": "funding", **what},
        movement_id=draw(st.sampled_from(["m1", "m2", "m3", "m4"])),
        amount=draw(amounts),
        timestamp=draw(times),
    )


@st.composite
def reports(draw: st.DrawFn) -> JournalEntry:
    return entry(
        "orders",
        order_id=draw(st.sampled_from(["o1", "o2"])),
        symbol=SYMBOLS[0],
        side="buy",
        quantity=Decimal(3),
        status=draw(st.sampled_from(["open", "cancelled", "filled"])),
        updated_at=draw(times),
    )


def told(found: Any) -> Any:
    return found.positions, found.balances, sorted(found.unknown), found.method


@pytest.mark.parametrize("basis", ["average", "fifo"])
@given(
    entries=st.lists(
        openings() | trades() | trades() | movements() | reports(),
        max_size=24,
        unique_by=lambda each: each.id,  # a journal refuses one id with two contents
    ),
    cuts=st.lists(st.integers(0, 24), max_size=4),
)
def test_edge_17_any_order_and_any_batches_give_the_projection(
    basis: str, entries: Sequence[JournalEntry], cuts: list[int]
) -> None:
    method, running, done = Method(basis=basis), Running(Method(basis=basis)), 0
    for cut in [*sorted(cuts), len(entries)]:
        running.add(entries[done:cut])
        done = max(done, min(cut, len(entries)))
        expected = project(entries[:done], as_of=99, method=method)
        assert told(running.projection(99)) == told(expected)
        assert running.orders(99).orders == expected.orders


EVERYTHING = [
    entry(records, **{name: "*"}, **{amount: Decimal(0)}, as_of=0, opening=True, approved_by="ada")
    for records, name, amount in (
        ("positions", "symbol", "quantity"),
        ("balances", "currency", "total"),
    )
]


@given(
    entries=st.lists(
        trades() | trades() | trades() | movements() | openings(),
        min_size=2,
        max_size=10,
        unique_by=lambda each: each.id,
    )
)
def test_each_entry_that_comes_gives_the_projection(entries: Sequence[JournalEntry]) -> None:
    running = Running()
    running.add(EVERYTHING)
    for number, each in enumerate(entries, 1):
        running.add([each])
        expected = project([*EVERYTHING, *entries[:number]], as_of=99)
        assert told(running.projection(99)) == told(expected)


def test_plain_trades_do_not_have_the_others_worked_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tieout.core.ledger import running as module

    first = [
        entry(
            "positions", symbol="*", quantity=Decimal(0), as_of=0, opening=True, approved_by="ada"
        )
    ]

    def trade(number: int) -> JournalEntry:
        return entry(
            "trades",
            symbol=SYMBOLS[0],
            trade_id=str(number),
            side="buy",
            quantity=Decimal(1),
            price=Decimal(number),
            timestamp=number,
        )

    found = Running()
    found.add([*first, *map(trade, range(1, 100))])
    found.projection(1000)
    applied: list[object] = []
    original = module.apply

    def counting(*given: Any) -> None:
        applied.append(given)
        original(*given)

    monkeypatch.setattr(module, "apply", counting)
    found.add([trade(100)])
    (position,) = found.projection(1000).positions.values()
    assert (position.quantity, position.average_price) == (Decimal(100), Decimal("50.5"))
    assert len(applied) == 1


def test_edge_37_the_venues_own_order_counts_as_in_the_projection() -> None:
    """Bought and sold in one millisecond, as the clock says in the wrong order."""

    def trade(number: int, side: str, time: int, sequence: int | None) -> JournalEntry:
        numbered = {} if sequence is None else {"sequence": Decimal(sequence)}
        return entry(
            "trades",
            **{"symbol": SYMBOLS[0], "trade_id": str(number), "side": side, **numbered},
            quantity=Decimal(1),
            price=Decimal(number),
            timestamp=time,
        )

    fills = [
        trade(10, "buy", 5, 1),
        trade(20, "sell", 3, 2),
        trade(30, "buy", 4, 3),
        trade(40, "buy", 6, None),
    ]
    running = Running(Method(basis="fifo"))
    running.add(EVERYTHING)
    for number, each in enumerate(fills, 1):
        running.add([each])
        expected = project([*EVERYTHING, *fills[:number]], as_of=99, method=Method(basis="fifo"))
        assert told(running.projection(99)) == told(expected)
