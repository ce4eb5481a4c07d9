"""A book that hears of fills late, out of order and sometimes twice, and gets some of them wrong.

It is a `ports.Book`: positions, balances, orders, trades and movements are what it has heard so
far, as running sums. What it got wrong on purpose is in `truth`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import structs

from tieout.core.live import Answer, Ask
from tieout.core.model import Record, Value
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.testing.exchange import booked
from tieout.testing.exchange.planting import Drift, Plant, Planted, Seeding, cash_of, misheard
from tieout.testing.exchange.records import ZERO, Event, Fill, Order, add, subtract
from tieout.testing.exchange.written import forget_oldest

if TYPE_CHECKING:
    from tieout.testing.exchange.account import Account
    from tieout.testing.exchange.model import Exchange

OFFERS: Final = frozenset({"positions", "balances", "orders", "trades", "movements"})
TWICE: Final = 0.03
"""The share of fills that are heard a second time."""

KEPT: Final = 120_000
"""Records that are kept at most as they were told: a history is asked for again and again."""


class _Heard(NamedTuple):
    """An event as the book hears it; ordered by time."""

    at: int
    number: int
    account: Account
    event: Event


class SimulatedBook:
    """What somebody who trades these accounts believes.

    It has its own clock, which is not the venue's where that is ahead or behind.

    Args:
        delay: the least and the most seconds until it hears of an event.
        plants: what it gets wrong.
        deaf: it never hears of orders of these origins, and `truth` has each of their fills as
            UNHEARD: `manual`, `liquidation`, `adl`.
        product: `spot` or `perp` (at Kraken: on margin), to keep only what is of one of an
            account's products, as the venue adapters do; None: everything.
    """

    def __init__(
        self,
        exchange: Exchange,
        accounts: Sequence[Account],
        *,
        name: str = "book",
        seed: int = 0,
        delay: tuple[float, float] = (0.0, 2.0),
        plants: Sequence[Plant] = (),
        deaf: Sequence[str] = ("manual",),
        product: str | None = None,
    ) -> None:
        self._exchange = exchange
        self._accounts = tuple(accounts)
        self._name = name
        self._chance = Random(f"{seed}:{name}:book")
        self._delay = delay
        self._product = product
        self._deaf = frozenset(deaf)
        self._seeding = Seeding(plants, exchange.milliseconds())
        self._coming: list[tuple[int, int, _Heard]] = []
        self._numbers = count()
        self._known: set[tuple[str, str, int, int]] = set()
        self._events: list[_Heard] = []
        self._sums: dict[tuple[str, str, str, str, str], Decimal] = {}
        self._orders: dict[int, tuple[Account, Order]] = {}
        self._open: dict[int, None] = {}
        self._closed: list[tuple[int, int]] = []
        self._told: dict[tuple[str, int], tuple[object, tuple[Record, ...]]] = {}
        self._applied = 0
        self.truth: list[Planted] = []
        for account in self._accounts:
            for event in account.history.events:
                self._take_in(_Heard(event.at, next(self._numbers), account, event))
            account.listeners.append(self._hear)

    @property
    def name(self) -> str:
        return self._name

    @property
    def offers(self) -> frozenset[str]:
        return OFFERS

    async def version(self) -> str:
        self._catch_up()
        return str(self._applied)

    async def fetch(self, ask: Ask) -> Answer:
        """Answer from what was heard so far.

        Raises:
            SourceError: it has no such records.
        """
        if ask.records not in OFFERS:
            raise SourceError(f"the simulated book has no {ask.records}", where=self._name)
        latest, now = self._catch_up(), self._exchange.elsewhere()
        type_ = RECORD_TYPES[ask.records]
        window = None
        if type_.event:
            window = (ask.since or 0, latest if ask.until is None else ask.until)
        records = tuple(self._answers(ask, window, now))
        return Answer(self._name, ask, records, now, now, window=window, symbols=ask.symbols)

    async def aclose(self) -> None:
        for account in self._accounts:
            if self._hear in account.listeners:
                account.listeners.remove(self._hear)

    # Hearing

    def _hear(self, account: Account, event: Event) -> None:
        fill = event.fill
        kind = self._seeding.choose(fill) if fill is not None else None
        if event.order is not None and event.order.origin in self._deaf:
            if fill is None:
                return
            kind = Drift.UNHEARD
        heard = self._later(event.at)
        if kind is not None and fill is not None:
            event = self._wrong(account, event, fill, kind, heard) or event
            if kind is Drift.UNHEARD:
                return
        self._announce(heard, account, event)
        if fill is not None and self._chance.random() < TWICE:
            self._announce(self._later(event.at), account, event)

    def _later(self, at: int) -> int:
        least, most = self._delay
        return at + int((least + (most - least) * self._chance.random()) * 1000)

    def _announce(self, heard: int, account: Account, event: Event) -> None:
        number = next(self._numbers)
        heappush(self._coming, (heard, number, _Heard(event.at, number, account, event)))

    def _wrong(
        self, account: Account, event: Event, fill: Fill, kind: Drift, heard: int
    ) -> Event | None:
        """Note what is wrong; the event as it is heard in place of, or (PHANTOM) beside, the true
        one; None for the true one."""
        listing = self._exchange.listings[fill.symbol]
        perpetual = listing.perpetual or fill.order.margin
        wallet = account.perpetual_wallet if perpetual else account.spot_wallet
        told = fill if kind is Drift.UNHEARD else misheard(kind, fill, listing)
        real = ZERO if kind is Drift.PHANTOM else fill.signed
        believed = ZERO if kind is Drift.UNHEARD else told.signed
        truth = {} if kind is Drift.PHANTOM else cash_of(fill, listing, wallet)
        belief = {} if kind is Drift.UNHEARD else cash_of(told, listing, wallet)
        balances = {
            key: off
            for key in {**truth, **belief}
            if (off := subtract(belief.get(key, ZERO), truth.get(key, ZERO)))
        }
        moved = subtract(believed, real)
        positions = {(fill.symbol, fill.order.leg): moved} if perpetual and moved else {}
        self.truth.append(
            Planted(
                kind, event.at, heard, account.venue, account.name, fill.symbol, str(told.id),
                str(told.order.id), positions, balances,
            )
        )  # fmt: skip
        changed = structs.replace(event, fill=told)
        if kind is Drift.PHANTOM:
            self._announce(heard, account, structs.replace(changed, order=None))
            return None
        return changed

    def _catch_up(self) -> int:
        """Hear what was to be heard by now; the venue's present time in nanoseconds."""
        self._exchange.advance()
        now = self._exchange.nanoseconds()
        until = now // 1_000_000
        coming = self._coming
        while coming and coming[0][0] <= until:
            self._take_in(heappop(coming)[2])
        return now

    def _take_in(self, heard: _Heard) -> None:
        account, event = heard.account, heard.event
        fill = event.fill
        key = account.venue, account.name, event.sequence, fill.id if fill else 0
        if key in self._known:
            return
        self._known.add(key)
        self._applied += 1
        if event.order is not None:
            self._order(account, event.order)
        if fill is None and event.movement is None:
            return
        events = self._events
        if events and heard < events[-1]:
            insort(events, heard)
        else:
            events.append(heard)
        if fill is None:
            for cash in event.cash:
                self._sum(account, "balance", cash.asset, cash.wallet, cash.amount)
            return
        listing = self._exchange.listings[fill.symbol]
        perpetual = listing.perpetual or fill.order.margin
        if perpetual:
            self._sum(account, "position", fill.symbol, fill.order.leg, fill.signed)
        wallet = account.perpetual_wallet if perpetual else account.spot_wallet
        for (name, asset), amount in cash_of(fill, listing, wallet).items():
            self._sum(account, "balance", asset, name, amount)

    def _sum(self, account: Account, kind: str, name: str, part: str, amount: Decimal) -> None:
        key = account.venue, account.name, kind, name, part
        self._sums[key] = add(self._sums.get(key, ZERO), amount)

    def _order(self, account: Account, order: Order) -> None:
        """Filled never goes down, and what is closed stays so."""
        known = self._orders.get(order.id)
        if known is not None:
            before = known[1]
            if (before.updated, before.filled, before.closed) >= (
                order.updated, order.filled, order.closed,
            ):  # fmt: skip
                return
        self._orders[order.id] = account, order
        if not order.closed:
            self._open[order.id] = None
        elif known is None or not known[1].closed:
            self._open.pop(order.id, None)
            insort(self._closed, (order.created, order.id))

    # Telling

    def _answers(self, ask: Ask, window: tuple[int, int] | None, now: int) -> Iterator[Record]:
        if ask.records in {"positions", "balances"}:
            rows = enumerate(self._snapshot(ask, now), 1)
            return (_record(ask.records, values, number) for number, values in rows)
        if ask.records == "orders":
            return self._order_rows(ask)
        assert window is not None
        return self._event_rows(ask, window)

    def _snapshot(self, ask: Ask, now: int) -> Iterator[dict[str, Value]]:
        wanted = ask.records.removesuffix("s")
        for (venue, account, kind, name, part), amount in self._sums.items():
            if kind != wanted or not amount or not self._holds(kind, part):
                continue
            if ask.symbols is not None and name not in ask.symbols:
                continue
            about: dict[str, Value] = {"account": account, "venue": venue}
            if kind == "position":
                yield about | {"symbol": name, "leg": part, "quantity": amount, "as_of": now}
            else:
                yield about | {"currency": name, "wallet": part, "total": amount, "as_of": now}

    def _holds(self, kind: str, part: str) -> bool:
        if self._product is None:
            return True
        if kind == "position":
            return self._product == "perp"
        return (part == "futures") is (self._product == "perp") or part == "unified"

    def _trades(self, order: Order) -> bool:
        contract = ":" in order.symbol or order.margin
        return self._product is None or contract is (self._product == "perp")

    def _order_rows(self, ask: Ask) -> Iterator[Record]:
        """The open ones, and those that were closed and are of the time that is asked for."""
        ids = [*self._open]
        if ask.since is not None:
            first = bisect_left(self._closed, (-(-ask.since // booked.MILLI), 0))
            last = len(self._closed)
            if ask.until is not None:
                last = bisect_left(self._closed, (ask.until // booked.MILLI + 1, 0))
            ids += [id_ for _, id_ in self._closed[first:last]]
        for id_ in ids:
            account, order = self._orders[id_]
            if self._trades(order) and (ask.symbols is None or order.symbol in ask.symbols):
                yield from self._kept("orders", id_, order, _order, account, order)

    def _event_rows(self, ask: Ask, window: tuple[int, int]) -> Iterator[Record]:
        since, until = -(-window[0] // booked.MILLI), window[1] // booked.MILLI
        first = bisect_left(self._events, since, key=lambda heard: heard.at)
        last = bisect_right(self._events, until, key=lambda heard: heard.at)
        for heard in self._events[first:last]:
            account, event = heard.account, heard.event
            fill = event.fill
            if ask.records == "trades":
                if fill is not None and self._trades(fill.order):
                    if ask.symbols is None or fill.symbol in ask.symbols:
                        yield from self._kept("trades", heard.number, heard, _trade, account, event)
                continue
            moved = self._kept(
                "movements", heard.number, heard, booked.movements, account, event, self._product
            )
            for record in moved:
                if ask.symbols is None or record.values["symbol"] in ask.symbols:
                    yield record

    def _kept(
        self,
        records: str,
        number: int,
        about: object,
        tell: Callable[..., Iterable[booked.Values]],
        *given: object,
    ) -> tuple[Record, ...]:
        """What `tell(*given)` gives; that of the last time where `about` is the same object."""
        known = self._told.get((records, number))
        if known is not None and known[0] is about:
            return known[1]
        if len(self._told) >= KEPT:
            forget_oldest(self._told)
        told = tuple(_record(records, values, number) for values in tell(*given))
        self._told[records, number] = about, told
        return told


def _order(account: Account, order: Order) -> list[booked.Values]:
    return [booked.order(account, order)]


def _trade(account: Account, event: Event) -> list[booked.Values]:
    return [] if event.fill is None else [booked.trade(account, event.fill, event.sequence)]


def _record(records: str, values: booked.Values, number: int) -> Record:
    columns = _identity(records, tuple(values))
    return Record(values, {name: values[name] for name in columns}, number)


@lru_cache(maxsize=64)
def _identity(records: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return RECORD_TYPES[records].identity(frozenset(columns))
