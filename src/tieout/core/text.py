"""Texts to values, exactly. What does not fit without loss is `Unreadable`, never rounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from tieout.core.money import LIMIT, SCALE, decimals, multiply

NS: Final = 1_000_000_000
EPOCH_UNITS: Final = {"s": NS, "ms": 1_000_000, "us": 1_000, "ns": 1}
"""Names of epoch formats, and nanoseconds in one unit of each."""

_CURRENCY: Final = "$€£¥₿₹"
_NUMBER: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:[eE]([+-]?\d{1,3}))?", re.ASCII)
_BELOW_MICROSECONDS: Final = re.compile(r"[.,][0-9]{6}[0-9]*[1-9]")
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?"
    r"\s?(Z|z|UTC|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?",
    re.ASCII,
)
# Half of what 64 bits hold, so that the difference of two times still fits.
_MAX_NS: Final = 2**62


UNREADABLE: Final = "\x00!"
"""Begins the reason that stands in the place of a cell which a source could not give as text."""


class Unreadable(Exception):
    """A cell that cannot be read; `str()` of it is the reason, for a person."""


def unreadable(reason: str) -> str:
    """What stands in the place of a cell that a source cannot give as text."""
    return UNREADABLE + reason


def no_certain_text(number: str) -> str:
    """Why a binary float that is no whole number is no id."""
    return f"it is the binary float {number}, which is no certain text"


def is_unreadable(text: str) -> bool:
    """Whether the source could not give the cell."""
    return text.startswith(UNREADABLE)


def check_readable(text: str) -> None:
    """Raises Unreadable: the source could not give the cell, or it is no text."""
    if is_unreadable(text):
        raise Unreadable(text.removeprefix(UNREADABLE))
    if "\x00" in text:
        raise Unreadable("it contains a NUL character")


@dataclass(frozen=True, slots=True)
class NumberStyle:
    """How a source writes numbers.

    Attributes:
        point: the decimal separator, `.` or `,`.
        thousands: the separator between groups of three digits, if any.
    """

    point: str = "."
    thousands: str | None = None


def parse_decimal(text: str, style: NumberStyle) -> Decimal:
    """The number that `text` writes: sign or accounting brackets, currency sign, exponent.

    Raises:
        Unreadable: no number, not finite, more than 18 decimals, or a magnitude of 5e19 or more.
    """
    body, negative = _unwrap(text)
    body = _plain_point(body, text, style)
    if (match := _NUMBER.fullmatch(body)) is None:
        raise Unreadable(_why_no_number(text, style))
    mantissa, exponent = match.groups()
    number = Decimal(mantissa)
    if exponent is not None:
        sign, digits, own = number.as_tuple()
        assert isinstance(own, int)
        number = Decimal((sign, digits, own + int(exponent)))
    if not number:
        return Decimal(0)  # whatever its sign and exponent are
    if number >= LIMIT:
        raise Unreadable(f"{text!r} is too large: magnitudes must be below 5e19")
    if (needed := decimals(number)) > SCALE:
        raise Unreadable(f"{text!r} has {needed} decimals; {SCALE} can be kept without rounding")
    return number.copy_negate() if negative else number


def _unwrap(text: str) -> tuple[str, bool]:
    """`text` without sign, accounting brackets and currency sign, and whether it is negative."""
    body, negative = text.strip().replace("\N{MINUS SIGN}", "-"), False
    if body.startswith("(") and body.endswith(")"):
        body, negative = body[1:-1].strip(), True
    elif body.endswith("-"):
        body, negative = body[:-1].rstrip(), True
    signed = negative
    priced = False
    for _ in range(2):  # "-$5" and "$-5", but one sign and one currency at most
        if body[:1] in ("+", "-") and not signed:
            signed, negative, body = True, body[0] == "-", body[1:].lstrip()
        if body[:1] and body[0] in _CURRENCY and not priced:
            priced, body = True, body[1:].lstrip()
    if body[-1:] and body[-1] in _CURRENCY and not priced:
        body = body[:-1].rstrip()
    return body, negative


def _plain_point(body: str, text: str, style: NumberStyle) -> str:
    """`body` with `.` as its point and without thousands separators."""
    separator = style.thousands
    if separator:
        whole, point, rest = body.partition(style.point)
        groups = _split_groups(whole, separator)
        if len(groups) > 1:
            first, *others = groups
            if not 1 <= len(first) <= 3 or any(len(group) != 3 for group in others):
                raise Unreadable(f"{text!r}: {separator!r} does not stand between thousands")
            if first.startswith("0"):
                raise Unreadable(f"{text!r}: a number with thousands does not begin with 0")
            body = "".join(groups) + point + rest
    if style.point != ".":
        if "." in body:
            raise Unreadable(f"{text!r} has a point, but decimals are written with a comma")
        body = body.replace(style.point, ".")
    return body


def _split_groups(whole: str, separator: str) -> list[str]:
    if separator.isspace():  # spaces come as blanks, no-break and thin ones
        return re.split(r"[\s\u00a0\u202f\u2009]", whole)
    return whole.split(separator)


def _why_no_number(text: str, style: NumberStyle) -> str:
    lowered = text.strip().lower().lstrip("+-")
    if lowered in {"nan", "inf", "infinity", "#n/a", "#div/0!", "#ref!", "#value!"}:
        return f"{text!r} is not a finite number"
    if "," in text and style.point != "," and style.thousands != ",":
        return f"{text!r} is not a number; if ',' groups thousands, say `thousands: \",\"`"
    return f"{text!r} is not a number"


def parse_time(text: str, form: str, zone: ZoneInfo | None) -> int:
    """UTC nanoseconds since 1970.

    Args:
        form: `iso`, an epoch unit (`s`, `ms`, `us`, `ns`), or a strptime pattern.
        zone: the zone of times that do not carry one; None where none is stated.

    Raises:
        Unreadable: no such time; a naive one without a stated zone; one that the zone's clock
            skips or shows twice; digits below a nanosecond; outside 1824 to 2115.
    """
    if form in EPOCH_UNITS:
        return _in_range(_parse_epoch(text, EPOCH_UNITS[form]), text)
    if form != "iso":
        return _in_range(_to_utc(_strptime(text, form), zone, text), text)
    if (match := _ISO.fullmatch(text)) is None:
        raise Unreadable(f"{text!r} is not an ISO 8601 time")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    digits = (fraction or "").rstrip("0")
    if len(digits) > 9:
        raise Unreadable(f"{text!r} has digits below a nanosecond")
    try:
        naive = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError as error:
        raise Unreadable(f"{text!r} is not a time: {error}") from None
    base = _offset(naive, offset) if offset else _to_utc(naive, zone, text)
    return _in_range(base + int(digits.ljust(9, "0") or 0), text)


def _parse_epoch(text: str, unit: int) -> int:
    number = parse_decimal(text, NumberStyle())
    nanoseconds = multiply(number, Decimal(unit))
    if decimals(nanoseconds):
        raise Unreadable(f"{text!r} has digits below a nanosecond")
    return int(nanoseconds)


def _strptime(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        raise Unreadable(f"{text!r} does not look like {form!r}") from None


def _offset(naive: datetime, offset: str) -> int:
    if offset in ("Z", "z", "UTC"):
        return _seconds(naive) * NS
    digits = offset[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return (_seconds(naive) - (seconds if offset[0] == "+" else -seconds)) * NS


def _to_utc(moment: datetime, zone: ZoneInfo | None, text: str) -> int:
    if (own := moment.utcoffset()) is not None:
        try:
            utc = moment.replace(tzinfo=None) - own
        except OverflowError:
            raise Unreadable(f"{text!r} is outside the years 1824 to 2115") from None
        return _seconds(utc) * NS + utc.microsecond * 1000
    if zone is None:
        raise Unreadable(f"{text!r} has no time zone; state the source's `timezone`")
    first = moment.replace(tzinfo=zone)
    offset, again = first.utcoffset(), first.replace(fold=1).utcoffset()
    assert offset is not None and again is not None
    if offset != again:
        why = "occurs twice" if offset > again else "does not exist"
        raise Unreadable(f"{text!r} {why} in {zone.key}, when the clocks change")
    return (_seconds(moment) - int(offset.total_seconds())) * NS + moment.microsecond * 1000


def _seconds(naive: datetime) -> int:
    delta = naive - datetime(1970, 1, 1)
    return delta.days * 86_400 + delta.seconds


def _in_range(nanoseconds: int, text: str) -> int:
    if not -_MAX_NS <= nanoseconds <= _MAX_NS:
        raise Unreadable(f"{text!r} is outside the years 1824 to 2115")
    return nanoseconds


def parse_date(text: str, form: str) -> date:
    """A calendar date: ISO (a time of day after it is refused) or a strptime pattern."""
    if form != "iso":
        return _strptime(text, form).date()
    try:
        return date.fromisoformat(text) if len(text) == 10 else _midnight(text)
    except ValueError:
        raise Unreadable(f"{text!r} is not an ISO 8601 date") from None


def _midnight(text: str) -> date:
    moment = datetime.fromisoformat(text)
    if moment.time() != datetime.min.time():
        raise Unreadable(f"{text!r} is a time, not a date")
    return moment.date()


def below_microseconds(text: str) -> bool:
    """Whether a time has digits that a `datetime` does not keep."""
    return _BELOW_MICROSECONDS.search(text) is not None


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The IANA time zone called `name`. Raises ZoneInfoNotFoundError or ValueError."""
    return ZoneInfo(name)


def day_of(nanoseconds: int, zone: ZoneInfo) -> date:
    """The calendar day of a UTC time in `zone`."""
    seconds = nanoseconds // NS
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone).date()
