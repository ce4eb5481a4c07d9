"""Binance spot: https://developers.binance.com/docs/binance-spot-api-docs/rest-api and its wallet.

Trades and closed orders are given by symbol only. A fee is charged in whatever currency the fill
says, often BNB. Balances are those of the spot wallet; the funding wallet is asked for where
`wallets:` names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tieout.adapters.venues.binance_words import (
    BINANCE,
    DAY,
    DEPOSITED,
    OLD_ORDERS,
    PAGE,
    TRANSFERS,
    UNDERWAY,
    WALLET_SPAN,
    WITHDRAWN,
    movement,
    numbered,
    order_key,
    order_parser,
    total_rows,
    utc,
)
from tieout.adapters.venues.cells import (
    BadCell,
    Raw,
    Values,
    balance,
    millis,
    millis_or_none,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.markets import Market, Markets, listed, market_of, price_parser
from tieout.adapters.venues.paging import Pages, by_window, by_window_and_id, in_millis
from tieout.adapters.venues.second import named, there
from tieout.adapters.venues.shapes import Shape, rows, table
from tieout.adapters.venues.venue import Gathered, VenueFeed, together
from tieout.core.live import Ask, Permissions, Witness
from tieout.core.money import add


class Binance(VenueFeed):
    """What spot and USD-M have in common."""

    exchange = "binance"
    orders_by_symbol = True
    wire = BINANCE

    async def permissions(self) -> Permissions:
        found = await self._call(
            "sapiGetAccountApiRestrictions", shape=table(has=("enableReading",))
        )
        trading = [
            found.get(name)
            for name in ("enableSpotAndMarginTrading", "enableFutures", "enableMargin")
        ]
        return Permissions(
            read=found["enableReading"] is True,
            trade=None if trading == [None] * 3 else True in trading,
            withdraw=found.get("enableWithdrawals"),
            expires_at=millis_or_none(found, "tradingAuthorityExpirationTime"),
        )

    def _listed(self, *kinds: str) -> Shape:
        """The markets of these kinds, of the answer that lists all."""

        def shape(data: Any) -> Markets:
            unified = [self._client.exchange.parse_market(raw) for raw in rows("symbols")(data)]
            return listed(market_of(each) for each in unified if each and each["type"] in kinds)

        return shape

    async def _order_pages(self, endpoint: str, market: Market, ask: Ask, span: int) -> Pages:
        """One symbol's orders of a window, open or not."""
        since, until = in_millis((ask.since or 0, ask.until or self._client.now()))

        async def fetch(start: int, end: int) -> list[Any]:
            window = {"symbol": market.id, "startTime": start, "endTime": end, "limit": PAGE}
            return await self._call(endpoint, window, rows())  # type: ignore[no-any-return]

        return await by_window(fetch, order_key, since=since, until=until, span=span, limit=PAGE)

    async def _trade_pages(
        self, endpoint: str, market: Market, window: tuple[int, int], span: int
    ) -> Pages:
        """One symbol's trades inside a window: by time first, then by id."""
        since, until = window

        async def ask(params: Mapping[str, Any]) -> list[Any]:
            sent = {"symbol": market.id, "limit": PAGE, **params}
            return await self._call(endpoint, sent, numbered)  # type: ignore[no-any-return]

        return await by_window_and_id(
            lambda start, end: ask({"startTime": start, "endTime": end}),
            lambda first: ask({"fromId": first}),
            lambda raw: int(raw["id"]),
            lambda raw: int(raw["time"]),
            lambda raw: (raw["id"], raw.get("side"), raw.get("isBuyer")),
            since=since,
            until=until,
            span=span,
            limit=PAGE,
        )

    def _currency(self, code: str) -> str:
        return str(self._client.exchange.safe_currency_code(code))

    def _code(self, raw: Raw, name: str) -> str | None:
        code = text_or_none(raw, name)
        return None if code is None else self._currency(code)


class BinanceSpot(Binance):
    """A spot account."""

    market_kind = "binance-spot"
    OFFERS: ClassVar[frozenset[str]] = frozenset(
        {"balances", "orders", "trades", "movements", "prices", "instruments"}
    )

    async def _load_markets(self) -> Markets:
        found: Markets = await self._public("publicGetExchangeInfo", shape=self._listed("spot"))
        return found

    # Balances

    async def _balances(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        traded = {name for market in markets for name in (market.base, market.quote)}
        at = found.at
        account = await self._call("privateGetAccount", shape=rows("balances"))

        def parse(raw: Raw) -> Values | None:
            currency, wallet = self._currency(text(raw, "asset")), "spot"
            if currency.startswith("LD") and currency not in traded and currency[2:] in traded:
                # Flexible earn products stand among the spot balances, under such a name.
                currency, wallet = currency[2:], "earn"
            free, locked = number(raw, "free"), number(raw, "locked")
            total = add(free, locked)
            return balance(currency, wallet, total, free, locked, at) if total else None

        found.read(account, parse)
        found.symbols = frozenset(self._currency(str(raw.get("asset"))) for raw in account)
        # Earn products are among them where there are any; nobody says that these are all.
        found.wallets = frozenset(
            {"spot", *(str(each.values["wallet"]) for each in found.rows.records)}
        )
        if "funding" in self._settings.options.get("wallets", ()):
            await self._funding_wallet(found)
            found.wallets |= {"funding"}

    async def _second_balances(self, ask: Ask, _: frozenset[str]) -> Witness | None:
        if "funding" in self._settings.options.get("wallets", ()):
            return None  # it does not know that wallet
        shape = there(rows(), "asset", "free", "locked")
        found = await self._call("sapiV3PostAssetGetUserAsset", shape=shape)
        return named("getUserAsset", ask, map(self._currency, found))

    async def _funding_wallet(self, found: Gathered) -> None:
        at = found.at
        raws = await self._call("sapiPostAssetGetFundingAsset", shape=rows())

        def parse(raw: Raw) -> Values | None:
            free = number(raw, "free")
            used = add(number(raw, "locked"), number_or_none(raw, "freeze") or free * 0)
            used = add(used, number_or_none(raw, "withdrawing") or free * 0)
            total = add(free, used)
            currency = self._currency(text(raw, "asset"))
            return balance(currency, "funding", total, free, used, at) if total else None

        found.read(raws, parse)

    # Orders

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        if ask.since is None and ask.symbols is None:
            raws = await self._call("privateGetOpenOrders", shape=rows())
            found.read(raws, order_parser(markets))
            return
        known = self._markets_of(ask, markets, found)
        await self._each(known, lambda market: self._orders_of(market, ask, found))

    async def _orders_of(self, market: Market, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        if not ask.known:  # whatever is open now belongs to the answer, however old it is
            still = await self._call("privateGetOpenOrders", {"symbol": market.id}, rows())
            found.read(still, order_parser(markets))
        if ask.since is not None:
            pages = await self._order_pages("privateGetAllOrders", market, ask, DAY)
            found.read(pages, order_parser(markets))
            found.notes.append(OLD_ORDERS)

    async def _order(self, market: Market, order_id: str, found: Gathered) -> None:
        where = {"symbol": market.id, "orderId": order_id}
        raw = await self._call("privateGetOrder", where, table(has=("orderId",)))
        found.read([raw], order_parser(await self.markets()))

    # Trades

    async def _trades(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        known = self._markets_of(ask, markets, found)
        window = in_millis(found.window)
        await self._each(known, lambda market: self._trades_of(market, window, found))

    async def _trades_of(self, market: Market, window: tuple[int, int], found: Gathered) -> None:
        pages = await self._trade_pages("privateGetMyTrades", market, window, DAY)
        markets = await self.markets()

        def parse(raw: Raw) -> Values:
            if not isinstance(raw.get("isBuyer"), bool):
                raise BadCell("side", "isBuyer is absent")
            return {
                "symbol": markets.of(text(raw, "symbol")).symbol,
                "trade_id": text(raw, "id"),
                "side": "buy" if raw["isBuyer"] else "sell",
                "order_id": text_or_none(raw, "orderId"),
                "quantity": number(raw, "qty"),
                "price": number(raw, "price"),
                "price_currency": market.quote,
                "fee": number_or_none(raw, "commission"),
                "fee_currency": self._code(raw, "commissionAsset"),
                "timestamp": millis(raw, "time"),
                "wallet": "spot",
                "liquidity": "maker" if raw.get("isMaker") is True else "taker",
                "exec_type": "trade",
                "sequence": number(raw, "id"),
            }

        found.read(pages, parse)

    # Movements

    async def _movements(self, _: Ask, found: Gathered) -> None:
        await together(
            self._deposits(found),
            self._withdrawals(found),
            self._dividends(found),
            *(self._transfers(kind, found) for kind in TRANSFERS),
        )
        found.notes.append(
            "conversions (also of dust), fiat payments, P2P, Pay and transfers between accounts "
            "(sub-accounts) are not listed as movements"
        )

    async def _deposits(self, found: Gathered) -> None:
        pages = await self._wallet_pages(
            "sapiGetCapitalDepositHisrec",
            found,
            rows(),
            lambda raw: (raw.get("id"), raw["txId"]),
            before=UNDERWAY,
        )

        def parse(raw: Raw) -> Values | None:
            if text(raw, "status") not in DEPOSITED:
                return None
            id_ = text_or_none(raw, "id") or text(raw, "txId")
            when = millis_or_none(raw, "completeTime") or millis(raw, "insertTime")
            return movement(
                f"deposit:{id_}",
                "transfer",
                self._code(raw, "coin"),
                number(raw, "amount"),
                when,
                text_or_none(raw, "txId"),
            )

        found.read(pages, parse)

    async def _withdrawals(self, found: Gathered) -> None:
        pages = await self._wallet_pages(
            "sapiGetCapitalWithdrawHistory", found, rows(), lambda raw: raw["id"]
        )

        def parse(raw: Raw) -> Values | None:
            if text(raw, "status") not in WITHDRAWN:
                return None
            # The amount is what arrives; the network's fee is taken beside it.
            return movement(
                f"withdrawal:{text(raw, 'id')}",
                "transfer",
                self._code(raw, "coin"),
                number(raw, "amount").copy_negate(),
                utc(raw, "applyTime"),
                text_or_none(raw, "txId"),
            )

        def fee(raw: Raw) -> Values | None:
            paid = number_or_none(raw, "transactionFee")
            if not paid or text(raw, "status") not in WITHDRAWN:
                return None
            return movement(
                f"withdrawal-fee:{text(raw, 'id')}",
                "fee",
                self._code(raw, "coin"),
                paid.copy_negate(),
                utc(raw, "applyTime"),
                text_or_none(raw, "txId"),
            )

        found.read(pages, parse)
        found.read(pages.rows, fee)

    async def _dividends(self, found: Gathered) -> None:
        pages = await self._wallet_pages(
            "sapiGetAssetAssetDividend", found, total_rows, lambda raw: raw["id"], limit=500
        )

        def parse(raw: Raw) -> Values:
            return movement(
                f"dividend:{text(raw, 'id')}",
                "interest",
                self._code(raw, "asset"),
                number(raw, "amount"),
                millis(raw, "divTime"),
                text_or_none(raw, "tranId"),
            )

        found.read(pages, parse)

    async def _transfers(self, kind: str, found: Gathered) -> None:
        pages = await self._wallet_pages(
            "sapiGetAssetTransfer",
            found,
            total_rows,
            lambda raw: raw["tranId"],
            limit=100,
            extra={"type": kind},
        )

        def parse(raw: Raw) -> Values | None:
            if text(raw, "status") == "FAILED":
                return None
            amount = number(raw, "amount")
            return movement(
                f"transfer:{text(raw, 'tranId')}",
                "transfer",
                self._code(raw, "asset"),
                amount if TRANSFERS[kind] > 0 else amount.copy_negate(),
                millis(raw, "timestamp"),
                text_or_none(raw, "tranId"),
            )

        found.read(pages, parse)

    async def _wallet_pages(
        self,
        endpoint: str,
        found: Gathered,
        shape: Any,
        key: Any,
        *,
        limit: int = PAGE,
        extra: Mapping[str, Any] | None = None,
        before: int = 0,
    ) -> Pages:
        """A list of the wallet, of the window and of the milliseconds `before` it."""
        since, until = in_millis(found.window)
        since = max(0, since - before)
        name = "size" if endpoint == "sapiGetAssetTransfer" else "limit"

        async def fetch(start: int, end: int) -> list[Any]:
            window = {"startTime": start, "endTime": end, name: limit, **(extra or {})}
            return await self._call(endpoint, window, shape)  # type: ignore[no-any-return]

        def safe_key(raw: Raw) -> Any:
            try:
                return key(raw)
            except KeyError:
                return repr(raw)

        return await by_window(
            fetch, safe_key, since=since, until=until, span=WALLET_SPAN, limit=limit
        )

    # Prices

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        raws = await self._public("publicGetTickerPrice", shape=rows())
        found.read(raws, price_parser(markets, found.at))
