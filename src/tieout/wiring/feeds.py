"""Venues and books of a configuration, opened."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tieout.config.settings import (
    BookOptions,
    FreqtradeOptions,
    QueryOptions,
    Settings,
    SourceSettings,
    VenueOptions,
)
from tieout.errors import UsageError
from tieout.ports import Clock, Feed, Store
from tieout.service.live.universe import Universe

if TYPE_CHECKING:
    from tieout.adapters.venues.registry import Clients
    from tieout.adapters.venues.transport import Transport

SECOND = 1_000_000_000


def system_clock() -> Clock:
    """The clock of the machine."""
    from tieout.adapters.clock import SystemClock

    return SystemClock()


class Feeds:
    """Venues and books of a configuration, each opened once and closed together.

    Args:
        given: feeds for sources of type `frame`, by name.
        transport: in place of HTTP: a simulated exchange in the same process.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Clock,
        *,
        given: Mapping[str, Feed] | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._transport = transport
        self._clients: Clients | None = None
        self._given = dict(given or {})
        self._open: dict[tuple[str | None, ...], Feed] = {}
        self._universes: dict[tuple[str, str], Universe] = {}
        self._users: dict[str, Counter[str]] = defaultdict(Counter)

    def open(self, name: str, *, records: str = "trades", other: str | None = None) -> Feed:
        """The feed of a source. `other`: the side that a book without an account stands beside.

        Raises:
            MissingExtra: an optional dependency is not installed.
            UsageError: the source does not say how things are now.
        """
        if name in self._given:
            return self._given[name]
        from tieout.adapters.joint import joint

        source = self._settings.sources[name]
        key = (name, *self._about(source, records, other))
        found = self._open.get(key)
        if found is None:
            found = self._opened(source, records, other)
            if source.type == "venue":
                found = joint(found, self._users[name])
            found = self._open[key] = _named(source, found)
        return found

    def used(self, name: str, records: str) -> None:
        """One more monitor compares these records of a source: what several ask is asked once."""
        self._users[name][records] += 1

    def universe(self, internal: str, external: str, configured: frozenset[str]) -> Universe:
        """What a venue is asked for beside a book. All reconciliations of the two share it: where
        a balance moved, trades are looked for."""
        return self._universes.setdefault((internal, external), Universe(configured))

    async def aclose(self) -> None:
        """Close every feed, whatever happens to another one."""
        feeds = [*self._given.values(), *self._open.values()]
        self._given, self._open = {}, {}
        await asyncio.gather(*[each.aclose() for each in feeds], return_exceptions=True)

    def _about(
        self, source: SourceSettings, records: str, other: str | None
    ) -> tuple[str | None, ...]:
        """What else than its name tells apart two uses of a source.

        One book may stand beside several exchanges; a query gives one kind of record.
        """
        if isinstance(source.options, VenueOptions):
            return ()
        if isinstance(source.options, QueryOptions):
            return (source.records or records,)
        return self._place(source.options, other)

    def _opened(self, source: SourceSettings, records: str, other: str | None) -> Feed:
        options = source.options
        if isinstance(options, VenueOptions):
            return self._venue(source.name, options)
        account, venue = self._place(options, other)
        if isinstance(options, BookOptions):
            from tieout.adapters.books.ledger import LedgerBook
            from tieout.core.ledger import Method

            method = Method(basis=options.basis, fees=options.fees)
            return LedgerBook(
                source.name,
                self._store.journal,
                account=account,
                venue=venue,
                method=method,
                clock=self._clock,
                max_age=source.max_age,
            )
        if isinstance(options, FreqtradeOptions):
            from tieout.adapters.books.freqtrade import FreqtradeBook, FreqtradeSettings

            return FreqtradeBook(
                FreqtradeSettings(
                    name=source.name,
                    url=options.url.resolve(),
                    account=account or "main",
                    venue=venue or "",
                ),
                self._clock,
            )
        if isinstance(options, QueryOptions):
            return self._query(source, records)
        raise UsageError(
            f"the source {source.name!r} is of type {source.type}: it does not say how things are"
            " now",
            hint="use a venue, a book, freqtrade or sql; or pass an engine's book to"
            " tieout.Reconciler(books=...)",
        )

    def _venue(self, name: str, options: VenueOptions) -> Feed:
        from tieout.adapters.venues.registry import Clients

        if self._clients is None:
            self._clients = Clients(self._clock, self._transport)
        return self._clients.open(venue_settings(name, options, self._settings))

    def _place(self, options: object, other: str | None) -> tuple[str | None, str | None]:
        """Account and venue of a book: its own, else those of the side beside it."""
        account = getattr(options, "account", None)
        venue = getattr(options, "venue", None)
        beside = self._settings.sources[other].options if other is not None else None
        if isinstance(beside, VenueOptions):
            account, venue = account or beside.account, venue or beside.exchange
        return account, venue

    def _query(self, source: SourceSettings, records: str) -> Feed:
        from tieout.wiring.book import query_book

        return query_book(source, records, self._clock)


def _named(source: SourceSettings, feed: Feed) -> Feed:
    """The feed under the names that the configuration gives. A book knows itself what is stale."""
    from tieout.adapters.renamed import renamed

    own = source.type == "book"
    return renamed(
        feed,
        source.reading,
        strict=source.type != "venue",
        max_age=None if own else source.max_age,
    )


def venue_settings(name: str, options: VenueOptions, settings: Settings) -> Any:
    """What an adapter is opened with; references are resolved here and nowhere else."""
    from tieout.adapters.venues.settings import Credentials, Retry, VenueSettings

    given = {key: each.resolve() for key, each in options.references.items()}
    retries = settings.serve.retries
    retry = Retry() if retries is None else Retry(delays=_delays(retries))
    return VenueSettings(
        name=name,
        venue=options.venue,
        account=options.account,
        credentials=Credentials(
            key=given.get("api_key"),
            secret=given.get("secret"),
            password=given.get("password"),
            wallet=given.get("wallet_address"),
            subaccount=given.get("subaccount"),
        ),
        base_url=options.base_url,
        ws_url=options.ws_url,
        timeout=options.timeout / SECOND,
        symbols=options.symbols,
        options=options.resolved(),
        retry=retry,
    )


def _delays(retries: int) -> tuple[float, ...]:
    """So many further attempts: at once, after 100 ms, 500 ms, and then every 2.5 s."""
    usual = (0.0, 0.1, 0.5)
    return (*usual[:retries], *[2.5] * max(0, retries - len(usual)))


def engine_books(
    settings: Settings,
    books: Mapping[str, object],
    loop: asyncio.AbstractEventLoop,
) -> dict[str, Feed]:
    """An engine's own books as feeds, asked on the engine's loop.

    Raises:
        UsageError: the configuration has no source of such a name.
    """
    from tieout.adapters.books.engine import EngineBook

    feeds: dict[str, Feed] = {}
    for name, adapter in books.items():
        if name not in settings.sources:
            raise UsageError(
                f"the configuration has no source {name!r}",
                hint=f"it has {', '.join(settings.sources)}",
            )
        beside = _beside(settings, name)
        feeds[name] = EngineBook(
            adapter,  # type: ignore[arg-type]
            name=name,
            account=beside.account if beside is not None else "main",
            venue=beside.exchange if beside is not None else "",
            clock=system_clock(),
            loop=loop,
        )
    return feeds


def _beside(settings: Settings, name: str) -> VenueOptions | None:
    """The venue that a book is compared with."""
    for each in settings.reconciliations.values():
        if each.internal == name:
            options = settings.sources[each.external].options
            if isinstance(options, VenueOptions):
                return options
    return None
