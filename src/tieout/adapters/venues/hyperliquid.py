"""Hyperliquid: perpetuals of an address, those of the builders' exchanges (HIP-3) included.

Everything is one public endpoint, `POST /info`, that answers about any address: no key, nothing
to sign. What follows from that, and from how it answers:

1. A wrong address gets an empty account. So the venue is asked first what the address is: one
   that it does not know, and the address of an API wallet (an "agent"), are errors.
2. A builder's exchange is asked about on its own. Left out, its positions would look flat.
3. `fee` contains `builderFee`. ccxt adds the two.
4. 2,000 fills a reply, and only the newest 10,000 there are: coverage says where they begin.
5. A perpetual's cash is the account's value without unrealised PnL. The venue states both.

Rules: hyperliquid.gitbook.io, "Info endpoint".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from tieout.adapters.venues import hyperliquid_rows as rows
from tieout.adapters.venues.cells import MILLI, BadCell, Raw, Values, millis, number
from tieout.adapters.venues.classify import Action, Misshapen, Wire
from tieout.adapters.venues.hyperliquid_pages import ascending, reached
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.paging import Pages, in_millis
from tieout.adapters.venues.shapes import Shape, rows_at, table, table_at
from tieout.adapters.venues.shapes import rows as list_of
from tieout.adapters.venues.venue import Gathered, VenueFeed, together
from tieout.core.live import Answer, Ask, Permissions
from tieout.core.money import add, subtract
from tieout.errors import UsageError, VenueError, VenueRefused

INFO: Final = "publicPostInfo"
OPEN: Final = "frontendOpenOrders"
OPEN_TO_ALL: Final = frozenset({"prices", "instruments"})
FILLS_A_PAGE: Final = 2_000
FUNDINGS_A_PAGE: Final = 500
FILLS_KEPT: Final = 10_000
ORDERS_KEPT: Final = 2_000


def _state(data: Any) -> Any:
    """A `clearinghouseState`: of an account without positions, too, it has all of these."""
    state = table_at(data, (), ("time",))
    table_at(state, ("marginSummary",), ("accountValue",))
    rows_at(state, ("assetPositions",))
    try:
        return {**state, "time": millis(state, "time")}
    except BadCell as why:
        raise Misshapen(str(why)) from None


def _code(data: Any) -> tuple[str, str] | None:
    if isinstance(data, dict) and data.get("status") == "err":
        return "err", str(data.get("response") or "")
    if isinstance(data, dict) and isinstance(data.get("error"), str):
        return "error", data["error"]
    return None


class HyperliquidPerp(VenueFeed):
    """Perpetuals of an address; spot balances, fills and orders with `options: {spot: true}`."""

    exchange = "hyperliquid"
    market_kind: ClassVar[str] = "perp"
    wire: ClassVar[Wire] = Wire(
        "hyperliquid",
        code_of=_code,
        prefixes={"err": Action.REJECT},
        statuses={422: Action.REJECT},
        clock=(INFO, lambda data: int(data["time"])),
        clock_params={"type": "exchangeStatus"},
    )
    OFFERS = frozenset(
        {"positions", "balances", "orders", "trades", "movements", "prices", "instruments"}
    )

    @property
    def _spot(self) -> bool:
        return self._settings.options.get("spot") is True

    async def permissions(self) -> Permissions:
        """An address may be read by everybody, and does nothing else."""
        return Permissions(read=True, trade=False, withdraw=False)

    async def _ask(self, kind: str, shape: Shape, **fields: Any) -> Any:
        asked = {"type": kind, **fields}
        return await self._client.call(
            INFO, asked, shape=shape, signed=False, name=self.name, label=kind
        )

    async def fetch(self, ask: Ask) -> Answer:
        """As every adapter; what the address is, is asked before, and once.

        Raises:
            VenueRefused: it is that of an API wallet.
            UsageError: there is none.
        """
        ours = ask.records in self.OFFERS - OPEN_TO_ALL
        if ours and self._client.markets.get("role") != self._address:
            await self._check(self._address)
            self._client.markets["role"] = self._address
        return await super().fetch(ask)

    @property
    def _address(self) -> str:
        given = self._settings.credentials
        address = given.subaccount or given.wallet
        if not address:
            raise UsageError(
                "hyperliquid needs the address of the account",
                where=self.name,
                hint="`wallet_address:`; not that of an API wallet",
            )
        return address

    async def _about(self, kind: str, shape: Shape, **fields: Any) -> Any:
        """A question about the account."""
        return await self._ask(kind, shape, user=self._address, **fields)

    async def _check(self, address: str) -> None:
        found = await self._ask("userRole", table(has=("role",)), user=address)
        if found["role"] == "agent":
            raise VenueRefused(
                "the address is that of an API wallet: its own account is always empty",
                venue=self.name,
                method="userRole",
                hint="`wallet_address:` is the account that the API wallet trades for",
            )
        if found["role"] == "missing":
            raise VenueError(
                "hyperliquid does not know the address",
                venue=self.name,
                method="userRole",
                hint="check `wallet_address:` (and `subaccount:`); a new account has to be funded",
            )

    # Metadata

    async def _load_markets(self) -> Markets:
        spot, named = await together(
            self._ask("spotMeta", _spot_meta), self._ask("perpDexs", _dexes)
        )
        dexes = ("", *named)  # the main one has no name
        tokens = {token["index"]: rows.code(str(token["name"])) for token in spot["tokens"]}
        asks = (self._ask("meta", _meta, **({"dex": dex} if dex else {})) for dex in dexes)
        found: list[Market] = rows.spot_markets(spot, tokens)
        for dex, meta in zip(dexes, await together(*asks), strict=True):
            found += rows.perp_markets(meta, dex, tokens)
        self._client.markets["dexes"] = dexes
        return Markets(found)

    def _chosen(self) -> tuple[str, ...]:
        """The exchanges that are asked: all, or the main one and those of `options.dexes`."""
        listed: tuple[str, ...] = self._client.markets["dexes"]
        chosen = self._settings.options.get("dexes")
        if chosen is None:
            return listed
        unknown = sorted(set(map(str, chosen)) - set(listed))
        if unknown:
            raise UsageError(
                f"hyperliquid has no builder's exchange {', '.join(unknown)}",
                where=self.name,
                hint=f"it has {', '.join(listed[1:]) or 'none'}",
            )
        return tuple(dex for dex in listed if not dex or dex in chosen)

    async def _each_dex(self, kind: str, shape: Shape) -> list[tuple[str, Any]]:
        """A question that each exchange answers for itself: by its name."""
        dexes = self._chosen()
        asks = (self._about(kind, shape, **({"dex": dex} if dex else {})) for dex in dexes)
        return list(zip(dexes, await together(*asks), strict=True))

    def _covered(self, ask: Ask, markets: Markets, found: Gathered) -> None:
        """What is asked about: all markets that were listed, and no others of the address."""
        dexes = self._chosen()
        known = frozenset(
            market.symbol
            for market in markets
            if (market.group in dexes if market.kind == "swap" else self._spot)
        )
        found.symbols = known if ask.symbols is None else known & ask.symbols
        if not self._spot:
            found.notes.append("spot is left out; `options: {spot: true}` includes it")
        if self._settings.options.get("dexes") is not None:
            found.notes.append("of builders' exchanges (HIP-3) only those in `dexes:`")

    # Snapshots

    async def _positions(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        self._covered(ask, markets, found)
        for _, state in await self._each_dex("clearinghouseState", _state):
            found.stated(state["time"])
            parse = rows.position(markets, state["time"])
            found.read(state["assetPositions"], parse)

    async def _balances(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        totals: dict[str, Decimal] = {}
        states = await self._each_dex("clearinghouseState", _state)
        for dex, state in states:
            found.stated(state["time"])
            currency = self._collateral(markets, dex)
            try:
                cash = _cash(state)
            except BadCell as why:
                found.rows.refuse(state, str(why))
                continue
            totals[currency] = add(totals.get(currency, Decimal(0)), cash)
        moment = found.stated_at
        found.read(
            [{"currency": currency, "total": total} for currency, total in totals.items()],
            lambda raw: {**raw, "wallet": rows.CASH, "as_of": moment},
        )
        if not self._spot:
            margins = frozenset(self._collateral(markets, dex) for dex, _ in states)
            found.symbols = margins if ask.symbols is None else margins & ask.symbols
        found.wallets = frozenset({rows.CASH, "spot"} if self._spot else {rows.CASH})
        found.notes.append("cash is the account's value less unrealised PnL, as the venue rounds")
        if self._spot:
            await self._spot_balances(found)
        found.notes.append("vaults and staked tokens are not among the balances")

    async def _spot_balances(self, found: Gathered) -> None:
        asked_at = self._client.now()
        held = await self._about("spotClearinghouseState", list_of("balances"))
        found.read(held, rows.spot_balance(asked_at))

    def _collateral(self, markets: Markets, dex: str) -> str:
        """What an exchange's margin is in: of its first market, since it is that of all."""
        settle = (each.settle for each in markets if each.group == dex and each.kind == "swap")
        return next(settle, None) or "USDC"

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        self._covered(ask, markets, found)
        listed = [row for _, rows in await self._each_dex(OPEN, list_of()) for row in rows]
        closed: list[Raw] = []
        if ask.since is not None:
            # Asked for after the open ones: an order that closes in between is among them.
            closed = await self._closed_orders(ask.since, found)
        gone = {rows.order_id(row) for row in closed}
        still = (row for row in listed if rows.order_id(row) not in gone)
        for parse, each in ((rows.open_order, still), (rows.closed_order, closed)):
            found.read(each, self._listed(parse(markets)))

    async def _closed_orders(self, since: int, found: Gathered) -> list[Raw]:
        history = await self._about("historicalOrders", list_of())
        if len(history) >= ORDERS_KEPT and min(map(rows.since_of, history)) * MILLI > since:
            found.reasons.append(
                f"only the newest {ORDERS_KEPT:,} orders are kept, and they begin later"
            )
        newest = rows.newest_states(history)
        return [each for each in newest if each.get("status") not in rows.STILL_OPEN]

    def _listed(self, parse: Any) -> Any:
        """`parse`, without spot where that is left out."""
        if self._spot:
            return parse
        return lambda raw: None if rows.is_spot(raw) else parse(raw)

    # Events

    async def _trades(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        self._covered(ask, markets, found)
        fills = await self._fills(found)
        found.read(fills, self._listed(rows.trade(markets, self._address)))

    async def _fills(self, found: Gathered) -> Pages:
        """All fills from the window's start to now, which tells whether some are gone."""
        since, _ = in_millis(found.window)

        async def page(start: int) -> list[Any]:
            kind = {"startTime": start, "aggregateByTime": False}
            return list(await self._about("userFillsByTime", list_of(), **kind))

        fills = await ascending(page, rows.fill_key, since=since, limit=FILLS_A_PAGE)
        if len(fills.rows) >= FILLS_KEPT:
            before = {"startTime": 0, "endTime": since - 1, "aggregateByTime": False}
            if not await self._about("userFillsByTime", list_of(), **before):
                reached(found, fills, f"only the newest {FILLS_KEPT:,} fills are kept")
        return fills

    async def _movements(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        since, until = in_millis(found.window)

        async def fundings(start: int) -> list[Any]:
            span = {"startTime": start, "endTime": until}
            return list(await self._about("userFunding", list_of(), **span))

        async def updates(start: int) -> list[Any]:
            span = {"startTime": start, "endTime": until}
            return list(await self._about("userNonFundingLedgerUpdates", list_of(), **span))

        paid, moved, fills = await together(
            ascending(fundings, rows.row_key, since=since, limit=FUNDINGS_A_PAGE),
            ascending(updates, rows.row_key, since=since, limit=FILLS_A_PAGE),
            self._fills(found),
        )
        found.read(paid, rows.funding(markets))
        found.read(moved, rows.ledger_update(self._address))
        found.read(fills, rows.realised(markets))
        found.notes.append("movements are those of the perpetuals' cash")

    # Reference data

    async def _prices(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        at = self._client.now()
        mids: dict[str, Any] = {}
        for dex in self._chosen():
            mids |= await self._ask("allMids", _mids, **({"dex": dex} if dex else {}))
        perps = [market for market in markets if market.kind == "swap" and market.id in mids]
        found.read(
            [{"pair": f"{each.base}/{each.quote}", "price": mids[each.id]} for each in perps],
            lambda raw: _priced(raw, at),
        )


def _priced(raw: Raw, at: int) -> Values:
    return {"pair": raw["pair"], "price": number(raw, "price"), "as_of": at}


def _cash(state: Raw) -> Decimal:
    """Value without unrealised PnL: what was paid in, realised, paid and received."""
    total = number(state["marginSummary"], "accountValue")
    for each in state["assetPositions"]:
        position = each.get("position") if isinstance(each, dict) else None
        if not isinstance(position, dict):
            raise BadCell("total", "a position is no object")
        total = subtract(total, number(position, "unrealizedPnl"))
    return total


def _spot_meta(data: Any) -> Mapping[str, Any]:
    rows_at(data, ("universe",))
    for token in rows_at(data, ("tokens",)):
        if not isinstance(token.get("name"), str) or not isinstance(token.get("index"), int):
            raise Misshapen("tokens has one without a name or an index")
    found: Mapping[str, Any] = data
    return found


def _meta(data: Any) -> Any:
    for each in rows_at(data, ("universe",)):
        if not isinstance(each.get("name"), str) or not isinstance(each.get("szDecimals"), int):
            raise Misshapen("universe has a market without a name or szDecimals")
    return data


def _mids(data: Any) -> Any:
    """Prices by market, all of them texts."""
    found = table_at(data, ())
    if not found or not all(isinstance(price, str) for price in found.values()):
        raise Misshapen("it has no prices by market")
    return found


def _dexes(data: Any) -> list[str]:
    """The names of the builders' exchanges; the main one is null."""
    if not isinstance(data, list) or not data:
        raise Misshapen("the body is no list of exchanges")
    named: Iterable[Any] = (each for each in data if each is not None)
    return [str(table(has=("name",))(each)["name"]) for each in named]
