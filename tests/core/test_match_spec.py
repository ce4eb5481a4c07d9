"""The plan of a match: which passes are tried, and which columns are compared."""

from __future__ import annotations

import pytest

from tieout.core.match.plan import Plan, Step, plan
from tieout.core.read import Reading
from tieout.core.rules import Measure, Pass, Rules, Tolerance
from tieout.core.schema import RECORD_TYPES, ColumnType
from tieout.errors import SourceError

TRADE = ("symbol", "trade_id", "side", "quantity", "price", "timestamp")


def planned(
    internal: tuple[str, ...],
    external: tuple[str, ...] | None = None,
    *on: tuple[str, ...],
    records: str = "trades",
    extra: tuple[str, ...] = (),
    identity: tuple[str, ...] = (),
    **rules: object,
) -> Plan:
    type_ = RECORD_TYPES[records].with_extra(dict.fromkeys(extra, ColumnType.TEXT))
    sides = [
        Reading(name, type_, identity=identity).bind(header)
        for name, header in (("in", internal), ("ex", external or internal))
    ]
    passes = tuple(Pass(each) for each in on)
    return plan(Rules("r", records, passes, **rules), *sides)  # type: ignore[arg-type]


def keys(found: Plan) -> list[tuple[str, ...]]:
    return [step.on for step in found.steps]


def test_without_passes_the_identity_is_the_pass() -> None:
    assert planned(TRADE).steps[0] == Step(("symbol", "trade_id", "side"))


def test_the_identity_in_common_is_that_of_columns_on_both_sides() -> None:
    without_side = tuple(name for name in TRADE if name != "side")
    found = planned(("account", *TRADE), without_side)
    assert found.common_identity == ("symbol", "trade_id")
    assert found.steps[0] == Step(("symbol", "trade_id"))


def test_a_derived_id_is_no_key() -> None:
    """Without a trade id on both sides, the rest of the identity is the pass."""
    without_id = tuple(name for name in TRADE if name != "trade_id")
    assert keys(planned(TRADE, without_id)) == [("symbol", "side")]


def test_relaxed_passes_come_last_and_drop_side_symbol_then_both() -> None:
    found = planned(TRADE, None, ("symbol", "trade_id", "side"), ("symbol", "quantity"))
    assert found.steps == (
        Step(("symbol", "trade_id", "side")),
        Step(("symbol", "quantity")),
        Step(("symbol", "trade_id"), relaxed=True),
        Step(("trade_id", "side"), relaxed=True),
        Step(("trade_id",), relaxed=True),
    )


def test_a_relaxed_pass_needs_an_id() -> None:
    assert keys(planned(TRADE, None, ("symbol", "side", "quantity"))) == [
        ("symbol", "side", "quantity")
    ]


def test_an_equal_key_is_tried_once_whatever_its_order() -> None:
    found = planned(TRADE, None, ("trade_id", "side"), ("trade_id",), ("trade_id", "symbol"))
    assert keys(found) == [("trade_id", "side"), ("trade_id",), ("trade_id", "symbol")]


def test_account_and_venue_are_in_every_pass_where_both_sides_have_them() -> None:
    found = planned(
        ("account", "venue", *TRADE), ("account", "venue", *TRADE), ("trade_id",), ("quantity",)
    )
    assert keys(found) == [("account", "venue", "trade_id"), ("account", "venue", "quantity")]
    assert keys(planned(("account", *TRADE), TRADE, ("trade_id",))) == [("trade_id",)]


def test_compared_are_columns_of_both_sides_in_contract_order() -> None:
    found = planned(
        ("fee", "liquidity", *TRADE, "order_id"), ("liquidity", *TRADE, "fee", "settle_date")
    )
    assert found.compared == ("symbol", "trade_id", "side", "quantity", "price", "fee", "timestamp")


def test_a_listed_column_is_compared_and_an_ignored_one_is_not() -> None:
    found = planned(
        ("liquidity", *TRADE),
        compare={"liquidity": Tolerance()},
        ignore=frozenset({"price", "timestamp"}),
    )
    assert found.compared == ("symbol", "trade_id", "side", "quantity", "liquidity")


def test_extras_of_both_sides_are_compared_after_the_contract() -> None:
    found = planned(("desk", *TRADE), ("desk", *TRADE), extra=("desk",))
    assert found.compared[-1] == "desk"
    assert found.records.columns["desk"].type is ColumnType.TEXT


def test_a_declared_identity_is_the_pass() -> None:
    found = planned(TRADE, identity=("trade_id", "quantity"))
    assert found.steps[0] == Step(("trade_id", "quantity"))


@pytest.mark.parametrize(
    ("what", "internal", "external", "on", "rules"),
    [
        ("match names 'order_id'", ("order_id", *TRADE), TRADE, (("order_id",),), {}),
        ("match names 'desk'", TRADE, None, (("desk",),), {}),
        ("compare names 'fee'", ("fee", *TRADE), TRADE, (), {"compare": {"fee": Tolerance()}}),
        (
            "'absolute' does not fit 'timestamp'",
            TRADE,
            None,
            (),
            {"compare": {"timestamp": Tolerance(Measure.ABSOLUTE)}},
        ),
        (
            "'window' does not fit 'price'",
            TRADE,
            None,
            (),
            {"compare": {"price": Tolerance(Measure.WINDOW)}},
        ),
        (
            "'relative' does not fit 'side'",
            TRADE,
            None,
            (),
            {"compare": {"side": Tolerance(Measure.RELATIVE)}},
        ),
    ],
)
def test_what_cannot_be_done_is_said(
    what: str,
    internal: tuple[str, ...],
    external: tuple[str, ...] | None,
    on: tuple[tuple[str, ...], ...],
    rules: dict[str, object],
) -> None:
    with pytest.raises(SourceError, match=what):
        planned(internal, external, *on, **rules)


def test_sides_without_an_identity_in_common_need_passes() -> None:
    orders = ("symbol", "quantity")
    with pytest.raises(SourceError, match="no identity column in common"):
        planned(("order_id", *orders), ("client_order_id", *orders), records="orders")


def test_a_source_that_cannot_tell_its_records_apart_is_refused() -> None:
    with pytest.raises(SourceError) as caught:
        planned(("symbol", "quantity"), ("order_id", "symbol", "quantity"), records="orders")
    assert "no column that identifies its orders: no 'order_id' or 'client_order_id'" in str(
        caught.value
    )
    assert caught.value.where == "in"
    assert "identity: [...]" in str(caught.value.hint)


def test_a_stated_identity_makes_up_for_an_id() -> None:
    header = ("symbol", "quantity")
    found = planned(header, header, ("symbol",), records="orders", identity=("symbol",))
    assert keys(found) == [("symbol",)]


def test_a_stated_identity_must_be_there() -> None:
    with pytest.raises(SourceError, match="identity names 'account'"):
        planned(TRADE, TRADE, ("trade_id",), identity=("account", "trade_id"))
