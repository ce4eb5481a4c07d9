"""A quiet market for edge cases: only what a test says happens, at the venue and in the book.

The venue is the simulated exchange behind the real adapter, or rows that a test states. The book
is rows in memory: what has happened at the venue, and what a test makes of it. Everything is on
virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from live_world import KEY, SECRET, Alerts, Seen, every, reconciliation
from msgspec.structs import replace

from tieout import wiring
from tieout.config import load
from tieout.core.canonical import nanoseconds
from tieout.core.journal import EVERYTHING, journal_entry
from tieout.core.live import Answer, Ask
from tieout.core.model import Record, Severity, Value
from tieout.core.schema import TRADES
from tieout.service.live.supervisor import Supervisor
from tieout.testing import virtual
from tieout.testing.book import MemoryBook
from tieout.testing.exchange import Account, Exchange, booked
from tieout.testing.exchange.faults import Faults
from tieout.testing.exchange.terms import FeePlan
from tieout.wiring import live

Row = dict[str, Value]
Story = Callable[["Desk"], Awaitable[None]]

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


def all_of(*records: str, **keys: object) -> str:
    """A reconciliation of each of `records`, named like them."""
    return "\n".join(
        reconciliation(each, **keys).replace("  it:", f"  {each}:") for each in records
    )


class Told(MemoryBook):
    """A book or a venue in memory.

    Attributes:
        doubt: why it is not to be believed.
        tape: it lists trades as they were reported, voided ones and voids as well.
    """

    doubt: str | None = None
    tape = False

    async def fetch(self, ask: Ask) -> Answer:
        answer = replace(await super().fetch(ask), doubt=self.doubt)
        if not self.tape or ask.records != "trades" or answer.window is None:
            return answer
        since, until = answer.window
        rows = [row for row in self._rows["trades"] if since <= row["timestamp"] <= until]  # type: ignore[operator]
        names = TRADES.identities[0]
        records = [Record(row, {name: row[name] for name in names}) for row in rows]
        return replace(answer, records=tuple(records))


class Later:
    """Calls something after some seconds, while the block goes on; it was called at its end."""

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._seconds, self._call = seconds, call

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._wait())

    async def __aexit__(self, *error: object) -> None:
        await self._task

    async def _wait(self) -> None:
        await asyncio.sleep(self._seconds)
        self._call()


@dataclass
class Judged:
    """What one comparison came to: the run's row and all breaks that are open after it."""

    row: Any
    breaks: list[Any]

    @property
    def status(self) -> str:
        return str(self.row.status.value)

    @property
    def kinds(self) -> list[str]:
        return sorted(each.content["kind"] for each in self.breaks)

    @property
    def only(self) -> Any:
        """The one break that there is."""
        (found,) = self.breaks
        return found

    @property
    def severity(self) -> Severity:
        return Severity.of(self.only.content["severity"])

    def difference(self, column: str) -> Any:
        """Internal less external of a column of the one break."""
        found = {each["field"]: each for each in self.only.content["differences"]}
        return found[column]["difference"]


@dataclass
class Desk:
    """What a story is told with."""

    exchange: Exchange
    account: Account
    book: Told
    product: str
    supervisor: Supervisor
    store: Any
    clock: Any

    async def compare(self, name: str = "it", **asked: Any) -> Judged:
        """One comparison, confirmations included."""
        (monitor,) = [each for each in self.supervisor.monitors if each.name == name]
        outcome = await monitor.compare(**asked)
        assert outcome is not None, monitor.trouble
        return Judged(outcome.row, list(outcome.breaks()))

    def believe(self, *records: str) -> None:
        """The book has heard of all that has happened, and got everything right."""
        for name in records or tuple(self.book.offers):
            self.book.put(name, *self.rows(name))

    def rows(self, records: str) -> list[Row]:
        """What is true of the account, under the contract of `records`."""
        account, state = self.account, self.account.state
        events = account.history.events
        contracts = self.product == "perp"
        match records:
            case "trades":
                return [
                    booked.trade(account, each.fill, each.sequence)
                    for each in events
                    if each.fill is not None and (":" in each.fill.symbol) is contracts
                ]
            case "movements":
                return [
                    row for each in events for row in booked.movements(account, each, self.product)
                ]
            case "orders":
                known = account.orders.values()
                return [
                    booked.order(account, each)
                    for each in known
                    if (":" in each.symbol) is contracts
                ]
            case "positions":
                return [
                    {"symbol": symbol, "leg": leg, "quantity": each.quantity}
                    for (symbol, leg), each in state.positions.items()
                    if each.quantity and contracts
                ]
        wallet = account.perpetual_wallet if contracts else account.spot_wallet
        return [
            {"currency": asset, "wallet": name, "total": amount}
            for (name, asset), amount in state.wallets.items()
            if name == wallet and amount
        ]

    def nanoseconds(self) -> int:
        """The present time, UTC."""
        return nanoseconds(self.clock.now())

    async def opened(self, *, average: Decimal | None = None) -> None:
        """Write opening entries of what there is now: positions at `average`, and all balances."""
        at = self.nanoseconds()
        said: dict[str, Any] = {"account": "main", "venue": "binance", "source": "test"}
        said |= {"opening": True, "approved_by": "ada"}
        for records, column in (("positions", "symbol"), ("balances", "currency")):
            amount = "quantity" if records == "positions" else "total"
            rows: list[Row] = [{column: EVERYTHING, amount: Decimal(0)}, *self.rows(records)]
            for row in rows:
                if records == "positions" and average is not None and row[column] != EVERYTHING:
                    row["average_price"] = average
                entry = journal_entry(records, {**row, "as_of": at}, **said)
                self.store.journal.append([entry])
        await asyncio.sleep(1)

    def journal(self, *, since: int = 0, backwards: bool = False) -> None:
        """Write the trades, from number `since` on, and the movements into the ledger."""
        said = {"account": "main", "venue": "binance", "source": "test"}
        rows = [("trades", row) for row in self.rows("trades")[since:]]
        rows += [("movements", row) for row in self.rows("movements")]
        entries = [journal_entry(records, row, **said) for records, row in rows]
        for entry in reversed(entries) if backwards else entries:
            self.store.journal.append([entry])

    def change(self, records: str, number: int = -1, **values: Value) -> None:
        """The book is right but for one row of `records`."""
        rows = self.rows(records)
        rows[number] |= values
        self.book.put(records, *rows)

    def forget(self, records: str, number: int = -1) -> None:
        """The book is right but has never heard of one row of `records`."""
        rows = self.rows(records)
        del rows[number]
        self.book.put(records, *rows)


def tell(
    tmp: Path,
    monkeypatch: Any,
    reconcile: str,
    story: Story,
    *,
    product: str = "perp",
    hedged: bool = False,
    visibility: tuple[float, float] = (0.0, 0.0),
    faults: Faults | None = None,
    offers: tuple[str, ...] = ("positions", "balances", "orders", "trades", "movements"),
    stated: MemoryBook | None = None,
    sources: str = "",
    endow: bool = True,
    fees: FeePlan | None = None,
    ledger: bool = False,
) -> Seen:
    """Run a story, and return what was alerted.

    Args:
        reconcile: lines of YAML under `reconciliations:`.
        stated: what stands in place of the exchange: rows that a test states.
        sources: further lines of YAML under `sources:`.
        ledger: the book is the embedded ledger, written by `Desk.opened` and `Desk.journal`.
    """
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)
    path = tmp / "live.yaml"
    path.write_text(f"""
version: 1
reporting_currency: USDT
sources:
  book: {{type: {"book" if ledger else "frame"}}}
  binance:
    type: venue
    venue: binance_{product}
    account: main
    api_key: env:VENUE_KEY
    secret: env:VENUE_SECRET
    options: {{rate_limit: false}}
{sources}
reconciliations:
{reconcile}
""")
    seen = Seen()

    async def main() -> None:
        clock = virtual.VirtualClock()
        exchange = Exchange(
            clock, seed=1, visibility=visibility, limits=False, faults=faults or Faults(1)
        )
        account = exchange.open("binance", "main", key=KEY, secret=SECRET, hedged=hedged, fees=fees)
        if endow:
            account.deposit("USDT", "100000")
            if product == "perp":
                account.transfer("USDT", "50000", account.spot_wallet, account.perpetual_wallet)
        book = Told(clock, venue="binance", offers=offers)
        feeds: dict[str, Any] = {} if ledger else {"book": book}
        if stated is not None:
            stated._clock = clock  # it was made before there was a clock
            feeds["binance"] = stated
        world = live.World(clock=clock, transport=exchange.transport(), every=every, inline=True)
        with closing(wiring.open_store("sqlite://")) as store:
            async with live.supervised(
                load(path), store, feeds=feeds, notifier=Alerts(seen), world=world
            ) as supervisor:
                await asyncio.sleep(60)
                await story(Desk(exchange, account, book, product, supervisor, store, clock))

    virtual.run(main())
    return seen
