"""What every Book does: in memory, the ledger, freqtrade, an engine, a database by query."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from books import HOLDERS, SECOND, Holder, at

from tieout.core.live import EVENTS, SNAPSHOTS, Answer, Ask
from tieout.core.schema import RECORD_TYPES, ColumnType
from tieout.errors import SourceError

_TYPES = {
    ColumnType.TEXT: str,
    ColumnType.DECIMAL: Decimal,
    ColumnType.TIME: int,
    ColumnType.DATE: date,
}


@pytest.fixture(params=sorted(HOLDERS))
def holder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Holder]:
    with HOLDERS[request.param](tmp_path) as opened:
        yield opened
        asyncio.run(opened.book.aclose())


def ask(holder: Holder, records: str, /, **question: Any) -> Answer:
    return asyncio.run(holder.book.fetch(Ask(records, **question)))


def version(holder: Holder) -> str:
    return asyncio.run(holder.book.version())


def held(answer: Answer) -> dict[str, Decimal]:
    """Positions by symbol, without the one that a database always has."""
    found = {str(r.values["symbol"]): r.values["quantity"] for r in answer.records}
    found.pop("DUST/USDT", None)
    return found  # type: ignore[return-value]


def ids(answer: Answer) -> set[str]:
    return {str(record.values["order_id"]) for record in answer.records} - {"D"}


def test_positions_are_exact_and_signed(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "0.30")
    holder.position("ETH/USDT:USDT", "-12.5")
    answer = ask(holder, "positions")
    assert held(answer) == {"BTC/USDT:USDT": Decimal("0.3"), "ETH/USDT:USDT": Decimal("-12.5")}
    assert answer.complete
    assert answer.symbols is None


def test_records_are_under_their_contract_with_their_identity(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "1")
    holder.order("1", "BTC/USDT:USDT", "open", at(1))
    holder.trade("2", "BTC/USDT:USDT", at(2))
    for records in ("positions", "orders", "trades"):
        contract = RECORD_TYPES[records]
        answer = ask(holder, records)
        assert answer.records
        assert len({tuple(each.identity.items()) for each in answer.records}) == len(answer.records)
        for record in answer.records:
            for name, value in record.values.items():
                column = contract.columns[name]
                assert value is None or isinstance(value, _TYPES[column.type]), name
                assert value is not None or not column.required, name
            assert tuple(record.identity) == contract.identity(set(record.values))
            assert None not in record.identity.values()
            assert record.values["venue"] == "binance"
            assert record.values["account"] == "main"


def test_an_answer_says_who_when_and_what_was_asked(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "1")
    question = Ask("positions", symbols=frozenset({"BTC/USDT:USDT"}))
    answer = asyncio.run(holder.book.fetch(question))
    assert (answer.source, answer.ask) == (holder.book.name, question)
    assert answer.asked_at < answer.answered_at
    assert all(
        answer.asked_at <= record.values["as_of"] <= answer.answered_at  # type: ignore[operator]
        for record in answer.records
    )


def test_edge_07_symbols_restrict_what_is_given_and_covered(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "1")
    holder.position("ETH/USDT:USDT", "2")
    wanted = frozenset({"ETH/USDT:USDT", "SOL/USDT:USDT"})
    answer = ask(holder, "positions", symbols=wanted)
    assert held(answer) == {"ETH/USDT:USDT": Decimal(2)}
    assert answer.symbols == wanted, "that SOL is flat is known as well"


def test_open_orders_are_given_without_a_window(holder: Holder) -> None:
    holder.order("1", "BTC/USDT:USDT", "open", at(1))
    holder.order("2", "BTC/USDT:USDT", "filled", at(2))
    holder.order("3", "BTC/USDT:USDT", "cancelled", at(3))
    assert ids(ask(holder, "orders")) == {"1"}
    assert ask(holder, "orders").complete


def test_closed_orders_are_given_for_a_window_or_are_not_known(holder: Holder) -> None:
    holder.order("1", "BTC/USDT:USDT", "open", at(1))
    holder.order("2", "BTC/USDT:USDT", "filled", at(2))
    holder.order("3", "BTC/USDT:USDT", "filled", at(3))
    answer = ask(holder, "orders", since=at(3), until=at(9))
    assert ids(answer) == {"1", "3"}


def test_edge_09_trades_are_inside_a_window_with_both_its_ends(holder: Holder) -> None:
    for second in range(1, 6):
        holder.trade(str(second), "BTC/USDT:USDT", at(second))
    answer = ask(holder, "trades", since=at(2), until=at(4))
    assert ids(answer) == {"2", "3", "4"}
    assert answer.window == (at(2), at(4))


def test_edge_08_the_future_is_not_covered(holder: Holder) -> None:
    holder.trade("1", "BTC/USDT:USDT", at(1))
    answer = ask(holder, "trades", since=at(0), until=at(86_400))
    assert ids(answer) == {"1"}
    assert answer.window is not None
    assert answer.window[1] <= answer.answered_at < at(86_400)


def test_edge_24_an_unreadable_position_is_unknown_and_the_others_are_known(
    holder: Holder,
) -> None:
    holder.position("BTC/USDT:USDT", "1")
    holder.spoil("ETH/USDT:USDT")
    answer = ask(holder, "positions")
    assert held(answer) == {"BTC/USDT:USDT": Decimal(1)}
    assert [row.values["symbol"] for row in answer.quarantined] == ["ETH/USDT:USDT"]
    assert not answer.complete
    assert ask(holder, "positions", symbols=frozenset({"BTC/USDT:USDT"})).complete


def test_an_empty_book_is_flat_where_it_can_say_so(holder: Holder) -> None:
    if not holder.can_be_empty:
        pytest.skip("no rows at all are a failed query")
    for records in sorted(holder.book.offers):
        answer = ask(holder, records)
        assert answer.records == ()
        assert answer.complete


def test_edge_05_a_failure_is_an_error_for_every_question(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "1")
    ask(holder, "positions")
    holder.break_()
    for records in sorted(holder.book.offers):
        with pytest.raises(SourceError):
            ask(holder, records)
    with pytest.raises(SourceError):
        version(holder)


def test_what_is_not_offered_is_an_error(holder: Holder) -> None:
    assert holder.book.offers <= {*SNAPSHOTS, *EVENTS}
    for records in {"pnl", "prices", *SNAPSHOTS, *EVENTS} - holder.book.offers:
        with pytest.raises(SourceError):
            ask(holder, records)


def test_edge_02_the_version_changes_with_what_would_be_answered(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "1")
    seen = [version(holder)]
    assert version(holder) == seen[0]
    holder.position("ETH/USDT:USDT", "1")
    seen.append(version(holder))
    holder.order("1", "BTC/USDT:USDT", "open", at(1))
    seen.append(version(holder))
    holder.trade("2", "BTC/USDT:USDT", at(2))
    seen.append(version(holder))
    assert len(set(seen)) == len(seen)


def test_equal_versions_are_equal_answers(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "1")
    before, first = version(holder), ask(holder, "positions")
    second, after = ask(holder, "positions"), version(holder)
    assert before == after
    assert held(first) == held(second)


def test_it_may_be_asked_by_many_at_once(holder: Holder) -> None:
    holder.position("BTC/USDT:USDT", "1")
    holder.trade("2", "BTC/USDT:USDT", at(2))

    async def many() -> list[Answer]:
        questions = [Ask("positions"), Ask("trades"), Ask("orders")] * 3
        return await asyncio.gather(*(holder.book.fetch(each) for each in questions))

    answers = asyncio.run(many())
    assert [held(each) for each in answers[::3]] == [{"BTC/USDT:USDT": Decimal(1)}] * 3
    assert [ids(each) for each in answers[1::3]] == [{"2"}] * 3


def test_it_may_be_closed_more_than_once(holder: Holder) -> None:
    ask(holder, "positions")
    asyncio.run(holder.book.aclose())
    asyncio.run(holder.book.aclose())


def test_times_are_whole_seconds_in_these_tests() -> None:
    assert at(2) - at(1) == SECOND
