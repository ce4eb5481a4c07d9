"""Monitors inside of a trading engine that runs on asyncio.

Everything happens on a thread of its own with a loop of its own, so that the engine's loop never
waits for an exchange, a database or a comparison. Only an engine's own book is asked on the
engine's loop: its coroutines belong there.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from importlib import import_module
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from tieout.api.asked import names_of, ns_of
from tieout.api.importing import importing
from tieout.api.notice import EVENTS, Notice, Ready
from tieout.errors import TieoutError, UsageError

# Whatever else is needed is imported on the thread of its own: a name is looked up here for the
# first time where the engine's loop runs, mostly.
if TYPE_CHECKING:
    from tieout.api import Report
    from tieout.core.rows import RunRow
    from tieout.ports import Store
    from tieout.service.live.monitor import Monitor
    from tieout.service.live.supervisor import Supervisor
    from tieout.service.runs import RunOutcome

_T = TypeVar("_T")

LOOKED_AT: Final = 50
"""Runs of another process that are looked through for a whole one."""

LOOK_AGAIN: Final = 0.5
"""Seconds between two looks at whether another process has compared."""

logger = logging.getLogger("tieout.live")


class Reconciler:
    """Compares the books of a configuration with their venues while an engine trades.

        async with tieout.Reconciler("tieout.yaml") as reconciler:
            ready = await reconciler.ready(timeout=30)

    Args:
        config: a configuration file.
        store: in place of the configuration's.
        books: the engine's own books, by the name of their source (of type `frame` in the
            configuration): objects with the coroutines of `tieout.adapters.books.engine`.
        watch: start monitors by themselves; without it only what is called is compared.
    """

    def __init__(
        self,
        config: str | Path,
        *,
        store: str | None = None,
        books: Mapping[str, object] | None = None,
        watch: bool = True,
    ) -> None:
        self._config = Path(config)
        self._store_url = store
        self._books = dict(books or {})
        self._watch = watch
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._resources = AsyncExitStack()
        self._supervisor: Supervisor | None = None
        self._store: Store | None = None
        self._started: asyncio.Future[None] | None = None
        self._opened_at = datetime.now(UTC)

    async def __aenter__(self) -> Self:
        """Open everything and begin to compare; what that finds, `ready` waits for.

        Raises:
            ConfigError, UsageError, StoreError: nothing was started.
        """
        if self._loop is not None:
            raise UsageError("the Reconciler is open already", hint="make another one")
        engine_loop = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="tieout", daemon=True)
        self._thread.start()
        self._opened_at = datetime.now(UTC)
        try:
            with importing():
                await self._call(self._open(engine_loop))
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def ready(self, timeout: float) -> Ready:  # noqa: ASYNC109 - it never raises
        """Whether every monitor has compared, and found nothing that forbids to trade.

        Unknown is not ok, and neither is an open break of severity high or above. Where another
        process compares, its next comparison is waited for. Never raises.

        Args:
            timeout: seconds; after that it is not ok.
        """
        try:
            # Not at once: what was never begun would be left unawaited.
            return await asyncio.wait_for(self._call(self._ready()), max(timeout, 0.001))
        except TimeoutError:
            from tieout.service.live.fitness import unfit  # opened, so that it is there by now

            late = f"not everything was compared within {timeout:g} s"
            monitors = () if self._supervisor is None else self._supervisor.monitors
            return Ready(
                False, (late, *[why for each in monitors for why in unfit(each, datetime.now(UTC))])
            )
        except (TieoutError, OSError) as error:
            return Ready(False, (str(error),))
        except Exception as error:  # an engine that asks this must not be stopped
            logger.exception("ready: an error that nobody expected")
            return Ready(False, (str(error) or type(error).__name__,))

    async def reconcile(
        self,
        venue: str,
        *,
        symbols: Sequence[str] | None = None,
        since: datetime | None = None,
        records: str | None = None,
    ) -> list[Report]:
        """Compare one venue now.

        Args:
            venue: the source's name, or the exchange's.
            symbols: unified; of snapshots only these are compared. What neither side knows makes
                the run `incomplete`.
            since: aware; of trades and movements, from when on.
            records: `positions`, `balances`, `orders`, `trades`, `movements`; None: all.

        Returns:
            A report of each comparison. A side that gave no answer is a report too, whose run is
            `failed`. What is paused, or compared by another process, has none.

        Raises:
            UsageError: there is no such venue or record type; or nothing of it was compared.
        """
        return await self._call(self._reconcile(venue, names_of(symbols), ns_of(since), records))

    async def reconcile_all(self) -> list[Report]:
        """Compare everything now. See `reconcile`."""
        return await self._call(self._reconcile(None, None, None, None))

    async def history(self, venue: str, limit: int = 20) -> list[RunRow]:
        """The newest runs about a venue, newest first."""

        async def rows() -> list[RunRow]:
            store, supervisor = self._open_store(), self._open_supervisor()
            chosen = [each.name for each in self._about(venue, None)]
            found = await supervisor.offload(
                lambda: list(chain(*[store.runs(reconciliation=n, limit=limit) for n in chosen]))
            )
            return sorted(found, key=lambda row: row.started_at, reverse=True)[:limit]

        return await self._call(rows())

    async def breaks(self, since: datetime | None = None) -> list[dict[str, Any]]:
        """Open breaks as `tieout run --breaks` writes them; those opened since then (aware)."""
        ns_of(since)

        async def rows() -> list[dict[str, Any]]:
            from tieout.core.rows import BreakFilter
            from tieout.present import break_object

            store = self._open_store()
            where = BreakFilter(states=("open", "in_review", "correcting"))
            found = await self._open_supervisor().offload(lambda: list(store.breaks(where)))
            now = datetime.now(UTC)
            return [
                break_object(row, as_of=now)
                for row in found
                if since is None or row.opened_at >= since
            ]

        return await self._call(rows())

    async def summary(self) -> dict[str, Any]:
        """By reconciliation: how the last comparison of this process ended, and what is open.

        As `tieout run --format json` writes a run; None: it has not compared yet.
        """

        async def rows() -> dict[str, Any]:
            from tieout.present import run_object

            return {
                each.name: None if each.last is None else run_object(each.last.row)
                for each in self._open_supervisor().monitors
            }

        return await self._call(rows())

    async def notify(self, event: Notice) -> None:
        """Tell that something happened; the venue is compared soon. Does not wait for it.

        Raises:
            UsageError: an unknown kind or venue.
        """
        if event.kind not in EVENTS:
            raise UsageError(f"unknown event {event.kind!r}", hint=f"one of {', '.join(EVENTS)}")
        symbols, since = names_of(event.symbols), ns_of(event.since)

        async def begin() -> None:
            chosen = self._about(event.venue, None)
            self._open_supervisor().begin(chosen, symbols=symbols, since=since)

        await self._call(begin())

    async def sync_balances(self, venue: str) -> None:
        """Make the book's balances follow the venue's: there is no resolution of breaks yet.

        Raises:
            UsageError: always, and says so. Nothing is changed.
        """
        raise UsageError(
            f"the balances of {venue} are not corrected: Tieout compares, and cannot resolve yet",
            hint="see `await reconciler.breaks()` for what differs, and correct the book by hand",
        )

    async def aclose(self) -> None:
        """Finish what is at work, and close everything. More than once is no error.

        A comparison that still waits for an answer after a few seconds is given up.
        """
        loop, self._loop = self._loop, None
        if loop is None or self._thread is None:
            return
        # What is written is written to its end, also where who closes is cancelled.
        await asyncio.shield(asyncio.ensure_future(self._end(loop, self._thread)))

    async def _end(self, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
        try:
            await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._close(), loop))
        finally:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join)
            loop.close()

    # On the private loop

    def _run(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _close(self) -> None:
        try:
            await self._resources.aclose()
        finally:
            own = asyncio.current_task()
            left = [each for each in asyncio.all_tasks() if each is not own]
            for each in left:
                each.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await asyncio.get_running_loop().shutdown_asyncgens()
            await asyncio.get_running_loop().shutdown_default_executor()

    async def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        if self._loop is None:
            work.close()
            raise UsageError(
                "the Reconciler is not open", hint="use `async with tieout.Reconciler(...)`"
            )
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _open(self, engine_loop: asyncio.AbstractEventLoop) -> None:
        from tieout import wiring
        from tieout.config import load
        from tieout.wiring import live
        from tieout.wiring.feeds import engine_books

        settings = load(self._config)
        store = wiring.open_store(self._store_url or settings.store.resolve())
        self._resources.enter_context(closing(store))
        self._store = store
        feeds = engine_books(settings, self._books, engine_loop)
        self._supervisor = await self._resources.enter_async_context(
            live.supervised(settings, store, feeds=feeds)
        )
        if self._supervisor.listens:
            import_module("ccxt.pro")  # now, and not when trading has begun
        if self._watch and settings.serve.enabled:
            self._started = asyncio.ensure_future(self._supervisor.start())

    async def _ready(self) -> Ready:
        from tieout.service.live.fitness import unfit, unfit_by
        from tieout.service.live.monitor import ELSEWHERE

        supervisor = self._open_supervisor()
        since = datetime.now(UTC) if self._started is None else self._opened_at
        if self._started is not None:
            await asyncio.shield(self._started)
        else:
            await supervisor.compare()
        while True:
            reasons, waiting = [], []
            for each in supervisor.monitors:
                if each.trouble != ELSEWHERE:
                    reasons += unfit(each, datetime.now(UTC))
                elif (rows := await self._compared_elsewhere(each, since)) is not None:
                    reasons += chain(*map(unfit_by, rows))
                else:
                    waiting.append(each)
            if not waiting:
                return Ready(not reasons, tuple(reasons))
            await asyncio.sleep(LOOK_AGAIN)
            await supervisor.compare(waiting)

    async def _compared_elsewhere(self, monitor: Monitor, since: datetime) -> list[RunRow] | None:
        """What another process has found since then: its newest run and its newest whole one.

        None: not everything was compared yet. Runs of a few symbols say nothing of the others.
        """
        from tieout.service.live.fitness import is_whole

        store = self._open_store()
        rows = await self._open_supervisor().offload(
            lambda: list(store.runs(reconciliation=monitor.name, limit=LOOKED_AT))
        )
        done = [each for each in rows if each.started_at >= since and each.finished_at is not None]
        whole = next((each for each in done if is_whole(each)), None)
        if whole is None:
            return None
        return [whole] if whole is done[0] else [done[0], whole]

    async def _reconcile(
        self,
        venue: str | None,
        symbols: frozenset[str] | None,
        since: int | None,
        records: str | None,
    ) -> list[Report]:
        supervisor = self._open_supervisor()
        chosen = self._about(venue, records)
        outcomes = await supervisor.compare(chosen, symbols=symbols, since=since)
        if not outcomes:
            why = {each.trouble for each in chosen if each.trouble is not None}
            raise UsageError(
                f"nothing was compared: {'; '.join(sorted(why)) or 'the Reconciler closes'}",
                where=", ".join(each.name for each in chosen),
                hint="`tieout resume` ends a pause",
            )
        return await supervisor.offload(lambda: [_report(each) for each in outcomes])

    def _about(self, venue: str | None, records: str | None) -> list[Monitor]:
        monitors = self._open_supervisor().monitors
        if venue is None:
            return list(monitors)
        chosen = [each for each in monitors if venue in each.about]
        if not chosen:
            known = sorted({name for each in monitors for name in each.about})
            raise UsageError(
                f"no reconciliation is about {venue!r}", hint=f"one of {', '.join(known)}"
            )
        of = {each.setup.rules.records for each in chosen}
        if records is not None and records not in of:
            raise UsageError(
                f"no reconciliation compares {records} of {venue!r}",
                hint=f"one of {', '.join(sorted(of))}",
            )
        return [each for each in chosen if records in (None, each.setup.rules.records)]

    def _open_supervisor(self) -> Supervisor:
        assert self._supervisor is not None
        return self._supervisor

    def _open_store(self) -> Store:
        assert self._store is not None
        return self._store


def _report(outcome: RunOutcome) -> Report:
    from tieout.api import Report

    return Report(outcome.row, list(outcome.breaks()), list(outcome.quarantine()))
