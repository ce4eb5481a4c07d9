"""PnL rows that say too little for their check: counted, and said."""

from __future__ import annotations

from pathlib import Path

import pytest
from integration.world import World, cells, write_csv

PAIRS = "trade_id, quantity, price\n T1, 1, 10\n T2, 1, 10\n T3, 1, 10"
STATED = [
    ("10, 0", "10, 0", "10, 0", []),
    ("10, 0", ", 0", ", 1", ["2 rows of pnl have no pnl_impact: nothing is held against them"]),
    (
        "10, 0",
        "10,",
        "10, 0",
        [
            "1 rows of pnl have no commission: the fee of their trade stands for it, and a trade"
            " without one is not checked"
        ],
    ),
]


@pytest.mark.parametrize("stated", STATED, ids=["all", "no_pnl", "no_commission"])
def test_a_check_that_was_not_made_is_noted(
    tmp_path: Path, stated: tuple[str, str, str, list[str]]
) -> None:
    *rows, notes = stated
    world = World(tmp_path, more="pnl: {type: file, path: pnl.csv, records: pnl}")
    world.rules += ", checks: [{pnl: as-given, source: pnl, on: [trade_id]}]"
    table = "trade_id, pnl_impact, commission" + "".join(
        f"\n T{number}, {row}" for number, row in enumerate(rows, 1)
    )
    write_csv(tmp_path / "pnl.csv", cells(table, "pnl"))
    ran = world.run(PAIRS, PAIRS)
    assert (ran.row.status, ran.counts) == ("clean", "3 matched")
    assert ran.row.internal is not None
    assert list(ran.row.internal.notes) == notes
