"""What every Store knows of the logs of matches."""

from __future__ import annotations

from datetime import UTC, date, datetime

from store_values import D1, D2, D3, D4, Finished, commit, intent

from tieout.adapters.store.encoding import kept_log
from tieout.core.lifecycle import Evidence
from tieout.core.matched import KeptLog
from tieout.core.model import RunStatus
from tieout.ports import Store

OLD = KeptLog("a" * 64, 3, D1)
NEW = KeptLog("b" * 64, 3, D1, D1, "rules")
OTHER = KeptLog("c" * 64, 3, D1, None, "rules")


def logged(store: Store, since: date) -> list[tuple[date, KeptLog | None]]:
    return [(each.business_date, each.log) for each in store.logged("r", since=since)]


def test_a_log_is_stored_with_its_run(any_store: Store) -> None:
    commit(any_store, D1, matches=OLD)
    commit(any_store, D2)
    assert [row.matches for row in any_store.runs()] == [None, OLD]


def test_the_last_run_of_a_date_says_what_is_logged(any_store: Store) -> None:
    commit(any_store, D1, matches=OLD)
    commit(any_store, D2, matches=OLD)
    commit(any_store, D3, matches=OTHER)
    commit(any_store, D2, matches=NEW)
    commit(any_store, D4)
    commit(any_store, D4, began=intent(D4, reconciliation="s"), matches=OTHER)
    expected = [(D4, None), (D3, OTHER), (D2, NEW)]
    assert logged(any_store, D2) == expected
    assert logged(any_store, D1) == [*expected, (D1, OLD)]
    assert list(any_store.logged("nobody", since=D1)) == []


def test_dates_are_in_the_order_in_which_their_last_runs_were_committed(any_store: Store) -> None:
    for day in (D1, D2, D3, D1, D2):
        commit(any_store, day, matches=OLD)
    commit(any_store, D4)
    failed = intent(D3)
    any_store.begin(failed)
    any_store.fail(failed.run_id, Finished(failed, Evidence(False, D1), []).row(digest=None))
    found = sorted(any_store.logged("r", since=D1), key=lambda each: each.order)
    assert [each.business_date for each in found] == [D3, D1, D2, D4]


def test_a_log_that_does_not_say_what_it_rests_on_rests_on_all_that_was_kept() -> None:
    """As the first ones did not; and they may be of any rules."""
    assert kept_log(f'{{"matches": {{"digest": "a", "rows": 1, "since": "{D1}"}}}}') == KeptLog(
        "a", 1, D1, D1
    )


def test_a_run_without_a_result_says_nothing(any_store: Store) -> None:
    commit(any_store, D1, matches=OLD)
    failed = intent(D1)
    any_store.begin(failed)
    row = Finished(failed, Evidence(False, D1), []).row(status=RunStatus.FAILED, digest=None)
    any_store.fail(failed.run_id, row)
    any_store.begin(intent(D1))
    assert logged(any_store, D1) == [(D1, OLD)]


def test_the_runs_that_are_running_are_known_while_nothing_changes(any_store: Store) -> None:
    commit(any_store, D1)
    running = intent(D2)
    any_store.begin(running)
    any_store.begin(intent(D2, reconciliation="s"))
    with any_store.unchanging("r") as ids:
        assert set(ids) == {running.run_id}
    assert commit(any_store, D3).business_date == D3


def test_a_run_that_names_a_log_is_not_folded(any_store: Store) -> None:
    named = commit(any_store, D1, matches=OLD)
    commit(any_store, D1, status=RunStatus.INCOMPLETE)
    commit(any_store, D1, status=RunStatus.INCOMPLETE)
    newest = commit(any_store, D2)
    commit(any_store, D3)
    any_store.monitors.fold(before=datetime(2027, 1, 1, tzinfo=UTC))
    left = [row.run_id for row in any_store.runs()]
    assert named.run_id in left
    assert len(left) <= 3 + (newest.run_id in left)


def test_a_store_has_an_id_that_stays(any_store: Store) -> None:
    before = any_store.id
    assert len(before) == 16
    assert before.isalnum()
    commit(any_store, D1)
    assert any_store.id == before
