"""An adapter at the simulated exchange, in virtual time."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from tieout.adapters.venues.registry import Clients
from tieout.adapters.venues.settings import Credentials, Retry, VenueSettings
from tieout.adapters.venues.transport import Reply, Transport
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.canonical import plain_record
from tieout.core.entries import entries_of
from tieout.core.live import Answer, Ask
from tieout.core.money import add
from tieout.core.schema import RECORD_TYPES
from tieout.testing.exchange import Account, Exchange, FeePlan
from tieout.testing.virtual import VirtualClock, run

T = TypeVar("T")
START = datetime(2025, 3, 1, 12, tzinfo=UTC)
NOW_MS = 1_740_830_400_000
MILLI = 1_000_000
HOUR = 3_600_000
DAY = 24 * HOUR
KEY = "key-of-nobody-at-all"
SECRET = base64.b64encode(b"secret-of-nobody-at-all").decode()
D = Decimal
EVERYTHING = (NOW_MS - 300 * DAY) * MILLI


class World:
    """The exchange, the account at it, and the adapter.

    Attributes:
        instead: path to the body that comes in place of the exchange's; a callable gets the true
            body and returns another.
        asked: paths with queries, in the order in which they were asked.
    """

    def __init__(self, adapter: str, *, fees: FeePlan | None = None, hedged: bool = False) -> None:
        venue = adapter.split("_", maxsplit=1)[0]
        self.exchange = Exchange(VirtualClock(), limits=False)
        self.account: Account = self.exchange.open(
            venue, key=KEY, secret=SECRET, fees=fees, hedged=hedged
        )
        self.transport: Transport = self.exchange.transport(venue)
        self.instead: dict[str, Any] = {}
        self.asked: list[str] = []
        self.adapter = adapter
        self.clients = Clients(VirtualClock(), self._ask)

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: str | None
    ) -> Reply:
        status, reason, given, true = await self.transport(method, url, headers, body)
        path = url.split("//", 1)[1].split("/", 1)[1]
        self.asked.append(path)
        other = self.instead.get("/" + path.split("?")[0])
        if callable(other):
            other = other(json.loads(true))
        if other is not None:
            true, status = json.dumps(other), 200
        return status, reason, given, true

    def feed(self, adapter: str | None = None, **settings: Any) -> VenueFeed:
        given: dict[str, Any] = {
            "credentials": Credentials(KEY, SECRET),
            "account": "acc",
            "retry": Retry(delays=(0.0,), failures=10**9),
            **settings,
        }
        given["options"] = {"rate_limit": False, **given.get("options", {})}
        name = adapter or self.adapter
        return self.clients.open(VenueSettings(name, name, **given))


def live(
    adapter: str,
    ask: Callable[[World], Awaitable[T]],
    *,
    fees: FeePlan | None = None,
    hedged: bool = False,
    start: datetime = START,
) -> T:
    """What `ask` returns, in virtual time."""

    async def main() -> T:
        return await ask(World(adapter, fees=fees, hedged=hedged))

    return run(main(), start)


def answer(
    adapter: str,
    happened: Callable[[World], Any],
    ask: Ask,
    *,
    fees: FeePlan | None = None,
    hedged: bool = False,
    **settings: Any,
) -> Answer:
    """One answer, after something happened."""

    async def one(world: World) -> Answer:
        happened(world)
        feed = world.feed(**settings)
        try:
            return await feed.fetch(ask)
        finally:
            await feed.aclose()

    return live(adapter, one, fees=fees, hedged=hedged)


def told(found: Answer, *columns: str) -> list[tuple[str | None, ...]]:
    """The records of an answer as canonical text: these columns."""
    type_ = RECORD_TYPES[found.ask.records]
    plain = [plain_record(record.values, type_) for record in found.records]
    return [tuple(each.get(column) for column in columns) for each in plain]


def explained(trades: Answer, movements: Answer) -> dict[tuple[str, str], Decimal]:
    """What the ledger makes of all events since there was nothing: by name and wallet or leg."""
    sums: dict[tuple[str, str], Decimal] = {}
    for records, found in (("trades", trades), ("movements", movements)):
        for entry in entries_of(records, [each.values for each in found.records]):
            assert not entry.possible
            for key, amount in entry.effects.items():
                sums[key.name, key.part] = add(sums.get((key.name, key.part), D(0)), amount)
    return {key: amount for key, amount in sums.items() if amount}


def totals(*answers: Answer) -> dict[tuple[str, str], Decimal]:
    """What snapshots of balances and positions state, by name and wallet or leg."""
    found: dict[tuple[str, str], Decimal] = {}
    for each in answers:
        balances = each.ask.records == "balances"
        name, part, amount = (
            ("currency", "wallet", "total") if balances else ("symbol", "leg", "quantity")
        )
        for record in each.records:
            row: dict[str, Any] = dict(record.values)
            found[row[name], row[part]] = row[amount]
    return found
