"""`tieout serve`: compare books with venues until somebody ends it."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tieout import wiring
from tieout.cli.arguments import one_of
from tieout.cli.console import Options, count, end_output, note, out, plain_text, warn
from tieout.cli.run import known
from tieout.config import Settings, load
from tieout.core.rows import RunRow
from tieout.present import run_object
from tieout.wiring.loop import run_loop

if TYPE_CHECKING:
    from tieout.ports import Store
    from tieout.service.live.monitor import Monitor
    from tieout.service.runs import RunOutcome


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
    names = known(arguments.names, settings)
    _log(options)
    store = wiring.open_store(arguments.store or settings.store.resolve())
    with closing(store):
        run_loop(_serve(settings, names, store, arguments, shape, options))
    return 0


def _log(options: Options) -> None:
    """What happens goes to stderr; of the scheduler only what is wrong."""
    logging.basicConfig(
        level=logging.WARNING if options.quiet else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    logging.getLogger("apscheduler").setLevel(logging.WARNING)


async def _serve(
    settings: Settings,
    names: Sequence[str],
    store: Store,
    arguments: ServeArguments,
    shape: str,
    options: Options,
) -> None:
    from tieout.wiring import live

    ended = asyncio.Event()

    def heard(monitor: Monitor, outcome: RunOutcome) -> None:  # noqa: ARG001 - as it is called
        if not _say(outcome.row, shape):
            ended.set()

    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, ended.set)
    try:
        async with live.supervised(settings, store, names=names, heard=heard) as supervisor:
            number = len(supervisor.monitors)
            note(f"{count(number, 'monitor')}; Ctrl-C ends {_them(number)}", options)
            starting = asyncio.create_task(supervisor.start())
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), arguments.seconds)
            note("finishing what is at work", options)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
    finally:
        for which in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(which)


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def _say(row: RunRow, shape: str) -> bool:
    """One line for a comparison, at once. False where nobody reads any more."""
    if shape == "ndjson":
        return out(json.dumps(run_object(row), ensure_ascii=False)) and _flushed()
    opened = row.breaks.new + row.breaks.changed + row.breaks.reopened
    why = plain_text(_why(row))
    return (
        out(
            f"{row.as_of:%Y-%m-%d %H:%M:%S}  {row.status.value:<10}  {row.reconciliation}"
            f"  {row.counts.matched:,} matched, {row.breaks.open:,} open"
            f" ({opened:,} new or changed, {row.breaks.cleared:,} cleared)"
            + (f"  {why}" if why else "")
        )
        and _flushed()
    )


def _why(row: RunRow) -> str:
    """The first reason, on one line."""
    sides = [side for side in (row.internal, row.external) if side is not None]
    reasons = [*row.reasons, *(reason for side in sides for reason in side.reasons)]
    return " ".join(reasons[0].split()) if reasons else ""


def _flushed() -> bool:
    """A pipe's reader sees a line when it is written, and not when a buffer is full."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        end_output()
        return False
    return True
