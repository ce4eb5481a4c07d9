"""What Binance is charged for each question, against the weights that it states.

ccxt counts in 50 ms: of spot five of the 6,000 that Binance allows a minute, of USD-M one of 2,400.
https://developers.binance.com/docs/derivatives/usds-margined-futures, /docs/binance-spot-api-docs.
"""

from __future__ import annotations

from typing import Any

import pytest
from venue_client import GOOD, Script, asked

from tieout.adapters.venues.client import Client
from tieout.ports import Spending, spending

SPOT, PERP = 0.2, 1.0
"""Of ccxt's units for one of Binance's."""

WEIGHTS = [
    ("fapiPrivateV3GetPositionRisk", {}, 5 * PERP),
    ("fapiPrivateV3GetBalance", {}, 5 * PERP),
    ("fapiPrivateV3GetAccount", {}, 5 * PERP),
    ("fapiPrivateGetIncome", {}, 30 * PERP),
    ("fapiPrivateGetForceOrders", {}, 50 * PERP),
    ("fapiPrivateGetForceOrders", {"symbol": "BTCUSDT"}, 20 * PERP),
    ("fapiPrivateGetUserTrades", {"symbol": "BTCUSDT"}, 5 * PERP),
    ("fapiPrivateGetAllOrders", {"symbol": "BTCUSDT"}, 5 * PERP),
    ("fapiPrivateGetOpenOrders", {}, 40 * PERP),
    ("fapiPrivateGetOpenAlgoOrders", {}, 40 * PERP),
    ("fapiPublicV2GetTickerPrice", {}, 2 * PERP),
    ("fapiPublicGetExchangeInfo", {}, 1 * PERP),
    ("publicGetTime", {}, 1 * SPOT),
    ("publicGetExchangeInfo", {}, 20 * SPOT),
    ("publicGetTickerPrice", {}, 4 * SPOT),
    ("privateGetAccount", {}, 20 * SPOT),
    ("privateGetOpenOrders", {}, 80 * SPOT),
    ("privateGetOpenOrders", {"symbol": "BTCUSDT"}, 6 * SPOT),
    ("privateGetAllOrders", {"symbol": "BTCUSDT"}, 20 * SPOT),
    ("privateGetMyTrades", {"symbol": "BTCUSDT"}, 20 * SPOT),
    ("sapiGetCapitalDepositHisrec", {}, 0.1),
    ("sapiGetCapitalWithdrawHistory", {}, 2),
    ("sapiGetAssetAssetDividend", {}, 1),
    ("sapiGetAssetTransfer", {"type": "MAIN_UMFUTURE"}, 0.1),
]


@pytest.mark.parametrize(("endpoint", "params", "units"), WEIGHTS)
def test_a_question_is_charged_what_the_venue_counts(
    endpoint: str, params: dict[str, Any], units: float
) -> None:
    async def run(client: Client) -> float:
        spent = Spending()
        token = spending.set(spent)
        await client.call(endpoint, params)
        spending.reset(token)
        return spent.seconds

    found = asked(Script(GOOD), run, options={})
    assert found == pytest.approx(units * 0.05)
