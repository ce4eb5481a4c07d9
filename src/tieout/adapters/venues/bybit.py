"""Bybit, unified account: https://bybit-exchange.github.io/docs/v5/intro.

One wallet pays for everything, so its balance moves by fills of spot and of contracts alike. Each
adapter lists its own trades, and as movements whatever else moved the wallet: the transaction log.
Executions are asked for without a type: liquidations, deleveraging and deliveries are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from tieout.adapters.venues.bybit_words import (
    BYBIT,
    EXECUTIONS,
    FILLS,
    LOG,
    SIDES,
    SPAN,
    execution_key,
    iso,
    log_key,
    one_account,
    order_key,
    order_parser,
    page,
    result_rows,
)
from tieout.adapters.venues.cells import (
    BadCell,
    Raw,
    Values,
    balance,
    choice,
    millis,
    number,
    number_or_none,
    text,
    text_or_none,
)
from tieout.adapters.venues.markets import Market, Markets, listed, price_parser, step
from tieout.adapters.venues.paging import Pages, by_cursor, in_millis
from tieout.adapters.venues.second import named, there
from tieout.adapters.venues.shapes import table
from tieout.adapters.venues.venue import Gathered, VenueFeed, together
from tieout.core.live import Ask, Permissions, Witness

COINS_AT_ONCE: Final = 10
"""Currencies that query-account-coins-balance takes at a time."""


class Bybit(VenueFeed):
    """What spot and contracts have in common.

    Attributes:
        categories: those of its markets. `bodies`: how to ask for all open things of them.
    """

    exchange = "bybit"
    wire = BYBIT
    categories: ClassVar[tuple[str, ...]]

    def _scopes(self) -> list[dict[str, str]]:
        """Parameters that together reach everything of this adapter."""
        return [{"category": category} for category in self.categories]

    async def permissions(self) -> Permissions:
        shape = table("result", has=("readOnly", "permissions"))
        found = await self._call("privateGetV5UserQueryApi", shape=shape)
        held = found["permissions"] if isinstance(found["permissions"], dict) else {}
        writes = str(found["readOnly"]) == "0"
        trading = any(
            held.get(name) for name in ("ContractTrade", "Spot", "Options", "Derivatives")
        )
        return Permissions(
            read=True,
            trade=writes and trading,
            withdraw=writes and "Withdraw" in (held.get("Wallet") or ()),
            expires_at=iso(found.get("expiredAt")),
        )

    async def _load_markets(self) -> Markets:
        parts = await together(*(self._markets_in(each) for each in self.categories))
        return listed(market for part in parts for market in part)

    async def _markets_in(self, category: str) -> list[Market]:
        params = {"category": category}
        if category != "spot":
            params["limit"] = "1000"
        pages = await self._pages(
            "publicGetV5MarketInstrumentsInfo", params, lambda raw: raw.get("symbol"), signed=False
        )
        return [market for raw in pages.rows if (market := self._market(raw, category))]

    def _market(self, raw: Raw, category: str) -> Market | None:
        exchange = self._client.exchange
        try:
            id_, base, quote = (text(raw, name) for name in ("symbol", "baseCoin", "quoteCoin"))
        except BadCell:
            return None
        lot, price = raw.get("lotSizeFilter") or {}, raw.get("priceFilter") or {}
        base, quote = exchange.safe_currency_code(base), exchange.safe_currency_code(quote)
        symbol, settle, kind = f"{base}/{quote}", None, "spot"
        if category != "spot":
            native = text_or_none(raw, "settleCoin") or (
                raw["baseCoin"] if category == "inverse" else raw["quoteCoin"]
            )
            settle = exchange.safe_currency_code("USDC" if native == "USD" else native)
            symbol, kind = f"{symbol}:{settle}", "swap"
            if "Perpetual" not in str(raw.get("contractType")):
                kind = "future"
                symbol = f"{symbol}-{exchange.yymmdd(int(text(raw, 'deliveryTime')))}"
        return Market(
            id=id_,
            symbol=symbol,
            base=base,
            quote=quote,
            kind=kind,
            settle=settle,
            inverse=category == "inverse",  # its contract is worth one unit of the quote currency
            tick=step(price.get("tickSize")),
            lot=step(lot.get("basePrecision" if category == "spot" else "qtyStep")),
            group=category,
        )

    # Balances

    async def _balances(self, _: Ask, found: Gathered) -> None:
        account = await self._call(
            "privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"}, one_account
        )

        def parse(raw: Raw) -> Values | None:
            total = number(raw, "walletBalance")
            if not total:
                return None
            used = number_or_none(raw, "locked")
            currency = self._currency(text(raw, "coin"))
            return balance(currency, "unified", total, None, used, found.at)

        found.read(account, parse)
        found.wallets = frozenset({"unified"})
        if "funding" in self._settings.options.get("wallets", ()):
            await self._funding_wallet(found)
            found.wallets |= {"funding"}
        found.notes.append("the venue lists currencies with a balance only")

    async def _second_balances(self, ask: Ask, names: frozenset[str]) -> Witness | None:
        coins = sorted(names)
        if not coins or "funding" in self._settings.options.get("wallets", ()):
            return None  # of the unified wallet it answers by currency only
        shape = there(result_rows("balance"), "coin", "walletBalance")
        found: list[str] = []
        for start in range(0, len(coins), COINS_AT_ONCE):
            wanted = ",".join(coins[start : start + COINS_AT_ONCE])
            where = {"accountType": "UNIFIED", "coin": wanted}
            found += await self._call(
                "privateGetV5AssetTransferQueryAccountCoinsBalance", where, shape
            )
        return named("query-account-coins-balance", ask, map(self._currency, found))

    async def _funding_wallet(self, found: Gathered) -> None:
        raws = await self._call(
            "privateGetV5AssetTransferQueryAccountCoinsBalance",
            {"accountType": "FUND"},
            result_rows("balance"),
        )

        def parse(raw: Raw) -> Values | None:
            total = number(raw, "walletBalance")
            currency = self._currency(text(raw, "coin"))
            free = number_or_none(raw, "transferBalance")
            return balance(currency, "funding", total, free, None, found.at) if total else None

        found.read(raws, parse)

    # Orders

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        parts = [
            self._pages("privateGetV5OrderRealtime", {**scope, "limit": 50}, order_key)
            for scope in self._scopes()
        ]
        if ask.since is not None:
            window = in_millis((ask.since, ask.until or self._client.now()))
            parts += [
                self._windows("privateGetV5OrderHistory", scope, window, order_key, 50)
                for scope in self._categories()
            ]
            found.notes.append("orders from before the window that ended in it are not listed")
        for pages in await together(*parts):
            found.read(pages, order_parser(markets))

    def _categories(self) -> list[dict[str, str]]:
        return [{"category": category} for category in self.categories]

    # Trades

    async def _trades(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        window = in_millis(found.window)
        parts = await together(
            *(
                self._windows("privateGetV5ExecutionList", scope, window, execution_key, 100)
                for scope in self._categories()
            )
        )
        await self._learn_modes(
            markets, {str(row.get("symbol")) for page in parts for row in page.rows}
        )
        for pages in parts:
            found.read(pages, self._trade_parser(markets))

    async def _learn_modes(self, markets: Markets, natives: set[str]) -> None:
        """Find out which contracts have a leg for each side, of those that were traded."""

    def _leg(self, raw: Raw, market: Market) -> str | None:  # noqa: ARG002
        """The leg of the position that a fill changed; None on spot."""
        return None

    def _trade_parser(self, markets: Markets) -> Callable[[Raw], Values | None]:
        def parse(raw: Raw) -> Values | None:
            kind = text(raw, "execType")
            if kind not in EXECUTIONS:
                raise BadCell("exec_type", f"execType: {kind!r} is unknown here")
            meaning = EXECUTIONS[kind]
            if meaning is None:
                return None
            market = markets.of(text(raw, "symbol"))
            fee_code = text_or_none(raw, "feeCurrency") or text_or_none(raw, "feeCoin")
            return {
                "symbol": market.symbol,
                "trade_id": text(raw, "execId"),
                "side": choice(raw, "side", SIDES),
                "order_id": text_or_none(raw, "orderId"),
                "client_order_id": text_or_none(raw, "orderLinkId"),
                "quantity": number(raw, "execQty"),
                "price": number(raw, "execPrice"),
                "price_currency": market.quote,
                "fee": number_or_none(raw, "execFee"),
                # Of a contract it is charged in what the contract settles in.
                "fee_currency": self._currency(fee_code) if fee_code else market.settle,
                "timestamp": millis(raw, "execTime"),
                "leg": self._leg(raw, market),
                "wallet": "unified",
                "liquidity": "maker" if raw.get("isMaker") is True else "taker",
                "exec_type": meaning,
                "sequence": number_or_none(raw, "seq"),
            }

        return parse

    # Movements

    async def _movements(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        pages = await self._windows(
            "privateGetV5AccountTransactionLog",
            {"accountType": "UNIFIED"},
            in_millis(found.window),
            log_key,
            50,
        )
        found.read(pages, self._log_parser(markets))
        found.notes.append(
            "fees of fills stand in the fills; fills of other categories are settlements here"
        )

    def _log_parser(self, markets: Markets) -> Callable[[Raw], Values | None]:
        def parse(raw: Raw) -> Values | None:
            kind, category = text(raw, "type"), text_or_none(raw, "category")
            native = text_or_none(raw, "symbol")
            market = None
            meaning, amount = LOG.get(kind, "correction"), number(raw, "change")
            if native is not None and category in self.categories:
                market = markets.of(native)
            if kind in FILLS:
                meaning = "settlement"
                if category in self.categories:
                    # The fill says what it cost; what is left is the realised PnL.
                    if category == "spot":
                        return None
                    amount = number_or_none(raw, "cashFlow") or Decimal(0)
            elif kind == "SETTLEMENT" and not text_or_none(raw, "funding"):
                meaning = "settlement"
            if not amount:
                return None
            return {
                "movement_id": ":".join(map(str, log_key(raw))),
                "type": meaning,
                "currency": self._currency(text(raw, "currency")),
                "wallet": "unified",
                "symbol": None if market is None else market.symbol,
                "amount": amount,
                "reference": text_or_none(raw, "tradeId") or text_or_none(raw, "orderId"),
                "timestamp": millis(raw, "transactionTime"),
            }

        return parse

    # Prices

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()

        async def one(category: str) -> None:
            raws = await self._public(
                "publicGetV5MarketTickers", {"category": category}, result_rows("list")
            )
            found.read(raws, price_parser(markets, found.at, "lastPrice"))

        await self._each([each for each in self.categories if each != "inverse"], one)

    # Inside

    async def _pages(
        self,
        endpoint: str,
        params: Mapping[str, Any],
        key: Callable[[Raw], Any],
        *,
        signed: bool = True,
    ) -> Pages:
        """All pages of a list that has a cursor."""
        ask = self._call if signed else self._public

        async def fetch(cursor: str | None) -> tuple[list[Any], str | None]:
            sent = dict(params) if cursor is None else {**params, "cursor": cursor}
            rows, following = await ask(endpoint, sent, page)
            # The last page may name a cursor as well, behind which there is nothing.
            return rows, following if rows else None

        return await by_cursor(fetch, key)

    async def _windows(
        self,
        endpoint: str,
        params: Mapping[str, Any],
        window: tuple[int, int],
        key: Callable[[Raw], Any],
        limit: int,
    ) -> Pages:
        """All pages of all windows; both ends of each are inclusive."""
        since, until = window
        pages = Pages(key)
        for start in range(since, until + 1, SPAN):
            times = {"startTime": start, "endTime": min(start + SPAN - 1, until), "limit": limit}
            part = await self._pages(endpoint, {**params, **times}, key)
            pages.add(part.rows)
        return pages

    def _currency(self, code: str) -> str:
        return str(self._client.exchange.safe_currency_code(code))


class BybitSpot(Bybit):
    """Spot trading of a unified account."""

    market_kind = "bybit-spot"
    categories = ("spot",)
    OFFERS: ClassVar[frozenset[str]] = frozenset(
        {"balances", "orders", "trades", "movements", "prices", "instruments"}
    )
