"""A reconciliation, wired: what a run is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from tieout.core.calendars import Cutoff
from tieout.core.canonical import rules_digest
from tieout.core.lifecycle import OpenItem
from tieout.core.matched import Keep
from tieout.core.model import Break, Candidate, Cause, Record, Side
from tieout.core.read import Reading
from tieout.core.rules import BusinessDeadline, Rules
from tieout.core.scan import InputFile
from tieout.core.valuation import Instrument, Prices
from tieout.ports import Source


@dataclass(frozen=True, slots=True)
class SideSetup:
    """One side of a reconciliation, wired.

    Attributes:
        everything: the source repeats its whole history.
        due_by: until when, counted from the business date, a missing source is only late.
        cutoff: from when on records are of its next business date.
        max_age: of positions and balances, nanoseconds before as_of; older ones do not count.
    """

    source: Source
    reading: Reading
    everything: bool = False
    due_by: BusinessDeadline | None = None
    cutoff: Cutoff | None = None
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """Instruments and prices, read before the sides.

    Attributes:
        reasons: what failed about them. `inputs`: what they were read from.
    """

    instruments: dict[str, Instrument] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)
    reasons: tuple[str, ...] = ()
    inputs: tuple[InputFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a live comparison knows beyond the rows of its two sides.

    Attributes:
        skew: nanoseconds by which the clock of the records, the venue's, is ahead of ours.
        since: of events: one-sided records before it (UTC ns) were judged by an earlier run, and
            are read again only as possible partners.
        again: those of them that wait for a partner, which are judged again.
        until: of events: until when (UTC ns) a side has told what happened.
        restricted: the symbols (of balances: currencies) that somebody asked about alone; None:
            everything was compared.
        waiting: records about which nothing can be concluded now; they are not among the rows.
        unknown, expected: how many keys they are.
        amounts_only: records of which only the amount is compared this time: whatever else they
            differ in is neither a break nor gone.
        covered: symbols (of balances: currencies) that a side's answer is about, where it is not
            everything. Outside of them nothing is missing, and nothing clears.
        wallets: of balances, those that the venue's answer is about; None: all. Outside of them
            nothing clears.
        voided: whether a carried record is gone: its own side was asked about its time again, and
            does not have it any more.
        reasons: why the run is not complete, in words.
        doubtful: whether a break of this record is in doubt.
        cause: what is known of where a break comes from.
        expects: whether what would be a break only takes its time.
    """

    skew: int = 0
    since: int | None = None
    again: Callable[[Record], bool] = lambda record: False
    until: Mapping[Side, int] = field(default_factory=dict)
    restricted: frozenset[str] | None = None
    waiting: Sequence[OpenItem] = ()
    unknown: int = 0
    expected: int = 0
    amounts_only: Sequence[OpenItem] = ()
    covered: Mapping[Side, frozenset[str]] = field(default_factory=dict)
    wallets: frozenset[str] | None = None
    reasons: tuple[str, ...] = ()
    voided: Callable[[OpenItem], bool] = lambda item: False
    doubtful: Callable[[Record], bool] = lambda record: False
    cause: Callable[[Candidate], Cause] = lambda candidate: Cause.UNKNOWN
    expects: Callable[[Candidate, Break], bool] = lambda candidate, brk: False


@dataclass(frozen=True, slots=True)
class Setup:
    """A reconciliation, wired: what to run.

    Attributes:
        zone: of the business date, where the internal side has no cut-off.
        reference: reads instruments and prices for a business date.
        checks: source and reading of each of the rules' checks, in order.
        live: what a live comparison adds. Its runs add to their business date; those of files
            replace it.
        keep: for how long matches are kept; None: not at all.
    """

    rules: Rules
    internal: SideSetup
    external: SideSetup
    checks: Sequence[SideSetup] = ()
    reference: Callable[[date], Reference] = lambda day: Reference()
    zone: ZoneInfo = ZoneInfo("UTC")
    live: Standing | None = None
    keep: Keep | None = None

    @property
    def digest(self) -> str:
        """Of everything but the data that an answer depends on."""
        readings = [self.internal.reading, self.external.reading]
        readings += [check.reading for check in self.checks]
        described = [
            replace(
                reading, records=replace(reading.records, columns=dict(reading.records.columns))
            )
            for reading in readings
        ]
        kept = [] if self.keep is None else [self.keep]
        cutoffs = [each.cutoff for each in (self.internal, self.external)]
        cuts = cutoffs if any(cutoffs) else []
        return rules_digest(self.rules, *described, *kept, *cuts)


class Progress(Protocol):
    """Told what is being done. `share` is None where nobody knows how long it takes."""

    def __call__(self, doing: str, share: float | None = None, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asked for."""

    as_of: datetime | None = None
    business_date: date | None = None
    restate: bool = False
    dry_run: bool = False
