"""`decide`: records on one side only, and groups; `core.decide_world` says how records are written."""

from __future__ import annotations

from datetime import time

import pytest
from core.decide_world import (
    EXTERNAL,
    INTERNAL,
    SECOND,
    TRADE,
    D,
    bench,
    found,
    narrow_context,  # noqa: F401 - applies to each test
    record,
)
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.bench import Bearing
from tieout.core.canonical import break_id
from tieout.core.decide import decide
from tieout.core.model import (
    Break,
    Expected,
    Flat,
    Group,
    Kind,
    Money,
    Role,
    Severity,
    Side,
    Single,
    Unknown,
)
from tieout.core.rules import BusinessDeadline, Duration

# Singles


@pytest.mark.parametrize(
    ("side", "kind"),
    [(INTERNAL, Kind.MISSING_EXTERNAL), (EXTERNAL, Kind.MISSING_INTERNAL)],
)
def test_edge_07_a_record_on_one_side_only_is_missing_on_the_other(side: Side, kind: Kind) -> None:
    brk = decide(Single(side, record(TRADE)), bench())
    assert isinstance(brk, Break)
    assert (brk.kind, brk.severity, brk.differences) == (kind, Severity.HIGH, ())
    assert brk.value == Money(D(20), "USD")
    assert brk.primary(side) is not None
    assert brk.primary(side.other) is None
    assert brk.held == ((brk.records[0], record(TRADE)),)


def test_6_the_partner_of_an_unreadable_record_is_unknown() -> None:
    outcome = decide(Single(INTERNAL, record(TRADE), partner_quarantined=True), bench())
    assert isinstance(outcome, Unknown)
    assert outcome.quarantined


@given(st.sampled_from(Side), st.sampled_from(["trades", "positions", "balances", "orders"]))
def test_6_a_side_that_does_not_cover_a_record_cannot_lack_it(side: Side, records: str) -> None:
    one = record("total=0" if records == "balances" else "quantity=0", records)
    uncovered = Bearing(coverage_gap=lambda each: "the file is cut" if each is one else None)
    on = bench(records, sides={side.other: uncovered})
    assert decide(Single(side, one), on) == Unknown(side, one, "the file is cut")
    on = bench("trades", sides={side: uncovered})
    assert isinstance(decide(Single(side, one), on), Break | Expected)


FLAT = """
positions quantity=0      flat
positions quantity=-0.00  flat
positions quantity=0.001  missing
balances  total=0         flat
balances  total=-1        missing
orders    quantity=0      missing
"""


@pytest.mark.parametrize("row", [line.split() for line in FLAT.strip().splitlines()])
@pytest.mark.parametrize("side", Side)
def test_edge_41_zero_and_nothing_at_the_other_side_agree(row: list[str], side: Side) -> None:
    records, cells, verdict = row
    one = record(cells, records)
    outcome = decide(Single(side, one), bench(records))
    assert isinstance(outcome, Flat if verdict == "flat" else Break)


DEADLINES = """
trades     timestamp=0s   0    +0s           expected
trades     timestamp=0s   0    +0.000000001s missing
trades     timestamp=0s   60   +60s          expected
trades     timestamp=0s   60   +60.000000001s missing
trades     timestamp=+5s  0    +0s           expected
trades     -              0    +0s           missing
trades     -              60   +100s         missing
orders     created_at=0s  60   +60s          expected
orders     created_at=0s  60   +61s          missing
orders     -              0    +0s           missing
orders     -              60   +0s           missing
positions  as_of=0s       60   +0s           missing
balances   as_of=0s       60   +0s           missing
"""


@pytest.mark.parametrize("row", [line.split() for line in DEADLINES.strip().splitlines()])
def test_edge_57_the_deadline_decides_between_expected_and_missing(row: list[str]) -> None:
    records, cells, deadline, as_of, verdict = row
    amount = "total=1 " if records == "balances" else "quantity=1 "
    on = bench(records, as_of=as_of, deadline=Duration(int(deadline) * SECOND))
    one = record(amount + cells.strip("-"), records)
    outcome = decide(Single(INTERNAL, one), on)
    assert isinstance(outcome, Expected if verdict == "expected" else Break)


@pytest.mark.parametrize("skew", [-25, -6, 6, 25])
def test_10_a_deadline_passes_by_the_clock_that_dates_the_records(skew: int) -> None:
    for late, verdict in ((60, Expected), (61, Break)):
        on = bench(
            as_of=f"+{late + 30 - skew}s", skew=skew * SECOND, deadline=Duration(60 * SECOND)
        )
        one = record("quantity=1 timestamp=+30s")
        assert isinstance(decide(Single(INTERNAL, one), on), verdict)


def test_8_a_business_deadline_is_a_wall_clock_time() -> None:
    """A trade of Friday noon is due on Monday at 09:00 in London, 08:00 UTC."""
    deadline = BusinessDeadline(1, time(9), "Europe/London")
    due = (3 * 24 - 4) * 3600
    for late, verdict in ((0, Expected), (1, Break)):
        on = bench(as_of=f"+{due + late}s", deadline=deadline)
        assert isinstance(decide(Single(INTERNAL, record(TRADE)), on), verdict)


def test_9_a_missing_record_is_in_doubt_where_keys_were_unreadable() -> None:
    doubtful = {EXTERNAL: Bearing(keyless_quarantined=True)}
    on = bench(sides=doubtful)
    lacking = decide(Single(INTERNAL, record(TRADE)), on)
    present = decide(Single(EXTERNAL, record(TRADE)), on)
    assert isinstance(lacking, Break)
    assert isinstance(present, Break)
    assert lacking.doubt
    assert not present.doubt
    assert not found("price=1", "price=2", on).doubt


def test_a_missing_position_is_critical_and_carries_nothing() -> None:
    brk = decide(Single(INTERNAL, record("symbol=A quantity=1", "positions")), bench("positions"))
    assert isinstance(brk, Break)
    assert (brk.severity, brk.value, brk.held) == (Severity.CRITICAL, None, ())


# Groups


def group(kind: Kind, *members: tuple[Side, Role, str]) -> Group:
    return Group(kind, tuple((side, role, record(text)) for side, role, text in members))


def test_edge_11_identical_copies_are_one_informative_duplicate_by_side() -> None:
    breaks = [
        decide(group(Kind.DUPLICATE, (side, Role.DUPLICATE, TRADE), (side, Role.PRIMARY, TRADE),
                     (side, Role.DUPLICATE, TRADE)), bench())
        for side in Side
    ]  # fmt: skip
    for brk, side in zip(breaks, Side, strict=True):
        assert isinstance(brk, Break)
        assert (brk.kind, brk.severity, brk.held) == (Kind.DUPLICATE, Severity.INFO, ())
        assert [part.role for part in brk.records] == [Role.PRIMARY, *[Role.DUPLICATE] * 2]
        assert brk.id == break_id("r", brk.key, side, duplicate=True)
    single = decide(Single(INTERNAL, record(TRADE)), bench())
    assert isinstance(single, Break)
    assert len({each.id for each in (*breaks, single) if isinstance(each, Break)}) == 3


def test_edge_11_one_id_with_different_content_is_a_conflict() -> None:
    other = TRADE.replace("price=10", "price=11")
    brk = decide(
        group(
            Kind.CONFLICT,
            (EXTERNAL, Role.CANDIDATE, TRADE),
            (INTERNAL, Role.PRIMARY, other),
            (INTERNAL, Role.PRIMARY, TRADE),
        ),
        bench(),
    )
    assert isinstance(brk, Break)
    assert (brk.kind, brk.severity) == (Kind.CONFLICT, Severity.HIGH)
    assert brk.differences == ()
    assert brk.id == break_id("r", brk.key, INTERNAL)
    assert brk.aliases == (brk.id, break_id("r", brk.key, EXTERNAL))
    assert [part.side for part in brk.records] == [INTERNAL, INTERNAL, EXTERNAL]
    assert [part.side for part, _ in brk.held] == [INTERNAL, INTERNAL, EXTERNAL]


def test_edge_22_equal_candidates_are_ambiguous_and_anchored_on_the_internal_side() -> None:
    members = [
        (EXTERNAL, Role.CANDIDATE, TRADE.replace("T1", "X1")),
        (EXTERNAL, Role.CANDIDATE, TRADE.replace("T1", "X2")),
        (INTERNAL, Role.CANDIDATE, TRADE.replace("T1", "I9")),
    ]
    brk = decide(group(Kind.AMBIGUOUS, *members), bench())
    assert isinstance(brk, Break)
    assert (brk.kind, brk.severity) == (Kind.AMBIGUOUS, Severity.MEDIUM)
    assert brk.key["trade_id"] == "I9"


@given(st.permutations([
    (EXTERNAL, Role.CANDIDATE, TRADE), (INTERNAL, Role.CANDIDATE, TRADE),
    (EXTERNAL, Role.CANDIDATE, TRADE.replace("T1", "T2")), (INTERNAL, Role.PRIMARY, TRADE),
]))  # fmt: skip
def test_12_the_order_of_a_groups_records_changes_nothing(
    members: list[tuple[Side, Role, str]],
) -> None:
    brk, again = (
        decide(group(Kind.AMBIGUOUS, *each), bench()) for each in (members, sorted(members))
    )
    assert brk == again
