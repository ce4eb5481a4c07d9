"""Contracts of a Bybit unified account: linear in USDT and USDC, and inverse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import ClassVar

from tieout.adapters.venues.bybit import Bybit
from tieout.adapters.venues.bybit_words import (
    HEDGED,
    LEGS,
    MODES,
    SIDES,
    one_account,
    position_key,
)
from tieout.adapters.venues.cells import (
    Raw,
    Values,
    choice,
    nonzero,
    number,
    number_or_none,
    text,
)
from tieout.adapters.venues.markets import Market, Markets
from tieout.adapters.venues.paging import Pages
from tieout.adapters.venues.second import summed, there
from tieout.adapters.venues.venue import MARKETS_FRESH, Gathered, together
from tieout.core.live import Ask, Witness


class BybitPerp(Bybit):
    """Contracts of a unified account.

    Quantities of inverse contracts are contracts, worth one unit of the quote currency each.
    """

    market_kind = "bybit-perp"
    categories = ("linear", "inverse")
    OFFERS: ClassVar[frozenset[str]] = frozenset(
        {"positions", "balances", "orders", "trades", "movements", "prices", "instruments"}
    )

    def _scopes(self) -> list[dict[str, str]]:
        # Without a symbol, linear contracts are listed by what they settle in.
        coins: Iterable[str] = self._settings.options.get("settle", ("USDT", "USDC"))
        linear = [{"category": "linear", "settleCoin": coin} for coin in coins]
        return [*linear, {"category": "inverse"}]

    async def _learn_modes(self, markets: Markets, natives: set[str]) -> None:
        hedged, learnt_at = self._client.markets.get(MODES, ({}, 0.0))
        now = asyncio.get_running_loop().time()
        if now > learnt_at + MARKETS_FRESH:
            hedged, learnt_at = {}, now
        self._client.markets[MODES] = hedged, learnt_at

        async def learn(native: str) -> None:
            # By symbol, the venue lists what is flat as well.
            scope = {"category": markets.by_id[native].group, "symbol": native}
            pages = await self._pages("privateGetV5PositionList", scope, position_key)
            hedged[native] = any(str(row.get("positionIdx")) in HEDGED for row in pages.rows)

        new = sorted((natives & set(markets.by_id)) - set(hedged))
        await self._each(new, learn)

    def _leg(self, raw: Raw, market: Market) -> str | None:
        hedged, _ = self._client.markets.get(MODES, ({}, 0.0))
        if not hedged.get(market.id):
            return "net"
        # An execution does not name its leg; one that closes something is of the other side's.
        closes = bool(number_or_none(raw, "closedSize"))
        return "long" if (choice(raw, "side", SIDES) == "buy") is not closes else "short"

    async def _positions(self, _: Ask, found: Gathered) -> None:
        markets = await self.markets()

        def parse(raw: Raw) -> Values | None:
            size = number(raw, "size")
            if not size:
                return None
            side = choice(raw, "side", SIDES)
            return {
                "symbol": markets.of(text(raw, "symbol")).symbol,
                "leg": choice(raw, "positionIdx", LEGS),
                "quantity": size if side == "buy" else size.copy_negate(),
                "average_price": nonzero(number_or_none(raw, "avgPrice")),
                "margin": number_or_none(raw, "positionIM"),
                "as_of": found.at,
            }

        asks: list[Awaitable[Pages]] = [
            self._pages("privateGetV5PositionList", {**scope, "limit": 200}, position_key)
            for scope in self._scopes()
        ]
        for pages in await together(*asks):
            found.read(pages, parse)

    async def _second_positions(self, ask: Ask, _: frozenset[str]) -> Witness | None:
        # The margin of positions, by what they settle in. In portfolio margin it is not stated.
        found = await self._call(
            "privateGetV5AccountWalletBalance",
            {"accountType": "UNIFIED"},
            there(one_account, "coin", "totalPositionIM"),
        )
        return summed("wallet-balance", ask, tuple(f"positions in {each}" for each in found))
