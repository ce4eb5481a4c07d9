"""The sources that checks look rows up in, by index in `Rules.checks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from tieout.adapters.engines.polars.careful import repeated_keys
from tieout.adapters.engines.polars.columns import NUMBER
from tieout.adapters.engines.polars.join import INTERNAL
from tieout.adapters.engines.polars.staging import ROW, Staged, records_of, stage
from tieout.core.checks import STATED
from tieout.core.match.identity import identify
from tieout.core.match.plan import OWNERS, Key, Step
from tieout.core.model import Candidate, Pair, Quarantined, Record
from tieout.core.rules import Check
from tieout.errors import SourceError
from tieout.ports import CheckTask, SideFacts


@dataclass(frozen=True, slots=True)
class Checked:
    """A check's source.

    Attributes:
        step: the columns that tie a trade to its row.
        unique: its rows, one a key. What has no key is not there.
    """

    index: int
    rule: Check
    staged: Staged
    step: Step
    unique: pl.DataFrame

    def facts(self) -> SideFacts:
        """What is known of the source."""
        staged = self.staged
        return SideFacts(
            rows=staged.frame.height + staged.skipped,
            quarantined=tuple(staged.quarantined),
            columns=staged.columns,
            identity=staged.bound.identity,
            blank={
                each: self.unique.get_column(each).null_count()
                for each in STATED
                if each in staged.columns
            },
        )

    def rows(self) -> dict[Key | None, Record]:
        """The rows by key."""
        bound = self.staged.bound
        rows = records_of(self.unique, self.staged.columns)
        found = identify(rows, bound.identity, bound.reading.records)
        return {self.step.key(record.values): record for record in found}


def stage_check(rule: Check, task: CheckTask) -> Checked:
    """Read a check's source.

    Equal copies count once. Rows that contradict each other are quarantined: no check can be
    made with them.
    """
    staged = stage(task.scan, task.reading)
    for column in (*rule.on, "pnl_impact"):
        if column not in staged.columns:
            raise SourceError(
                f"a check needs the column {column!r}, which {task.scan.source!r} does not have",
                where=f"{task.scan.source}: checks",
                hint=f"map it: `columns: {{{column}: <the source's name>}}`",
            )
    step = Step(rule.on)
    keyed = staged.frame.drop_nulls([each for each in rule.on if each not in OWNERS])
    keyed = keyed.unique(list(staged.columns), keep="first", maintain_order=True)
    repeated = repeated_keys(step, keyed)
    if repeated.height:
        on = list(rule.on)
        _set_aside(staged, rule, keyed.join(repeated, on=on, how="semi", nulls_equal=True))
        keyed = keyed.join(repeated, on=on, how="anti", nulls_equal=True)
    return Checked(task.index, rule, staged, step, keyed)


def _set_aside(staged: Staged, rule: Check, contradicting: pl.DataFrame) -> None:
    """Quarantine rows; they are no longer among the staged ones."""
    for record in records_of(contradicting.sort(ROW), staged.columns):
        staged.quarantined.append(
            Quarantined(
                source=staged.scan.source,
                place=staged.scan.source,
                row=record.row or 0,
                field=rule.on[0],
                reason="several rows have this key and contradict each other",
                raw=", ".join(f"{k}={v}" for k, v in staged.bound.plain(record.values).items()),
                values=record.values,
            )
        )
    staged.frame = staged.frame.join(contradicting, on=ROW, how="anti")


def with_checks(pairs: pl.DataFrame, checks: Sequence[Checked]) -> pl.DataFrame:
    """The pairs with what `prefilter.may_break` asks of a check's row."""
    if not checks:
        return pairs
    if f"{INTERNAL}side" not in pairs.columns:
        pairs = pairs.with_columns(pl.lit(None, dtype=pl.String).alias(f"{INTERNAL}side"))
    for check in checks:
        impact, commission = (f"check{check.index}_{each}" for each in ("pnl_impact", "commission"))
        costs = [pl.col("commission")] if "commission" in check.unique.columns else []
        table = check.unique.select(
            *check.step.on,
            pl.col("pnl_impact").alias(impact),
            pl.coalesce(*costs, pl.lit(None, dtype=NUMBER)).alias(commission),
        )
        on = [f"{INTERNAL}{each}" for each in check.step.on]
        pairs = pairs.join(
            table, left_on=on, right_on=list(check.step.on), how="left", nulls_equal=True
        )
        fees = [pl.col(f"{INTERNAL}fee")] if f"{INTERNAL}fee" in pairs.columns else []
        paid = pl.coalesce(pl.col(commission), *fees, pl.lit(Decimal(0), dtype=NUMBER))
        pairs = pairs.with_columns(paid.alias(commission))
    return pairs


def look_up(candidates: Iterable[Candidate], checks: Sequence[Checked]) -> Iterator[Candidate]:
    """The candidates; pairs with the rows that each check found for their internal record."""
    if not checks:
        yield from candidates
        return
    known = [(check, check.rows()) for check in checks]
    for candidate in candidates:
        if not isinstance(candidate, Pair):
            yield candidate
            continue
        checked = {
            check.index: record
            for check, rows in known
            if (key := check.step.key(candidate.internal.values)) is not None
            and (record := rows.get(key)) is not None
        }
        yield Pair(candidate.internal, candidate.external, candidate.step, checked)
