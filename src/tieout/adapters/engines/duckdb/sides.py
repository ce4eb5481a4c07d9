"""What an engine keeps of a side while it is matched."""

from __future__ import annotations

from dataclasses import dataclass, field

from tieout.adapters.engines.duckdb.staging import Staged
from tieout.core.lifecycle import OpenItem
from tieout.core.model import Record, Value
from tieout.ports import SideTask


@dataclass(slots=True)
class SideState:
    """A side while it is matched.

    Attributes:
        loose: records that are matched in memory, not by the join.
        blocked: what was readable of quarantined rows, new and carried.
        taken: how many of its rows are not in the join.
        recalled: records of earlier matches that are carried into this one.
        reconciled: how many of its rows are left out, see `recall`.
    """

    task: SideTask
    staged: Staged
    rows: int
    watermark: int | None = None
    loose: list[Record] = field(default_factory=list)
    blocked: list[dict[str, Value]] = field(default_factory=list)
    after_cut: list[OpenItem] = field(default_factory=list)
    unreadable: list[OpenItem] = field(default_factory=list)
    taken: int = 0
    recalled: list[OpenItem] = field(default_factory=list)
    reconciled: int = 0
