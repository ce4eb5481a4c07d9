"""A trading engine that asks Tieout whether it may trade, and what it has lost.

The exchange is simulated, on loopback: nothing is needed but `pip install 'tieout[venues]'`.
Run it with `python examples/embedding_reconciler.py`.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import tieout
from tieout.testing.exchange import Exchange
from tieout.testing.exchange.server import Server, serve

KEY, SECRET = "example-key", "opens-nothing-at-all"
BTC = "BTC/USDT:USDT"
CONFIG = """
version: 1
reporting_currency: USDT
store: sqlite:///{directory}/tieout.db
sources:
  engine: {{type: frame}}                  # given to the Reconciler
  binance:
    type: venue
    venue: binance_perp
    api_key: env:BINANCE_KEY
    secret: env:BINANCE_SECRET
    base_url: {server.base_url}
    ws_url: {server.ws_url}
reconciliations:
  positions:
    records: positions
    internal: engine
    external: binance
    grace: 1s
    severity: {{quantity: high}}           # no trading with a wrong position
"""


class Engine:
    """Nothing in it knows Tieout."""

    def __init__(self) -> None:
        self.held = {BTC: Decimal("0.5")}

    async def get_positions(self) -> list[dict[str, Any]]:
        return [{"symbol": symbol, "quantity": size} for symbol, size in self.held.items()]

    async def get_account_info(self) -> dict[str, Any]:
        return {"balances": []}

    async def get_open_orders(self) -> list[dict[str, Any]]:
        return []


def written(directory: str, server: Server) -> Path:
    path = Path(directory, "tieout.yaml")
    path.write_text(CONFIG.format(directory=directory, server=server), encoding="utf-8")
    return path


async def trade(engine: Engine, exchange: Exchange, config: Path) -> None:
    async with tieout.Reconciler(config, books={"engine": engine}) as reconciler:
        print("at the start:", await reconciler.ready(timeout=30))

        # Somebody sells by hand; the engine does not hear of it.
        exchange.accounts["binance", "main"].trade(BTC, "sell", "0.2")
        await reconciler.reconcile("binance", symbols=[BTC])
        for found in await reconciler.breaks():
            (difference,) = found["differences"]
            print("a break:", found["key"]["symbol"], difference["difference"], found["severity"])
        print("and now:", await reconciler.ready(timeout=30))


async def main() -> None:
    exchange = Exchange()
    account = exchange.open("binance", key=KEY, secret=SECRET)
    account.deposit("USDT", "100000", wallet="futures", at=exchange.milliseconds() - 3_600_000)
    account.trade(BTC, "buy", "0.5", at=exchange.milliseconds() - 1_800_000)
    os.environ |= {"BINANCE_KEY": KEY, "BINANCE_SECRET": SECRET}
    with tempfile.TemporaryDirectory() as directory:
        async with serve(exchange) as server:
            await trade(Engine(), exchange, written(directory, server))


if __name__ == "__main__":
    asyncio.run(main())
