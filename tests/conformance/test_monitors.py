"""What monitors agree on, in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from store_values import D1, D2, D3, Finished, brk, commit, intent, item

from tieout.adapters.store import open_store
from tieout.core.lifecycle import Evidence
from tieout.core.model import Quarantined, RunStatus, Side
from tieout.core.rows import BreakFilter, DaySummary
from tieout.errors import LeaseLost
from tieout.ports import Lease, Monitors, Pause, RunResult, Store

TESTS = Path(__file__).parents[1]
S = 1_000_000_000
T = 1_780_000_000 * S
FAR = datetime(2030, 1, 1, tzinfo=UTC)


# Leases


def acquired(monitors: Monitors, holder: str, now: int, seconds: float = 60) -> Lease:
    lease = monitors.acquire("m", holder, seconds=seconds, now=now)
    assert lease is not None
    return lease


def test_one_holds_a_lease_and_renews_it(any_store: Store) -> None:
    monitors = any_store.monitors
    assert acquired(monitors, "a", T) == Lease("m", "a", 1, T + 60 * S)
    assert monitors.acquire("m", "b", seconds=60, now=T + 59 * S) is None
    assert acquired(monitors, "a", T + 30 * S, 0.5) == Lease("m", "a", 1, T + 60 * S + 1)
    assert acquired(monitors, "a", T + 30 * S) == Lease("m", "a", 1, T + 90 * S)
    assert monitors.acquire("m", "b", seconds=60, now=T + 89 * S) is None
    other = monitors.acquire("n", "b", seconds=60, now=T)
    assert other == Lease("n", "b", 1, T + 60 * S)


def test_a_lease_that_ran_out_goes_to_the_next_with_a_higher_fence(any_store: Store) -> None:
    monitors = any_store.monitors
    acquired(monitors, "a", T)
    assert acquired(monitors, "b", T + 60 * S) == Lease("m", "b", 2, T + 120 * S)
    assert monitors.acquire("m", "a", seconds=60, now=T + 61 * S) is None
    assert acquired(monitors, "a", T + 120 * S).fence == 3


def test_who_kept_a_lease_past_its_end_still_has_it_if_nobody_came(any_store: Store) -> None:
    monitors = any_store.monitors
    acquired(monitors, "a", T)
    assert acquired(monitors, "a", T + 100 * S) == Lease("m", "a", 1, T + 160 * S)


def test_a_lease_given_back_is_free_at_once(any_store: Store) -> None:
    monitors = any_store.monitors
    monitors.release(acquired(monitors, "a", T))
    assert acquired(monitors, "b", T).fence == 2
    monitors.release(acquired(monitors, "b", T))
    assert acquired(monitors, "b", T).fence == 3


def test_a_lease_that_was_lost_cannot_be_given_back(any_store: Store) -> None:
    monitors = any_store.monitors
    lost = acquired(monitors, "a", T)
    acquired(monitors, "b", T + 60 * S)
    monitors.release(lost)
    assert monitors.acquire("m", "c", seconds=60, now=T + 61 * S) is None


def test_a_clock_set_back_neither_shortens_a_lease_nor_brings_one_back(any_store: Store) -> None:
    monitors = any_store.monitors
    hour = 3600 * S
    first = acquired(monitors, "a", T)
    # The holder's clock is set back: others still go by what was promised.
    assert acquired(monitors, "a", T - hour).until == first.until + 1
    assert monitors.acquire("m", "b", seconds=60, now=T + 59 * S) is None
    # Another's is: for it the lease only lasts longer.
    assert monitors.acquire("m", "b", seconds=60, now=T - hour) is None
    second = acquired(monitors, "b", T + 60 * S + 1)
    assert monitors.acquire("m", "a", seconds=60, now=T - hour) is None
    monitors.release(second)
    monitors.release(first)
    assert acquired(monitors, "c", T - hour) == Lease("m", "c", 3, T - hour + 60 * S)


def finished(store: Store, lease: Lease | None) -> RunResult:
    began = intent()
    store.begin(began)
    run = Finished(began, Evidence(True, D1), [brk("a")])
    fence = store.prior("r").fence
    return RunResult(began, fence, run.settle, run.row, open_items=[item("a")], lease=lease)


def test_a_result_under_the_lease_is_stored(any_store: Store) -> None:
    lease = acquired(any_store.monitors, "a", T)
    later = acquired(any_store.monitors, "a", T + 50 * S)
    assert any_store.commit(finished(any_store, lease)).status is RunStatus.BREAKS
    assert any_store.commit(finished(any_store, later)).status is RunStatus.BREAKS


def lost_to_another(monitors: Monitors, lease: Lease) -> Lease:
    acquired(monitors, "b", lease.until)
    return lease


def given_back(monitors: Monitors, lease: Lease) -> Lease:
    monitors.release(lease)
    return lease


def held_again(monitors: Monitors, lease: Lease) -> Lease:
    monitors.release(lease)
    acquired(monitors, lease.holder, T)
    return lease


def never_held(monitors: Monitors, lease: Lease) -> Lease:
    return replace(lease, name="other")


@pytest.mark.parametrize("lose", [lost_to_another, given_back, held_again, never_held])
def test_a_result_without_the_lease_is_refused_and_writes_nothing(
    any_store: Store, lose: Any
) -> None:
    lost = lose(any_store.monitors, acquired(any_store.monitors, "a", T))
    result = finished(any_store, lost)
    with pytest.raises(LeaseLost):
        any_store.commit(result)
    assert list(any_store.breaks(BreakFilter())) == []
    assert any_store.prior("r").fence == 0
    assert list(any_store.open_items("r", before=date(2099, 1, 1))) == []


def test_who_lost_the_lease_is_told_so_even_where_another_was_faster(any_store: Store) -> None:
    lost = acquired(any_store.monitors, "a", T)
    late = finished(any_store, lost)
    commit(any_store, D1)
    acquired(any_store.monitors, "b", lost.until)
    with pytest.raises(LeaseLost):
        any_store.commit(late)


def test_leases_that_are_held_are_listed(any_store: Store) -> None:
    monitors = any_store.monitors
    assert monitors.leases() == []
    one = acquired(monitors, "a", T)
    other = monitors.acquire("l", "b", seconds=60, now=T)
    assert other is not None
    assert monitors.leases() == [other, one]
    monitors.release(other)
    assert monitors.leases() == [one]


def test_a_renewal_shows_though_the_clock_was_set_back(any_store: Store) -> None:
    monitors = any_store.monitors
    first = acquired(monitors, "a", T)
    again = acquired(monitors, "a", T - 3600 * S)
    assert again.until > first.until
    assert not monitors.break_lease(first), "it was renewed since it was read"
    assert monitors.leases() == [again]


def test_a_lease_that_was_broken_is_free_and_its_holder_cannot_commit(any_store: Store) -> None:
    monitors = any_store.monitors
    ahead = acquired(monitors, "a", T + 3600 * S)
    assert monitors.acquire("m", "b", seconds=60, now=T) is None
    late = finished(any_store, ahead)
    assert monitors.break_lease(ahead)
    assert not monitors.break_lease(ahead)
    assert monitors.leases() == []
    with pytest.raises(LeaseLost):
        any_store.commit(late)
    back = acquired(monitors, "a", T)
    assert back.fence > ahead.fence + 1, "not even its own next one is as before"
    with pytest.raises(LeaseLost):
        any_store.commit(late)


@contextmanager
def started(url: str, holder: str, now: int) -> Iterator[subprocess.Popen[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    process = subprocess.Popen(
        [sys.executable, str(TESTS / "lease_process.py"), url, holder, str(now)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**kept, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_of_two_processes_that_ask_at_once_one_gets_it(any_url: str) -> None:
    names = [f"m{number}" for number in range(30)]
    with ExitStack() as stack:
        both = [stack.enter_context(started(any_url, holder, T)) for holder in "ab"]
        assert [said(process) for process in both] == ["ready", "ready"]
        for process in both:
            assert process.stdin is not None
            process.stdin.write("".join(f"{name}\n" for name in names))
            process.stdin.flush()
        answers = [[said(process) for _ in names] for process in both]
    assert [sorted(pair) for pair in zip(*answers, strict=True)] == [["1", "none"]] * len(names)


def test_a_lease_outlives_its_process(any_url: str) -> None:
    with started(any_url, "a", T) as process:
        assert said(process) == "ready"
        assert process.stdin is not None
        process.stdin.write("m\n")
        process.stdin.flush()
        assert said(process) == "1"
    store = open_store(any_url)
    assert store.monitors.acquire("m", "b", seconds=60, now=T + S) is None
    assert acquired(store.monitors, "b", T + 60 * S).fence == 2
    store.close()


# Pauses


def test_pauses_hold_until_they_end_or_somebody_ends_them(any_store: Store) -> None:
    monitors = any_store.monitors
    everything = Pause("*", "ann", "an outage", T, T + 60 * S)
    one = Pause("balances", "bob", "", T)
    monitors.pause(one)
    monitors.pause(everything)
    assert monitors.pauses(T + 59 * S) == [everything, one]
    assert monitors.pauses(T + 60 * S) == [one]
    again = Pause("*", "cid", "another", T + S)
    monitors.pause(again)
    assert monitors.pauses(T + 60 * S) == [again, one]
    assert monitors.resume("*")
    assert not monitors.resume("*")
    assert monitors.pauses(T) == [one]


# Cursors


def test_edge_08_a_cursor_only_moves_forward(any_store: Store) -> None:
    monitors = any_store.monitors
    assert monitors.cursor("c") is None
    for to, expected in ((T, T), (T - 1, T), (T + 5, T + 5), (0, T + 5)):
        monitors.advance("c", to)
        assert monitors.cursor("c") == expected
    assert monitors.cursor("d") is None
    monitors.advance("d", -5)
    assert monitors.cursor("d") == -5


# Folding


def unreadable() -> tuple[Side, Quarantined]:
    return Side.INTERNAL, Quarantined("s", "p", 1, "why", "raw")


def runs(store: Store, reconciliation: str | None = None) -> list[str]:
    return [row.run_id for row in store.runs(reconciliation=reconciliation)]


def test_runs_that_changed_nothing_become_one_row_a_day(any_store: Store) -> None:
    for day, count in ((D1, 3), (D2, 2)):
        for _ in range(count):
            commit(any_store, day, quarantine=[unreadable()])
    failed = intent(D2)
    any_store.begin(failed)
    row = Finished(failed, Evidence(False, D2), []).row(status=RunStatus.FAILED)
    any_store.fail(failed.run_id, row)
    commit(any_store, D2, status=RunStatus.INCOMPLETE)
    kept = [commit(any_store, D3).run_id, commit(any_store, D3).run_id]
    any_store.begin(began := intent(D3))

    before = datetime(2026, 7, 3, tzinfo=UTC)
    assert any_store.monitors.fold(before=before) == 7
    assert runs(any_store) == [began.run_id, *reversed(kept)]
    assert list(any_store.quarantine(failed.run_id)) == []
    days = [
        DaySummary("r", D1, runs=3, clean=3),
        DaySummary("r", D2, runs=4, clean=2, incomplete=1, failed=1),
    ]
    assert list(any_store.monitors.summaries()) == days
    assert any_store.monitors.fold(before=before) == 0

    # A run that still works, the newest, and the newest that ended stay whatever their age.
    assert any_store.monitors.fold(before=FAR) == 1
    assert runs(any_store) == [began.run_id, kept[-1]]
    days.append(DaySummary("r", D3, runs=1, clean=1))
    assert list(any_store.monitors.summaries(reconciliation="r")) == days
    assert list(any_store.monitors.summaries(reconciliation="s")) == []
    # Life goes on.
    assert commit(any_store, D3, [brk("a")]).breaks.new == 1


def test_what_is_folded_later_is_added_to_its_day(any_store: Store) -> None:
    for hour in (6, 12, 18):
        commit(any_store, D1, began=intent(as_of=datetime(2026, 7, 1, hour, tzinfo=UTC)))
    for hour, folded in ((6, 0), (7, 1), (12, 0), (13, 1), (23, 0)):
        before = datetime(2026, 7, 1, hour, tzinfo=UTC)
        assert any_store.monitors.fold(before=before) == folded
    assert list(any_store.monitors.summaries()) == [DaySummary("r", D1, runs=2, clean=2)]


def test_runs_that_a_break_or_its_history_refers_to_stay(any_store: Store) -> None:
    opened = commit(any_store, D1, [brk("a")])
    idle = commit(any_store, D1, [brk("a")])
    changed = commit(any_store, D1, [brk("a", price="102")])
    cleared = commit(any_store, D1)
    other = commit(any_store, D1, began=intent(reconciliation="s"))
    commit(any_store, D3)
    newest = commit(any_store, D3)
    history = list(any_store.history("a"))
    (before,) = any_store.breaks(BreakFilter())

    assert any_store.monitors.fold(before=FAR) == 2
    ids = [each.run_id for each in (opened, changed, cleared, newest)]
    assert runs(any_store, "r") == ids[::-1]
    assert runs(any_store, "s") == [other.run_id]
    assert idle.run_id not in runs(any_store)
    assert list(any_store.history("a")) == history
    assert list(any_store.breaks(BreakFilter())) == [before]


def test_the_run_that_last_saw_a_break_stays(any_store: Store) -> None:
    commit(any_store, D1, [brk("a")])
    passed = commit(any_store, D1, [brk("a")])
    seen = commit(any_store, D1, [brk("a")])
    incomplete = Evidence(False, D1)
    commit(any_store, D1, evidence=incomplete)
    commit(any_store, D1, evidence=incomplete)
    any_store.monitors.fold(before=FAR)
    assert seen.run_id in runs(any_store)
    assert passed.run_id not in runs(any_store)
    (row,) = any_store.breaks(BreakFilter())
    assert row.run_id == seen.run_id


def test_the_run_that_a_days_coverage_rests_on_stays(any_store: Store) -> None:
    commit(any_store, D1, covered={Side.INTERNAL: True})
    last = commit(any_store, D1, covered={Side.INTERNAL: True})
    commit(any_store, D2, covered={Side.INTERNAL: False})
    newest = commit(any_store, D2)
    prior = any_store.prior("r")
    assert any_store.monitors.fold(before=FAR) == 2
    assert runs(any_store) == [newest.run_id, last.run_id]
    assert any_store.prior("r") == prior


def test_many_runs_are_folded_a_few_at_a_time(
    any_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieout.adapters.store.monitors.FOLDED_AT_ONCE", 5)
    for number in range(26):
        commit(any_store, D1, began=intent(reconciliation=f"r{number % 2}"))
    assert any_store.monitors.fold(before=FAR) == 24
    assert [day.runs for day in any_store.monitors.summaries()] == [12, 12]
    assert len(runs(any_store)) == 2


def test_folding_leaves_the_database_to_look_after_its_keys(any_url: str) -> None:
    store = open_store(any_url)
    commit(store, D1)
    commit(store, D1, [brk("a")])
    store.monitors.fold(before=FAR)
    database = store._database
    if database.sqlite:
        with database.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
    store.close()
