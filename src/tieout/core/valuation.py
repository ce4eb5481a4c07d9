"""What a difference is worth: instruments, prices, conversion, value at risk.

Invariants:

1. No price, no currency, or a price that is too old: the value is unknown (None), never zero.
2. Values are exact products, rounded once to 18 decimals, half to even. Division happens only
   for an inverse pair or an inverse contract, at the same scale.
3. An amount that is already in the wanted currency is left as it is.
4. Value at risk is never negative.
5. A value says by which prices it came about (`Money.by`): the record's own, or pairs with their
   times, conversions last. They are no part of what is compared or decided.

An inverse contract is one whose quantity counts units of the quote currency: its value is
quantity x multiplier in that currency, without a price.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Final

from tieout.core.model import OWN_PRICE, Money, Priced, Value
from tieout.core.money import distance, multiply, quotient, rounded

ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is known of an instrument.

    Attributes:
        multiplier: units of the underlying in one unit of quantity.
        inverse: quantity counts units of the quote currency.
        tick, lot: the smallest steps of price and quantity; None where not known.
        currency: what the price is in.
    """

    multiplier: Decimal = ONE
    inverse: bool = False
    tick: Decimal | None = None
    lot: Decimal | None = None
    currency: str | None = None


_UNKNOWN: Final = Instrument()


@dataclass(frozen=True, slots=True)
class Quote:
    """The price of a pair, `BTC/USD`.

    Attributes:
        as_of: UTC nanoseconds; None where not known.
        max_age: as that of `Prices`, which it replaces; None: that one counts.
    """

    price: Decimal
    as_of: int | None = None
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by pair, and how to convert with them.

    Attributes:
        quotes: `BTC/USD` to what one BTC costs in USD.
        max_age: nanoseconds; a price further than this from the run's `as_of`, or without a
            time, is not used. None: any is.
        via: currencies to convert through, in this order, where there is no direct pair.
    """

    quotes: Mapping[str, Quote] = field(default_factory=dict)
    max_age: int | None = None
    via: tuple[str, ...] = ()

    def price(self, pair: str, as_of: int) -> Decimal | None:
        """The usable price of `pair`, if there is one."""
        quote = self.quote(pair, as_of)
        return quote.price if quote is not None else None

    def quote(self, pair: str, as_of: int) -> Quote | None:
        """The usable price of `pair` with its time, if there is one."""
        quote = self.quotes.get(pair)
        if quote is None:
            return None
        most = quote.max_age if quote.max_age is not None else self.max_age
        if most is not None and (quote.as_of is None or abs(as_of - quote.as_of) > most):
            return None
        return quote

    def convert(self, money: Money, to: str, as_of: int) -> Money | None:
        """`money` in the currency `to`: directly, inversely, else through `via`; else None."""
        if money.currency == to:
            return money
        direct = self._hop(money, to, as_of)
        if direct is not None or not self.via:
            return direct
        current = money
        for currency in (*self.via, to):
            if currency == current.currency:
                continue
            hop = self._hop(current, currency, as_of)
            if hop is None:
                return None
            current = hop
        return current

    def _hop(self, money: Money, to: str, as_of: int) -> Money | None:
        for pair, inverse in ((f"{money.currency}/{to}", False), (f"{to}/{money.currency}", True)):
            quote = self.quote(pair, as_of)
            if quote is None or quote.price <= 0:
                continue
            price = quote.price
            amount = (
                quotient(money.amount, price) if inverse else rounded(multiply(money.amount, price))
            )
            return Money(amount, to, (*money.by, Priced(pair, price, quote.as_of)))
        return None


def instruments_of(rows: Iterable[Mapping[str, Value]]) -> dict[str, Instrument]:
    """Instruments by symbol and alias, from records of the type `instruments`."""
    found: dict[str, Instrument] = {}
    aliases: dict[str, Instrument] = {}
    for row in rows:
        multiplier = row.get("multiplier")
        instrument = Instrument(
            multiplier=ONE if multiplier is None else multiplier,  # type: ignore[arg-type]
            inverse=row.get("kind") == "inverse",
            tick=row.get("tick"),  # type: ignore[arg-type]
            lot=row.get("lot"),  # type: ignore[arg-type]
            currency=row.get("currency"),  # type: ignore[arg-type]
        )
        found[str(row["symbol"])] = instrument
        for alias in str(row.get("aliases") or "").split("|"):
            if alias.strip():
                aliases[alias.strip()] = instrument
    return aliases | found


def quotes_of(rows: Iterable[Mapping[str, Value]]) -> dict[str, Quote]:
    """Quotes by pair, from records of the type `prices`: of several the newest."""
    found: dict[str, Quote] = {}
    for row in rows:
        quote = Quote(row["price"], row.get("as_of"))  # type: ignore[arg-type]
        pair = str(row["pair"])
        known = found.get(pair)
        if known is None or _newness(quote) >= _newness(known):
            found[pair] = quote
    return found


_CURRENCY: Final = re.compile("[A-Z0-9]{3,}")
"""What a currency looks like. One or two letters after a slash are a class of shares."""


def _newness(quote: Quote) -> tuple[bool, int]:
    return quote.as_of is not None, quote.as_of or 0


@lru_cache(maxsize=4096)
def quote_currency(symbol: str) -> str | None:
    """`BTC/USDT:USDT` and `BTC/USDT` are quoted in USDT; `AAPL` and `BRK/B` do not say."""
    _, _, quoted = symbol.partition(":")[0].partition("/")
    return quoted if _CURRENCY.fullmatch(quoted) else None


_OWN_CURRENCY: Final[Mapping[str, str]] = {
    "fee": "fee_currency",
    "commission": "currency",
    "total": "currency",
    "free": "currency",
    "used": "currency",
    "settled": "currency",
    "amount": "currency",
}
"""Amounts that are in the currency of one column and in no other: a fee may be in a third asset."""

_PRICE_CURRENCY: Final[Mapping[str, str]] = {
    "cost": "cost_currency",
    "margin": "cost_currency",
    "pnl_impact": "currency",
    "realised": "currency",
    "unrealised": "currency",
}
"""Amounts in the currency of a column, or else in what the price is in."""


@dataclass(frozen=True, slots=True)
class Valuation:
    """Instruments and prices at a moment (UTC nanoseconds)."""

    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    prices: Prices = Prices()
    as_of: int = 0

    def instrument(self, values: Mapping[str, Value]) -> Instrument | None:
        """The instrument of a record's symbol, if it is known."""
        symbol = values.get("symbol")
        return self.instruments.get(symbol) if isinstance(symbol, str) else None

    def tick(self, symbol: str | None) -> Decimal | None:
        """The smallest step of a price of `symbol`, if it is known."""
        instrument = self.instruments.get(symbol) if symbol is not None else None
        return instrument.tick if instrument is not None else None

    def convert(self, money: Money | None, to: str | None) -> Money | None:
        """`money` in `to`; as it is where `to` is None; None where there is no way."""
        if money is None or to is None:
            return money
        return self.prices.convert(money, to, self.as_of)

    def whole(self, values: Mapping[str, Value]) -> Money | None:
        """What a record that one side lacks is worth."""
        quantity = values.get("quantity")
        if isinstance(quantity, Decimal):
            return self._exposure(quantity, values)
        for column in ("total", "amount", "pnl_impact", "realised"):
            amount = values.get(column)
            if isinstance(amount, Decimal):
                return self._amount(amount.copy_abs(), column, values)
        return None

    def difference(
        self, column: str, internal: Mapping[str, Value], external: Mapping[str, Value]
    ) -> Money | None:
        """What the difference in one column is worth; None for what is no amount."""
        left, right = internal.get(column), external.get(column)
        if not isinstance(left, Decimal) or not isinstance(right, Decimal):
            return None
        gap = distance(left, right)
        if column in ("quantity", "filled"):
            return self._exposure(gap, internal)
        if column in ("price", "average_price"):
            return self._repriced(gap, left, internal)
        if column in _OWN_CURRENCY or column in _PRICE_CURRENCY:
            return self._amount(gap, column, internal) or self._amount(gap, column, external)
        return None

    def currency(self, values: Mapping[str, Value]) -> str | None:
        """What a record's price is in; a position's cost, where nothing else says it."""
        stated = values.get("price_currency")
        if isinstance(stated, str):
            return stated
        instrument = self.instrument(values)
        if instrument is not None and instrument.currency is not None:
            return instrument.currency
        symbol = values.get("symbol")
        quoted = quote_currency(symbol) if isinstance(symbol, str) else None
        cost = values.get("cost_currency")
        return quoted or (cost if isinstance(cost, str) else None)

    def _amount(self, amount: Decimal, column: str, values: Mapping[str, Value]) -> Money | None:
        stated = values.get(_OWN_CURRENCY.get(column) or _PRICE_CURRENCY[column])
        if isinstance(stated, str):
            return Money(rounded(amount), stated)
        if column in _PRICE_CURRENCY and (currency := self.currency(values)) is not None:
            return Money(rounded(amount), currency)
        return None

    def _exposure(self, quantity: Decimal, values: Mapping[str, Value]) -> Money | None:
        """|quantity| x price x multiplier."""
        instrument = self.instrument(values) or _UNKNOWN
        size = multiply(quantity.copy_abs(), instrument.multiplier.copy_abs())
        if instrument.inverse:
            currency = self.currency(values)
            return Money(rounded(size), currency) if currency is not None else None
        price = self._price(values)
        if price is None:
            return None
        return Money(rounded(multiply(size, price.amount.copy_abs())), price.currency, price.by)

    def _repriced(self, gap: Decimal, price: Decimal, values: Mapping[str, Value]) -> Money | None:
        """|price difference| x quantity x multiplier; for an inverse contract ÷ price."""
        quantity, currency = values.get("quantity"), self.currency(values)
        if not isinstance(quantity, Decimal) or currency is None:
            return None
        instrument = self.instrument(values) or _UNKNOWN
        size = multiply(quantity.copy_abs(), instrument.multiplier.copy_abs())
        value = multiply(size, gap)
        if not instrument.inverse:
            return Money(rounded(value), currency)
        return Money(quotient(value, price.copy_abs()), currency) if price else None

    def _price(self, values: Mapping[str, Value]) -> Money | None:
        """A record's own price, else that of its pair among the prices."""
        currency = self.currency(values)
        for column in ("price", "average_price"):
            own = values.get(column)
            if isinstance(own, Decimal):
                return Money(own, currency, OWN_PRICE) if currency is not None else None
        symbol = values.get("symbol")
        if not isinstance(symbol, str):
            return None
        own_quote = quote_currency(symbol)
        quoted = own_quote or currency
        if quoted is None:
            return None
        pair = symbol.partition(":")[0] if own_quote else f"{symbol}/{quoted}"
        quote = self.prices.quote(pair, self.as_of)
        if quote is None:
            return None
        return Money(quote.price, quoted, (Priced(pair, quote.price, quote.as_of),))
