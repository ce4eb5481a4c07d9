"""What of a journal answers a question is what looking at all of it would find."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tieout.adapters.books.journaled import Journaled
from tieout.core.asked import answered, identified
from tieout.core.journal import JournalEntry, journal_entry
from tieout.core.ledger.facts import placed
from tieout.core.live import Answer, Ask
from tieout.core.model import Record

NAMES = ("account", "venue", "symbol", "trade_id", "side", "quantity", "price", "timestamp",
         "supersedes", "version", "sequence", "exec_type")  # fmt: skip
FEW = st.integers(1, 5)
TRADES = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(["BTC/USDT", "ETH/USDT"]),
        "trade_id": FEW.map(str) | st.integers(10, 999).map(str),
        "side": st.sampled_from(["buy", "sell"]),
        "quantity": FEW.map(Decimal),
        "price": FEW.map(Decimal),
        "timestamp": st.integers(0, 20),
    },
    optional={
        "supersedes": FEW.map(str),
        "version": FEW.map(Decimal),
        "sequence": FEW.map(Decimal),
        "exec_type": st.sampled_from(["bust", "correct"]),
    },
)


def entry(values: dict[str, Any]) -> JournalEntry:
    return journal_entry("trades", values, account="main", venue="binance", source="t")


def answer(entries: list[JournalEntry], ask: Ask, now: int) -> Answer:
    blank = dict.fromkeys(NAMES)
    rows = [Record({**blank, **placed(each)}, {}, n) for n, each in enumerate(entries, 1)]
    records, unreadable = identified(rows, "trades", source="book", place="journal")
    return answered("book", ask, records, unreadable, asked_at=now, answered_at=now)


def told(found: Answer) -> Any:
    return (
        [record.values for record in found.records],
        [row.values for row in found.quarantined],
    )


@given(
    st.lists(TRADES.map(entry), max_size=14, unique_by=lambda each: each.id),
    st.none() | st.integers(0, 20),
    st.none() | st.integers(0, 20),
    st.none() | st.just(frozenset({"BTC/USDT"})),
    st.integers(0, 25),
)
def test_an_answer_is_that_of_the_whole_journal(
    entries: list[JournalEntry],
    since: int | None,
    until: int | None,
    symbols: frozenset[str] | None,
    now: int,
) -> None:
    journaled = Journaled()
    for each in entries:
        journaled.add(each)
        journaled.add(each)
    ask = Ask("trades", since, until, symbols)
    whole = [each for each in entries if each.at <= now]
    assert told(answer(journaled.asked(ask, now), ask, now)) == told(answer(whole, ask, now))


def test_what_is_not_asked_for_is_not_looked_at() -> None:
    journaled = Journaled()
    for number in range(1000):
        price = Decimal(number + 1)
        journaled.add(
            entry(
                {"symbol": "BTC/USDT", "trade_id": str(number), "side": "buy",
                 "quantity": Decimal(1), "price": price, "timestamp": number,
                 "sequence": Decimal(number)}
            )
        )  # fmt: skip
    found = journaled.asked(Ask("trades", 990, None), 2000)
    assert [each.values["timestamp"] for each in found] == list(range(990, 1000))
    assert journaled.places == {("main", "binance")}
    assert journaled.symbols == {"BTC/USDT"}
