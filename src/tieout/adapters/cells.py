"""Python values -> the exact texts that `core.read` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from tieout.core.money import plain
from tieout.core.read import RAW_LIMIT
from tieout.core.scan import BadRow, TextRow
from tieout.errors import SourceError

_EXACT_INTEGERS: Final = 2.0**53
"""A double below this holds every integer exactly."""


def cell_text(value: object) -> str | None:
    """The text of a value from a database, a spreadsheet or a frame.

    A float becomes its shortest decimal, without `.0` where it is an integer; times are ISO 8601
    with the offset that they have; objects and lists are JSON.

    Raises:
        TypeError: the value has no text that would be certain, e.g. bytes.
    """
    if value is None or isinstance(value, str):
        return value
    convert = _TEXTS.get(type(value))
    if convert is None:
        convert = next((_TEXTS[kind] for kind in _TEXTS if isinstance(value, kind)), None)
    if convert is None:
        raise TypeError(f"it is a {type(value).__name__}, which is no text, number or time")
    return convert(value)


def json_text(value: object) -> str:
    """Compact JSON; what JSON does not have is its text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _float_text(value: float) -> str:
    if value.is_integer() and -_EXACT_INTEGERS < value < _EXACT_INTEGERS:
        return str(int(value))
    return repr(value)


def _decimal_text(value: Decimal) -> str:
    return plain(value) if value.is_finite() else str(value)


def _bool_text(value: bool) -> str:
    return "true" if value else "false"


_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    bool: _bool_text,  # before int, which it is as well
    int: str,
    float: _float_text,
    Decimal: _decimal_text,
    datetime: datetime.isoformat,  # before date
    date: date.isoformat,
    time: time.isoformat,
    UUID: str,
    dict: json_text,
    list: json_text,
}


def refuse_float(column: str, where: str, hint: str) -> SourceError:
    """The error about a binary float in a column that is read."""
    return SourceError(
        f"column {column!r} holds binary floats, which are not the numbers anybody wrote",
        where=where,
        hint=hint,
    )


def text_row(
    values: Sequence[object],
    place: str,
    row: int,
    line: int | None = None,
    used: Sequence[bool] | None = None,
) -> TextRow | BadRow:
    """A row of Python values as text, or why it is none.

    Args:
        used: which of the values are read; the others may be anything.
    """
    try:
        if used is None or all(used):
            return TextRow(tuple([cell_text(value) for value in values]), place, row, line)
        cells = [
            cell_text(value) if read else _any_text(value)
            for value, read in zip(values, used, strict=True)
        ]
        return TextRow(tuple(cells), place, row, line)
    except TypeError as why:
        return BadRow(place, row, str(why), repr(tuple(values))[:RAW_LIMIT], line)


def _any_text(value: object) -> str | None:
    try:
        return cell_text(value)
    except TypeError:
        return repr(value)[:RAW_LIMIT]
