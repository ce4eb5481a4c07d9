"""Live reconciliations, wired: venues and books opened, monitors over them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from tieout.config.settings import (
    BookOptions,
    FreqtradeOptions,
    LiveSettings,
    ReconciliationSettings,
    Settings,
    SourceSettings,
    VenueOptions,
)
from tieout.core.read import Reading
from tieout.core.rules import Measure, Tolerance
from tieout.core.valuation import Quote
from tieout.errors import UsageError
from tieout.ports import Clock, Engine, Feed, Notifier, Store
from tieout.service.live.monitor import Monitor
from tieout.service.live.setup import LiveBench, LiveSetup, Timing
from tieout.service.live.supervisor import Every, Heard, Supervisor
from tieout.service.live.verdict import verdict
from tieout.service.runs import RunOutcome
from tieout.service.setup import Progress
from tieout.wiring import read_quotes, silent
from tieout.wiring.feeds import Feeds, system_clock, venue_settings

if TYPE_CHECKING:
    from tieout.adapters.venues.transport import Transport

_T = TypeVar("_T")

SECOND = 1_000_000_000

LEFT = 5.0
"""Seconds for what the store is still given at the end."""

PRICE_AGE = 300 * SECOND
"""Nanoseconds after which a price of a venue is none, where its source does not say `max_age`."""

AVERAGE_PRICE = Tolerance(Measure.RELATIVE, Decimal("0.0001"))
"""Of live positions, where the configuration does not say: venues round an average, each its own
way, and state it with two to eight decimals."""


def live_setup(
    reconciliation: ReconciliationSettings, settings: Settings, feeds: Feeds
) -> LiveSetup:
    """A live reconciliation with its feeds. Raises as `Feeds.open` does."""
    from tieout.adapters.books.markets import of_markets

    rules, live, prices = reconciliation.rules, reconciliation.live, reconciliation.prices
    assert live is not None
    records = rules.records
    external = settings.sources[reconciliation.external]
    internal = settings.sources[reconciliation.internal]
    book = feeds.open(internal.name, records=records, other=external.name)
    options = external.options
    symbols = options.symbols if isinstance(options, VenueOptions) else frozenset()
    if isinstance(options, VenueOptions):
        book = of_markets(book, records, options.venue)
    venue = feeds.open(external.name, records=records)
    feeds.used(external.name, records)
    if records == "positions" and _costs_otherwise(internal.options):
        rules = replace(rules, ignore=rules.ignore | {"average_price", "cost"})
    if records == "positions" and "average_price" not in rules.compare:
        rules = replace(
            rules,
            compare={**rules.compare, "average_price": AVERAGE_PRICE},
            assumed=rules.assumed | {"average_price"},
        )
    contracts = [each.record_type(records) for each in (internal, external)]
    if records == "trades" and getattr(venue, "ids_per_symbol", True):
        rules = replace(rules, ids_per_symbol=True)
    if records == "orders" and getattr(venue, "orders_by_symbol", False):
        rules = replace(rules, ids_per_symbol=True)
        contracts = [each.by_symbol() for each in contracts]
    return LiveSetup(
        rules=rules,
        internal=book,
        external=venue,
        layouts=(
            Reading(internal.name, contracts[0]),
            Reading(external.name, contracts[1]),
        ),
        timing=_timing(live, options),
        universe=feeds.universe(internal.name, external.name, symbols),
        every=live.every,
        on=live.on,
        quotes=partial(_quotes, settings, prices) if prices is not None else None,
        price_age=PRICE_AGE if external.max_age is None else external.max_age,
        summed=isinstance(internal.options, FreqtradeOptions),
        everywhere=_everywhere(internal, records, feeds),
    )


def _everywhere(book: SourceSettings, records: str, feeds: Feeds) -> Feed | None:
    """The ledger of all accounts and venues, which knows both ends of a transfer."""
    if records not in ("balances", "movements") or not isinstance(book.options, BookOptions):
        return None
    return feeds.open(book.name, records="movements")


def _quotes(settings: Settings, name: str) -> tuple[dict[str, Quote], int | None]:
    day = system_clock().now().date()
    return read_quotes(settings, name, day), settings.sources[name].max_age


def _costs_otherwise(options: object) -> bool:
    """Whether a ledger costs its positions by another method than venues do: average, fees out."""
    return isinstance(options, BookOptions) and (options.basis, options.fees) != ("average", "out")


def _timing(live: LiveSettings, options: object) -> Timing:
    lag = live.lag
    if lag is None:
        lag = options.lag if isinstance(options, VenueOptions) else 0
    return Timing(
        lag=lag,
        grace=live.grace,
        confirmations=live.confirmations,
        resamples=live.resamples,
        lookback=live.lookback,
        full=live.full,
        closed=live.lookback,
        transit=live.transit,
    )


@dataclass(frozen=True, slots=True)
class World:
    """A world to live in other than the real one: simulated exchanges, virtual time.

    Attributes:
        transport: in place of HTTP.
        every: what calls at intervals; APScheduler where it is not given.
        inline: engine and store work on the loop: on virtual time there is no other thread.
    """

    clock: Clock | None = None
    transport: Transport | None = None
    every: Every | None = None
    inline: bool = False


@asynccontextmanager
async def _bench(
    store: Store,
    clock: Clock,
    *,
    progress: Progress,
    notifier: Notifier | None,
    engine: Engine | None = None,
    inline: bool = False,
) -> AsyncIterator[LiveBench]:
    """What comparisons run with. Engine and store work on one thread beside the loop.

    Args:
        inline: on the loop itself: on virtual time there is no other thread.
    """
    from tieout.adapters.answers import prepare, scan_of
    from tieout.adapters.notify import LogNotifier
    from tieout.adapters.spool import SortedSpool
    from tieout.adapters.threads import DaemonThread

    if engine is None:
        from tieout.adapters.engines.polars import PolarsEngine

        engine = PolarsEngine()
    thread = DaemonThread("tieout-store")

    async def at_once(work: Callable[[], _T]) -> _T:
        return work()

    def beside(work: Callable[[], _T]) -> Awaitable[_T]:
        return asyncio.get_running_loop().run_in_executor(thread, work)

    if not inline:
        thread.submit(prepare)
    try:
        yield LiveBench(
            engine=engine,
            store=store,
            clock=clock,
            spool=SortedSpool,
            progress=progress,
            notifier=notifier or LogNotifier(),
            scan_of=scan_of,
            offload=at_once if inline else beside,
        )
    finally:
        await _idle(thread)


async def _idle(thread: Executor) -> None:
    """Wait until a thread has done what it was given; not where that hangs."""
    try:
        last = asyncio.get_running_loop().run_in_executor(thread, lambda: None)
        await asyncio.wait({last}, timeout=LEFT)
    finally:
        thread.shutdown(wait=False)


@asynccontextmanager
async def supervised(
    settings: Settings,
    store: Store,
    *,
    names: Sequence[str] = (),
    feeds: Mapping[str, Feed] | None = None,
    heard: Callable[[Monitor, RunOutcome], None] = lambda monitor, outcome: None,
    notifier: Notifier | None = None,
    progress: Progress = silent,
    world: World | None = None,
) -> AsyncIterator[Supervisor]:
    """The monitors of a configuration, not started yet.

    Args:
        names: which reconciliations; all live ones where empty.
        feeds: of sources of type `frame`, by name.
        world: in place of the real one.

    Raises:
        UsageError: none of them is live.
    """
    from tieout.adapters.store.processes import holder_here

    world = world or World()
    clock, every = world.clock or system_clock(), world.every
    chosen = live_ones(settings, names)
    async with AsyncExitStack() as stack:
        bench = await stack.enter_async_context(
            _bench(store, clock, progress=progress, notifier=notifier, inline=world.inline)
        )
        opened = Feeds(settings, store, clock, given=feeds, transport=world.transport)
        stack.push_async_callback(opened.aclose)
        if every is None:
            from tieout.adapters.schedule import Schedule

            every = (await stack.enter_async_context(Schedule())).every
        holder = holder_here(f"{id(opened):x}")
        monitors = [
            Monitor(live_setup(each, settings, opened), bench, holder=holder) for each in chosen
        ]
        # What stands in for HTTP has no sockets, and the real venue is not meant.
        signals = {} if world.transport is not None else _signals(settings, chosen, clock)
        supervisor = Supervisor(monitors, bench, every, signals, heard)
        stack.push_async_callback(supervisor.aclose)
        yield supervisor


def live_ones(settings: Settings, names: Sequence[str]) -> list[ReconciliationSettings]:
    """The live ones of all, or `names`. Raises UsageError: none is live, or a named one is not."""
    chosen = [settings.reconciliations[name] for name in names or settings.reconciliations]
    live = [each for each in chosen if each.live is not None]
    if not live:
        raise UsageError(
            "no reconciliation is live: each of their sides is a file, a query or a frame",
            hint="name a source of type `venue` as `external`, or use `tieout run`",
        )
    if names and (others := [each.rules.name for each in chosen if each.live is None]):
        raise UsageError(
            f"{', '.join(others)}: not live, so nothing watches it",
            where=str(settings.file),
            hint="leave it out here, and compare it with `tieout run`",
        )
    return live


def _signals(
    settings: Settings, chosen: Sequence[ReconciliationSettings], clock: Clock
) -> dict[str, Callable[[], AsyncIterator[Heard]]]:
    """The sockets of the venues that have one, by source.

    Of a venue that is somewhere else (`base_url`) the socket's address has to be given as well
    (`ws_url`): its credentials are not for the real one.
    """
    from tieout.adapters.venues.dialects import DIALECTS

    signals: dict[str, Callable[[], AsyncIterator[Heard]]] = {}
    for name in {each.external for each in chosen if each.live and "events" in each.live.on}:
        options = settings.sources[name].options
        if not isinstance(options, VenueOptions) or options.venue not in DIALECTS:
            continue
        if options.base_url is None or options.ws_url is not None:
            signals[name] = partial(_listen, venue_settings(name, options, settings), clock)
    return signals


async def _listen(settings: Any, clock: Clock) -> AsyncIterator[Heard]:
    from tieout.adapters.venues.sockets import Dropped, open_socket

    listening = open_socket(settings, clock)
    try:
        async for event in listening:
            if isinstance(event, Dropped):
                yield Heard(since=event.since)
            else:
                yield Heard(symbols=event.symbols)
    finally:
        await listening.aclose()


async def verdicts(
    settings: Settings,
    names: Sequence[str],
    *,
    store: Store,
    dry_run: bool = False,
    progress: Progress = silent,
) -> list[RunOutcome]:
    """One verdict of each, confirmations included: `tieout run` on live sources."""
    clock = system_clock()
    async with AsyncExitStack() as stack:
        bench = await stack.enter_async_context(
            _bench(store, clock, progress=progress, notifier=None)
        )
        feeds = Feeds(settings, store, clock)
        stack.push_async_callback(feeds.aclose)
        setups = [live_setup(each, settings, feeds) for each in live_ones(settings, names)]
        done = await asyncio.gather(
            *[verdict(each, bench, dry_run=dry_run) for each in setups], return_exceptions=True
        )
        outcomes = []
        for each in done:  # what fails in one leaves the others to their end
            if isinstance(each, BaseException):
                raise each
            outcomes.append(each)
        return outcomes


@asynccontextmanager
async def open_feed(settings: Settings, name: str, store: Store) -> AsyncIterator[Feed]:
    """One source that answers now, for a look at it."""
    feeds = Feeds(settings, store, system_clock())
    try:
        yield feeds.open(name)
    finally:
        await feeds.aclose()
