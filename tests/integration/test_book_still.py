"""Opening a book from an earlier instant: only where nothing can have happened since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from venue_replay import Fixed, ago, asking
from venue_world import HOUR, MILLI, NOW_MS, World, live

from tieout.adapters.venues.venue import VenueFeed
from tieout.core.canonical import nanoseconds
from tieout.core.journal import JournalEntry
from tieout.core.live import Answer, Ask
from tieout.core.valuation import Instrument
from tieout.errors import SourceError
from tieout.service.book import read_opening
from tieout.testing.book import MemoryBook
from tieout.testing.replay import Replay, Reply
from tieout.testing.virtual import VirtualClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SINCE = nanoseconds(NOON - timedelta(hours=1))
PERP = "BTC/USDT:USDT"


class BySymbol(MemoryBook):
    """A venue that tells of trades by symbol only.

    Attributes:
        markets: those that it lists. `asked`: the symbols of each question about trades.
        tells: the symbols of which it tells at most. `about`: what its snapshots are about.
    """

    def __init__(self, *markets: str, offers: tuple[str, ...]) -> None:
        super().__init__(Fixed(NOON), name="binance", venue="binance", offers=offers)
        self.markets = markets
        self.asked: list[frozenset[str] | None] = []
        self.tells: frozenset[str] | None = None
        self.about: dict[str, dict[str, Any]] = {}

    async def instruments(self) -> dict[str, Instrument]:
        return dict.fromkeys(self.markets, Instrument())

    async def fetch(self, ask: Ask) -> Answer:
        answer = await super().fetch(ask)
        if ask.records != "trades":
            return structs.replace(answer, **self.about.get(ask.records, {}))
        self.asked.append(ask.symbols)
        told = ask.symbols or frozenset()
        told = told if self.tells is None else told & self.tells
        kept = tuple(each for each in answer.records if each.values["symbol"] in told)
        return structs.replace(answer, symbols=told, records=kept)

    def traded(self, symbol: str) -> None:
        self.add("trades", {"trade_id": "1", "symbol": symbol, "timestamp": SINCE + 1})


def spot(*markets: str, **totals: str) -> BySymbol:
    """A spot account that holds so much of each."""
    made = BySymbol(*markets, offers=("balances", "trades", "movements"))
    rows = ({"currency": name, "wallet": "spot", "total": totals[name]} for name in totals)
    made.put("balances", *({**row, "total": Decimal(row["total"])} for row in rows))
    made.about["balances"] = {"symbols": frozenset(totals), "wallets": frozenset({"spot"})}
    return made


def perp(*markets: str) -> BySymbol:
    """A futures account with a position."""
    made = BySymbol(*markets, offers=("positions", "balances", "trades", "movements"))
    made.put("positions", {"symbol": PERP, "leg": "net", "quantity": Decimal(1)})
    made.put("balances", {"currency": "USDT", "wallet": "futures", "total": Decimal(9)})
    made.about["balances"] = {"symbols": None, "wallets": frozenset({"futures"})}
    return made


def opened(feed: MemoryBook) -> set[int]:
    entries = asyncio.run(
        read_opening(feed, clock=Fixed(NOON), approved_by="ada", as_of=SINCE, pause=0.0)
    )
    return {entry.at for entry in entries}


MARKETS = ("BTC/USDT", "ETH/USDT", "ETH/BTC", "SOL/EUR", "1INCH/EUR")


def test_a_venue_that_tells_by_symbol_is_asked_about_every_market_of_what_is_held() -> None:
    feed = spot(*MARKETS, PERP, USDT="100", EUR="0", BTC="0")
    assert opened(feed) == {SINCE}
    assert feed.asked[-1] == {"BTC/USDT", "ETH/USDT"}


@pytest.mark.parametrize("symbol", ["BTC/USDT", "ETH/USDT"])
def test_what_was_sold_whole_is_found_in_a_market_of_what_it_was_sold_for(symbol: str) -> None:
    """Neither BTC nor ETH is among the balances any more."""
    feed = spot(*MARKETS, USDT="100")
    feed.traded(symbol)
    with pytest.raises(SourceError, match="there are 1 trades since"):
        opened(feed)


def test_a_currency_of_any_name_is_found_among_the_markets() -> None:
    feed = spot(*MARKETS, **{"1INCH": "3"})
    feed.traded("1INCH/EUR")
    with pytest.raises(SourceError, match="there are 1 trades since"):
        opened(feed)


def test_contracts_are_asked_about_all_of_them() -> None:
    """What a closed one brought or took may be gone since."""
    feed = perp(PERP, "ETH/USDC:USDC", "BTC/USDT")
    assert opened(feed) == {SINCE}
    assert feed.asked[-1] == {PERP, "ETH/USDC:USDC"}
    feed.traded("ETH/USDC:USDC")
    with pytest.raises(SourceError, match="there are 1 trades since"):
        opened(feed)


def test_contracts_that_positions_are_not_about_are_left_out() -> None:
    feed = perp(PERP, "GOLD/USDC:USDC")
    feed.about["positions"] = {"symbols": frozenset({PERP})}
    assert opened(feed) == {SINCE}
    assert feed.asked[-1] == {PERP}


def test_a_position_in_a_market_that_is_not_listed_is_asked_about() -> None:
    feed = perp("ETH/USDT:USDT")
    feed.traded(PERP)
    with pytest.raises(SourceError, match="there are 1 trades since"):
        opened(feed)


def test_spot_trades_count_where_a_futures_account_has_another_wallet() -> None:
    feed = perp(PERP, "ETH/USDT")
    feed.about["balances"] = {"symbols": None, "wallets": None}
    assert opened(feed) == {SINCE}
    assert feed.asked[-1] == {PERP, "ETH/USDT"}


def test_what_the_venue_does_not_tell_of_is_named() -> None:
    feed = spot(*(f"{n:02}/USDT" for n in range(8)), USDT="100")
    feed.tells = frozenset({"00/USDT"})
    why = r"not known completely: it does not tell of 01/USDT, .*, 05/USDT and 2 more"
    with pytest.raises(SourceError, match=why):
        opened(feed)


def test_without_a_list_of_markets_nobody_can_tell() -> None:
    feed = spot(*MARKETS, USDT="100")
    feed.instruments = None  # type: ignore[assignment,method-assign]
    with pytest.raises(SourceError, match="known completely: it tells of single symbols only"):
        opened(feed)


# Venues


async def opening(feed: VenueFeed, as_of: int, clock: Any) -> tuple[JournalEntry, ...]:
    return await read_opening(feed, clock=clock, approved_by="ada", as_of=as_of, pause=0.0)


HALF = (NOW_MS - HOUR // 2) * MILLI


@pytest.mark.parametrize(
    ("adapter", "symbol"), [("binance_spot", "ETH/USDT"), ("binance_perp", "ETH/USDT:USDT")]
)
@pytest.mark.parametrize("since", [-HOUR, 60_000])
def test_binance_opens_from_an_earlier_instant_if_nothing_was_traded_since(
    adapter: str, symbol: str, since: int
) -> None:
    """A pair that nobody configured, bought and sold again half an hour ago."""

    async def one(world: World) -> None:
        account, at = world.account, HALF // MILLI
        wallet = "futures" if "perp" in adapter else "spot"
        account.deposit("USDT", "1000", wallet=wallet, at=at - HOUR * 2)
        account.trade(symbol, "buy", "0.1", "3000", at=at)
        account.trade(symbol, "sell", "0.1", "3100", at=at + 1)
        feed = world.feed()
        as_of = HALF + since * MILLI
        try:
            if since > 0:
                entries = await opening(feed, as_of, VirtualClock())
                assert {each.at for each in entries} == {as_of}
                assert entries
            else:
                with pytest.raises(SourceError, match=r"there are 2 trades since"):
                    await opening(feed, as_of, VirtualClock())
        finally:
            await feed.aclose()

    live(adapter, one)


def replayed(venue: str, fixture: str, more: Callable[[Replay], None], **settings: Any) -> Any:
    """The balances that a replayed account is opened with, from a minute ago on."""

    async def one(feed: VenueFeed, replay: Replay) -> tuple[JournalEntry, ...]:
        more(replay)
        return await opening(feed, ago(minutes=1), Fixed())

    entries = asking(venue, fixture, one, **settings)
    assert {each.at for each in entries} == {ago(minutes=1)}
    return {str(each.values["currency"]) for each in entries if each.records == "balances"}


@pytest.mark.parametrize("options", [{}, {"spot": True}, {"dexes": []}])
def test_hyperliquid_opens_from_an_earlier_instant(options: dict[str, Any]) -> None:
    def quiet(replay: Replay) -> None:
        for kind in ("userFillsByTime", "userFunding", "userNonFundingLedgerUpdates"):
            replay.on("POST", "/info", Reply("[]"), where={"type": kind})

    assert "USDC" in replayed("hyperliquid_perp", "hyperliquid.txt", quiet, options=options)


def test_mexc_and_classic_bitget_open_from_an_earlier_instant() -> None:
    def mexc(replay: Replay) -> None:
        replay.on("GET", "/api/v3/myTrades", Reply("[]"))

    def bitget(replay: Replay) -> None:
        replay.on("GET", "/api/v2/spot/trade/fills", Reply('{"code": "00000", "data": []}'))

    assert "USDT" in replayed("mexc_spot", "mexc.txt", mexc)
    assert "USDT" in replayed("bitget_spot", "bitget.txt", bitget)


def test_coinbase_cannot_tell_since_it_lists_no_movements() -> None:
    async def one(feed: VenueFeed, _: Replay) -> None:
        with pytest.raises(SourceError, match="does not give movements"):
            await opening(feed, ago(minutes=1), Fixed())

    asking("coinbase_spot", "coinbase.txt", one)
