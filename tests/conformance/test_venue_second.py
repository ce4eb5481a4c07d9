"""The other endpoint that is asked where a snapshot is suddenly empty, over real HTTP."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from test_venues import BODIES, each_venue
from venue_cases import CASES, VenueCase

from tieout.adapters.venues.registry import VENUES
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Ask, Witness
from tieout.errors import VenueError
from tieout.testing.replay import Asked, Reply

NAMES = frozenset({"BTC", "ETH", "USDT"})

FOUND = {
    ("binance_spot", "balances"): ("getUserAsset", ("BTC", "ETH", "USDT")),
    ("binance_perp", "positions"): ("account", ("BTC/USDT:USDT",)),
    ("binance_perp", "balances"): ("account", ("USDT",)),
    ("bybit_spot", "balances"): ("query-account-coins-balance", ("BTC", "ETH", "USDT")),
    ("bybit_perp", "positions"): ("wallet-balance", ("positions in USDT",)),
    ("bybit_perp", "balances"): ("query-account-coins-balance", ("BTC", "ETH", "USDT")),
    ("kraken_spot", "balances"): ("Balance", ("BTC", "ETH", "USD")),
    ("kraken_margin", "positions"): ("TradeBalance", ("margin",)),
    ("gateio_spot", "balances"): ("total_balance", ("spot",)),
    ("bitget_spot", "balances"): ("all-account-balance", ("spot",)),
    ("coinbase_spot", "balances"): ("the portfolio's breakdown", ("ADA", "USD")),
    ("dydx_perp", "positions"): ("perpetualPositions", ("BTC/USDC:USDC", "EIGEN/USDC:USDC")),
    ("dydx_perp", "balances"): ("assetPositions", ("USDC",)),
}
"""What each says of the account that its case is about. The others have no second endpoint."""

NOTHING: dict[str, tuple[str, object]] = {
    "bitget_spot": (
        "/api/v2/account/all-account-balance",
        {"code": "00000", "data": [{"accountType": "spot", "usdtBalance": "0.00"}]},
    ),
    "coinbase_spot": (
        "/api/v3/brokerage/portfolios/*",
        {"breakdown": {"spot_positions": [{"asset": "ADA", "total_balance_crypto": 0}]}},
    ),
    "dydx_perp": ("/v4/*", {"positions": []}),
}
"""Venues whose case has no empty account: what the endpoint says then."""

SNAPSHOTS = ("positions", "balances")


async def second(feed: VenueFeed, ask: Ask) -> Witness | None:
    return await feed.second(ask, NAMES if ask.records == "balances" else ())


@each_venue
def test_it_says_again_what_is_there(case: VenueCase) -> None:
    async def run() -> None:
        async with case.serving() as (replay, feed):
            for records in SNAPSHOTS:
                found = await second(feed, Ask(records))
                expected = FOUND.get((case.name, records))
                assert found == (None if expected is None else Witness(*expected)), records
            assert replay.unanswered == []

    asyncio.run(run())


@each_venue
def test_where_nothing_is_it_says_so(case: VenueCase) -> None:
    async def run() -> None:
        async with case.serving(full=not case.empty) as (replay, feed):
            if case.name in NOTHING:
                path, body = NOTHING[case.name]
                await feed.instruments()
                await feed.skew()
                replay.on("GET", path, Reply(body))
            for records in SNAPSHOTS:
                if (case.name, records) in FOUND and case.name != "gateio_spot":
                    method, _ = FOUND[case.name, records]
                    assert await second(feed, Ask(records)) == Witness(method)

    asyncio.run(run())


def test_an_estimate_of_a_minute_ago_does_not_say_that_nothing_is_there() -> None:
    (case,) = [each for each in CASES if each.name == "gateio_spot"]

    async def run() -> None:
        async with case.serving() as (replay, feed):
            body = {"details": {"spot": {"amount": "0", "currency": "USDT"}}, "total": {}}
            replay.on("GET", "/api/v4/wallet/total_balance", Reply(body))
            assert await second(feed, Ask("balances")) is None

    asyncio.run(run())


@each_venue
def test_of_what_was_asked_about(case: VenueCase) -> None:
    """Of a sum over the account nobody knows what it is of."""

    async def run() -> None:
        async with case.serving() as (_, feed):
            for records in SNAPSHOTS:
                found = await second(feed, Ask(records, symbols=frozenset({"XRP"})))
                if (case.name, records) not in FOUND:
                    assert found is None
                elif found is not None:
                    assert found.held == ()
                else:
                    assert FOUND[case.name, records][1] in (
                        ("margin",), ("spot",), ("positions in USDT",)
                    )  # fmt: skip

    asyncio.run(run())


@each_venue
def test_a_bad_body_never_says_that_nothing_is_there(case: VenueCase) -> None:
    async def run() -> None:
        async with case.serving() as (replay, feed):
            for records in SNAPSHOTS:
                if (case.name, records) not in FOUND:
                    continue
                await second(feed, Ask(records))  # and the markets and the clock
                seen = len(replay.requests)
                await second(feed, Ask(records))
                asked = {(one.method, one.path) for one in replay.requests[seen:]}
                for method, path in asked:
                    for name, body in BODIES.items():
                        if name == "list" and path.endswith("getUserAsset"):
                            continue  # that is how it says so
                        replay.on(method, path, Reply(body))
                        before = len(replay.asked(method, path))
                        with suppress(VenueError):
                            found = await second(feed, Ask(records))
                            again = len(replay.asked(method, path)) > before  # the clock is not
                            assert not again, f"{path}, {name}: {found}"
                        replay.off(method, path)

    asyncio.run(run())


def test_bybit_is_asked_by_currency_ten_at_a_time_and_of_the_last_answer_too() -> None:
    (case,) = [each for each in CASES if each.name == "bybit_spot"]

    async def run() -> None:
        async with case.serving() as (replay, feed):
            assert await feed.second(Ask("balances"), ()) is None, "nobody knows of a currency"
            await feed.fetch(Ask("balances"))
            found = await feed.second(Ask("balances"), [f"X{n}" for n in range(18)])
            assert found is not None
            assert found.held == ("BTC", "ETH", "USDT")
            path = "/v5/asset/transfer/query-account-coins-balance"
            coins = [each.query["coin"].split(",") for each in replay.asked("GET", path)]
            assert [len(each) for each in coins] == [10, 10, 1]
            assert {"BTC", "ETH", "USDT"} < {coin for each in coins for coin in each}

    asyncio.run(run())


@pytest.mark.parametrize("name", ["binance_spot", "bybit_spot"])
def test_of_a_wallet_that_the_endpoint_does_not_know_it_says_nothing(name: str) -> None:
    (case,) = [each for each in CASES if each.name == name]
    case = replace(case, settings={"options": {"wallets": ["funding"]}})

    async def run() -> Any:
        async with case.serving() as (_, feed):
            return await second(feed, Ask("balances"))

    assert asyncio.run(run()) is None


def test_a_portfolio_margin_account_states_no_margin_of_positions() -> None:
    (case,) = [each for each in CASES if each.name == "bybit_perp"]
    entry = {"accountType": "UNIFIED", "coin": [{"coin": "USDT", "totalPositionIM": ""}]}

    async def run() -> None:
        async with case.serving() as (replay, feed):
            body = {"retCode": 0, "retMsg": "OK", "result": {"list": [entry]}}

            def wallet(_: Asked) -> Reply:
                return Reply(body)

            replay.on("GET", "/v5/account/wallet-balance", wallet)
            with pytest.raises(VenueError, match="totalPositionIM"):
                await feed.second(Ask("positions"), ())

    asyncio.run(run())


def test_every_venue_is_among_the_cases() -> None:
    assert {name for name, _ in FOUND} == set(VENUES) - {"hyperliquid_perp", "mexc_spot"}
    assert {case.name for case in CASES} == set(VENUES)
