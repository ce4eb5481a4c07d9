"""freqtrade's database as a book: read by SQL, both tables at one instant, changed by nothing.

Tables and columns are those of freqtrade 2026.9. An older database lacks some of them, and is
refused by name: freqtrade itself brings it up to date when it starts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from tieout.adapters.books import freqtrade_holdings as held
from tieout.adapters.books import freqtrade_rows as rows_of
from tieout.adapters.books.apart import Apart
from tieout.adapters.books.freqtrade_rows import ORDER_COLUMNS, TRADE_COLUMNS, Naming, Snapshot
from tieout.adapters.sql.connection import engine, limited, refused
from tieout.core.asked import answered
from tieout.core.canonical import nanoseconds
from tieout.core.live import Answer, Ask
from tieout.errors import SourceError, SourceMissing
from tieout.ports import Clock

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

OFFERS: Final = frozenset({"positions", "balances", "orders", "trades"})
_TABLES: Final = {"trades": TRADE_COLUMNS, "orders": ORDER_COLUMNS}
_FLOATS: Final = "numbers are freqtrade's doubles, read as their shortest decimals"
_NOTES: Final = {
    "positions": (_FLOATS, "average prices are rounded by freqtrade to the price's precision"),
    "balances": (_FLOATS, "freqtrade knows what it holds of base currencies, not of the stake"),
    "orders": (_FLOATS,),
    "trades": (_FLOATS, "one record an order: freqtrade does not know single fills"),
}


@dataclass(frozen=True)
class FreqtradeSettings:
    """Where freqtrade's database is, and what it does not say itself.

    Attributes:
        url: a SQLAlchemy URL, `sqlite:////path/tradesv3.sqlite`; secrets are resolved already.
        account: the account that the bot trades on; None: records name none.
        venue: only trades on this exchange, under this name: `gateio` for freqtrade's `gate`.
        fees: trades with fee and fee_currency where they are known exactly; None elsewhere.
        dry_run: accept a database with paper trades.
        timeout: seconds for one reading.
    """

    name: str
    url: str
    account: str | None = None
    venue: str | None = None
    fees: bool = False
    dry_run: bool = False
    timeout: float = 10.0


class FreqtradeBook:
    """Implements `ports.Book`."""

    def __init__(self, settings: FreqtradeSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._naming = Naming(settings.name, settings.account, settings.venue, settings.fees)
        self._apart = Apart(settings.name, settings.timeout)
        self._engine: Engine | None = None
        self._checked = False

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def offers(self) -> frozenset[str]:
        return OFFERS

    async def fetch(self, ask: Ask) -> Answer:
        """Raises SourceError: the database cannot be read, is older, or is of a dry run."""
        if ask.records not in OFFERS:
            raise SourceError(
                f"freqtrade has no {ask.records}",
                where=self.name,
                hint=f"it has {', '.join(sorted(OFFERS))}",
            )
        asked_at = nanoseconds(self._clock.now())
        rows = await self._snapshot()
        covered = None
        match ask.records:
            case "positions":
                records, unreadable = held.positions(rows, self._naming, asked_at)
            case "balances":
                records, unreadable = held.balances(rows, self._naming, asked_at)
                covered = held.based(rows)
            case "orders":
                records, unreadable = rows_of.orders(rows, self._naming)
            case _:
                records, unreadable = rows_of.trades(rows, self._naming)
        return answered(
            self.name,
            ask,
            records,
            unreadable,
            asked_at=asked_at,
            answered_at=nanoseconds(self._clock.now()),
            covered=covered,
            notes=_NOTES[ask.records],
        )

    async def version(self) -> str:
        """A digest of every row that an answer is made from."""
        rows = await self._snapshot()
        content = repr([[tuple(row.values()) for row in table] for table in rows])
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()

    async def symbols(self) -> frozenset[str]:
        """Every pair that it ever traded."""
        return frozenset(str(trade["pair"]) for trade in (await self._snapshot()).trades)

    async def aclose(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
        self._engine = None

    async def _snapshot(self) -> Snapshot:
        try:
            rows = await self._apart.read(self._read)
        except TimeoutError:
            raise SourceError(
                f"the database did not answer in {self._settings.timeout:g} s",
                where=self.name,
                hint="is it locked, or on a slow disk?",
            ) from None
        rows = self._on_venue(rows)
        self._check_real(rows)
        return rows

    def _on_venue(self, rows: Snapshot) -> Snapshot:
        """The trades on the venue. That there are only others is a mistake, and not a flat book."""
        wanted = self._settings.venue
        if not wanted:
            return rows
        trades = [trade for trade in rows.trades if _alike(str(trade["exchange"]), wanted)]
        if rows.trades and not trades:
            there = sorted({str(trade["exchange"]) for trade in rows.trades})
            raise SourceError(
                f"the database has trades on {', '.join(there)}, and none on {wanted}",
                where=self.name,
                hint="name the database of the bot that trades there, or its `venue`",
            )
        elsewhere = {trade["id"] for trade in rows.trades} - {trade["id"] for trade in trades}
        kept = [order for order in rows.orders if order["ft_trade_id"] not in elsewhere]
        return Snapshot(trades, kept)

    def _check_real(self, rows: Snapshot) -> None:
        paper = sum(str(order["order_id"]).startswith("dry_run") for order in rows.orders)
        if paper and not self._settings.dry_run:
            raise SourceError(
                f"{paper:,} of {len(rows.orders):,} orders are paper trades of a dry run, which no"
                " exchange knows",
                where=self.name,
                hint="name the database of the live bot, or say `dry_run: true`",
            )

    def _read(self) -> Snapshot:
        from sqlalchemy.exc import SQLAlchemyError

        url = self._settings.url
        try:
            with self._connected() as connection:
                if not self._checked:
                    self._check_schema(connection)
                return Snapshot(
                    _table(connection, "trades", TRADE_COLUMNS),
                    _table(connection, "orders", ORDER_COLUMNS),
                )
        except SQLAlchemyError as error:
            raise refused(error, url, self.name) from None

    def _connected(self) -> Connection:
        """A connection that can only read, with one view of both tables."""
        if self._engine is None:
            self._engine = _opened(self._settings)
        connection = self._engine.connect()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.exec_driver_sql("BEGIN")
        else:
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        limited(connection, self._settings.timeout)
        return connection

    def _check_schema(self, connection: Connection) -> None:
        from sqlalchemy import inspect

        inspector = inspect(connection)
        there = set(inspector.get_table_names())
        if absent := [name for name in _TABLES if name not in there]:
            raise SourceMissing(
                f"this is no database of freqtrade: it lacks the table {absent[0]!r}",
                where=self.name,
                hint=f"it has {', '.join(sorted(there)[:5])}" if there else "it has no tables",
            )
        missing = [
            f"{table}.{column}"
            for table, columns in _TABLES.items()
            for column in sorted(
                set(columns) - {each["name"] for each in inspector.get_columns(table)}
            )
        ]
        if missing:
            raise SourceError(
                f"the database is of another version of freqtrade: it lacks {', '.join(missing)}",
                where=self.name,
                hint="start a freqtrade of 2026.9 or later on it once (after a backup), which"
                " brings it up to date; or read it with `type: sql`",
            )
        self._checked = True


def _opened(settings: FreqtradeSettings) -> Engine:
    """An engine whose SQLite connections cannot write, not even by mistake."""
    from sqlalchemy import make_url

    first = engine(settings.url, settings.name)
    url = make_url(settings.url)
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "sqlite":
        arguments["timeout"] = settings.timeout
        if url.database and not url.database.startswith((":", "file:")):
            path = quote(str(Path(url.database).absolute()))
            url = url.set(database=f"file:{path}")
            url = url.update_query_dict({"mode": "ro", "uri": "true"})
    first.dispose()
    return engine(url.render_as_string(hide_password=False), settings.name, arguments)


def _alike(one: str, other: str) -> bool:
    """Whether two names may mean one exchange: `gateio` is `gate` elsewhere."""
    one, other = one.lower(), other.lower()
    return one.startswith(other) or other.startswith(one)


def _table(connection: Connection, name: str, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    from sqlalchemy import column, select, table

    named = table(name, *(column(each) for each in columns))
    result = connection.execute(select(named).order_by(named.c.id))
    return [dict(row) for row in result.mappings()]
