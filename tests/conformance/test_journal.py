"""What every Journal does, in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tieout.adapters.store import open_store, schema_state, upgrade
from tieout.adapters.store.database import Database
from tieout.adapters.store.schema import _migrate, _write_ahead
from tieout.core.journal import JournalEntry, journal_entry
from tieout.errors import JournalConflict, StoreOutdated
from tieout.ports import Store

NOON = 1_780_000_000_123_456_789


def trade(trade_id: str = "t1", *, source: str = "engine", **changes: Any) -> JournalEntry:
    values: dict[str, Any] = {
        "account": "main",
        "venue": "binance",
        "symbol": "BTC/USDT",
        "trade_id": trade_id,
        "side": "buy",
        "quantity": Decimal("0.1"),
        "price": Decimal("64000.5"),
        "timestamp": NOON,
    }
    return journal_entry("trades", {**values, **changes}, source=source)


def opening(
    total: str = "5", *, at: int = NOON, approved_by: str | None = "ann", account: str = "main"
) -> JournalEntry:
    values = {"currency": "USDT", "wallet": "spot", "total": Decimal(total), "as_of": at}
    return journal_entry(
        "balances",
        values,
        source="venue",
        account=account,
        venue="binance",
        opening=True,
        approved_by=approved_by,
    )


def order(status: str, filled: str) -> JournalEntry:
    values = {
        "order_id": "o1",
        "symbol": "BTC/USDT",
        "quantity": Decimal(1),
        "filled": Decimal(filled),
        "status": status,
        "updated_at": NOON,
    }
    return journal_entry("orders", values, source="engine", account="main", venue="binance")


def ids(store: Store, **where: Any) -> list[str]:
    return [row.entry.id for row in store.journal.read(**where)]


def test_a_new_journal_is_empty(any_store: Store) -> None:
    assert any_store.journal.last() == 0
    assert list(any_store.journal.read()) == []
    assert any_store.journal.append([]) == 0


def test_an_entry_comes_back_with_exact_and_typed_values(any_store: Store) -> None:
    written = trade(
        quantity=Decimal("12345678901234567890.123456789012345678901234567890123456"),
        price=Decimal("1E-18"),
        fee=None,
        trade_date=date(2026, 7, 1),
        sequence=Decimal(7),
        leg="long",
        order_id="a\x00b'\";--\\N\t\n\u2028\U0001f4a5",
    )
    assert any_store.journal.append([written, opening()]) == 2
    first, second = any_store.journal.read()
    assert first.entry == written
    assert second.entry == opening()
    assert first.recorded_at == second.recorded_at > NOON
    assert any_store.journal.last() == second.number > first.number


def test_the_same_fact_again_is_nothing_new(any_store: Store) -> None:
    assert any_store.journal.append([trade()]) == 1
    again = trade(source="import.csv", quantity=Decimal("0.10"), fee=None)
    assert any_store.journal.append([again, trade("t2"), again]) == 1
    assert ids(any_store) == [trade().id, trade("t2").id]
    assert [row.entry.source for row in any_store.journal.read()] == ["engine", "engine"]


@pytest.mark.parametrize("known", [True, False], ids=["in the journal", "in the same call"])
def test_another_content_under_an_id_is_a_conflict_and_adds_nothing(
    any_store: Store, known: bool
) -> None:
    if known:
        any_store.journal.append([trade()])
    late = [trade("t2"), *([] if known else [trade()]), trade(price=Decimal("64000.6"))]
    with pytest.raises(JournalConflict, match="another price"):
        any_store.journal.append(late)
    assert ids(any_store) == ([trade().id] if known else [])


def test_edge_16_an_amended_record_is_an_entry_beside_the_first(any_store: Store) -> None:
    amended = trade(price=Decimal("64000.6"), version=Decimal(2))
    assert any_store.journal.append([trade(), amended]) == 2
    assert ids(any_store) == [trade().id, amended.id]


def test_edge_14_one_id_in_two_accounts_is_two_facts(any_store: Store) -> None:
    assert any_store.journal.append([trade(), trade(account="other"), trade(side="sell")]) == 3


def test_each_step_of_an_order_is_an_entry(any_store: Store) -> None:
    steps = [order("open", "0"), order("partially_filled", "0.5"), order("open", "0")]
    assert any_store.journal.append(steps) == 2


def test_an_opening_is_of_an_instant_and_of_who_approved_it(any_store: Store) -> None:
    proposed = opening(approved_by=None)
    assert any_store.journal.append([proposed, opening(at=NOON + 1)]) == 2
    assert any_store.journal.append([opening()]) == 1
    with pytest.raises(JournalConflict, match="another total"):
        any_store.journal.append([opening("6")])


def test_entries_are_read_by_account_venue_record_and_number(any_store: Store) -> None:
    entries = [trade(), opening(account="other"), trade("t2"), trade("t3", venue="kraken")]
    any_store.journal.append(entries)
    first, other, second, elsewhere = (entry.id for entry in entries)
    assert ids(any_store) == [first, other, second, elsewhere]
    assert ids(any_store, account="main") == [first, second, elsewhere]
    assert ids(any_store, account="main", venue="binance") == [first, second]
    assert ids(any_store, records="balances") == [other]
    numbers = [row.number for row in any_store.journal.read()]
    assert ids(any_store, after=numbers[1]) == [second, elsewhere]
    assert ids(any_store, after=numbers[-1]) == []


def test_many_entries_are_read_across_pages(any_store: Store) -> None:
    entries = [trade(f"t{number}") for number in range(2500)]
    assert any_store.journal.append(entries) == 2500
    assert any_store.journal.append([*entries, trade("more")]) == 1
    assert ids(any_store) == [entry.id for entry in [*entries, trade("more")]]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"quantity": 0.1}, TypeError),
        ({"quantity": 1}, TypeError),
        ({"quantity": Decimal("NaN")}, ValueError),
        ({"price": None}, ValueError),
        ({"side": "BUY"}, ValueError),
        ({"trade_id": None}, ValueError),
        ({"account": None}, ValueError),
        ({"timestamp": "today"}, ValueError),
    ],
)
def test_what_is_no_record_is_no_entry(changes: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        trade(**changes)


def test_a_snapshot_is_an_opening_and_a_fill_is_none(any_store: Store) -> None:
    for entry in (
        structs.replace(opening(), opening=False),
        structs.replace(trade(), opening=True),
    ):
        with pytest.raises(ValueError, match="opening"):
            any_store.journal.append([entry])
    with pytest.raises(ValueError, match="do not go into the journal"):
        any_store.journal.append([structs.replace(trade(), records="pnl")])
    assert any_store.journal.last() == 0


def test_writers_at_once_lose_nothing_and_readers_who_read_on_miss_nothing(
    any_store: Store,
) -> None:
    seen: list[str] = []
    done = threading.Event()

    def write(writer: int) -> None:
        for number in range(40):
            any_store.journal.append([trade(f"{writer}-{number}"), trade(f"both-{number}")])

    def read() -> None:
        after, last = 0, False
        while not last:
            last = done.is_set()
            for row in any_store.journal.read(after=after):
                seen.append(row.entry.id)
                after = row.number

    writers = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert len(seen) == len(set(seen)) == 120
    assert seen == ids(any_store)


# The tables


CHANGES = (
    "UPDATE journal SET content = '{}'",
    "DELETE FROM journal",
    "DELETE FROM journal WHERE number = 1",
)
REPLACED = "INSERT OR REPLACE INTO journal SELECT * FROM journal"


def test_the_database_itself_refuses_changes(any_url: str) -> None:
    store = open_store(any_url)
    store.journal.append([trade()])
    database = store._database
    for statement in (*CHANGES, REPLACED if database.sqlite else "TRUNCATE journal"):
        with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
            connection.execute(text(statement))
        (row,) = store.journal.read()
        assert row.entry == trade()
    store.close()


def triggers(url: str) -> list[Any]:
    database = Database(url)
    query = (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
        if database.sqlite
        else "SELECT pg_get_triggerdef(t.oid), pg_get_functiondef(tgfoid) FROM pg_trigger t "
        "WHERE NOT tgisinternal ORDER BY tgname"
    )
    with database.reading() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    database.close()
    return found


def emptied(url: str) -> None:
    database = Database(url)
    with database.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    database.close()


def test_created_and_migrated_stores_have_the_same_triggers(any_url: str) -> None:
    open_store(any_url).close()
    created = triggers(any_url)
    stepwise = f"{any_url}2"
    if not any_url.startswith("sqlite"):
        stepwise = any_url
        emptied(any_url)
    database = Database(stepwise)
    if database.sqlite:
        _write_ahead(database)
    with database.writing() as connection:
        _migrate(connection)
    database.close()
    assert triggers(stepwise) == created != []


def test_a_store_of_the_first_schema_is_upgraded_and_keeps_its_rows(any_url: str) -> None:
    from alembic import command
    from alembic.config import Config

    database = Database(any_url)
    if database.sqlite:
        _write_ahead(database)
    config = Config()
    config.set_main_option("script_location", "tieout.adapters.store:migrations")
    with database.writing() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO reconciliations (name, fence) VALUES ('r', 3)"))
    database.close()
    with pytest.raises(StoreOutdated, match=r"0001.*0004") as refused:
        open_store(any_url)
    assert "tieout db upgrade" in str(refused.value.hint)
    assert upgrade(any_url).current == "0001"
    assert schema_state(any_url).current == "0004"
    store = open_store(any_url)
    assert store.prior("r").fence == 3
    assert store.journal.append([trade()]) == 1
    store.close()
