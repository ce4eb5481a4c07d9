"""Of which symbols a venue is asked for trades, where it does not give them all at once.

Configured ones, those that the book has ever had, and every market of a currency whose balance
is not what the book comes to. Outside of that nothing is missing and nothing is clean.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from tieout.core.entries import Entry, Key, KeyKind
from tieout.core.live import Answer, Ask
from tieout.core.money import add
from tieout.core.valuation import quote_currency
from tieout.ports import Feed

ZERO = Decimal(0)
MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
QUOTES = frozenset({"USDT", "USDC", "USD", "EUR", "BTC", "ETH", "BNB"})
"""Quote currencies in which a currency that moved may have been traded."""


class Universe:
    """What a live reconciliation asks its venue for trades of, as far as it is known by now."""

    def __init__(self, configured: frozenset[str] | None = None) -> None:
        self._symbols = set(configured or ())
        self._upto: int | None = None
        self._whole = 0

    async def known(self, book: Feed, now: int) -> frozenset[str]:
        """Configured symbols, and every one that the book has or has ever had."""
        if "positions" in book.offers:
            self._add(await book.fetch(Ask("positions")))
        since = self._since(now)
        for records in ("orders", "trades"):  # closed ones as well, so from the beginning
            if records in book.offers:
                self._add(await book.fetch(Ask(records, since=since or 0, until=now)))
        self._upto = now - MINUTE
        return frozenset(self._symbols)

    def _since(self, now: int) -> int | None:
        """What is new, and once in an hour all of the last two: a book hears of some late."""
        if self._upto is None or now - self._whole < HOUR:
            self._whole = self._whole or now
            return self._upto
        since, self._whole = min(self._upto, self._whole - HOUR), now
        return since

    def add(self, symbols: Iterable[str]) -> None:
        """Remember markets in which something has moved."""
        self._symbols.update(symbols)

    def _add(self, answer: Answer) -> None:
        symbols = (row.values.get("symbol") for row in answer.records)
        self._symbols.update(symbol for symbol in symbols if isinstance(symbol, str))


def unexplained(
    stated: Mapping[Key, Decimal], opening: Mapping[Key, Decimal], moved: Iterable[Entry]
) -> set[str]:
    """Currencies whose balance is not what the entries of both sides come to."""
    expected = dict(opening)
    for entry in {entry.id: entry for entry in moved}.values():
        for key, effect in entry.effects.items():
            expected[key] = add(expected.get(key, ZERO), effect)
    return {
        key.name
        for key, amount in stated.items()
        if key.kind is KeyKind.BALANCE and amount != expected.get(key, ZERO)
    }


def markets_of(currencies: Collection[str], symbols: Iterable[str]) -> set[str]:
    """Markets between one of `currencies` and another of them, or a usual quote currency."""
    if not currencies:
        return set()
    others = {*currencies, *QUOTES}
    found = set()
    for symbol in symbols:
        base, quoted = symbol.partition("/")[0], quote_currency(symbol)
        if quoted is None or ":" in symbol:
            continue
        if (base in currencies and quoted in others) or (quoted in currencies and base in others):
            found.add(symbol)
    return found
