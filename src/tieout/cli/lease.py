"""`tieout lease list` and `tieout lease break`: who compares what, and what to do if it is dead.

A lease lapses by itself, seconds after its holder died; not where the holder's clock was ahead.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import typer

from tieout.cli.arguments import one_of, opened
from tieout.cli.console import Options, age, note, out, plain_text, table
from tieout.core.canonical import instant
from tieout.core.text import NS
from tieout.errors import UsageError
from tieout.ports import Lease, Store
from tieout.wiring import leases

LOOKS: float = 0.5
"""Seconds between two looks at a lease."""


def list_leases(config: Path | None, store: str | None, shape: str) -> None:
    """Show who holds the lease of which monitor, and until when."""
    shape = one_of(shape, ("table", "json"), "--format")
    with opened(store, config) as view:
        held = view.monitors.leases()
    now = time.time_ns()
    if shape == "json":
        out(json.dumps([_object(each, now) for each in held], indent=2, ensure_ascii=False))
        return
    if not held:
        out("nobody holds a lease")
        return
    header = ("reconciliation", "host", "pid", "until", "")
    for line in table(header, [_row(each, now) for each in held], right="..r"):
        if not out(line):
            break


def break_lease(
    name: str,
    *,
    yes: bool,
    watch: float,
    config: Path | None,
    store: str | None,
    options: Options,
) -> int:
    """Take a lease from a process that is dead. Returns the exit code.

    Args:
        watch: seconds for which the holder must show no life.

    Raises:
        UsageError: nobody holds it, it has lapsed, or its holder lives.
    """
    with opened(store, config) as view:
        lease = _held(view, name)
        _check_dead(lease)
        note(f"watching {name} for {watch:g} s: a live process renews its lease", options)
        _check_still(view, lease, watch)
        if not yes and not _confirmed(lease):
            note("nothing was changed", options)
            return 2
        _check_dead(lease)
        if not view.monitors.break_lease(lease):
            raise _renewed(lease)
    out(f"broke the lease of {name}: the next process that asks for it compares {name}")
    return 0


def _held(view: Store, name: str) -> Lease:
    held = {each.name: each for each in view.monitors.leases()}
    if name not in held:
        there = ", ".join(held) if held else "none is held"
        raise UsageError(f"nobody holds the lease of {name!r}", hint=f"leases: {there}")
    if held[name].until <= time.time_ns():
        raise UsageError(
            f"the lease of {name!r} has lapsed at {instant(held[name].until)}",
            hint="nothing is in the way of the next process: start `tieout serve`",
        )
    return held[name]


def _check_dead(lease: Lease) -> None:
    if leases.runs(lease):
        raise UsageError(
            f"the process {_process(lease)} that holds the lease of {lease.name!r} runs",
            hint="end it: what ends gives its leases back",
        )


def _check_still(view: Store, lease: Lease, watch: float) -> None:
    """That it is not renewed for a while. Raises UsageError where it is, or is gone."""
    end = time.monotonic() + watch
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(LOOKS, left))
        if lease not in view.monitors.leases():
            raise _renewed(lease)


def _renewed(lease: Lease) -> UsageError:
    return UsageError(
        f"{_process(lease)} has just renewed the lease of {lease.name!r}, or given it back",
        hint="it lives: end it where it runs; `tieout lease list` shows who holds what",
    )


def _confirmed(lease: Lease) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            "breaking a lease takes a person's word, and nobody can be asked here",
            hint="run it in a terminal, or say --yes",
        )
    question = f"Take the lease of {lease.name} from {_process(lease)}, which shows no life?"
    return typer.confirm(plain_text(question), err=True)


def _process(lease: Lease) -> str:
    process = leases.process_of(lease)
    return lease.holder if process is None else f"{process[1]} on {process[0]}"


def _row(lease: Lease, now: int) -> list[str]:
    host, pid = leases.process_of(lease) or (lease.holder, "-")
    left = (lease.until - now) / NS
    shown = f"lapsed {age(-left)} ago" if left <= 0 else f"in {age(left)}"
    return [lease.name, host, str(pid), instant(lease.until), shown]


def _object(lease: Lease, now: int) -> dict[str, Any]:
    host, pid = leases.process_of(lease) or (None, None)
    return {
        "reconciliation": lease.name,
        "holder": lease.holder,
        "host": host,
        "pid": pid,
        "until": instant(lease.until),
        "lapsed": lease.until <= now,
        "fence": lease.fence,
    }
