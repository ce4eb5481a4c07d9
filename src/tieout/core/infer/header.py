"""Where the header is in a file that begins with something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tieout.core.infer.names import SYNONYMS, name_score
from tieout.core.infer.proposal import Cells

_SEARCHED: Final = 60
_COLUMNS: Final = frozenset(
    {
        "symbol",
        "quantity",
        "price",
        "timestamp",
        "amount",
        "total",
        "side",
        "trade_id",
        "order_id",
        "currency",
        "pnl_impact",
        "commission",
    }
)


def header_at(rows: Sequence[Cells]) -> int:
    """Index of the row that names the columns: 0, unless a later one of the first 60 is better.

    A better one has more names that are known, more cells, and a row of its own width below.
    """
    best, found = _names(rows[0]) if rows else 0, 0
    for index in range(1, min(len(rows) - 1, _SEARCHED)):
        row = rows[index]
        known = _names(row)
        wide = len(row) == len(rows[index + 1]) and len(row) >= len(rows[found])
        if wide and known >= 2 and known > best:
            best, found = known, index
    return found


def _names(row: Cells) -> int:
    return sum(
        any(name_score(column, cell) > 0.5 for column in _COLUMNS if column in SYNONYMS)
        for cell in row
        if cell and cell.strip()
    )
