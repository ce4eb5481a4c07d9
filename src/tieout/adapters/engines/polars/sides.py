"""A side while it is matched: what the join sees of it, and what is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from tieout.adapters.engines.polars.staging import Staged, records_of
from tieout.core.lifecycle import OpenItem
from tieout.core.match.identity import identify
from tieout.core.match.plan import OWNERS, Plan, Step
from tieout.core.model import Record, Value
from tieout.ports import SideTask


@dataclass(slots=True)
class SideState:
    """A side while it is matched.

    Attributes:
        frame: the records that are still to be joined.
        loose: records that are matched in memory, not by the join.
        blocked: what was readable of quarantined rows, new and carried.
    """

    task: SideTask
    staged: Staged
    frame: pl.DataFrame
    loose: list[Record] = field(default_factory=list)
    blocked: list[dict[str, Value]] = field(default_factory=list)
    after_cut: list[OpenItem] = field(default_factory=list)
    unreadable: list[OpenItem] = field(default_factory=list)

    def take(self, taken: pl.DataFrame, left: pl.DataFrame) -> None:
        """Split the frame: what is taken becomes loose."""
        if taken.height:
            self.loose += records_of(taken, self.staged.columns)
            self.frame = left

    def take_keyless(self, step: Step) -> None:
        """Records without a key take no part in the join."""
        named = [each for each in step.on if each not in OWNERS]
        if named and any(self.frame.get_column(each).null_count() for each in named):
            keyless = pl.any_horizontal(pl.col(each).is_null() for each in named)
            self.take(self.frame.filter(keyless), self.frame.filter(~keyless))

    def take_keys(self, step: Step, keys: pl.DataFrame) -> None:
        """All records under one of the keys become loose."""
        if keys.height:
            on = list(step.on)
            self.take(
                self.frame.join(keys, on=on, how="semi", nulls_equal=True),
                self.frame.join(keys, on=on, how="anti", nulls_equal=True),
            )

    def identified(self, records: Sequence[Record], plan: Plan) -> list[Record]:
        return identify(records, self.staged.bound.identity, plan.records)
