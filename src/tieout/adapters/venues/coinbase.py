"""Coinbase (Advanced Trade), spot.

1. A fill's size may be in the quote currency: its quantity is size / price, at 18 digits.
2. A correction or reversal repeats the id of the fill it is about; its own id is the entry's.
3. A currency may have several accounts: they are one balance, vaults apart.
4. Lists end where their cursor does, whatever a page holds.
5. Keys: legacy (key and secret, HMAC) or CDP (`organizations/...` and a private key, JWT).

Rules: docs.cdp.coinbase.com/advanced-trade.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from tieout.adapters.venues.cells import (
    BadCell,
    Parser,
    Raw,
    Values,
    choice,
    nonzero,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.classify import Action, Misshapen, Wire
from tieout.adapters.venues.forms import flag, iso, iso_or_none, partly
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.paging import Pages, by_cursor
from tieout.adapters.venues.second import named, there
from tieout.adapters.venues.shapes import rows, rows_at, table
from tieout.adapters.venues.spot import SpotFeed
from tieout.adapters.venues.venue import Gathered, together
from tieout.core.canonical import instant
from tieout.core.live import Ask, Permissions, Witness
from tieout.core.money import add, quotient

ACCOUNTS_A_PAGE: Final = 250
FILLS_A_PAGE: Final = 1_000
LATE: Final = 60_000_000_000
"""Nanoseconds by which a fill may be numbered after it happened: the venue asks by that time."""

_SIDES: Final = {"BUY": "buy", "SELL": "sell"}
_LIQUIDITY: Final = {"MAKER": "maker", "TAKER": "taker"}
_KINDS: Final = {"FILL": "trade", "SYNTHETIC": "trade", "REVERSAL": "bust", "CORRECTION": "correct"}
_STATUSES: Final = {
    "PENDING": "pending",
    "QUEUED": "pending",
    "OPEN": "open",
    "CANCEL_QUEUED": "open",
    "EDIT_QUEUED": "open",
    "FILLED": "filled",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
    "FAILED": "rejected",
}
_WORKING: Final = ("PENDING", "OPEN", "QUEUED", "CANCEL_QUEUED", "EDIT_QUEUED")
_WALLETS: Final = {
    "ACCOUNT_TYPE_CRYPTO": "spot",
    "ACCOUNT_TYPE_FIAT": "spot",
    "ACCOUNT_TYPE_VAULT": "funding",
    "ACCOUNT_TYPE_PERP_FUTURES": "futures",
}


def _code(data: Any) -> tuple[str, str] | None:
    if not isinstance(data, dict):
        return None
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("id")), str(errors[0].get("message") or "")
    if isinstance(data.get("error"), str):
        return data["error"], str(data.get("message") or data.get("error_details") or "")
    return None


class CoinbaseSpot(SpotFeed):
    """A portfolio at Coinbase: a key belongs to one."""

    exchange = "coinbase"
    wire: ClassVar[Wire] = Wire(
        "coinbase",
        code_of=_code,
        codes={
            "unauthorized": Action.STOP,
            "UNAUTHENTICATED": Action.STOP,
            "authentication_error": Action.STOP,
            "invalid_token": Action.STOP,
            "PERMISSION_DENIED": Action.DENY,
            "invalid_scope": Action.DENY,
            "rate_limit_exceeded": Action.WAIT,
            "RESOURCE_EXHAUSTED": Action.WAIT,
            "INTERNAL": Action.RETRY,
            "UNAVAILABLE": Action.RETRY,
            "internal_server_error": Action.RETRY,
        },
        statuses={403: Action.DENY},
        clock=("v3PublicGetBrokerageTime", lambda data: int(data["epochMillis"])),
    )
    OFFERS = frozenset({"balances", "orders", "trades", "prices", "instruments"})

    async def permissions(self) -> Permissions:
        shape = table(has=("can_view",))
        found = await self._call("v3PrivateGetBrokerageKeyPermissions", shape=shape)
        return Permissions(
            read=found["can_view"] is True,
            trade=found.get("can_trade"),
            withdraw=found.get("can_transfer"),
        )

    async def _products(self) -> list[dict[str, Any]]:
        endpoint = "v3PublicGetBrokerageMarketProducts"
        listed = await self._public(endpoint, {"product_type": "SPOT"}, _products)
        return list(listed)

    async def _load_markets(self) -> Markets:
        def read(raw: Raw) -> Market:
            return self._pair(
                str(raw["product_id"]),
                str(raw["base_currency_id"]),
                str(raw["quote_currency_id"]),
                tick=raw.get("price_increment") or raw.get("quote_increment"),
                lot=raw.get("base_increment"),
            )

        shape = self._pairs(read, "products")
        where = {"product_type": "SPOT"}
        found: Markets = await self._public("v3PublicGetBrokerageMarketProducts", where, shape)
        return found

    async def _listed(self, endpoint: str, name: str, where: Mapping[str, Any], key: str) -> Pages:
        """All pages of a list under `name`."""

        async def page(cursor: str | None) -> tuple[list[Any], str | None]:
            asked = dict(where) if cursor is None else {**where, "cursor": cursor}
            rows, following = await self._call(endpoint, asked, _paged(name))
            return rows, following

        return await by_cursor(page, lambda raw: raw.get(key) or id(raw))

    # Snapshots

    async def _balances(self, _: Ask, found: Gathered) -> None:
        at = self._client.now()
        accounts = await self._listed(
            "v3PrivateGetBrokerageAccounts", "accounts", {"limit": ACCOUNTS_A_PAGE}, "uuid"
        )
        sums: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}
        for raw in accounts.rows:
            try:
                key, free, used = self._account(raw)
            except BadCell as why:
                found.rows.refuse(raw, str(why))
                continue
            known = sums.get(key, (Decimal(0), Decimal(0)))
            sums[key] = add(known[0], free), add(known[1], used)
        rows = [
            {
                "currency": currency,
                "wallet": wallet,
                "total": add(free, used),
                "free": free,
                "used": used,
                "as_of": at,
            }
            for (currency, wallet), (free, used) in sums.items()
        ]
        found.wallets = frozenset({"spot", "funding", *(wallet for _, wallet in sums)})
        found.read(rows, dict)
        found.notes.append("balances are those of the key's portfolio; staked assets are not")

    async def _second_balances(self, ask: Ask, _: frozenset[str]) -> Witness:
        key = table(has=("portfolio_uuid",))
        held = await self._call("v3PrivateGetBrokerageKeyPermissions", shape=key)
        found = await self._call(
            "v3PrivateGetBrokeragePortfoliosPortfolioUuid",
            {"portfolio_uuid": held["portfolio_uuid"]},
            there(rows("breakdown", "spot_positions"), "asset", "total_balance_crypto"),
        )
        return named("the portfolio's breakdown", ask, map(self._code, found))

    def _account(self, raw: Raw) -> tuple[tuple[str, str], Decimal, Decimal]:
        """Currency and wallet, what is free, and what is held."""
        free, used = raw.get("available_balance"), raw.get("hold")
        if not isinstance(free, dict) or not isinstance(used, dict):
            raise BadCell("total", "available_balance or hold is no object")
        currency = text(raw, "currency")
        if {free.get("currency"), used.get("currency")} != {currency}:
            raise BadCell("currency", "an account's amounts are not in its currency")
        wallet = choice(raw, "type", _WALLETS)
        return (self._code(currency), wallet), number(free, "value"), number(used, "value")

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        asks = (self._batch({"order_status": status}) for status in _WORKING)
        still = [row for listed in await together(*asks) for row in listed]
        closed: list[Raw] = []
        if ask.since is not None:
            # Asked for after the open ones: what closes meanwhile is here.
            listed = await self._batch({"start_date": instant(ask.since)})
            closed = [row for row in listed if row.get("status") not in _WORKING]
            found.notes.append("orders from before the window that ended in it are not listed")
        gone = {row.get("order_id") for row in closed}
        parse = _order(markets)
        # An order that went from one state to another between the questions is there twice.
        newest = {row.get("order_id") or id(row): row for row in still}
        found.read((row for row in newest.values() if row.get("order_id") not in gone), parse)
        found.read(closed, parse)

    async def _batch(self, where: Mapping[str, Any]) -> list[Raw]:
        endpoint = "v3PrivateGetBrokerageOrdersHistoricalBatch"
        asked = {"product_type": "SPOT", "limit": FILLS_A_PAGE, **where}
        return (await self._listed(endpoint, "orders", asked, "order_id")).rows

    # Events

    async def _trades(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        assert found.window is not None
        since, until = found.window
        where = {
            "start_sequence_timestamp": instant(since),
            "end_sequence_timestamp": instant(until + LATE),
            "limit": FILLS_A_PAGE,
        }
        endpoint = "v3PrivateGetBrokerageOrdersHistoricalFills"
        fills = await self._listed(endpoint, "fills", where, "entry_id")
        found.read(fills, _trade(markets))

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets, at = await self.markets(), self._client.now()
        priced = ({**raw, "symbol": raw.get("product_id")} for raw in await self._products())
        known = (raw for raw in priced if raw.get("price"))
        self._read_prices(found, markets, known, "price", at)


def _products(data: Any) -> list[dict[str, Any]]:
    return rows_at(data, ("products",))


def _paged(name: str) -> Any:
    """The rows of a page, and the cursor of the next one: the last page has an empty one."""

    def shape(data: Any) -> tuple[list[dict[str, Any]], str | None]:
        rows = rows_at(data, (name,))
        cursor = data.get("cursor")
        if cursor is None and "cursor" not in data and "has_next" not in data:
            raise Misshapen("it has no 'cursor'")
        more = data.get("has_next", True) is not False
        return rows, str(cursor) if cursor and more and rows else None

    return shape


def _trade(markets: Markets) -> Parser:
    def parse(raw: Raw) -> Values:
        market = markets.of(text(raw, "product_id"))
        kind = choice(raw, "trade_type", _KINDS)
        trade, entry = text(raw, "trade_id"), text(raw, "entry_id")
        size, price = number(raw, "size"), number(raw, "price")
        if flag(raw, "size_in_quote"):
            if not price:
                raise BadCell("quantity", "its size is in the quote currency, at no price")
            size = quotient(size, price)
        own = kind == "trade"
        return {
            "symbol": market.symbol,
            "trade_id": trade if own else entry,
            "supersedes": None if own else trade,
            "order_id": text_or_none(raw, "order_id"),
            "side": choice(raw, "side", _SIDES),
            "quantity": size,
            "price": price,
            "fee": number_or_none(raw, "commission"),
            "fee_currency": market.quote,
            "timestamp": iso(raw, "trade_time"),
            "liquidity": _LIQUIDITY.get(str(raw.get("liquidity_indicator"))),
            "exec_type": kind,
        }

    return parse


def _order(markets: Markets) -> Parser:
    def parse(raw: Raw) -> Values:
        filled = number_or_none(raw, "filled_size") or Decimal(0)
        configured = _configured(raw)
        size = number_or_none(configured, "base_size")
        return {
            "symbol": markets.of(text(raw, "product_id")).symbol,
            "order_id": text(raw, "order_id"),
            "client_order_id": text_or_none(raw, "client_order_id"),
            "side": choice(raw, "side", _SIDES),
            # An order for an amount to spend is for what it got.
            "quantity": filled if size is None else size,
            "filled": filled,
            "price": number_or_none(configured, "limit_price"),
            "average_price": nonzero(_ratio(raw, "average_filled_price")),
            "status": partly(choice(raw, "status", _STATUSES), filled),
            "created_at": iso(raw, "created_time"),
            "updated_at": iso_or_none(raw, "last_fill_time"),
        }

    return parse


def _ratio(raw: Raw, name: str) -> Decimal | None:
    """A quotient that the venue worked out; None where it has more digits than can be stored."""
    try:
        return number_or_none(raw, name)
    except BadCell:
        return None


def _configured(raw: Raw) -> Raw:
    """The one configuration of an order, whatever its kind is called."""
    given = raw.get("order_configuration")
    kinds = [each for each in given.values() if isinstance(each, dict)] if given else []
    if not isinstance(given, dict) or not kinds:
        raise BadCell("quantity", "order_configuration is no object")
    found: dict[str, Any] = {}
    for each in kinds:
        found.update(each)
    return found
