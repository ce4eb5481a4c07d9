"""Each fault does what it says, where it says, and is written down; over HTTP and in process."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from simulation.exchange_clients import START, bybit, kraken, opened, signed_binance

from tieout.testing import virtual
from tieout.testing.exchange import Account, Exchange, Fault, Faults, Latency, Market, Trouble
from tieout.testing.exchange.server import serve
from tieout.testing.virtual import VirtualClock

D = Decimal
BTC, PERP = "BTC/USDT", "BTC/USDT:USDT"
ACCOUNT, TRADES = "/api/v3/account", "/api/v3/myTrades"


def simulated(*plan: Fault, venue: str = "binance", **options: Any) -> tuple[Exchange, Account]:
    """Inside of virtual time: an exchange with faults, and an account with money and two fills."""
    exchange = Exchange(VirtualClock(), faults=Faults(5, plan), **options)
    account = opened(exchange, venue)
    account.deposit("USDT", "1000000")
    account.trade(BTC, "buy", "1", "90000.00")
    account.trade(BTC, "buy", "2", "90000.00")
    return exchange, account


async def ask(exchange: Exchange, path: str = ACCOUNT, **params: Any) -> tuple[int, Any, Any]:
    transport = exchange.transport("binance", latency=Latency(0, 0))
    if path == TRADES:
        params = {"symbol": "BTCUSDT", **params}
    url, headers = signed_binance(exchange, path, params)
    status, _, got, body = await transport("GET", url, headers)
    return status, got, json.loads(body) if body[:1] in "{[" and body else body


def held(body: Any) -> dict[str, str]:
    return {row["asset"]: row["free"] for row in body["balances"]}


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        (Trouble.RATE_LIMITED, 429, "-1003"),
        (Trouble.BANNED, 418, "-1003"),
        (Trouble.OUTAGE, 503, "-1008"),
        (Trouble.HTML, 502, "<html>"),
        (Trouble.EMPTY_BODY, 200, ""),
        (Trouble.EMPTY_OBJECT, 200, "{}"),
    ],
)
def test_what_is_said_instead_of_an_answer(kind: Trouble, status: int, body: str) -> None:
    async def main() -> None:
        exchange, _ = simulated(Fault(kind))
        got, headers, said = await ask(exchange)
        assert got == status
        assert body in (said if isinstance(said, str) else json.dumps(said))
        assert ("Retry-After" in headers) is (kind in {Trouble.RATE_LIMITED, Trouble.BANNED})
        (injected,) = exchange.faults.injected
        assert (injected.kind, injected.subject) == (kind, ACCOUNT)

    virtual.run(main(), START)


@pytest.mark.parametrize(
    ("path", "kind", "status", "body"),
    [
        ("/v5/market/time", Trouble.RATE_LIMITED, 200, "10006"),
        ("/v5/market/time", Trouble.BANNED, 403, "access too frequent"),
        ("/v5/market/time", Trouble.OUTAGE, 503, "10016"),
        ("/0/public/Time", Trouble.RATE_LIMITED, 200, "EAPI:Rate limit exceeded"),
        ("/0/public/Time", Trouble.BANNED, 200, "EGeneral:Temporary lockout"),
        ("/0/public/Time", Trouble.OUTAGE, 200, "EService:Unavailable"),
    ],
)
def test_each_venue_refuses_in_its_own_words(
    path: str, kind: Trouble, status: int, body: str
) -> None:
    async def main() -> None:
        exchange = Exchange(VirtualClock(), faults=Faults(1, [Fault(kind)]))
        got, _, _, said = await exchange.transport()("GET", f"http://x{path}", {})
        assert got == status
        assert body in said

    virtual.run(main(), START)


def test_server_errors_are_of_several_statuses() -> None:
    async def main() -> set[int]:
        exchange, _ = simulated(Fault(Trouble.SERVER_ERROR))
        return {(await ask(exchange))[0] for _ in range(30)}

    assert virtual.run(main(), START) == {500, 502, 503, 504}


def test_in_process_a_timeout_takes_its_time_and_a_lost_or_cut_answer_raises() -> None:
    class Cut(Exception):
        pass

    async def main() -> None:
        exchange, _ = simulated(
            Fault(Trouble.TIMEOUT, between=[(0, 1)]),
            Fault(Trouble.DROPPED, between=[(5, 15)]),
            Fault(Trouble.CUT, between=[(15, 99)]),
        )
        transport = exchange.transport("binance", timeout=10, cut=Cut, latency=Latency(0.1, 0.1))
        clock = VirtualClock()
        url, headers = signed_binance(exchange, ACCOUNT)
        with pytest.raises(TimeoutError):
            await transport("GET", url, headers)
        assert (clock.now() - START).total_seconds() == pytest.approx(10)
        with pytest.raises(ConnectionError):
            await transport("GET", url, headers)
        await asyncio.sleep(10)
        with pytest.raises(Cut):
            await transport("GET", *signed_binance(exchange, ACCOUNT))
        kinds = [each.kind for each in exchange.faults.injected]
        assert kinds == [Trouble.TIMEOUT, Trouble.DROPPED, Trouble.CUT]

    virtual.run(main(), START)


def test_latency_passes_around_the_instant_that_the_answer_is_of() -> None:
    async def main() -> tuple[float, float]:
        exchange, _ = simulated()
        transport = exchange.transport("binance", latency=Latency(2, 2))
        began = exchange.milliseconds()
        *_, body = await transport("GET", "http://x/api/v3/time", {})
        return (json.loads(body)["serverTime"] - began) / 1000, (
            exchange.milliseconds() - began
        ) / 1000

    inside, whole = virtual.run(main(), START)
    assert 0 < inside < 2
    assert whole == 2


def test_edge_03_a_stale_snapshot_is_the_state_of_then_and_says_how_old() -> None:
    async def main() -> None:
        exchange, account = simulated(Fault(Trouble.STALE, at=[20], seconds=(4, 6)))
        await asyncio.sleep(10)
        account.trade(BTC, "buy", "1", "90000.00")
        await asyncio.sleep(10)
        account.trade(BTC, "buy", "1", "90000.00")
        stale, fresh = [held((await ask(exchange))[2])["BTC"] for _ in range(2)]
        assert (stale, fresh) == ("3.99600000", "4.99500000")
        (injected,) = exchange.faults.of(Trouble.STALE)
        assert 4000 <= injected.milliseconds <= 6000

    virtual.run(main(), START)


def test_edge_06_an_empty_account_is_well_formed_and_its_trades_are_there() -> None:
    async def main() -> None:
        exchange, _ = simulated(Fault(Trouble.EMPTY_ACCOUNT))
        status, _, body = await ask(exchange)
        assert (status, body["balances"], body["canTrade"]) == (200, [], True)
        assert len((await ask(exchange, TRADES))[2]) == 2
        assert [each.subject for each in exchange.faults.injected] == [ACCOUNT]

    virtual.run(main(), START)


def test_rows_are_doubled_in_lists_of_events_only() -> None:
    async def main() -> None:
        exchange, _ = simulated(Fault(Trouble.DOUBLED))
        ids = [row["id"] for row in (await ask(exchange, TRADES))[2]]
        assert ids == [1001, 1001, 1002]
        assert set(held((await ask(exchange))[2])) == {"BTC", "USDT"}
        assert len(exchange.faults.injected) == 1

    virtual.run(main(), START)


def test_a_missing_fill_moves_the_balance_and_is_never_listed() -> None:
    async def main() -> None:
        exchange, account = simulated(Fault(Trouble.MISSING_FILL, at=[5]))
        await asyncio.sleep(6)
        account.trade(BTC, "buy", "1", "90000.00")
        account.trade(BTC, "buy", "1", "90000.00")
        await asyncio.sleep(3600)
        assert [row["id"] for row in (await ask(exchange, TRADES))[2]] == [1001, 1002, 1004]
        assert held((await ask(exchange))[2])["BTC"] == "4.99500000"
        (injected,) = exchange.faults.injected
        assert injected.subject == "binance main BTC/USDT 1003"

    virtual.run(main(), START)


def test_edge_04_a_late_fill_is_listed_after_its_lag_and_the_rest_after_the_usual_one() -> None:
    async def main() -> list[int]:
        late = Fault(Trouble.LATE_FILL, at=[0], seconds=(10, 10))
        exchange, _ = simulated(late, visibility=(2, 2))
        counts = []
        for _ in range(7):
            counts.append(len((await ask(exchange, TRADES))[2]))
            await asyncio.sleep(2)
        return counts

    assert virtual.run(main(), START) == [0, 1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("venue", ["bybit", "kraken"])
def test_fills_are_late_and_missing_at_the_other_venues_too(venue: str) -> None:
    symbol = "BTC/USD" if venue == "kraken" else BTC

    async def main() -> tuple[list[int], list[Trouble]]:
        missing = Fault(Trouble.MISSING_FILL, at=[1])
        exchange = Exchange(VirtualClock(), faults=Faults(5, [missing]), visibility=(2, 2))
        account = opened(exchange, venue)
        for _ in range(3):
            account.trade(symbol, "buy", "1", "90000.00")
            await asyncio.sleep(1)
        counts = []
        for nonce in range(1, 4):
            if venue == "kraken":
                asked = kraken(exchange, "/0/private/TradesHistory", nonce=nonce)[2]["result"]
                counts.append(asked["count"])
            else:
                asked = bybit(exchange, "/v5/execution/list", {"category": "spot"})[2]["result"]
                counts.append(len(asked["list"]))
            await asyncio.sleep(0.5)
        return counts, [each.kind for each in exchange.faults.injected]

    # Seconds 3, 3.5 and 4; the second of the three is never listed.
    assert virtual.run(main(), START) == ([1, 1, 2], [Trouble.MISSING_FILL])


def test_a_share_of_the_fills_is_missing_whoever_asks() -> None:
    async def main() -> None:
        exchange, account = simulated(Fault(Trouble.MISSING_FILL, rate=0.05, between=[(5, 15)]))
        for _ in range(1000):
            account.trade(BTC, "buy", "0.001", "90000.00")
        await asyncio.sleep(10)
        for _ in range(1000):
            account.trade(BTC, "buy", "0.001", "90000.00")
        missing = exchange.faults.of(Trouble.MISSING_FILL)
        assert 25 < len(missing) < 80
        assert {each.at for each in missing} == {exchange.began + 10_000}
        listed = sum(fill.listed_at is not None for fill in account.executions[BTC].fills)
        assert listed == 2002 - len(missing)

    virtual.run(main(), START)


def test_edge_32_liquidations_come_by_a_plan_and_by_chance() -> None:
    async def main() -> None:
        exchange, account = simulated(
            Fault(Trouble.LIQUIDATION, at=[30]), Fault(Trouble.ADL, rate=0.05, between=[(60, 600)])
        )
        Market(exchange, [account], seed=2, rate=2, symbols=[PERP]).endow()
        await asyncio.sleep(600)
        exchange.advance()
        done = exchange.faults.of(Trouble.LIQUIDATION, Trouble.ADL)
        assert done[0].kind is Trouble.LIQUIDATION
        assert done[0].at == exchange.began + 30_000
        assert 10 < len(done) < 50
        kinds = Counter(fill.execution for fill in account.executions[PERP].fills)
        assert (kinds["liquidation"], kinds["adl"]) == (1, len(done) - 1)

    virtual.run(main(), START)


def test_a_venue_whose_clock_is_ahead_refuses_our_time() -> None:
    async def main() -> None:
        exchange, _ = simulated(Fault(Trouble.SKEW, seconds=(6, 6)))
        *_, said = await ask(exchange)
        assert said["code"] == -1021
        told = (await ask(exchange, "/api/v3/time"))[2]["serverTime"]
        assert told == exchange.milliseconds() == exchange.elsewhere() // 1_000_000 + 6000

    virtual.run(main(), START)


def test_a_venue_dates_everything_by_its_own_clock() -> None:
    async def main() -> None:
        exchange, account = simulated(Fault(Trouble.SKEW, seconds=(-6, -6)))
        ours = exchange.elsewhere() // 1_000_000
        assert [fill.at for fill in account.executions[BTC].fills] == [ours - 6000] * 2
        assert exchange.advance() == ours - 6000

    virtual.run(main(), START)


def test_what_it_says_of_the_time_may_be_wrong_for_a_while() -> None:
    async def main() -> None:
        exchange, _ = simulated(Fault(Trouble.SKEW, seconds=(6, 6), between=[(10, 20)]))
        told = []
        for _ in range(3):
            said = (await ask(exchange, "/api/v3/time"))[2]["serverTime"]
            told.append(said - exchange.milliseconds())
            await asyncio.sleep(10)
        assert told == [0, 6000, 0]
        assert exchange.milliseconds() == exchange.elsewhere() // 1_000_000

    virtual.run(main(), START)


def test_a_rate_a_window_and_a_path_restrict_a_fault() -> None:
    async def main() -> tuple[int, list[str]]:
        exchange, _ = simulated(
            Fault(Trouble.OUTAGE, rate=0.5, between=[(10, 20), (30, 40)], paths=["myTrades"])
        )
        for _ in range(50):
            await ask(exchange, TRADES)
            await ask(exchange)
            await asyncio.sleep(1)
        passed = [(each.at - exchange.began) / 1000 for each in exchange.faults.injected]
        assert all(10 <= each < 20 or 30 <= each < 40 for each in passed)
        return len(passed), sorted({each.subject for each in exchange.faults.injected})

    count, subjects = virtual.run(main(), START)
    assert 4 < count < 16
    assert subjects == [TRADES]


def test_faults_can_be_asked_for_by_kind_and_time() -> None:
    faults = Faults(1, [Fault(Trouble.HTML)])
    exchange = Exchange(faults=faults)
    exchange.transport("binance")
    assert faults.of() == faults.of(Trouble.HTML) == []
    url, headers = "http://x/api/v3/time", {}
    from tieout.testing.exchange.gateway import answer

    answer(exchange, "GET", url, headers, None)
    (injected,) = faults.of(Trouble.HTML, since=exchange.began)
    assert faults.of(Trouble.CUT) == faults.of(until=injected.at - 1) == []


# Over HTTP


def over_http(kind: Trouble) -> tuple[type[Exception] | None, str]:
    """What a client makes of a fault: its exception, or the body."""

    async def main() -> tuple[type[Exception] | None, str]:
        exchange = Exchange(faults=Faults(1, [Fault(kind)]))
        timeout = aiohttp.ClientTimeout(total=0.3)
        async with serve(exchange) as server, aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with session.get(f"{server.base_url}/api/v3/exchangeInfo") as response:
                    return None, await response.text()
            except (aiohttp.ClientError, TimeoutError) as error:
                return type(error), ""

    return asyncio.run(main())


def test_over_http_answers_are_cut_lost_and_late() -> None:
    assert over_http(Trouble.CUT)[0] is aiohttp.ClientPayloadError
    assert over_http(Trouble.DROPPED)[0] is aiohttp.ServerDisconnectedError
    lost = over_http(Trouble.TIMEOUT)[0]
    assert lost is not None
    assert issubclass(lost, TimeoutError)
    assert over_http(Trouble.EMPTY_BODY) == (None, "")
    assert over_http(Trouble.HTML)[1].startswith("<html>")
