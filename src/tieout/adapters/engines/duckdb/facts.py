"""What a staged side says about itself: counts, watermark, control totals."""

from __future__ import annotations

from decimal import Decimal

import duckdb

from tieout.adapters.engines.duckdb.columns import name
from tieout.adapters.engines.duckdb.join import readable_sql
from tieout.adapters.engines.duckdb.sides import SideState
from tieout.adapters.engines.duckdb.staging import Staged
from tieout.core.money import add, multiply
from tieout.core.scan import Controls, Part
from tieout.core.schema import ColumnType
from tieout.ports import SideFacts

_BATCH = 50_000


def count_and_watermark(
    con: duckdb.DuckDBPyConnection, staged: Staged, cut: int | None
) -> tuple[int, int | None, int]:
    """Readable rows, their latest time, and how many are later than the cut."""
    clock = staged.bound.reading.records.clock
    side = readable_sql(staged)
    if clock is None or clock not in staged.columns:
        return con.execute(f"SELECT count(*) FROM ({side})").fetchall()[0][0], None, 0
    later = f"count(*) FILTER ({name(clock)} > {cut})" if cut is not None else "0"
    row: tuple[int, int | None, int] = con.execute(
        f"SELECT count(*), max({name(clock)}), {later} FROM ({side})"
    ).fetchall()[0]
    return row


def totals(
    con: duckdb.DuckDBPyConnection, staged: Staged, controls: Controls | Part
) -> dict[str, Decimal]:
    """The sums that the controls ask for, exact: whole numbers and fractions apart.

    A column that the source lacks, or that holds no numbers, has none.
    """
    side = readable_sql(staged)
    if isinstance(controls, Part):
        side = f"SELECT * FROM ({side}) WHERE row BETWEEN {controls.first} AND {controls.last}"
    contract = staged.bound.reading.records.columns
    numbers = {each for each in staged.columns if contract[each].type is ColumnType.DECIMAL}
    found = {}
    for column in controls.totals:
        if not numbers.issuperset(("price", "quantity") if column == "notional" else (column,)):
            continue
        if column == "notional":
            found[column] = _notional(con, side)
            continue
        whole = f"sum(CAST(trunc({name(column)}) AS HUGEINT))"
        part = f"sum({name(column)} - trunc({name(column)}))"
        row = con.execute(f"SELECT {whole}, {part} FROM ({side})").fetchall()[0]
        found[column] = add(Decimal(row[0] or 0), Decimal(row[1] or 0))
    return found


def _notional(con: duckdb.DuckDBPyConnection, side: str) -> Decimal:
    """Sum of price x quantity. A product, so no engine may do it: row by row, exactly."""
    total = Decimal(0)
    table = con.sql(f"SELECT price, quantity FROM ({side})").to_arrow_table()
    for batch in table.to_batches(max_chunksize=_BATCH):
        for price, quantity in zip(
            batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True
        ):
            if price is not None and quantity is not None:
                total = add(total, multiply(price, quantity))
    return total


def missing_symbols(
    con: duckdb.DuckDBPyConnection, staged: Staged, controls: Controls
) -> tuple[str, ...]:
    """The required symbols (or currencies) of which there is no record."""
    column = "symbol" if "symbol" in staged.columns else "currency"
    if not controls.symbols or column not in staged.columns:
        return tuple(sorted(controls.symbols))
    side = readable_sql(staged)
    rows = con.execute(f"SELECT DISTINCT {column} FROM ({side})").fetchall()
    return tuple(sorted(controls.symbols - {symbol for (symbol,) in rows}))


def outside_window(con: duckdb.DuckDBPyConnection, staged: Staged, controls: Controls) -> int:
    """How many records lie outside the window that the source declares."""
    clock = staged.bound.reading.records.clock
    if controls.window is None or clock is None or clock not in staged.columns:
        return 0
    first, last = controls.window
    found: int = con.execute(
        f"SELECT count(*) FROM ({readable_sql(staged)})"
        f" WHERE {name(clock)} < {first} OR {name(clock)} > {last}"
    ).fetchall()[0][0]
    return found


def side_facts(con: duckdb.DuckDBPyConnection, side: SideState) -> SideFacts:
    """Everything that is known of a side."""
    staged, controls = side.staged, side.task.scan.controls
    return SideFacts(
        rows=side.rows,
        quarantined=tuple(staged.quarantined),
        after_cut=tuple(side.after_cut),
        watermark=side.watermark,
        totals=totals(con, staged, controls) if controls.totals else {},
        parts=[totals(con, staged, part) for part in controls.parts],
        missing_symbols=(missing_symbols(con, staged, controls) if controls.symbols else ()),
        outside_window=outside_window(con, staged, controls),
        columns=staged.columns,
        identity=staged.bound.identity,
        skipped=staged.rows - side.rows - len(staged.quarantined),
        unreadable=tuple(side.unreadable),
    )
