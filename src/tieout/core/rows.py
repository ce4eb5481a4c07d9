"""What is known of runs and breaks: the values that services and stores exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from tieout.core.matched import KeptLog
from tieout.core.model import Priced, Quarantined, RunStatus, Severity, Side
from tieout.core.scan import Coverage, InputFile
from tieout.core.tally import BreakCounts


@dataclass(frozen=True, slots=True)
class DriftStatistic:
    """Differences inside tolerance, per pass, column and symbol. Exact."""

    step: int
    column: str
    symbol: str | None
    pairs: int
    largest: Decimal
    total: Decimal


@dataclass(frozen=True, slots=True)
class RunIntent:
    """A run that is about to start; committed before any work."""

    run_id: str
    reconciliation: str
    started_at: datetime
    as_of: datetime
    business_date: date
    rules_digest: str
    host: str
    pid: int
    restate: bool = False


@dataclass(frozen=True, slots=True)
class Prior:
    """What a store knows of a reconciliation before a run.

    Attributes:
        fence: changes with every committed result; `commit` refuses another one's.
        latest: the latest business date with a committed run.
        covered: business dates that each side covered completely.
    """

    fence: int
    latest: date | None
    covered: Mapping[Side, frozenset[date]]


@dataclass(frozen=True, slots=True)
class RunCounts:
    """A run's own counts; they are part of its digest."""

    matched: int = 0
    within_tolerance: int = 0
    expected: int = 0
    unknown: int = 0
    after_cut: int = 0
    broken: int = 0
    """Pairs and single records that broke in this run: the rest of `match_rate`."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the store shows it. `internal`/`external` are None where the source failed."""

    run_id: str
    reconciliation: str
    status: RunStatus
    as_of: datetime
    business_date: date
    started_at: datetime
    finished_at: datetime | None
    rules_digest: str
    internal: Coverage | None = None
    external: Coverage | None = None
    counts: RunCounts = field(default_factory=RunCounts)
    breaks: BreakCounts = field(default_factory=BreakCounts)
    digest: str | None = None
    seconds: float = 0.0
    reasons: Sequence[str] = ()
    statistics: Sequence[DriftStatistic] = ()
    inputs: Sequence[InputFile] = ()
    policy: Any = None
    matches: KeptLog | None = None
    """The log of what matched, where matches are kept."""


@dataclass(frozen=True, slots=True)
class DaySummary:
    """What is left of a business date's runs that changed no break: how many ended how."""

    reconciliation: str
    business_date: date
    runs: int
    clean: int = 0
    breaks: int = 0
    incomplete: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class BreakRow:
    """A break as the store shows it.

    Attributes:
        content: id, kind, severity, key, records, differences: see `core.canonical.content`.
        value_prices: by which the value came about; empty where no price was needed.
    """

    id: str
    reconciliation: str
    state: str
    cause: str
    doubt: bool
    content: Mapping[str, Any]
    value_amount: Decimal | None
    value_currency: str | None
    first_seen: datetime
    opened_at: datetime
    cleared_at: datetime | None
    run_id: str
    business_date: date
    value_prices: tuple[Priced, ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One event in a break's life, with its content after the event.

    Attributes:
        other: of a `merged` event, the id of the break that this one went on as, or came from.
    """

    break_id: str
    event: str
    at: datetime
    run_id: str
    business_date: date
    content: Mapping[str, Any]
    other: str | None = None


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """An unreadable row as the store shows it."""

    run_id: str
    side: Side | None
    entry: Quarantined


@dataclass(frozen=True, slots=True)
class BreakFilter:
    """Which breaks to list. None does not filter."""

    reconciliation: str | None = None
    states: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    minimum: int | None = None
    """Least severity, as its number."""
    run_id: str | None = None
    id_prefix: str | None = None
    worst: int | None = None
    """At most so many, and the worst first: in the order of `badness`."""


def badness(row: BreakRow) -> tuple[int, bool, Decimal, str, str]:
    """Sorts the worst first: by severity, value at risk, id.

    An unknown value stands behind every known one. Amounts are compared as numbers, whatever
    their currency.
    """
    value = row.value_amount
    severity = -int(Severity.of(row.content["severity"]))
    amount = Decimal(0) if value is None else value.copy_negate()
    return severity, value is None, amount, row.id, row.reconciliation


@dataclass(frozen=True, slots=True)
class BreakTally:
    """How many breaks of one reconciliation, kind and severity there are.

    Attributes:
        severity: its number.
        oldest: when the one that is open for longest was opened.
    """

    reconciliation: str
    kind: str
    severity: int
    number: int
    oldest: datetime
