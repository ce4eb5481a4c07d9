"""What an engine answered, in words that two engines share and a person can check.

    matched 2                         pairs without any difference
    within 1                          pairs that differ, inside tolerance
    break i1 e2: price, fee           a pair that breaks, and in which columns; `by 1` names the
    break i1 e2 by 1: side            pass, where that is not the first
    single i3                         a record without a partner
    single e4 unknown                 one whose partner is there, unreadable
    DUPLICATE i1 i2                   groups, with all their records; in a CONFLICT, these are
    CONFLICT i1 i2 e1                 also those that it blocks
    AMBIGUOUS i1 i2 e1
    quarantined e2 quantity
    late e3                           after the cut

`i2` is the second row of the internal side, `i~T1` a carried record with the id T1. Of equal
rows the first stands for all, except in their DUPLICATE group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Context, Decimal

from tieout.core.canonical import dumps, plain_record
from tieout.core.match.plan import Plan, plan
from tieout.core.model import Candidate, Group, Kind, Pair, Record, Role, Side, Single
from tieout.core.rules import Measure, PnlCheck, Rules
from tieout.ports import Engine, Matching, MatchTask, SideFacts

WIDE = Context(prec=200)


def plan_of(task: MatchTask) -> Plan:
    sides = (task.internal, task.external)
    bound = []
    for side in sides:
        rows = side.scan.rows
        bound.append(side.reading.bind(rows.columns, getattr(rows, "types", None)))
    return plan(task.rules, *bound)


def run(engine: Engine, task: MatchTask) -> tuple[Matching, list[Candidate]]:
    with engine.match(task) as matching:
        return matching, list(matching.candidates)


def lines(engine: Engine, task: MatchTask, ticks: Mapping[str, Decimal] | None = None) -> list[str]:
    """The answer of `engine`, sorted."""
    matching, candidates = run(engine, task)
    layout = plan_of(task)
    names = Names(candidates)
    found: Counter[str] = Counter()
    agreed, within = matching.agreed - matching.agreed_within, matching.agreed_within
    for candidate in candidates:
        match candidate:
            case Pair():
                broken, differs = judge(task.rules, layout, candidate, ticks or {})
                agreed += not broken and not differs
                within += not broken and differs
                if broken:
                    found[pair_line(names, candidate, broken)] += 1
            case Single():
                unknown = " unknown" if candidate.partner_quarantined else ""
                found[f"single {names.of(candidate.side, candidate.record)}{unknown}"] += 1
            case Group():
                assert_ordered(candidate, layout)
                found[group_line(names, candidate)] += 1
    counts = [f"{word} {n}" for word, n in (("matched", agreed), ("within", within)) if n]
    facts = facts_lines(Side.INTERNAL, matching.internal)
    facts += facts_lines(Side.EXTERNAL, matching.external)
    return sorted([*counts, *found.elements(), *facts])


def facts_lines(side: Side, facts: SideFacts) -> list[str]:
    words = [f"quarantined {side.value[0]}{each.row} {each.field}" for each in facts.quarantined]
    return words + [f"late {label(side, item.record)}" for item in facts.after_cut]


def pair_line(names: Names, pair: Pair, broken: list[str]) -> str:
    by = f" by {pair.step}" if pair.step else ""
    internal = names.of(Side.INTERNAL, pair.internal)
    external = names.of(Side.EXTERNAL, pair.external)
    return f"break {internal} {external}{by}: {', '.join(broken)}"


def group_line(names: Names, group: Group) -> str:
    copies = group.kind is Kind.DUPLICATE
    parts = [
        label(side, record) if copies else names.of(side, record)
        for side, _, record in group.records
    ]
    return f"{group.kind.value} {' '.join(sorted(parts, key=_by_side))}"


def _by_side(name: str) -> tuple[bool, str]:
    return name.startswith("e"), name


def assert_ordered(group: Group, layout: Plan) -> None:
    """By side, role, canonical text and identity, so that equal rows without an id of their own
    have one order (the first is what the break is called after). A DUPLICATE is one record and
    its copies; in the other groups no record is more than a candidate."""
    order = [
        (
            list(Side).index(side),
            list(Role).index(role),
            dumps(plain_record(record.values, layout.records)),
            dumps(plain_record(record.identity, layout.records)),
        )
        for side, role, record in group.records
    ]
    assert order == sorted(order), f"a group is not in order: {group}"
    if group.kind is Kind.DUPLICATE:
        roles = Counter(role for _, role, _ in group.records)
        assert roles == {Role.PRIMARY: 1, Role.DUPLICATE: len(group.records) - 1}
        assert group.records[0][1] is Role.PRIMARY
        assert len({text for _, _, text, _ in order}) == 1, f"copies differ: {group}"
    else:
        assert {role for _, role, _ in group.records} == {Role.CANDIDATE}


def label(side: Side, record: Record) -> str:
    if record.row is not None:
        return f"{side.value[0]}{record.row}"
    named = [str(value) for value in record.identity.values() if value is not None]
    ids = [
        str(record.values[name])
        for name in ("trade_id", "movement_id", "order_id", "currency", "symbol")
        if record.values.get(name) is not None
    ]
    return f"{side.value[0]}~{(ids or named or ['?'])[0]}"


class Names:
    """Labels of records, where the first of equal rows stands for all of them."""

    def __init__(self, candidates: list[Candidate]) -> None:
        self._first: dict[tuple[Side, int], int] = {}
        for group in candidates:
            if isinstance(group, Group) and group.kind is Kind.DUPLICATE:
                rows = [(side, record.row) for side, _, record in group.records if record.row]
                for side, row in rows:
                    self._first[side, row] = min(row for _, row in rows)

    def of(self, side: Side, record: Record) -> str:
        if record.row is None:
            return label(side, record)
        return f"{side.value[0]}{self._first.get((side, record.row), record.row)}"


# Whether a pair breaks, without `decide`: by the words of the rules, in wide decimals.


def judge(
    rules: Rules, layout: Plan, pair: Pair, ticks: Mapping[str, Decimal]
) -> tuple[list[str], bool]:
    """The columns in which a pair breaks, and whether it differs anywhere."""
    internal, external = pair.internal.values, pair.external.values
    symbol = internal.get("symbol") or external.get("symbol")
    broken, differs = [], False
    for column in layout.compared:
        one, other = internal.get(column), external.get(column)
        if one == other:
            continue
        differs = True
        if one is None or other is None or beyond(rules, column, symbol, (one, other), ticks):
            broken.append(column)
    if layout.records.name == "orders" and {"quantity", "filled"} <= set(layout.compared):
        if all(too_much(each) for each in (internal, external)):
            broken, differs = (
                [each for each in layout.compared if each in broken or each == "filled"],
                True,
            )
    for index, check in enumerate(rules.checks):
        if (row := pair.checked.get(index)) is not None:
            if check_fails(check.pnl, check.tolerance, internal, row.values):
                broken.append(f"{check.pnl.value}")
                differs = True
    return broken, differs


def too_much(order: Mapping[str, object]) -> bool:
    """Whether more of an order was filled than the quantity that it states."""
    filled, quantity = order.get("filled"), order.get("quantity")
    if not isinstance(filled, Decimal) or not isinstance(quantity, Decimal):
        return False
    return quantity != 0 and filled > quantity


def beyond(rules: Rules, column: str, symbol, values, ticks: Mapping[str, Decimal]) -> bool:
    tolerance = rules.tolerance(column, symbol)
    if tolerance.measure is Measure.EXACT:
        return True
    one, other = (Decimal(value) for value in values)
    apart = WIDE.subtract(one, other).copy_abs()
    allowed = tolerance.amount
    if tolerance.measure is Measure.RELATIVE:
        allowed = WIDE.multiply(allowed, max(one.copy_abs(), other.copy_abs()))
    if tolerance.measure is Measure.TICKS:
        if symbol not in ticks:
            return True
        allowed = WIDE.multiply(allowed, ticks[symbol])
    return apart > allowed


def check_fails(formula: PnlCheck, tolerance: Decimal, trade, row) -> bool:
    if row.get("pnl_impact") is None:
        return False
    commission = row.get("commission")
    if commission is None:
        commission = trade.get("fee")
    if commission is None:
        if "commission" in row or "fee" in trade:
            return False  # it is not known what the trade cost
        commission = Decimal(0)
    value = WIDE.multiply(trade["price"], trade["quantity"])
    if formula is PnlCheck.CASH:
        if trade.get("side") is None:
            return False
        value = value if trade["side"] == "sell" else value.copy_negate()
    expected = WIDE.subtract(value, commission)
    apart = WIDE.subtract(expected, row["pnl_impact"]).copy_abs()
    return apart > tolerance if formula is PnlCheck.CASH else not apart < tolerance
