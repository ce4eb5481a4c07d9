"""dYdX v4: perpetuals of an address and sub-account, from the indexer. No key, nothing to sign.

1. ccxt has no trades of an account here: the indexer's `fills` are read.
2. Isolated markets live in sub-accounts of their own (128, 256, ...). Asked about sub-account 0
   alone, their positions would look flat: the parent with all its children is asked.
3. Cash is equity without unrealised PnL. The indexer states no realised PnL by fill, so that
   trades alone do not explain cash.
4. Lists are newest first, by block height; pages overlap by a height.

Rules: docs.dydx.xyz, "Indexer client".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

from tieout.adapters.venues import dydx_rows as parsers
from tieout.adapters.venues.cells import BadCell, Raw, number
from tieout.adapters.venues.classify import Misshapen, Wire
from tieout.adapters.venues.forms import iso
from tieout.adapters.venues.markets import Market, Markets, listed, step
from tieout.adapters.venues.paging import Pages, Stalled
from tieout.adapters.venues.second import named, there
from tieout.adapters.venues.shapes import Shape, rows, rows_at, table_at, tables_by_key
from tieout.adapters.venues.venue import Gathered, VenueFeed, together
from tieout.core.live import Ask, Permissions, Witness
from tieout.core.money import add, rounded, subtract
from tieout.errors import UsageError

PAGE: Final = 100
ORDERS_A_PAGE: Final = 1_000
CHILDREN: Final = 128
"""Sub-accounts from this number on are children: of the one that is left when divided by it."""

_WORKING: Final = ("OPEN", "BEST_EFFORT_OPENED", "UNTRIGGERED")
_CLOSED: Final = ("FILLED", "CANCELED", "BEST_EFFORT_CANCELED")


def _code(data: Any) -> tuple[str, str] | None:
    errors = data.get("errors") if isinstance(data, dict) else None
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return "error", str(errors[0].get("msg") or "")
    return None


def _epoch(data: Any) -> int:
    """Milliseconds of `1740830400.123`."""
    return int(Decimal(str(data["epoch"])) * 1000)


class DydxPerp(VenueFeed):
    """A sub-account, and with it the isolated positions that belong to it."""

    exchange = "dydx"
    market_kind: ClassVar[str] = "perp"
    wire: ClassVar[Wire] = Wire("dydx", code_of=_code, clock=("indexerGetTime", _epoch))
    OFFERS = frozenset(
        {"positions", "balances", "orders", "trades", "movements", "prices", "instruments"}
    )

    async def permissions(self) -> Permissions:
        """An address may be read by everybody, and does nothing else."""
        return Permissions(read=True, trade=False, withdraw=False)

    @property
    def _number(self) -> int:
        given = self._settings.credentials.subaccount or "0"
        if not given.isdecimal():
            raise UsageError(
                f"sub-account {given!r} is no number", where=self.name, hint="`subaccount: 0`"
            )
        return int(given)

    def _who(self, *, path: bool = False) -> tuple[str, dict[str, Any]]:
        """Which of two endpoints is asked, and about whom: a parent with all its children."""
        address = self._settings.credentials.wallet
        if not address or not address.startswith("dydx1"):
            raise UsageError(
                "dydx needs the address of the account",
                where=self.name,
                hint="`wallet_address:`, which begins with dydx1; not the one it was funded from",
            )
        if self._number >= CHILDREN:
            return "", {"address": address, "subaccountNumber": self._number}
        return "parent", {
            "address": address,
            "number" if path else "parentSubaccountNumber": self._number,
        }

    # Metadata

    async def _load_markets(self) -> Markets:
        found: Markets = await self._public("indexerGetPerpetualMarkets", shape=_markets)
        return found

    # Snapshots

    async def _account(self) -> list[dict[str, Any]]:
        """The sub-account, and its children."""
        kind, who = self._who(path=True)
        if kind:
            endpoint = "indexerGetAddressesAddressParentSubaccountNumberNumber"
            return list(await self._public(endpoint, who, _children))
        endpoint = "indexerGetAddressesAddressSubaccountNumberSubaccountNumber"
        return list(await self._public(endpoint, who, _single))

    async def _positions(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        at = self._client.now()
        held: dict[str, list[Raw]] = {}
        for each in await self._account():
            for market, position in each["openPerpetualPositions"].items():
                held.setdefault(market, []).append(position)
        found.read(
            [{"market": market, "parts": parts} for market, parts in held.items()],
            parsers.position(markets, at),
        )

    async def _balances(self, ask: Ask, found: Gathered) -> None:
        found.symbols = frozenset({"USDC"})
        if ask.symbols is not None:
            found.symbols &= ask.symbols
        at, total = self._client.now(), Decimal(0)
        for each in await self._account():
            try:
                total = add(total, _cash(each))
            except BadCell as why:
                found.rows.refuse(each, str(why))
                return
        found.wallets = frozenset({"futures"})
        row = {"currency": "USDC", "wallet": "futures", "total": total, "as_of": at}
        found.read([row], dict)
        found.notes.append(
            "cash is equity less unrealised PnL; no realised PnL is stated by fill, so that trades "
            "do not explain it"
        )

    async def _second_positions(self, ask: Ask, _: frozenset[str]) -> Witness:
        markets = await self.markets()
        found = await self._held("PerpetualPositions", "market", status="OPEN")
        natives = ((markets.by_id.get(each), each) for each in found)
        names = (each.symbol if each else native for each, native in natives)
        return named("perpetualPositions", ask, names)

    async def _second_balances(self, ask: Ask, _: frozenset[str]) -> Witness:
        return named("assetPositions", ask, await self._held("AssetPositions", "symbol"))

    async def _held(self, list_: str, name: str, **where: str) -> tuple[str, ...]:
        """The names in one of the lists that the account is made of."""
        kind, who = self._who()
        parent = "ParentSubaccountNumber" if kind else ""
        shape = there(_rows("positions"), name, "size")
        found: tuple[str, ...] = await self._public(
            f"indexerGet{list_}{parent}", {**who, **where}, shape
        )
        return found

    async def _orders(self, ask: Ask, found: Gathered) -> None:
        markets = await self.markets()
        still = await self._listed(_WORKING, found, None)
        closed = await self._listed(_CLOSED, found, ask.since) if ask.since is not None else []
        gone = {row.get("id") for row in closed}
        newest = {row.get("id") or id(row): row for row in still if row.get("id") not in gone}
        parse = parsers.order(markets)
        found.read(newest.values(), parse)
        found.read({row.get("id") or id(row): row for row in closed}.values(), parse)

    async def _listed(
        self, statuses: Iterable[str], found: Gathered, since: int | None
    ) -> list[Raw]:
        """Orders in these states. One page a state: more is said, not left out silently."""
        kind, who = self._who()
        endpoint = "indexerGetOrdersParentSubaccountNumber" if kind else "indexerGetOrders"
        asked = {**who, "returnLatestOrders": "true", "limit": ORDERS_A_PAGE}
        names = tuple(statuses)
        pages = await together(
            *(self._public(endpoint, {**asked, "status": name}, rows()) for name in names)
        )
        for name, page in zip(names, pages, strict=True):
            if len(page) >= ORDERS_A_PAGE and (since is None or _oldest(page, "updatedAt") > since):
                found.reasons.append(f"more than {ORDERS_A_PAGE:,} orders are {name}")
        return [row for page in pages for row in page]

    # Events

    async def _trades(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        kind, who = self._who()
        endpoint = "indexerGetFillsParentSubaccountNumber" if kind else "indexerGetFills"
        fills = await self._back(endpoint, who, "fills", found)
        found.read(fills, parsers.trade(markets))

    async def _movements(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()
        kind, who = self._who()
        transfers = "indexerGetTransfersParentSubaccountNumber" if kind else "indexerGetTransfers"
        payments = (
            "indexerGetFundingPaymentsParentSubaccount" if kind else "indexerGetFundingPayments"
        )
        moved, paid = await together(
            self._back(transfers, who, "transfers", found),
            self._back(payments, who, "fundingPayments", found),
        )
        found.read(moved, parsers.transfer)
        found.read(paid, parsers.funding(markets))

    async def _back(
        self, endpoint: str, who: Mapping[str, Any], name: str, found: Gathered
    ) -> Pages:
        """A list from the newest row back to the window's start.

        Raises:
            Stalled: one block has more rows than a page holds.
        """
        assert found.window is not None
        pages = Pages(parsers.row_key)
        where: dict[str, Any] = {**who, "limit": PAGE}
        while True:
            page = await self._public(endpoint, where, _rows(name))
            pages.add(page)
            if len(page) < PAGE or _oldest(page, "createdAt") < found.window[0]:
                return pages
            height = min(map(_height, page))
            if str(height) == where.get("createdBeforeOrAtHeight"):
                raise Stalled(f"block {height} has more rows than a page")
            where["createdBeforeOrAtHeight"] = str(height)

    # Reference data

    async def _prices(self, _: Ask, found: Gathered) -> None:
        at = self._client.now()
        markets = await self._public("indexerGetPerpetualMarkets", shape=tables_by_key("markets"))
        known = [row for row in markets.values() if row.get("oraclePrice")]
        found.read(known, parsers.price(await self.markets(), at))


def _markets(data: Any) -> Markets:
    found = tables_by_key("markets")(data).values()
    return listed(_market(row) for row in found if str(row.get("ticker")).endswith("-USD"))


def _market(raw: Raw) -> Market:
    native = str(raw["ticker"])
    base = native.removesuffix("-USD")
    return Market(
        id=native,
        symbol=f"{base}/USDC:USDC",
        base=base,
        quote="USDC",
        kind="swap",
        settle="USDC",
        tick=step(raw.get("tickSize")),
        lot=step(raw.get("stepSize")),
    )


def _single(data: Any) -> list[dict[str, Any]]:
    return [_subaccount(table_at(data, ("subaccount",)))]


def _children(data: Any) -> list[dict[str, Any]]:
    found = rows_at(data, ("subaccount", "childSubaccounts"))
    if not found:
        raise Misshapen("the sub-account has no 'childSubaccounts', not even itself")
    return [_subaccount(each) for each in found]


def _subaccount(raw: Any) -> dict[str, Any]:
    found = table_at(raw, (), ("equity", "openPerpetualPositions", "assetPositions"))
    tables_by_key("openPerpetualPositions")(found)
    return found


def _rows(name: str) -> Shape:
    return lambda data: rows_at(data, (name,))


def _cash(raw: Raw) -> Decimal:
    """Equity without unrealised PnL, at 18 digits: the indexer states more of some."""
    total = parsers.long_number(raw, "equity")
    for each in raw["openPerpetualPositions"].values():
        total = subtract(total, parsers.long_number(each, "unrealizedPnl"))
    return rounded(total)


def _oldest(page: Iterable[Raw], name: str) -> int:
    """Nanoseconds; of rows that cannot be read, now: they end no list."""
    times = []
    for row in page:
        try:
            times.append(iso(row, name))
        except BadCell:
            continue
    return min(times, default=1 << 63)


def _height(raw: Raw) -> int:
    try:
        return int(number(raw, "createdAtHeight"))
    except BadCell as why:
        raise Stalled(str(why)) from None
