"""Whether a source that answers now can be used: asked before anything depends on it.

Nothing here changes anything at a venue, and nothing says what a credential is.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Final, TypeVar

from tieout.core.canonical import nanoseconds
from tieout.core.live import EVENTS, Ask, Permissions
from tieout.core.money import plain
from tieout.core.text import NS
from tieout.errors import SourceError, TieoutError, VenueUnsupported
from tieout.ports import Book, Feed, Spending, Venue, spending
from tieout.service.live.budget import Share, crowded, room

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Seconds for one question, retries included: somebody is waiting for the answer."""

SKEW_WARN: Final = NS
SKEW_FAIL: Final = 5 * NS
"""Venues refuse requests that were signed 5 s ago, by their clock; and by the clock of both fills
are ordered."""

MINUTE: Final = 60 * NS
OFTEN: Final = MINUTE
"""Intervals that are shorter are held against the venue's rate limit."""

EXPIRES_SOON: Final = timedelta(days=14)


class Health(StrEnum):
    """What came out of a check. `unknown`: nobody says; a person has to look."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found. `hint`: what to do about it."""

    check: str
    health: Health
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What is asked of a source.

    Attributes:
        records: record type to the reconciliations that compare it.
        symbols: those that the configuration names.
        every: reconciliation to nanoseconds between two of its comparisons.
    """

    records: Sequence[tuple[str, str]] = ()
    symbols: frozenset[str] = frozenset()
    every: Mapping[str, int] = field(default_factory=dict)


async def examine_venue(venue: Venue, needs: Needs, now: datetime) -> list[Finding]:
    """Clock, permissions and coverage of a venue; only the clock where it cannot be reached."""
    skew = await _asked("clock", venue.skew)
    if isinstance(skew, Finding) and skew.health is Health.FAIL:
        return [skew]
    found = [skew if isinstance(skew, Finding) else _clock(skew)]
    permissions = await _asked("permissions", venue.permissions)
    if isinstance(permissions, Finding):
        found.append(permissions)
    else:
        found += _permissions(permissions, now)
    found += _offers(venue, needs)
    instruments = await _asked("symbols", venue.instruments)
    if isinstance(instruments, Finding):
        found.append(instruments)
    else:
        found += _symbols(instruments, needs.symbols)
        found += await _room(venue, needs, nanoseconds(now))
    return found


async def _room(venue: Venue, needs: Needs, now: int) -> list[Finding]:
    """Whether the rate limit has room for monitors that compare often, by asking what they ask.

    That is the least: they ask about every symbol that the book has, and twice where one breaks.
    """
    compared = [(records, name) for records, name in needs.records if records in venue.offers]
    known = [
        (records, name, needs.every[name]) for records, name in compared if name in needs.every
    ]
    if not known or min(every for *_, every in known) >= OFTEN:
        return []
    shares = []
    for records, name, every in known:
        shares.append(Share(name, await _spent(venue, _asks(records, needs.symbols, now)), every))
    confirmed = [every for records, _, every in known if records in ("positions", "balances")]
    beside = [Ask("prices")] if "prices" in venue.offers else []
    if confirmed:  # what is the same for all is asked once
        beside += _events(venue, needs.symbols, now - MINUTE // 3, now)
    shares.append(
        Share("what they share", await _spent(venue, beside), min(confirmed, default=every))
    )
    why = crowded(shares)
    if why is not None:
        hint = "compare less often; see `every` in docs/live.md"
        return [Finding("rate limit", Health.WARN, why, hint)]
    text = f"its monitors ask for {room(shares):.0%} of it, or more"
    return [Finding("rate limit", Health.OK, text)]


def _asks(records: str, symbols: frozenset[str], now: int) -> list[Ask]:
    """What a comparison of these asks for."""
    if records in EVENTS:
        return [Ask(records, now - 60 * MINUTE, now)]
    if records == "orders" and symbols:
        return [Ask(records), Ask(records, now - 24 * 60 * MINUTE, None, symbols, known=True)]
    return [Ask(records)]


def _events(venue: Venue, symbols: frozenset[str], since: int, until: int) -> list[Ask]:
    names = {"trades": symbols or None}
    return [Ask(each, since, until, names.get(each)) for each in EVENTS if each in venue.offers]


async def _spent(venue: Venue, asks: Iterable[Ask]) -> float:
    """Seconds of the venue's pace that these questions take. What fails is not asked again."""
    spent = Spending()
    token = spending.set(spent)
    try:
        for ask in asks:
            await _asked("rate limit", partial(venue.fetch, ask))
    finally:
        spending.reset(token)
    return spent.seconds


async def examine_book(book: Book, needs: Needs) -> list[Finding]:
    """Whether a book answers, and with what."""
    version = await _asked("reachable", book.version)
    if isinstance(version, Finding):
        return [version]
    return [Finding("reachable", Health.OK, "it answers"), *_offers(book, needs)]


async def _asked(check: str, question: Callable[[], Awaitable[T]]) -> T | Finding:
    """The answer, or why there is none."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await question()
    except TimeoutError:
        return Finding(check, Health.FAIL, f"no answer in {PATIENCE:.0f} s")
    except VenueUnsupported as error:
        return Finding(check, Health.UNKNOWN, error.what, error.hint)
    except SourceError as error:
        where = f" ({error.where})" if error.where else ""
        return Finding(check, Health.FAIL, f"{error.what}{where}", error.hint)
    except TieoutError as error:
        return Finding(check, Health.FAIL, error.what, error.hint)


def _clock(skew: int) -> Finding:
    seconds = plain((Decimal(abs(skew)) / NS).quantize(Decimal("0.001")))
    text = "it answers, and its clock agrees with ours"
    if seconds != "0":
        text = f"it answers; its clock is {seconds} s {'ahead of' if skew > 0 else 'behind'} ours"
    health = Health.OK
    if abs(skew) > SKEW_WARN:
        health = Health.FAIL if abs(skew) > SKEW_FAIL else Health.WARN
    hint = None if health is Health.OK else "synchronise this machine's clock, e.g. with chrony"
    return Finding("clock", health, text, hint)


def _permissions(said: Permissions, now: datetime) -> list[Finding]:
    check, found = "permissions", []
    if said.read is False:
        found.append(Finding(check, Health.FAIL, "the key may not read", "give it the right to"))
    least = "make one that may only read"
    if said.withdraw:
        found.append(Finding(check, Health.WARN, "the key can withdraw, and need not", least))
    if said.trade:
        found.append(Finding(check, Health.WARN, "the key can trade, and need not", least))
    named = (("read", said.read), ("trade", said.trade), ("withdraw", said.withdraw))
    silent = [name for name, value in named if value is None]
    if silent:
        text = f"the venue does not say whether the key may {_listed(silent, 'or')}"
        found.append(Finding(check, Health.UNKNOWN, text, "look at it on the venue's own page"))
    if not found:
        found.append(Finding(check, Health.OK, "the key may read, and nothing else"))
    return found + _expiry(said.expires_at, now)


def _expiry(expires_at: int | None, now: datetime) -> list[Finding]:
    if expires_at is None:
        return []
    moment = datetime.fromtimestamp(expires_at // NS, UTC)
    shown = f"{moment:%Y-%m-%d %H:%M} UTC"
    if moment <= now:
        return [Finding("expiry", Health.FAIL, f"the key expired at {shown}", "make a new one")]
    soon = moment - now <= EXPIRES_SOON
    health, hint = (Health.WARN, "make a new one before") if soon else (Health.OK, None)
    return [Finding("expiry", health, f"the key expires at {shown}", hint)]


def _offers(feed: Feed, needs: Needs) -> list[Finding]:
    """That what is compared can be asked for."""
    found = []
    for records, reconciliation in needs.records:
        if records not in feed.offers:
            text = f"it has no {records}, which {reconciliation} compares"
            found.append(Finding("coverage", Health.FAIL, text))
        elif records in ("positions", "balances") and not feed.offers & set(EVENTS):
            text = f"it has {records} and no trades: {reconciliation} compares while nothing moves"
            found.append(Finding("coverage", Health.WARN, text))
    offers = _listed(sorted(feed.offers), "and") or "nothing"
    return [Finding("coverage", Health.OK, f"it has {offers}"), *found]


def _symbols(known: Iterable[str], wanted: frozenset[str]) -> list[Finding]:
    names = sorted(known)
    found = [Finding("symbols", Health.OK, f"it lists {len(names):,}")]
    for symbol in sorted(wanted.difference(names)):
        near = difflib.get_close_matches(symbol, names, n=1)
        hint = f"did you mean {near[0]}?" if near else None
        found.append(Finding("symbols", Health.FAIL, f"it does not list {symbol}", hint))
    return found


def _listed(names: Sequence[str], last: str) -> str:
    *first, final = names or [""]
    return f"{', '.join(first)} {last} {final}" if first else final
