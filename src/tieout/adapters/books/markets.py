"""What of a book a venue's adapter is about: one account may trade spot and contracts.

A book of the whole account has fills of both, and an adapter lists one of them. The other's are
none of its business: neither missing there, nor a reason to leave a comparison open. What does not
say which market it is of stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, cast

from msgspec.structs import replace

from tieout.core.entries import market_of
from tieout.core.live import Answer, Ask
from tieout.core.model import Value
from tieout.ports import Feed

F = TypeVar("F", bound=Feed)

OWN: Final[Mapping[str, frozenset[str]]] = {
    "spot": frozenset({"spot"}),
    "margin": frozenset({"margin"}),
    "perp": frozenset({"contracts"}),
}
"""How the name of an adapter ends: the markets that it is about. Others are about all."""

SORTED: Final = frozenset({"trades", "orders"})
"""Records that are of one market each."""


def of_markets(book: F, records: str, venue: str) -> F:
    """`book` itself, or one whose `records` are only those of the venue's markets.

    Args:
        venue: an adapter: `binance_spot`.
    """
    own = OWN.get(venue.rpartition("_")[2])
    if own is None or records not in SORTED:
        return book
    return cast("F", _OfMarkets(book, records, own))


def markets(records: str, values: Mapping[str, Value]) -> frozenset[str]:
    """Of which markets a trade or an order may be; empty: it does not say."""
    return _markets(records, str(values.get("symbol") or ""), values.get("leg") is None)


@lru_cache(maxsize=4096)  # of each row of each answer, and of a few symbols
def _markets(records: str, symbol: str, plain: bool) -> frozenset[str]:
    market = market_of(symbol)
    if market.settle is not None:
        return frozenset({"contracts"})
    if not market.spot:
        return frozenset()
    if records == "orders":  # which do not say whether they are on margin
        return frozenset({"spot", "margin"})
    return frozenset({"spot" if plain else "margin"})


class _OfMarkets:
    """See `of_markets`. Other records are the book's own."""

    def __init__(self, book: Feed, records: str, own: frozenset[str]) -> None:
        self._book, self._records, self._own = book, records, own

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    async def fetch(self, ask: Ask) -> Answer:
        """See `ports.Feed`."""
        answer = await self._book.fetch(ask)
        if ask.records != self._records:
            return answer
        kept = tuple(row for row in answer.records if self._is_own(row.values))
        unread = tuple(row for row in answer.quarantined if self._is_own(row.values))
        left = len(answer.records) - len(kept)
        notes = (*answer.notes, f"{left} {ask.records} of other markets left out") if left else ()
        return replace(answer, records=kept, quarantined=unread, notes=notes or answer.notes)

    def _is_own(self, values: Mapping[str, Value]) -> bool:
        found = markets(self._records, values)
        return not found or bool(found & self._own)
