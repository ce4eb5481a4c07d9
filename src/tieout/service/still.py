"""Whether nothing has happened at a venue since an instant, so that what it holds now it held then.

1. The venue has to list trades and movements of all the time since, and there is none.
2. Where it lists trades by symbol only, it is asked about every market in which a trade could have
   changed what was read. Whoever trades on a spot market holds afterwards what he got, unless that
   was traded further, or left, which the movements say. So the last trade of all was in a market of
   a currency that is held now, and where there is none in these, there was none at all. What a
   contract brings or takes shows in cash that may be gone since: of contracts all are asked about.
3. What a venue lists neither as a trade nor as a movement nobody can tell (its page says what), nor
   a trade in a market that it lists no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from tieout.core.canonical import instant
from tieout.core.live import EVENTS, Answer, Ask
from tieout.errors import SourceError
from tieout.ports import Feed

_HINT: Final = "without --as-of the entries count from the present on"

_CASH: Final = frozenset({"futures"})
"""The wallet that spot trades do not touch."""

_NAMED: Final = 5
"""Symbols that an error names."""


async def check_still(feed: Feed, since: int, held: Sequence[Answer]) -> None:
    """That nothing happened since.

    Args:
        since: UTC nanoseconds.
        held: what the venue says of positions and balances now.

    Raises:
        SourceError: something did, or nobody can tell.
    """
    for records in EVENTS:
        if records not in feed.offers:
            raise SourceError(
                f"it does not give {records}, so nobody can tell what happened since"
                f" {instant(since)}",
                where=feed.name,
                hint=_HINT,
            )
        # Without an end: the venue's clock may be ahead of ours.
        answer = await feed.fetch(Ask(records, since=since))
        _check_none(answer, since)
        if answer.symbols is None:
            continue
        wanted = await _touching(feed, held) if records == "trades" else None
        if wanted is None:
            raise _unknown(answer, since, "it tells of single symbols only")
        if missing := wanted - answer.symbols:
            asked = Ask(records, since=since, symbols=wanted | answer.symbols)
            answer = await feed.fetch(asked)
            _check_none(answer, since)
            missing = wanted - (wanted if answer.symbols is None else answer.symbols)
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            named = ", ".join(sorted(missing)[:_NAMED])
            raise _unknown(answer, since, f"it does not tell of {named}{more}")


def _check_none(answer: Answer, since: int) -> None:
    """That an answer reaches back, is whole, and has nothing in it."""
    window = answer.window
    if answer.records:
        raise SourceError(
            f"there are {len(answer.records)} {answer.ask.records} since {instant(since)}",
            where=answer.source,
            hint=_HINT,
        )
    if window is None or window[0] > since or not answer.complete:
        raise _unknown(answer, since, "; ".join(answer.reasons))


def _unknown(answer: Answer, since: int, why: str) -> SourceError:
    records = answer.ask.records
    return SourceError(
        f"its {records} since {instant(since)} are not known completely" + (why and f": {why}"),
        where=answer.source,
        hint=_HINT,
    )


async def _touching(feed: Feed, held: Sequence[Answer]) -> frozenset[str] | None:
    """The markets in which a trade could have changed what is held; None: nobody can tell."""
    asking = getattr(feed, "instruments", None)
    if asking is None:
        return None
    symbols = frozenset(await asking())
    found: set[str] = set()
    for answer in held:
        if answer.ask.records == "positions":
            found |= _contracts(answer, symbols)
        elif answer.wallets is None or not answer.wallets <= _CASH:
            found |= _spot(answer, symbols)
    return frozenset(found)


def _contracts(positions: Answer, symbols: Iterable[str]) -> set[str]:
    about = positions.symbols
    found = {each for each in symbols if ":" in each and (about is None or each in about)}
    return found | {str(record.values["symbol"]) for record in positions.records}


def _spot(balances: Answer, symbols: Iterable[str]) -> set[str]:
    values = (record.values for record in balances.records)
    held = {str(each["currency"]) for each in values if each.get("total")}
    spot = (each for each in symbols if ":" not in each)
    return {each for each in spot if held & set(each.split("/"))}
