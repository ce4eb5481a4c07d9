"""Bitget spot, of a classic account or a unified one (UTA).

1. ccxt asks before every question which kind of account it is, and takes an error for "classic".
   Here it is said: `options: {uta: true}`. The venue refuses questions for the other kind.
2. Fills of a classic account are given by symbol only; 100 a reply, 90 days back.
3. A fee is stated as what it takes: negative. Here a cost is positive.

Rules: bitget.com/api-doc, `v2/spot` and `v3`.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from tieout.adapters.venues.bitget_rows import (
    UNIFIED,
    ledger_kind,
    order,
    trade,
    uta_order,
    uta_trade,
)
from tieout.adapters.venues.cells import MILLI, Raw, Values, millis, number, number_or_none, text
from tieout.adapters.venues.classify import Action, Misshapen, Wire
from tieout.adapters.venues.forms import digits, held, moved
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.paging import Pages, Stalled, by_window, in_millis
from tieout.adapters.venues.second import summed, there
from tieout.adapters.venues.shapes import rows, rows_at
from tieout.adapters.venues.spot import SpotFeed
from tieout.adapters.venues.venue import Gathered
from tieout.core.entries import Conventions
from tieout.core.live import Ask, Witness
from tieout.core.money import add

DAY: Final = 86_400_000
"""Milliseconds."""
PAGE: Final = 100
BILLS_A_PAGE: Final = 500
KEPT: Final = 90 * DAY


def _code(data: Any) -> tuple[str, str] | None:
    if isinstance(data, dict) and isinstance(data.get("code"), str) and data["code"] != "00000":
        return data["code"], str(data.get("msg") or "")
    return None


def _envelope(data: Any) -> str | None:
    if not isinstance(data, dict) or data.get("code") != "00000":
        return "it does not say that all is well (code 00000)"
    return None if "data" in data else "it has no data"


class BitgetSpot(SpotFeed):
    """A spot account at Bitget."""

    exchange = "bitget"
    wire: ClassVar[Wire] = Wire(
        "bitget",
        code_of=_code,
        envelope=_envelope,
        codes={
            **dict.fromkeys(
                ("40001", "40002", "40003", "40006", "40009", "40011", "40012"), Action.STOP
            ),
            **dict.fromkeys(("40018", "40036", "40037", "40038", "40041"), Action.STOP),
            "40014": Action.DENY,
            "40005": Action.CLOCK,
            "40008": Action.CLOCK,
            **dict.fromkeys(("40010", "40015", "40725", "45001"), Action.RETRY),
            **dict.fromkeys(("429", "30007", "40200"), Action.WAIT),
            "40404": Action.UNSUPPORTED,
        },
        clock=("publicCommonGetV2PublicTime", lambda data: int(data["data"]["serverTime"])),
    )

    @property
    def _uta(self) -> bool:
        return self._settings.options.get("uta") is True

    @property
    def _wallet(self) -> str:
        return UNIFIED if self._uta else "spot"

    @property
    def conventions(self) -> Conventions:
        """Which wallet a record is about that names none: the venue's name does not tell."""
        return Conventions(UNIFIED, UNIFIED) if self._uta else Conventions()

    async def _load_markets(self) -> Markets:
        def read(raw: Raw) -> Market:
            return self._pair(
                str(raw["symbol"]),
                str(raw["baseCoin"]),
                str(raw["quoteCoin"]),
                tick=digits(raw, "pricePrecision"),
                lot=digits(raw, "quantityPrecision"),
            )

        shape = self._pairs(read, "data")
        found: Markets = await self._public("publicSpotGetV2SpotPublicSymbols", shape=shape)
        return found

    # Balances

    async def _balances(self, _: Ask, found: Gathered) -> None:
        at = self._client.now()
        found.wallets = frozenset({self._wallet})
        if self._uta:
            assets = await self._call("privateUtaGetV3AccountAssets", shape=_assets)
            found.read(assets, lambda raw: self._unified(raw, at))
            return
        where = {"assetType": "all"}
        coins = await self._call("privateSpotGetV2SpotAccountAssets", where, rows("data"))

        def parse(raw: Raw) -> Values:
            used = add(number(raw, "frozen"), number(raw, "locked"))
            return held(self._code(text(raw, "coin")), number(raw, "available"), used, at)

        found.read(coins, parse)
        found.notes.append("balances are those of the spot account: not of Earn, margin, futures")

    async def _second_balances(self, ask: Ask, _: frozenset[str]) -> Witness | None:
        if self._uta:
            return None
        # An estimate in USDT.
        shape = there(_spot_account, "accountType", "usdtBalance")
        found = await self._call("privateSpotGetV2AccountAllAccountBalance", shape=shape)
        return summed("all-account-balance", ask, found)

    def _unified(self, raw: Raw, at: int) -> Values:
        """`equity` contains unrealised PnL, `balance` is cash."""
        free = number_or_none(raw, "available")
        return {
            "currency": self._code(text(raw, "coin")),
            "wallet": UNIFIED,
            "total": number(raw, "balance"),
            "free": free,
            "used": number_or_none(raw, "locked"),
            "as_of": at,
        }

    # Orders

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        read = uta_order if self._uta else order
        still = await self._open()
        closed = await self._closed(ask) if ask.since is not None else []
        gone = {raw.get("orderId") for raw in closed}
        parse = read(markets)
        found.read((raw for raw in still if raw.get("orderId") not in gone), parse)
        found.read(closed, parse)
        found.notes.append("orders that wait for a trigger are not listed")

    async def _open(self) -> list[Raw]:
        if self._uta:
            where = {"category": "SPOT"}
            return await self._cursor("privateUtaGetV3TradeUnfilledOrders", where)
        return await self._below("privateSpotGetV2SpotTradeUnfilledOrders", "orderId")

    async def _closed(self, ask: Ask) -> list[Raw]:
        assert ask.since is not None
        now = self._client.now()
        window = in_millis((ask.since, now if ask.until is None else ask.until))

        async def page(start: int, end: int) -> list[Any]:
            span = {"startTime": start, "endTime": end, "limit": PAGE}
            if self._uta:
                where = {"category": "SPOT", **span}
                return list(await self._call("privateUtaGetV3TradeHistoryOrders", where, _listed))
            shape = rows("data")
            return list(await self._call("privateSpotGetV2SpotTradeHistoryOrders", span, shape))

        return (await self._windows(page, "orderId", window)).rows

    # Events

    async def _trades(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        window = self._kept(found)
        if self._uta:

            async def every(start: int, end: int) -> list[Any]:
                where = {"category": "SPOT", "startTime": start, "endTime": end, "limit": PAGE}
                return list(await self._call("privateUtaGetV3TradeFills", where, _listed))

            fills = await self._windows(every, "execId", window)
            found.read(fills, uta_trade(markets, self._code))
            return
        parse = trade(markets, self._code)

        async def one(market: Market) -> None:
            async def page(start: int, end: int) -> list[Any]:
                where = {"symbol": market.id, "startTime": start, "endTime": end, "limit": PAGE}
                shape = rows("data")
                return list(await self._call("privateSpotGetV2SpotTradeFills", where, shape))

            found.read(await self._windows(page, "tradeId", window), parse)

        await self._each(self._markets_of(ask, markets, found), one)

    def _kept(self, found: Gathered) -> tuple[int, int]:
        """The window in milliseconds, cut at what the venue still has."""
        assert found.window is not None
        since, until = in_millis(found.window)
        oldest = self._client.now() // MILLI - KEPT
        if since < oldest:
            found.window = (min(oldest * MILLI, found.window[1]), found.window[1])
            found.reasons.append("bitget gives trades of the last 90 days only")
        return max(since, oldest), until

    async def _windows(self, page: Any, id_: str, window: tuple[int, int]) -> Pages:
        return await by_window(
            page,
            lambda raw: (raw.get(id_) or id(raw), raw.get("side")),
            since=window[0],
            until=window[1],
            span=7 * DAY,
            limit=PAGE,
        )

    async def _movements(self, _: Ask, found: Gathered) -> None:
        uta = self._uta

        async def page(start: int, end: int) -> list[Any]:
            span = {"startTime": start, "endTime": end}
            if uta:
                where = {"category": "SPOT", **span, "limit": PAGE}
                return list(
                    await self._call("privateUtaGetV3AccountFinancialRecords", where, _listed)
                )
            where = {**span, "limit": BILLS_A_PAGE}
            return list(await self._call("privateSpotGetV2SpotAccountBills", where, rows("data")))

        since, until = in_millis(found.window)
        book = await by_window(
            page,
            lambda raw: raw.get("id" if uta else "billId") or id(raw),
            since=since,
            until=until,
            span=7 * DAY,
            limit=PAGE if uta else BILLS_A_PAGE,
        )
        found.read(book, self._entry)

    def _entry(self, raw: Raw) -> Values | None:
        """A row of either ledger, unless orders made it."""
        uta = "billId" not in raw
        kind = ledger_kind(raw)
        if kind is None:
            return None
        id_ = text(raw, "id" if uta else "billId")
        amount = number(raw, "amount" if uta else "size")
        at = millis(raw, "ts" if uta else "cTime")
        currency = self._code(text(raw, "coin"))
        return moved(id_, kind, currency, amount, at, id_, wallet=self._wallet)

    # Pages

    async def _below(self, endpoint: str, id_: str) -> list[Raw]:
        """A list whose next page is what is older than the last row of this one."""
        pages, where = Pages(lambda raw: raw.get(id_) or id(raw)), {"limit": str(PAGE)}
        while True:
            found = await self._call(endpoint, where, rows("data"))
            new = pages.add(found)
            if len(found) < PAGE or not new:
                return pages.rows
            where = {"limit": str(PAGE), "idLessThan": str(min(map(_number(id_), found)))}

    async def _cursor(self, endpoint: str, where: dict[str, Any]) -> list[Raw]:
        """A list whose next page is behind a cursor; a page that is not full is the last one."""
        pages = Pages(lambda raw: raw.get("orderId") or id(raw))
        asked: dict[str, Any] = {**where, "limit": PAGE}
        while True:
            body = await self._call(endpoint, asked, _page)
            new = pages.add(body["list"])
            if len(body["list"]) < PAGE or not new or not body.get("cursor"):
                return pages.rows
            asked = {**where, "limit": PAGE, "cursor": body["cursor"]}

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets, at = await self.markets(), self._client.now()
        raws = await self._public("publicSpotGetV2SpotMarketTickers", shape=rows("data"))
        self._read_prices(found, markets, raws, "lastPr", at)


def _number(name: str) -> Any:
    """A row to its id as a number. Raises Stalled: without one there is no next page."""

    def read(raw: Raw) -> int:
        found = str(raw.get(name))
        if not found.isdecimal():
            raise Stalled("a row has no id")
        return int(found)

    return read


def _page(data: Any) -> Any:
    """`{"list": [...], "cursor": ...}`; an empty list may be null, but is there."""
    body = data.get("data")
    if not isinstance(body, dict) or "list" not in body:
        raise Misshapen("data has no 'list'")
    return {**body, "list": [] if body["list"] is None else rows_at(body, ("list",))}


def _listed(data: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = _page(data)["list"]
    return found


def _spot_account(data: Any) -> list[dict[str, Any]]:
    found = [each for each in rows_at(data, ("data",)) if each.get("accountType") == "spot"]
    if not found:
        raise Misshapen("data has no account 'spot'")
    return found


def _assets(data: Any) -> list[dict[str, Any]]:
    body = data.get("data")
    if not isinstance(body, dict) or "accountEquity" not in body:
        raise Misshapen("data has no 'accountEquity'")
    return rows_at(body, ("assets",))
