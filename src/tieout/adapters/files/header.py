"""The header of a delimited file: how it is written, and what is wrong with it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tieout.adapters.files.delimited import Line, Split, lines_of, split_records
from tieout.adapters.files.settings import FileSettings
from tieout.core.scan import Dialect
from tieout.core.text import NumberStyle, Unreadable, parse_decimal
from tieout.errors import SourceError

DELIMITERS: Final = (",", ";", "\t", "|")
_SEPARATOR: Final = re.compile(rb"\"?sep=([^\r\n\"])\"?[\r\n]*", re.IGNORECASE)
"""A first line by which spreadsheets are told the delimiter. It is no record."""

SAME_COLUMNS: Final = (
    "files of one source have the same columns in the same order, and a side is one source: have"
    " them exported alike, or merge them into one file before the run"
)
"""What works where files of one source differ."""

_SAMPLE_BYTES: Final = 1 << 18
_SAMPLE_RECORDS: Final = 50


@dataclass(frozen=True, slots=True)
class Header:
    """What the start of a file says.

    Attributes:
        columns: the last one has no name where every line ends with a delimiter; its cells have
            to be empty.
        dialect: with `skip` at the first record.
        rows: whether there is a record at all.
    """

    columns: tuple[str, ...]
    dialect: Dialect
    rows: bool


def read_header(path: Path, settings: FileSettings, name: str) -> Header:
    """The checked header of a UTF-8 file.

    Raises:
        SourceError: no header, or one with empty or repeated names, or that is no header.
    """
    where = f"{settings.name}: {name}"
    lines = _sample(path, settings.skip_rows)
    if said := _SEPARATOR.fullmatch(lines[0].content) if lines else None:
        if settings.delimiter == "auto":
            settings = replace(settings, delimiter=said[1].decode())
        lines = lines[1:]
    skip = settings.skip_rows + (said is not None)
    delimiter = _delimiter(lines, settings, where)
    dialect = Dialect(delimiter, settings.quote, settings.escape, skip)
    records = split_records(iter(lines), dialect)
    if settings.names:
        return Header(settings.names, dialect, next(records, None) is not None)
    first = next(records, None)
    if first is None:
        raise SourceError(
            f"{name} is empty: it has not even a header",
            where=where,
            hint="fetch it again; a day without records has a header line and `allow_empty: true`",
        )
    if first.fault is not None:
        raise SourceError(
            f"the header cannot be read: {first.fault}",
            where=where,
            hint="correct `quote`, `delimiter` or `skip_rows`",
        )
    others = list(records)
    named, last = first.cells[:-1], first.cells[-1]
    if named and not last.strip() and not any("".join(each.cells[-1:]).strip() for each in others):
        columns = (*check_names(named, where), "")
    else:
        columns = check_names(first.cells, where)
    return Header(columns, replace(dialect, skip=first.last.number), bool(others))


def check_names(cells: Sequence[str | None], where: str) -> tuple[str, ...]:
    """Column names, stripped.

    Raises:
        SourceError: they cannot be the names of columns.
    """
    names = tuple((cell or "").strip() for cell in cells)
    if any("\x00" in name for name in names):
        raise SourceError(
            "the header contains NUL characters",
            where=where,
            hint="it may be UTF-16: say `encoding: utf-16-le`",
        )
    if all(_is_number(name) for name in names):
        raise SourceError(
            f"the header looks like data: {', '.join(names)}",
            where=where,
            hint="name the columns of a file without a header: `names: [trade_id, …]`",
        )
    empty = [str(index) for index, name in enumerate(names, 1) if not name]
    if empty:
        raise SourceError(
            f"the header has no name for column {', '.join(empty)} of {len(names)}",
            where=where,
            hint="say `skip_rows` to come to the header, or skip it and give `names`",
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise SourceError(
            f"the header has {', '.join(map(repr, repeated))} more than once",
            where=where,
            hint="rename one in the export, or skip the header with `skip_rows` and give `names`",
        )
    return names


def _is_number(name: str) -> bool:
    try:
        parse_decimal(name, NumberStyle())
    except Unreadable:
        return False
    return True


def _sample(path: Path, skip: int) -> list[Line]:
    """The first lines of a file after `skip` of them, at least two that are not blank."""
    lines: list[Line] = []
    filled = 0
    with path.open("rb") as stream:
        for line in lines_of(iter(lambda: stream.read(_SAMPLE_BYTES), b"")):
            if line.number <= skip:
                continue
            lines.append(line)
            filled += bool(line.body)
            if filled > _SAMPLE_RECORDS:
                break
    return lines


def _delimiter(lines: Sequence[Line], settings: FileSettings, where: str) -> str:
    """The configured delimiter, or the one that splits the sample most regularly.

    Raises:
        SourceError: two do equally well.
    """
    if settings.delimiter != "auto":
        return settings.delimiter
    if settings.format == "tsv":
        return "\t"
    scores = {each: _regularity(lines, each, settings) for each in DELIMITERS}
    best = max(scores.values())
    if best == (0.0, 0):
        return ","
    winners = [each for each, score in scores.items() if score == best]
    if len(winners) > 1:
        raise SourceError(
            f"the delimiter may be {' or '.join(map(repr, winners))}",
            where=where,
            hint=f'say which: `delimiter: "{winners[0]}"`',
        )
    return winners[0]


def _regularity(lines: Sequence[Line], delimiter: str, settings: FileSettings) -> tuple[float, int]:
    """The share of records with as many cells as the first, and how many cells that are."""
    dialect = Dialect(delimiter, settings.quote, settings.escape, settings.skip_rows)
    splits = list(itertools.islice(split_records(iter(lines), dialect), _SAMPLE_RECORDS))
    if not splits or len(splits[0].cells) < 2:
        return 0.0, 0
    cells = len(splits[0].cells)
    return sum(_has(split, cells) for split in splits) / len(splits), cells


def _has(split: Split, cells: int) -> bool:
    return split.fault is None and len(split.cells) == cells
