"""Whoever answers now: venues and books; and where alerts go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from tieout.core.live import Answer, Ask, Permissions, Witness
from tieout.core.model import Quarantined, Record, Severity
from tieout.core.read import Reading
from tieout.core.valuation import Instrument


@dataclass(slots=True)
class Spending:
    """What a comparison takes of a venue's rate limit.

    Attributes:
        seconds: for which the venue's pace was used up by its questions.
    """

    seconds: float = 0.0


spending: ContextVar[Spending | None] = ContextVar("spending", default=None)
"""Where the questions of the present task are counted."""


class Feed(Protocol):
    """Somebody who answers now: a venue, or a book. Coroutines run on the loop of the monitors."""

    @property
    def name(self) -> str:
        """As the configuration calls it."""
        ...

    @property
    def offers(self) -> frozenset[str]:
        """The record types that it can be asked for."""
        ...

    async def fetch(self, ask: Ask) -> Answer:
        """Answer a question whole, or say in the answer how far it reaches.

        Raises:
            SourceError: there is no answer that can be used; for a venue it is a VenueError.
        """
        ...

    async def aclose(self) -> None:
        """Close connections. More than once is no error."""
        ...


class Venue(Feed, Protocol):
    """An account at an exchange."""

    @property
    def venue(self) -> str:
        """The exchange, `binance`: the `venue` of its records."""
        ...

    @property
    def account(self) -> str: ...

    async def skew(self) -> int:
        """The venue's clock minus ours, in nanoseconds, halfway between request and reply."""
        ...

    async def ahead(self) -> int:
        """By how much the venue's clock is ahead of ours at least, nanoseconds; negative: behind.

        As it was measured in the last minutes; never measured, it is measured now.
        """
        ...

    async def permissions(self) -> Permissions: ...

    async def second(self, ask: Ask, names: Iterable[str]) -> Witness | None:
        """What another endpoint says of a snapshot in which suddenly nothing is.

        Args:
            names: symbols or currencies that may be there all the same.

        Returns:
            None where the venue has no other endpoint, or it cannot tell.

        Raises:
            SourceError: there is no answer that can be used.
        """
        ...

    async def order(self, symbol: str, order_id: str) -> Answer | None:
        """One order, however old it is.

        Returns:
            None where the venue cannot be asked for one.

        Raises:
            SourceError: there is no answer that can be used; also where it knows no such order.
        """
        ...

    async def instruments(self) -> Mapping[str, Instrument]:
        """By unified symbol. The only thing that is cached."""
        ...


class Book(Feed, Protocol):
    """What the firm believes.

    A book that offers `trades` and `movements` can be held against a snapshot at any instant.
    One that offers only snapshots can be compared while nothing moves.
    """

    async def version(self) -> str:
        """Changes whenever an answer could have changed; equal versions, equal answers."""
        ...


@dataclass(frozen=True, slots=True)
class Rows:
    """The records of a side, ready to be matched, and how far they reach.

    Attributes:
        columns: the canonical columns, where there may be no record to tell them.
        window: of events: the times that are covered.
    """

    source: str
    layout: Reading
    records: Sequence[Record]
    columns: Sequence[str]
    reasons: tuple[str, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    window: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()


class Notifier(Protocol):
    """Where alerts go."""

    def alert(self, severity: Severity, title: str, text: str, *, about: str) -> None:
        """Tell people. `about` names the matter: one alert a matter until it is settled.

        Never raises: an alert that cannot be sent is counted and logged.
        """
        ...

    def settled(self, about: str) -> None:
        """The matter is over: the next alert about it is a new one."""
        ...
