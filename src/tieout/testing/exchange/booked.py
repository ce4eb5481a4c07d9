"""Events of the simulated exchange as canonical values, under the ids that the venues give them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tieout.core.model import Value
from tieout.testing.exchange.bybit_events import execution_id
from tieout.testing.exchange.kraken_words import transaction_id
from tieout.testing.exchange.records import ZERO, Cash, Event, Fill, Movement, Order, add

if TYPE_CHECKING:
    from tieout.testing.exchange.account import Account

MILLI: Final = 1_000_000
"""Nanoseconds in a millisecond."""

Values = dict[str, Value]


def trade_id(venue: str, fill: Fill) -> str:
    """What the venue calls a fill."""
    if venue == "bybit":
        return execution_id(fill)
    if venue == "kraken":
        return transaction_id("T", fill.symbol, fill.id)
    return str(fill.id)


def order_id(venue: str, order: Order) -> str:
    return transaction_id("O", order.id) if venue == "kraken" else str(order.id)


def trade(account: Account, fill: Fill, sequence: int) -> Values:
    """A fill under the contract `trades`."""
    return {
        "account": account.name,
        "venue": account.venue,
        "symbol": fill.symbol,
        "trade_id": trade_id(account.venue, fill),
        "side": fill.side,
        "order_id": order_id(account.venue, fill.order),
        "quantity": fill.quantity,
        "price": fill.price,
        "price_currency": account.exchange.listings[fill.symbol].quote,
        "fee": fill.fee,
        "fee_currency": fill.fee_asset,
        "timestamp": fill.at * MILLI,
        "liquidity": "maker" if fill.maker else "taker",
        "exec_type": fill.execution,
        "leg": None if fill.order.leg == "net" else fill.order.leg,
        "sequence": Decimal(sequence if account.venue == "bybit" else fill.id),
    }


def order(account: Account, known: Order) -> Values:
    """An order under the contract `orders`."""
    return {
        "account": account.name,
        "venue": account.venue,
        "order_id": order_id(account.venue, known),
        "client_order_id": known.client_id,
        "symbol": known.symbol,
        "side": known.side,
        "quantity": known.quantity,
        "filled": known.filled,
        "price": known.price,
        "status": known.status,
        "created_at": known.created * MILLI,
        "updated_at": known.updated * MILLI,
    }


def movements(account: Account, event: Event, product: str | None) -> Iterator[Values]:
    """What an event did besides its trade: the venue's PnL, funding, transfers, as it lists them.

    Of a product, what the venue's list for that product has.
    """
    listed = {"bybit": _bybit, "kraken": _kraken}.get(account.venue, _binance)
    yield from listed(account, event, product)


def _binance(account: Account, event: Event, product: str | None) -> Iterator[Values]:
    """Futures: the income list. Spot: deposits, withdrawals, transfers."""
    fill, movement = event.fill, event.movement
    if fill is not None:
        if fill.realised and product != "spot":
            listing = account.exchange.listings[fill.symbol]
            name = f"REALIZED_PNL:{event.sequence * 10}:{listing.native}"
            yield _values(
                account, name, "settlement", listing.quote, fill.realised, event.at,
                str(fill.id), fill.symbol,
            )  # fmt: skip
    elif movement is not None:
        for cash in event.cash:
            futures = cash.wallet == account.perpetual_wallet
            if product is None or futures is (product == "perp"):
                moves = (
                    _income(account, movement, cash)
                    if futures
                    else _wallet(account, movement, cash)
                )
                yield from moves


def _income(account: Account, movement: Movement, cash: Cash) -> Iterator[Values]:
    symbol = movement.symbol or None
    funding = movement.type == "funding"
    native = account.exchange.listings[movement.symbol].native if symbol else ""
    name = f"{'FUNDING_FEE' if funding else 'TRANSFER'}:{movement.id}:{native}"
    kind = "funding" if funding else "transfer"
    yield _values(
        account, name, kind, cash.asset, cash.amount, movement.at, str(movement.id), symbol
    )


def _wallet(account: Account, movement: Movement, cash: Cash) -> Iterator[Values]:
    number, at, asset = movement.id, movement.at, cash.asset
    if movement.type == "withdrawal":
        # The list of withdrawals knows seconds only, and the fee is a movement of its own.
        at, name, reference = at // 1000 * 1000, f"{number:032x}", f"0x{movement.reference}"
        given = add(cash.amount, movement.fee)
        yield _values(account, f"withdrawal:{name}", "transfer", asset, given, at, reference)
        if movement.fee:
            fee = movement.fee.copy_negate()
            yield _values(account, f"withdrawal-fee:{name}", "fee", asset, fee, at, reference)
        return
    deposit = movement.type == "deposit"
    reference = f"0x{movement.reference}" if deposit else str(number)
    name = f"{'deposit' if deposit else 'transfer'}:{number}"
    yield _values(account, name, "transfer", asset, cash.amount, at, reference)


def _bybit(account: Account, event: Event, product: str | None) -> Iterator[Values]:
    """The transaction log. One wallet pays for all: a fill of the other product is a settlement."""
    fill, movement = event.fill, event.movement
    for number, cash in enumerate(event.cash):
        name = f"{event.sequence}_{cash.asset}_{number}"
        symbol: str | None = None
        reference: str | None = None
        if fill is not None:
            perpetual = ":" in fill.symbol
            kind, amount, reference = "settlement", cash.amount, trade_id("bybit", fill)
            if product is None or perpetual is (product == "perp"):
                if not perpetual or cash.asset != account.exchange.listings[fill.symbol].quote:
                    continue
                amount, symbol = fill.realised, fill.symbol
        else:
            assert movement is not None
            funding = movement.type == "funding"
            kind = "funding" if funding else "transfer"
            reference = f"f{movement.id:031x}" if funding else None
            amount = cash.amount
            symbol = movement.symbol if funding and product != "spot" else None
        if amount and cash.wallet == "unified":
            yield _values(account, name, kind, cash.asset, amount, event.at, reference, symbol)


def _kraken(account: Account, event: Event, product: str | None) -> Iterator[Values]:
    """The ledger: amounts before fees. `perp` are the positions on margin, whose fees stand in
    their trades; a fee elsewhere is a movement of its own."""
    fill, movement = event.fill, event.movement
    margin = fill is not None and fill.order.margin
    if (fill is not None and not margin) or (product == "perp" and not margin):
        return
    kind = "settlement" if margin else "transfer"
    for number, cash in enumerate(event.cash):
        name = transaction_id("L", event.sequence, number)
        fee, reference = ZERO, ""
        if fill is not None:
            fee = fill.fee if fill.fee_asset == cash.asset else ZERO
            reference = trade_id("kraken", fill)
        elif movement is not None:
            fee, reference = movement.fee, transaction_id("Q", movement.id)
        amount = add(cash.amount, fee)
        if amount:
            yield _values(account, name, kind, cash.asset, amount, event.at, reference)
        if fee and product != "perp" and not (margin and product is None):
            paid = fee.copy_negate()
            yield _values(account, f"{name}:fee", "fee", cash.asset, paid, event.at, reference)


def _values(
    account: Account,
    name: str,
    kind: str,
    currency: str,
    amount: Decimal,
    at: int,
    reference: str | None,
    symbol: str | None = None,
) -> Values:
    return {
        "account": account.name,
        "venue": account.venue,
        "movement_id": name,
        "type": kind,
        "currency": currency,
        "symbol": symbol,
        "amount": amount,
        "reference": reference,
        "timestamp": at * MILLI,
    }
