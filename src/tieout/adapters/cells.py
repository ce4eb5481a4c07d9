"""Python values -> the exact texts that `core.read` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from tieout.core.money import plain
from tieout.core.scan import TextRow
from tieout.core.text import unreadable
from tieout.errors import SourceError

_EXACT_INTEGERS: Final = 2.0**53
"""A double below this holds every integer exactly."""


def cell_text(value: object) -> str | None:
    """The text of a value from a database, a spreadsheet or a frame.

    A float becomes its shortest decimal, without `.0` where it is an integer; times are ISO 8601
    with the offset that they have; objects and lists are JSON. Equal values have one text.

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


def is_whole(value: float) -> bool:
    """Whether a binary float is an integer that it holds exactly."""
    return value.is_integer() and abs(value) < _EXACT_INTEGERS


def _float_text(value: float) -> str:
    return str(int(value)) if is_whole(value) else repr(value)


def _time_text(value: datetime) -> str:
    text = value.isoformat()
    digits = f".{value.microsecond:06}"
    return text.replace(digits, digits.rstrip("0")) if value.microsecond else text


def _decimal_text(value: Decimal) -> str:
    return plain(value) if value.is_finite() else str(value)


def _bool_text(value: bool) -> str:
    return "true" if value else "false"


_TEXTS: Final[dict[type, Callable[[Any], str]]] = {
    bool: _bool_text,  # before int, which it is as well
    int: str,
    float: _float_text,
    Decimal: _decimal_text,
    datetime: _time_text,  # before date
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


def text_row(values: Sequence[object], place: str, row: int, line: int | None = None) -> TextRow:
    """A row of Python values as texts. What has none is unreadable, where anybody reads it."""
    try:
        return TextRow(tuple([cell_text(value) for value in values]), place, row, line)
    except TypeError:
        return TextRow(tuple([_any_text(value) for value in values]), place, row, line)


def _any_text(value: object) -> str | None:
    try:
        return cell_text(value)
    except TypeError as why:
        return unreadable(str(why))
