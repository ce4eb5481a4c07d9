"""What matches two sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

from tieout.core.lifecycle import OpenItem
from tieout.core.model import Candidate, Quarantined, Record, Side
from tieout.core.read import Reading
from tieout.core.rows import DriftStatistic
from tieout.core.rules import Rules
from tieout.core.scan import Scan
from tieout.core.valuation import Instrument
from tieout.ports.matches import LogFile, MatchLog


@dataclass(frozen=True, slots=True)
class SideTask:
    """One side of a match: what to read, how, and what is carried into it."""

    side: Side
    scan: Scan
    reading: Reading
    carried: Sequence[OpenItem] = ()


@dataclass(frozen=True, slots=True)
class CheckTask:
    """The rows that a check looks up, by index in `Rules.checks`."""

    index: int
    scan: Scan
    reading: Reading


@dataclass(frozen=True, slots=True)
class MatchTask:
    """Everything an engine needs to match two sides.

    Attributes:
        cut: records later than this (UTC nanoseconds) are counted `after_cut`, not compared.
        business_date: the run's; the `since` of records that are new and after the cut.
            Without it, that is the cut's day in UTC.
        instruments: by symbol. Their ticks are tolerances; and where one has a multiplier, no
            engine can say what a `cash` check comes to.
        watched: internal records, as far as known, whose pairs are handed out even if they agree.
        logs: of earlier matches, the newest first; one of the business date itself is kept on, but
            for the pairs that are told anew. None: no matches are kept.
    """

    rules: Rules
    internal: SideTask
    external: SideTask
    checks: Sequence[CheckTask] = ()
    cut: int | None = None
    business_date: date | None = None
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    watched: Sequence[Record] = ()
    logs: Sequence[LogFile] | None = None


@dataclass(frozen=True, slots=True)
class SideFacts:
    """What an engine learned about a side.

    Attributes:
        rows: readable records of the scan (carried ones not counted).
        quarantined: the unreadable ones.
        after_cut: records later than the cut; to be carried.
        watermark: latest time of the record type's clock among them, UTC nanoseconds.
        totals: sums asked for by the scan's controls; `notional` is the sum of price x quantity.
        parts: the same sums, of each of the controls' parts.
        missing_symbols: of those that the controls require, the ones that were not there.
        outside_window: records outside the controls' window.
        columns: the canonical columns that the source has. `identity`: its identity columns.
        skipped: rows that `only` and `skip` left out.
        unreadable: carried unreadable items that the source has not sent again.
        blank: of a check's source, in how many rows a column that it looks at is empty.
    """

    rows: int
    quarantined: Sequence[Quarantined] = ()
    after_cut: Sequence[OpenItem] = ()
    watermark: int | None = None
    totals: Mapping[str, Decimal] = field(default_factory=dict)
    parts: Sequence[Mapping[str, Decimal]] = ()
    missing_symbols: Sequence[str] = ()
    outside_window: int = 0
    columns: Sequence[str] = ()
    identity: Sequence[str] = ()
    skipped: int = 0
    unreadable: Sequence[OpenItem] = ()
    blank: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Matching:
    """An engine's answer.

    Attributes:
        agreed: pairs that do not break and were not handed out as candidates.
        agreed_within: those of them that differ, inside tolerance.
        candidates: everything that may be a break; read once. Closing the iterator early frees
            the engine's resources.
        checks: what is known of each check's source, in the order of `MatchTask.checks`.
        log: of this match, where matches are kept.
    """

    internal: SideFacts
    external: SideFacts
    agreed: int
    agreed_within: int
    candidates: Iterator[Candidate]
    statistics: Sequence[DriftStatistic] = ()
    checks: Sequence[SideFacts] = ()
    log: MatchLog | None = None


class Engine(Protocol):
    """Reads two sides, matches them, and hands out whatever may be a break.

    What `decide` breaks is among the candidates: an engine may hand out too much, never too
    little. Two engines give the same multiset of breaks, counts and facts for the same task.
    """

    @property
    def name(self) -> str: ...

    def match(self, task: MatchTask) -> AbstractContextManager[Matching]:
        """Raises SourceError where a side cannot be read."""
        ...

    def facts(self, side: SideTask) -> SideFacts:
        """What a side says of itself, where the other one could not be read. Nothing is carried.

        Raises SourceError where it cannot be read either.
        """
        ...
