"""What a live comparison is given, and what it comes to before it is judged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from tieout.core.canonical import nanoseconds
from tieout.core.read import Reading as Layout
from tieout.core.rules import Rules
from tieout.core.scan import Scan
from tieout.core.valuation import Quote
from tieout.errors import SourceError
from tieout.ports import Clock, Engine, Feed, Lease, Monitors, Notifier, Rows, Spool, Store
from tieout.service.live.empty import Believed
from tieout.service.live.heard import Heard
from tieout.service.live.universe import Universe
from tieout.service.setup import Progress, Reference, Standing

_T = TypeVar("_T")

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Timing:
    """How a live comparison waits. All in nanoseconds.

    Attributes:
        lag: after so long the venue lists every fill that its snapshot has seen.
        grace: how long one side may be behind the other; readings span at least this.
        confirmations: readings that a break takes, the first included.
        resamples: after so many readings a key is left undecided.
        lookback: how far a window of events reaches behind the cursor.
        full: how far back the first window, and one a day, reaches.
        closed: orders that were closed no longer ago than this are compared as well.
        transit: how long a transfer between one's own places may be on its way; 0: it never is.
    """

    lag: int = 2 * SECOND
    grace: int = 5 * SECOND
    confirmations: int = 2
    resamples: int = 5
    lookback: int = 3600 * SECOND
    full: int = 86_400 * SECOND
    closed: int = 86_400 * SECOND
    transit: int = 3600 * SECOND

    @property
    def overlap(self) -> int:
        """How far before a snapshot the entries of both sides are laid side by side."""
        return max(20 * SECOND, 3 * (self.grace + self.lag))


@dataclass(frozen=True, slots=True)
class LiveSetup:
    """A live reconciliation, wired.

    Attributes:
        internal, external: the book and the venue; or any two feeds.
        layouts: how the rows of the two sides are read once they are frames.
        universe: of which symbols the venue is asked for trades; grows.
        believed: the venue's last answer that nobody doubts.
        heard: the newest trades that it has told of. `own`: those of the book's last answer.
        every: nanoseconds between comparisons.
        on: what starts one: `start`, `interval`, `events`.
        quotes: prices besides those of the venue, by pair, and how old (ns) one may be; it may
            block, and raises SourceError.
        price_age: nanoseconds after which a price of the venue is too old.
        summed: the book has one record an order, so the venue's fills are summed by order.
        everywhere: the book of all accounts and venues, which knows both ends of a transfer;
            None: `internal` is that.
    """

    rules: Rules
    internal: Feed
    external: Feed
    layouts: tuple[Layout, Layout]
    timing: Timing = Timing()
    universe: Universe = field(default_factory=Universe)
    believed: Believed = field(default_factory=Believed)
    heard: Heard = field(default_factory=Heard)
    own: Heard = field(default_factory=Heard)
    every: int = 60 * SECOND
    on: frozenset[str] = frozenset({"start", "interval", "events"})
    quotes: Callable[[], tuple[Mapping[str, Quote], int | None]] | None = None
    price_age: int = 300 * SECOND
    summed: bool = False
    everywhere: Feed | None = None


class Offload(Protocol):
    """Runs something that blocks (engine, store) beside the loop."""

    def __call__(self, work: Callable[[], _T], /) -> Awaitable[_T]: ...


@dataclass(frozen=True, slots=True)
class LiveBench:
    """What live comparisons run with.

    Attributes:
        scan_of: records of a side -> what an engine reads.
        skew: nanoseconds by which `now` is ahead of our clock: it is the venue's time where both
            sides are read, since that is what their records are dated by.
    """

    engine: Engine
    store: Store
    clock: Clock
    spool: Callable[[], AbstractContextManager[Spool]]
    progress: Progress
    notifier: Notifier
    scan_of: Callable[[Rows], Scan]
    offload: Offload
    lease: Lease | None = None
    skew: int = 0

    @property
    def monitors(self) -> Monitors:
        return self.store.monitors

    def now(self) -> int:
        """UTC nanoseconds."""
        return nanoseconds(self.clock.now()) + self.skew


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides as they are to be judged.

    Attributes:
        internal, external: rows, or why there are none.
        as_of: UTC nanoseconds, by our clock.
        upto: of events: until when the window was covered, for the cursor; by the venue's clock.
        newest: when the newest trade happened that the venue has told of, UTC ns.
    """

    internal: Rows | SourceError
    external: Rows | SourceError
    standing: Standing
    reference: Reference
    as_of: int
    upto: int | None = None
    newest: int | None = None
