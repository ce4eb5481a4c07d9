"""What adapters of spot accounts have in common: names, and records of a few forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tieout.adapters.venues.cells import Raw, Values, number
from tieout.adapters.venues.markets import Market, Markets, listed, step
from tieout.adapters.venues.shapes import Shape, rows_at
from tieout.adapters.venues.venue import Gathered, VenueFeed


class SpotFeed(VenueFeed):
    """A spot account. It has balances; positions derived from them would break twice."""

    OFFERS = frozenset({"balances", "orders", "trades", "movements", "prices", "instruments"})

    def _code(self, native: str) -> str:
        """A currency as ccxt calls it, which is how symbols are written."""
        return str(self._client.exchange.safe_currency_code(native))

    def _code_or_none(self, native: str | None) -> str | None:
        return None if native is None else self._code(native)

    def _pairs(self, read: Callable[[Raw], Market], *path: str) -> Shape:
        """The markets at `path` of an answer; one that cannot be read makes all of it malformed."""

        def shape(data: Any) -> Markets:
            return listed(read(raw) for raw in rows_at(data, path))

        return shape

    def _pair(self, native: str, base: str, quote: str, *, tick: Any, lot: Any) -> Market:
        base, quote = self._code(base), self._code(quote)
        return Market(native, f"{base}/{quote}", base, quote, tick=step(tick), lot=step(lot))

    def _read_prices(
        self, found: Gathered, markets: Markets, raws: Iterable[Raw], name: str, at: int
    ) -> None:
        """Last prices, of rows with the venue's `symbol` and the price under `name`."""

        def parse(raw: Raw) -> Values | None:
            market = markets.by_id.get(str(raw.get("symbol")))
            if market is None:
                return None
            price = number(raw, name)
            return {"pair": market.symbol, "price": price, "as_of": at} if price else None

        found.read(raws, parse)
