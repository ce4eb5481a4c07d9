"""How often an exchange may be asked.

ccxt knows what each question costs; its own throttle runs on the machine's clock and polls every
millisecond. This one sleeps once, on the event loop's clock, which is virtual in a simulation.
"""

from __future__ import annotations

import asyncio

from tieout.ports import spending


class Limiter:
    """Lets questions through in the order in which they come, `interval` seconds a unit of cost.

    Venues count over a minute or so: who asked nothing for a while may ask several things at once.

    Args:
        burst: seconds of the pace that may be asked ahead of it.
    """

    def __init__(self, interval: float, burst: float = 0.0) -> None:
        self._interval = interval
        self._burst = burst
        self._free_at = float("-inf")

    async def __call__(self, cost: float) -> None:
        spent = spending.get()
        if spent is not None:
            spent.seconds += cost * self._interval
        now = asyncio.get_running_loop().time()
        start = max(now - self._burst, self._free_at)
        self._free_at = start + cost * self._interval
        if start > now:
            await asyncio.sleep(start - now)
