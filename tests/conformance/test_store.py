"""What every Store does, in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import update
from store_values import D1, D2, D3, D4, NOON, Finished, brk, commit, events, intent, item, known

from tieout.adapters.store import open_store
from tieout.adapters.store.tables import breaks
from tieout.core.held import Held
from tieout.core.lifecycle import Evidence, Transition
from tieout.core.model import Break, Kind, Money, Quarantined, RunStatus, Severity, Side, State
from tieout.core.rows import BreakFilter, BreakTally, DriftStatistic, RunCounts, badness
from tieout.core.scan import Coverage, InputFile
from tieout.errors import RunSuperseded, StoreError
from tieout.ports import RunResult, Store, StoreView
from tieout.testing.store import MemoryStore

EVERYTHING = BreakFilter()


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    url = f"sqlite:///{tmp_path}/store.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    opened = open_store(url)
    yield opened
    opened.close()


def states(store: Store) -> dict[str, str]:
    return {row.id: row.state for row in store.breaks(EVERYTHING)}


def open_on(store: Store, before: date) -> list[Held]:
    return list(store.open_items("r", before=before))


# Runs


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


# Breaks


def test_a_break_comes_back_as_it_was_found(store: Store) -> None:
    amount = Decimal("12345678901234567890.123456789012345678901234567890123456")
    found = brk("a", value=Money(amount, "USD"), doubt=True)
    row = commit(store, D1, [found], began=intent(as_of=NOON))
    (stored,) = store.breaks(EVERYTHING)
    assert stored.content["records"][1]["record"] == {"trade_id": "a", "price": "101"}
    assert (stored.value_amount, stored.value_currency) == (amount, "USD")
    assert (stored.doubt, stored.cause, stored.run_id) == (True, "unknown", row.run_id)
    assert (stored.first_seen, stored.opened_at, stored.cleared_at) == (NOON, NOON, None)


def test_a_value_that_is_not_known_is_not_zero(store: Store) -> None:
    commit(store, D1, [brk("a", value=None), brk("b", value=Money(Decimal(0), "USD"))])
    unknown, zero = store.breaks(EVERYTHING)
    assert (unknown.value_amount, unknown.value_currency) == (None, None)
    assert (zero.value_amount, zero.value_currency) == (Decimal(0), "USD")


def test_hostile_texts_survive(store: Store) -> None:
    hostile = "a\x00b'\";--\\N\t\n\u2028<script>=1+1 \U0001f4a5"
    commit(store, D1, [brk("a", key={"trade_id": hostile})], items=[item(hostile)])
    (stored,) = store.breaks(EVERYTHING)
    assert stored.content["key"] == {"trade_id": hostile}
    assert open_on(store, D2) == [item(hostile)]


def test_the_same_result_again_writes_no_history(store: Store) -> None:
    commit(store, D1, [brk("a"), brk("b")])
    again = commit(store, D1, [brk("a"), brk("b")], began=intent(as_of=NOON + timedelta(days=1)))
    assert (again.breaks.open, again.breaks.carried, again.breaks.new) == (2, 2, 0)
    assert events(store, "a") == ["opened"]
    # Only when it was last seen has changed.
    first = next(store.breaks(EVERYTHING))
    assert (first.run_id, first.opened_at) == (again.run_id, datetime(2026, 7, 1, 18, tzinfo=UTC))


def test_a_life_is_told_with_the_content_after_each_event(store: Store) -> None:
    commit(store, D1, [brk("a", price="101")])
    commit(store, D1, [brk("a", price="102")])
    commit(store, D1, [])
    cleared = next(store.breaks(EVERYTHING))
    assert (cleared.state, cleared.cleared_at) == ("resolved", datetime(2026, 7, 1, 18, tzinfo=UTC))
    commit(store, D2, [brk("a", price="103")])
    commit(store, D2, [brk("a", price="103")])
    told = [
        (row.event, row.business_date, row.content["differences"][0]["external"])
        for row in store.history("a")
    ]
    assert told == [
        ("opened", D1, "101"),
        ("changed", D1, "102"),
        ("cleared", D1, "102"),
        ("reopened", D2, "103"),
    ]
    reopened = next(store.breaks(EVERYTHING))
    assert reopened.first_seen == datetime(2026, 7, 1, 18, tzinfo=UTC)
    assert reopened.opened_at == datetime(2026, 7, 2, 18, tzinfo=UTC)
    assert reopened.cleared_at is None


def test_a_snapshot_that_moved_on_both_sides_is_carried_with_its_new_content(
    store: Store,
) -> None:
    def moved(by: int) -> object:
        base = brk("a")
        (difference,) = base.differences
        both = {"internal": str(100 + by), "external": str(101 + by)}
        return brk("a", differences=(type(difference)("price", **both, difference="-1"),))

    evidence = [Evidence(True, day, snapshot=True) for day in (D1, D2, D3)]
    commit(store, D1, [moved(0)], evidence=evidence[0])
    row = commit(store, D2, [moved(5)], evidence=evidence[1])
    assert (row.breaks.carried, row.breaks.changed) == (1, 0)
    (stored,) = store.breaks(EVERYTHING)
    assert stored.content["differences"][0]["internal"] == "105"
    commit(store, D3, [], evidence=evidence[2])
    told = [(row.event, row.content["differences"][0]["internal"]) for row in store.history("a")]
    assert told == [("opened", "100"), ("carried", "105"), ("cleared", "105")]


def test_a_break_whose_missing_side_appears_goes_on_under_the_id_of_the_pair(
    store: Store,
) -> None:
    commit(store, D1, [brk("m", kind=Kind.MISSING_INTERNAL)])
    row = commit(store, D2, [brk("a", alias="m")])
    assert (row.breaks.open, row.breaks.changed, row.breaks.new) == (1, 1, 0)
    assert states(store) == {"a": "open", "m": "resolved"}
    pair = next(store.breaks(BreakFilter(states=["open"])))
    assert pair.first_seen == pair.opened_at == datetime(2026, 7, 1, 18, tzinfo=UTC)
    assert [(row.event, row.other) for row in store.history("a")] == [("merged", "m")]
    assert [(row.event, row.other) for row in store.history("m")] == [
        ("opened", None),
        ("merged", "a"),
    ]
    again = commit(store, D2, [brk("a", alias="m")])
    assert (again.breaks.carried, again.breaks.open) == (1, 1)
    assert len(events(store, "a")) == 1


def test_a_break_that_takes_over_an_age_was_opened_when_it_was(store: Store) -> None:
    commit(store, D1, [brk("m", kind=Kind.MISSING_INTERNAL)])
    commit(store, D2, [brk("a"), brk("m", kind=Kind.MISSING_INTERNAL)])
    commit(store, D3, [brk("a", alias="m")])
    pair = next(store.breaks(BreakFilter(states=["open"])))
    assert pair.first_seen == datetime(2026, 7, 1, 18, tzinfo=UTC)
    assert [(row.event, row.business_date, row.at.day) for row in store.history("a")] == [
        ("opened", D2, 2),
        ("merged", D3, 3),
    ]


def test_an_incomplete_run_clears_nothing(store: Store) -> None:
    commit(store, D1, [brk("a")])
    row = commit(store, D1, [], evidence=Evidence(complete=False, business_date=D1))
    assert (row.breaks.carried, row.breaks.cleared) == (1, 0)
    assert states(store) == {"a": "open"}


def test_what_a_run_sees_is_the_state_before_it(store: Store) -> None:
    """Also where pages are read while earlier ones are written."""
    first = [brk(f"{number:05}") for number in range(0, 6000, 2)]
    commit(store, D1, first)
    row = commit(store, D1, [brk(f"{number:05}") for number in range(0, 6000, 3)])
    assert row.breaks.new == 1000
    assert row.breaks.carried == 1000
    assert row.breaks.cleared == 2000
    reopened = commit(store, D1, first)
    assert (reopened.breaks.reopened, reopened.breaks.carried) == (2000, 1000)
    assert (reopened.breaks.cleared, reopened.breaks.new) == (1000, 0)
    counted = [row.state for row in store.breaks(EVERYTHING)]
    assert (counted.count("open"), counted.count("resolved")) == (3000, 1000)


def test_breaks_are_filtered(store: Store) -> None:
    first = commit(
        store,
        D1,
        [
            brk("aa1", severity=Severity.INFO),
            brk("aa2", severity=Severity.HIGH),
            brk("ab1", severity=Severity.CRITICAL, kind=Kind.SIDE),
        ],
    )
    commit(store, D2, [brk("ab1", reconciliation="s")], began=intent(D2, reconciliation="s"))

    def ids(where: BreakFilter) -> list[tuple[str, str]]:
        return [(row.reconciliation, row.id) for row in store.breaks(where)]

    assert ids(EVERYTHING) == [("r", "aa1"), ("r", "aa2"), ("r", "ab1"), ("s", "ab1")]
    assert ids(BreakFilter(reconciliation="r", minimum=3)) == [("r", "aa2"), ("r", "ab1")]
    assert ids(BreakFilter(kinds=["SIDE", "FEE"])) == [("r", "ab1")]
    assert ids(BreakFilter(id_prefix="ab")) == [("r", "ab1"), ("s", "ab1")]
    assert ids(BreakFilter(id_prefix="")) == ids(EVERYTHING)
    assert ids(BreakFilter(run_id=first.run_id, id_prefix="ab")) == [("r", "ab1")]
    assert ids(BreakFilter(run_id="nobody's")) == []
    commit(store, D1, [brk("aa2")])
    resolved = [("r", "aa1"), ("r", "ab1")]
    assert ids(BreakFilter(states=["resolved"])) == resolved
    assert ids(BreakFilter(states=["open", "in_review"])) == [("r", "aa2"), ("s", "ab1")]
    assert ids(BreakFilter(states=[])) == []
    assert ids(BreakFilter(reconciliation="nobody's")) == []


def test_the_worst_come_first_and_no_more_than_asked_for(store: Store) -> None:
    def worth(id_: str, amount: str | None, severity: Severity = Severity.HIGH) -> Break:
        value = None if amount is None else Money(Decimal(amount), "USD")
        return brk(id_, value=value, severity=severity)

    wide = "12345678901234567890.000000000000000000000000000000000001"
    found = [
        worth("critical", "0", Severity.CRITICAL),
        worth("wide", wide),
        worth("wider", wide + "1"),
        worth("nine", "9"),
        worth("ten", "10"),
        worth("ten-b", "10"),
        worth("more-than-nine", "9.000000000000000001"),
        worth("less-than-one", "0.9"),
        worth("none", "0"),
        worth("unknown", None),
        worth("info", "1000000", Severity.INFO),
    ]
    commit(store, D1, found)
    commit(store, D1, [worth("ten", "10")], began=intent(reconciliation="s"))
    order = "critical wider wide ten ten ten-b more-than-nine nine less-than-one none unknown info"
    worst = list(store.breaks(BreakFilter(worst=99)))
    assert [row.id for row in worst] == order.split()
    assert [row.reconciliation for row in worst if row.id == "ten"] == ["r", "s"]
    assert worst == sorted(store.breaks(EVERYTHING), key=badness)
    assert list(store.breaks(BreakFilter(worst=3))) == worst[:3]
    assert list(store.breaks(BreakFilter(worst=0))) == []
    of_r = BreakFilter(reconciliation="r", kinds=["PRICE"], minimum=3, states=["open"], worst=5)
    assert [row.id for row in store.breaks(of_r)] == ["critical", "wider", "wide", "ten", "ten-b"]


def test_breaks_are_tallied_by_kind_and_severity(store: Store) -> None:
    commit(store, D1, [brk("a"), brk("b", severity=Severity.LOW), brk("gone")])
    commit(store, D2, [brk("a"), brk("b", severity=Severity.LOW), brk("c")])
    commit(store, D2, [brk("d", kind=Kind.SIDE)], began=intent(D2, reconciliation="s"))
    first, second = (datetime(2026, 7, day, 18, tzinfo=UTC) for day in (1, 2))
    open_ones = BreakFilter(states=["open"], worst=1)
    assert list(store.tally(open_ones)) == [
        BreakTally("r", "PRICE", int(Severity.LOW), 1, first),
        BreakTally("r", "PRICE", int(Severity.MEDIUM), 3, first),
        BreakTally("s", "SIDE", int(Severity.MEDIUM), 1, second),
    ]
    assert list(store.tally(BreakFilter(reconciliation="nobody's"))) == []


def test_a_run_that_is_begun_anew_leaves_no_trace(store: Store) -> None:
    done = commit(store, D1, [brk("a")])
    began = intent(D1)
    store.begin(began)
    store.withdraw(began.run_id)
    store.withdraw(done.run_id)
    assert list(store.runs()) == [done]


def test_names_sort_by_code_point_everywhere(store: Store) -> None:
    names = ["a-b", "a_c", "aB", "ab", "B", "\u00e4"]
    for name in names:
        commit(store, D1, [brk("x", reconciliation=name)], began=intent(reconciliation=name))
    assert [row.reconciliation for row in store.breaks(EVERYTHING)] == sorted(names)


# Quarantine


def test_quarantine_comes_back_whole_and_sorted(store: Store) -> None:
    entries = [
        (
            side,
            Quarantined(
                source="executions",
                place="a.csv",
                row=number,
                reason="not a number",
                raw="x\x00\ud800,1",
                field="price",
                line=number + 1,
                offset=10 * number,
                values={"q": Decimal("1.50"), "t": 1_753_524_082_900_000_001, "d": D1, "n": None},
            ),
        )
        for number, side in enumerate([Side.INTERNAL, None] * 1500)
    ]
    row = commit(store, D1, quarantine=entries)
    commit(store, D2)
    back = list(store.quarantine(row.run_id))
    assert [(each.side, each.entry) for each in back] == entries
    assert {each.run_id for each in back} == {row.run_id}
    assert list(store.quarantine("nobody's")) == []


# Open items


def test_records_of_one_identity_are_all_kept(store: Store) -> None:
    """The records of a CONFLICT, and equal ones, down to their number."""
    conflict = [item("a", price="1"), item("a", price="2")]
    twins = [item("b"), item("b"), item("b", side=Side.EXTERNAL)]
    commit(store, D1, items=conflict + twins)
    assert open_on(store, D2) == sorted(conflict + twins)
    commit(store, D2, items=conflict + twins[1:])
    assert open_on(store, D3) == sorted(conflict + twins[1:])


def test_open_items_of_each_date_and_of_dates_run_again(store: Store) -> None:
    """D1, D2, D2 again, D1 restated: each date starts from the end of the one before it."""
    a, b, c, d = sorted(item(name) for name in "abcd")
    commit(store, D1, items=[a, b])
    assert open_on(store, D1) == []
    assert open_on(store, D2) == [a, b]

    commit(store, D2, items=[b, c])
    assert open_on(store, D2) == [a, b]
    assert open_on(store, D3) == [b, c]

    commit(store, D2, items=[a, c, d])
    assert open_on(store, D2) == [a, b]
    assert open_on(store, D3) == [a, c, d]

    # `a` was matched on D1 after all, and `d` was open already; D2 still ended `b`.
    commit(store, D1, items=[b, d])
    assert open_on(store, D2) == [b, d]
    assert open_on(store, D3) == [c, d]
    assert open_on(store, D4) == [c, d]


def test_an_item_that_a_later_date_ended_stays_ended_when_an_earlier_one_is_restated(
    store: Store,
) -> None:
    a = item("a")
    commit(store, D1, items=[a])
    commit(store, D3, items=[])
    commit(store, D2, items=[])
    assert open_on(store, D3) == []
    commit(store, D2, items=[a])
    assert open_on(store, D3) == [a]
    assert open_on(store, D4) == []


def test_a_record_amended_later_is_ended_with_its_identity(store: Store) -> None:
    commit(store, D1, items=[item("a", price="1")])
    commit(store, D2, items=[item("a", price="2")])
    commit(store, D3, items=[])
    commit(store, D2, items=[item("a", price="3")])
    assert open_on(store, D2) == [item("a", price="1")]
    assert open_on(store, D3) == [item("a", price="3")]
    assert open_on(store, D4) == []


def test_many_open_items_with_equal_identities_across_pages(store: Store) -> None:
    items = [item("same", n=str(number)) for number in range(2500)]
    commit(store, D1, items=items)
    commit(store, D2, items=items[::-1])
    commit(store, D3, items=items[:-1])
    assert len(open_on(store, D3)) == 2500
    assert len(open_on(store, D4)) == 2499


def test_open_items_of_many_dates_and_of_an_early_one_restated(store: Store) -> None:
    """A store may keep copies of what is open, to read less: they never outlive a restatement."""
    days = [D1 + timedelta(days=number) for number in range(30)]
    kept = [item(f"t{number}") for number in range(30)]
    for number, day in enumerate(days):
        commit(store, day, items=kept[max(number - 3, 0) : number + 1])
    for number, day in enumerate(days[1:], 1):
        assert open_on(store, day) == sorted(kept[max(number - 4, 0) : number])
    commit(store, days[9], items=[kept[0], kept[9]])
    assert open_on(store, days[10]) == sorted([kept[0], kept[9]])
    assert open_on(store, days[11]) == sorted([kept[0], kept[9], kept[10]])
    assert open_on(store, days[29]) == sorted([kept[0], *kept[25:29]])


def test_a_suppressed_break_stays_so_while_nothing_changes(store: Store) -> None:
    commit(store, D1, [brk("a"), brk("b"), brk("c")])
    until = datetime(2026, 7, 3, tzinfo=UTC)
    for id_ in "abc":
        suppress(store, id_, until)
    row = commit(store, D2, [brk("a"), brk("b", price="107")], evidence=Evidence(False, D2))
    assert (row.breaks.suppressed, row.breaks.open, row.breaks.changed) == (2, 1, 1)
    assert states(store) == {"a": "suppressed", "b": "open", "c": "suppressed"}
    late = commit(store, D3, [brk("a"), brk("b", price="107")], evidence=Evidence(False, D3))
    assert (late.breaks.suppressed, late.breaks.carried) == (0, 3)
    assert states(store) == {"a": "open", "b": "open", "c": "open"}
    assert known(store, "a").suppressed_until is None
    assert events(store, "a") == ["opened"]


def suppress(store: Store, id_: str, until: datetime) -> None:
    """What a person will do, once there is a way to."""
    nanoseconds = int(until.timestamp()) * 10**9
    if isinstance(store, MemoryStore):
        kept = store._reconciliations["r"]
        kept.known[id_] = structs.replace(
            kept.known[id_], state=State.SUPPRESSED, suppressed_until=nanoseconds
        )
        kept.rows[id_] = replace(kept.rows[id_], state="suppressed")
        return
    with store._database.writing() as connection:  # type: ignore[attr-defined]
        connection.execute(
            update(breaks)
            .where(breaks.c.id == id_)
            .values(state="suppressed", suppressed_until=nanoseconds)
        )
