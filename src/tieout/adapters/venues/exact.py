"""JSON of venues: numbers as they are written, and long bodies without holding up other threads.

The decoder in C lets no other thread run before it is done. A list of three thousand markets, of
several megabytes, takes it a tenth of a second, in which an engine on a thread of its own stands
still. So of a long body the way to its rows is read in Python, and each row in C: in Python a row
would take ten times as long.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]
from typing import Any, Final, TypeAlias

LONG: Final = 250_000
"""Characters that the decoder in C reads in a few milliseconds."""

OUTER: Final = 3
"""Levels at which the rows of a body begin at the latest: `{"result": {"list": [row, ...]}}`."""

Scan: TypeAlias = Callable[[str, int], tuple[Any, int]]


def loads(body: str) -> Any:
    """The value of a JSON text; a fraction stays text, an integer is exact.

    Raises:
        ValueError: it is no JSON, or has a number that is none.
        RecursionError: it is nested too deeply.
    """
    if len(body) <= LONG:
        return _DECODER.decode(body)
    return _Patient(parse_float=str, parse_constant=_no_number).decode(body)


def _no_number(name: str) -> Any:
    raise ValueError(name)


class _Patient(json.JSONDecoder):
    """A decoder that lets others run: `decode` goes through `scan_once`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        row: Scan = self.scan_once  # type: ignore[has-type]
        scan = row
        for _ in range(OUTER):
            scan = _level(row, scan, self.memo)  # type: ignore[attr-defined]
        self.scan_once = scan


def _level(row: Scan, inner: Scan, memo: dict[str, str]) -> Scan:
    """Reads a list in Python and each of its rows by `row`, an object and its values by `inner`."""

    def scan(text: str, at: int) -> tuple[Any, int]:
        first = text[at : at + 1]
        if first == "[":
            listed: tuple[Any, int] = JSONArray((text, at + 1), row)
            return listed
        if first == "{" and inner is not row:
            found: tuple[Any, int] = JSONObject((text, at + 1), True, inner, None, None, memo)
            return found
        return row(text, at)

    return scan


_DECODER: Final = json.JSONDecoder(parse_float=str, parse_constant=_no_number)
