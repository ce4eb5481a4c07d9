"""What people call the columns of section 4 of the record contracts: names, not yet values."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from tieout.core.infer.languages import FOREIGN

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "account": ("account id", "account number", "acct", "client account id", "portfolio", "book"),
    "venue": ("exchange", "broker", "market", "execution venue", "mic", "listing exchange"),
    "symbol": (
        "ticker",
        "instrument",
        "security",
        "isin",
        "pair",
        "product",
        "market symbol",
        "asset",
        "contract",
        "stock",
        "ric",
        "cusip",
        "sedol",
        "figi",
        "instrument id",
        "security id",
        "coin",
        "market",
    ),
    "trade_id": (
        "id",
        "exec id",
        "execution id",
        "fill id",
        "deal id",
        "transaction id",
        "trade no",
        "trade number",
        "trade ref",
        "trade reference",
        "deal reference",
        "match id",
        "txid",
        "tid",
        "ref",
        "reference",
        "confirmation number",
        "confirm id",
    ),
    "side": (
        "action",
        "buy sell",
        "b s",
        "buysell",
        "direction",
        "type",
        "transaction type",
        "trade type",
        "order side",
        "operation",
        "dir",
        "activity",
        "transaction",
        "is buyer",
    ),
    "order_id": ("order no", "order number", "order ref", "venue order id", "oid", "exch order id"),
    "client_order_id": ("cl ord id", "clordid", "client oid", "client id", "own order id", "cloid"),
    "quantity": (
        "qty",
        "size",
        "shares",
        "no of shares",
        "number of shares",
        "units",
        "volume",
        "vol",
        "amount",
        "executed qty",
        "exec qty",
        "last qty",
        "filled qty",
        "fill qty",
        "executed",
        "contracts",
        "position",
        "pos",
        "nominal",
        "holding",
        "net position",
        "position amt",
        "orig qty",
        "order qty",
    ),
    "price": (
        "avg price",
        "average price",
        "trade price",
        "exec price",
        "execution price",
        "last price",
        "last px",
        "px",
        "price share",
        "price per share",
        "share price",
        "unit price",
        "fill price",
        "t price",
        "rate",
        "limit price",
        "limit",
        "limit px",
        "avg px",
    ),
    "price_currency": ("currency", "ccy", "trade currency", "quote currency", "curr", "quote"),
    "fee": (
        "fees",
        "commission",
        "commissions",
        "comm",
        "fees comm",
        "fees commissions",
        "comm fee",
        "transaction fee",
        "broker fee",
        "brokerage",
        "charges",
        "costs",
        "ib commission",
        "comm in usd",
        "trading fee",
    ),
    "fee_currency": (
        "fee asset",
        "fee ccy",
        "commission asset",
        "commission currency",
        "fees currency",
        "fee coin",
    ),
    "timestamp": (
        "time",
        "date",
        "datetime",
        "date time",
        "exec time",
        "execution time",
        "executed at",
        "transact time",
        "trade time",
        "trade date",
        "created at",
        "created",
        "ts",
        "filled at",
        "date utc",
        "time utc",
        "utc time",
        "run date",
        "trade date time",
        "when",
        "transaction time",
        "transaction date",
        "fill time",
        "executed on",
        "executed",
        "booked at",
        "booked on",
        "booked",
    ),
    "trade_date": ("date", "trade dt"),
    "settle_date": ("settlement date", "value date", "settle", "settlement"),
    "liquidity": ("maker taker", "role", "liquidity type"),
    "leg": ("position side", "pos side", "long short"),
    "average_price": (
        "avg price",
        "average cost",
        "avg cost",
        "entry price",
        "avg entry price",
        "cost price",
        "average open price",
        "unit cost",
        "open price",
        "avg px",
    ),
    "cost": ("cost basis", "total cost", "book cost", "cost basis money"),
    "cost_currency": ("currency", "ccy"),
    "margin": ("initial margin", "position margin", "margin used"),
    "as_of": (
        "date",
        "time",
        "timestamp",
        "as of date",
        "report date",
        "snapshot time",
        "updated at",
        "position date",
        "balance date",
    ),
    "currency": ("asset", "ccy", "coin", "curr", "token"),
    "wallet": ("wallet type", "account type"),
    "total": (
        "balance",
        "total balance",
        "wallet balance",
        "ending cash",
        "cash",
        "equity",
        "amount",
        "cash balance",
        "closing balance",
        "ending balance",
    ),
    "free": ("available", "available balance", "free balance", "withdrawable"),
    "used": ("locked", "frozen", "hold", "in order", "in orders", "reserved", "on hold"),
    "settled": ("settled cash", "settled balance"),
    "filled": ("filled qty", "executed qty", "cum qty", "filled quantity", "filled size"),
    "status": ("state", "order status", "ord status"),
    "replaces": ("orig cl ord id", "replaced order"),
    "created_at": (
        "created",
        "create time",
        "order time",
        "submitted at",
        "entered",
        "order date",
        "submitted",
        "placed at",
        "time",
        "timestamp",
    ),
    "updated_at": ("updated", "update time", "last update"),
    "date": ("day", "trade date", "pnl date"),
    "pnl_impact": ("pnl", "profit", "p l", "profit loss", "pl", "realized pnl", "pnl amount"),
    "commission": ("fee", "fees", "comm", "commissions"),
    "realised": ("realized", "realised pnl", "realized pnl", "closed pnl", "realized p l"),
    "unrealised": ("unrealized", "unrealised pnl", "unrealized pnl", "open pnl", "upl"),
    "movement_id": ("id", "ledger id", "transaction id", "txid", "tx id", "entry id"),
    "type": ("kind", "category", "transaction type", "movement type", "activity", "action"),
    "amount": ("change", "value", "total", "net amount", "quantity", "delta", "cash amount"),
    "reference": ("ref", "refid", "description", "memo", "external id"),
    "value_date": ("settle date", "settlement date", "effective date"),
}
"""Canonical column to other names of it, the likelier first, normalised."""

TYPE_LIKE: Final = frozenset(
    {
        "action",
        "type",
        "transaction",
        "activity",
        "category",
        "event",
        "kind",
        "operation",
        "header",
    }
)
"""Words in the name of a column that says what a row is."""

_FEES: Final = frozenset({"fee", "fees", "commission", "commissions", "comm", "gebuhr", "frais"})
_OF_FEES: Final = frozenset({"fee", "fee_currency", "commission", "amount", "total", "cost"})
"""Canonical columns that a name with a word for fees may be: a `fee coin` is no instrument."""

_FOREIGN: Final = 0.85
_SPLIT: Final = re.compile(r"[^0-9a-z]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z]{2})")


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """`Price / share`, `pricePerShare`, `PRICE_SHARE` as lower-case words with single blanks.

    `IBCommission` is two words; accents are left out.
    """
    words = unicodedata.normalize("NFKD", _CAMEL.sub(" ", name)).casefold()
    bare = "".join(letter for letter in words if not unicodedata.combining(letter))
    return _SPLIT.sub(" ", bare).strip()


@lru_cache(maxsize=16384)
def name_score(canonical: str, name: str) -> float:
    """How well a source's column name says `canonical`, from 0 (not at all) to 1 (it is it)."""
    given, own = normal(name), normal(canonical)
    if given == own:
        return 1.0
    if not given:
        return 0.0
    known, foreign = SYNONYMS.get(canonical, ()), FOREIGN.get(canonical, frozenset[str]())
    if given in known:
        return 0.95 - 0.35 * known.index(given) / len(known)
    if given in foreign:
        return _FOREIGN
    words = set(given.split())
    if words & _FEES and canonical not in _OF_FEES:
        return 0.0
    best = 0.0
    for phrase in (own, *known, *foreign):
        parts = set(phrase.split())
        if parts <= words and len(phrase) > 2:
            best = max(best, 0.55 * len(parts) / len(words) + 0.1)
    if best == 0.0 and difflib.SequenceMatcher(None, given, own).ratio() > 0.85:
        best = 0.5
    return best


def currency_of(name: str, header: tuple[str, ...]) -> str | None:
    """The column that says in which currency column `name` is: `Currency (Price / share)`."""
    own = normal(name)
    wanted = {f"currency {own}", f"{own} currency", f"{own} ccy", f"ccy {own}", f"{own} asset"}
    return next((each for each in header if normal(each) in wanted), None)
