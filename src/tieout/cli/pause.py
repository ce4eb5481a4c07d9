"""`tieout pause` and `tieout resume`: a row in the store that every process heeds."""

from __future__ import annotations

import getpass
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tieout import wiring
from tieout.cli.arguments import DEFAULT_CONFIG, opened, sqlite_file
from tieout.cli.console import Options, note, out, warn
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
    options: Options,
) -> None:
    """Stop the monitors of a reconciliation, or all of them. What runs now ends as usual.

    The configuration says where the store will be: there it is made, for a pause before the first
    comparison. One that `--store` names has to be there: it may be a slip, and nothing would stop.

    Args:
        length: `1h`: for how long; None: until `resume`.

    Raises:
        UsageError: there is no such reconciliation, or `length` is no length of time.
    """
    since = time.time_ns()
    until = None if length is None else since + _length(length)
    if store is None:
        _make(scope, config, options)
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
    if config is not None or (store is None and path.exists()):
        _check_named(scope, load(path).reconciliations, str(path))
        return
    known = sorted({row.reconciliation for row in view.runs()})
    _check_named(scope, known, "the store, which knows those that ran; --config names the others")


def _check_named(scope: str, known: Iterable[str], where: str) -> None:
    if scope != ALL and scope not in known:
        message, hint = unknown("reconciliation", scope, known)
        raise UsageError(message, where=where, hint=hint)


def _make(scope: str, config: Path | None, options: Options) -> None:
    """The store of the configuration, if it is a file that is not there yet; and say so."""
    path = config or DEFAULT_CONFIG
    if config is None and not path.exists():
        return
    settings = load(path)
    url = settings.store.resolve()
    file = sqlite_file(url)
    if file is None or file.exists():
        return
    _check_named(scope, settings.reconciliations, str(path))
    wiring.open_store(url).close()
    warn(
        f"there was no store {file} yet, so nothing that uses it can have run: it is made, and what"
        " starts with it is paused. If something does run, it has another store",
        options,
    )


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
