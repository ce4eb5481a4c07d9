"""Opening entries: only what two whole readings agree on, approved, and never twice by accident."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tieout.adapters.store import open_store
from tieout.core.canonical import nanoseconds
from tieout.core.journal import JournalEntry
from tieout.core.live import Answer, Ask
from tieout.core.model import Quarantined, Record
from tieout.errors import SourceError, UsageError
from tieout.ports import Journal
from tieout.service.book import check, entries_of, opening_key, plan, read_opening, write_openings
from tieout.testing.book import MemoryBook
from tieout.testing.journal import MemoryJournal

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Ticking:
    """A second passes at each look."""

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


class Venue(MemoryBook):
    """A venue that may say something else the second time, and change what it answers."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Ticking()
        super().__init__(self.clock, name="binance", venue="binance", **settings)
        self.later: list[tuple[str, dict[str, Any]]] = []
        self.answered: dict[str, Any] = {}

    async def fetch(self, ask: Ask) -> Answer:
        answer = await super().fetch(ask)
        if ask.records == "balances":
            for records, row in self.later:
                self.put(records, row)
        return structs.replace(answer, **self.answered.get(ask.records, {}))


def venue(**settings: Any) -> Venue:
    made = Venue(**settings)
    made.put(
        "positions",
        {
            "symbol": "BTC/USDT:USDT",
            "leg": "net",
            "quantity": Decimal("0.5"),
            "average_price": Decimal("64000.5"),
            "margin": Decimal(3200),
        },
    )
    made.put(
        "balances",
        {
            "currency": "USDT",
            "wallet": "futures",
            "total": Decimal("1000.25"),
            "free": Decimal(900),
        },
    )
    return made


def opened(feed: Venue, **settings: Any) -> tuple[JournalEntry, ...]:
    settings = {"approved_by": "ada", "pause": 0.0, **settings}
    return asyncio.run(read_opening(feed, clock=feed.clock, **settings))


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
        return
    store = open_store(f"sqlite:///{tmp_path}/store.db")
    yield store.journal
    store.close()


def test_what_two_readings_agree_on_is_opened_from_the_first_one_on() -> None:
    entries = opened(venue())
    assert [opening_key(entry) for entry in entries] == [
        ("positions", "main", "binance", "BTC/USDT:USDT", "net"),
        ("positions", "main", "binance", "*", ""),
        ("balances", "main", "binance", "USDT", "futures"),
        ("balances", "main", "binance", "*", "futures"),
    ]
    position, others, balance, _ = entries
    assert others.values["quantity"] == 0
    assert position.opening
    assert position.approved_by == "ada"
    assert position.source == "binance"
    assert NOON < datetime.fromtimestamp(position.at / 1e9, UTC) <= NOON + timedelta(seconds=4)
    assert position.values == {
        "account": "main",
        "venue": "binance",
        "symbol": "BTC/USDT:USDT",
        "leg": "net",
        "quantity": Decimal("0.5"),
        "average_price": Decimal("64000.5"),
        "as_of": position.at,
    }
    assert "free" not in balance.values


def test_what_is_not_covered_is_not_opened_as_zero() -> None:
    feed = venue()
    feed.answered["positions"] = {"symbols": frozenset({"BTC/USDT:USDT"})}
    feed.put("balances")
    assert [opening_key(entry)[3] for entry in opened(feed)] == ["BTC/USDT:USDT"]


def test_edge_52_currencies_that_the_venue_lists_are_opened_at_zero_and_no_others() -> None:
    feed = venue()
    feed.answered["balances"] = {
        "symbols": frozenset({"USDT", "BTC", "ETH"}),
        "wallets": frozenset({"futures", "spot"}),
    }
    entries = [each for each in opened(feed) if each.records == "balances"]
    assert {(*opening_key(each)[3:], each.values["total"]) for each in entries} == {
        ("USDT", "futures", Decimal("1000.25")),
        ("USDT", "spot", 0),
        *((coin, wallet, 0) for coin in ("BTC", "ETH") for wallet in ("futures", "spot")),
    }
    assert {each.approved_by for each in entries} == {"ada"}


@pytest.mark.parametrize("whole_first", [True, False])
def test_a_currency_that_one_reading_is_not_about_is_not_opened(whole_first: bool) -> None:
    feed = venue()
    one = {"symbols": None, "wallets": None} if whole_first else {"symbols": frozenset({"BTC"})}
    other = {"symbols": frozenset({"USDT", "ETH"}), "wallets": frozenset({"futures"})}
    answers = iter([one, other])
    fetch = feed.fetch

    async def differing(ask: Ask) -> Answer:
        if ask.records == "balances":
            feed.answered["balances"] = next(answers)
        return await fetch(ask)

    feed.fetch = differing  # type: ignore[method-assign]
    named = {opening_key(each)[3] for each in opened(feed) if each.records == "balances"}
    assert named == ({"USDT", "ETH"} if whole_first else {"USDT"})


def test_edge_01_an_account_that_moves_is_not_opened() -> None:
    feed = venue()
    row = {"symbol": "BTC/USDT:USDT", "leg": "net", "quantity": Decimal("0.6")}
    feed.later.append(("positions", row))
    with pytest.raises(SourceError, match="moved between two readings of its positions: BTC"):
        opened(feed)


@pytest.mark.parametrize(
    "answered",
    [
        {"reasons": ("page 3 of 4 failed",)},
        {"doubt": "suddenly empty"},
        {"quarantined": (Quarantined("binance", "p", 1, "no number", "x"),)},
    ],
)
def test_edge_05_a_reading_that_is_not_whole_opens_nothing(answered: dict[str, Any]) -> None:
    feed = venue()
    feed.answered["balances"] = answered
    with pytest.raises(SourceError, match="its balances are not complete"):
        opened(feed)


def test_a_failing_venue_opens_nothing() -> None:
    feed = venue()
    feed.fail(SourceError("no answer"))
    with pytest.raises(SourceError, match="no answer"):
        opened(feed)


def test_a_venue_without_snapshots_cannot_open() -> None:
    with pytest.raises(UsageError, match="neither positions nor balances"):
        opened(Venue(offers=["trades"]))


def test_an_earlier_instant_needs_proof_that_nothing_happened_since() -> None:
    since = nanoseconds(NOON - timedelta(hours=1))
    assert {entry.at for entry in opened(venue(), as_of=since)} == {since}

    traded = venue()
    traded.add("trades", {"trade_id": "1", "symbol": "BTC/USDT:USDT", "timestamp": since + 1})
    with pytest.raises(SourceError, match="there are 1 trades since"):
        opened(traded, as_of=since)
    assert opened(traded, as_of=since + 2)

    silent = venue(offers=["positions", "balances", "trades"])
    with pytest.raises(SourceError, match="does not give movements"):
        opened(silent, as_of=since)

    for partial in (
        {"symbols": frozenset({"A"})},
        {"reasons": ("cut",)},
        {"window": (since + 1, since + 2)},
    ):
        feed = venue()
        feed.answered["movements"] = partial
        with pytest.raises(SourceError, match="not known completely"):
            opened(feed, as_of=since)


def test_the_future_cannot_be_opened() -> None:
    with pytest.raises(UsageError, match="yet to come"):
        opened(venue(), as_of=nanoseconds(NOON + timedelta(hours=1)))


def test_a_second_opening_of_a_key_is_made_on_purpose_only(journal: Journal) -> None:
    first = opened(venue())
    assert write_openings(plan(first, journal), journal, replacing=False) == 4
    assert write_openings(plan(first, journal), journal, replacing=False) == 0

    feed = venue()
    feed.clock.at += timedelta(hours=1)
    second = opened(feed)
    with pytest.raises(UsageError, match=r"BTC/USDT:USDT net .* were opened already"):
        write_openings(plan(second, journal), journal, replacing=False)
    assert journal.last() == 4
    assert write_openings(plan(second, journal), journal, replacing=True) == 4
    assert [row.entry.at for row in journal.read(records="positions")] == [
        *[first[0].at] * 2,
        *[second[0].at] * 2,
    ]


def test_an_opening_is_replaced_by_a_later_one_only(journal: Journal) -> None:
    feed = venue()
    feed.clock.at += timedelta(hours=1)
    write_openings(plan(opened(feed), journal), journal, replacing=False)
    earlier = plan(opened(venue()), journal)
    with pytest.raises(UsageError, match="later than"):
        check(earlier, replacing=True)


def trade(**values: Any) -> Record:
    row = {"symbol": "A", "side": "buy", "quantity": Decimal(1), "price": Decimal(2)}
    row |= {"timestamp": 5, **values}
    return Record(row, {"trade_id": "derived-1"}, 7)


def test_records_become_entries_with_the_account_that_they_lack() -> None:
    own = {"account": "main", "venue": "bybit"}
    found = entries_of([trade()], "trades", source="f.csv", place="f.csv", own=own)
    (entry,) = found.entries
    assert (entry.account, entry.venue, entry.at) == ("main", "bybit", 5)
    assert entry.values["trade_id"] == "derived-1"
    assert not entry.opening
    named = entries_of([trade(account="b", venue="x")], "trades", source="f", place="f", own=own)
    assert named.entries[0].account == "b"


def test_a_record_that_is_no_entry_is_unreadable_and_says_why() -> None:
    found = entries_of([trade(account="b")], "trades", source="f", place="f.csv")
    assert found.entries == ()
    (bad,) = found.quarantined
    assert (bad.row, bad.place) == (7, "f.csv")
    assert "names no venue" in bad.reason
