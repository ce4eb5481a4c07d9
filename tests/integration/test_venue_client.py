"""The client of a venue: what it asks again, when, and what it says where it gives up."""

from __future__ import annotations

import asyncio
import logging
import traceback
from datetime import datetime, timedelta
from typing import Any

import pytest
from venue_client import GOOD, KEY, SECRET, Script, asked, client_of, virtual

from tieout.adapters.venues.client import Client
from tieout.adapters.venues.kraken_words import KRAKEN
from tieout.adapters.venues.settings import Credentials, Retry, VenueSettings, insecure
from tieout.adapters.venues.shapes import rows, table
from tieout.adapters.venues.transport import Cut, Unreachable
from tieout.errors import (
    UsageError,
    VenueError,
    VenueMalformed,
    VenueRateLimited,
    VenueRefused,
    VenueTimeout,
)
from tieout.ports import Clock

ACCOUNT = "privateGetAccount"


async def account(client: Client) -> Any:
    return await client.call(ACCOUNT, shape=rows("balances"))


def refusal(status: int, code: object, message: str = "no") -> tuple[int, str, dict[str, str], str]:
    return status, "Bad", {}, f'{{"code": {code}, "msg": "{message}"}}'


BUSY = (503, "Service Unavailable", {}, "<html>busy</html>")


# Trying again


def test_what_passes_is_asked_again_at_once_then_later_and_later() -> None:
    script = Script(BUSY, BUSY, BUSY, BUSY, GOOD)
    assert asked(script, account) == []
    assert script.moments == [0, 0, 0.1, 0.6, 3.1]


def test_after_the_last_attempt_it_is_an_error_that_names_venue_method_and_a_hint() -> None:
    script = Script(BUSY)
    with pytest.raises(VenueError, match="HTTP 503") as raised:
        asked(script, account)
    assert len(script.moments) == 5
    assert (raised.value.venue, raised.value.method) == ("here", ACCOUNT)
    assert raised.value.where == f"here: {ACCOUNT}"
    assert raised.value.hint


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Cut("the body was cut"), VenueMalformed),
        (Unreachable("ClientConnectorError"), VenueError),
        (ConnectionResetError(), VenueError),
        (TimeoutError(), VenueTimeout),
        ((200, "OK", {}, '{"balances": ['), VenueMalformed),
        ((200, "OK", {}, '{"balances": {}}'), VenueMalformed),
        ((200, "OK", {}, "[" * 100_000), VenueMalformed),
    ],
)
def test_a_bad_reply_is_asked_again_and_then_an_error(reply: Any, expected: type) -> None:
    assert asked(Script(reply, GOOD), account) == []
    with pytest.raises(expected):
        asked(Script(reply), account, retry=Retry(delays=(0.0,)))


def test_an_answer_that_does_not_come_times_out_and_is_asked_again() -> None:
    async def never(*_: Any) -> Any:
        await asyncio.sleep(3600)

    script = Script(GOOD)
    script.__class__ = type("Slow", (Script,), {"__call__": staticmethod(never)})
    with pytest.raises(VenueTimeout, match="within 2 s"):
        asked(script, account, timeout=2.0, retry=Retry(delays=(0.0,)))


def test_a_wrong_question_is_not_asked_again() -> None:
    script = Script(refusal(400, -1121, "Invalid symbol."))
    with pytest.raises(VenueError, match=r"Invalid symbol\. \(code -1121, HTTP 400\)") as raised:
        asked(script, account)
    assert raised.value.code == "-1121"
    assert len(script.moments) == 1


# Waiting


def test_a_rate_limit_is_waited_for_as_long_as_the_venue_says() -> None:
    limited = (429, "Too Many", {"Retry-After": "7"}, '{"code": -1003, "msg": "slow down"}')
    script = Script(limited, GOOD)
    assert asked(script, account) == []
    assert script.moments == [0, 7]


def test_nobody_asks_before_the_venue_allows() -> None:
    limited = (429, "Too Many", {"Retry-After": "7"}, '{"code": -1003, "msg": "slow down"}')
    script = Script(limited, GOOD)

    async def two(client: Client) -> None:
        first = asyncio.ensure_future(account(client))
        await asyncio.sleep(1)
        await account(client)
        await first

    asked(script, two)
    assert script.moments == [0, 7, 7]


def test_a_wait_beyond_the_budget_is_an_error_at_once_and_holds_back_the_next() -> None:
    script = Script((418, "teapot", {"Retry-After": "120"}, '{"code": -1003, "msg": "banned"}'))

    async def twice(client: Client) -> None:
        for left in (120, 120):
            with pytest.raises(VenueRateLimited) as raised:
                await account(client)
            assert raised.value.retry_after == left

    asked(script, twice)
    assert script.moments == [0]


def test_a_rate_limit_without_a_time_is_waited_for_longer_and_longer() -> None:
    script = Script(refusal(429, -1003))
    with pytest.raises(VenueRateLimited):
        asked(script, account)
    assert script.moments == [0, 1, 6, 21]


def test_our_own_limiter_lets_a_few_through_and_then_keeps_the_pace() -> None:
    script = Script(GOOD)

    async def many(client: Client) -> None:
        await asyncio.gather(*(account(client) for _ in range(30)))

    asked(script, many, options={"rate_limit": 50})
    # It costs 4 units of 50 ms, and 5 seconds of these are ahead.
    assert script.moments == pytest.approx([0.0] * 26 + [0.2, 0.4, 0.6, 0.8])


# Stopping


def test_refused_credentials_stop_all_questions_that_need_them() -> None:
    script = Script(refusal(401, -2015, "Invalid API-key, IP, or permissions for action."), GOOD)

    async def run(client: Client) -> None:
        for _ in range(3):
            with pytest.raises(VenueRefused, match="Invalid API-key"):
                await account(client)
        with pytest.raises(VenueRefused):
            await client.call("privateGetMyTrades")
        assert await client.call("publicGetExchangeInfo", signed=False) == {"balances": []}

    asked(script, run)
    assert len(script.moments) == 2


def test_a_permission_that_is_missing_stops_its_own_question_only() -> None:
    script = Script(
        (200, "OK", {}, '{"error": ["EGeneral:Permission denied"]}'),
        (200, "OK", {}, '{"error": [], "result": {}}'),
    )

    async def run(client: Client) -> None:
        for _ in range(2):
            with pytest.raises(VenueRefused):
                await client.call("privatePostLedgers")
        assert await client.call("privatePostBalanceEx", shape=table("result")) == {}

    asked(script, run, wire=KRAKEN)
    assert len(script.moments) == 2


def test_missing_and_misshapen_credentials_are_refused_before_anything_is_sent() -> None:
    script = Script(GOOD)
    with pytest.raises(VenueRefused, match="credentials"):
        asked(script, account, credentials=Credentials())

    async def balance(client: Client) -> Any:
        return await client.call("privatePostBalanceEx")

    with pytest.raises(VenueRefused) as raised:
        asked(script, balance, wire=KRAKEN, credentials=Credentials("key", "abcde"))
    assert "base64" in str(raised.value)
    assert script.asked == []


# The clock


def test_a_clock_that_is_off_is_measured_and_the_question_asked_again_once() -> None:
    script = Script(refusal(400, -1021, "Timestamp is outside of the recvWindow."), GOOD)
    script.times = lambda: 1_740_830_400_000 + 42_000

    async def run(client: Client) -> int:
        assert await account(client) == []
        return await client.skew(fresh=False)

    assert asked(script, run) // 1_000_000 == 42_000
    urls = [url for _, _, url, _ in script.asked]
    assert [url.split("?")[0].rsplit("/", 1)[1] for url in urls] == ["account", "time", "account"]
    assert "timestamp=1740830400000" in urls[0]
    assert "timestamp=1740830442000" in urls[2]


def test_a_clock_that_stays_off_is_an_error() -> None:
    script = Script(refusal(400, -1021))
    with pytest.raises(VenueError) as raised:
        asked(script, account)
    assert "clock" in (raised.value.hint or "")
    assert len(script.moments) == 2


def test_skew_is_halfway_and_the_window_contains_the_truth() -> None:
    script = Script(GOOD)

    async def slow(*_: Any) -> Any:
        await asyncio.sleep(0.3)
        reply = 200, "OK", {}, '{"serverTime": 1740830405000}'
        await asyncio.sleep(0.1)
        return reply

    async def run() -> None:
        client = client_of(script)
        client._transport = slow
        skew = await client.skew()
        assert skew / 1e9 == pytest.approx(5 - 0.2, abs=0.001)
        # The venue read its clock at 0.3 s: it is 4.7 s ahead, which has to be possible.
        now = client.now() - skew
        assert client.earliest() <= now + 4_700_000_000 <= client.latest()
        await client.aclose()

    virtual(run)


def test_a_clock_of_ours_that_was_set_is_noticed() -> None:
    script = Script(GOOD)

    async def run() -> None:
        client = client_of(script)
        script.times = lambda: 1_740_830_405_000 + round(asyncio.get_running_loop().time() * 1000)
        await client.skew(fresh=False)
        await asyncio.sleep(30)
        assert abs(await client.skew(fresh=False) - 5_000_000_000) <= 1_000_000
        assert len(script.asked) == 1
        true = client.clock._clock
        client.clock._clock = Ahead(true)
        assert abs(await client.skew(fresh=False) - 3_000_000_000) <= 1_000_000
        assert len(script.asked) == 2
        await client.aclose()

    virtual(run)


class Ahead:
    """A clock that was set two seconds ahead."""

    def __init__(self, true: Clock) -> None:
        self._true = true

    def now(self) -> datetime:
        return self._true.now() + timedelta(seconds=2)


def test_krakens_nonces_rise_and_go_out_one_at_a_time() -> None:
    script = Script((200, "OK", {}, '{"error": [], "result": {}}'))

    async def many(client: Client) -> None:
        await asyncio.gather(*(client.call("privatePostBalanceEx") for _ in range(20)))

    asked(script, many, wire=KRAKEN)
    nonces = [int(body.split("nonce=")[1].split("&")[0]) for *_, body in script.asked if body]
    assert len(nonces) == 20
    assert nonces == sorted(set(nonces))


# The breaker


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_through() -> None:
    script = Script(BUSY)

    async def run(client: Client) -> None:
        for _ in range(3):
            with pytest.raises(VenueError, match="HTTP 503"):
                await account(client)
        with pytest.raises(VenueError, match=r"3 questions failed.*in 60 s"):
            await account(client)
        assert len(script.asked) == 3
        await asyncio.sleep(60)
        probes = await asyncio.gather(account(client), account(client), return_exceptions=True)
        assert len(script.asked) == 4, "half open: one probe"
        assert ["not asked" in str(each) for each in probes] == [False, True]
        with pytest.raises(VenueError, match="not asked"):
            await account(client)
        script.replies[:] = [GOOD]
        await asyncio.sleep(60)
        assert await account(client) == []
        assert await account(client) == []

    asked(script, run, retry=Retry(delays=(), failures=3, cooldown=60))


def test_a_probe_that_is_cancelled_leaves_the_breaker_as_it_was() -> None:
    script = Script(BUSY)

    async def run(client: Client) -> None:
        with pytest.raises(VenueError):
            await account(client)
        await asyncio.sleep(60)
        probe = asyncio.ensure_future(account(client))
        await asyncio.sleep(0)
        probe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await probe
        script.replies[:] = [GOOD]
        assert await account(client) == []

    asked(script, run, retry=Retry(delays=(1.0,), failures=1, cooldown=60))


def test_an_answer_that_says_no_is_a_sign_of_life() -> None:
    script = Script(BUSY, refusal(400, -1121), BUSY, GOOD)

    async def run(client: Client) -> None:
        for _ in range(3):
            with pytest.raises(VenueError):
                await account(client)
        assert await account(client) == []

    asked(script, run, retry=Retry(delays=(), failures=2))


# Secrets


def test_secrets_and_signatures_are_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told = f"bad key {KEY} {SECRET} at https://x/y?signature=abcdef&timestamp=1"
    for reply in (
        refusal(400, -1100, told),
        refusal(401, -2014, told),
        Unreachable("ClientConnectorError"),
        ConnectionError(f"https://x/?apiKey={KEY}&signature=abcdef"),
        (200, "OK", {}, told),
        (502, told, {}, told),
    ):
        script = Script(reply)
        with pytest.raises(VenueError) as raised:
            asked(script, account, retry=Retry(delays=()))
        texts = [str(raised.value), repr(raised.value), *traceback.format_exception(raised.value)]
        texts += [record.getMessage() for record in caplog.records]
        for text in texts:
            assert KEY not in text
            assert SECRET not in text
            assert "abcdef" not in text
    assert SECRET not in repr(client_settings())
    assert KEY not in repr(client_settings())
    assert SECRET not in str(client_settings().credentials)


def client_settings() -> VenueSettings:
    return VenueSettings(
        "here", "binance_spot", "acc", Credentials(KEY, SECRET, "password-of-none")
    )


@pytest.mark.parametrize(
    ("url", "refused"),
    [
        ("http://127.0.0.1:9001", False),
        ("http://localhost:9001/x", False),
        ("ws://[::1]:9001", False),
        ("https://api.example.com", False),
        ("wss://stream.example.com", False),
        ("http://api.example.com", True),
        ("http://127.0.0.1.example.com", True),
        ("http://10.0.0.1:80", True),
        ("ws://stream.example.com", True),
        ("ftp://localhost", True),
        ("api.example.com", True),
    ],
)
def test_plain_http_is_refused_off_loopback(url: str, refused: bool) -> None:
    assert bool(insecure(url)) is refused
    if refused:
        with pytest.raises(UsageError):
            VenueSettings("here", "binance_spot", "acc", base_url=url)
