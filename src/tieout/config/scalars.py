"""Readers of single values: texts, exact numbers, shares, durations, times, choices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfoNotFoundError, available_timezones

from tieout.config.findings import Findings, unknown
from tieout.config.keys import Reader
from tieout.config.tree import Fault, Node
from tieout.core.money import exact, fits
from tieout.core.text import NS, zone

E = TypeVar("E", bound=StrEnum)

UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": NS,
    "m": 60 * NS,
    "h": 3_600 * NS,
    "d": 86_400 * NS,
}
"""Units of a duration, in nanoseconds."""

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zµ]+)", re.ASCII | re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_PERCENT: Final = re.compile(r"(.*\d)\s*%", re.ASCII)
_TIME: Final = re.compile(r"(\d\d?):(\d\d)(?::(\d\d))?", re.ASCII)
_MAX_DURATION: Final = 2**63 - 1


def text(node: Node, _: Findings) -> str:
    """A text that is not blank. Numbers count as the text that was written."""
    if not isinstance(node.value, str):
        raise Fault(node, f"a text belongs here, not {node.shape}")
    if not node.value.strip():
        raise Fault(node, "the text is empty")
    if "\x00" in node.value:
        raise Fault(node, "the text contains a NUL character")
    return node.value


def directory(node: Node, findings: Findings) -> Path:
    """The path of a directory, relative to the configuration; it need not be there yet."""
    found = findings.base / text(node, findings)
    if found.exists() and not found.is_dir():
        raise Fault(node, f"{found} is not a directory")
    return found


def character(node: Node, _: Findings) -> str:
    """One character; `tab` and `\\t` stand for the tabulator, `space` for a blank."""
    value = node.value
    if isinstance(value, str):
        value = {"tab": "\t", "\\t": "\t", "space": " "}.get(value, value)
        if len(value) == 1 and value not in "\r\n\x00":
            return value
    raise Fault(node, f"one character belongs here, not {node.shape}", "e.g. `;`, `tab` or `space`")


def boolean(node: Node, _: Findings) -> bool:
    """`true` or `false`."""
    if not node.quoted and node.value in ("true", "True", "TRUE"):
        return True
    if not node.quoted and node.value in ("false", "False", "FALSE"):
        return False
    raise Fault(node, f"`true` or `false` belongs here, not {node.shape}")


def whole(node: Node, findings: Findings) -> int:
    """A whole number, zero or more."""
    value = text(node, findings)
    if not re.fullmatch(r"\d{1,18}", value, re.ASCII):
        raise Fault(node, f"a whole number, zero or more, belongs here, not {node.shape}")
    return int(value)


def number(node: Node, findings: Findings) -> Decimal:
    """An exact number, as it was written, that a record could hold."""
    found = total(node, findings)
    if not fits(found):
        raise Fault(node, f"{node.value} is beyond 18 decimals or a magnitude of 5e19")
    return found


def total(node: Node, findings: Findings) -> Decimal:
    """An exact number, as it was written. A sum may be larger than any amount in it."""
    value = text(node, findings).strip()
    if _PERCENT.fullmatch(value):
        raise Fault(node, f"a plain number belongs here, not the share {value!r}")
    if not _NUMBER.fullmatch(value):
        raise Fault(node, f"a number belongs here, not {node.shape}", 'e.g. `"0.005"`')
    return exact(value)


def amount(node: Node, findings: Findings) -> Decimal:
    """An exact number that is not negative."""
    found = number(node, findings)
    if found < 0:
        raise Fault(node, f"{node.value} is negative", "amounts here are magnitudes")
    return found


def share(node: Node, findings: Findings) -> Decimal:
    """A percentage of 0 % to 100 %, as a share: 1% is 0.01."""
    value = text(node, findings).strip()
    match = _PERCENT.fullmatch(value)
    if match is None or not _NUMBER.fullmatch(match[1]):
        if _NUMBER.fullmatch(value):
            raise Fault(node, f"{value} has no unit", f"write `{value}%`, a percentage")
        raise Fault(node, f"a percentage belongs here, not {node.shape}", "e.g. `1%`")
    found = exact(match[1]).scaleb(-2)
    if not 0 <= found <= 1:
        raise Fault(node, f"{value} is not between 0% and 100%")
    return found


def has_unit(value: str) -> bool:
    """Whether a text is a number with letters behind it: `100ms`, `100 msec`, `5 USD`."""
    return _DURATION.fullmatch(value.strip()) is not None


def is_duration(value: str) -> bool:
    """Whether a text looks like a number with a unit of time."""
    match = _DURATION.fullmatch(value.strip())
    return match is not None and match[2] in UNITS


def duration(node: Node, findings: Findings) -> int:
    """A length of time with its unit, in nanoseconds: `100ms`, `60s`, `5m`, `1h`, `2d`."""
    value = text(node, findings).strip()
    match = _DURATION.fullmatch(value)
    if match is None:
        if re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII):
            raise Fault(node, f"{value} has no unit", f"write `{value}s`, or ms, m, h, d")
        hint = "e.g. `100ms`, `60s`, `5m`, `1h`, `2d`"
        raise Fault(node, f"a length of time belongs here, not {node.shape}", hint)
    if match[2] not in UNITS:
        raise Fault(node, f"unknown unit `{match[2]}`", f"there are: {', '.join(UNITS)}")
    nanoseconds = exact(match[1]) * UNITS[match[2]]
    if nanoseconds != nanoseconds.to_integral_value() or nanoseconds > _MAX_DURATION:
        raise Fault(node, f"{value} is no whole number of nanoseconds, or longer than 292 years")
    return int(nanoseconds)


def span(node: Node, findings: Findings) -> int:
    """A length of time that is not zero, in nanoseconds."""
    found = duration(node, findings)
    if not found:
        raise Fault(node, f"{node.value} is no time at all", "e.g. `10s`")
    return found


def clock_time(node: Node, findings: Findings) -> time:
    """A time of day: `09:00` or `09:00:30`."""
    value = text(node, findings).strip()
    match = _TIME.fullmatch(value)
    if match is not None:
        hour, minute, second = (int(part or 0) for part in match.groups())
        if hour < 24 and minute < 60 and second < 60:
            return time(hour, minute, second)
    raise Fault(node, f"a time of day belongs here, not {node.shape}", 'e.g. `"09:00"`')


def day(node: Node, findings: Findings) -> date:
    """A calendar date: `2026-12-25`."""
    value = text(node, findings).strip()
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Fault(node, f"a date belongs here, not {node.shape}", "e.g. `2026-12-25`")


def time_zone(node: Node, findings: Findings) -> str:
    """The name of an IANA time zone."""
    value = text(node, findings)
    try:
        zone(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message, _ = unknown("time zone", value, available_timezones())
        raise Fault(node, message, "IANA names, e.g. `UTC`, `Europe/London`") from None
    return value


def currency(node: Node, findings: Findings) -> str:
    """A currency code as venues write it."""
    value = text(node, findings)
    if not re.fullmatch(r"[A-Za-z0-9.\-]{1,20}", value, re.ASCII):
        raise Fault(node, f"a currency code belongs here, not {node.shape}", "e.g. `USD`")
    return value


def choice(what: str, choices: Iterable[str]) -> Reader[str]:
    """A reader of one of `choices`."""
    known = tuple(choices)

    def reader(node: Node, findings: Findings) -> str:
        value = text(node, findings)
        if value not in known:
            raise Fault(node, *unknown(what, value, known))
        return value

    return reader


def member(what: str, kind: type[E]) -> Reader[E]:
    """A reader of a member of an enumeration, by its value."""
    read = choice(what, [each.value for each in kind])
    return lambda node, findings: kind(read(node, findings))
