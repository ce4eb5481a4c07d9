"""Matches that are kept, over several dates: engines answer as the reference does, run by run.

The worlds are small, so that amendments, copies, corrections, busts and restatements meet.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from conformance.engines import engine_called, engines
from conformance.strategies import PROFILE, as_table
from conformance.tables import Carrier, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.adapters.matches import MatchFolder
from tieout.adapters.spool import SortedSpool
from tieout.core.canonical import dumps
from tieout.core.matched import Keep
from tieout.core.rows import BreakFilter
from tieout.core.scan import Controls, Scan
from tieout.service.runs import Bench, run
from tieout.service.setup import Request, Setup, SideSetup
from tieout.testing.store import MemoryStore

_ALL = BreakFilter()
MEMORY = Carrier("batches", Path())
FIRST = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
COLUMNS = ("trade_id", "order_id", "quantity", "version", "supersedes", "exec_type", "timestamp")
POOLS = {
    "trade_id": ("T1", "T2", "T3", ""),
    "order_id": ("O1", "O2", "O3"),
    "quantity": ("1", "2", "2.5"),
    "version": ("", "", "1", "2"),
    "supersedes": ("", "", "", "T1"),
    "exec_type": ("trade", "trade", "trade", "bust"),
    "timestamp": ("@09:00:00", "@09:00:00", "@13:00:00"),
}
PASSES = ("trade_id", "order_id", "trade_id; order_id", "order_id quantity; trade_id")


@dataclass(frozen=True)
class Step:
    """A run: for which date, after the first, with which files. `cut`: some records are late."""

    day: int
    internal: str
    external: str
    whole: bool = True
    cut: bool = False


@dataclass(frozen=True)
class History:
    on: str
    compare: str
    columns: tuple[str, ...]
    days: int
    steps: Sequence[Step]


@st.composite
def histories(draw: st.DrawFn) -> History:
    optional = draw(st.sets(st.sampled_from(("version", "supersedes", "exec_type", "timestamp"))))
    columns = tuple(
        name for name in COLUMNS if name in optional or name in ("trade_id", "order_id", "quantity")
    )

    def row() -> st.SearchStrategy[tuple[str, ...]]:
        return st.tuples(*(st.sampled_from(POOLS[name]) for name in columns))

    known = draw(st.lists(row(), min_size=1, max_size=4))
    rows = st.lists(st.one_of(st.sampled_from(known), st.sampled_from(known), row()), max_size=3)
    steps = []
    for index in range(draw(st.integers(2, 4))):
        ours, theirs = draw(rows), draw(rows)
        if index == 0 or draw(st.booleans()):
            theirs = [*ours, *theirs[:1]]
        again = draw(st.sampled_from((False, False, False, True)))
        steps.append(
            Step(
                draw(st.integers(0, index)) if again else index,
                as_table(columns, [list(each) for each in ours]),
                as_table(columns, [list(each) for each in theirs]),
                whole=draw(st.sampled_from((True, True, True, False))),
                cut=draw(st.sampled_from((False, False, True))),
            )
        )
    return History(
        draw(st.sampled_from(PASSES)),
        draw(st.sampled_from(("", "quantity=1", "quantity=0.5"))),
        columns,
        draw(st.sampled_from((5, 5, 1))),
        steps,
    )


@dataclass(frozen=True)
class Fixed:
    """A source that is given; and a clock that stands still."""

    held: Scan
    name: str = "source"

    def scan(self, *, business_date: date) -> Scan:
        return self.held


class Noon:
    def now(self) -> datetime:
        return NOW


def answers(name: str, history: History, folder: Path) -> list[str]:
    """Each run's counts, changes, notes and open breaks, and at last every break's history."""
    store = MemoryStore()
    bench = Bench(
        engine_called(name),
        store,
        Noon(),
        SortedSpool,
        lambda doing, share=None: None,
        matches=MatchFolder(folder),
    )
    found = []
    for step in history.steps:
        case = Case(
            "case", step.internal, step.external, "", on=history.on, compare=history.compare
        )
        case = replace(case, ignore="timestamp")
        task = case.task(MEMORY)
        controls = Controls() if step.whole else Controls(rows=99)
        sides = [
            SideSetup(Fixed(replace(side.scan, allow_empty=True, controls=controls)), side.reading)
            for side in (task.internal, task.external)
        ]
        setup = Setup(case.rules, *sides, keep=Keep(history.days))
        as_of = NOW if step.cut else NOW + timedelta(days=30)
        day = FIRST + timedelta(days=step.day)
        outcome = run(setup, Request(as_of, day, restate=True), bench)
        row = outcome.row
        assert row.internal is not None
        assert row.external is not None
        found.append(
            dumps(
                {
                    "digest": row.digest,
                    "status": row.status.value,
                    "breaks": str(row.breaks),
                    "counts": str(row.counts),
                    "notes": [row.internal.notes, row.external.notes],
                    "reasons": row.reasons,
                    "open": [each.content for each in outcome.breaks()],
                }
            )
        )
    ids = sorted({each.id for each in store.breaks(_ALL)})
    found += [f"{id_} {[each.event for each in store.history(id_)]}" for id_ in ids]
    return found


@engines("duckdb", "duckdb-passes")
@settings(PROFILE, max_examples=PROFILE.max_examples // 8, deadline=None)
@given(history=histories())
def test_an_engine_remembers_matches_as_the_reference_does(name: str, history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected = answers("reference", history, Path(folder, "reference"))
        assert answers(name, history, Path(folder, name)) == expected
