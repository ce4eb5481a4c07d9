"""The embedded ledger as a book: what is not known is not zero, and nothing is read twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tieout.adapters.books.ledger import LedgerBook
from tieout.adapters.store import open_store
from tieout.core.asked import MAX_SKEW
from tieout.core.canonical import nanoseconds
from tieout.core.journal import JournalEntry, JournalRow, journal_entry
from tieout.core.ledger import Method
from tieout.core.live import Answer, Ask
from tieout.errors import SourceError, StoreError
from tieout.ports import Journal
from tieout.testing.journal import MemoryJournal

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = 1_000_000_000


class Fixed:
    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


def at(seconds: float) -> int:
    """Nanoseconds, so many seconds after 11:00."""
    return nanoseconds(NOON - timedelta(hours=1) + timedelta(seconds=seconds))


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    store = open_store(url)
    yield store.journal
    store.close()


def entry(records: str, **values: Any) -> JournalEntry:
    said = {name: values.pop(name) for name in ("opening", "approved_by") if name in values}
    own = {"account": "main", "venue": "binance", "source": "test"}
    return journal_entry(records, values, **{**own, **said})


def opening(name: str, amount: str, second: float = 0, **values: Any) -> JournalEntry:
    """Of a currency, or of a symbol where it has a slash; `*` is every position."""
    said = {"opening": True, "approved_by": "ada", "as_of": at(second), **values}
    if "/" in name or name == "*":
        return entry("positions", symbol=name, quantity=Decimal(amount), **said)
    return entry("balances", currency=name, wallet="futures", total=Decimal(amount), **said)


def trade(number: int, quantity: str, second: float, **values: Any) -> JournalEntry:
    return entry(
        "trades",
        **{
            "symbol": "BTC/USDT:USDT",
            "trade_id": str(number),
            "side": "buy",
            "quantity": Decimal(quantity),
            "price": Decimal(100),
            "timestamp": at(second),
            **values,
        },
    )


def book(journal: Journal, **settings: Any) -> LedgerBook:
    return LedgerBook("book", journal, **{"clock": Fixed(), **settings})


def ask(opened: LedgerBook, records: str, **question: Any) -> Answer:
    return asyncio.run(opened.fetch(Ask(records, **question)))


def held(answer: Answer) -> dict[str, Any]:
    name, amount = (
        ("symbol", "quantity") if answer.ask.records == "positions" else ("currency", "total")
    )
    return {str(r.values[name]): r.values[amount] for r in answer.records}


def test_edge_38_a_key_that_was_never_opened_is_unknown_and_not_zero(journal: Journal) -> None:
    journal.append([trade(1, "0.5", 1)])
    answer = ask(book(journal), "positions")
    assert answer.records == ()
    (unknown,) = answer.quarantined
    assert unknown.values == {
        "account": "main",
        "venue": "binance",
        "symbol": "BTC/USDT:USDT",
        "leg": "net",
    }
    assert "no approved opening entry" in unknown.reason
    assert answer.symbols == {"BTC/USDT:USDT"}, "of other symbols it knows nothing"
    assert not answer.complete


def test_what_was_opened_and_traded_since_is_a_position(journal: Journal) -> None:
    journal.append([opening("BTC/USDT:USDT", "1", average_price=Decimal(90)), trade(1, "0.5", 1)])
    answer = ask(book(journal), "positions")
    assert held(answer) == {"BTC/USDT:USDT": Decimal("1.5")}
    assert answer.records[0].values["average_price"] == Decimal("93.333333333333333333")
    assert answer.records[0].values["as_of"] == nanoseconds(NOON)
    assert answer.symbols == {"BTC/USDT:USDT"}
    assert answer.complete


def test_a_book_that_was_opened_whole_knows_what_it_does_not_name(journal: Journal) -> None:
    journal.append([opening("*", "0"), trade(1, "0.5", 1)])
    opened = book(journal)
    answer = ask(opened, "positions")
    assert held(answer) == {"BTC/USDT:USDT": Decimal("0.5")}
    assert answer.symbols is None
    assert ask(opened, "balances").symbols == frozenset(), "its balances were not opened"
    elsewhere = {**trade(2, "1", 2).values, "account": "second"}
    journal.append([journal_entry("trades", elsewhere, source="t")])
    assert ask(opened, "positions").symbols is not None, "the other account was not opened"
    assert ask(book(journal, account="main"), "positions").symbols is None


def test_an_unapproved_opening_opens_nothing(journal: Journal) -> None:
    journal.append([opening("BTC/USDT:USDT", "1", approved_by=None), trade(1, "0.5", 1)])
    answer = ask(book(journal), "positions")
    assert answer.records == ()
    assert len(answer.quarantined) == 1


def test_it_is_projected_to_any_instant(journal: Journal) -> None:
    journal.append([opening("BTC/USDT:USDT", "1"), trade(1, "0.5", 10), trade(2, "0.25", 20)])
    opened = book(journal)

    def quantity(second: float) -> Decimal:
        found = asyncio.run(opened.projection(at(second)))
        (position,) = found.positions.values()
        return position.quantity

    assert [quantity(second) for second in (0, 9.9, 10, 19, 20, 99, 5)] == [
        Decimal(text) for text in ("1", "1", "1.5", "1.5", "1.75", "1.75", "1")
    ]


def test_what_is_dated_later_than_now_is_not_believed_yet(journal: Journal) -> None:
    journal.append([opening("BTC/USDT:USDT", "1"), trade(1, "0.5", 7200)])
    clock = Fixed()
    opened = book(journal, clock=clock)
    assert held(ask(opened, "positions")) == {"BTC/USDT:USDT": Decimal(1)}
    assert ask(opened, "trades").records == ()
    before = asyncio.run(opened.version())
    clock.at += timedelta(hours=2)
    assert asyncio.run(opened.version()) != before, "what is believed has changed"
    assert held(ask(opened, "positions")) == {"BTC/USDT:USDT": Decimal("1.5")}
    assert len(ask(opened, "trades").records) == 1


def test_what_a_venue_dates_by_a_clock_that_is_ahead_is_believed_at_once(journal: Journal) -> None:
    now = 3600.0
    ahead = now + MAX_SKEW / SECOND
    opened = book(journal)
    journal.append([opening("BTC/USDT:USDT", "1", now + 25), trade(1, "0.5", ahead)])
    answer = ask(opened, "positions")
    assert held(answer) == {"BTC/USDT:USDT": Decimal("1.5")}
    assert answer.records[0].values["as_of"] == at(now), "what it says, it says of now"
    assert len(ask(opened, "trades").records) == 1
    until = Ask("trades", at(now - 60), at(now + 25))
    found = asyncio.run(opened.fetch(until))
    assert (found.records, found.window) == ((), (at(now - 60), at(now + 25)))
    before = asyncio.run(opened.version())
    journal.append([trade(2, "0.25", ahead + 0.000001)])
    assert held(ask(opened, "positions")) == {"BTC/USDT:USDT": Decimal("1.5")}
    assert asyncio.run(opened.version()) != before

    def quantity(second: float | None) -> list[Decimal]:
        when = None if second is None else at(second)
        projection = asyncio.run(opened.projection(when))
        assert projection.as_of == (at(now) if when is None else when)
        return [each.quantity for each in projection.positions.values()]

    assert quantity(None) == [Decimal("1.5")]
    assert quantity(now) == [], "of an instant that is asked about, what was dated until then"
    assert quantity(now + 26) == [Decimal(1)]


class Counting:
    """A journal that counts the rows it gives."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.given = 0

    def read(self, **where: Any) -> Iterator[JournalRow]:
        for row in self._journal.read(**where):
            self.given += 1
            yield row


def test_rows_are_read_once(journal: Journal) -> None:
    journal.append([opening("BTC/USDT:USDT", "1"), trade(1, "0.5", 1)])
    counting = Counting(journal)
    opened = book(counting)  # type: ignore[arg-type]
    for _ in range(3):
        ask(opened, "positions")
        ask(opened, "trades")
    assert counting.given == 2
    journal.append([trade(2, "0.25", 2)])
    assert held(ask(opened, "positions")) == {"BTC/USDT:USDT": Decimal("1.75")}
    assert counting.given == 3


def test_edge_17_what_arrives_late_changes_what_was_projected(journal: Journal) -> None:
    opened = book(journal)
    journal.append([opening("BTC/USDT:USDT", "1"), trade(2, "0.5", 20)])
    assert held(ask(opened, "positions")) == {"BTC/USDT:USDT": Decimal("1.5")}
    journal.append([trade(1, "0.25", 10)])
    assert held(ask(opened, "positions")) == {"BTC/USDT:USDT": Decimal("1.75")}
    journal.append([trade(3, "0.5", 21, exec_type="bust", supersedes="2")])
    assert held(ask(opened, "positions")) == {"BTC/USDT:USDT": Decimal("1.25")}


def test_the_version_is_the_number_of_the_newest_entry_in_its_scope(journal: Journal) -> None:
    def version(**scope: str) -> str:
        return asyncio.run(book(journal, **scope).version())

    assert version() == "0"
    journal.append([trade(1, "0.5", 1)])
    assert version() == "1"
    journal.append([journal_entry("trades", trade(2, "1", 2).values, account="main", source="t")])
    before = version(account="main")
    other = {**trade(3, "1", 3).values, "account": "second"}
    journal.append([journal_entry("trades", other, source="t")])
    assert version(account="main") == before
    assert version() != before


def test_orders_and_symbols_and_events_are_of_its_scope(journal: Journal) -> None:
    order = {"order_id": "7", "symbol": "ETH/USDT", "side": "buy", "quantity": Decimal(2)}
    times = {"status": "open", "created_at": at(1), "updated_at": at(1)}
    journal.append([entry("orders", **order, **times), trade(1, "1", 1), opening("*", "0")])
    fee = {"type": "funding", "currency": "USDT", "amount": Decimal("-0.5")}
    journal.append([entry("movements", movement_id="m1", timestamp=at(5), **fee)])
    opened = book(journal, account="main", venue="binance")
    assert [r.values["order_id"] for r in ask(opened, "orders").records] == ["7"]
    assert [r.identity["movement_id"] for r in ask(opened, "movements").records] == ["m1"]
    assert asyncio.run(opened.symbols()) == {"ETH/USDT", "BTC/USDT:USDT"}
    elsewhere = book(journal, venue="bybit")
    assert ask(elsewhere, "orders").records == ask(elsewhere, "movements").records == ()


def test_the_method_of_costing_is_as_said(journal: Journal) -> None:
    journal.append(
        [
            opening("*", "0"),
            trade(1, "1", 1, price=Decimal(100)),
            trade(2, "1", 2, price=Decimal(200)),
            trade(3, "1", 3, price=Decimal(300), side="sell"),
        ]
    )

    def average(basis: str) -> Any:
        answer = ask(book(journal, method=Method(basis=basis)), "positions")
        return answer.records[0].values["average_price"]

    assert (average("average"), average("fifo")) == (Decimal(150), Decimal(200))


def test_a_book_that_heard_nothing_for_long_is_in_doubt() -> None:
    journal = MemoryJournal()
    clock = Fixed(datetime.now(UTC))
    opened = book(journal, max_age=60 * SECOND, clock=clock)
    assert "never heard of anything" in str(ask(opened, "positions").doubt)
    journal.append([trade(1, "1", 1)])
    assert ask(opened, "positions").doubt is None
    clock.at = datetime.now(UTC) + timedelta(minutes=2)
    assert "heard nothing since" in str(ask(opened, "positions").doubt)
    assert ask(book(journal, clock=clock), "positions").doubt is None


class Failing:
    """A journal in a database that went away."""

    def read(self, **where: Any) -> Iterator[JournalRow]:
        raise StoreError("the store is gone", hint="bring it back")


def test_edge_05_a_store_that_fails_is_an_error_of_the_source() -> None:
    opened = book(Failing())  # type: ignore[arg-type]
    for records in sorted(opened.offers):
        with pytest.raises(SourceError, match="the store is gone"):
            ask(opened, records)
    with pytest.raises(SourceError, match="the store is gone"):
        asyncio.run(opened.version())


def test_it_may_be_asked_while_others_write(tmp_path: Path) -> None:
    """Two processes share a store: here two handles, one that writes and one that reads."""
    url = f"sqlite:///{tmp_path}/store.db"
    writer, reader = open_store(url), open_store(url)
    opened = book(reader.journal)
    writer.journal.append([opening("BTC/USDT:USDT", "0")])

    async def both() -> list[Answer]:
        async def write() -> None:
            for number in range(1, 21):
                await asyncio.to_thread(writer.journal.append, [trade(number, "1", number)])

        async def read() -> list[Answer]:
            return [await opened.fetch(Ask("positions")) for _ in range(20)]

        answers, _ = await asyncio.gather(read(), write())
        return [*answers, await opened.fetch(Ask("positions"))]

    seen = [held(each)["BTC/USDT:USDT"] for each in asyncio.run(both()) if each.records]
    assert seen == sorted(seen)
    assert seen[-1] == Decimal(20)
    writer.close()
    reader.close()
