"""Binance USD-M futures: https://developers.binance.com/docs/derivatives/usds-margined-futures.

A fill moves the position and takes its fee; the cash of a reduction is the venue's own realised
PnL, a row of the income list. Balances are wallet balances: what `marginBalance` adds to them is
unrealised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from tieout.adapters.venues.binance import Binance
from tieout.adapters.venues.binance_words import (
    DAY,
    OLD_ORDERS,
    PAGE,
    SIDES,
    order_key,
    order_parser,
)
from tieout.adapters.venues.cells import (
    BadCell,
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
from tieout.adapters.venues.markets import Market, Markets, price_parser
from tieout.adapters.venues.paging import Pages, by_window, in_millis
from tieout.adapters.venues.second import named, there
from tieout.adapters.venues.shapes import rows, table
from tieout.adapters.venues.venue import Gathered, together
from tieout.core.live import Ask, Witness

SPAN: Final = 7 * DAY
"""Milliseconds that a question about trades, orders or income may span."""

_LEGS: Final = {"BOTH": "net", "LONG": "long", "SHORT": "short"}

_INCOME: Final[Mapping[str, str | None]] = {
    "COMMISSION": None,  # comes with its fill
    "REALIZED_PNL": "settlement",
    "FUNDING_FEE": "funding",
    "INSURANCE_CLEAR": "settlement",
    "DELIVERED_SETTELMENT": "settlement",
    "POSITION_LIMIT_INCREASE_FEE": "fee",
    **dict.fromkeys(("COMMISSION_REBATE", "REFERRAL_KICKBACK", "API_REBATE", "FEE_RETURN"), "fee"),
    **dict.fromkeys(
        (
            "TRANSFER",
            "INTERNAL_TRANSFER",
            "CROSS_COLLATERAL_TRANSFER",
            "STRATEGY_UMFUTURES_TRANSFER",
            "COIN_SWAP_DEPOSIT",
            "COIN_SWAP_WITHDRAW",
            "OPTIONS_SETTLE_PROFIT",
            "OPTIONS_PREMIUM_FEE",
        ),
        "transfer",
    ),
    **dict.fromkeys(("AUTO_EXCHANGE", "WELCOME_BONUS", "CONTEST_REWARD"), "correction"),
    **dict.fromkeys(("BFUSD_REWARD", "FUTURES_PRESTIGE_REWARD"), "interest"),
}
"""Kinds of income to types of movements. Any other is quarantined: its amount would be lost."""

_ACCOUNT: Final = "fapiPrivateV3GetAccount"
"""Says again what positionRisk and balance say."""

_ALGO: Final = {
    "NEW": "open",
    "WORKING": "open",
    "TRIGGERING": "open",
    "TRIGGERED": "replaced",  # by the order that it became
    "FINISHED": "replaced",
    "CANCELED": "cancelled",
    "REJECTED": "rejected",
    "EXPIRED": "expired",
}


class BinancePerp(Binance):
    """A USD-M account."""

    market_kind = "binance-perp"
    OFFERS: ClassVar[frozenset[str]] = frozenset(
        {"positions", "balances", "orders", "trades", "movements", "prices", "instruments"}
    )

    async def _load_markets(self) -> Markets:
        shape = self._listed("swap", "future")
        found: Markets = await self._public("fapiPublicGetExchangeInfo", shape=shape)
        return found

    async def _positions(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        at = found.at
        raws = await self._call("fapiPrivateV3GetPositionRisk", shape=rows())

        def parse(raw: Raw) -> Values | None:
            quantity = number(raw, "positionAmt")
            leg = choice(raw, "positionSide", _LEGS)
            if not quantity:
                return None
            return {
                "symbol": markets.of(text(raw, "symbol")).symbol,
                "leg": leg,
                "quantity": quantity,
                "average_price": nonzero(number_or_none(raw, "entryPrice")),
                "margin": number_or_none(raw, "initialMargin"),
                "as_of": at,
            }

        found.read(raws, parse)

    async def _balances(self, _: Ask, found: Gathered) -> None:
        at = found.at
        raws = await self._call("fapiPrivateV3GetBalance", shape=rows())

        def parse(raw: Raw) -> Values | None:
            total = number(raw, "balance")
            if not total:
                return None
            return {
                "currency": self._currency(text(raw, "asset")),
                "wallet": "futures",
                "total": total,
                "free": number_or_none(raw, "availableBalance"),
                "used": None,
                "as_of": at,
            }

        found.read(raws, parse)
        found.symbols = frozenset(self._currency(str(raw.get("asset"))) for raw in raws)
        found.wallets = frozenset({"futures"})

    async def _second_positions(self, ask: Ask, _: frozenset[str]) -> Witness:
        markets = await self.markets()
        shape = there(rows("positions"), "symbol", "positionAmt")
        found = await self._call(_ACCOUNT, shape=shape)
        natives = ((markets.by_id.get(each), each) for each in found)
        return named("account", ask, (each.symbol if each else native for each, native in natives))

    async def _second_balances(self, ask: Ask, _: frozenset[str]) -> Witness:
        shape = there(rows("assets"), "asset", "walletBalance")
        found = await self._call(_ACCOUNT, shape=shape)
        return named("account", ask, map(self._currency, found))

    # Orders

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        if not ask.known:
            raws, algos = await together(
                self._call("fapiPrivateGetOpenOrders", shape=rows()),
                self._call("fapiPrivateGetOpenAlgoOrders", shape=rows()),
            )
            found.read(raws, order_parser(markets))
            found.read(algos, _algo_parser(markets))
        if ask.since is not None:
            known = self._markets_of(ask, markets, found)
            await self._each(known, lambda market: self._closed(market, ask, found))
            found.notes.append(OLD_ORDERS)

    async def _closed(self, market: Market, ask: Ask, found: Gathered) -> None:
        pages = await self._order_pages("fapiPrivateGetAllOrders", market, ask, SPAN)
        found.read(pages, order_parser(await self.markets()))

    async def _order(self, market: Market, order_id: str, found: Gathered) -> None:
        where = {"symbol": market.id, "orderId": order_id}
        raw = await self._call("fapiPrivateGetOrder", where, table(has=("orderId",)))
        found.read([raw], order_parser(await self.markets()))

    # Trades

    async def _trades(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        window = in_millis(found.window)
        if ask.symbols is None:
            active = await self._active(window)
            ask = Ask(ask.records, ask.since, ask.until, active | self.symbols)
        known = self._markets_of(ask, markets, found)
        fills: dict[Market, Pages] = {}
        await self._each(known, lambda market: self._fills_of(market, window, fills))
        # This weighs as much as the fills of ten symbols, and says nothing where there are none.
        forced = await self._forced(window) if any(each.rows for each in fills.values()) else {}
        for market, pages in fills.items():
            found.read(pages, self._fill_parser(market, markets, forced))

    async def _active(self, window: tuple[int, int]) -> frozenset[str]:
        """Symbols with income in the window, or with a position."""
        income, held = await together(
            self._income(window), self._call("fapiPrivateV3GetPositionRisk", shape=rows())
        )
        markets = await self.markets()
        ids = {str(raw.get("symbol")) for raw in [*income, *held]}
        return frozenset(markets.by_id[each].symbol for each in ids if each in markets.by_id)

    async def _forced(self, window: tuple[int, int]) -> dict[str, str]:
        """Order ids of liquidations and auto-deleveraging to what they were."""
        since, until = window

        async def fetch(start: int, end: int) -> list[Any]:
            asked = {"startTime": start, "endTime": end, "limit": 100}
            return await self._call("fapiPrivateGetForceOrders", asked, rows())  # type: ignore[no-any-return]

        pages = await by_window(fetch, order_key, since=since, until=until, span=SPAN, limit=100)
        # Both kinds come together; their client ids are `autoclose-...` and `adl_autoclose`.
        return {
            str(raw.get("orderId")): "adl"
            if str(raw.get("clientOrderId")).startswith("adl")
            else "liquidation"
            for raw in pages.rows
        }

    async def _fills_of(
        self, market: Market, window: tuple[int, int], fills: dict[Market, Pages]
    ) -> None:
        fills[market] = await self._trade_pages("fapiPrivateGetUserTrades", market, window, SPAN)

    def _fill_parser(
        self, market: Market, markets: Markets, forced: Mapping[str, str]
    ) -> Callable[[Raw], Values]:
        def parse(raw: Raw) -> Values:
            order = text_or_none(raw, "orderId")
            fee_currency = text_or_none(raw, "commissionAsset")
            return {
                "symbol": markets.of(text(raw, "symbol")).symbol,
                "trade_id": text(raw, "id"),
                "side": choice(raw, "side", SIDES),
                "order_id": order,
                "quantity": number(raw, "qty"),
                "price": number(raw, "price"),
                "price_currency": market.quote,
                "fee": number_or_none(raw, "commission"),
                "fee_currency": fee_currency and self._currency(fee_currency),
                "timestamp": millis(raw, "time"),
                "leg": choice(raw, "positionSide", _LEGS) if raw.get("positionSide") else "net",
                "wallet": "futures",
                "liquidity": "maker" if raw.get("maker") is True else "taker",
                "exec_type": forced.get(order or "", "trade"),
                "sequence": number(raw, "id"),
            }

        return parse

    # Movements

    async def _movements(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        raws = await self._income(in_millis(found.window))

        def parse(raw: Raw) -> Values | None:
            kind = text(raw, "incomeType")
            if kind not in _INCOME:
                raise BadCell("type", f"incomeType: {kind!r} is unknown here")
            meaning = _INCOME[kind]
            if meaning is None:
                return None
            native = text_or_none(raw, "symbol")
            reference = text_or_none(raw, "tradeId") or text(raw, "tranId")
            return {
                # tranId is unique inside a kind of income only.
                "movement_id": ":".join((kind, text(raw, "tranId"), native or "")),
                "type": meaning,
                "currency": self._currency(text(raw, "asset")),
                "wallet": "futures",
                "symbol": None if native is None else markets.of(native).symbol,
                "amount": number(raw, "income"),
                "reference": reference,
                "timestamp": millis(raw, "time"),
            }

        found.read(raws, parse)
        found.notes.append("commissions are not listed as movements: they stand in their fills")

    async def _income(self, window: tuple[int, int]) -> list[Raw]:
        since, until = window

        async def fetch(start: int, end: int) -> list[Any]:
            asked = {"startTime": start, "endTime": end, "limit": PAGE}
            return await self._call("fapiPrivateGetIncome", asked, rows())  # type: ignore[no-any-return]

        def key(raw: Raw) -> Any:
            names = ("incomeType", "tranId", "symbol", "tradeId", "asset")
            return tuple(str(raw.get(name)) for name in names)

        pages = await by_window(fetch, key, since=since, until=until, span=SPAN, limit=PAGE)
        return pages.rows

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        at = found.at
        raws = await self._public("fapiPublicV2GetTickerPrice", shape=rows())
        found.read(raws, price_parser(markets, at))


def _algo_parser(markets: Markets) -> Any:
    """The parser of conditional orders, which have ids of their own."""

    def parse(raw: Raw) -> Values:
        return {
            "order_id": f"algo-{text(raw, 'algoId')}",
            "client_order_id": text_or_none(raw, "clientAlgoId"),
            "symbol": markets.of(text(raw, "symbol")).symbol,
            "side": choice(raw, "side", SIDES),
            "quantity": number(raw, "quantity"),
            "filled": number(raw, "quantity") * 0,
            "price": nonzero(number_or_none(raw, "price")),
            "average_price": None,
            "status": choice(raw, "algoStatus", _ALGO),
            "created_at": millis_or_none(raw, "createTime"),
            "updated_at": millis_or_none(raw, "updateTime"),
        }

    return parse
