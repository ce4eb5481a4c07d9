"""Kraken spot and spot margin: https://docs.kraken.com/api/docs/rest-api.

Trades name their fee in the quote currency, whatever it was charged in: the ledger knows better,
and is asked as well. Balances come in buckets (`.F` earn, `.S` staked), which stay apart. Lists
have 50 rows a page, by offset. Signed requests go out one at a time, with rising nonces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

from tieout.adapters.venues.cells import (
    BadCell,
    Raw,
    Values,
    balance,
    choice,
    nonzero,
    number,
    number_or_none,
    seconds,
    text,
    text_or_none,
)
from tieout.adapters.venues.classify import Action
from tieout.adapters.venues.kraken_words import (
    BUCKETS,
    EARNED,
    KRAKEN,
    LEDGER,
    SECOND,
    SIDES,
    STATUSES,
    WALLETS,
    balances,
    by_id,
    counted,
    exec_type,
    fees_by_trade,
    last_prices,
    net_position,
    on_margin,
    one_row_a_wallet,
    open_positions,
    seconds_around,
)
from tieout.adapters.venues.markets import Market, Markets, listed, price_parser, step
from tieout.adapters.venues.paging import Pages, by_offset
from tieout.adapters.venues.second import named, summed, there
from tieout.adapters.venues.shapes import table, tables_by_key
from tieout.adapters.venues.venue import Gathered, VenueFeed
from tieout.core.live import Ask, Permissions, Witness
from tieout.core.money import add, quotient, subtract
from tieout.errors import VenueRefused, VenueUnsupported


class Kraken(VenueFeed):
    """What spot and margin have in common: one account, one ledger.

    Attributes:
        margin: whether trades and orders on margin are its own, or those without.
    """

    exchange = "kraken"
    wire = KRAKEN
    market_kind = "kraken"
    margin: ClassVar[bool]

    async def permissions(self) -> Permissions:
        """By the endpoint that names them; what it does not say, or says otherwise, is None."""
        try:
            found = await self._call("privatePostGetApiKeyInfo", shape=table("result"))
        except VenueUnsupported:
            return Permissions()
        except VenueRefused as refused:
            if refused.code is not None and KRAKEN.action_of(refused.code) is Action.DENY:
                return Permissions()  # the key is good, but may not ask that
            raise
        held = found.get("permissions")
        if not isinstance(held, list) or not all(isinstance(each, str) for each in held):
            return Permissions()
        until = text_or_none(found, "valid_until")
        return Permissions(
            read=any(each.startswith("query") for each in held),
            trade=any(each in held for each in ("modify-trades", "close-trades", "create-orders")),
            withdraw="withdraw-funds" in held,
            expires_at=int(until) * SECOND if until and until.isdecimal() and int(until) else None,
        )

    async def _load_markets(self) -> Markets:
        found: Markets = await self._public("publicGetAssetPairs", shape=self._listed)
        return found

    def _listed(self, data: Any) -> Markets:
        pairs = tables_by_key("result")(data)
        markets = {id_: self._market(id_, raw) for id_, raw in pairs.items()}
        found = listed(market for market in markets.values() if market is not None)
        for id_, market in markets.items():
            if market is not None:
                # Orders and consolidated positions call it by one of the other names.
                for name in ("altname", "wsname"):
                    found.alias(str(pairs[id_].get(name)), market)
        return found

    def _market(self, id_: str, raw: Raw) -> Market | None:
        if raw.get("base") is None or raw.get("quote") is None:
            return None
        base, _ = self._asset(str(raw["base"]))
        quote, _ = self._asset(str(raw["quote"]))
        lot = raw.get("lot_decimals")
        return Market(
            id=id_,
            # Synthetic pairs have their own id for a symbol, as in ccxt.
            symbol=id_ if ":" in id_ else f"{base}/{quote}",
            base=base,
            quote=quote,
            tick=step(raw.get("tick_size")),
            lot=Decimal((0, (1,), -lot)) if isinstance(lot, int) else None,
        )

    # Orders

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        raws = await self._call("privatePostOpenOrders", shape=by_id("open"))
        found.read(raws, self._order_parser(markets))
        if ask.since is not None:
            window = seconds_around((ask.since, ask.until or self._client.now()))
            pages = await self._pages(
                "privatePostClosedOrders", "closed", {**window, "closetime": "close"}
            )
            found.read(pages, self._order_parser(markets))

    def _order_parser(self, markets: Markets) -> Callable[[Raw], Values | None]:
        def parse(raw: Raw) -> Values | None:
            said = raw.get("descr")
            if not isinstance(said, dict):
                raise BadCell("descr", "descr is absent")
            if (text_or_none(said, "leverage") not in (None, "none")) is not self.margin:
                return None
            status, filled = choice(raw, "status", STATUSES), number(raw, "vol_exec")
            if status == "open" and filled:
                status = "partially_filled"
            quantity = number(raw, "vol")
            if "viqc" in str(raw.get("oflags")):  # the volume counts the quote currency
                quantity = filled
            kind = text(said, "ordertype")
            limit = "price2" if kind.endswith("-limit") else "price" if kind == "limit" else ""
            closed = number_or_none(raw, "closetm")
            return {
                "order_id": text(raw, "id"),
                # `userref` is a label for a group of orders, and 0 where nobody gave one.
                "client_order_id": text_or_none(raw, "cl_ord_id"),
                "symbol": markets.of(text(said, "pair")).symbol,
                "side": choice(said, "type", SIDES),
                "quantity": quantity,
                "filled": filled,
                "price": nonzero(number_or_none(said, limit)) if limit else None,
                "average_price": nonzero(number_or_none(raw, "price")),
                "status": status,
                "created_at": seconds(raw, "opentm"),
                "updated_at": seconds(raw, "closetm") if closed else seconds(raw, "opentm"),
            }

        return parse

    # Trades

    async def _trades(self, _: Ask, found: Gathered) -> None:
        assert found.window is not None
        markets = await self.markets()
        # One after the other: these two are what the venue's limit counts most.
        pages = await self._pages(
            "privatePostTradesHistory", "trades", seconds_around(found.window)
        )
        fees = fees_by_trade((await self._ledger(found.window)).rows)
        found.read(pages, self._trade_parser(markets, fees))

    def _trade_parser(
        self, markets: Markets, fees: Mapping[str, list[Raw]]
    ) -> Callable[[Raw], Values | None]:
        def parse(raw: Raw) -> Values | None:
            if on_margin(raw) is not self.margin:
                return None
            id_ = text(raw, "id")
            market = markets.of(text(raw, "pair"))
            fee, currency = self._fee(fees.get(id_, []), market)
            return {
                "symbol": market.symbol,
                "trade_id": id_,
                "side": choice(raw, "type", SIDES),
                "order_id": text_or_none(raw, "ordertxid"),
                "quantity": number(raw, "vol"),
                "price": number(raw, "price"),
                "price_currency": market.quote,
                "fee": fee,
                "fee_currency": currency,
                "timestamp": seconds(raw, "time"),
                # On margin a spot pair has a position; it says so by its leg.
                "leg": "net" if self.margin else None,
                "wallet": "spot",
                "liquidity": None
                if raw.get("maker") is None
                else "maker"
                if raw["maker"] is True
                else "taker",
                "exec_type": exec_type(text_or_none(raw, "ordertype") or ""),
                "sequence": number_or_none(raw, "trade_id"),
            }

        return parse

    def _fee(self, ledger: list[Raw], market: Market) -> tuple[Decimal | None, str | None]:
        """What the ledger says a trade cost; not known where the ledger does not have it yet."""
        if not ledger:
            return None, None
        paid = [raw for raw in ledger if number(raw, "fee")]
        if not paid:
            return Decimal(0), market.quote
        currencies = {self._asset(text(raw, "asset"))[0] for raw in paid}
        if len(currencies) > 1:
            raise BadCell("fee", f"its fee is in {' and '.join(sorted(currencies))}")
        total = Decimal(0)
        for raw in paid:
            total = add(total, number(raw, "fee"))
        return total, currencies.pop()

    # Movements

    async def _movements(self, _: Ask, found: Gathered) -> None:
        assert found.window is not None
        pages = await self._ledger(found.window)
        found.read(pages, self._moved)
        found.read(pages.rows, self._charged)
        found.notes.append("fees of trades stand in the trades")

    def _moved(self, raw: Raw) -> Values | None:
        kind, amount = text(raw, "type"), number(raw, "amount")
        if not self._is_own(kind) or not amount:
            return None
        meaning = LEDGER.get(kind, "correction")
        if kind == "earn":
            meaning = "interest" if text_or_none(raw, "subtype") in EARNED else "transfer"
        return self._movement(raw, text(raw, "id"), meaning, amount)

    def _charged(self, raw: Raw) -> Values | None:
        kind, fee = text(raw, "type"), number(raw, "fee")
        # The fee of a trade on margin stands in the trade, where that is listed.
        if not self._is_own(kind) or not fee or (kind == "margin" and self.margin):
            return None
        return self._movement(raw, f"{text(raw, 'id')}:fee", "fee", fee.copy_negate())

    def _is_own(self, kind: str) -> bool:
        return kind in ("margin", "rollover", "settled") if self.margin else kind != "trade"

    def _movement(self, raw: Raw, id_: str, meaning: str, amount: Decimal) -> Values:
        currency, wallet = self._asset(text(raw, "asset"))
        return {
            "movement_id": id_,
            "type": meaning,
            "currency": currency,
            "wallet": wallet,
            "amount": amount,
            "reference": text_or_none(raw, "refid"),
            "timestamp": seconds(raw, "time"),
        }

    # Prices

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        found.read(
            await self._public("publicGetTicker", shape=last_prices),
            price_parser(markets, found.at),
        )

    # Inside

    async def _ledger(self, window: tuple[int, int]) -> Pages:
        return await self._pages("privatePostLedgers", "ledger", seconds_around(window))

    async def _pages(self, endpoint: str, name: str, params: Mapping[str, Any]) -> Pages:
        async def fetch(offset: int) -> tuple[list[Any], int]:
            sent = {**params, "ofs": offset}
            return await self._call(endpoint, sent, counted(name))  # type: ignore[no-any-return]

        return await by_offset(fetch, lambda raw: raw["id"])

    def _asset(self, native: str) -> tuple[str, str]:
        """The currency that Kraken calls `XXBT` or `XBT.F`, and the wallet that it is in."""
        code = str(self._client.exchange.safe_currency_code(native))
        currency, _, bucket = code.partition(".")
        return currency, BUCKETS.get(bucket, bucket.lower()) if bucket else "spot"


class KrakenSpot(Kraken):
    """Balances, and what is traded without margin."""

    margin = False
    OFFERS: ClassVar[frozenset[str]] = frozenset(
        {"balances", "orders", "trades", "movements", "prices", "instruments"}
    )

    async def _balances(self, _: Ask, found: Gathered) -> None:
        raws = await self._call("privatePostBalanceEx", shape=by_id())

        def parse(raw: Raw) -> Values | None:
            currency, wallet = self._asset(text(raw, "id"))
            total, held = number(raw, "balance"), number_or_none(raw, "hold_trade") or Decimal(0)
            if not total:
                return None
            return balance(currency, wallet, total, subtract(total, held), held, found.at)

        # Several buckets may be one wallet (`.F` and `.M`): these are added up.
        found.read(one_row_a_wallet(raws, lambda raw: self._asset(str(raw["id"]))), parse)
        # An answer tells of every bucket. One of another name is known by having been there.
        seen: set[str] = self._client.markets.setdefault("buckets", set())
        seen.update(str(each.values["wallet"]) for each in found.rows.records)
        found.wallets = WALLETS | seen

    async def _second_balances(self, ask: Ask, _: frozenset[str]) -> Witness:
        found = await self._call("privatePostBalance", shape=there(balances, "id", "balance"))
        return named("Balance", ask, (self._asset(each)[0] for each in found))


class KrakenMargin(Kraken):
    """Positions on margin, and the trades that make them. Balances are those of `kraken_spot`."""

    margin = True
    OFFERS: ClassVar[frozenset[str]] = frozenset(
        {"positions", "orders", "trades", "movements", "prices", "instruments"}
    )

    async def _positions(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        raws = await self._call("privatePostOpenPositions", shape=open_positions)
        lots: dict[str, list[Raw]] = defaultdict(list)
        for raw in raws:
            lots[str(raw.get("pair"))].append(raw)

        def parse(raw: Raw) -> Values | None:
            market = markets.of(text(raw, "pair"))
            quantity, cost, margin = net_position(raw["lots"])
            if not quantity:
                return None
            price = abs(cost / Fraction(quantity))
            return {
                "symbol": market.symbol,
                "leg": "net",
                "quantity": quantity,
                "average_price": quotient(Decimal(price.numerator), Decimal(price.denominator)),
                "margin": margin,
                "as_of": found.at,
            }

        found.read([{"pair": pair, "lots": each} for pair, each in lots.items()], parse)

    async def _second_positions(self, ask: Ask, _: frozenset[str]) -> Witness | None:
        # The margin that open positions use.
        used = there(lambda data: [{**table("result")(data), "id": "margin"}], "id", "m")
        found = await self._call("privatePostTradeBalance", shape=used)
        return summed("TradeBalance", ask, found)
