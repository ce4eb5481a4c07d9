"""Edge cases of orders, end to end: the simulated exchange, its adapter, a book, a monitor."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from edge_world import PERP, Desk, tell
from live_world import reconciliation

from tieout.core.model import Severity

ORDERS = reconciliation("orders")


def test_smoke(tmp_path: Path, monkeypatch: Any) -> None:
    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1")
        desk.account.place(PERP, "buy", "1", "30000")
        desk.believe()
        for name in ("it", "positions", "balances", "trades", "movements"):
            found = await desk.compare(name)
            print(name, found.status, found.kinds, found.row.reasons, found.row.counts)

    lines = [ORDERS] + [
        reconciliation(each).replace("  it:", f"  {each}:")
        for each in ("positions", "balances", "trades", "movements")
    ]
    tell(tmp_path, monkeypatch, "\n".join(lines), story)
