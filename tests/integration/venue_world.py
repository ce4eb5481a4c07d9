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
from tieout.core.live import Answer, Ask
from tieout.core.money import add, multiply
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
) -> T:
    """What `ask` returns, in virtual time that begins at `START`."""

    async def main() -> T:
        return await ask(World(adapter, fees=fees, hedged=hedged))

    return run(main(), START)


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


def explained(trades: Answer, movements: Answer, *, spot: bool) -> dict[str, Decimal]:
    """What the balances have to be, by currency, if these are all events since there was nothing."""
    sums: dict[str, Decimal] = {}

    def move(currency: Any, amount: Decimal) -> None:
        sums[currency] = add(sums.get(currency, D(0)), amount)

    for record in trades.records:
        row: dict[str, Any] = dict(record.values)
        sign = 1 if row["side"] == "buy" else -1
        if spot:
            base, quote = row["symbol"].split("/")
            move(base, row["quantity"] * sign)
            move(quote, multiply(row["quantity"], row["price"]) * -sign)
        move(row["fee_currency"], row["fee"].copy_negate())
    for record in movements.records:
        row = dict(record.values)
        move(row["currency"], row["amount"])
    return {currency: amount for currency, amount in sums.items() if amount}


def totals(balances: Answer) -> dict[str, Decimal]:
    """The totals of an answer, by currency."""
    return {str(each.values["currency"]): D(str(each.values["total"])) for each in balances.records}
