"""Gate spot.

1. ccxt asks what kind of account it is, swallows every error, and goes on as with a classic one.
   Here it is an option, or a question whose failure is one: `options: {unified: false}`.
2. A fill may cost up to three fees: in its own currency, in GT, and in points. The first is the
   trade's; the others are movements of the type `fee`.
3. No question needs a symbol. Windows are in seconds, 30 days at most.
4. The cash of a unified account is not stated apart from unrealised PnL: its balances are refused.

Rules: gate.com/docs/developers/apiv4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
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
from tieout.adapters.venues.forms import digits, held, moved, nanos, partly
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.paging import Pages, by_window, in_millis
from tieout.adapters.venues.second import summed, there
from tieout.adapters.venues.shapes import rows, table
from tieout.adapters.venues.spot import SpotFeed
from tieout.adapters.venues.venue import Gathered
from tieout.core.live import Answer, Ask, Permissions, Witness
from tieout.core.money import subtract
from tieout.errors import VenueUnsupported

SPAN: Final = 30 * 86_400
"""Seconds that one question may span."""
ACCOUNT_FRESH: Final = 300.0
"""Seconds for which the kind of account is believed."""
TRADES_A_PAGE: Final = 1_000
ORDERS_A_PAGE: Final = 100

_SIDES: Final = {"buy": "buy", "sell": "sell"}
_ROLES: Final = {"taker": "taker", "maker": "maker"}
_UNIFIED: Final = frozenset({"2", "3", "4"})
"""Modes of a key that belongs to a unified account; 1 is classic."""

_TRADING: Final = frozenset({"new_order", "cancel_order", "order_fill", "order_fee", "point_fee"})
"""Kinds of ledger rows that orders and their fills make: told by the trades."""
_KINDS: Final = {
    "deposit": "transfer",
    "withdraw": "transfer",
    "sub_account_transfer": "transfer",
    "margin_in": "transfer",
    "margin_out": "transfer",
    "margin_funding_in": "transfer",
    "margin_funding_out": "transfer",
    "cross_margin_in": "transfer",
    "cross_margin_out": "transfer",
    "copy_trading_in": "transfer",
    "copy_trading_out": "transfer",
    "quant_in": "transfer",
    "quant_out": "transfer",
    "futures_in": "transfer",
    "futures_out": "transfer",
    "delivery_in": "transfer",
    "delivery_out": "transfer",
    "options_in": "transfer",
    "options_out": "transfer",
    "lend": "transfer",
    "redeem": "transfer",
    "profit": "interest",
    "interest": "interest",
    "referral_fee": "fee",
    "flash_swap_buy": "correction",
    "flash_swap_sell": "correction",
}


def _code(data: Any) -> tuple[str, str] | None:
    if isinstance(data, dict) and isinstance(data.get("label"), str):
        return data["label"], str(data.get("message") or data.get("detail") or "")
    return None


class GateioSpot(SpotFeed):
    """A spot account at Gate."""

    exchange = "gateio"
    wire: ClassVar[Wire] = Wire(
        "gate",
        code_of=_code,
        codes={
            "INVALID_KEY": Action.STOP,
            "INVALID_SIGNATURE": Action.STOP,
            "INVALID_CREDENTIALS": Action.STOP,
            "MISSING_REQUIRED_HEADER": Action.STOP,
            "IP_FORBIDDEN": Action.STOP,
            "ACCOUNT_LOCKED": Action.STOP,
            "FORBIDDEN": Action.DENY,
            "REQUEST_EXPIRED": Action.CLOCK,
            "TOO_MANY_REQUESTS": Action.WAIT,
            "TOO_FAST": Action.WAIT,
            "TOO_BUSY": Action.RETRY,
            "INTERNAL": Action.RETRY,
            "SERVER_ERROR": Action.RETRY,
        },
        clock=("publicSpotGetTime", lambda data: int(data["server_time"])),
    )

    async def permissions(self) -> Permissions:
        """The venue tells the mode of a key, not what it may do."""
        return Permissions()

    async def fetch(self, ask: Ask) -> Answer:
        """As every adapter; which kind of account it is, is asked before where it is not said."""
        if ask.records in self.OFFERS - {"prices", "instruments"}:
            await self._unified()
        return await super().fetch(ask)

    async def _unified(self) -> bool:
        """Whether it is a unified account. Never guessed: a failed question is an error."""
        given = self._settings.options.get("unified")
        if isinstance(given, bool):
            return given
        now = asyncio.get_running_loop().time()
        known, until = self._client.markets.get("unified", (False, 0.0))
        if now > until:
            # Asked again before long: an account that was upgraded since would look empty.
            detail = await self._call("privateAccountGetDetail", shape=table("key", has=("mode",)))
            known = str(detail["mode"]) in _UNIFIED
            self._client.markets["unified"] = known, now + ACCOUNT_FRESH
        return bool(known)

    async def _wallet(self) -> dict[str, str]:
        """What questions about orders and trades say of the account."""
        return {"account": "unified"} if await self._unified() else {"account": "spot"}

    async def _load_markets(self) -> Markets:
        def read(raw: Raw) -> Market:
            return self._pair(
                str(raw["id"]),
                str(raw["base"]),
                str(raw["quote"]),
                tick=digits(raw, "precision"),
                lot=digits(raw, "amount_precision"),
            )

        shape = self._pairs(read)
        found: Markets = await self._public("publicSpotGetCurrencyPairs", shape=shape)
        return found

    async def _balances(self, _: Ask, found: Gathered) -> None:
        if await self._unified():
            raise VenueUnsupported(
                "the balances of a unified account contain unrealised PnL, and its cash is not "
                "stated apart",
                venue=self.name,
                method="balances",
                hint="its trades and orders can be reconciled",
            )
        at = self._client.now()
        accounts = await self._call("privateSpotGetAccounts", shape=rows())

        def parse(raw: Raw) -> Values:
            currency = self._code(text(raw, "currency"))
            return held(currency, number(raw, "available"), number(raw, "locked"), at)

        found.wallets = frozenset({"spot"})
        found.read(accounts, parse)
        found.notes.append("what is lent or staked (Earn) is not among the spot balances")

    async def _second_balances(self, ask: Ask, _: frozenset[str]) -> Witness | None:
        # An estimate in USDT, up to a minute old: that it is zero says nothing of now.
        spot = table("details", "spot")
        shape = there(lambda data: [{**spot(data), "id": "spot"}], "id", "amount")
        found = await self._call("privateWalletGetTotalBalance", shape=shape)
        return summed("total_balance", ask, found) if found else None

    # Orders

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        wallet = await self._wallet()
        still = await self._open(wallet)
        closed = await self._closed(ask, wallet) if ask.since is not None else []
        gone = {str(raw.get("id")) for raw in closed}
        parse = _order(markets)
        found.read((raw for raw in still if str(raw.get("id")) not in gone), parse)
        found.read(closed, parse)
        found.notes.append("orders that wait for a trigger are not listed")

    async def _open(self, wallet: dict[str, str]) -> list[Raw]:
        """Open orders of all pairs, a page of each pair at a time."""
        pages, page = Pages(lambda raw: raw.get("id") or id(raw)), 1
        while True:
            where = {"page": page, "limit": ORDERS_A_PAGE, **wallet}
            pairs = await self._call("privateSpotGetOpenOrders", where, _pairs)
            pages.add([order for orders in pairs for order in orders])
            if all(len(orders) < ORDERS_A_PAGE for orders in pairs):
                return pages.rows
            page += 1

    async def _closed(self, ask: Ask, wallet: dict[str, str]) -> list[Raw]:
        assert ask.since is not None
        until = self._client.now() if ask.until is None else ask.until

        async def page(start: int, end: int) -> list[Any]:
            where = {"status": "finished", "from": start, "to": end, "limit": ORDERS_A_PAGE}
            return list(await self._call("privateSpotGetOrders", where | wallet, rows()))

        return (await self._seconds(page, (ask.since, until), ORDERS_A_PAGE)).rows

    # Events

    async def _trades(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        found.read(await self._fills(found), _trade(markets, self._code))

    async def _fills(self, found: Gathered) -> Pages:
        wallet = await self._wallet()

        async def page(start: int, end: int) -> list[Any]:
            where = {"from": start, "to": end, "limit": TRADES_A_PAGE}
            return list(await self._call("privateSpotGetMyTrades", where | wallet, rows()))

        assert found.window is not None
        return await self._seconds(page, found.window, TRADES_A_PAGE)

    async def _movements(self, _: Ask, found: Gathered) -> None:
        async def page(start: int, end: int) -> list[Any]:
            where = {"from": start, "to": end, "limit": TRADES_A_PAGE}
            return list(await self._call("privateSpotGetAccountBook", where, rows()))

        assert found.window is not None
        book = await self._seconds(page, found.window, TRADES_A_PAGE)
        found.read(book, self._entry)
        fees = [fee for fill in (await self._fills(found)).rows for fee in _other_fees(fill)]
        markets = await self.markets()
        found.read(fees, _extra_fee(markets, self._code))

    async def _seconds(self, page: Any, window: tuple[int, int], limit: int) -> Pages:
        since, until = in_millis(window)
        return await by_window(
            page,
            lambda raw: (raw.get("id") or id(raw), raw.get("side"), raw.get("currency")),
            since=since // 1000,
            until=until // 1000 + 1,
            span=SPAN,
            limit=limit,
        )

    def _entry(self, raw: Raw) -> Values | None:
        """A row of the ledger, unless orders made it."""
        native = text(raw, "type")
        if native in _TRADING:
            return None
        if native not in _KINDS:
            # It may have moved cash: better unreadable than left out.
            raise BadCell("type", f"type: {native!r} is unknown here")
        id_, currency = text(raw, "id"), self._code(text(raw, "currency"))
        return moved(id_, _KINDS[native], currency, number(raw, "change"), nanos(raw, "time"), id_)

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets, at = await self.markets(), self._client.now()
        raws = await self._public("publicSpotGetTickers", shape=rows())
        named = ({**raw, "symbol": raw.get("currency_pair")} for raw in raws if raw.get("last"))
        self._read_prices(found, markets, named, "last", at)


def _pairs(data: Any) -> list[list[dict[str, Any]]]:
    """The open orders of each pair."""
    found = []
    for pair in rows()(data):
        orders = rows("orders")(pair)
        if "total" not in pair:
            raise Misshapen("a pair has no 'total'")
        found.append(orders)
    return found


def _trade(markets: Markets, code: Any) -> Parser:
    def parse(raw: Raw) -> Values:
        fees = list(_fees(raw))
        fee, currency = fees[0] if fees else (number_or_none(raw, "fee"), _own_currency(raw))
        return {
            "symbol": markets.of(text(raw, "currency_pair")).symbol,
            "trade_id": text(raw, "id"),
            "order_id": text_or_none(raw, "order_id"),
            "client_order_id": _client_id(raw),
            "side": choice(raw, "side", _SIDES),
            "quantity": number(raw, "amount"),
            "price": number(raw, "price"),
            "fee": fee,
            "fee_currency": None if fee is None or currency is None else code(currency),
            "timestamp": nanos(raw, "create_time_ms"),
            "liquidity": choice(raw, "role", _ROLES),
            "exec_type": "trade",
            "sequence": number_or_none(raw, "sequence_id"),
        }

    return parse


def _fees(raw: Raw) -> Iterator[tuple[Decimal, str]]:
    """The fees of a fill that are not zero, with the venue's name of the currency."""
    own = number_or_none(raw, "fee")
    if own:
        yield own, text(raw, "fee_currency")
    for name, currency in (("gt_fee", "GT"), ("point_fee", "POINT")):
        fee = number_or_none(raw, name)
        if fee:
            yield fee, currency


def _own_currency(raw: Raw) -> str | None:
    return text_or_none(raw, "fee_currency")


def _other_fees(raw: Raw) -> list[dict[str, Any]]:
    """Rows of the fees after the first. A fill that is unreadable is told among the trades."""
    try:
        fees = list(_fees(raw))[1:]
    except BadCell:
        return []
    return [{**raw, "fee": str(fee), "fee_currency": currency} for fee, currency in fees]


def _extra_fee(markets: Markets, code: Any) -> Parser:
    def parse(raw: Raw) -> Values:
        currency = code(text(raw, "fee_currency"))
        id_ = f"fee:{text(raw, 'id')}:{choice(raw, 'side', _SIDES)}:{currency}"
        amount, at = number(raw, "fee").copy_negate(), nanos(raw, "create_time_ms")
        symbol = markets.of(text(raw, "currency_pair")).symbol
        return moved(id_, "fee", currency, amount, at, text(raw, "id"), symbol)

    return parse


def _client_id(raw: Raw) -> str | None:
    """`text` is one's own id where it begins with `t-`; else it says where the order came from."""
    given = text_or_none(raw, "text")
    return given if given is not None and given.startswith("t-") else None


def _order(markets: Markets) -> Parser:
    def parse(raw: Raw) -> Values:
        quantity, filled = _amounts(raw)
        status = "filled" if _finished(raw) else _status(raw)
        return {
            "symbol": markets.of(text(raw, "currency_pair")).symbol,
            "order_id": text(raw, "id"),
            "client_order_id": _client_id(raw),
            "side": choice(raw, "side", _SIDES),
            "quantity": quantity,
            "filled": filled,
            "price": nonzero(number_or_none(raw, "price")),
            "average_price": nonzero(number_or_none(raw, "avg_deal_price")),
            "status": partly(status, filled),
            "created_at": nanos(raw, "create_time_ms"),
            "updated_at": nanos(raw, "update_time_ms"),
        }

    return parse


def _finished(raw: Raw) -> bool:
    return raw.get("finish_as") == "filled" or raw.get("status") == "closed"


def _status(raw: Raw) -> str:
    return choice(raw, "status", {"open": "open", "cancelled": "cancelled"})


def _amounts(raw: Raw) -> tuple[Decimal, Decimal]:
    """Ordered and filled, in base units. A market order to buy is for an amount to spend."""
    filled = number_or_none(raw, "filled_amount")
    if raw.get("type") == "market" and raw.get("side") == "buy":
        if filled is None:
            raise BadCell("filled", "filled_amount is absent")
        return filled, filled
    quantity = number(raw, "amount")
    return quantity, subtract(quantity, number(raw, "left")) if filled is None else filled
