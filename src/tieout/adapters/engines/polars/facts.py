"""What a staged side says about itself: counts, watermark, control totals."""

from __future__ import annotations

from decimal import Decimal

import polars as pl

from tieout.adapters.engines.polars.columns import NUMBER
from tieout.adapters.engines.polars.sides import SideState
from tieout.adapters.engines.polars.staging import ROW, Staged
from tieout.core.money import add, multiply
from tieout.core.scan import Controls, Part
from tieout.ports import SideFacts


def side_facts(side: SideState) -> SideFacts:
    """Everything that is known of a side."""
    staged, controls = side.staged, side.task.scan.controls
    return SideFacts(
        rows=staged.frame.height,
        quarantined=tuple(staged.quarantined),
        after_cut=tuple(side.after_cut),
        watermark=watermark(staged),
        totals=_totals(staged, controls),
        parts=[_totals(staged, part) for part in controls.parts],
        missing_symbols=_missing_symbols(staged, controls),
        outside_window=_outside_window(staged, controls),
        columns=staged.columns,
        identity=staged.bound.identity,
        skipped=staged.skipped,
        unreadable=tuple(side.unreadable),
    )


def clock_of(staged: Staged) -> pl.Series | None:
    """The times of the side's records; None where it has none."""
    clock = staged.bound.reading.records.clock
    return staged.frame.get_column(clock) if clock in staged.columns else None


def watermark(staged: Staged) -> int | None:
    """The latest time among the records, UTC nanoseconds."""
    times = clock_of(staged)
    latest = times.max() if times is not None else None
    return latest if isinstance(latest, int) else None


def _totals(staged: Staged, controls: Controls | Part) -> dict[str, Decimal]:
    """The sums that the controls ask for, number by number: sums of Polars end at 1e20.

    A column that the source lacks, or that holds no numbers, has none.
    """
    numbers = {name for name, type_ in staged.frame.schema.items() if type_ == NUMBER}
    frame = staged.frame
    if isinstance(controls, Part):
        frame = frame.filter(pl.col(ROW).is_between(controls.first, controls.last))
    found = {}
    for column in controls.totals:
        of = ("price", "quantity") if column == "notional" else (column,)
        if not numbers.issuperset(of):
            continue
        total = Decimal(0)
        for factors in frame.select(of).drop_nulls().iter_rows():
            total = add(total, multiply(*factors) if len(factors) == 2 else factors[0])
        found[column] = total
    return found


def _missing_symbols(staged: Staged, controls: Controls) -> tuple[str, ...]:
    """The required symbols (or currencies) of which there is no record."""
    column = "symbol" if "symbol" in staged.columns else "currency"
    if not controls.symbols or column not in staged.columns:
        return tuple(sorted(controls.symbols))
    return tuple(sorted(controls.symbols.difference(staged.frame.get_column(column).unique())))


def _outside_window(staged: Staged, controls: Controls) -> int:
    """How many records lie outside the window that the source declares."""
    times = clock_of(staged)
    if controls.window is None or times is None:
        return 0
    inside = times.is_between(*controls.window)
    return times.len() - times.null_count() - int(inside.sum())
