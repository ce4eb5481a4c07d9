"""Texts to values: exactly, or not at all."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.canonical import instant, nanoseconds
from tieout.core.money import fits, plain
from tieout.core.text import (
    EPOCH_UNITS,
    NumberStyle,
    Unreadable,
    below_microseconds,
    day_of,
    parse_date,
    parse_decimal,
    parse_time,
    zone,
)

US = NumberStyle(thousands=",")
GERMAN = NumberStyle(point=",", thousands=".")
FRENCH = NumberStyle(point=",", thousands=" ")
SWISS = NumberStyle(thousands="'")
COMMA = NumberStyle(point=",")
STYLES = {"plain": NumberStyle(), "us": US, "german": GERMAN, "french": FRENCH, "swiss": SWISS,
          "comma": COMMA}  # fmt: skip
NOWHERE = None
BERLIN = zone("Europe/Berlin")


@pytest.fixture(autouse=True, scope="module")
def narrow_context() -> Iterator[None]:
    """A caller's context of three digits loses none of ours."""
    with decimal.localcontext() as context:
        context.prec = 3
        yield


numbers = st.integers(-(5 * 10**37) + 1, 5 * 10**37 - 1).map(
    lambda units: Decimal((units < 0, tuple(map(int, str(abs(units)))), -18))
)

NUMBERS = """
plain  | 1                      | 1
plain  | -1.50                  | -1.5
plain  | +1                     | 1
plain  | .5                     | 0.5
plain  | 5.                     | 5
plain  | 1e3                    | 1000
plain  | 1.5E-3                 | 0.0015
plain  | 0e999                  | 0
plain  | -0                     | 0
plain  | 007                    | 7
plain  | (1.50)                 | -1.5
plain  | ( 1.50 )               | -1.5
plain  | 1.50-                  | -1.5
plain  | \N{MINUS SIGN}1.5      | -1.5
plain  | $1.50                  | 1.5
plain  | -$1.50                 | -1.5
plain  | $-1.50                 | -1.5
plain  | ($1.50)                | -1.5
plain  | 1.50 €                 | 1.5
plain  | 0.000000000000000001   | 0.000000000000000001
plain  | 0.1000000000000000000  | 0.1
plain  | 49999999999999999999   | 49999999999999999999
us     | 1,234.5                | 1234.5
us     | -1,234,567             | -1234567
us     | 1234.5                 | 1234.5
german | 1.234,5                | 1234.5
german | 1234,5                 | 1234.5
german | -1.234.567,89          | -1234567.89
french | 1 234,5                | 1234.5
french | 1\u00a0234\u202f567,5  | 1234567.5
swiss  | 1'234.5                | 1234.5
comma  | 1,5                    | 1.5
"""


def rows(table: str) -> list[list[str]]:
    return [[cell.strip(" ") for cell in line.split("|")] for line in table.strip().splitlines()]


@pytest.mark.parametrize(("style", "text", "number"), rows(NUMBERS))
def test_numbers(style: str, text: str, number: str) -> None:
    found = parse_decimal(text, STYLES[style])
    assert plain(found) == number
    assert not (found == 0 and found.is_signed())


NO_NUMBERS = """
plain  |                        | not a number
plain  | abc                    | not a number
plain  | NaN                    | not a finite number
plain  | -Infinity              | not a finite number
plain  | #N/A                   | not a finite number
plain  | 1_000                  | not a number
plain  | 1,5                    | thousands
plain  | 1 000                  | not a number
plain  | 0x10                   | not a number
plain  | 1.2.3                  | not a number
plain  | --1                    | not a number
plain  | +-1                    | not a number
plain  | ++1                    | not a number
plain  | -1-                    | not a number
plain  | (-1)                   | not a number
plain  | $$1                    | not a number
plain  | $1€                    | not a number
plain  | -                      | not a number
plain  | ()                     | not a number
plain  | .                      | not a number
plain  | 1e                     | not a number
plain  | 1e1000                 | not a number
plain  | \N{ARABIC-INDIC DIGIT ONE} | not a number
plain  | ½                      | not a number
plain  | 1%                     | not a number
plain  | 50000000000000000000   | too large
plain  | -50000000000000000000  | too large
plain  | 1e999                  | too large
plain  | 0.0000000000000000001  | 19 decimals
plain  | 1e-19                  | 19 decimals
us     | 1,23                   | between thousands
us     | 1234,567               | between thousands
us     | ,123                   | between thousands
us     | 0,005                  | does not begin with 0
us     | 00,500                 | does not begin with 0
us     | -0,005.5               | does not begin with 0
german | 0.005                  | does not begin with 0
german | 0.005,5                | does not begin with 0
french | 0 500                  | does not begin with 0
us     | 1.234,567              | not a number
german | 1.5                    | between thousands
german | 1,234.5                | with a comma
comma  | 1.5                    | with a comma
comma  | 1,2,3                  | not a number
"""


@pytest.mark.parametrize(("style", "text", "why"), rows(NO_NUMBERS))
def test_what_is_no_number_says_why(style: str, text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse_decimal(text, STYLES[style])


@given(numbers)
def test_every_storable_number_reads_back_in_every_notation(number: Decimal) -> None:
    text = plain(number)
    whole, point, rest = text.lstrip("-").partition(".")
    sign = "-" if text.startswith("-") else ""
    grouped = f"{int(whole):,}"
    for style, written in (
        (NumberStyle(), text),
        (NumberStyle(), f"{number:E}"),
        (COMMA, text.replace(".", ",")),
        (US, sign + grouped + point + rest),
        (GERMAN, sign + grouped.replace(",", ".") + point.replace(".", ",") + rest),
        (FRENCH, sign + grouped.replace(",", "\u202f") + point.replace(".", ",") + rest),
    ):
        assert parse_decimal(written, style) == number


@given(st.text("0123456789.,-+eE()$ '_xN", max_size=12), st.sampled_from(list(STYLES.values())))
def test_a_text_is_a_number_that_fits_or_unreadable(text: str, style: NumberStyle) -> None:
    try:
        number = parse_decimal(text, style)
    except Unreadable as why:
        assert str(why)
    else:
        assert fits(number)


TIMES = """
iso | 2025-07-26T10:01:22.900Z              | 2025-07-26T10:01:22.900000000Z
iso | 2025-07-26 10:01:22Z                  | 2025-07-26T10:01:22.000000000Z
iso | 2025-07-26T10:01:22.123456789Z        | 2025-07-26T10:01:22.123456789Z
iso | 2025-07-26T10:01:22.1234567890000Z    | 2025-07-26T10:01:22.123456789Z
iso | 2025-07-26T10:01:22,5Z                | 2025-07-26T10:01:22.500000000Z
iso | 2025-07-26T10:01Z                     | 2025-07-26T10:01:00.000000000Z
iso | 2025-07-26 10:01:22 UTC               | 2025-07-26T10:01:22.000000000Z
iso | 2025-07-26T10:01:22+02:00             | 2025-07-26T08:01:22.000000000Z
iso | 2025-07-26T10:01:22-0330              | 2025-07-26T13:31:22.000000000Z
iso | 2025-07-26T10:01:22+02                | 2025-07-26T08:01:22.000000000Z
iso | 1969-12-31T23:59:59.999999999Z        | 1969-12-31T23:59:59.999999999Z
s   | 1753524082                            | 2025-07-26T10:01:22.000000000Z
s   | 1753524082.900000001                  | 2025-07-26T10:01:22.900000001Z
s   | 1.753524082E9                         | 2025-07-26T10:01:22.000000000Z
s   | -1                                    | 1969-12-31T23:59:59.000000000Z
ms  | 1753524082900                         | 2025-07-26T10:01:22.900000000Z
us  | 1753524082900000                      | 2025-07-26T10:01:22.900000000Z
ns  | 1753524082900000001                   | 2025-07-26T10:01:22.900000001Z
%d/%m/%Y %H:%M:%S %z | 26/07/2025 10:01:22 +0200 | 2025-07-26T08:01:22.000000000Z
"""


@pytest.mark.parametrize(("form", "text", "expected"), rows(TIMES))
def test_times_that_carry_their_zone(form: str, text: str, expected: str) -> None:
    assert instant(parse_time(text, form, NOWHERE)) == expected


NO_TIMES = """
iso | 2025-07-26T10:01:22            | no time zone
iso | 2025-07-26                     | no time zone
iso | 2025-07-26T10:01:22.1234567891Z | below a nanosecond
iso | 2025-02-30T10:01:22Z           | is not a time
iso | 2025-07-26T24:00:00Z           | is not a time
iso | 2025-07-26T10:01:60Z           | is not a time
iso | 2025-07-26T10:01:22+24:00      | not an ISO
iso | 2025-07-26T10:01:22+05:60      | not an ISO
iso | 26.07.2025 10:01               | not an ISO
iso | 1753524082                     | not an ISO
iso | 0000-01-01T00:00:00Z           | is not a time
iso | 1600-01-01T00:00:00Z           | outside the years
iso | 9999-12-31T23:59:59Z           | outside the years
s   | 1753524082.9000000001          | below a nanosecond
s   | 1753524082.900000000000000001  | below a nanosecond
ns  | 1753524082900000000.5          | below a nanosecond
s   | 99999999999                    | outside the years
s   | soon                           | not a number
%d/%m/%Y | 2025-07-26                | does not look like
%d/%m/%Y %H:%M | 26/07/2025 10:01    | no time zone
%Y-%m-%d %z | 0001-01-01 +1400       | outside the years
%Y-%m-%d %H:%M %z | 9999-12-31 23:00 -1400 | outside the years
"""


@pytest.mark.parametrize(("form", "text", "why"), rows(NO_TIMES))
def test_what_is_no_time_says_why(form: str, text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse_time(text, form, NOWHERE)


@given(st.integers(-(2**62), 2**62))
def test_an_instant_reads_back(ns: int) -> None:
    assert parse_time(instant(ns), "iso", NOWHERE) == ns
    assert parse_time(str(ns), "ns", NOWHERE) == ns


@given(st.integers(-(2**61), 2**61), st.sampled_from(sorted(EPOCH_UNITS)))
def test_an_epoch_in_any_unit_is_the_same_time(ns: int, unit: str) -> None:
    scale = EPOCH_UNITS[unit]
    digits = len(str(scale)) - 1
    text = plain(Decimal((ns < 0, tuple(map(int, str(abs(ns)))), -digits)))
    assert parse_time(text, unit, NOWHERE) == ns


def test_edge_24_a_naive_time_is_read_in_its_stated_zone() -> None:
    for form, text in (("iso", "2025-07-26T10:00:00"), ("%d.%m.%Y %H:%M", "26.07.2025 10:00")):
        assert instant(parse_time(text, form, BERLIN)) == "2025-07-26T08:00:00.000000000Z"


@pytest.mark.parametrize(
    ("text", "why"),
    [("2025-03-30T02:30:00", "does not exist"), ("2025-10-26T02:30:00", "occurs twice")],
)
def test_a_time_that_the_clocks_skip_or_show_twice_is_not_guessed(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=f"{why} in Europe/Berlin"):
        parse_time(text, "iso", BERLIN)
    assert parse_time(f"{text}+02:00", "iso", BERLIN)


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - naive on purpose
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_a_local_time_is_the_instant_at_which_clocks_show_it(naive: datetime, name: str) -> None:
    where = ZoneInfo(name)
    candidates = {
        nanoseconds(naive.replace(tzinfo=where, fold=fold).astimezone(UTC)) for fold in (0, 1)
    }
    try:
        found = parse_time(naive.isoformat(), "iso", where)
    except Unreadable:
        assert len(candidates) == 2
    else:
        assert candidates == {found}


DATES = [
    ("2025-07-26", "iso", date(2025, 7, 26)),
    ("2025-07-26T00:00:00", "iso", date(2025, 7, 26)),
    ("2025-07-26 00:00:00", "iso", date(2025, 7, 26)),
    ("26/07/2025", "%d/%m/%Y", date(2025, 7, 26)),
]


@pytest.mark.parametrize(("text", "form", "expected"), DATES)
def test_dates(text: str, form: str, expected: date) -> None:
    assert parse_date(text, form) == expected


@pytest.mark.parametrize(
    ("text", "form", "why"),
    [
        ("2025-07-26T10:00:00", "iso", "a time, not a date"),
        ("2025-02-30", "iso", "not an ISO"),
        ("26/07/2025", "iso", "not an ISO"),
        ("", "iso", "not an ISO"),
        ("2025-07-26", "%d/%m/%Y", "does not look like"),
    ],
)
def test_what_is_no_date_says_why(text: str, form: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse_date(text, form)


@given(st.dates())
def test_a_date_reads_back(day: date) -> None:
    assert parse_date(day.isoformat(), "iso") == day


@given(st.integers(-(2**62), 2**62), st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York"]))
def test_the_day_of_a_moment_is_the_local_calendars(ns: int, name: str) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ns // 10**9)
    assert day_of(ns, zone(name)) == moment.astimezone(ZoneInfo(name)).date()


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("2026-11-20T09:00:00.000000999Z", True),
        ("2026-11-20T09:00:00,1234561+01:00", True),
        ("2026-11-20T09:00:00.123456000Z", False),
        ("2026-11-20T09:00:00.123456Z", False),
        ("2026-11-20T09:00:00Z", False),
    ],
)
def test_digits_that_a_datetime_would_lose_are_seen(text: str, below: bool) -> None:
    assert below_microseconds(text) is below
