"""`tieout demo live`: an exchange, a book that loses a fill, and the monitors that find it."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tieout import wiring
from tieout.cli.console import Options, count, note, out, paint, plain_text
from tieout.cli.demo import MARK, prepare
from tieout.cli.summary import break_line, subject, what_differs
from tieout.config import load
from tieout.core.journal import EVERYTHING, JournalEntry, journal_entry
from tieout.core.model import Severity
from tieout.core.money import plain
from tieout.errors import MissingExtra, UsageError
from tieout.present import reasons

if TYPE_CHECKING:
    from tieout.core.rows import BreakRow
    from tieout.ports import Store
    from tieout.service.live.monitor import Monitor
    from tieout.service.live.supervisor import Supervisor
    from tieout.service.runs import RunOutcome
    from tieout.testing.exchange import Account, Exchange
    from tieout.testing.exchange.records import Event, Fill

LEAST: Final = 10
"""Seconds in which it can show something."""

LATE: Final = 60.0
"""Seconds that it goes on for at most, where the machine is too busy to have found all in time."""

SYMBOLS: Final = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
VICTIM: Final = SYMBOLS[0]
KEY, SECRET = "demo", "opens nothing but the simulated exchange"
NEEDED: Final = ("aiohttp", "apscheduler", "ccxt", "polars")

WORDS: Final = {"incomplete": "not decided yet", "failed": "not compared"}

CONFIG: Final = """\
# What `tieout demo live` wrote. The exchange is gone, the store is still here.
version: 1
reporting_currency: USDT
store: sqlite:///{store}
sources:
  book: {{type: book}}
  exchange:
    type: venue
    venue: binance_perp
    account: main
    api_key: file:{directory}/key
    secret: file:{directory}/secret
    base_url: {base_url}
    ws_url: {ws_url}
    lag: 1s
    options: {{rate_limit: false}}   # it has no other customers
reconciliations:
  positions:
    records: positions
    internal: book
    external: exchange
    every: 3s
    grace: 2s
    compare: {{average_price: {{relative: 0.001%}}}}   # the exchange rounds it
  balances: {{records: balances, internal: book, external: exchange, every: 3s, grace: 2s}}
  trades: {{records: trades, internal: book, external: exchange, every: 3s, grace: 2s}}
"""


def demo_live(seconds: int, directory: Path | None, options: Options) -> int:
    """Run it. Returns 0 where the drift was found, traced to its trade, and cleared again.

    Raises:
        MissingExtra: what speaks to venues is not installed.
        UsageError: the directory is somebody else's; or there is too little time.
    """
    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtra("venues", "`tieout demo live`")
    if seconds < LEAST:
        raise UsageError(f"--seconds {seconds} is too short", hint=f"{LEAST} or more")
    logging.basicConfig(level=logging.ERROR)
    with _directory(directory) as where:
        shown = asyncio.run(_shown(seconds, where))
        if directory is not None:
            note(f"its store is in {where}: tieout runs list -c {where}/tieout.yaml", options)
    return 0 if shown else 2


@contextmanager
def _directory(given: Path | None) -> Iterator[Path]:
    """Where the configuration and the store are; without one, nothing is left."""
    if given is not None:
        prepare(given)
        yield given.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="tieout-") as made:
        (Path(made) / MARK).touch()
        yield Path(made)


@dataclass
class Engine:
    """A trading engine's feed into the book: it hears of everything late, and once not at all.

    Attributes:
        lose: let it lose the next fill of VICTIM.
        lost: that fill, and what it would have written.
    """

    account: Account
    lose: bool = False
    lost: tuple[Fill, list[JournalEntry]] | None = None
    _waiting: asyncio.Queue[tuple[float, list[JournalEntry]]] = field(default_factory=asyncio.Queue)
    _chance: Random = field(default_factory=lambda: Random("demo"))  # noqa: S311 - repeatable

    def hear(self, account: Account, event: Event) -> None:
        entries = _entries(account, event)
        if not entries:
            return
        if self.lose and event.fill is not None and event.fill.symbol == VICTIM:
            self.lose, self.lost = False, (event.fill, entries)
            return
        due = time.monotonic() + self._chance.random()
        self._waiting.put_nowait((due, entries))

    async def feed(self, store: Store, supervisor: Supervisor) -> None:
        """Write into the book what was heard, in its time."""
        while True:
            due, entries = await self._waiting.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await _write(store, supervisor, entries)


async def _write(store: Store, supervisor: Supervisor, entries: list[JournalEntry]) -> None:
    await supervisor.offload(lambda: store.journal.append(entries))


def _entries(account: Account, event: Event) -> list[JournalEntry]:
    """What happened, as the book's journal has it."""
    from tieout.testing.exchange import booked

    records = [("movements", each) for each in booked.movements(account, event, "perp")]
    if event.fill is not None:
        records.insert(0, ("trades", booked.trade(account, event.fill, event.sequence)))
    return [journal_entry(name, values, source="demo") for name, values in records]


def _opening(account: Account) -> list[JournalEntry]:
    """The book begins with what the account has now."""
    now = account.exchange.nanoseconds()
    held: list[tuple[str, dict[str, Any]]] = [
        ("positions", {"symbol": EVERYTHING, "leg": "net", "quantity": Decimal(0)}),
        ("balances", {"currency": EVERYTHING, "wallet": "futures", "total": Decimal(0)}),
    ]
    for (symbol, leg), position in account.history.now.positions.items():
        values = {"symbol": symbol, "leg": leg, "quantity": position.quantity}
        held.append(("positions", {**values, "average_price": position.entry}))
    for (wallet, asset), amount in account.history.now.wallets.items():
        if wallet == "futures":
            held.append(("balances", {"currency": asset, "wallet": wallet, "total": amount}))
    return [
        journal_entry(
            records,
            {**values, "as_of": now},
            source="demo",
            account=account.name,
            venue=account.venue,
            opening=True,
            approved_by="demo",
        )
        for records, values in held
    ]


@dataclass
class Stage:
    """What is shown, and what has been seen so far.

    Attributes:
        said: of each reconciliation, what was last printed of it.
        found: breaks by reconciliation. `cleared`: reconciliations of which one went away.
    """

    began: float
    said: dict[str, str] = field(default_factory=dict)
    found: dict[str, BreakRow] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    compared: set[str] = field(default_factory=set)

    def say(self, text: str = "", style: str = "") -> None:
        passed = f"{time.monotonic() - self.began:5.1f} s  "
        out(paint(passed, "dim") + (paint(text, style) if style else text))

    def heard(self, monitor: Monitor, outcome: RunOutcome) -> None:
        """Print a comparison that says something new."""
        row, name = outcome.row, monitor.name
        if row.run_id in self.compared:
            return
        self.compared.add(row.run_id)
        status = row.status.value
        if row.breaks.cleared:
            self.cleared.add(name)
        breaks = list(outcome.breaks())
        told = f"{status} {sorted(each.id for each in breaks)}"
        if status == "incomplete" and not breaks:
            told = "incomplete"
        if self.said.get(name) == told:
            return
        self.said[name] = told
        if not breaks and status in WORDS:
            why = plain_text(" ".join("; ".join(reasons(row)).split()))
            self.say(f"{name:<10} {WORDS[status]}: {why}", "dim")
            return
        cleared = f", {count(row.breaks.cleared, 'break')} cleared" if row.breaks.cleared else ""
        text = f"{name:<10} {count(row.counts.matched, 'record agrees', 'records agree')}{cleared}"
        self.say(text + (f", {count(len(breaks), 'open break')}:" if breaks else ""),
                 "red" if breaks else "green")  # fmt: skip
        for each in breaks:
            self.found.setdefault(name, each)
            out("           " + break_line(each, row.as_of))


async def _shown(seconds: int, directory: Path) -> bool:
    from tieout.testing.exchange import Exchange, Market
    from tieout.testing.exchange.server import serve

    exchange = Exchange(seed=7, visibility=(0.0, 0.5), limits=False)
    account = exchange.open("binance", "main", key=KEY, secret=SECRET)
    _past(exchange, account)
    opening = _opening(account)
    engine = Engine(account)
    account.listeners.append(engine.hear)
    stage = Stage(time.monotonic())
    async with serve(exchange) as server:
        stage.say(f"an exchange like Binance futures is at {server.base_url}, made for this demo")
        settings = load(_configured(directory, server.base_url, server.ws_url))
        with closing(wiring.open_store(settings.store.resolve())) as store:
            store.journal.append(opening)
            stage.say("the book is open: the embedded ledger, with what the account has")
            async with _watched(settings, store, stage) as supervisor:
                feeding = asyncio.create_task(engine.feed(store, supervisor))
                Market(
                    exchange, [account], seed=7, rate=1.5, symbols=SYMBOLS, funding=0, transfers=0
                )
                stage.say("trading begins; the book hears of each fill up to 1 s late")
                await supervisor.start()
                shown = await _played(seconds, stage, engine, store, supervisor)
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)
            return shown


def _past(exchange: Exchange, account: Account) -> None:
    """Two days ago money came in, and positions were opened."""
    early = exchange.milliseconds() - 2 * 86_400_000
    account.deposit("USDT", "250000", at=early)
    account.transfer("USDT", "200000", "spot", "futures", at=early)
    for symbol, side, size in zip(SYMBOLS, ("buy", "sell", "buy"), ("0.4", "6", "90"), strict=True):
        account.trade(symbol, side, size, at=early)


def _configured(directory: Path, base_url: str, ws_url: str) -> Path:
    for name, text in (("key", KEY), ("secret", SECRET)):
        (directory / name).write_text(text, encoding="utf-8")
    path = directory / "tieout.yaml"
    text = CONFIG.format(
        store=directory / "tieout.db", directory=directory, base_url=base_url, ws_url=ws_url
    )
    path.write_text(text, encoding="utf-8")
    return path


@asynccontextmanager
async def _watched(settings: Any, store: Store, stage: Stage) -> AsyncIterator[Supervisor]:
    from tieout.wiring import live

    async with live.supervised(
        settings, store, heard=stage.heard, notifier=_Silent()
    ) as supervisor:
        yield supervisor


class _Silent:
    """What is found is printed already."""

    def alert(self, severity: Severity, title: str, text: str, *, about: str) -> None: ...

    def settled(self, about: str) -> None: ...


async def _played(
    seconds: int, stage: Stage, engine: Engine, store: Store, supervisor: Supervisor
) -> bool:
    """Agreement, drift, its cause, the correction, agreement. Whether all of it was seen."""
    last = stage.began + seconds + LATE
    await asyncio.sleep(max(0.0, stage.began + seconds * 0.25 - time.monotonic()))
    engine.lose = True
    if not await _until(lambda: engine.lost is not None, last):
        return _not_seen(stage, "no fill came that could be lost")
    assert engine.lost is not None
    fill, entries = engine.lost
    planted = time.monotonic()
    stage.say(
        f"the book loses a fill: {fill.side} {plain(fill.quantity)} {fill.symbol}"
        f" at {plain(fill.price)}; nobody tells Tieout",
        "yellow",
    )
    if not await _until(lambda: {"positions", "trades"} <= stage.found.keys(), last):
        return _not_seen(stage, "the drift was not found in time")
    stage.say(f"found after {time.monotonic() - planted:.0f} s:", "bold")
    for line in _explained(stage, fill):
        out("           " + line)
    await asyncio.sleep(max(0.0, min(3.0, stage.began + seconds * 0.6 - time.monotonic())))
    stage.say("the lost fill is imported into the book", "yellow")
    await _write(store, supervisor, entries)
    if not await _until(lambda: stage.found.keys() <= stage.cleared, last):
        return _not_seen(stage, "the breaks were not cleared in time")
    await asyncio.sleep(max(0.0, stage.began + seconds - time.monotonic()))
    stage.say(f"done: {count(len(stage.compared), 'comparison')}, 1 lost fill, found and cleared")
    return True


def _explained(stage: Stage, fill: Fill) -> list[str]:
    """The break of the position, and the trade that it comes from."""
    position, trade = stage.found["positions"].content, stage.found["trades"].content
    lost = trade["key"].get("trade_id")
    cause = "the fill that the book lost" if lost == str(fill.id) else "another trade"
    return [
        plain_text(f"{subject(position)}  {what_differs(position)}"),
        plain_text(f"because the book has no trade {lost}: {cause}"),
    ]


def _not_seen(stage: Stage, why: str) -> bool:
    stage.say(f"{why}: the machine is too busy; try --seconds 120", "red")
    return False


async def _until(holds: Any, last: float) -> bool:
    while not holds():
        if time.monotonic() > last:
            return False
        await asyncio.sleep(0.1)
    return True
