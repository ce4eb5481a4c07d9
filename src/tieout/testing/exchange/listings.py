"""What the exchange lists, unless told: twelve coins, spot and perpetual, and Kraken's pairs."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tieout.testing.exchange.records import Listing

_COINS: Final = (
    # coin, price, tick, lot of spot, lot of the perpetual
    ("BTC", "91250.00", "0.01", "0.00001", "0.001"),
    ("ETH", "3015.20", "0.01", "0.0001", "0.001"),
    ("BNB", "902.10", "0.01", "0.001", "0.01"),
    ("SOL", "138.45", "0.01", "0.001", "0.01"),
    ("XRP", "2.1482", "0.0001", "0.1", "0.1"),
    ("ADA", "0.4415", "0.0001", "0.1", "1"),
    ("DOGE", "0.15230", "0.00001", "1", "1"),
    ("LTC", "84.12", "0.01", "0.001", "0.001"),
    ("LINK", "13.47", "0.01", "0.01", "0.01"),
    ("AVAX", "14.21", "0.01", "0.01", "1"),
    ("DOT", "2.311", "0.001", "0.01", "0.1"),
    ("TRX", "0.2794", "0.0001", "0.1", "1"),
)
_DOLLARS: Final = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "DOT", "TRX")


def default_listings() -> tuple[Listing, ...]:
    """Spot and perpetuals against USDT on Binance and Bybit, spot against USD on Kraken."""
    perpetuals = frozenset({"binance", "bybit"})
    listings = []
    for coin, price, tick, lot, contract in _COINS:
        start, step = Decimal(price), Decimal(tick)
        spot = Listing(f"{coin}/USDT", coin, "USDT", step, Decimal(lot), start, perpetuals)
        perpetual = Listing(
            f"{coin}/USDT:USDT", coin, "USDT", step, Decimal(contract), start, perpetuals
        )
        listings += [spot, perpetual]
        if coin in _DOLLARS:
            kraken = frozenset({"kraken"})
            listings.append(Listing(f"{coin}/USD", coin, "USD", step, Decimal(lot), start, kraken))
    return tuple(listings)
