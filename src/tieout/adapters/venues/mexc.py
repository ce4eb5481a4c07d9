"""MEXC spot.

Trades and orders are given by symbol only, 100 and 1,000 a reply; trades go back 30 days. A trade
without an id is unreadable: ccxt makes one up from its price and time, and two fills may share it.

Rules: mexc.com/api-docs/spot-v3.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Final

from tieout.adapters.venues.cells import (
    MILLI,
    Parser,
    Raw,
    Values,
    choice,
    millis,
    millis_or_none,
    nonzero,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.classify import Action, Wire
from tieout.adapters.venues.forms import digits, flag, held, moved
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.paging import Pages, by_window, in_millis
from tieout.adapters.venues.shapes import rows, rows_at, table_at
from tieout.adapters.venues.spot import SpotFeed
from tieout.adapters.venues.venue import Gathered, together
from tieout.core.live import Ask

DAY: Final = 86_400_000
"""Milliseconds."""
KEPT: Final = 30 * DAY
UNDERWAY: Final = 30 * DAY
"""For which a deposit may be seen, by which it is listed, and not yet credited."""
TRADES_A_PAGE: Final = 100
ORDERS_A_PAGE: Final = 1_000

_SIDES: Final = {"BUY": "buy", "SELL": "sell"}
_STATUSES: Final = {
    "NEW": "open",
    "PARTIALLY_FILLED": "partially_filled",
    "FILLED": "filled",
    "CANCELED": "cancelled",
    "PARTIALLY_CANCELED": "cancelled",
}
_ARRIVED: Final = frozenset({"5"})
_WITHDRAWN: Final = frozenset({"1", "2", "3", "4", "5", "6", "7", "10"})
_OTHER_WALLETS: Final = ("FUTURES",)


def _code(data: Any) -> tuple[str, str] | None:
    if isinstance(data, dict) and "code" in data and str(data["code"]) not in ("0", "200"):
        return str(data["code"]), str(data.get("msg") or "")
    return None


class MexcSpot(SpotFeed):
    """A spot account at MEXC."""

    exchange = "mexc"
    wire: ClassVar[Wire] = Wire(
        "mexc",
        code_of=_code,
        codes={
            "10072": Action.STOP,  # invalid access key
            "10001": Action.STOP,
            "602": Action.STOP,  # signature
            "700001": Action.STOP,
            "700002": Action.STOP,
            "700006": Action.STOP,  # address not on the key's list
            "700007": Action.DENY,  # no permission for this question
            "700003": Action.CLOCK,  # outside of recvWindow
            "700005": Action.REJECT,
            "429": Action.WAIT,
            "510": Action.WAIT,
            "500": Action.RETRY,
            "503": Action.RETRY,
            "504": Action.RETRY,
        },
        statuses={403: Action.WAIT},  # the firewall, for too many requests
        clock=("spotPublicGetTime", lambda data: int(data["serverTime"])),
    )

    async def _load_markets(self) -> Markets:
        def read(raw: Raw) -> Market:
            return self._pair(
                str(raw["symbol"]),
                str(raw["baseAsset"]),
                str(raw["quoteAsset"]),
                tick=digits(raw, "quotePrecision"),
                lot=digits(raw, "baseAssetPrecision"),
            )

        shape = self._pairs(read, "symbols")
        found: Markets = await self._public("spotPublicGetExchangeInfo", shape=shape)
        return found

    async def _balances(self, _: Ask, found: Gathered) -> None:
        at = self._client.now()
        account = await self._call("spotPrivateGetAccount", shape=rows("balances"))

        def parse(raw: Raw) -> Values:
            currency = self._code(text(raw, "asset"))
            return held(currency, number(raw, "free"), number(raw, "locked"), at)

        found.wallets = frozenset({"spot"})
        found.read(account, parse)

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        parse = _order(markets)
        for_each = self._markets_of(ask, markets, found)

        async def one(market: Market) -> None:
            where = {"symbol": market.id}
            still = await self._call("spotPrivateGetOpenOrders", where, rows())
            closed = await self._closed(market, ask) if ask.since is not None else []
            gone = {str(raw.get("orderId")) for raw in closed if raw.get("status") not in _OPEN}
            found.read((raw for raw in still if str(raw.get("orderId")) not in gone), parse)
            found.read((raw for raw in closed if raw.get("status") not in _OPEN), parse)

        await self._each(for_each, one)

    async def _closed(self, market: Market, ask: Ask) -> list[Raw]:
        """Orders of the window, asked for after the open ones: what closes meanwhile is here."""
        assert ask.since is not None
        now = self._client.now()
        since, until = in_millis((ask.since, now if ask.until is None else ask.until))

        async def page(start: int, end: int) -> list[Any]:
            where = {"symbol": market.id, "startTime": start, "endTime": end}
            where["limit"] = ORDERS_A_PAGE
            return list(await self._call("spotPrivateGetAllOrders", where, rows()))

        pages = await by_window(
            page,
            lambda raw: raw.get("orderId"),
            since=since,
            until=until,
            span=7 * DAY,
            limit=ORDERS_A_PAGE,
        )
        return pages.rows

    async def _trades(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        since, until = self._kept(found)
        parse = _trade(markets, self._code)

        async def one(market: Market) -> None:
            async def page(start: int, end: int) -> list[Any]:
                where = {"symbol": market.id, "startTime": start, "endTime": end}
                where["limit"] = TRADES_A_PAGE
                return list(await self._call("spotPrivateGetMyTrades", where, rows()))

            key = by_trade
            found.read(
                await by_window(
                    page, key, since=since, until=until, span=7 * DAY, limit=TRADES_A_PAGE
                ),
                parse,
            )

        await self._each(self._markets_of(ask, markets, found), one)

    def _kept(self, found: Gathered) -> tuple[int, int]:
        """The window in milliseconds, cut at what the venue still has."""
        assert found.window is not None
        since, until = in_millis(found.window)
        oldest = self._client.now() // MILLI - KEPT
        if since < oldest:
            found.window = (min(oldest * MILLI, found.window[1]), found.window[1])
            found.reasons.append("mexc gives trades of the last 30 days only")
        return max(since, oldest), until

    async def _movements(self, _: Ask, found: Gathered) -> None:
        since, until = in_millis(found.window)
        where = {"startTime": since, "endTime": until, "limit": 1_000}
        arrived, left, *between = await together(
            self._deposits(max(0, since - UNDERWAY), until),
            self._call("spotPrivateGetCapitalWithdrawHistory", where, rows()),
            *(self._transfers(wallet, out, since, until) for wallet, out in _WAYS),
        )
        if len(left) >= 1_000:
            found.reasons.append("more withdrawals than one answer holds")
        found.read(arrived, self._deposit)
        found.read(left, self._withdrawal)
        for (_wallet, out), transfers in zip(_WAYS, between, strict=True):
            found.read(transfers, self._transfer(out))
        found.notes.append(
            "movements are deposits, withdrawals and transfers to and from futures; what else "
            "changes a balance (gifts, conversions, transfers to other users) is not listed"
        )

    async def _deposits(self, since: int, until: int) -> Pages:
        async def page(start: int, end: int) -> list[Any]:
            where = {"startTime": start, "endTime": end, "limit": 1_000}
            return list(await self._call("spotPrivateGetCapitalDepositHisrec", where, rows()))

        def key(raw: Raw) -> Any:
            return raw.get("txId") or id(raw)

        return await by_window(page, key, since=since, until=until, span=7 * DAY, limit=1_000)

    def _deposit(self, raw: Raw) -> Values | None:
        """It counts from when it was last changed: when it was credited."""
        if text(raw, "status") not in _ARRIVED:
            return None
        id_ = text(raw, "txId")
        at = millis_or_none(raw, "updateTime") or millis(raw, "insertTime")
        return moved(f"deposit:{id_}", "transfer", self._coin(raw), number(raw, "amount"), at, id_)

    def _withdrawal(self, raw: Raw) -> Values | None:
        """Its amount contains the network's fee, and leaves when it is asked for."""
        if text(raw, "status") not in _WITHDRAWN:
            return None
        amount = number(raw, "amount").copy_negate()
        id_, at = text(raw, "id"), millis(raw, "applyTime")
        return moved(f"withdrawal:{id_}", "transfer", self._coin(raw), amount, at, id_)

    def _coin(self, raw: Raw) -> str:
        """`USDC-TRX` is USDC, by way of a network."""
        return self._code(text(raw, "coin").partition("-")[0])

    async def _transfers(self, wallet: str, out: bool, since: int, until: int) -> list[Raw]:
        source, target = ("SPOT", wallet) if out else (wallet, "SPOT")
        ways: dict[str, Any] = {"fromAccountType": source, "toAccountType": target, "page": 1}

        async def page(start: int, end: int) -> list[Any]:
            where = ways | {"startTime": start, "endTime": end, "size": 100}
            return list(await self._call("spotPrivateGetCapitalTransfer", where, _paged))

        pages = await by_window(
            page, lambda raw: raw.get("tranId"), since=since, until=until, span=7 * DAY, limit=100
        )
        return pages.rows

    def _transfer(self, out: bool) -> Parser:
        def parse(raw: Raw) -> Values | None:
            if text(raw, "status") != "SUCCESS":
                return None
            amount = number(raw, "amount")
            id_, at = text(raw, "tranId"), millis(raw, "timestamp")
            signed = amount.copy_negate() if out else amount
            currency = self._code(text(raw, "asset"))
            return moved(f"transfer:{id_}", "transfer", currency, signed, at, id_)

        return parse

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets, at = await self.markets(), self._client.now()
        raws = await self._public("spotPublicGetTickerPrice", shape=rows())
        self._read_prices(found, markets, raws, "price", at)


_WAYS: Final = tuple((wallet, out) for wallet in _OTHER_WALLETS for out in (True, False))
_OPEN: Final = frozenset({"NEW", "PARTIALLY_FILLED"})


def by_trade(raw: Raw) -> Any:
    """Both sides of a trade with oneself have one id. One without an id is like no other."""
    return raw.get("id") or id(raw), raw.get("isBuyer")


def _paged(data: Any) -> list[dict[str, Any]]:
    """The rows of a page; where there are none at all, they may be null."""
    body = table_at(data, (), ("total",))
    if not body.get("rows") and str(body["total"]) == "0":
        return []
    return rows_at(body, ("rows",))


def _trade(markets: Markets, code: Any) -> Parser:
    def parse(raw: Raw) -> Values:
        fee = number_or_none(raw, "commission")
        asset = text_or_none(raw, "commissionAsset")
        return {
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "trade_id": text(raw, "id"),
            "order_id": text_or_none(raw, "orderId"),
            "client_order_id": text_or_none(raw, "clientOrderId"),
            "side": "buy" if flag(raw, "isBuyer") else "sell",
            "quantity": number(raw, "qty"),
            "price": number(raw, "price"),
            "fee": fee,
            "fee_currency": None if fee is None or asset is None else code(asset),
            "timestamp": millis(raw, "time"),
            "liquidity": "maker" if flag(raw, "isMaker") else "taker",
            "exec_type": "trade",
        }

    return parse


def _order(markets: Markets) -> Parser:
    def parse(raw: Raw) -> Values:
        filled = number_or_none(raw, "executedQty") or Decimal(0)
        # A market order to buy may state what it spends instead: then it is for what it got.
        quantity = nonzero(number_or_none(raw, "origQty"))
        return {
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "order_id": text(raw, "orderId"),
            "client_order_id": text_or_none(raw, "clientOrderId"),
            "side": choice(raw, "side", _SIDES),
            "quantity": filled if quantity is None else quantity,
            "filled": filled,
            "price": nonzero(number_or_none(raw, "price")),
            "status": choice(raw, "status", _STATUSES),
            "created_at": millis(raw, "time"),
            "updated_at": millis_or_none(raw, "updateTime"),
        }

    return parse
