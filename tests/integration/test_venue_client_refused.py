"""A key that is refused for a part of an exchange's API: that part is stopped, and no other."""

from __future__ import annotations

import ccxt
import pytest
from venue_client import GOOD, Script, asked

from tieout.adapters.venues.classify import Action, by_class
from tieout.adapters.venues.client import Client
from tieout.adapters.venues.settings import Retry
from tieout.adapters.venues.transport import Reply
from tieout.errors import VenueError, VenueRefused

WHY = "Invalid API-key, IP, or permissions for action."
NO: Reply = (401, "Unauthorized", {}, f'{{"code": -2015, "msg": "{WHY}"}}')


@pytest.mark.parametrize(
    ("refused", "same", "others"),
    [
        ("fapiPrivateV3GetPositionRisk", "fapiPrivateGetIncome", ["privateGetAccount"]),
        ("sapiGetAssetTransfer", "sapiV3PostAssetGetUserAsset", ["fapiPrivateV3GetBalance"]),
        (
            "privateGetAccount",
            "privateGetMyTrades",
            ["sapiGetAssetTransfer", "dapiPrivateGetBalance"],
        ),
    ],
)
def test_a_part_of_the_api_that_refuses_the_key_stops_no_other(
    refused: str, same: str, others: list[str]
) -> None:
    script = Script(NO, GOOD)

    async def run(client: Client) -> None:
        for _ in range(2):
            for endpoint in (refused, same):
                with pytest.raises(VenueRefused, match="Invalid API-key"):
                    await client.call(endpoint)
            for other in others:
                assert await client.call(other) == {"balances": []}

    asked(script, run)
    assert len(script.moments) == 1 + 2 * len(others)


def test_a_key_that_nothing_takes_is_one_matter_and_a_later_refusal_another() -> None:
    async def matters(client: Client) -> list[str]:
        found = []
        for endpoint in (
            "fapiPrivateV3GetBalance",
            "fapiPrivateV3GetBalance",
            "sapiGetAssetTransfer",
            "privateGetAccount",
        ):
            try:
                await client.call(endpoint)
            except VenueRefused as error:
                found.append(error.matter)
        return found

    dead = asked(Script(NO), matters)
    assert len(dead) == 4
    assert len(set(dead)) == 1
    later = asked(Script(NO, GOOD, NO), matters)  # what sapi took is refused by another
    assert later == [dead[0], dead[0], "here api"]


def test_a_part_of_the_api_that_is_out_stops_no_other() -> None:
    """The futures of an exchange are at another host than its spot markets."""
    out = (503, "Service Unavailable", {}, "{}")
    script = Script(out, out, out, GOOD)

    async def run(client: Client) -> None:
        for _ in range(3):
            with pytest.raises(VenueError, match="503"):
                await client.call("fapiPrivateV3GetBalance")
        with pytest.raises(VenueError, match="circuit breaker"):
            await client.call("fapiPrivateGetIncome")
        assert await client.call("privateGetAccount") == {"balances": []}

    asked(script, run, retry=Retry(delays=(), failures=3))


def test_a_permission_is_told_from_a_key_by_ccxt_where_nothing_else_is_known() -> None:
    assert by_class(ccxt.PermissionDenied("")) is Action.DENY
    assert by_class(ccxt.AccountNotEnabled("")) is Action.DENY
    assert by_class(ccxt.AuthenticationError("")) is Action.STOP
    assert by_class(ccxt.AccountSuspended("")) is Action.STOP
