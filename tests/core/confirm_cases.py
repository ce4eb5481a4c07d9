"""Readings in few words, for the tests of confirming.

Times are seconds; a snapshot is taken between 100.0 and 100.1 unless `when` says otherwise, and
the grace period is 5 s. What a reading is about starts at 10 unless `opening` says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tieout.core.confirm import Confirmation, Confirming, Reading, State, Verdict
from tieout.core.entries import Entry, Key, KeyKind

MS = 10**6
SECOND = 1000 * MS
AGREES, BREAK, UNDECIDED, STALE, UNKNOWN, EXPECTED = State
SETTINGS = Confirming(grace=5 * SECOND, deadline=60 * SECOND)


def position(symbol: str, leg: str = "net") -> Key:
    return Key("main", "bybit", KeyKind.POSITION, symbol, leg)


def balance(currency: str) -> Key:
    return Key("main", "bybit", KeyKind.BALANCE, currency, "spot")


PERP, OTHER, THIRD = position("BTC/USDT:USDT"), position("ETH/USDT:USDT"), position("SOL/USDT:USDT")
BTC, USDT, BNB = balance("BTC"), balance("USDT"), balance("BNB")
ALL = frozenset(KeyKind)


def at(seconds: float) -> int:
    return round(seconds * 1000) * MS


def fill(
    name: str,
    seconds: float,
    quantity: str = "1",
    sequence: int | None = None,
    stream: str = "",
    key: Key = PERP,
    **others: Any,
) -> Entry:
    return Entry(name, at(seconds), {key: Decimal(quantity)}, sequence, stream, **others)


def vector(name: str, seconds: float, effects: Mapping[Key, str], **others: Any) -> Entry:
    amounts = {key: Decimal(amount) for key, amount in effects.items()}
    return Entry(name, at(seconds), amounts, **others)


def reading(
    stated: Mapping[Key, str] | str,
    *both: Entry,
    when: float = 100.0,
    opening: Mapping[Key, str] | None = None,
    book: tuple[Entry, ...] = (),
    venue: tuple[Entry, ...] = (),
    **others: Any,
) -> Reading:
    """A reading of `PERP`, or of several keys; `both` sides have these entries."""
    said = {PERP: stated} if isinstance(stated, str) else stated
    start = dict.fromkeys(said, "10") if opening is None else opening
    return Reading(
        taken=(at(when), at(when + 0.1)),
        stated={key: Decimal(amount) for key, amount in said.items()},
        opening={key: Decimal(amount) for key, amount in start.items()},
        book=(*both, *book),
        venue=(*both, *venue),
        **others,
    )


def after(*readings: Reading, settings: Confirming = SETTINGS) -> Confirmation:
    confirmation = Confirmation(settings)
    for each in readings:
        confirmation.add(each)
    return confirmation


def verdict(*readings: Reading, key: Key = PERP, settings: Confirming = SETTINGS) -> Verdict:
    return after(*readings, settings=settings).verdicts()[key]


def twice(stated: Mapping[Key, str] | str, *both: Entry, **others: Any) -> tuple[Reading, Reading]:
    """Two equal readings, the grace period apart."""
    return reading(stated, *both, **others), reading(stated, *both, when=105.0, **others)


def at_once(stated: Mapping[Key, str] | str, *both: Entry, **others: Any) -> Confirmation:
    """After one reading twice, without a grace period, so that the window is the same."""
    one = reading(stated, *both, **others)
    return after(one, one, settings=Confirming(grace=0, deadline=60 * SECOND))
