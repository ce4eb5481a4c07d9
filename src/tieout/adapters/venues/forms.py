"""Values and records of forms that several venues share."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from tieout.adapters.venues.cells import BadCell, Raw, Values, number, text
from tieout.core.canonical import nanoseconds
from tieout.core.model import Value
from tieout.core.money import add, multiply


def held(currency: str, free: Decimal, used: Decimal, at: int, *, wallet: str = "spot") -> Values:
    """A balance of what is free and what orders lock."""
    return {
        "currency": currency,
        "wallet": wallet,
        "total": add(free, used),
        "free": free,
        "used": used,
        "as_of": at,
    }


def moved(
    id_: str,
    kind: str,
    currency: str,
    amount: Decimal,
    at: int,
    reference: str | None = None,
    symbol: str | None = None,
    *,
    wallet: str = "spot",
) -> Values:
    """A movement; `amount` is signed."""
    values: dict[str, Value] = {
        "movement_id": id_,
        "type": kind,
        "currency": currency,
        "wallet": wallet,
        "symbol": symbol,
        "amount": amount,
        "reference": reference,
        "timestamp": at,
    }
    return values


def digits(raw: Raw, name: str) -> Decimal | None:
    """The step of so many digits after the point: 2 is 0.01."""
    value = raw.get(name)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 18:
        return None
    return Decimal(1).scaleb(-value)


def nanos(raw: Raw, name: str) -> int:
    """A time in milliseconds with a fraction, `1706382263841.325000`, in nanoseconds, exactly."""
    found = multiply(number(raw, name), Decimal(1_000_000))
    if found < 10**18 or found != found.to_integral_value():
        raise BadCell(name, f"{name}: {raw.get(name)!r} is no time in milliseconds")
    return int(found)


def flag(raw: Raw, name: str) -> bool:
    """True or false under `name`. Raises BadCell where it is neither."""
    value = raw.get(name)
    if not isinstance(value, bool):
        raise BadCell(name, f"{name}: {value!r} is neither true nor false")
    return value


_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)", re.ASCII
)


def iso(raw: Raw, name: str) -> int:
    """A time as `2023-01-18T01:37:38.091377090Z`, in nanoseconds, exactly."""
    written = text(raw, name)
    found = _ISO.fullmatch(written)
    if found is None:
        raise BadCell(name, f"{name}: {written!r} is no time in UTC")
    *parts, fraction = found.groups()
    try:
        moment = datetime(*(int(part) for part in parts), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        raise BadCell(name, f"{name}: {written!r} is no time") from None
    return nanoseconds(moment) + int((fraction or "0").ljust(9, "0"))


def iso_or_none(raw: Raw, name: str) -> int | None:
    """As `iso`; None where it is absent or empty."""
    return None if raw.get(name) in (None, "") else iso(raw, name)


def partly(status: str, filled: Decimal | None) -> str:
    """An open order of which something is filled is `partially_filled`."""
    return "partially_filled" if status == "open" and filled else status
