"""`tieout book open` and `tieout book import`: what a person puts into the book."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import typer

from tieout import wiring
from tieout.cli.arguments import DEFAULT_CONFIG, instant, one_of
from tieout.cli.console import Options, count, note, out, plain_text, table, warn
from tieout.config import Settings, load
from tieout.core.canonical import instant as written
from tieout.core.canonical import nanoseconds
from tieout.core.journal import EVERYTHING, JOURNALED, OPENINGS, JournalEntry
from tieout.core.model import Quarantined
from tieout.core.money import plain
from tieout.errors import UsageError
from tieout.ports import Store
from tieout.service import book as service

SHOWN = 20
"""Unreadable rows that are shown one by one."""

EVERYTHING_ELSE = "everything else"


@dataclass(frozen=True, slots=True)
class OpenArguments:
    """What was asked of `book open`."""

    config: Path
    source: str
    as_of: str | None
    pause: float
    yes: bool
    replace: bool
    by: str | None
    store: str | None


@dataclass(frozen=True, slots=True)
class ImportArguments:
    """What was asked of `book import`."""

    file: Path
    records: str
    source: str | None
    account: str | None
    venue: str | None
    yes: bool
    replace: bool
    by: str | None
    dry_run: bool
    config: Path | None
    store: str | None


def open_book(arguments: OpenArguments, options: Options) -> int:
    """Read a venue twice, show what would be opened, ask, and write it. Returns the exit code."""
    from tieout.wiring.book import opening_entries

    settings = load(arguments.config)
    for each in settings.warnings:
        warn(each.message, options)
    name = _source(settings, arguments.source, "--from")
    as_of = instant(arguments.as_of, "--as-of")
    approver = arguments.by or getpass.getuser()
    _check_can_ask(arguments.yes)
    with closing(wiring.open_store(arguments.store or settings.store.resolve())) as store:
        note(f"reading {name} twice, {arguments.pause:g} s apart", options)
        entries = asyncio.run(
            opening_entries(
                settings,
                store,
                name,
                as_of=None if as_of is None else nanoseconds(as_of),
                approved_by=approver,
                pause=arguments.pause,
            )
        )
        if not entries:
            out(f"{name} holds nothing: there is nothing to open")
            return 0
        return _write_openings(entries, store, approver, arguments, options)


def import_file(arguments: ImportArguments, options: Options) -> int:
    """Read a file, show what is unreadable, and write the rest. Returns the exit code.

    3 where a row could not be read: what was readable is there all the same.
    """
    from tieout.wiring.book import read_file

    records = one_of(arguments.records, JOURNALED, "--records")
    settings, url = _store_of(arguments)
    source = None
    if arguments.source is not None:
        if settings is None:
            raise UsageError("--source is one of a configuration's", hint="name it with --config")
        source = settings.sources[_source(settings, arguments.source, "--source")]
    own = {"account": arguments.account, "venue": arguments.venue}
    given = {name: text for name, text in own.items() if text is not None}
    approver = arguments.by or getpass.getuser()
    if records in OPENINGS and not arguments.dry_run:
        _check_can_ask(arguments.yes)
    rows, unreadable = read_file(arguments.file, records, source=source, own=given)
    found = service.entries_of(
        rows,
        records,
        source=arguments.file.name,
        place=str(arguments.file),
        approved_by=approver,
    )
    found = service.with_unreadable(found, unreadable)
    if spot := service.legs_on_spot(found.entries):
        more = f" and {len(spot) - 3} more" if len(spot) > 3 else ""
        warn(
            f"fills of the spot markets {', '.join(spot[:3])}{more} name a leg: they move a"
            " position, and no balance. Leave the column out where these are spot fills",
            options,
        )
    _show_unreadable(found.quarantined, options)
    with closing(wiring.open_store(url, dry_run=arguments.dry_run)) as store:
        return _write_imported(found, records, store, approver, arguments, options)


def _write_imported(
    found: service.Imported,
    records: str,
    store: Store,
    approver: str,
    arguments: ImportArguments,
    options: Options,
) -> int:
    unreadable = len(found.quarantined)
    if records in OPENINGS and unreadable:
        raise UsageError(
            f"{count(unreadable, 'row')} cannot be read, and a book is opened whole or not at all",
            where=str(arguments.file),
            hint="correct the rows",
        )
    if arguments.dry_run:
        there = {row.entry.id for row in store.journal.read(records=records)}
        new = len({entry.id for entry in found.entries} - there)
        out(f"{_counts(len(found.entries), new, unreadable)}; nothing was written")
    elif records in OPENINGS and found.entries:
        return _write_openings(found.entries, store, approver, arguments, options)
    else:
        new = store.journal.append(found.entries)
        out(_counts(len(found.entries), new, unreadable))
    return 3 if unreadable else 0


def _counts(read: int, new: int, unreadable: int) -> str:
    parts = [f"{new:,} new", f"{read - new:,} already there"]
    parts += [f"{unreadable:,} unreadable"] if unreadable else []
    return f"{count(read + unreadable, 'record')}: {', '.join(parts)}"


def _write_openings(
    entries: Sequence[JournalEntry],
    store: Store,
    approver: str,
    arguments: OpenArguments | ImportArguments,
    options: Options,
) -> int:
    """Show opening entries, ask, write. Refused before anybody is asked where it would be later."""
    made = service.plan(entries, store.journal)
    service.check(made, replacing=arguments.replace)
    for line in _lines(made):
        out(line)
    if not _confirmed(f"Write {_openings(len(entries))}, approved by {approver}?", arguments.yes):
        note("nothing was written", options)
        return 2
    new = service.write_openings(made, store.journal, replacing=arguments.replace)
    out(f"{_openings(new)} written, approved by {plain_text(approver)}")
    return 0


def _openings(number: int) -> str:
    return count(number, "opening entry", "opening entries")


def _lines(made: service.Plan) -> list[str]:
    """A line an entry; those of currencies that are opened at zero for the first time as one."""
    rows = []
    empty: Counter[tuple[str, ...]] = Counter()
    for entry in made.entries:
        records, account, venue, name, part = service.opening_key(entry)
        known = made.known.get(service.opening_key(entry))
        if _is_empty(entry) and name != EVERYTHING and known is None:
            empty[records, account, venue, part, written(entry.at)] += 1
            continue
        price = entry.values.get("average_price")
        rows.append(
            [
                records,
                account,
                venue,
                EVERYTHING_ELSE if name == EVERYTHING else name,
                part or "-",
                _amount(entry),
                "-" if price is None else plain(price),  # type: ignore[arg-type]
                written(entry.at),
                "-" if known is None else f"{_amount(known)} from {written(known.at)}",
            ]
        )
    for (records, account, venue, part, at), number in empty.items():
        what = count(number, "currency", "currencies")
        rows.append([records, account, venue, what, part or "-", "0", "-", at, "-"])
    header = ("records", "account", "venue", "what", "part", "amount", "price", "from", "so far")
    return table(header, rows, right=".....rr..")


def _is_empty(entry: JournalEntry) -> bool:
    return entry.records == "balances" and not entry.values["total"]


def _amount(entry: JournalEntry) -> str:
    name = "quantity" if entry.records == "positions" else "total"
    return plain(entry.values[name])  # type: ignore[arg-type]


def _confirmed(question: str, yes: bool) -> bool:
    return yes or typer.confirm(question, err=True)


def _check_can_ask(yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "opening a book takes a person's word, and nobody can be asked here",
            hint="run it in a terminal, or say --yes and --by NAME",
        )


def _show_unreadable(quarantined: Sequence[Quarantined], options: Options) -> None:
    for bad in quarantined[:SHOWN]:
        place = f"{bad.place}:{bad.line}" if bad.line is not None else f"{bad.place} row {bad.row}"
        field = f"{bad.field}: " if bad.field else ""
        warn(f"{place}  {field}{bad.reason}  [{bad.raw[:80]}]", options)
    if len(quarantined) > SHOWN:
        warn(f"and {len(quarantined) - SHOWN:,} more unreadable rows", options)


def _source(settings: Settings, name: str, option: str) -> str:
    if name not in settings.sources:
        raise UsageError(
            f"there is no source {name!r}" if name else f"{option} names no source",
            where=str(settings.file),
            hint=f"{option} is one of {', '.join(settings.sources)}",
        )
    return name


def _store_of(arguments: ImportArguments) -> tuple[Settings | None, str]:
    """The configuration, where one is named or needed, and the store's URL."""
    path = arguments.config
    if path is None and (arguments.store is None or arguments.source is not None):
        path = DEFAULT_CONFIG
        if not path.exists():
            raise UsageError(
                "which store? There is no tieout.yaml here",
                hint="name a configuration with --config, or a store with"
                " --store sqlite:///tieout.db",
            )
    settings = None if path is None else load(path)
    if arguments.store is not None:
        return settings, arguments.store
    assert settings is not None
    return settings, settings.store.resolve()
