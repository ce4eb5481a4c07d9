"""`sources:` of a configuration -> SourceSettings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from tieout.config import calendars
from tieout.config.findings import Findings
from tieout.config.keys import (
    REQUIRED,
    Key,
    Table,
    attempt,
    keyed,
    list_of,
    map_of,
    mapping,
    one_or_more,
    read_keys,
)
from tieout.config.mapping import MAPPING, mapping_settings
from tieout.config.scalars import (
    boolean,
    character,
    choice,
    clock_time,
    duration,
    text,
    time_zone,
    total,
    whole,
)
from tieout.config.secret import url
from tieout.config.settings import (
    Expectations,
    FrameOptions,
    Options,
    QueryOptions,
    SourceSettings,
)
from tieout.config.tree import Fault, Node, Reported
from tieout.config.venues import LIVE_TYPES, live_mapping, live_options, refuse_secrets
from tieout.core.scan import COMPRESSIONS, FORMATS, FileOptions
from tieout.core.schema import RECORD_TYPES
from tieout.core.text import Unreadable, parse_time, zone

LATER: Final = ("kafka",)
"""Source types that are planned and not there yet."""


def _path(node: Node, findings: Findings) -> str:
    """A path or pattern, absolute: relative ones start at the configuration's directory."""
    path = Path(text(node, findings))
    try:
        return str(findings.base / path.expanduser())
    except RuntimeError:
        what = f"there is no home directory for `{path.parts[0]}`"
        raise Fault(node, what, f"a file of that name: `./{path}`") from None


def _pattern(node: Node, findings: Findings) -> str:
    value = text(node, findings)
    try:
        re.compile(value)
    except re.error as error:
        raise Fault(node, f"this is not a regular expression: {error}") from None
    return value


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _delimiter(node: Node, findings: Findings) -> str:
    return "auto" if node.value == "auto" else character(node, findings)


def _sheet(node: Node, findings: Findings) -> str | int:
    value = text(node, findings)
    return int(value) if value.isdecimal() and not node.quoted else value


def _encoding(node: Node, findings: Findings) -> str:
    value = text(node, findings)
    if value == "auto":
        return value
    try:
        "".encode(value)
    except (LookupError, ValueError):
        raise Fault(node, f"unknown encoding `{value}`", "e.g. utf-8, cp1252, utf-16") from None
    return value


def _record_path(node: Node, findings: Findings) -> tuple[str, ...]:
    if isinstance(node.value, str):
        return tuple(text(node, findings).split("."))
    return list_of(text)(node, findings)


WINDOW: Final[Table] = {
    "from": Key(text, '"2026-11-19T00:00:00Z"', "The first covered instant.", REQUIRED),
    "to": Key(text, '"2026-11-20T00:00:00Z"', "The last one.", REQUIRED),
}


def _covers(node: Node, findings: Findings) -> str | dict[str, Any]:
    if isinstance(node.value, str):
        return choice("coverage", ("business_date", "everything"))(node, findings)
    before = len(findings.problems)
    window = read_keys(node, WINDOW, findings)
    if len(findings.problems) > before:
        raise Reported(node)
    return window


EXPECT: Final[Table] = {
    "rows": Key(whole, "2000", "How many records there must be, those that are skipped left out."),
    "totals": Key(
        map_of(total),
        '{quantity: "1234.5"}',
        "Control totals: the sum of a column, or `notional` (the sum of price x quantity).",
        {},
    ),
    "symbols": Key(
        list_of(text), "[BTC/USDT]", "Symbols of which there must be at least one record.", ()
    ),
}


def _build_expect(
    rows: int | None, totals: dict[str, Any], symbols: tuple[str, ...]
) -> Expectations:
    return Expectations(rows, totals, frozenset(symbols))


FILE: Final[Table] = {
    "path": Key(
        one_or_more(_path),
        "trades.csv",
        "A file, a pattern (`fills/*.csv`), or a list of them. Relative to the configuration."
        " `{business_date:%Y%m%d}` stands for the run's date.",
        REQUIRED,
    ),
    "format": Key(
        choice("format", FORMATS), "csv", f"{_listed(FORMATS)}.", "auto", "by suffix and content"
    ),
    "compression": Key(
        choice("compression", COMPRESSIONS),
        "gzip",
        f"{_listed(COMPRESSIONS)}.",
        "auto",
        "by the first bytes",
    ),
    "encoding": Key(_encoding, "cp1252", "Of a text file.", "auto", "its BOM, else UTF-8"),
    "delimiter": Key(_delimiter, '";"', "Between the cells of a CSV file.", "auto", "found out"),
    "quote": Key(character, '"\'"', "Around cells of a CSV file.", '"'),
    "escape": Key(character, "'\\'", "Before a quote inside a cell.", None, "quotes are doubled"),
    "names": Key(
        list_of(text), "[trade_id, price]", "Its columns, where the file has no header.", ()
    ),
    "skip_rows": Key(whole, "3", "Lines before the header.", 0),
    "comment": Key(text, '"#"', "Lines that start with this are not read.", "", "nothing"),
    "trailer": Key(
        _pattern,
        r"'TRL,(?P<rows>\d+)'",
        "A regular expression that the last line must match. Its named groups are control"
        " totals: `rows`, `notional`, or a column. Of several files each has its own, and is held"
        " against it.",
        "",
        "there is none",
    ),
    "sheet": Key(
        _sheet, "Trades", "Of a workbook: its name, or its number from 1.", None, "the first"
    ),
    "record_path": Key(
        _record_path, "data.trades", "Keys to the list of records in a JSON file.", ()
    ),
}
SQL: Final[Table] = {
    "url": Key(
        url,
        "env:DATABASE_URL",
        "The SQLAlchemy URL of the database. A password in it is a reference.",
        REQUIRED,
    ),
    "query": Key(text, "SELECT * FROM trades", "One SELECT. `:business_date` is bound.", REQUIRED),
    "version": Key(
        text,
        "SELECT max(id), count(*) FROM fills",
        "Of a live book: a cheap SELECT whose rows change whenever those of `query` could have.",
        None,
        "all rows of `query`, read once more",
    ),
}
FRAME: Final[Table] = {}
TYPES: Final[Mapping[str, Table]] = {"file": FILE, "sql": SQL, "frame": FRAME, **LIVE_TYPES}

COVERAGE: Final[Table] = {
    "timezone": Key(
        time_zone, "Europe/London", "The IANA zone of times without one, and of the business date."
    ),
    "calendar": Key(
        calendars.calendar,
        "weekdays",
        "Its business days. Where it is stated, events and PnL may be empty on all other days.",
        None,
        "weekdays, and no day may be empty",
    ),
    "cutoff": Key(
        clock_time,
        '"17:00"',
        "From this time on a record is of its next business date: one that only the other side has"
        " is expected until then. The internal source's also decides the default business date.",
    ),
    "covers": Key(
        _covers,
        "everything",
        "`business_date`; `everything`: it repeats the whole history; or `{from: ..., to: ...}`.",
        "business_date",
    ),
    "due_by": Key(
        calendars.due_by,
        '"18:00"',
        'When it must be there, on the business date; or `{business_days: 1, at: "06:00"}`.',
    ),
    "allow_empty": Key(
        boolean,
        "true",
        "No records at all is a valid answer: a header alone, `[]` in JSON, NDJSON of no bytes.",
        False,
    ),
    "expect": Key(
        keyed(EXPECT, _build_expect),
        "{rows: 2000}",
        "What it must hold to be whole.",
        Expectations(),
    ),
    "max_age": Key(
        duration,
        "1h",
        "Of prices: older ones do not count. Of positions and balances: where the latest is older,"
        " the side is incomplete.",
    ),
}

COMMON: Final[Table] = {
    "type": Key(choice("source type", TYPES), "file", f"{_listed(TYPES)}.", REQUIRED),
    "records": Key(
        choice("record type", RECORD_TYPES),
        "trades",
        "What its rows are.",
        None,
        "what the reconciliation says",
    ),
}


LIVE_RECORDS: Final = Key(
    choice("record type", [name for name in RECORD_TYPES if name != "pnl"]),
    *(COMMON["records"].shape, COMMON["records"].about, None, COMMON["records"].absent),
)


def _keys_of(type_: str) -> Table:
    """Every key of a source of the type. What says how things are now is not read from cells."""
    if type_ in LIVE_TYPES:
        return {"type": COMMON["type"], "records": LIVE_RECORDS, **LIVE_TYPES[type_]}
    return {**COMMON, **TYPES[type_], **MAPPING, **COVERAGE}


def source(name: str, node: Node, findings: Findings, *, frame: bool = False) -> SourceSettings:
    """One source. `frame`: where it names no type, it is a frame. Raises Fault."""
    entries = mapping(node)
    type_ = _type(node, entries, findings, frame)
    table = dict(_keys_of(type_))
    if frame:
        table["type"] = Key(COMMON["type"].read, "frame", "", "frame")
    secrets = refuse_secrets(node, table, findings)
    elsewhere = _elsewhere(entries, type_, findings, but={*table, *secrets})
    keys = read_keys(node, table, findings, also={*elsewhere, *secrets})
    if type_ in LIVE_TYPES:
        return SourceSettings(
            name=name,
            type=type_,
            options=live_options(type_, node, keys, findings),
            records=keys["records"],
            mapping=live_mapping(keys),
            max_age=keys["max_age"],
        )
    window, everything = _window(entries.get("covers"), keys, findings)
    due = keys["due_by"]
    return SourceSettings(
        name=name,
        type=type_,
        options=_options(type_, keys),
        records=keys["records"],
        mapping=mapping_settings(entries, keys, findings),
        timezone=keys["timezone"],
        calendar=keys["calendar"],
        cutoff=keys["cutoff"],
        allow_empty=keys["allow_empty"],
        everything=everything,
        window=window,
        due_by=due
        and calendars.business_deadline(due, zone=keys["timezone"], calendar=keys["calendar"]),
        expect=keys["expect"],
        max_age=keys["max_age"],
    )


def _elsewhere(
    entries: dict[str, Node], type_: str, findings: Findings, *, but: set[str]
) -> list[str]:
    """Report the keys that sources of other types have; returns them."""
    found = []
    for key, entry in entries.items():
        owners = [each for each in TYPES if key in _keys_of(each)]
        if key in but or not owners:
            continue
        found.append(key)
        named = f"{', '.join(owners[:-1])} or {owners[-1]}" if len(owners) > 1 else owners[0]
        what = f"`{key}` is of sources of type {named}; this one is {type_}"
        constant = key in ("account", "venue") and isinstance(entry.value, str)
        hint = f"`constants: {{{key}: {entry.value}}}`" if constant else None
        findings.add(entry, what, hint, key=True)
    return found


def _type(node: Node, entries: dict[str, Node], findings: Findings, frame: bool) -> str:
    """The source's type; its faults are reported here, once. Raises Reported."""
    entry = entries.get("type")
    if entry is None:
        if frame:
            return "frame"
        guess = "sql" if "query" in entries else "file"
        if entries.keys() & {"api_key", "secret", "wallet_address", "base_url"}:
            guess = "venue"
        hint = f"add `type: {guess}`; there are: {', '.join(TYPES)}"
        raise Fault(node, "`type` is missing", hint, key=True)
    if entry.value in LATER:
        what = f"sources of type `{entry.value}` do not exist yet"
        raise Fault(entry, what, f"there are: {', '.join(TYPES)}")
    found = attempt(COMMON["type"].read, entry, findings)
    if found is None:
        raise Reported(entry)
    return str(found)


def _options(type_: str, keys: dict[str, Any]) -> Options:
    match type_:
        case "file":
            options = {name: keys[name] for name in FILE if name != "path"}
            options["escape"] = keys["escape"] or keys["quote"]
            return FileOptions(paths=keys["path"] or (), **options)
        case "sql":
            return QueryOptions(keys["url"], keys["query"], keys["version"])
        case _:
            return FrameOptions()


def _window(
    node: Node | None, keys: dict[str, Any], findings: Findings
) -> tuple[tuple[int, int] | None, bool]:
    covers = keys["covers"]
    if node is None or isinstance(covers, str):
        return None, covers == "everything"
    where = zone(keys["timezone"]) if keys["timezone"] else None
    ends = []
    for name in WINDOW:
        try:
            ends.append(parse_time(covers[name], "iso", where))
        except Unreadable as why:
            findings.add(mapping(node)[name], str(why), "e.g. `2026-11-19T00:00:00Z`")
    if len(ends) == 2 and ends[0] > ends[1]:
        findings.add(node, "the window ends before it begins")
    return ((ends[0], ends[1]) if len(ends) == 2 else None), False
