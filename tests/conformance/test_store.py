"""What every Store does, in memory, in SQLite and in PostgreSQL: runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from store_values import D1, D2, D3, Finished, brk, commit, intent, item

from tieout.core.held import Held
from tieout.core.lifecycle import Evidence, Transition
from tieout.core.model import RunStatus, Side
from tieout.core.rows import BreakFilter, DriftStatistic, RunCounts
from tieout.core.scan import Coverage, InputFile
from tieout.errors import RunSuperseded, StoreError
from tieout.ports import RunResult, Store, StoreView

EVERYTHING = BreakFilter()


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def states(store: Store) -> dict[str, str]:
    return {row.id: row.state for row in store.breaks(EVERYTHING)}


def open_on(store: Store, before: date) -> list[Held]:
    return list(store.open_items("r", before=before))


def test_a_new_store_knows_nothing(store: Store) -> None:
    prior = store.prior("r")
    assert prior.latest is None
    assert prior.covered == {Side.INTERNAL: frozenset(), Side.EXTERNAL: frozenset()}
    assert list(store.runs()) == []
    assert list(store.breaks(EVERYTHING)) == []
    assert open_on(store, D1) == []
    with store.view("r") as view:
        assert list(view.open_breaks()) == []
        assert view.known(["a"]) == {}


def test_an_intent_is_there_before_the_work(store: Store) -> None:
    began = intent()
    store.begin(began)
    (row,) = store.runs()
    assert (row.run_id, row.status, row.finished_at) == (began.run_id, RunStatus.RUNNING, None)
    assert (row.as_of, row.business_date) == (began.as_of, D1)


def test_a_run_comes_back_with_everything_in_it(store: Store) -> None:
    file = InputFile("a.csv", "ab" * 32, 10, rows=3, repeats=None)
    coverage = Coverage(
        source="executions",
        rows=3,
        quarantined=1,
        complete=False,
        reasons=("one row \u2260 readable",),
        watermark=1_234_567_890_123_456_789,
        window=(1, 2),
        totals={"quantity": Decimal("12345678901234567890.123456789012345678")},
        inputs=(file,),
        notes=("floats",),
    )
    expected = {
        "internal": coverage,
        "external": None,
        "counts": RunCounts(1, 2, 3, 4, 5, 6),
        "reasons": ("because",),
        "statistics": (DriftStatistic(0, "price", None, 3, Decimal("0.01"), Decimal("-1E-18")),),
        "inputs": (file,),
        "policy": [{"do": "warn"}],
    }
    written = commit(store, D1, [brk("a")], **expected)
    (row,) = store.runs()
    assert row == written
    assert {name: getattr(row, name) for name in expected} == expected
    assert row.breaks.by_severity == {"medium": 1}


def test_runs_are_listed_newest_first_and_found_by_prefix(store: Store) -> None:
    ids = [f"{number:03}{'x' * 5}" for number in range(130)]
    for number, id_ in enumerate(ids):
        store.begin(intent(run_id=id_, reconciliation=f"r{number % 2}"))
    assert [row.run_id for row in store.runs()] == ids[::-1]
    assert [row.run_id for row in store.runs(limit=120)] == ids[:9:-1]
    assert [row.run_id for row in store.runs(limit=0)] == []
    assert [row.run_id for row in store.runs(reconciliation="r1", limit=2)] == [ids[129], ids[127]]
    assert [row.run_id for row in store.runs(id_prefix="01")] == ids[19:9:-1]


def test_a_failed_run_says_why_and_leaves_the_rest(store: Store) -> None:
    commit(store, D1, [brk("a")], items=[item("a")])
    began = intent(D2)
    store.begin(began)
    run = Finished(began, Evidence(False, D2), [])
    store.fail(began.run_id, run.row(status=RunStatus.FAILED, reasons=("no such file",)))
    newest = next(iter(store.runs()))
    assert (newest.status, newest.reasons) == (RunStatus.FAILED, ("no such file",))
    assert states(store) == {"a": "open"}
    assert store.prior("r").latest == D1
    assert open_on(store, D2) == [item("a")]


def test_a_run_that_never_began_has_no_result(store: Store) -> None:
    store.begin(intent())
    run = Finished(intent(), Evidence(True, D1), [brk("a")])
    fence = store.prior("r").fence
    with pytest.raises(StoreError, match="never begun"):
        store.commit(RunResult(run.began, fence, run.settle, run.row))
    with pytest.raises(StoreError, match="never begun"):
        store.fail(run.began.run_id, run.row())
    assert states(store) == {}


def test_the_second_of_two_runs_is_refused_and_writes_nothing(store: Store) -> None:
    first, second = intent(), intent()
    store.begin(first)
    store.begin(second)
    fence = store.prior("r").fence
    commit(store, D1, [brk("a")], fence=fence, began=intent())
    run = Finished(second, Evidence(True, D1), [brk("b")])
    late = RunResult(second, fence, run.settle, run.row, open_items=[item("b")])
    with pytest.raises(RunSuperseded):
        store.commit(late)
    assert states(store) == {"a": "open"}
    assert open_on(store, D2) == []
    # Repeated from what the other left, it goes through.
    commit(store, D1, [brk("a"), brk("b")])
    assert states(store) == {"a": "open", "b": "open"}


def test_a_fence_is_of_one_reconciliation(store: Store) -> None:
    ours, theirs = intent(), intent(reconciliation="other")
    store.begin(ours)
    fence = store.prior("r").fence
    commit(store, D1, [brk("a", reconciliation="other")], began=theirs)
    run = Finished(ours, Evidence(True, D1), [brk("a")])
    store.commit(RunResult(ours, fence, run.settle, run.row))
    rows = [(row.reconciliation, row.id) for row in store.breaks(EVERYTHING)]
    assert rows == [("other", "a"), ("r", "a")]


def test_a_result_that_breaks_off_leaves_nothing(store: Store) -> None:
    commit(store, D1, [brk("a")], items=[item("a")], covered={Side.INTERNAL: True})
    before = store.prior("r")
    began = intent(D2)
    store.begin(began)
    run = Finished(began, Evidence(True, D2), [brk(f"b{n:05}") for n in range(6000)])

    def half(view: StoreView) -> Iterator[Transition]:
        for number, step in enumerate(run.settle(view)):
            if number == 5500:
                raise StoreError("pulled the plug")
            yield step

    with pytest.raises(StoreError, match="pulled the plug"):
        store.commit(RunResult(began, before.fence, half, run.row, open_items=[item("b")]))
    assert states(store) == {"a": "open"}
    assert store.prior("r") == before
    assert open_on(store, D3) == [item("a")]
    assert next(iter(store.runs())).status is RunStatus.RUNNING


def test_coverage_adds_up_and_a_worse_file_takes_it_back(store: Store) -> None:
    commit(store, D1, covered={Side.INTERNAL: True, Side.EXTERNAL: True})
    commit(store, D2, covered={Side.INTERNAL: True, Side.EXTERNAL: False})
    both = {Side.INTERNAL: frozenset({D1, D2}), Side.EXTERNAL: frozenset({D1})}
    assert store.prior("r").covered == both
    commit(store, D1, covered={Side.INTERNAL: False})
    assert store.prior("r").covered == {**both, Side.INTERNAL: frozenset({D2})}
    assert store.prior("r").latest == D2
