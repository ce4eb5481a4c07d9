"""Readers of calendars and of what depends on them: deadlines and due times."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

from tieout.config.findings import Findings, unknown
from tieout.config.keys import REQUIRED, Key, Table, list_of, mapping, read_keys
from tieout.config.scalars import choice, clock_time, day, duration, text, time_zone, whole
from tieout.config.tree import Fault, Node, Reported
from tieout.core.rules import BusinessDeadline, Calendar, Duration

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BUILT_IN: Final = {
    "weekdays": Calendar(),
    "everyday": Calendar("everyday", weekend=frozenset()),
}
"""Calendars that need no definition."""

MARKET_YEARS: Final = range(2000, 2051)


def _weekday(node: Node, findings: Findings) -> int:
    return WEEKDAYS.index(choice("weekday", WEEKDAYS)(node, findings)) + 1


def _holidays(node: Node, findings: Findings) -> tuple[date, ...]:
    if not isinstance(node.value, str):
        return list_of(day, empty=True)(node, findings)
    path = findings.base / text(node, findings)
    dates = []
    for number, line in enumerate(read_lines(node, path), start=1):
        stripped = line.split("#")[0].strip()
        if not stripped:
            continue
        try:
            dates.append(date.fromisoformat(stripped))
        except ValueError:
            hint = "one date in a line, like `2026-12-25`"
            raise Fault(node, f"{path}:{number}: {stripped!r} is not a date", hint) from None
    return tuple(dates)


def read_lines(node: Node, path: Path) -> list[str]:
    """The lines of a UTF-8 file that `node` names. Raises Fault."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise Fault(node, f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise Fault(node, f"{path} is not a UTF-8 text file") from None


def _market(node: Node, findings: Findings) -> tuple[date, ...]:
    name = text(node, findings)
    try:
        import holidays
    except ImportError:
        raise Fault(
            node,
            "`market` needs an optional dependency that is not installed",
            "pip install 'tieout[calendars]', or list `holidays`",
        ) from None
    try:
        return tuple(holidays.financial_holidays(name, years=MARKET_YEARS))
    except NotImplementedError:
        known = holidays.list_supported_financial()
        raise Fault(node, *unknown("market", name, known)) from None


CALENDAR: Final[Table] = {
    "weekend": Key(
        list_of(_weekday, empty=True), "[sat, sun]", "Weekdays that are no business days.", (6, 7)
    ),
    "holidays": Key(
        _holidays,
        "[2026-12-25, ...] or a file",
        "Dates that are no business days; or a text file with one date in a line.",
        (),
    ),
    "market": Key(
        _market,
        "XNYS",
        "The holidays of a stock market, by its MIC, beside those listed;"
        " needs `tieout[calendars]`.",
        (),
    ),
}


def calendars(node: Node, findings: Findings) -> dict[str, Calendar]:
    """The calendars that a document defines, by name."""
    defined: dict[str, Calendar] = {}
    for name, each in mapping(node).items():
        try:
            keys = read_keys(each, CALENDAR, findings)
        except Fault as fault:
            findings.fault(fault)
            keys = {"weekend": (6, 7), "holidays": (), "market": ()}
        holidays = frozenset(keys["holidays"]) | frozenset(keys["market"])
        if len(set(keys["weekend"])) == 7:
            findings.add(each, "a week without a business day never ends")
        defined[name] = Calendar(name, frozenset(keys["weekend"]), holidays)
    return defined


def calendar(node: Node, findings: Findings) -> Calendar:
    """A calendar by its name."""
    known = {**BUILT_IN, **findings.calendars}
    name = text(node, findings)
    if name not in known:
        raise Fault(node, *unknown("calendar", name, known))
    return known[name]


DUE_BY: Final[Table] = {
    "business_days": Key(whole, "1", "Business days after the business date.", 0),
    "at": Key(clock_time, '"09:00"', "The time of day then.", REQUIRED),
    "timezone": Key(
        time_zone, "Europe/London", "The IANA zone of that clock.", None, "the source's, else UTC"
    ),
    "calendar": Key(calendar, "weekdays", "Which days are business days.", None, "the source's"),
}
DEADLINE: Final[Table] = {
    "business_days": Key(whole, "1", "Business days after the record's own day.", REQUIRED),
    "at": Key(clock_time, '"09:00"', "The time of day then.", REQUIRED),
    "timezone": Key(time_zone, "Europe/London", "The IANA zone of that clock.", REQUIRED),
    "calendar": Key(
        calendar, "weekdays", "Which days are business days.", None, "the reconciliation's"
    ),
    "cutoff": Key(clock_time, '"17:00"', "From this time on a record counts for the next day."),
}

DeadlineKeys: TypeAlias = dict[str, Any]
"""A business deadline whose zone and calendar are not known yet: see `business_deadline`."""


def deadline(node: Node, findings: Findings) -> Duration | DeadlineKeys:
    """A length of time, or a time of day some business days later."""
    if isinstance(node.value, str):
        return Duration(duration(node, findings))
    return _whole(node, DEADLINE, findings)


def due_by(node: Node, findings: Findings) -> DeadlineKeys:
    """A time of day on the business date, or some business days after it."""
    if isinstance(node.value, str):
        at = clock_time(node, findings)
        return {"business_days": 0, "at": at, "timezone": None, "calendar": None}
    return _whole(node, DUE_BY, findings)


def _whole(node: Node, table: Table, findings: Findings) -> DeadlineKeys:
    before = len(findings.problems)
    keys = read_keys(node, table, findings)
    if len(findings.problems) > before:
        raise Reported(node)
    return keys


def business_deadline(
    keys: DeadlineKeys, *, zone: str | None, calendar: Calendar | None
) -> BusinessDeadline:
    """What `keys` say, and where they say nothing, what their surroundings do."""
    return BusinessDeadline(
        business_days=keys["business_days"],
        at=keys["at"],
        timezone=keys["timezone"] or zone or "UTC",
        calendar=keys["calendar"] or calendar or Calendar(),
        cutoff=keys.get("cutoff"),
    )
