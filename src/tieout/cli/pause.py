"""`tieout pause` and `tieout resume`: a row in the store that every process heeds."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tieout.cli.arguments import DEFAULT_CONFIG, opened
from tieout.cli.console import Options, note, out
from tieout.config import load
from tieout.config.findings import Findings, unknown
from tieout.config.scalars import span
from tieout.config.tree import Fault, Node
from tieout.core.text import NS
from tieout.errors import UsageError
from tieout.ports import Pause, Store
from tieout.present import utc

ALL: Final = "*"
"""The scope of all reconciliations."""

LONGEST: Final = 3650 * 86_400 * NS


def pause(
    scope: str,
    *,
    reason: str,
    length: str | None,
    config: Path | None,
    store: str | None,
) -> None:
    """Stop the monitors of a reconciliation, or all of them. What runs now ends as usual.

    Args:
        length: `1h`: for how long; None: until `resume`.

    Raises:
        UsageError: there is no such reconciliation, or `length` is no length of time.
    """
    since = time.time_ns()
    until = None if length is None else since + _length(length)
    with opened(store, config) as view:
        _check(scope, view, config, store)
        view.monitors.pause(Pause(scope, _user(), reason, since, until))
    ends = "until `tieout resume`" if until is None else f"until {_shown(until)}"
    out(f"paused {_named(scope)} {ends}")


def resume(scope: str, *, config: Path | None, store: str | None, options: Options) -> None:
    """Let the monitors of a reconciliation, or those that all were stopped with, run again."""
    now = time.time_ns()
    with opened(store, config) as view:
        held = any(each.scope == scope for each in view.monitors.pauses(now))
        view.monitors.resume(scope)
        left = view.monitors.pauses(now)
        if not held:
            _check(scope, view, config, store)
    were = "were" if scope == ALL else "was"
    out(f"resumed {_named(scope)}" if held else f"{_named(scope)} {were} not paused")
    for each in left:
        if ALL in (scope, each.scope):
            note(f"still paused: {_described(each)}", options)


def _length(text: str) -> int:
    try:
        found = span(Node(text), Findings())
    except Fault as fault:
        raise UsageError(f"--for {text!r}: {fault.message}", hint=fault.hint) from None
    if found > LONGEST:
        raise UsageError(f"--for {text!r} is too long", hint="without --for it has no end")
    return found


def _check(scope: str, view: Store, config: Path | None, store: str | None) -> None:
    """Refuse a name that nothing has: a pause that stops nothing would look as if it did."""
    if scope == ALL:
        return
    path = config or DEFAULT_CONFIG
    known: Iterable[str]
    if config is not None or (store is None and path.exists()):
        known, where = load(path).reconciliations, str(path)
    else:
        known = sorted({row.reconciliation for row in view.runs()})
        where = "the store, which knows those that ran; --config names the others"
    if scope not in known:
        message, hint = unknown("reconciliation", scope, known)
        raise UsageError(message, where=where, hint=hint)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account of a container need not have a name
        return "unknown"


def _shown(at: int) -> str:
    return utc(datetime.fromtimestamp(at // NS, UTC))


def _named(scope: str) -> str:
    return "all reconciliations" if scope == ALL else scope


def _described(each: Pause) -> str:
    text = f"{_named(each.scope)}, by {each.by} at {_shown(each.since)}"
    text += f", until {_shown(each.until)}" if each.until is not None else ""
    return f"{text}: {each.reason}" if each.reason else text
