"""Matches that are kept, over several dates: engines answer as the reference does, run by run.

The worlds are small, so that amendments, copies, corrections, busts and restatements meet.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from conformance.engines import engine_called, engines
from conformance.strategies import PROFILE, as_table
from conformance.tables import Carrier, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.adapters.matches import MatchFolder
from tieout.adapters.spool import SortedSpool
from tieout.core.calendars import Cutoff
from tieout.core.canonical import dumps
from tieout.core.matched import Keep
from tieout.core.rows import BreakFilter
from tieout.core.scan import Controls, Scan
from tieout.service.runs import Bench, RunOutcome, run
from tieout.service.setup import Request, Setup, SideSetup
from tieout.testing.store import MemoryStore

_ALL = BreakFilter()
MEMORY = Carrier("batches", Path())
_NAMED = re.compile(r"matched on (\S+) rests on")
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
    """A run: for which date, after the first, with which files. `cut`: some records are late.
    `compare`: the tolerances, where they are not those of the history."""

    day: int
    internal: str
    external: str
    whole: bool = True
    cut: bool = False
    compare: str | None = None


@dataclass(frozen=True)
class History:
    on: str
    compare: str
    columns: tuple[str, ...]
    days: int
    steps: Sequence[Step]
    cutoff: Cutoff | None = None


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
                compare=draw(st.sampled_from((None, None, None, "quantity=2"))),
            )
        )
    return History(
        draw(st.sampled_from(PASSES)),
        draw(st.sampled_from(("", "quantity=1", "quantity=0.5"))),
        columns,
        draw(st.sampled_from((5, 5, 1))),
        steps,
        draw(st.sampled_from((None, None, Cutoff(time(11), "UTC")))),
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


class Office:
    """Runs step after step, and runs dates again as errors say.

    Attributes:
        steps: the last one of each date.
        told: each run's counts, changes, notes, log and open breaks.
    """

    def __init__(self, name: str, history: History, folder: Path) -> None:
        self.store = MemoryStore()
        self.history = history
        self.bench = Bench(
            engine_called(name),
            self.store,
            Noon(),
            SortedSpool,
            lambda doing, share=None: None,
            matches=MatchFolder(folder),
        )
        self.steps: dict[int, Step] = {}
        self.told: list[str] = []

    def run(self, step: Step) -> RunOutcome:
        """A step, after the dates that it names. One that names itself is left as it is."""
        outcome = self._once(step)
        while named := _NAMED.search("; ".join(outcome.row.reasons)):
            day = (date.fromisoformat(named[1]) - FIRST).days
            if day == step.day:
                break
            assert day < step.day
            # An incomplete run takes on nothing that is outdated: it needs a whole one.
            self.run(replace(self.steps[day], whole=True))
            outcome = self._once(step)
        self.steps[step.day] = step
        return outcome

    def _once(self, step: Step) -> RunOutcome:
        compare = self.history.compare if step.compare is None else step.compare
        case = Case("case", step.internal, step.external, "", on=self.history.on, compare=compare)
        case = replace(case, ignore="timestamp")
        task = case.task(MEMORY)
        controls = Controls() if step.whole else Controls(rows=99)
        sides = [
            SideSetup(Fixed(replace(side.scan, allow_empty=True, controls=controls)), side.reading)
            for side in (task.internal, task.external)
        ]
        sides[1] = replace(sides[1], cutoff=self.history.cutoff)
        setup = Setup(case.rules, *sides, keep=Keep(self.history.days))
        as_of = NOW if step.cut else NOW + timedelta(days=30)
        day = FIRST + timedelta(days=step.day)
        outcome = run(setup, Request(as_of, day, restate=True), self.bench)
        self._tell(outcome)
        return outcome

    def _tell(self, outcome: RunOutcome) -> None:
        row, log = outcome.row, outcome.row.matches
        assert row.internal is not None
        assert row.external is not None
        self.told.append(
            dumps(
                {
                    "digest": row.digest,
                    "status": row.status.value,
                    "breaks": str(row.breaks),
                    "counts": str(row.counts),
                    "notes": [row.internal.notes, row.external.notes],
                    "reasons": [each.splitlines()[0] for each in row.reasons],
                    "log": None if log is None else [log.rows, str(log.rests), log.rules],
                    "open": [each.content for each in outcome.breaks()],
                }
            )
        )


def answers(name: str, history: History, folder: Path) -> list[str]:
    """What is told of each run, and at last every break's history."""
    office = Office(name, history, folder)
    for step in history.steps:
        office.run(step)
    ids = sorted({each.id for each in office.store.breaks(_ALL)})
    ends = [f"{id_} {[each.event for each in office.store.history(id_)]}" for id_ in ids]
    return office.told + ends


@engines("duckdb", "duckdb-passes")
@settings(PROFILE, max_examples=PROFILE.max_examples // 8, deadline=None)
@given(history=histories())
def test_an_engine_remembers_matches_as_the_reference_does(name: str, history: History) -> None:
    with tempfile.TemporaryDirectory() as folder:
        expected = answers("reference", history, Path(folder, "reference"))
        assert answers(name, history, Path(folder, name)) == expected


IDS = ("T1", "T2", "T3")
SHOWN = ("trade_id", "order_id", "quantity")


def _file(records: Mapping[str, str]) -> str:
    return as_table(SHOWN, [[id_, "O1", quantity] for id_, quantity in records.items()])


@st.composite
def restatements(draw: st.DrawFn) -> tuple[Sequence[Step], Sequence[Step]]:
    """Steps, and those of the last files in the order of their dates.

    Both sides agree on the first two dates, which are restated; what comes later comes alone, again
    or amended. Where a restated record was open, later runs carried it: no log says so.
    """
    records = st.dictionaries(st.sampled_from(IDS), st.sampled_from(("1", "2")))
    agreed = [Step(day, file, file) for day in (0, 1) for file in [_file(draw(records))]]
    later = [Step(day, _file(draw(records)), _file(draw(records))) for day in (2, 3, 4)]
    steps = [*agreed, *later[: draw(st.integers(0, 2))]]
    left = later[len(steps) - 2 :]
    while left:
        for _ in range(draw(st.integers(0, 2))):
            day, file = draw(st.sampled_from((0, 1))), _file(draw(records))
            agreed[day] = Step(day, file, file)
            steps.append(agreed[day])
        steps.append(left.pop(0))
    return steps, [*agreed, *later]


@engines("duckdb", "reference")
@settings(PROFILE, max_examples=PROFILE.max_examples // 8, deadline=None)
@given(drawn=restatements(), on=st.sampled_from(("trade_id", "trade_id; order_id")))
def test_dates_run_again_as_errors_say_end_as_if_run_in_order(
    name: str, drawn: tuple[Sequence[Step], Sequence[Step]], on: str
) -> None:
    steps, ordered = drawn
    history = History(on, "", SHOWN, 5, steps)
    with tempfile.TemporaryDirectory() as folder:
        ends = []
        for number, each in enumerate((steps, ordered)):
            office = Office(name, history, Path(folder, str(number)))
            for step in each:
                outcome = office.run(step)
            ends.append([one.content for one in outcome.breaks()])
            assert not outcome.row.reasons
    assert ends[0] == ends[1]
