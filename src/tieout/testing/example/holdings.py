"""Positions and balances of the example: the opening ones plus the fills that each side knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Final, TypeAlias

from tieout.core.model import Kind
from tieout.testing.example.market import (
    CRYPTO_ACCOUNTS,
    INSTRUMENTS,
    SHARE_ACCOUNTS,
    Fill,
    Instrument,
)
from tieout.testing.example.planting import Planted, Row

POSITIONS: Final = "positions"
BALANCES: Final = "balances"
ZERO: Final = Decimal(0)

Key: TypeAlias = tuple[str, str]
"""Account, and symbol or currency."""


@dataclass(frozen=True, slots=True)
class Position:
    """What an account holds of an instrument. `cost` is what was paid for it, signed."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    margin: Decimal = ZERO

    def __add__(self, other: Position) -> Position:
        return Position(
            self.quantity + other.quantity, self.cost + other.cost, self.margin + other.margin
        )


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the book holds, and by how much the broker's accounts differ from it.

    Attributes:
        only_internal, only_external: keys of positions and balances that one side lacks.
        planted: the breaks that follow.
    """

    book: Mapping[Key, Position]
    apart: Mapping[Key, Position]
    cash: Mapping[Key, Decimal]
    cash_apart: Mapping[Key, Decimal]
    planted: tuple[Planted, ...] = ()
    only_internal: frozenset[Key] = frozenset()
    only_external: frozenset[Key] = frozenset()

    def after(self, fills: Iterable[Fill]) -> Holdings:
        """These holdings after more fills that both sides know."""
        book, cash = dict(self.book), dict(self.cash)
        _book(fills, book, cash)
        return replace(self, book=book, cash=cash)

    def positions(self) -> tuple[list[Row], list[Row]]:
        """Both sides' positions."""
        internal: list[Row] = []
        external: list[Row] = []
        for key, position in sorted(self.book.items()):
            if key not in self.only_external:
                internal.append(_position_row(key, position))
            if key not in self.only_internal:
                theirs = position + self.apart.get(key, Position())
                external.append(_position_row(key, theirs))
        return internal, external

    def balances(self) -> tuple[list[Row], list[Row]]:
        """Both sides' balances."""
        internal: list[Row] = []
        external: list[Row] = []
        for key, total in sorted(self.cash.items()):
            account, currency = key
            row: Row = {"account": account, "currency": currency, "total": total}
            if key not in self.only_external:
                internal.append(row)
            if key not in self.only_internal:
                external.append(row | {"total": total + self.cash_apart.get(key, ZERO)})
        return internal, external


def _position_row(key: Key, position: Position) -> Row:
    account, symbol = key
    instrument = instrument_of(symbol)
    return {
        "account": account,
        "symbol": symbol,
        "quantity": position.quantity,
        "cost": position.cost,
        "cost_currency": instrument.currency,
        "margin": position.margin if instrument.perpetual else None,
    }


def instrument_of(symbol: str) -> Instrument:
    """The instrument called `symbol`."""
    return next(each for each in INSTRUMENTS if each.symbol == symbol)


def _book(fills: Iterable[Fill], book: dict[Key, Position], cash: dict[Key, Decimal]) -> None:
    """Add fills to positions and balances, in place."""
    for fill in fills:
        instrument, signed = fill.instrument, fill.sign * fill.quantity
        if instrument.coin:
            cash[fill.account, instrument.coin] += signed
        else:
            book[fill.account, instrument.symbol] += Position(signed, fill.sign * fill.notional)
        cash[fill.account, instrument.currency] += fill.cash


def holdings(chance: Random, fills: list[Fill], unknown_to_book: list[Fill]) -> Holdings:
    """Both sides' holdings after the first day."""
    book, cash = _opening(chance)
    known = [fill for fill in fills if fill not in unknown_to_book]
    _book(known, book, cash)
    apart: defaultdict[Key, Position] = defaultdict(Position)
    cash_apart: defaultdict[Key, Decimal] = defaultdict(Decimal)
    _book(unknown_to_book, apart, cash_apart)
    plan = _Plan()
    for account, symbol in apart:
        plan.position(Kind.QUANTITY, (account, symbol), "from the fill that the book lacks")
    for key in cash_apart:
        plan.balance(Kind.BALANCE, key, "from the fill that the book lacks")
    _plant_positions(plan, book, apart)
    _plant_balances(plan, cash, cash_apart)
    return Holdings(
        book,
        apart,
        cash,
        cash_apart,
        tuple(plan.planted),
        frozenset(plan.only_internal),
        frozenset(plan.only_external),
    )


def _opening(chance: Random) -> tuple[dict[Key, Position], dict[Key, Decimal]]:
    book: dict[Key, Position] = {}
    cash: dict[Key, Decimal] = {}
    for account in (*SHARE_ACCOUNTS, *CRYPTO_ACCOUNTS):
        crypto = account in CRYPTO_ACCOUNTS
        for instrument in INSTRUMENTS:
            if instrument.crypto is not crypto or instrument.coin:
                continue
            quantity = Decimal(chance.choice((1, -1)) * chance.randint(300, 900) * 100)
            cost = quantity * instrument.price * instrument.multiplier
            margin = (cost.copy_abs() / 20).quantize(Decimal("0.01")) if crypto else ZERO
            book[account, instrument.symbol] = Position(quantity, cost, margin)
        for currency in ("USDT", "BTC", "ETH", "SOL") if crypto else ("USD", "EUR"):
            cash[account, currency] = Decimal(chance.randint(40_000_000, 90_000_000))
            if currency in ("BTC", "ETH", "SOL"):
                cash[account, currency] /= 10_000
    return book, cash


@dataclass(slots=True)
class _Plan:
    planted: list[Planted] = field(default_factory=list)
    only_internal: set[Key] = field(default_factory=set)
    only_external: set[Key] = field(default_factory=set)

    def position(self, kind: Kind, key: Key, note: str) -> None:
        self._add(POSITIONS, "symbol", kind, key, note)

    def balance(self, kind: Kind, key: Key, note: str) -> None:
        self._add(BALANCES, "currency", kind, key, note)

    def _add(self, reconciliation: str, column: str, kind: Kind, key: Key, note: str) -> None:
        named = {"account": key[0], column: key[1]}
        self.planted.append(Planted(reconciliation, kind, named, note))
        if kind is Kind.MISSING_EXTERNAL:
            self.only_internal.add(key)
        if kind is Kind.MISSING_INTERNAL:
            self.only_external.add(key)


def _plant_positions(
    plan: _Plan, book: dict[Key, Position], apart: defaultdict[Key, Position]
) -> None:
    flat = ("EQ-03", "AMZN")  # zero in the book and nothing at the broker: no break
    book[flat] = Position()
    plan.only_internal.add(flat)
    turned = ("EQ-03", "JPM")
    apart[turned] = Position(-2 * book[turned].quantity, -2 * book[turned].cost)
    plan.position(Kind.SIDE, turned, "the broker is short where the book is long, or reversed")
    dear = ("EQ-01", "MSFT")
    apart[dear] += Position(cost=Decimal("12500.00"))
    plan.position(Kind.COST_BASIS, dear, "the broker's cost is higher")
    charged, nearly = ("CR-01", "ETH/USDT:USDT"), ("CR-02", "BTC/USDT:USDT")
    apart[charged] += Position(margin=book[charged].margin * Decimal("0.08"))
    plan.position(Kind.MARGIN, charged, "8 % more margin")
    apart[nearly] += Position(margin=book[nearly].margin * Decimal("0.004"))
    plan.position(Kind.MISSING_EXTERNAL, ("EQ-03", "SPY"), "the broker does not hold it")
    plan.position(Kind.MISSING_INTERNAL, ("EQ-02", "SPY"), "the book does not hold it")


def _plant_balances(
    plan: _Plan, cash: dict[Key, Decimal], apart: defaultdict[Key, Decimal]
) -> None:
    apart["EQ-03", "EUR"] += Decimal("148.75")
    plan.balance(Kind.BALANCE, ("EQ-03", "EUR"), "a dividend that the book lacks")
    apart["EQ-03", "USD"] += Decimal("0.01")
    apart["CR-02", "USDT"] -= Decimal("0.004")
    cash["EQ-01", "CHF"] = Decimal("12.50")
    plan.balance(Kind.MISSING_INTERNAL, ("EQ-01", "CHF"), "a currency that the book lacks")
    cash["CR-02", "BNB"] = Decimal("0.75")
    plan.balance(Kind.MISSING_EXTERNAL, ("CR-02", "BNB"), "a coin that the exchange lacks")
