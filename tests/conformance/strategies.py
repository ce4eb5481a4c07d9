"""Hypothesis strategies for tasks: small worlds, in which everything collides.

Ids, symbols and amounts come from a handful, so that copies, conflicts, corrections, groups and
equal numbers under other ids are the rule. The tasks are `Case`s: tables of text that print as
they would be written by hand.
"""

from __future__ import annotations

import os
from dataclasses import replace

from conformance.tables import Case
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tieout.core.model import Side

PROFILE = settings(
    max_examples=1000 if os.environ.get("TIEOUT_HYPOTHESIS") == "deep" else 60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
FEWER = settings(PROFILE, max_examples=PROFILE.max_examples // 2)
"""For what asks an engine twice, or writes files."""

NULL = ""
POOLS = {
    "account": ("A", "A", "B", NULL),
    "venue": ("bybit", "kraken"),
    "symbol": ("BTC", "BTC", "ETH"),
    "trade_id": ("T1", "T2", "T3", NULL),
    "order_id": ("O1", "O2", NULL),
    "client_order_id": ("C1", "C2", NULL),
    "side": ("buy", "sell", "B", NULL),
    "quantity": ("1", "1.0", "2", "2.01", "1.99", "0", "x"),
    "price": ("100", "1e2", "101", "101.01", "100.99", "99", "NaN"),
    "fee": ("0.5", "0.50", "0", NULL),
    "timestamp": (
        "@09:00:00",
        "@09:00:00.000000000",
        "@09:00:00.1",
        "@09:00:00.100000001",
        "@13:00:00",
    ),
    "exec_type": ("trade", NULL, "bust"),
    "supersedes": (NULL, NULL, "T1", "T2", "T3"),
    "version": ("1", "2", "1.0", NULL),
    "sequence": ("1", "2", NULL),
    "settle_date": ("2026-03-04", "2026-03-05", NULL),
    "leg": ("long", "short", NULL),
    "total": ("1", "-1", "1.01", "0", "-0", "x"),
    "free": ("1", "2"),
    "currency": ("USD", "EUR"),
    "wallet": ("spot", "funding", NULL),
    "movement_id": ("M1", "M2", NULL),
    "reference": ("R1", "R2", NULL),
    "amount": ("1", "-1", "1.0", "2"),
    "status": ("open", "new", "filled", NULL),
    "filled": ("0", "1", "2", NULL),
    "created_at": ("@09:00:00", "@13:00:00", NULL),
}
COLUMNS = {
    "trades": (
        "account",
        "venue",
        "symbol",
        "trade_id",
        "side",
        "order_id",
        "quantity",
        "price",
        "fee",
        "timestamp",
        "exec_type",
        "supersedes",
        "version",
        "sequence",
        "settle_date",
    ),
    "positions": ("account", "symbol", "leg", "quantity"),
    "balances": ("account", "currency", "wallet", "total", "free"),
    "orders": (
        "account",
        "order_id",
        "client_order_id",
        "symbol",
        "side",
        "quantity",
        "filled",
        "status",
        "created_at",
    ),
    "movements": ("account", "movement_id", "currency", "reference", "amount", "timestamp"),
}
PASSES = {
    "trades": (
        ("trade_id",),
        ("trade_id", "side"),
        ("symbol", "trade_id", "side"),
        ("order_id",),
        ("order_id", "symbol", "side"),
        ("order_id", "symbol", "side", "quantity"),
        ("symbol", "side", "quantity"),
        ("symbol", "quantity", "price"),
        ("symbol", "timestamp"),
    ),
    "positions": (("symbol",), ("symbol", "leg"), ("symbol", "quantity")),
    "balances": (("currency",), ("currency", "wallet"), ("currency", "total")),
    "orders": (("order_id",), ("client_order_id",), ("order_id", "side"), ("symbol", "quantity")),
    "movements": (("movement_id",), ("reference",), ("currency", "amount")),
}
TOLERANCES = {
    "quantity": ("0.01", "1", "1%", "0.5%", "exact"),
    "price": ("1", "0.01", "1%", "0.9999%", "100ticks", "101ticks", "exact"),
    "fee": ("0.5", "100%"),
    "timestamp": ("100ms", "100000001ns", "4s"),
    "total": ("0.01", "1%", "2"),
    "free": ("1",),
    "amount": ("1", "100%"),
    "filled": ("1",),
}
REQUIRED = {"quantity", "price", "timestamp", "total", "amount", "symbol"}
NAMED_BY = {"orders": ("order_id", "client_order_id")}
"""A snapshot without any of its ids has no identity."""
TICKS = {"BTC": "0.01"}
OVERRIDDEN = ("BTC", "ETH")


@st.composite
def tables(draw: st.DrawFn, columns: tuple[str, ...], size: int = 5) -> str:
    """Rows over `columns`, as text; often copies of one another, whole or but for a cell."""
    rows: list[list[str]] = []
    for _ in range(draw(st.integers(0, size))):
        if rows and draw(st.booleans()):
            row = list(draw(st.sampled_from(rows)))
            for index in draw(st.lists(st.integers(0, len(columns) - 1), max_size=1)):
                row[index] = draw(st.sampled_from(POOLS[columns[index]]))
        else:
            row = [draw(st.sampled_from(POOLS[name])) for name in columns]
        rows.append(row)
    return as_table(columns, rows)


def as_table(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    return "\n".join(",".join(line) for line in [list(columns), *rows])


@st.composite
def cases(
    draw: st.DrawFn,
    records: tuple[str, ...] = ("trades", "trades", "trades", *COLUMNS),
    *,
    corrections: bool = True,
    overrides: bool = True,
    checks: bool = True,
    carried: bool = True,
) -> Case:
    """A task of any shape. The switches leave out what a property is not about."""
    type_ = draw(st.sampled_from(records))
    pool = [
        name
        for name in COLUMNS[type_]
        if corrections or name not in ("exec_type", "supersedes", "version", "sequence")
    ]
    common = draw(st.sets(st.sampled_from(pool), min_size=2))
    common |= {draw(st.sampled_from(NAMED_BY[type_]))} if type_ in NAMED_BY else set()
    own = [common | draw(st.sets(st.sampled_from(pool), max_size=2)) for _ in Side]
    possible = [
        key for key in PASSES[type_] if all(name in common or name in REQUIRED for name in key)
    ]
    if not possible:
        common |= set(PASSES[type_][0])
        own = [columns | common for columns in own]
        possible = [PASSES[type_][0]]
    internal, external = (
        tuple(name for name in COLUMNS[type_] if name in columns) for columns in own
    )
    passes = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3, unique=True))
    both = [name for name in TOLERANCES if name in common]
    compare = draw(st.lists(st.sampled_from(both), unique=True)) if both else []
    case = Case(
        name="drawn",
        internal=draw(tables(internal)),
        external=draw(tables(external)),
        expected="",
        records=type_,
        on="; ".join(" ".join(key) for key in passes),
        compare=" ".join(draw(tolerances(name)) for name in compare),
        ignore=" ".join(draw(st.lists(st.sampled_from(sorted(common)), max_size=2, unique=True))),
        cut=draw(st.sampled_from((None, None, "12:00:00", "09:00:00"))),
        ticks=TICKS,
        deadline=draw(st.sampled_from((0, 3 * 3600 * 10**9, 3 * 3600 * 10**9 - 1))),
    )
    case = replace(case, ignore=" ".join(sorted(set(case.ignore.split()) - set(compare))))
    if overrides and draw(st.booleans()) and both:
        listed = {symbol: draw(tolerances(draw(st.sampled_from(both)))) for symbol in OVERRIDDEN}
        symbols = draw(st.sets(st.sampled_from(OVERRIDDEN), min_size=1))
        case = replace(case, overrides={symbol: listed[symbol] for symbol in sorted(symbols)})
    if carried and draw(st.booleans()):
        case = replace(
            case,
            carried={
                Side.INTERNAL: draw(tables(internal, 2)),
                Side.EXTERNAL: draw(tables(external, 2)),
            },
        )
    if checks and type_ == "trades" and "trade_id" in internal and draw(st.booleans()):
        case = replace(case, checks=(draw(check_rows()),))
    return case


@st.composite
def tolerances(draw: st.DrawFn, column: str) -> str:
    return f"{column}={draw(st.sampled_from(TOLERANCES[column]))}"


@st.composite
def check_rows(draw: st.DrawFn) -> tuple[str, str, str, str]:
    rows = [
        [id_, draw(st.sampled_from(("100", "99", "-100", "99.5", "101", "-100.5", NULL)))]
        for id_ in draw(st.lists(st.sampled_from(("T1", "T2", "T3")), unique=True))
    ]
    formula = draw(st.sampled_from(("as-given", "cash")))
    tolerance = draw(st.sampled_from(("1", "0.5", "0")))
    return formula, "trade_id", tolerance, as_table(("trade_id", "pnl_impact"), rows)


def shuffled(case: Case, order: list[float]) -> Case:
    """The same rows in another order."""
    return replace(
        case, internal=_shuffle(case.internal, order), external=_shuffle(case.external, order)
    )


def _shuffle(text: str, order: list[float]) -> str:
    header, *rows = text.splitlines()
    places = sorted(range(len(rows)), key=lambda place: (order[place % len(order)], -place))
    return "\n".join([header, *(rows[place] for place in places)])


def mirrored(case: Case) -> Case:
    """The same with the sides exchanged."""
    carried = {side.other: text for side, text in case.carried.items()}
    return replace(case, internal=case.external, external=case.internal, carried=carried)
