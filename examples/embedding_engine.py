"""Adapt a trading engine to Tieout, and see what it believes.

The engine below stands for one's own: a broker adapter with the usual three methods. Nothing in
it knows Tieout. Run it with `python examples/embedding_engine.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from tieout.adapters.books.engine import EngineBook
from tieout.adapters.clock import SystemClock
from tieout.core.live import Answer, Ask
from tieout.errors import SourceError


@dataclass
class Asset:
    symbol: str


@dataclass
class Position:
    asset: Asset
    amount: Decimal
    avg_price: Decimal | None


class PaperBroker:
    """A broker adapter as many engines have one."""

    def __init__(self) -> None:
        self.positions = [
            Position(Asset("BTC/USDT:USDT"), Decimal("-0.75"), Decimal("64250.5")),
            Position(Asset("ETH/USDT:USDT"), Decimal(12), None),
        ]
        self.reachable = True

    async def get_positions(self) -> list[Position]:
        if not self.reachable:
            raise ConnectionError("the session has ended")
        return self.positions

    async def get_account_info(self) -> dict[str, object]:
        return {"cash": Decimal("10250.75"), "currency": "USDT", "equity": Decimal("10311.20")}

    async def get_open_orders(self) -> list[dict[str, object]]:
        return [
            {
                "broker_order_id": "812",
                "asset": Asset("ETH/USDT:USDT"),
                "amount": Decimal(-2),
                "limit_price": "3900.25",
                "status": "open",
                "created_at": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
            }
        ]


def show(answer: Answer) -> None:
    print(f"{answer.ask.records}, {'complete' if answer.complete else 'not complete'}:")
    for record in answer.records:
        known = {name: value for name, value in record.values.items() if value is not None}
        print("  ", ", ".join(f"{name}={value}" for name, value in known.items()))


async def main() -> None:
    broker = PaperBroker()
    book = EngineBook(
        broker, name="engine", account="main", venue="bybit", clock=SystemClock(), timeout=2.0
    )
    for records in ("positions", "balances", "orders"):
        show(await book.fetch(Ask(records)))

    # An engine that fails is an error: it never looks as if it held nothing.
    broker.reachable = False
    try:
        await book.fetch(Ask("positions"))
    except SourceError as error:
        print(error)
    await book.aclose()


if __name__ == "__main__":
    asyncio.run(main())
