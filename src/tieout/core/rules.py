"""The definition of a reconciliation: passes, tolerances, checks, severity, policy.

Plain frozen values. `tieout.config` builds them from YAML, dicts or text; nothing here knows
where they came from. `Rules.digest` changes exactly when an answer may change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from tieout.core.model import Kind, Money, Severity


@dataclass(frozen=True, slots=True)
class Pass:
    """One attempt to pair records: equal values in the columns `on`, none of them null."""

    on: tuple[str, ...]


class Measure(StrEnum):
    """How a tolerance is measured."""

    EXACT = "exact"
    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    TICKS = "ticks"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two values may be apart, inclusive.

    Attributes:
        amount: for `absolute` in the column's unit; for `relative` the share of the larger
            magnitude (0.01 is 1 %), at most 1; for `ticks` a count of the instrument's tick;
            for `window` integer nanoseconds; for `exact` zero.
    """

    measure: Measure = Measure.EXACT
    amount: Decimal = Decimal(0)


EXACT = Tolerance()


class PnlCheck(StrEnum):
    """The formula that ties a trade to its PnL row."""

    AS_GIVEN = "as-given"
    CASH = "cash"


@dataclass(frozen=True, slots=True)
class Check:
    """Each matched pair's internal trade against its row in another source. No row: no break.

    Attributes:
        pnl: `as-given`: |price x quantity - commission - pnl_impact| < tolerance;
            `cash`: |-sign x price x quantity x multiplier - commission - pnl_impact| <= tolerance.
        source: the source of PnL rows.
        on: the columns that tie a trade to its row.
        tolerance: in the PnL's currency; default 1.0 for `as-given` (exclusive, as the formula
            was given), 0 for `cash` (inclusive).
    """

    pnl: PnlCheck
    source: str
    on: tuple[str, ...]
    tolerance: Decimal


@dataclass(frozen=True, slots=True)
class Duration:
    """A deadline as a length of time from the record's own timestamp."""

    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are business days.

    Attributes:
        weekend: ISO weekdays that are none: 6 Saturday, 7 Sunday.
        holidays: dates that are none either.
    """

    name: str = "weekdays"
    weekend: frozenset[int] = frozenset({6, 7})
    holidays: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class BusinessDeadline:
    """A deadline at a wall-clock time some business days after the record's own day.

    `business_days: 1, at: 09:00, timezone: Europe/London` for a trade of Friday 18:00 London
    is Monday 09:00 London.

    Attributes:
        cutoff: a record at or after this wall-clock time counts for the next day.
    """

    business_days: int
    at: time
    timezone: str
    calendar: Calendar = field(default_factory=Calendar)
    cutoff: time | None = None


Deadline: TypeAlias = Duration | BusinessDeadline


class Preset(StrEnum):
    """The named severity rules of `core.severity`."""

    STANDARD = "standard"
    EXCHANGE_VALIDATION = "exchange-validation"
    PORTFOLIO = "portfolio"
    GAL_FRIDAY = "gal-friday"
    STORY_6_4 = "story-6.4"
    TRADERECON = "traderecon"


@dataclass(frozen=True, slots=True)
class Bands:
    """Severity by relative difference, in place of the preset's, for one kind of break.

    Attributes:
        thresholds: ascending (share, severity): at or above the share, that severity.
        below: the severity under the first threshold.
        min_value: currency to value at risk under which the relative difference does not count
            and the break is at most `low`.
    """

    thresholds: tuple[tuple[Decimal, Severity], ...] = ()
    below: Severity = Severity.LOW
    min_value: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeverityRules:
    """A preset and what the user changed in it.

    Attributes:
        kinds: a fixed severity for a kind; `missing` in YAML stands for both MISSING kinds.
        bands: by kind, in place of the preset's bands.
        large: the `portfolio` preset's value of a large missing item, in reporting currency.
        dust: by currency, a value at risk under which a difference in an amount is at most low.
        minimum: by symbol or currency, the smallest quantity of a position or total of a balance
            that can be traded: a smaller difference is at most low.
    """

    preset: Preset = Preset.STANDARD
    kinds: Mapping[Kind, Severity] = field(default_factory=dict)
    bands: Mapping[Kind, Bands] = field(default_factory=dict)
    large: Decimal = Decimal(1000)
    dust: Mapping[str, Decimal] = field(default_factory=dict)
    minimum: Mapping[str, Decimal] = field(default_factory=dict)


class Action(StrEnum):
    """What policy may ask for. Stored and validated; nothing acts on it yet."""

    WARN = "warn"
    REVIEW = "review"
    SYNC_INTERNAL = "sync-internal"
    SYNC_EXTERNAL = "sync-external"
    HALT = "halt"


@dataclass(frozen=True, slots=True)
class Limit:
    """Bounds of a correction. All absolute; None means not bounded by this."""

    quantity: Decimal | None = None
    value: Mapping[str, Decimal] = field(default_factory=dict)
    per_run: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One rule of a policy; the first that fits a break wins.

    Attributes:
        kinds, severities: what it fits; empty fits all.
    """

    do: Action
    kinds: frozenset[Kind] = frozenset()
    severities: frozenset[Severity] = frozenset()
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """A reconciliation.

    Attributes:
        name: its name; part of every break's id.
        records: name of the record type.
        passes: strictest first; empty: the identity both sides have is the only pass.
        compare: column to tolerance. Columns that both sides have and that are compared by
            default are exact without being listed here.
        assumed: columns of `compare` that the user did not list: the preset's tolerances. A side
            may lack them; they apply where both have them.
        ignore: columns that are never compared.
        overrides: symbol to column to tolerance, in place of `compare`.
        reporting_currency: what value at risk is measured in; None: each in its own currency.
        value_tolerance: of positions and balances: a difference that is worth no more than this
            is inside tolerance. Where its worth is not known, this does not apply.
        ids_per_symbol: an id names a record only together with its symbol: what one side lacks is
            never paired with the same id of another symbol.
        max_quarantined: share of a side's rows (0.01 is 1 %) above which the side is incomplete.
    """

    name: str
    records: str
    passes: tuple[Pass, ...] = ()
    compare: Mapping[str, Tolerance] = field(default_factory=dict)
    assumed: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    overrides: Mapping[str, Mapping[str, Tolerance]] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    deadline: Deadline = Duration(0)
    severity: SeverityRules = field(default_factory=SeverityRules)
    policy: tuple[PolicyRule, ...] = ()
    reporting_currency: str | None = None
    value_tolerance: Money | None = None
    ids_per_symbol: bool = False
    max_quarantined: Decimal = Decimal("0.01")

    def tolerance(self, column: str, symbol: str | None) -> Tolerance:
        """The tolerance for `column` of a record of `symbol`."""
        if symbol is not None and (own := self.overrides.get(symbol)) is not None:
            if (tolerance := own.get(column)) is not None:
                return tolerance
        return self.compare.get(column, EXACT)
