"""An adapter over HTTP against a replayed venue, as the tests of venues use it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from tieout.adapters.venues.registry import Clients
from tieout.adapters.venues.settings import Credentials, Retry, VenueSettings
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.canonical import plain_record
from tieout.core.live import Answer
from tieout.core.schema import RECORD_TYPES
from tieout.testing.replay import Replay

T = TypeVar("T")
FIXTURES = Path(__file__).parents[1] / "fixtures" / "venues"
NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)  # the venues' clocks in the fixtures: 1740830400
SECOND = 1_000_000_000
NOW_NS = 1_740_830_400 * SECOND
AT_ONCE = Retry(delays=(), waits=(), budget=0.0)


class Fixed:
    """A clock that stands."""

    def __init__(self, moment: datetime = NOW) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def ago(**span: float) -> int:
    """UTC nanoseconds of a moment before `NOW`."""
    return NOW_NS - int(timedelta(**span).total_seconds() * SECOND)


def asking(
    venue: str,
    fixture: str | tuple[str, ...] | None,
    ask: Callable[[VenueFeed, Replay], Awaitable[T]],
    *,
    unanswered: bool = False,
    retry: Retry = AT_ONCE,
    now: datetime = NOW,
    **settings: Any,
) -> T:
    """What `ask` returns, with an adapter that talks to a replayed venue."""

    async def run() -> T:
        async with Replay() as replay:
            for each in (fixture,) if isinstance(fixture, str) else fixture or ():
                replay.load(FIXTURES / each)
            given = {
                "credentials": Credentials(
                    key="key-of-nobody",
                    secret=SECRETS.get(venue, "c2VjcmV0LW9mLW5vYm9keQ=="),
                    password="pass-of-nobody",
                    wallet=WALLETS.get(venue),
                ),
                "timeout": 5.0,
                **settings,
                "options": {"rate_limit": False, **settings.get("options", {})},
            }
            made = VenueSettings("main", venue, "acc", base_url=replay.url, retry=retry, **given)
            feed = Clients(Fixed(now)).open(made)
            try:
                found = await ask(feed, replay)
            finally:
                await feed.aclose()
            if not unanswered:
                assert not replay.unanswered
            return found

    return asyncio.run(run())


SECRETS = {"coinbase_spot": "legacy-secret-of-nobody"}
WALLETS = {
    "hyperliquid_perp": "0x00000000000000000000000000000000000000a1",
    "dydx_perp": "dydx1test0000000000000000000000000000000000",
}


def told(answer: Answer, *columns: str) -> list[tuple[str | None, ...]]:
    """The records of an answer as canonical text: these columns."""
    type_ = RECORD_TYPES[answer.ask.records]
    plain = [plain_record(record.values, type_) for record in answer.records]
    return [tuple(each.get(column) for column in columns) for each in plain]
