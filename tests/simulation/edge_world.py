"""A quiet market for edge cases: only what a test says happens, at the venue and in the book.

The venue is the simulated exchange behind the real adapter, or rows that a test states. The book
is rows in memory: what has happened at the venue, and what a test makes of it. Everything is on
virtual time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from live_world import KEY, SECRET, Alerts, Seen, every

from tieout import wiring
from tieout.config import load
from tieout.core.model import Severity, Value
from tieout.service.live.supervisor import Supervisor
from tieout.testing import virtual
from tieout.testing.book import MemoryBook
from tieout.testing.exchange import Account, Exchange, booked
from tieout.testing.exchange.faults import Faults
from tieout.wiring import live

Row = dict[str, Value]
Story = Callable[["Desk"], Awaitable[None]]

PERP, SPOT = "BTC/USDT:USDT", "BTC/USDT"


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
    book: MemoryBook
    product: str
    supervisor: Supervisor
    store: Any
    clock: Any
    others: Mapping[str, MemoryBook] = field(default_factory=dict)

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
) -> Seen:
    """Run a story, and return what was alerted.

    Args:
        reconcile: lines of YAML under `reconciliations:`.
        stated: what stands in place of the exchange: rows that a test states.
        sources: further lines of YAML under `sources:`; those named in `others` are in memory.
    """
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)
    path = tmp / "live.yaml"
    path.write_text(f"""
version: 1
reporting_currency: USDT
sources:
  book: {{type: frame}}
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
        account = exchange.open("binance", "main", key=KEY, secret=SECRET, hedged=hedged)
        if endow:
            account.deposit("USDT", "100000")
            if product == "perp":
                account.transfer("USDT", "50000", account.spot_wallet, account.perpetual_wallet)
        book = MemoryBook(clock, venue="binance", offers=offers)
        feeds: dict[str, Any] = {"book": book}
        if stated is not None:
            stated._clock = clock  # it was made before there was a clock
            feeds["binance"] = stated
        world = live.World(clock=clock, transport=exchange.transport(), every=every, inline=True)
        with closing(wiring.open_store("sqlite://")) as store:
            async with live.supervised(
                load(path), store, feeds=feeds, notifier=Alerts(seen), world=world
            ) as supervisor:
                await asyncio.sleep(60)
                await story(
                    Desk(exchange, account, book, product, supervisor, store, clock)
                )

    virtual.run(main())
    return seen
