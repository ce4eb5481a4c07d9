"""`tieout serve`: compare books with venues until somebody ends it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tieout import wiring
from tieout.cli.arguments import one_of
from tieout.cli.console import Options, note, out, warn
from tieout.config import Settings, load
from tieout.core.rows import RunRow
from tieout.present import run_object


@dataclass(frozen=True, slots=True)
class ServeArguments:
    """What was asked for."""

    config: Path
    names: Sequence[str]
    store: str | None
    shape: str
    seconds: float | None


def serve(arguments: ServeArguments, options: Options) -> int:
    """Serve until SIGINT or SIGTERM; then finish what is at work. Returns the exit code."""
    shape = one_of(arguments.shape, ("table", "ndjson"), "--format")
    settings = load(arguments.config)
    for each in settings.warnings:
        warn(each.message, options)
    if not settings.serve.enabled:
        note("RECONCILIATION_ENABLED is off: nothing is compared", options)
        return 0
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    store = wiring.open_store(arguments.store or settings.store.resolve())
    with closing(store), suppress(KeyboardInterrupt):
        asyncio.run(_serve(settings, arguments, store, shape, options))
    return 0


async def _serve(
    settings: Settings, arguments: ServeArguments, store: object, shape: str, options: Options
) -> None:
    from tieout.wiring import live

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, ended.set)
    async with live.supervised(
        settings,
        store,  # type: ignore[arg-type]
        names=arguments.names,
        heard=lambda monitor, outcome: _say(outcome.row, shape),
    ) as supervisor:
        note(f"{len(supervisor.monitors)} monitors; Ctrl-C ends them", options)
        starting = asyncio.create_task(supervisor.start())
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), arguments.seconds)
        note("finishing what is at work", options)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)


def _say(row: RunRow, shape: str) -> None:
    """One line for a comparison."""
    if shape == "ndjson":
        out(json.dumps(run_object(row)))
        return
    opened = row.breaks.new + row.breaks.changed + row.breaks.reopened
    out(
        f"{row.as_of:%Y-%m-%d %H:%M:%S}  {row.status.value:<10}  {row.reconciliation}"
        f"  {row.counts.matched} matched, {row.breaks.open} open"
        f" ({opened} new or changed, {row.breaks.cleared} cleared)"
        + (f"  {row.reasons[0]}" if row.reasons else "")
    )
