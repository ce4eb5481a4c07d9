"""How often an exchange may be asked.

ccxt knows what each question costs; its own throttle runs on the machine's clock and polls every
millisecond. This one sleeps once, on the event loop's clock, which is virtual in a simulation.
"""

from __future__ import annotations

import asyncio


class Limiter:
    """Lets questions through in the order in which they come, `interval` seconds a unit of cost."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._free_at = 0.0

    async def __call__(self, cost: float) -> None:
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at)
        self._free_at = start + cost * self._interval
        if start > now:
            await asyncio.sleep(start - now)
