"""What a failure means, by the venue's own codes and the HTTP status."""

from __future__ import annotations

import pytest

from tieout.adapters.venues.binance_words import BINANCE
from tieout.adapters.venues.bybit_words import BYBIT
from tieout.adapters.venues.classify import Action, Wire, judge, retry_after
from tieout.adapters.venues.faults import as_error
from tieout.adapters.venues.kraken_words import KRAKEN
from tieout.adapters.venues.settings import Credentials
from tieout.errors import (
    VenueError,
    VenueMalformed,
    VenueRateLimited,
    VenueRefused,
    VenueUnsupported,
)


def kraken(error: str) -> str:
    return f'{{"error": ["{error}"]}}'


def bybit(code: int) -> str:
    return f'{{"retCode": {code}, "retMsg": "x", "result": {{}}}}'


def binance(code: int) -> str:
    return f'{{"code": {code}, "msg": "x"}}'


@pytest.mark.parametrize(
    ("wire", "status", "body", "action", "error"),
    [
        (BINANCE, 401, binance(-2015), Action.STOP, VenueRefused),
        (BINANCE, 400, binance(-2014), Action.STOP, VenueRefused),
        (BINANCE, 400, binance(-1022), Action.STOP, VenueRefused),
        (BINANCE, 400, binance(-1021), Action.CLOCK, VenueError),
        (BINANCE, 429, binance(-1003), Action.WAIT, VenueRateLimited),
        (BINANCE, 418, binance(-1003), Action.WAIT, VenueRateLimited),
        (BINANCE, 429, "", Action.WAIT, VenueRateLimited),
        (BINANCE, 403, "<html>WAF</html>", Action.WAIT, VenueRateLimited),
        (BINANCE, 503, binance(-1000), Action.RETRY, VenueError),
        (BINANCE, 503, '{"code": 0, "msg": "Unknown error"}', Action.RETRY, VenueError),
        (BINANCE, 500, "", Action.RETRY, VenueError),
        (BINANCE, 400, binance(-1121), Action.REJECT, VenueError),
        (BINANCE, 400, binance(-4242), Action.REJECT, VenueError),
        (BINANCE, 400, binance(-1020), Action.UNSUPPORTED, VenueUnsupported),
        (BINANCE, 200, binance(-1003), Action.WAIT, VenueRateLimited),
        (BINANCE, 200, "", Action.MALFORMED, VenueMalformed),
        (BINANCE, 200, "{}", Action.MALFORMED, VenueMalformed),
        (BYBIT, 200, bybit(10002), Action.CLOCK, VenueError),
        (BYBIT, 200, bybit(10003), Action.STOP, VenueRefused),
        (BYBIT, 200, bybit(10004), Action.STOP, VenueRefused),
        (BYBIT, 200, bybit(10005), Action.DENY, VenueRefused),
        (BYBIT, 200, bybit(33004), Action.STOP, VenueRefused),
        (BYBIT, 200, bybit(10006), Action.WAIT, VenueRateLimited),
        (BYBIT, 200, bybit(10018), Action.WAIT, VenueRateLimited),
        (BYBIT, 403, "", Action.WAIT, VenueRateLimited),
        (BYBIT, 200, bybit(10016), Action.RETRY, VenueError),
        (BYBIT, 200, bybit(10001), Action.REJECT, VenueError),
        (BYBIT, 200, '{"result": {"list": []}}', Action.MALFORMED, VenueMalformed),
        (BYBIT, 200, '{"retCode": 0}', Action.MALFORMED, VenueMalformed),
        (KRAKEN, 200, kraken("EAPI:Invalid key"), Action.STOP, VenueRefused),
        (KRAKEN, 200, kraken("EAPI:Invalid signature"), Action.STOP, VenueRefused),
        (KRAKEN, 200, kraken("EGeneral:Permission denied"), Action.DENY, VenueRefused),
        (KRAKEN, 200, kraken("EAPI:Invalid nonce"), Action.CLOCK, VenueError),
        (KRAKEN, 200, kraken("EAPI:Rate limit exceeded"), Action.WAIT, VenueRateLimited),
        (KRAKEN, 200, kraken("EGeneral:Temporary lockout"), Action.WAIT, VenueRateLimited),
        (KRAKEN, 200, kraken("EService:Unavailable"), Action.RETRY, VenueError),
        (KRAKEN, 200, kraken("EService:Busy"), Action.RETRY, VenueError),
        (KRAKEN, 200, kraken("EService:Timeout"), Action.RETRY, VenueError),
        (KRAKEN, 200, kraken("EService:Throttled: 1740830410"), Action.WAIT, VenueRateLimited),
        (KRAKEN, 200, kraken("EQuery:Unknown asset pair"), Action.REJECT, VenueError),
        (KRAKEN, 200, kraken("EGeneral:Unknown method"), Action.UNSUPPORTED, VenueUnsupported),
        (KRAKEN, 200, '{"error": []}', Action.MALFORMED, VenueMalformed),
    ],
)
def test_failures_are_told_apart_by_the_venues_own_codes(
    wire: Wire, status: int, body: str, action: Action, error: type[VenueError]
) -> None:
    _, fault = judge(wire, (status, "x", {}, body))
    assert fault is not None
    assert fault.action is action
    assert type(as_error(fault, "here", "it", Credentials())) is error


def test_a_warning_of_kraken_stands_beside_a_good_answer() -> None:
    body = '{"error": ["WGeneral:Something"], "result": {"XXBT": "1"}}'
    data, fault = judge(KRAKEN, (200, "OK", {}, body))
    assert fault is None
    assert data["result"] == {"XXBT": "1"}


def test_numbers_stay_as_they_are_written() -> None:
    data, fault = judge(
        BINANCE, (200, "OK", {}, '{"a": 123456789.123456789, "b": 90071992547409931}')
    )
    assert fault is None
    assert data == {"a": "123456789.123456789", "b": 90071992547409931}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("", None)],
)
def test_retry_after_is_seconds(value: str, expected: float | None) -> None:
    assert retry_after({"retry-after": value}) == expected
