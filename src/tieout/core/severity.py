"""How bad a break is: six presets as data, each boundary exact.

Invariants:

1. A break is as severe as the worst of its findings.
2. A fixed severity of the user's for a kind comes before his bands, these before the preset,
   and a kind that the preset does not name is graded by `standard`.
3. Shares are compared by cross-multiplication, never divided: each boundary is exact. A null
   against a value, and texts that differ, differ by 100 %.
4. A rule on a value at risk that is not known does not apply.
5. DUPLICATE is `info`, and an order cancelled yet filled is `critical`, in every preset.
6. A difference in an amount that is dust, or too small to trade, is at most `low`, whatever else
   is said of its kind. One whose value is not known is no dust.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Final, TypeAlias

from msgspec import Struct

from tieout.core.model import Kind, Money, Severity, Value
from tieout.core.money import distance, multiply
from tieout.core.rules import Bands, Measure, Preset, SeverityRules, Tolerance

INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity

Convert: TypeAlias = Callable[[Money | None, str | None], Money | None]


class Finding(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        internal, external: the two values; both None where a whole record is concerned.
        value: what it is worth, in its own currency; None where not known.
        subject: what narrows the kind: the record type of a missing record, or CANCELLED.
        amount: how much of `of`, a symbol or a currency, is concerned; None where it is not about
            an amount of a position or a balance.
    """

    kind: Kind
    internal: Value = None
    external: Value = None
    value: Money | None = None
    subject: str = ""
    amount: Decimal | None = None
    of: str | None = None


CANCELLED: Final = "cancelled yet filled"


class Measured(StrEnum):
    """What a rung looks at, as it is written in the documentation's table."""

    SHARE = "|difference| / larger magnitude"
    SHARE_OF_INTERNAL = "|difference| / |internal|"
    AMOUNT = "|difference|"
    VALUE = "value at risk"


@dataclass(frozen=True, slots=True)
class Rung:
    """`severity` where what is measured reaches `bound`, or exceeds it if `above`.

    Attributes:
        bound: None stands for `SeverityRules.large`.
    """

    measured: Measured
    bound: Decimal | None
    severity: Severity
    above: bool = False


@dataclass(frozen=True, slots=True)
class Ladder:
    """The first rung that holds, from the top.

    Attributes:
        currency: the rungs count only for amounts in this currency; others are `elsewhere`.
    """

    rungs: tuple[Rung, ...]
    otherwise: Severity
    currency: str | None = None
    elsewhere: Severity = MEDIUM


Grade: TypeAlias = Severity | Ladder
Subject: TypeAlias = tuple[Kind, str]


def _reaches(measured: Measured, bound: str, severity: Severity) -> Rung:
    return Rung(measured, Decimal(bound), severity)


def _exceeds(measured: Measured, bound: str, severity: Severity) -> Rung:
    return Rung(measured, Decimal(bound), severity, above=True)


def _of(kinds: Iterable[Kind], grade: Grade) -> dict[Subject, Grade]:
    return {(kind, ""): grade for kind in kinds}


_MISSING: Final = (Kind.MISSING_INTERNAL, Kind.MISSING_EXTERNAL)
_SIZES: Final = (Kind.QUANTITY, Kind.BALANCE)
_PRICED: Final = (Kind.PRICE, Kind.COST_BASIS, Kind.MARGIN, Kind.FEE, Kind.PNL)
_SHARE, _OF_INTERNAL = Measured.SHARE, Measured.SHARE_OF_INTERNAL
_AMOUNT, _VALUE = Measured.AMOUNT, Measured.VALUE
_ALL: Final = Decimal(1)

_ALWAYS: Final[Mapping[Subject, Grade]] = {
    (Kind.DUPLICATE, ""): INFO,
    (Kind.STATUS, CANCELLED): CRITICAL,
}

_STANDARD: Final[Mapping[Subject, Grade]] = {
    **_of([Kind.SIDE], CRITICAL),
    **{(kind, "positions"): CRITICAL for kind in _MISSING},
    **_of([*_MISSING, Kind.CONFLICT, Kind.SYMBOL, Kind.CURRENCY, Kind.STATUS], HIGH),
    **_of([Kind.OVERFILL], HIGH),
    **_of(
        _SIZES,
        Ladder(
            (
                _reaches(_SHARE, "0.10", CRITICAL),
                _reaches(_SHARE, "0.05", HIGH),
                _reaches(_SHARE, "0.01", MEDIUM),
            ),
            otherwise=LOW,
        ),
    ),
    **_of(_PRICED, Ladder((_reaches(_SHARE, "0.01", MEDIUM),), otherwise=LOW)),
    **_of([Kind.AMBIGUOUS, Kind.DRIFT], MEDIUM),
    **_of([Kind.TIMESTAMP, Kind.SETTLEMENT, Kind.FIELD], LOW),
}

_EXCHANGE_VALIDATION: Final[Mapping[Subject, Grade]] = {
    **_of(Kind, MEDIUM),
    **_of([Kind.SIDE, Kind.MISSING_EXTERNAL], CRITICAL),
    **_of(
        [Kind.QUANTITY],
        Ladder(
            (
                _exceeds(_VALUE, "1000", CRITICAL),
                _reaches(_AMOUNT, "1.0", CRITICAL),
                _exceeds(_SHARE, "0.01", HIGH),
            ),
            otherwise=MEDIUM,
        ),
    ),
    **_of([Kind.MISSING_INTERNAL, Kind.FEE], HIGH),
}

_PORTFOLIO: Final[Mapping[Subject, Grade]] = {
    **_of(
        [*_SIZES, *_PRICED],
        Ladder((_exceeds(_SHARE, "0.05", HIGH), _reaches(_SHARE, "0.01", MEDIUM)), otherwise=INFO),
    ),
    **_of(_MISSING, Ladder((Rung(_VALUE, None, CRITICAL),), otherwise=HIGH)),
}

_GAL_FRIDAY: Final[Mapping[Subject, Grade]] = {
    **_of(
        [Kind.QUANTITY, *_PRICED],
        Ladder(
            (
                _reaches(_OF_INTERNAL, "0.10", CRITICAL),
                _reaches(_OF_INTERNAL, "0.05", HIGH),
                _reaches(_OF_INTERNAL, "0.01", MEDIUM),
            ),
            otherwise=LOW,
        ),
    ),
    **_of([Kind.MISSING_EXTERNAL], CRITICAL),
    **_of([Kind.MISSING_INTERNAL], HIGH),
    **_of(
        [Kind.BALANCE],
        Ladder(
            (
                _reaches(_AMOUNT, "1000", CRITICAL),
                _reaches(_AMOUNT, "100", HIGH),
                _reaches(_AMOUNT, "10", MEDIUM),
            ),
            otherwise=LOW,
            currency="USD",
            elsewhere=MEDIUM,
        ),
    ),
}

_STORY_6_4: Final[Mapping[Subject, Grade]] = {
    **_of(
        [*_SIZES, *_PRICED],
        Ladder(
            (_exceeds(_SHARE, "0.05", CRITICAL), _reaches(_SHARE, "0.01", MEDIUM)), otherwise=LOW
        ),
    ),
    **_of([*_MISSING, Kind.SIDE], CRITICAL),
}

_TRADERECON: Final[Mapping[Subject, Grade]] = {
    **_of(_MISSING, CRITICAL),
    **_of([Kind.QUANTITY, Kind.PRICE, Kind.PNL], HIGH),
    **_of([Kind.TIMESTAMP], MEDIUM),
}

_IN_AMOUNTS: Final = frozenset({*_MISSING, *_SIZES, *_PRICED, Kind.SIDE})
"""Kinds that are about amounts: how records contradict each other is never a trifle."""

PRESETS: Final[Mapping[Preset, Mapping[Subject, Grade]]] = MappingProxyType(
    {
        Preset.STANDARD: {**_STANDARD, **_ALWAYS},
        Preset.EXCHANGE_VALIDATION: {**_EXCHANGE_VALIDATION, **_ALWAYS},
        Preset.PORTFOLIO: {**_PORTFOLIO, **_ALWAYS},
        Preset.GAL_FRIDAY: {**_GAL_FRIDAY, **_ALWAYS},
        Preset.STORY_6_4: {**_STORY_6_4, **_ALWAYS},
        Preset.TRADERECON: {**_TRADERECON, **_ALWAYS},
    }
)
"""What each preset says of a kind, or of a kind and what narrows it."""

_TOLERANCES: Final[Mapping[Preset, Mapping[str, Mapping[str, Tolerance]]]] = {
    Preset.EXCHANGE_VALIDATION: {
        "trades": {
            "quantity": Tolerance(Measure.RELATIVE, Decimal("0.001")),
            "price": Tolerance(Measure.RELATIVE, Decimal("0.0001")),
            "timestamp": Tolerance(Measure.WINDOW, Decimal(60_000_000_000)),
        },
        "positions": {
            "quantity": Tolerance(Measure.RELATIVE, Decimal("0.001")),
            "average_price": Tolerance(Measure.RELATIVE, Decimal("0.005")),
        },
    },
    Preset.STORY_6_4: {
        "balances": {
            "total": Tolerance(Measure.RELATIVE, Decimal("0.01")),
            "settled": Tolerance(Measure.RELATIVE, Decimal("0.01")),
        },
    },
}


def preset_tolerances(preset: Preset, records: str) -> Mapping[str, Tolerance]:
    """The tolerances that a preset brings, by column, for what `compare` does not list.

    A source need not have these columns: they apply where both sides do.
    """
    return _TOLERANCES.get(preset, {}).get(records, {})


def grade(
    findings: Iterable[Finding],
    rules: SeverityRules,
    *,
    convert: Convert,
    reporting_currency: str | None = None,
) -> Severity:
    """The severity of a break with these findings.

    Args:
        convert: a value at risk and a currency to that value there, or None.
        reporting_currency: what rules on the value at risk are in; None: its own currency.
    """
    worst = INFO
    for finding in findings:
        severity = _grade(finding, rules, convert, reporting_currency)
        if severity > LOW and _is_dust(finding, rules, convert):
            severity = LOW
        worst = max(worst, severity)
    return worst


def _is_dust(finding: Finding, rules: SeverityRules, convert: Convert) -> bool:
    """Whether too little is concerned to be traded, or to be worth anything. Unknown is not."""
    if finding.kind not in _IN_AMOUNTS:
        return False
    if finding.amount is not None and finding.of is not None:
        if (least := rules.minimum.get(finding.of)) is not None and finding.amount < least:
            return True
    for currency, least in rules.dust.items():
        value = convert(finding.value, currency)
        if value is not None and value.amount < least:
            return True
    return False


def _grade(
    finding: Finding, rules: SeverityRules, convert: Convert, reporting_currency: str | None
) -> Severity:
    fixed = rules.kinds.get(finding.kind)
    if fixed is not None:
        return fixed
    bands = rules.bands.get(finding.kind)
    if bands is not None:
        return _by_bands(finding, bands, convert)
    grade = _look_up(finding.kind, finding.subject, rules.preset)
    if isinstance(grade, Severity):
        return grade
    return _climb(finding, grade, convert(finding.value, reporting_currency), rules.large)


@cache
def _look_up(kind: Kind, subject: str, preset: Preset) -> Grade:
    for table in (PRESETS[preset], PRESETS[Preset.STANDARD]):
        for narrowed in (subject, ""):
            if (found := table.get((kind, narrowed))) is not None:
                return found
    raise AssertionError(f"the standard preset names every kind, but not {kind}")


def _by_bands(finding: Finding, bands: Bands, convert: Convert) -> Severity:
    for currency, least in bands.min_value.items():
        value = convert(finding.value, currency)
        if value is not None and value.amount < least:
            return min(LOW, bands.below)
    for share, severity in reversed(bands.thresholds):
        if _holds(finding, Rung(_SHARE, share, severity), None, share):
            return severity
    return bands.below


def _climb(finding: Finding, ladder: Ladder, value: Money | None, large: Decimal) -> Severity:
    own = finding.value.currency if finding.value is not None else None
    if ladder.currency is not None and own != ladder.currency:
        return ladder.elsewhere
    for rung in ladder.rungs:
        if _holds(finding, rung, value, large if rung.bound is None else rung.bound):
            return rung.severity
    return ladder.otherwise


def _holds(finding: Finding, rung: Rung, value: Money | None, bound: Decimal) -> bool:
    internal, external = finding.internal, finding.external
    measured = rung.measured
    if measured is _VALUE:
        if value is None:
            return False
        part = value.amount
    elif not isinstance(internal, Decimal) or not isinstance(external, Decimal):
        if measured is _AMOUNT:
            return False
        part = _ALL
    else:
        part = distance(internal, external)
        if measured is _SHARE:
            bound = multiply(max(internal.copy_abs(), external.copy_abs()), bound)
        elif measured is _OF_INTERNAL:
            bound = multiply(internal.copy_abs(), bound)
    return part > bound if rung.above else part >= bound
