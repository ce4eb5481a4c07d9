"""Kraken's names: asset codes, pairs, transaction ids."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Final

from tieout.testing.exchange.records import Listing
from tieout.testing.exchange.wire import Refusal, Reply, encoded

_CODES: Final = {
    "BTC": ("XXBT", "XBT"),
    "ETH": ("XETH", "ETH"),
    "XRP": ("XXRP", "XRP"),
    "LTC": ("XLTC", "LTC"),
    "DOGE": ("XXDG", "XDG"),
    "USD": ("ZUSD", "USD"),
    "EUR": ("ZEUR", "EUR"),
}
_LONG: Final = frozenset({"BTC", "ETH", "XRP", "LTC"})
_SUFFIXES: Final = {"spot": "", "earn": ".F", "staked": ".S"}
LEVERAGE: Final = Decimal(2)
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def refuse(error: str) -> Refusal:
    return Refusal(Reply(200, encoded({"error": [error]})))


def asset_id(asset: str, wallet: str = "spot") -> str:
    """`XXBT`; in a bucket `XBT.F`."""
    name, short = _CODES.get(asset, (asset, asset))
    suffix = _SUFFIXES.get(wallet, "")
    return short + suffix if suffix else name


def asset_name(asset: str) -> str:
    """The short name: `XBT`."""
    return _CODES.get(asset, (asset, asset))[1]


def pair_id(listing: Listing) -> str:
    """`XXBTZUSD`; newer pairs have the short name."""
    if listing.base in _LONG and listing.quote in {"USD", "EUR"}:
        return asset_id(listing.base) + asset_id(listing.quote)
    return pair_name(listing)


def pair_name(listing: Listing) -> str:
    """`XBTUSD`."""
    return asset_name(listing.base) + asset_name(listing.quote)


def transaction_id(kind: str, *parts: object) -> str:
    """`TXXXXX-XXXXX-XXXXXX`: T of a trade, O of an order, L of a ledger entry; equal for equals."""
    digest = hashlib.blake2b(":".join(map(str, (kind, *parts))).encode(), digest_size=15).digest()
    number = int.from_bytes(digest, "big")
    letters = "".join(_LETTERS[(number >> (5 * index)) & 31] for index in range(15))
    return f"{kind}{letters[:5]}-{letters[5:10]}-{letters[10:]}Z"
