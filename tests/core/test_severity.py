"""The presets of `tieout.core.severity`: each boundary at it, just below and just above."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.model import Kind, Money, Severity, Value
from tieout.core.rules import Bands, Measure, Preset, SeverityRules, Tolerance
from tieout.core.severity import (
    CANCELLED,
    PRESETS,
    Finding,
    Ladder,
    grade,
    preset_tolerances,
)

EPSILON = Decimal("0.000000000000000001")
INFO, LOW, MEDIUM, HIGH, CRITICAL = Severity


def same_currency_only(money: Money | None, to: str | None) -> Money | None:
    if money is None or to is None or money.currency == to:
        return money
    return None


def graded(
    kind: Kind,
    internal: Value = None,
    external: Value = None,
    *,
    rules: SeverityRules,
    value: Money | None = None,
    subject: str = "",
    reporting: str | None = None,
) -> Severity:
    finding = Finding(kind, internal, external, value, subject)
    return grade([finding], rules, convert=same_currency_only, reporting_currency=reporting)


AMOUNTS = "QUANTITY BALANCE PRICE COST_BASIS MARGIN FEE PNL"

BOUNDARIES = """
preset              kinds                              internal external  at       below    above
standard            QUANTITY BALANCE                   100      99        medium   low      medium
standard            QUANTITY BALANCE                   100      95        high     medium   high
standard            QUANTITY BALANCE                   100      90        critical high     critical
standard            PRICE COST_BASIS MARGIN FEE PNL    100      99        medium   low      medium
exchange-validation QUANTITY                           50       49.5      medium   medium   high
portfolio           QUANTITY BALANCE PRICE COST_BASIS  100      99        medium   info     medium
portfolio           MARGIN FEE PNL                     100      99        medium   info     medium
portfolio           QUANTITY BALANCE PRICE COST_BASIS  100      95        medium   medium   high
portfolio           MARGIN FEE PNL                     100      95        medium   medium   high
gal-friday          QUANTITY PRICE FEE                 100      99        medium   low      medium
gal-friday          QUANTITY PRICE FEE                 100      95        high     medium   high
gal-friday          QUANTITY PRICE FEE                 100      90        critical high     critical
gal-friday          QUANTITY PRICE FEE                 100      110       critical high     critical
story-6.4           QUANTITY BALANCE PRICE             100      99        medium   low      medium
story-6.4           QUANTITY BALANCE PRICE             100      95        medium   medium   critical
"""
"""A difference of exactly the boundary, one a hair smaller, one a hair larger."""


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()[1:]]


def boundary_cases() -> list[tuple[Preset, Kind, Decimal, Decimal, list[Severity]]]:
    cases = []
    for preset, *kinds, internal, external, at, below, above in rows(BOUNDARIES):
        severities = [Severity.of(label) for label in (at, below, above)]
        cases += [
            (Preset(preset), Kind(kind), Decimal(internal), Decimal(external), severities)
            for kind in kinds
        ]
    return cases


@pytest.mark.parametrize("negative", [False, True], ids=["long", "short"])
@pytest.mark.parametrize(("preset", "kind", "internal", "external", "severities"), boundary_cases())
def test_a_share_boundary_is_exact(
    preset: Preset,
    kind: Kind,
    internal: Decimal,
    external: Decimal,
    severities: list[Severity],
    negative: bool,
) -> None:
    nearer = EPSILON if external < internal else EPSILON.copy_negate()
    sign = Decimal(-1) if negative else Decimal(1)
    rules = SeverityRules(preset)
    found = [
        graded(kind, sign * internal, sign * (external + step), rules=rules)
        for step in (Decimal(0), nearer, nearer.copy_negate())
    ]
    assert found == severities


VALUES = """
preset              kind             at            below    above
exchange-validation QUANTITY         1000:medium   medium   critical
portfolio           MISSING_INTERNAL 1000:critical high     critical
portfolio           MISSING_EXTERNAL 1000:critical high     critical
"""


@pytest.mark.parametrize(("preset", "kind", "at", "below", "above"), rows(VALUES))
def test_a_boundary_of_value_at_risk_is_exact(
    preset: str, kind: str, at: str, below: str, above: str
) -> None:
    bound, label = at.split(":")
    numbers = (Decimal("1.001"), Decimal("1.000")) if kind == "QUANTITY" else (None, None)
    found = [
        graded(
            Kind(kind),
            *numbers,
            rules=SeverityRules(Preset(preset)),
            value=Money(Decimal(bound) + step, "USD"),
            subject="positions",
            reporting="USD",
        ).label
        for step in (Decimal(0), EPSILON.copy_negate(), EPSILON)
    ]
    assert found == [label, below, above]


def test_the_large_missing_item_is_the_users_to_set() -> None:
    rules = SeverityRules(Preset.PORTFOLIO, large=Decimal(50))
    missing = Kind.MISSING_EXTERNAL
    assert graded(missing, rules=rules, value=Money(Decimal(50), "USD")) is CRITICAL
    assert graded(missing, rules=rules, value=Money(Decimal("49.99"), "USD")) is HIGH


@pytest.mark.parametrize("preset", [Preset.PORTFOLIO, Preset.EXCHANGE_VALIDATION])
def test_a_rule_on_a_value_that_is_not_known_does_not_apply(preset: Preset) -> None:
    rules = SeverityRules(preset)
    for value in (None, Money(Decimal(10**9), "EUR")):  # nothing converts EUR to USD here
        assert graded(Kind.MISSING_INTERNAL, rules=rules, value=value, reporting="USD") is HIGH
        least = graded(
            Kind.QUANTITY, Decimal("0.101"), Decimal("0.1"),
            rules=rules, value=value, reporting="USD",
        )  # fmt: skip
        assert least in (INFO, MEDIUM)


@pytest.mark.parametrize(
    ("external", "severity"), [("999", CRITICAL), ("999.000000000000000001", MEDIUM)]
)
def test_exchange_validation_a_size_difference_of_one_is_critical(
    external: str, severity: Severity
) -> None:
    rules = SeverityRules(Preset.EXCHANGE_VALIDATION)
    assert graded(Kind.QUANTITY, Decimal(1000), Decimal(external), rules=rules) is severity


GAL_FRIDAY_USD = """
difference           severity
1000                 critical
999.999999999999999  high
100                  high
99.999999999999999   medium
10                   medium
9.999999999999999    low
"""


@pytest.mark.parametrize(("difference", "label"), rows(GAL_FRIDAY_USD))
@pytest.mark.parametrize("sign", [1, -1])
def test_gal_friday_usd_balances_go_by_the_difference(
    difference: str, label: str, sign: int
) -> None:
    rules = SeverityRules(Preset.GAL_FRIDAY)
    total = Decimal(10**6)
    gap = Decimal(difference)
    usd = graded(Kind.BALANCE, total, total + sign * gap, rules=rules, value=Money(gap, "USD"))
    assert usd.label == label
    btc = graded(Kind.BALANCE, total, total + sign * gap, rules=rules, value=Money(gap, "BTC"))
    assert btc is MEDIUM


def test_gal_friday_an_internal_zero_is_critical() -> None:
    rules = SeverityRules(Preset.GAL_FRIDAY)
    assert graded(Kind.QUANTITY, Decimal(0), EPSILON, rules=rules) is CRITICAL


def test_gal_friday_divides_by_the_magnitude_of_internal() -> None:
    """A short position of 100 against 90 is 10 % off, not minus 10 %."""
    rules = SeverityRules(Preset.GAL_FRIDAY)
    assert graded(Kind.QUANTITY, Decimal(-100), Decimal(-90), rules=rules) is CRITICAL


FIXED = """
kind              standard exchange-validation portfolio gal-friday story-6.4 traderecon
CONFLICT          high     medium              high      high       high      high
DUPLICATE         info     info                info      info       info      info
AMBIGUOUS         medium   medium              medium    medium     medium    medium
MISSING_INTERNAL  high     high                high      high       critical  critical
MISSING_EXTERNAL  high     critical            high      critical   critical  critical
SYMBOL            high     medium              high      high       high      high
SIDE              critical critical            critical  critical   critical  critical
CURRENCY          high     medium              high      high       high      high
OVERFILL          high     medium              high      high       high      high
STATUS            high     medium              high      high       high      high
QUANTITY          critical high                high      critical   critical  high
PRICE             medium   medium              high      critical   critical  high
COST_BASIS        medium   medium              high      critical   critical  medium
MARGIN            medium   medium              high      critical   critical  medium
BALANCE           critical medium              high      medium     critical  critical
FEE               medium   high                high      critical   critical  medium
PNL               medium   medium              high      critical   critical  high
TIMESTAMP         low      medium              low       low        low       medium
SETTLEMENT        low      medium              low       low        low       low
DRIFT             medium   medium              medium    medium     medium    medium
FIELD             low      medium              low       low        low       low
"""
"""A value that one side lacks: a difference of 100 % where shares count."""


@pytest.mark.parametrize("row", rows(FIXED), ids=lambda row: row[0])
def test_every_kind_has_a_severity_in_every_preset(row: list[str]) -> None:
    kind, *labels = row
    presets = FIXED.strip().splitlines()[0].split()[1:]
    found = [
        graded(Kind(kind), None, Decimal("0.5"), rules=SeverityRules(Preset(preset))).label
        for preset in presets
    ]
    assert found == labels


def test_the_table_names_every_kind_and_every_preset() -> None:
    assert {row[0] for row in rows(FIXED)} == {kind.value for kind in Kind}
    assert set(FIXED.strip().splitlines()[0].split()[1:]) == {each.value for each in Preset}
    assert set(PRESETS) == set(Preset)


def test_a_missing_position_is_critical() -> None:
    for kind in (Kind.MISSING_INTERNAL, Kind.MISSING_EXTERNAL):
        assert graded(kind, rules=SeverityRules(), subject="positions") is CRITICAL
        assert graded(kind, rules=SeverityRules(), subject="trades") is HIGH


@pytest.mark.parametrize("preset", Preset)
def test_edge_28_cancelled_yet_filled_is_critical_in_every_preset(preset: Preset) -> None:
    found = graded(
        Kind.STATUS, "cancelled", "filled", rules=SeverityRules(preset), subject=CANCELLED
    )
    assert found is CRITICAL


def test_a_break_is_as_severe_as_its_worst_finding() -> None:
    findings = [
        Finding(Kind.TIMESTAMP, 1, 2),
        Finding(Kind.SIDE, "buy", "sell"),
        Finding(Kind.PRICE, Decimal(1), Decimal(2)),
    ]
    assert grade(findings, SeverityRules(), convert=same_currency_only) is CRITICAL


def test_a_fixed_severity_comes_before_bands_and_preset() -> None:
    bands = Bands(((Decimal("0.01"), CRITICAL),))
    rules = SeverityRules(kinds={Kind.QUANTITY: INFO}, bands={Kind.QUANTITY: bands})
    assert graded(Kind.QUANTITY, Decimal(1), Decimal(2), rules=rules) is INFO
    assert graded(Kind.PRICE, Decimal(1), Decimal(2), rules=rules) is MEDIUM


BANDS = Bands(
    ((Decimal("0.02"), MEDIUM), (Decimal("0.05"), HIGH), (Decimal("0.5"), CRITICAL)),
    below=INFO,
    min_value={"USD": Decimal(10)},
)


@pytest.mark.parametrize(
    ("external", "severity"),
    [
        ("98.000000000000000001", INFO),
        ("98", MEDIUM),
        ("95.000000000000000001", MEDIUM),
        ("95", HIGH),
        ("50", CRITICAL),
    ],
)
def test_bands_begin_at_their_thresholds(external: str, severity: Severity) -> None:
    rules = SeverityRules(bands={Kind.QUANTITY: BANDS})
    assert graded(Kind.QUANTITY, Decimal(100), Decimal(external), rules=rules) is severity


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        (Money(Decimal("9.999999999999999999"), "USD"), INFO),
        (Money(Decimal(10), "USD"), CRITICAL),
        (Money(Decimal(1), "EUR"), CRITICAL),
        (None, CRITICAL),
    ],
)
def test_under_the_least_value_the_share_does_not_count(
    value: Money | None, severity: Severity
) -> None:
    rules = SeverityRules(bands={Kind.QUANTITY: BANDS})
    assert graded(Kind.QUANTITY, Decimal(1), None, rules=rules, value=value) is severity


def test_edge_44_dust_is_at_most_low() -> None:
    bands = Bands((), below=HIGH, min_value={"USD": Decimal(10)})
    rules = SeverityRules(bands={Kind.QUANTITY: bands})
    dust = Money(Decimal("0.01"), "USD")
    assert graded(Kind.QUANTITY, Decimal(1), Decimal(2), rules=rules, value=dust) is LOW


amounts = st.decimals(-(10**6), 10**6, places=6, allow_nan=False)
shares = [
    (preset, kind)
    for preset, table in PRESETS.items()
    for (kind, _), each in table.items()
    if isinstance(each, Ladder) and each.currency is None
]


@given(st.sampled_from(shares), amounts, amounts, st.integers(1, 10**6))
def test_severity_has_no_unit_and_no_sign(
    case: tuple[Preset, Kind], internal: Decimal, external: Decimal, scale: int
) -> None:
    """Shares are the same for a short position; only sizes and values have a unit."""
    preset, kind = case
    rules = SeverityRules(preset)
    found = graded(kind, internal, external, rules=rules)
    assert graded(kind, internal.copy_negate(), external.copy_negate(), rules=rules) is found
    if preset is not Preset.EXCHANGE_VALIDATION:
        assert graded(kind, internal * scale, external * scale, rules=rules) is found


@given(st.sampled_from(shares), amounts.filter(bool), amounts, amounts)
def test_a_larger_difference_is_never_less_severe(
    case: tuple[Preset, Kind], internal: Decimal, one: Decimal, other: Decimal
) -> None:
    preset, kind = case
    near, far = sorted((abs(one), abs(other)))
    sign = 1 if internal > 0 else -1
    found = [
        graded(kind, internal, internal - sign * gap, rules=SeverityRules(preset))
        for gap in (near, far)
    ]
    assert found == sorted(found)


def test_the_tolerances_that_presets_bring() -> None:
    trades = preset_tolerances(Preset.EXCHANGE_VALIDATION, "trades")
    assert trades["quantity"] == Tolerance(Measure.RELATIVE, Decimal("0.001"))
    assert trades["price"] == Tolerance(Measure.RELATIVE, Decimal("0.0001"))
    assert trades["timestamp"] == Tolerance(Measure.WINDOW, Decimal(60 * 10**9))
    positions = preset_tolerances(Preset.EXCHANGE_VALIDATION, "positions")
    assert positions["quantity"] == Tolerance(Measure.RELATIVE, Decimal("0.001"))
    assert positions["average_price"] == Tolerance(Measure.RELATIVE, Decimal("0.005"))
    balances = preset_tolerances(Preset.STORY_6_4, "balances")
    assert balances["total"] == Tolerance(Measure.RELATIVE, Decimal("0.01"))
    assert preset_tolerances(Preset.STANDARD, "trades") == {}
    assert preset_tolerances(Preset.STORY_6_4, "trades") == {}
