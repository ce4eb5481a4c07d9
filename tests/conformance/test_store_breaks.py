"""What every Store does, in memory, in SQLite and in PostgreSQL: breaks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import structs
from sqlalchemy import update
from store_values import D1, D2, D3, NOON, brk, commit, events, intent, item, known

from tieout.adapters.store.tables import breaks
from tieout.core.held import Held
from tieout.core.lifecycle import Evidence
from tieout.core.model import OWN_PRICE, Break, Kind, Money, Priced, Severity, State
from tieout.core.rows import BreakFilter, BreakTally, badness
from tieout.ports import Store
from tieout.testing.store import MemoryStore

EVERYTHING = BreakFilter()


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


def states(store: Store) -> dict[str, str]:
    return {row.id: row.state for row in store.breaks(EVERYTHING)}


def open_on(store: Store, before: date) -> list[Held]:
    return list(store.open_items("r", before=before))


def test_a_break_comes_back_as_it_was_found(store: Store) -> None:
    amount = Decimal("12345678901234567890.123456789012345678901234567890123456")
    found = brk("a", value=Money(amount, "USD"), doubt=True)
    row = commit(store, D1, [found], began=intent(as_of=NOON))
    (stored,) = store.breaks(EVERYTHING)
    assert stored.content["records"][1]["record"] == {"trade_id": "a", "price": "101"}
    assert (stored.value_amount, stored.value_currency) == (amount, "USD")
    assert (stored.doubt, stored.cause, stored.run_id) == (True, "unknown", row.run_id)
    assert (stored.first_seen, stored.opened_at, stored.cleared_at) == (NOON, NOON, None)


def test_the_prices_of_a_value_stay_with_it_and_are_no_change_of_the_break(store: Store) -> None:
    def valued(*by: Priced) -> Break:
        return brk("a", value=Money(Decimal(5), "USD", by))

    bought, later = Priced("BTC/USDT", Decimal("91000.10"), 1_700_000_000_000_000_001), OWN_PRICE[0]
    rate = Priced("USDT/USD", Decimal("0.9998"))
    first = commit(store, D1, [valued(bought, rate)])
    (stored,) = store.breaks(EVERYTHING)
    assert stored.value_prices == (bought, rate)
    second = commit(store, D1, [valued(later)])
    (stored,) = store.breaks(EVERYTHING)
    assert stored.value_prices == OWN_PRICE
    assert (second.breaks.changed, second.digest) == (0, first.digest)
    assert [each.event for each in store.history(stored.id)] == ["opened"]
    commit(store, D1, [brk("a", value=Money(Decimal(5), "USD"))])
    (stored,) = store.breaks(EVERYTHING)
    assert stored.value_prices == ()


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
    row = commit(store, D2, [brk("a", aliases=("m",))])
    assert (row.breaks.open, row.breaks.changed, row.breaks.new) == (1, 1, 0)
    assert states(store) == {"a": "open", "m": "resolved"}
    pair = next(store.breaks(BreakFilter(states=["open"])))
    assert pair.first_seen == pair.opened_at == datetime(2026, 7, 1, 18, tzinfo=UTC)
    assert [(row.event, row.other) for row in store.history("a")] == [("merged", "m")]
    assert [(row.event, row.other) for row in store.history("m")] == [
        ("opened", None),
        ("merged", "a"),
    ]
    again = commit(store, D2, [brk("a", aliases=("m",))])
    assert (again.breaks.carried, again.breaks.open) == (1, 1)
    assert len(events(store, "a")) == 1


def test_a_break_that_takes_over_an_age_was_opened_when_it_was(store: Store) -> None:
    commit(store, D1, [brk("m", kind=Kind.MISSING_INTERNAL)])
    commit(store, D2, [brk("a"), brk("m", kind=Kind.MISSING_INTERNAL)])
    commit(store, D3, [brk("a", aliases=("m",))])
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
