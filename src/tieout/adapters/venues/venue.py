"""What all adapters of venues do alike: time an answer, state its coverage, doubt an empty one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

from tieout.adapters.venues.aside import looking_aside
from tieout.adapters.venues.cells import Parser, Raw, Rows, Values, bad
from tieout.adapters.venues.classify import Wire
from tieout.adapters.venues.client import Client, spans
from tieout.adapters.venues.clock import Moment
from tieout.adapters.venues.markets import Market, Markets, instrument_row
from tieout.adapters.venues.paging import Pages, Stalled
from tieout.adapters.venues.settings import VenueSettings, subset
from tieout.adapters.venues.shapes import Shape
from tieout.core.asked import ahead, belongs
from tieout.core.live import EVENTS, SNAPSHOTS, Answer, Ask, Permissions, Witness
from tieout.core.model import Quarantined
from tieout.core.schema import RECORD_TYPES
from tieout.core.valuation import Instrument
from tieout.errors import VenueMalformed, VenueUnsupported

T = TypeVar("T")

LOOKBACK: Final = 24 * 3_600_000_000_000
"""Of a question about events that names no start, nanoseconds."""

MARKETS_FRESH: Final = 3_600.0
"""Seconds for which a list of markets is believed."""

MARKETS_AGAIN: Final = 60.0
"""Seconds after which it is asked for again, where an answer names a market that it lacks."""

AT_ONCE: Final = 8
"""Symbols that are asked about at the same time."""


@dataclass
class Gathered:
    """What an adapter found out for one question; `fetch` makes an `Answer` of it.

    Attributes:
        at: when it was asked: what the answer says was so then, or later.
        symbols: what is known in full, asked for or not; None: everything there is.
        wallets: of balances, those that the answer is about; None: all of the account.
        window: the times that are covered, where they are not those asked for.
        stated_at: the moment that the venue's answer names.
        latest: what the venue's clock says at most, UTC nanoseconds.
    """

    ask: Ask
    rows: Rows
    at: int
    symbols: frozenset[str] | None = None
    wallets: frozenset[str] | None = None
    window: tuple[int, int] | None = None
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stated_at: int | None = None
    latest: Callable[[], int] | None = None

    def read(self, found: Pages | Iterable[Raw], parse: Parser) -> None:
        """Add rows, those that were asked for; a list that did not end well says so."""
        if isinstance(found, Pages):
            self.reasons += found.reasons
            found = found.rows

        ask = self.ask
        since, until = self.window or (ask.since, ask.until)
        scope = Ask(ask.records, since, until, ask.symbols)
        told = self.at if self.latest is None else self.latest()

        def wanted(raw: Raw) -> Values | None:
            values = parse(raw)
            if values is None:
                return None
            if ask.records == "prices":
                return values if ask.symbols is None or values["pair"] in ask.symbols else None
            if (early := ahead(values, ask.records, told)) is not None:
                return bad(*early, values)  # also beyond the window: it does not belong there
            return values if belongs(values, scope) else None

        self.rows.read(found, wanted)

    def concerns(self, row: Quarantined) -> bool:
        """Whether an unreadable row may be about what was asked."""
        name = "currency" if self.ask.records == "balances" else "symbol"
        own = row.values.get(name)
        return self.ask.symbols is None or own is None or own in self.ask.symbols

    def covered(self) -> frozenset[str] | None:
        """Symbols (or currencies) about which the answer says everything; None: all."""
        if self.symbols is None or self.ask.symbols is None:
            return self.symbols if self.ask.symbols is None else self.ask.symbols
        return self.symbols & self.ask.symbols

    def stated(self, moment: int | None) -> None:
        """The answer names this moment; of several parts the earliest one counts."""
        if moment is not None:
            self.stated_at = moment if self.stated_at is None else min(self.stated_at, moment)


class VenueFeed:
    """Implements `ports.Venue`. An adapter has a coroutine `_<records>` for what it offers.

    It may have `_second_<records>` as well: see `second`.

    Class attributes:
        exchange: the `venue` of its records. `wire`: how the exchange speaks.
        market_kind: which markets are its own; adapters of one kind share them.
        orders_by_symbol: ids of orders count per symbol, as far as is known.
        OFFERS: record types.
    """

    exchange: ClassVar[str]
    wire: ClassVar[Wire]
    market_kind: ClassVar[str] = "spot"
    orders_by_symbol: ClassVar[bool] = False
    OFFERS: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self, settings: VenueSettings, client: Client, close: Callable[[], Awaitable[None]]
    ) -> None:
        self._settings = settings
        self._client = client
        self._close = close
        self._filled: dict[tuple[str, frozenset[str] | None], frozenset[str]] = {}
        self._loading = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def venue(self) -> str:
        return self.exchange

    @property
    def account(self) -> str:
        return self._settings.account

    @property
    def symbols(self) -> frozenset[str]:
        """Those of the configuration: asked about where the venue answers by symbol only."""
        return self._settings.symbols

    @property
    def offers(self) -> frozenset[str]:
        return self.OFFERS

    async def fetch(self, ask: Ask) -> Answer:
        """Answer `ask`.

        Raises:
            VenueUnsupported: this adapter has no such records.
            VenueError: there is no answer that can be used.
        """
        if ask.records not in self.offers:
            raise VenueUnsupported(
                f"{self._settings.venue} has no {ask.records}",
                venue=self.name,
                method=ask.records,
                hint=f"it has {', '.join(sorted(self.offers))}",
            )
        await self._ready()
        started = self._client.earliest()
        # Of a clock that is hardly known the question reaches as far as now may be; what is said
        # to be covered ends where it is no longer sure to be over.
        coarse = self._client.clock.coarse
        window = self._window(ask, self._client.latest() if coarse else started)
        found = Gathered(
            ask, self._rows(ask.records), started, window=window, latest=self._client.latest
        )
        answers: list[tuple[Moment, Moment]] = []
        token = spans.set(answers)
        try:
            await getattr(self, f"_{ask.records}")(ask, found)
        except Stalled as why:
            raise VenueMalformed(
                f"its pages do not fit together: {why}",
                venue=self.name,
                method=ask.records,
                hint="asked again it may; if not, please report it",
            ) from None
        finally:
            spans.reset(token)
        self._relist(found)
        return Answer(
            source=self.name,
            ask=ask,
            records=tuple(found.rows.kept()),
            # Of several questions, the first one's start and the last one's end.
            asked_at=min((self._client.earliest(sent) for sent, _ in answers), default=started),
            answered_at=max(
                (self._client.latest(back) for _, back in answers), default=self._client.latest()
            ),
            quarantined=tuple(each for each in found.rows.quarantined if found.concerns(each)),
            stated_at=found.stated_at,
            together=ask.records in SNAPSHOTS and len(answers) == 1,
            window=cut_at(started, found.window),
            coarse=coarse and (found.window or (0, 0))[1] == (window or (0, 0))[1],
            symbols=found.covered(),
            wallets=found.wallets,
            reasons=tuple(dict.fromkeys(found.reasons)),
            doubt=self._doubt(ask, found),
            notes=tuple(dict.fromkeys(found.notes)),
        )

    async def second(self, ask: Ask, names: Iterable[str]) -> Witness | None:
        """See `ports.Venue`. To `names` those of the last answer with something in it are added.

        Raises:
            VenueError: it gives no answer that can be used.
        """
        asking = getattr(self, f"_second_{ask.records}", None)
        if asking is None:
            return None
        await self._ready()
        known = self._filled.get((ask.records, ask.symbols), frozenset())
        with looking_aside():
            found: Witness | None = await asking(ask, known.union(names))
        return found

    async def order(self, symbol: str, order_id: str) -> Answer | None:
        """One order, however old it is.

        Returns:
            None where the venue cannot be asked for one, or has no such symbol.

        Raises:
            VenueError: it gives no answer that can be used; also where it does not know the order.
        """
        asking = getattr(self, "_order", None)
        if asking is None:
            return None
        await self._ready()
        market = (await self.markets()).by_symbol.get(symbol)
        if market is None:
            return None
        at = self._client.earliest()
        ask = Ask("orders", since=0, symbols=frozenset({symbol}))
        found = Gathered(ask, self._rows("orders"), at)
        with looking_aside():
            await asking(market, order_id, found)
        return Answer(
            source=self.name,
            ask=ask,
            records=tuple(found.rows.kept()),
            asked_at=at,
            answered_at=self._client.latest(),
            quarantined=tuple(found.rows.quarantined),
            symbols=ask.symbols,
        )

    async def skew(self) -> int:
        return await self._client.skew(name=self.name)

    async def ahead(self) -> int:
        await self._client.skew(name=self.name, fresh=False)
        moment = self._client.clock.moment()
        return self._client.earliest(moment) - moment.wall

    async def permissions(self) -> Permissions:
        """What the key may do; this adapter cannot say."""
        return Permissions()

    async def instruments(self) -> Mapping[str, Instrument]:
        return (await self.markets()).instruments()

    async def aclose(self) -> None:
        await self._close()

    async def _instruments(self, _: Ask, found: Gathered) -> None:
        rows = [instrument_row(market) for market in await self.markets()]
        found.read(rows, lambda row: row)

    # For adapters

    async def markets(self) -> Markets:
        """The venue's markets of this kind; asked for once a client."""
        async with self._loading:
            now = asyncio.get_running_loop().time()
            found, loaded_at = self._client.markets.get(self.market_kind, (None, 0.0))
            if found is None or now > loaded_at + MARKETS_FRESH:
                found = await self._loaded()
                self._client.markets[self.market_kind] = found, now
            assert isinstance(found, Markets)
            return found

    async def _loaded(self) -> Markets:
        try:
            return await self._load_markets()
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise VenueMalformed(
                f"its markets are not of the form that is known here ({type(error).__name__})",
                venue=self.name,
                method="markets",
                hint="update ccxt and Tieout; if it stays, please report it",
            ) from None

    def _relist(self, found: Gathered) -> None:
        """Forget the markets where an answer names one that is not among them: it may be new."""
        if any(each.field == "symbol" for each in found.rows.quarantined):
            _, loaded_at = self._client.markets.get(self.market_kind, (None, 0.0))
            if asyncio.get_running_loop().time() > loaded_at + MARKETS_AGAIN:
                self._client.markets.pop(self.market_kind, None)

    async def _load_markets(self) -> Markets:
        raise NotImplementedError

    async def _call(
        self, endpoint: str, params: Mapping[str, Any] | None = None, shape: Shape | None = None
    ) -> Any:
        """A question that needs the credentials."""
        return await self._client.call(endpoint, params, shape=shape, name=self.name)

    async def _public(
        self, endpoint: str, params: Mapping[str, Any] | None = None, shape: Shape | None = None
    ) -> Any:
        """A question that anybody may ask."""
        return await self._client.call(endpoint, params, shape=shape, signed=False, name=self.name)

    async def _each(self, items: Iterable[T], ask: Callable[[T], Awaitable[None]]) -> None:
        """`ask` for each of `items`, a few at the same time; the first error ends them all."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(item: T) -> None:
            async with gate:
                await ask(item)

        await together(*(one(item) for item in items))

    def _rows(self, records: str) -> Rows:
        constants = {"account": self.account, "venue": self.exchange}
        return Rows(self.name, records, RECORD_TYPES[records], constants)

    def _markets_of(self, ask: Ask, markets: Markets, found: Gathered) -> list[Market]:
        """The markets to go through one by one; coverage says so.

        A symbol that the venue does not have has no records there, which is said in a note.
        """
        wanted = subset(ask.symbols, self.symbols)
        known = [markets.by_symbol[each] for each in sorted(wanted) if each in markets.by_symbol]
        found.symbols = frozenset(market.symbol for market in known)
        unknown = sorted(wanted - found.symbols)
        if unknown:
            found.notes.append(f"{self.exchange} has no {', '.join(unknown)}")
        if not wanted:
            found.notes.append(
                f"{self.exchange} gives {ask.records} by symbol only, and none was asked for: "
                "name them in `symbols:`"
            )
        return known

    # Inside

    async def _ready(self) -> None:
        """Markets and the venue's clock, both of which outlast a question."""
        await together(self.markets(), self._client.skew(name=self.name, fresh=False))
        self._client.sharpen()

    @staticmethod
    def _window(ask: Ask, now: int) -> tuple[int, int] | None:
        """The times that a question about events asks for, cut to the past."""
        if ask.records not in EVENTS:
            return None
        until = now if ask.until is None else min(ask.until, now)
        return min(until - LOOKBACK if ask.since is None else ask.since, until), until

    def _doubt(self, ask: Ask, found: Gathered) -> str | None:
        """Why an empty answer is not trusted: the last one to this question was not empty."""
        if ask.records not in SNAPSHOTS or ask.since is not None:
            return None
        key = (ask.records, ask.symbols)
        if found.rows.records or found.rows.quarantined:
            name = "currency" if ask.records == "balances" else "symbol"
            named = {each.values.get(name) for each in found.rows.records}
            named |= {each.values.get(name) for each in found.rows.quarantined}
            self._filled[key] = frozenset(each for each in named if isinstance(each, str))
            return None
        return f"suddenly no {ask.records} at all" if key in self._filled else None


async def together(*asks: Awaitable[Any]) -> list[Any]:
    """The results of all; the first error cancels the others and is raised as it is."""
    tasks = [asyncio.ensure_future(each) for each in asks]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def cut_at(moment: int, window: tuple[int, int] | None) -> tuple[int, int] | None:
    """The part of a window that is not behind `moment`."""
    return None if window is None else (min(window[0], moment), min(window[1], moment))
