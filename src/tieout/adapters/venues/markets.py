"""What an exchange trades, by its own names: the only thing that is cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tieout.adapters.venues.cells import (
    UNREADABLE,
    Parser,
    Raw,
    Values,
    bad,
    millis_or_none,
    number_or_none,
    product,
)
from tieout.adapters.venues.classify import Misshapen
from tieout.core.money import exact, fits, multiply
from tieout.core.valuation import Instrument

ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Market:
    """An instrument of an exchange.

    Attributes:
        id: the venue's own name, `BTCUSDT`. `symbol`: ccxt's unified one, `BTC/USDT:USDT`.
        kind: `spot`, `swap`, `future` or `option`.
        size: base units in one contract; for an inverse one, units of the quote currency. 1 where
            the venue counts base units.
        settle: the currency of PnL and funding; None on spot.
        tick, lot: smallest steps of price and quantity, the lot in our unit (see `Market.units`).
        group: the venue's own class of it, where questions need one (Bybit: linear, inverse).
    """

    id: str
    symbol: str
    base: str
    quote: str
    kind: str = "spot"
    settle: str | None = None
    size: Decimal = ONE
    inverse: bool = False
    tick: Decimal | None = None
    lot: Decimal | None = None
    group: str = ""

    @property
    def instrument(self) -> Instrument:
        """As valuation sees it: linear in base units, inverse in contracts of `size`."""
        multiplier = self.size if self.inverse else ONE
        return Instrument(multiplier, self.inverse, self.tick, self.lot, self.quote)

    def units(self, contracts: Decimal) -> Decimal:
        """A quantity in our unit: base units of a linear contract, contracts of an inverse one."""
        if self.inverse or self.size == ONE:
            return contracts
        return product("quantity", contracts, self.size)


NO_MARKET: Final = Market(UNREADABLE, UNREADABLE, UNREADABLE, UNREADABLE)


class Markets:
    """Markets of one kind by the venue's id and by symbol."""

    def __init__(self, markets: Iterable[Market]) -> None:
        self.by_id: dict[str, Market] = {}
        self.by_symbol: dict[str, Market] = {}
        for market in markets:
            self.by_id[market.id] = market
            self.by_symbol[market.symbol] = market

    def alias(self, name: str, market: Market) -> None:
        """Another name that the venue has for a market."""
        self.by_id.setdefault(name, market)

    def __iter__(self) -> Iterator[Market]:
        return iter(self.by_symbol.values())

    def __len__(self) -> int:
        return len(self.by_symbol)

    def of(self, native: str) -> Market:
        """The market that the venue calls `native`.

        Raises:
            BadCell: there is none: the row goes to quarantine.
        """
        market = self.by_id.get(native)
        if market is None:
            return bad("symbol", f"symbol {native!r} is none of the venue's markets", NO_MARKET)
        return market

    def instruments(self) -> Mapping[str, Instrument]:
        return {market.symbol: market.instrument for market in self}


def listed(markets: Iterable[Market]) -> Markets:
    """Markets of an answer. Raises Misshapen where there are none: no venue lists nothing."""
    found = Markets(markets)
    if not len(found):
        raise Misshapen("it lists no markets")
    return found


def market_of(unified: Mapping[str, Any], *, group: str = "") -> Market:
    """A market from ccxt's unified one, as parsed by it with `number=str`."""
    inverse = bool(unified.get("inverse"))
    size = step(unified.get("contractSize")) or ONE
    precision = unified.get("precision") or {}
    lot = step(precision.get("amount"))
    if lot is not None and not inverse and size != ONE:
        lot = multiply(lot, size)
    return Market(
        id=str(unified["id"]),
        symbol=str(unified["symbol"]),
        base=str(unified["base"]),
        quote=str(unified["quote"]),
        kind=str(unified.get("type") or "spot"),
        settle=unified.get("settle"),
        size=size,
        inverse=inverse,
        tick=step(precision.get("price")),
        lot=lot,
        group=group,
    )


def price_parser(markets: Markets, as_of: int, field: str = "price") -> Parser:
    """The parser of tickers: `BTC/USDT`, whatever the contract is. Other kinds are no records."""

    def parse(raw: Raw) -> Values | None:
        market = markets.by_id.get(str(raw.get("symbol")))
        price = number_or_none(raw, field)
        if market is None or market.kind == "future" or not price:
            return None
        moment = millis_or_none(raw, "time") or as_of
        return {"pair": f"{market.base}/{market.quote}", "price": price, "as_of": moment}

    return parse


def instrument_row(market: Market) -> Values:
    """A market as a record of the type `instruments`."""
    known = market.instrument
    return {
        "symbol": market.symbol,
        "multiplier": known.multiplier,
        "kind": "inverse" if known.inverse else "linear",
        "tick": known.tick,
        "lot": known.lot,
        "currency": known.currency,
        "aliases": None if "|" in market.id else market.id,
    }


def step(value: Any) -> Decimal | None:
    """A step, or None where it is not known, or no number that can be stored."""
    if value is None or isinstance(value, float | bool) or value == "":
        return None
    try:
        found = exact(value)
    except (TypeError, ValueError):
        return None
    return found if found > 0 and fits(found) else None
