"""A book whose database does not answer: nobody else waits for it, and it says so at once."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from tieout import wiring
from tieout.adapters.books.apart import Apart
from tieout.adapters.books.freqtrade import FreqtradeBook, FreqtradeSettings
from tieout.adapters.books.ledger import LedgerBook
from tieout.adapters.books.query import Query, QueryBook
from tieout.adapters.sql.connection import lively
from tieout.adapters.sql.source import SqlSettings, SqlSource
from tieout.core.live import Ask
from tieout.core.read import Reading
from tieout.core.scan import Batches, Scan
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SLOW = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
    " SELECT 'BTC/USDT' AS symbol, max(i) AS quantity FROM n"
)
"""It never ends."""


class Noon:
    def now(self) -> datetime:
        return NOON


class Hanging:
    """A source that answers once it is let go."""

    name = "oms"

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked = 0

    def scan(self, *, business_date: date) -> Scan:
        self.asked += 1
        self.let_go.wait(30)
        return Scan("oms", Batches(("symbol", "quantity"), lambda: iter(())), inputs=tuple)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    found = Hanging()
    yield found
    found.let_go.set()


def book(open_: Callable[[], AbstractContextManager[Any]], timeout: float = 0.1) -> QueryBook:
    reading = Reading(
        "oms", RECORD_TYPES["positions"], constants={"account": "main", "venue": "bybit"}
    )
    return QueryBook("oms", {"positions": Query(open_, reading)}, Noon(), timeout=timeout)


async def refused(asking: Awaitable[object]) -> tuple[str, float]:
    """With which words, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        await asking
    return str(caught.value), time.monotonic() - began


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == "tieout-oms"]


def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_while_one_question_hangs_no_other_is_put(hanging: Hanging) -> None:
    opened = book(lambda: nullcontext(hanging))

    async def asked() -> None:
        said, _ = await refused(opened.fetch(Ask("positions")))
        assert "the query took longer than 0.1 s" in said
        for question in (opened.fetch(Ask("positions")), opened.version(), opened.symbols()):
            said, seconds = await refused(question)
            assert "the database still hangs: what it was asked 0 s ago is not answered" in said
            assert seconds < 0.05
        assert hanging.asked == 1

    asyncio.run(asked())
    assert len(threads()) == 1


def test_it_is_asked_again_once_it_has_answered(hanging: Hanging) -> None:
    opened = book(lambda: nullcontext(hanging))

    async def asked() -> None:
        await refused(opened.fetch(Ask("positions")))
        hanging.let_go.set()
        until(lambda: not threads())
        answer = await opened.fetch(Ask("positions"))
        assert (answer.records, hanging.asked) == ((), 2)

    asyncio.run(asked())


def test_questions_side_by_side_each_have_their_own_thread(hanging: Hanging) -> None:
    """As many as there were, and none after them."""
    opened = book(lambda: nullcontext(hanging))

    async def asked() -> None:
        many = [refused(opened.fetch(Ask("positions"))) for _ in range(12)]
        assert all("took longer" in said for said, _ in await asyncio.gather(*many))
        await refused(opened.fetch(Ask("positions")))

    asyncio.run(asked())
    assert (len(threads()), hanging.asked) == (12, 12)


def test_no_other_book_and_no_name_lookup_waits_for_one_that_hangs(hanging: Hanging) -> None:
    """Its threads are its own: those of the loop, which look names up, are not taken."""
    books = [book(lambda: nullcontext(hanging)) for _ in range(40)]

    async def asked() -> None:
        hung = [refused(each.fetch(Ask("positions"))) for each in books]
        await asyncio.gather(*hung)
        with closing(wiring.open_store("sqlite://")) as store:
            ledger = LedgerBook("book", store.journal, clock=Noon())
            async with asyncio.timeout(5):
                assert (await ledger.fetch(Ask("trades", since=0))).records == ()
                await asyncio.to_thread(lambda: None)

    began = time.monotonic()
    asyncio.run(asked())  # the end of the loop waits for no thread of theirs either
    assert time.monotonic() - began < 10


def test_a_question_that_was_dropped_before_it_began_hangs_nowhere() -> None:
    apart = Apart("oms", 0.05)

    async def asked() -> None:
        for _ in range(50):
            task = asyncio.create_task(apart.read(lambda: time.sleep(0.001)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0.1)
        assert await apart.read(lambda: 1) == 1

    asyncio.run(asked())


def test_a_journal_that_hangs_is_an_error_and_never_stops_the_loop() -> None:
    """Whoever reads it holds a lock: nothing on the loop may wait for that."""
    let_go = threading.Event()

    class Hung:
        def read(self, **_: object) -> Iterator[Any]:
            let_go.wait(30)
            return iter(())

    ledger = LedgerBook("book", Hung(), clock=Noon(), timeout=0.2)  # type: ignore[arg-type]

    async def asked() -> None:
        first = asyncio.create_task(refused(ledger.fetch(Ask("positions"))))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(refused(ledger.version()))
        began = time.monotonic()
        await asyncio.sleep(0.05)
        assert time.monotonic() - began < 0.15
        assert "the journal was not read in 0.2 s" in (await first)[0]
        assert "the journal was not read in 0.2 s" in (await second)[0]
        said, _ = await refused(ledger.counting())
        assert "still hangs" in said

    try:
        asyncio.run(asked())
    finally:
        let_go.set()


def test_sqlite_ends_by_itself_what_nobody_waits_for(tmp_path: Path) -> None:
    path = tmp_path / "oms.db"
    sqlite3.connect(path).close()
    settings = SqlSettings("oms", f"sqlite:///{path}", SLOW, timeout=0.2)
    opened = book(lambda: SqlSource(settings))
    with pytest.raises(SourceError, match="took longer"):
        asyncio.run(opened.fetch(Ask("positions")))
    until(lambda: not threads())


def test_a_query_without_a_limit_takes_its_time(tmp_path: Path) -> None:
    """In a run of files nobody else waits."""
    path = tmp_path / "oms.db"
    sqlite3.connect(path).close()
    query = SLOW.replace("FROM n)", "FROM n WHERE i < 300000)")
    with SqlSource(SqlSettings("oms", f"sqlite:///{path}", query)) as source:
        scan = source.scan(business_date=NOON.date())
        assert isinstance(scan.rows, Batches)
        assert sum(len(batch) for batch in scan.rows.read()) == 1


@pytest.mark.postgres
def test_postgresql_ends_by_itself_what_nobody_waits_for(postgres_url: str) -> None:
    query = "SELECT 'BTC/USDT' AS symbol, 1 AS quantity FROM pg_sleep(60)"
    opened = book(lambda: SqlSource(SqlSettings("oms", postgres_url, query, timeout=0.3)), 0.2)
    with pytest.raises(SourceError, match="took longer"):
        asyncio.run(opened.fetch(Ask("positions")))
    until(lambda: not threads())


@pytest.mark.postgres
def test_a_limit_is_of_its_transaction_and_the_url_keeps_its_options(postgres_url: str) -> None:
    """A pooler would give the session to others; `options` of the URL say where the tables are."""
    url = make_url(postgres_url).update_query_dict({"options": "-csearch_path=bot"})
    engine = create_engine(url, connect_args=lively(url))
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA bot"))
        connection.execute(text("CREATE TABLE bot.trades (id INTEGER)"))
    engine.dispose()
    settings = FreqtradeSettings("bot", url.render_as_string(hide_password=False))
    with pytest.raises(SourceError, match="lacks the table 'orders'"):
        asyncio.run(FreqtradeBook(settings, Noon()).symbols())


def test_what_the_url_says_of_its_connection_counts() -> None:
    url = make_url("postgresql+psycopg://a@b/c?connect_timeout=60")
    assert "connect_timeout" not in lively(url)
    assert lively(url)["keepalives"] == 1
    assert lively(make_url("sqlite:///a.db")) == {}
