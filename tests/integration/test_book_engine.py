"""One's own engine as a book: what it gives is read exactly, and its failures are errors."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from tieout.adapters.books.engine import EngineBook
from tieout.core.canonical import nanoseconds
from tieout.core.live import Answer, Ask
from tieout.errors import SourceError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
EXAMPLE = Path(__file__).parents[2] / "examples" / "embedding_engine.py"


class Noon:
    def now(self) -> datetime:
        return NOON


class Engine:
    """An engine that gives what it is told to, or fails, or hangs."""

    def __init__(self, **given: Any) -> None:
        self.given = {"positions": [], "account": {"balances": {}}, "orders": [], **given}

    async def _give(self, name: str) -> Any:
        given = self.given[name]
        if isinstance(given, BaseException):
            raise given
        if given == "hang":
            await asyncio.sleep(60)
        return given

    async def get_positions(self) -> Any:
        return await self._give("positions")

    async def get_account_info(self) -> Any:
        return await self._give("account")

    async def get_open_orders(self) -> Any:
        return await self._give("orders")


class Filling(Engine):
    """One that knows its fills, and remembers what it was asked for."""

    since: datetime | None = None

    async def get_fills(self, since: datetime | None) -> Any:
        self.since = since
        return await self._give("fills")


def book(engine: Engine, **settings: Any) -> EngineBook:
    return EngineBook(
        engine, name="engine", account="main", venue="bybit", clock=Noon(), **settings
    )


def ask(engine: Engine, records: str, /, **question: Any) -> Answer:
    settings = question.pop("settings", {})

    async def asked() -> Answer:
        return await book(engine, **settings).fetch(Ask(records, **question))

    return asyncio.run(asked())


def column(answer: Answer, *names: str) -> list[Any]:
    rows = [tuple(record.values[name] for name in names) for record in answer.records]
    return [row[0] for row in rows] if len(names) == 1 else rows


class Direction(Enum):
    LONG = "long"
    SHORT = "short"


@dataclass
class Asset:
    symbol: str


@dataclass
class Holding:
    asset: Asset
    amount: Any
    side: Direction | None = None
    entry_price: Any = None


def test_positions_may_be_objects_or_dicts_or_by_symbol() -> None:
    rows = [Holding(Asset("BTC/USDT"), Decimal("0.10")), {"symbol": "ETH/USDT", "quantity": "-3"}]
    assert column(ask(Engine(positions=rows), "positions"), "symbol", "quantity") == [
        ("BTC/USDT", Decimal("0.10")),
        ("ETH/USDT", Decimal(-3)),
    ]
    named = {"BTC/USDT": Decimal("0.1"), "ETH/USDT": {"qty": -3, "avg_price": "1.5"}}
    answer = ask(Engine(positions=named), "positions")
    assert column(answer, "symbol", "quantity", "average_price") == [
        ("BTC/USDT", Decimal("0.1"), None),
        ("ETH/USDT", Decimal(-3), Decimal("1.5")),
    ]
    assert answer.records[0].identity == {
        "account": "main",
        "venue": "bybit",
        "leg": "net",
        "symbol": "BTC/USDT",
    }
    assert answer.records[0].values["as_of"] == nanoseconds(NOON)


def test_a_side_gives_the_sign() -> None:
    rows = [
        Holding(Asset("A"), Decimal(2), Direction.SHORT),
        Holding(Asset("B"), "2.5", Direction.SHORT),
        Holding(Asset("C"), -2, Direction.SHORT),
        Holding(Asset("D"), 2, Direction.LONG),
        Holding(Asset("E"), Decimal(-2), Direction.LONG),
    ]
    answer = ask(Engine(positions=rows), "positions")
    assert column(answer, "symbol", "quantity") == [
        ("A", Decimal(-2)),
        ("B", Decimal("-2.5")),
        ("C", Decimal(-2)),
        ("D", Decimal(2)),
    ]
    (row,) = answer.quarantined
    assert row.values["symbol"] == "E"
    assert "does not go with the side" in row.reason


def test_edge_24_a_row_that_cannot_be_read_is_quarantined_and_the_rest_is_read() -> None:
    rows = [
        {"symbol": "A", "quantity": None},
        {"symbol": "B", "quantity": Decimal("NaN")},
        {"symbol": "C", "quantity": True},
        {"symbol": "D", "quantity": "much"},
        {"symbol": "E", "quantity": object()},
        {"quantity": 1},
        {"symbol": "F", "quantity": 1},
    ]
    answer = ask(Engine(positions=rows), "positions")
    assert column(answer, "symbol") == ["F"]
    assert [(row.row, row.values.get("symbol")) for row in answer.quarantined] == [
        (1, "A"),
        (2, "B"),
        (3, "C"),
        (4, "D"),
        (5, "E"),
        (6, None),
    ]
    assert not answer.complete


def test_two_rows_that_contradict_each_other_are_both_unreadable() -> None:
    rows = [{"symbol": "A", "quantity": 1}, {"symbol": "A", "quantity": 2}]
    answer = ask(Engine(positions=[*rows, {"symbol": "B", "quantity": 3}]), "positions")
    assert column(answer, "symbol") == ["B"]
    assert [row.values["symbol"] for row in answer.quarantined] == ["A", "A"]
    twice = ask(Engine(positions=[rows[0], rows[0]]), "positions")
    assert column(twice, "quantity") == [Decimal(1)]
    assert twice.complete


def test_binary_floats_are_refused_unless_said_otherwise() -> None:
    engine = Engine(positions=[{"symbol": "A", "quantity": 0.1}])
    with pytest.raises(SourceError, match=r"quantity is the binary float 0\.1"):
        ask(engine, "positions")
    answer = ask(engine, "positions", settings={"floats": "shortest"})
    assert column(answer, "quantity") == [Decimal("0.1")]


@pytest.mark.parametrize(
    "account",
    [
        {"cash": Decimal("10.5"), "currency": "USDT", "equity": Decimal(99)},
        {"balances": {"USDT": "10.5"}},
        {"balances": {"USDT": {"total": Decimal("10.5"), "free": None}}},
        [{"asset": Asset("USDT"), "balance": "10.5"}],
    ],
)
def test_an_account_says_its_cash_in_several_ways(account: Any) -> None:
    answer = ask(Engine(account=account), "balances")
    assert column(answer, "currency", "total") == [("USDT", Decimal("10.5"))]


def test_edge_52_cash_that_is_not_there_is_unknown_and_not_zero() -> None:
    answer = ask(Engine(account={"cash": None, "currency": "USDT"}), "balances")
    assert answer.records == ()
    assert [row.values["currency"] for row in answer.quarantined] == ["USDT"]
    for account in ({}, {"equity": Decimal(5)}, {"cash": Decimal(5)}):
        with pytest.raises(SourceError, match="says nothing about cash"):
            ask(Engine(account=account), "balances")


def test_orders_have_a_side_or_a_sign() -> None:
    signed = [
        {"broker_order_id": 7, "asset": "A", "amount": Decimal(-2), "state": "NEW"},
        {"broker_order_id": 8, "asset": "A", "amount": Decimal(3), "state": None},
    ]
    assert column(ask(Engine(orders=signed), "orders"), "order_id", "side", "quantity") == [
        ("7", "sell", Decimal(2)),
        ("8", "buy", Decimal(3)),
    ]
    sided = [{"id": "9", "symbol": "A", "side": "SELL", "quantity": 2, "status": "filled"}]
    assert ask(Engine(orders=sided), "orders").records == ()
    windowed = ask(Engine(orders=sided), "orders", since=0)
    assert not windowed.complete
    assert "closed are not known" in windowed.reasons[0]


def test_fills_are_offered_by_an_engine_that_has_them() -> None:
    engine = Filling(
        fills=[
            {
                "fill_id": number,
                "symbol": "A",
                "side": "buy",
                "qty": "1",
                "price": "2.5",
                "time": time,
            }
            for number, time in enumerate(
                [
                    NOON - timedelta(seconds=2),
                    nanoseconds(NOON) - 1_000_000_001,
                    "2026-11-20T11:59:59Z",
                    NOON.astimezone(timezone(timedelta(hours=9))),
                    NOON.replace(tzinfo=None),
                ]
            )
        ]
    )
    assert "trades" not in book(Engine()).offers
    answer = ask(engine, "trades", since=nanoseconds(NOON) - 1_000_000_000)
    assert engine.since == NOON - timedelta(seconds=1)
    assert column(answer, "trade_id") == ["2", "3"]
    assert [row.row for row in answer.quarantined] == [5]
    assert answer.window == (nanoseconds(NOON) - 1_000_000_000, nanoseconds(NOON))


@pytest.mark.parametrize(
    "given",
    [None, 7, "none", RuntimeError("no session"), TimeoutError(), asyncio.CancelledError()],
)
def test_edge_05_an_engine_that_fails_is_an_error_and_never_flat(given: Any) -> None:
    with pytest.raises(SourceError, match="engine"):
        ask(Engine(positions=given), "positions")
    with pytest.raises(SourceError):
        asyncio.run(book(Engine(positions=given)).version())


def test_nothing_at_all_is_not_an_empty_list() -> None:
    with pytest.raises(SourceError, match="gave None, which says nothing"):
        ask(Engine(positions=None), "positions")
    with pytest.raises(SourceError, match="gave None, which says nothing"):
        ask(Engine(account=None), "balances")
    assert ask(Engine(positions=[]), "positions").complete


def test_an_engine_that_hangs_is_an_error_in_time() -> None:
    with pytest.raises(SourceError, match=r"no answer within 0\.05 s"):
        ask(Engine(positions="hang"), "positions", settings={"timeout": 0.05})


def test_cancelling_the_question_is_no_failure_of_the_engine() -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(book(Engine(positions="hang")).fetch(Ask("positions")))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


def test_an_engine_that_cancels_its_own_call_is_an_error_on_its_own_loop_as_well() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        with pytest.raises(SourceError, match="cancelled its own call"):
            ask(Engine(positions=asyncio.CancelledError()), "positions", settings={"loop": loop})
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_the_engine_runs_on_its_own_loop() -> None:
    """A book made inside the engine is asked from the thread of the monitors."""
    ran_on: list[asyncio.AbstractEventLoop] = []

    class Watched(Engine):
        async def get_positions(self) -> Any:
            ran_on.append(asyncio.get_running_loop())
            return [{"symbol": "A", "quantity": 1}]

    async def main() -> Answer:
        opened, answers = book(Watched()), []
        monitors = threading.Thread(
            target=lambda: answers.append(asyncio.run(opened.fetch(Ask("positions"))))
        )
        monitors.start()
        await asyncio.to_thread(monitors.join)
        assert ran_on == [asyncio.get_running_loop()]
        return answers[0]

    assert column(asyncio.run(main()), "symbol") == ["A"]


def test_the_version_is_of_what_the_engine_gives_or_says() -> None:
    engine = Filling(positions=[{"symbol": "A", "quantity": 1}], fills=[])
    before = asyncio.run(book(engine).version())
    assert asyncio.run(book(engine).version()) == before
    engine.given["positions"] = [{"symbol": "A", "quantity": "1.00"}]
    assert asyncio.run(book(engine).version()) == before
    engine.given["positions"] = [{"symbol": "A", "quantity": 2}]
    assert asyncio.run(book(engine).version()) != before

    class Counting(Engine):
        async def version(self) -> int:
            return 17

    assert asyncio.run(book(Counting()).version()) == "17"


class Ticking:
    """A clock on which every look takes a second."""

    looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return NOON + timedelta(seconds=self.looks)


@pytest.mark.parametrize(
    ("records", "rows", "change"),
    [
        ("positions", [{"symbol": "A", "quantity": None}], {"symbol": "B"}),
        ("positions", [{"symbol": "A", "quantity": Decimal("NaN")}], {"quantity": "x"}),
        (
            "positions",
            [{"symbol": "A", "quantity": 1}, {"symbol": "A", "quantity": 2}],
            {"quantity": 3},
        ),
        (
            "orders",
            [{"id": "1", "symbol": "A", "quantity": 1, "created_at": NOON + timedelta(hours=1)}],
            {"created_at": NOON + timedelta(hours=2)},
        ),
    ],
    ids=["none", "no number", "two that contradict each other", "from the future"],
)
def test_a_row_that_cannot_be_read_is_no_change_of_the_book(
    records: str, rows: list[dict[str, Any]], change: dict[str, Any]
) -> None:
    """Else no key of the book would ever be compared, and not only its own."""
    engine = Engine(**{records: rows})
    opened = EngineBook(engine, name="engine", account="main", venue="bybit", clock=Ticking())
    assert asyncio.run(opened.fetch(Ask(records))).quarantined
    before = asyncio.run(opened.version())
    assert asyncio.run(opened.version()) == before
    rows[0] |= change
    assert asyncio.run(opened.version()) != before


def test_what_it_does_not_give_is_an_error_that_says_what_to_write() -> None:
    with pytest.raises(SourceError, match="async def get_fills"):
        ask(Engine(), "trades")
    with pytest.raises(SourceError, match="gives no movements"):
        ask(Engine(), "movements")


def test_the_example_runs() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)], capture_output=True, text=True, timeout=60, check=True
    )
    assert "positions, complete:" in done.stdout
    assert "quantity=-0.75" in done.stdout
    assert "the engine failed: ConnectionError" in done.stdout
