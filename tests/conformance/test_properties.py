"""Whatever the task: engines agree with the reference, and both with what must always hold.

Where a property compares two answers, the first is the reference's: it takes a hundredth of the
time of DuckDB's, and says more.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.comparison import drift, outcome, sketch, used_records, uses
from conformance.engines import FAST_ENGINES, engine_called, engines
from conformance.outcomes import run
from conformance.strategies import FEWER, PROFILE, TICKS, cases, mirrored, shuffled
from conformance.tables import Carrier, Case
from hypothesis import given
from hypothesis import strategies as st
from reference.engine import ReferenceEngine

MEMORY = Carrier("batches", Path())
FRAME = Carrier("frame", Path())


@engines(*FAST_ENGINES)
@PROFILE
@given(case=cases(), carrier=st.sampled_from((MEMORY, FRAME)))
def test_an_engine_answers_as_the_reference_does(name: str, case: Case, carrier: Carrier) -> None:
    """Counts, contents of breaks, expected, unknown, quarantined and late records, and facts."""
    task = case.task(carrier)
    expected = outcome(ReferenceEngine(), task, ticks=TICKS)
    assert outcome(engine_called(name), task, ticks=TICKS) == expected


@engines(*FAST_ENGINES)
@FEWER
@given(case=cases(checks=False))
def test_differences_inside_tolerance_add_up_as_in_the_reference(name: str, case: Case) -> None:
    """Whether the engine counts a pair itself or hands it out."""
    task = case.task(MEMORY)
    expected = drift(ReferenceEngine(), task, ticks=TICKS)
    assert drift(engine_called(name), task, ticks=TICKS) == expected


@engines("reference", *FAST_ENGINES)
@FEWER
@given(case=cases(), order=st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_the_order_of_rows_changes_nothing(name: str, case: Case, order: list[float]) -> None:
    before = outcome(ReferenceEngine(), case.task(MEMORY), ticks=TICKS, rows=False)
    again = shuffled(case, order).task(MEMORY)
    after = outcome(engine_called(name), again, ticks=TICKS, rows=False)
    assert after == before


@engines("reference", *FAST_ENGINES)
@FEWER
@given(case=cases(overrides=False, checks=False))
def test_exchanged_sides_give_the_mirror_image(name: str, case: Case) -> None:
    """What one side lacks is then what the other lacks; all else stays."""
    here = outcome(ReferenceEngine(), case.task(MEMORY), ticks=TICKS)
    there = outcome(engine_called(name), mirrored(case).task(MEMORY), ticks=TICKS)
    assert (there.matched, there.within) == (here.matched, here.within)
    assert sketch(there.breaks, mirrored=True) == sketch(here.breaks, mirrored=False)
    assert sum(there.others.values()) == sum(here.others.values())
    assert there.facts["internal"]["rows"] == here.facts["external"]["rows"]


@engines("reference", *FAST_ENGINES)
@PROFILE
@given(case=cases(corrections=False, carried=False))
def test_every_record_is_used_exactly_once(name: str, case: Case) -> None:
    """In a pair, a group or alone, as a copy, or late: none twice, and none lost."""
    matching, candidates = run(engine_called(name), case.task(MEMORY))
    used = [(side, record.row) for side, record in uses(candidates)]
    assert len(used) == len(set(used))
    rows = matching.internal.rows + matching.external.rows
    assert used_records(matching, candidates) == rows


@engines("reference", *FAST_ENGINES)
@FEWER
@given(case=cases())
def test_a_run_repeated_gives_the_same(name: str, case: Case) -> None:
    task = case.task(MEMORY)
    engine = engine_called(name)
    assert outcome(engine, task, ticks=TICKS) == outcome(engine, task, ticks=TICKS)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@engines("reference", *FAST_ENGINES)
@FEWER
@given(case=cases())
def test_files_and_frames_give_the_same(
    name: str, kind: str, tmp_path_factory: pytest.TempPathFactory, case: Case
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"{name}-{kind}"
    folder.mkdir(exist_ok=True)
    expected = outcome(ReferenceEngine(), case.task(FRAME), ticks=TICKS)
    task = case.task(Carrier(kind, folder))
    assert outcome(engine_called(name), task, ticks=TICKS) == expected
