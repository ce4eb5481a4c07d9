"""The market of the example: what is traded, and one day's fills."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from random import Random
from typing import Final


@dataclass(frozen=True, slots=True)
class Instrument:
    """Something that is traded.

    Attributes:
        native: the broker's symbol.
        coin: what a spot trade moves besides cash; empty where it moves a position.
        price: about what it costs. `quantity`: the most of it in one fill, in lots.
        opens, closes: hours of trading, UTC.
    """

    symbol: str
    native: str
    venue: str
    currency: str
    price: Decimal
    tick: Decimal
    lot: Decimal
    quantity: int
    opens: int
    closes: int
    multiplier: Decimal = Decimal(1)
    coin: str = ""

    @property
    def crypto(self) -> bool:
        return self.venue == "binance"

    @property
    def perpetual(self) -> bool:
        return ":" in self.symbol


def _share(
    symbol: str, native: str, venue: str, price: str, currency: str = "USD", opens: int = 14
) -> Instrument:
    cent, one = Decimal("0.01"), Decimal(1)
    return Instrument(
        symbol, native, venue, currency, Decimal(price), cent, one, 500, opens, opens + 6
    )


def _coin(coin: str, price: str, tick: str, lot: str, perpetual: str = "") -> Instrument:
    """A spot pair against USDT, or the perpetual whose contract is `perpetual` coins."""
    pair = f"{coin}/USDT"
    return Instrument(
        symbol=f"{pair}:USDT" if perpetual else pair,
        native=f"{coin}USDT-PERP" if perpetual else f"{coin}USDT",
        venue="binance",
        currency="USDT",
        price=Decimal(price),
        tick=Decimal(tick),
        lot=Decimal(lot),
        quantity=2000,
        opens=0,
        closes=22,
        multiplier=Decimal(perpetual or 1),
        coin="" if perpetual else coin,
    )


INSTRUMENTS: Final = (
    _share("AAPL", "AAPL.US", "nasdaq", "271.40"),
    _share("AMZN", "AMZN.US", "nasdaq", "224.85"),
    _share("MSFT", "MSFT.US", "nasdaq", "493.10"),
    _share("NVDA", "NVDA.US", "nasdaq", "183.65"),
    _share("JPM", "JPM.US", "nyse", "302.20"),
    _share("SPY", "SPY.US", "arca", "661.75"),
    _share("SAP", "SAP.DE", "xetra", "208.35", "EUR", 8),
    _coin("BTC", "91250.0", "0.1", "0.0001"),
    _coin("ETH", "3015.20", "0.01", "0.001"),
    _coin("SOL", "138.45", "0.01", "0.01"),
    _coin("BTC", "91280.0", "0.1", "1", perpetual="0.001"),
    _coin("ETH", "3016.00", "0.01", "1", perpetual="0.01"),
)

SHARE_ACCOUNTS: Final = ("EQ-01", "EQ-02", "EQ-03")
CRYPTO_ACCOUNTS: Final = ("CR-01", "CR-02")
QUIET: Final = frozenset({("EQ-02", "SPY"), ("EQ-03", "AMZN"), ("EQ-03", "JPM"), ("EQ-03", "SPY")})
"""Accounts that do not trade a symbol: what is wrong with these positions has no fill behind it."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, as it really was."""

    trade_id: str
    order_id: str
    account: str
    instrument: Instrument
    side: str
    quantity: Decimal
    price: Decimal
    at: datetime

    @property
    def notional(self) -> Decimal:
        return self.price * self.quantity * self.instrument.multiplier

    @property
    def fee(self) -> Decimal:
        if self.instrument.crypto:
            return (self.notional * Decimal("0.0004")).quantize(Decimal("0.000001"))
        return max(Decimal("1.00"), self.quantity * Decimal("0.005"))

    @property
    def sign(self) -> int:
        return 1 if self.side == "buy" else -1

    @property
    def cash(self) -> Decimal:
        """What the account's cash changes by: a perpetual only costs its fee."""
        paid = Decimal(0) if self.instrument.perpetual else self.sign * self.notional
        return -paid - self.fee

    @property
    def settles(self) -> date:
        day = self.at.date()
        if self.instrument.crypto:
            return day
        day = next_business_day(day)
        return next_business_day(day) if self.instrument.currency == "EUR" else day


def next_business_day(day: date) -> date:
    """The next day that is no Saturday or Sunday."""
    return day + timedelta(days={5: 3, 6: 2}.get(day.isoweekday(), 1))


def fills_of(chance: Random, day: date, count: int) -> list[Fill]:
    """A day's fills in the order of their times; orders have one to three of them.

    The first order has two that are alike in all but time and id: see `twins`.
    """
    drafts: list[tuple[datetime, int, Fill]] = []
    order = 0
    while len(drafts) < count:
        order += 1
        instrument = chance.choice(INSTRUMENTS)
        account = chance.choice(_accounts(instrument))
        side = chance.choice(("buy", "sell"))
        at = datetime.combine(day, time(instrument.opens, 30, tzinfo=UTC)) + timedelta(
            milliseconds=chance.randrange((instrument.closes - instrument.opens) * 3_600_000)
        )
        parts = chance.choice((1, 1, 1, 2, 3)) if order > 1 else 2
        for part in range(min(parts, count - len(drafts))):
            if part == 0 or order > 1:
                quantity = instrument.lot * chance.randint(20, instrument.quantity)
                price = _price(chance, instrument)
            order_id = f"O{day:%y%m%d}-{order:05d}"
            fill = Fill("", order_id, account, instrument, side, quantity, price, at)
            drafts.append((at, len(drafts), fill))
            at += timedelta(milliseconds=chance.randint(150, 900))
    return [
        replace(fill, trade_id=f"T{day:%y%m%d}-{number:05d}")
        for number, (*_, fill) in enumerate(sorted(drafts), start=1)
    ]


def twins(fills: list[Fill]) -> list[Fill]:
    """The two fills of one order that are alike in all but time and id."""
    return [fill for fill in fills if fill.order_id.endswith("-00001")]


def late_fills(day: date, number: int) -> list[Fill]:
    """Two fills so shortly before the close that nobody expects their confirmations yet."""
    instrument = next(each for each in INSTRUMENTS if each.symbol == "ETH/USDT")
    return [
        Fill(
            trade_id=f"T{day:%y%m%d}-{number + index:05d}",
            order_id=f"O{day:%y%m%d}-{80000 + index:05d}",
            account="CR-02",
            instrument=instrument,
            side="buy",
            quantity=Decimal("0.750") + index,
            price=instrument.price,
            at=datetime.combine(day, time(23, 10 + 9 * index, 5, tzinfo=UTC)),
        )
        for index in range(2)
    ]


def _accounts(instrument: Instrument) -> list[str]:
    accounts = CRYPTO_ACCOUNTS if instrument.crypto else SHARE_ACCOUNTS
    return [each for each in accounts if (each, instrument.symbol) not in QUIET]


def _price(chance: Random, instrument: Instrument) -> Decimal:
    width = int(instrument.price / instrument.tick / 100)
    return instrument.price + instrument.tick * chance.randint(-width, width)
