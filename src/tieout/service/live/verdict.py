"""One live comparison, held against the store like any other run.

1. A side that gave no answer makes the run `failed`; nothing that was open changes.
2. What is compared is written and settled by the same run as files are: same breaks, same ids.
3. A window's cursor moves only after its run was stored.
4. Both sides are read, and deadlines pass, by the venue's clock: it dates the records. The run is
   dated by ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import chain

from tieout.core.canonical import moment
from tieout.core.held import opened
from tieout.core.live import EVENTS, Ask
from tieout.core.model import RunStatus, Severity
from tieout.core.rows import RunRow
from tieout.core.scan import Scan
from tieout.core.schema import RECORD_TYPES
from tieout.core.valuation import Instrument, Prices, Quote, quotes_of
from tieout.errors import CalculationError, SourceError, VenueRefused
from tieout.ports import Feed, Rows
from tieout.service.live import daily
from tieout.service.live.cause import with_closed
from tieout.service.live.events import compare_events
from tieout.service.live.moved import with_movements
from tieout.service.live.old_orders import broken_orders
from tieout.service.live.orders import compare_orders
from tieout.service.live.setup import SECOND, Comparison, LiveBench, LiveSetup
from tieout.service.live.snapshots import compare_snapshots
from tieout.service.live.transit import without_transit
from tieout.service.live.windows import Waiting, waiting_of
from tieout.service.runs import Bench, RunOutcome, run
from tieout.service.setup import Reference, Request, Setup, SideSetup, Standing


async def verdict(
    setup: LiveSetup,
    bench: LiveBench,
    *,
    symbols: frozenset[str] | None = None,
    since: int | None = None,
    dry_run: bool = False,
    refused: Callable[[VenueRefused], None] = lambda error: None,
) -> RunOutcome:
    """Compare once, confirmations included, and store the result.

    Args:
        symbols: restrict a comparison of snapshots to these; nothing else opens or clears.
        since: of events: begin the window here (UTC ns), whatever the cursor says. Once a day it
            begins further back anyway; see `daily`.
        refused: told where it failed as the venue refuses the credentials; the alert is sent.

    Raises:
        StoreError: the store cannot be used, or the lease was lost.
        A side that fails is no exception: its run is `failed`.
    """
    reach = await bench.offload(lambda: _reach(setup, bench, dry_run))
    begin = min((each for each in (since, reach.since) if each is not None), default=None)
    comparison = await _compared(setup, bench, symbols, begin)
    if isinstance(comparison.external, VenueRefused):
        _alert(bench, comparison.external)
        refused(comparison.external)
    outcome: RunOutcome = await bench.offload(lambda: _stored(setup, bench, comparison, dry_run))
    if comparison.upto is not None and not dry_run and _ended(outcome.row):
        upto = comparison.upto
        newest = comparison.newest
        await bench.offload(lambda: _advance(setup, bench, upto, newest, reach))
    return outcome


def _reach(setup: LiveSetup, bench: LiveBench, dry_run: bool) -> daily.Reach:
    now = bench.now()
    found = daily.reach(setup, bench.monitors, now)
    if found.full and not dry_run:
        daily.begin(setup, bench.monitors, now)
    return found


def _advance(
    setup: LiveSetup, bench: LiveBench, upto: int, newest: int | None, reach: daily.Reach
) -> None:
    bench.monitors.advance(setup.rules.name, upto)
    if newest is not None:
        bench.monitors.advance(_told(setup), newest)
    if reach.full:
        daily.end(setup, bench.monitors, upto)


def _stored(
    setup: LiveSetup, bench: LiveBench, comparison: Comparison, dry_run: bool
) -> RunOutcome:
    """Match, judge and store. Blocks, building tables of many rows included."""
    wired = Setup(
        rules=setup.rules,
        internal=_side(setup.internal, setup, 0, comparison.internal, bench),
        external=_side(setup.external, setup, 1, comparison.external, bench),
        reference=lambda day: comparison.reference,
        live=comparison.standing,
    )
    request = Request(as_of=moment(comparison.as_of), dry_run=dry_run)
    runs_bench = Bench(
        bench.engine, bench.store, bench.clock, bench.spool, bench.progress, bench.lease
    )
    return run(wired, request, runs_bench)


def _ended(row: RunRow) -> bool:
    return row.status in (RunStatus.CLEAN, RunStatus.BREAKS)


async def _compared(
    setup: LiveSetup, bench: LiveBench, symbols: frozenset[str] | None, since: int | None
) -> Comparison:
    reference = await reference_of(setup.external, setup, bench)
    try:
        skew = await _skew(setup.external)
        found = await _read(setup, replace(bench, skew=skew), reference, symbols, since)
        standing = replace(found.standing, skew=skew)
        if symbols is not None and setup.rules.records not in EVENTS:
            reasons = (*standing.reasons, *_strange(setup, symbols, found, reference))
            standing = replace(standing, restricted=symbols, reasons=reasons)
        return replace(found, as_of=found.as_of - skew, standing=standing)
    except SourceError as error:
        return _failed(bench, error, reference)
    except CalculationError as error:  # a record does not say what it moved
        where = f"{setup.rules.name}: {error.where}" if error.where else setup.rules.name
        return _failed(bench, SourceError(error.what, where=where, hint=error.hint), reference)


def _strange(
    setup: LiveSetup, symbols: frozenset[str], found: Comparison, reference: Reference
) -> list[str]:
    """What was asked about and neither side has, nor the venue trades: of that nothing is clean."""
    traded = set(reference.instruments)
    if setup.rules.records == "balances":
        traded = {name for symbol in traded for name in re.split("[/:]", symbol)}
    sides = (found.internal, found.external)
    rows = chain(*(side.records for side in sides if isinstance(side, Rows)))
    values = [record.values for record in rows]
    values += [item.record.values for item in found.standing.waiting]
    known = {each.get(name) for each in values for name in ("symbol", "currency")}
    if strange := sorted(symbols - known - traded):
        few = ", ".join(strange[:5]) + (f" and {len(strange) - 5} more" if strange[5:] else "")
        return [f"neither side knows {few}: nothing was compared of that"]
    return []


async def _skew(venue: Feed) -> int:
    """By how much the clock of whoever dates the records is ahead of ours at least, nanoseconds.

    The least: what is young is then waited for rather too long than too short.
    """
    asking = getattr(venue, "ahead", None)
    return 0 if asking is None else int(await asking())


async def _read(
    setup: LiveSetup,
    bench: LiveBench,
    reference: Reference,
    symbols: frozenset[str] | None,
    since: int | None,
) -> Comparison:
    """Both sides, read and compared. Times are by the clock of `bench`, which is the venue's."""
    if setup.rules.records in ("positions", "balances"):
        found = await compare_snapshots(setup, bench, reference, symbols)
        found = await without_transit(setup, bench, found)
        if setup.rules.records == "balances":
            return await with_movements(setup, bench, found)
        return await with_closed(setup, bench, found)
    if setup.rules.records == "orders":
        broken = await bench.offload(lambda: broken_orders(bench.store, setup.rules.name))
        return await compare_orders(setup, bench, reference, symbols, broken=broken)
    waiting, cursor = await bench.offload(lambda: _progress(setup, bench))
    found = await compare_events(
        setup, bench, reference, waiting=waiting, cursor=cursor, since=since
    )
    return await without_transit(setup, bench, found)


def _told(setup: LiveSetup) -> str:
    return f"{setup.rules.name}\ntold"  # no reconciliation is called so


def _progress(setup: LiveSetup, bench: LiveBench) -> tuple[list[Waiting], int | None]:
    """The records that wait for their partners, and how far runs have come."""
    name, contract = setup.rules.name, RECORD_TYPES[setup.rules.records]
    held = bench.store.open_items(name, before=date.max)
    setup.heard.before = bench.monitors.cursor(_told(setup))
    return [waiting_of(opened(each, contract)) for each in held], bench.monitors.cursor(name)


def _alert(bench: LiveBench, error: VenueRefused) -> None:
    bench.notifier.alert(
        Severity.CRITICAL,
        f"{error.venue} refuses the credentials",
        str(error),
        about=refusal(error),
    )


def refusal(error: VenueRefused) -> str:
    """The matter of an alert: one for all monitors that a key is refused to."""
    return f"refused:{error.matter}"


def _failed(bench: LiveBench, error: SourceError, reference: Reference) -> Comparison:
    """Without one side nothing is known of the other either: it was asked in vain."""
    return Comparison(
        internal=error,
        external=error,
        standing=Standing(),
        reference=reference,
        as_of=bench.now(),
    )


async def reference_of(venue: Feed, setup: LiveSetup, bench: LiveBench) -> Reference:
    """Instruments and prices, as the venue has them, and prices that the configuration names.

    Without prices values are unknown. Of a pair that both price, the venue's price counts, unless
    it is too old: then it is no price.
    """
    instruments: Mapping[str, Instrument] = {}
    quotes: dict[str, Quote] = {}
    max_age: int | None = None
    reasons = []
    try:
        asking = getattr(venue, "instruments", None)
        instruments = await asking() if asking is not None else {}
        if setup.rules.reporting_currency is not None or setup.rules.value_tolerance is not None:
            if setup.quotes is not None:
                given, max_age = await bench.offload(setup.quotes)
                quotes |= given
            if "prices" in venue.offers:
                answer = await venue.fetch(Ask("prices"))
                fresh = quotes_of(record.values for record in answer.records)
                quotes |= _fresh(fresh, setup.price_age, answer.answered_at, bench.now())
    except SourceError as error:
        reasons.append(f"values are unknown: {error.what}")
    # What a venue does not price in the reporting currency, it prices in the other dollar.
    other = "USD" if setup.rules.reporting_currency == "USDT" else "USDT"
    prices = Prices(quotes, max_age, via=(other,))
    return Reference(dict(instruments), prices, tuple(reasons))


def _fresh(quotes: Mapping[str, Quote], max_age: int, answered: int, now: int) -> dict[str, Quote]:
    """The venue's prices that are not too old, by our own clock.

    Args:
        max_age: nanoseconds. `answered`: when they were told by the venue's clock, UTC ns; `now`:
            when that was by ours.
    """
    ahead = round((answered - now) / SECOND) * SECOND
    return {
        pair: Quote(each.price, each.as_of - ahead, max_age)
        for pair, each in quotes.items()
        if each.as_of is not None and answered - each.as_of <= max_age
    }


@dataclass(frozen=True, slots=True)
class _Answered:
    """A side that has answered, as a source."""

    name: str
    result: Scan | SourceError

    def scan(self, *, business_date: date) -> Scan:  # noqa: ARG002 - a Source's signature
        """Raises SourceError where it gave no answer."""
        if isinstance(self.result, SourceError):
            raise self.result
        return self.result


def _side(
    feed: Feed, setup: LiveSetup, index: int, rows: Rows | SourceError, bench: LiveBench
) -> SideSetup:
    result = rows if isinstance(rows, SourceError) else bench.scan_of(rows)
    return SideSetup(_Answered(feed.name, result), setup.layouts[index])
