"""`core.merging` against sets, and what it promises over many days.

A break here is a group of records; a record is a letter, and gives the id of what it anchors.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date

from hypothesis import given
from hypothesis import strategies as st
from store_values import D1, D2, D3, D4, brk

from tieout.core.found import Found, found_of
from tieout.core.lifecycle import (
    Event,
    Evidence,
    KnownBreak,
    Merges,
    Since,
    Transition,
    settle,
)
from tieout.core.merging import merging
from tieout.core.model import BreakRecord, Role, Side, State

RECORDS = "abcdefgh"
DAYS = (D1, D2, D3, D4)


def records_of(known: KnownBreak) -> Collection[str]:
    return [each["record"]["trade_id"] for each in json.loads(known.content)["records"]]


def holding(records: str, price: str = "101") -> Found:
    """A break of these records; the first is its anchor."""
    shown = [BreakRecord(Side.INTERNAL, Role.CANDIDATE, {"trade_id": each}) for each in records]
    made = brk(records[0], price=price, records=tuple(shown), aliases=tuple(records[1:]))
    return found_of(made, snapshot=False)


def evidence(day: date = D2, *, complete: bool = True, came: str = "") -> Evidence:
    return Evidence(complete, day, evaluated=lambda known: known.id in came, records=records_of)


class World:
    """The breaks of one reconciliation, run after run."""

    def __init__(self) -> None:
        self.known: dict[str, KnownBreak] = {}
        self.now = 0

    def open(self) -> list[KnownBreak]:
        each = (self.known[id_] for id_ in sorted(self.known))
        return [known for known in each if known.state is not State.RESOLVED]

    def lookup(self, ids: Sequence[str]) -> Mapping[str, KnownBreak]:
        return {id_: self.known[id_] for id_ in ids if id_ in self.known}

    def run(self, *groups: str, price: str = "101", **shown: object) -> dict[str, Transition]:
        found = sorted(holding(each, price) for each in groups)
        return self.settle(found, evidence(**shown))  # type: ignore[arg-type]

    def settle(self, found: list[Found], proof: Evidence) -> dict[str, Transition]:
        self.now += 1
        merges = merging(lambda: iter(self.open()), found, proof)
        steps = list(settle(self.open(), found, self.lookup, proof, as_of=self.now, merges=merges))
        for step in steps:
            resolved = step.state is State.RESOLVED
            self.known[step.id] = KnownBreak(
                step.id, step.state, step.content, step.binding, step.business_date,
                step.first_seen, step.opened_at, None, proof.business_date if resolved else None,
            )  # fmt: skip
        return {step.id: step for step in steps}

    def since(self) -> dict[str, int]:
        """Since when each record is broken."""
        seen: dict[str, int] = {}
        for known in self.open():
            for record in records_of(known):
                seen[record] = min(seen.get(record, known.first_seen), known.first_seen)
        return seen


@st.composite
def days(draw: st.DrawFn) -> tuple[list[str], Evidence, str]:
    """The breaks of a run: some records, parted into groups; and what the run proves."""
    left = draw(st.permutations(RECORDS))[: draw(st.integers(0, len(RECORDS)))]
    groups = []
    while left:
        size = draw(st.integers(1, 3))
        groups.append("".join(sorted(left[:size])))
        left = left[size:]
    came = "".join(draw(st.sets(st.sampled_from(RECORDS))))
    proof = evidence(draw(st.sampled_from(DAYS)), complete=draw(st.booleans()), came=came)
    return sorted(groups), proof, draw(st.sampled_from(["101", "102"]))


def plainly(open_: list[KnownBreak], found: list[Found], proof: Evidence) -> Merges:
    """`merging` as its rules say it, every open break beside every found one."""
    here = {each.id: each for each in found}
    into: dict[str, str] = {}
    since: dict[str, list[KnownBreak]] = {}
    for known in open_:
        again = here.get(known.id)
        if again is not None and again.binding == known.binding:
            continue
        holders = [
            each.id
            for each in found
            if each.id != known.id and set(records_of(known)) & {each.id, *each.aliases}
        ]
        for id_ in holders:
            since.setdefault(id_, []).append(known)
        if holders and again is None and not proof.overtaken(known):
            into[known.id] = min(holders)
    return Merges(
        into,
        {
            id_: Since(
                min(each.first_seen for each in earlier),
                min(each.opened_at for each in earlier),
                min(
                    ((e.first_seen, e.id) for e in earlier if into.get(e.id) == id_),
                    default=(0, None),
                )[1],
            )
            for id_, earlier in since.items()
        },
    )


@given(st.lists(days(), min_size=1, max_size=6))
def test_it_says_what_sets_say(runs: list[tuple[list[str], Evidence, str]]) -> None:
    world = World()
    for groups, proof, price in runs:
        found = [holding(each, price) for each in groups]
        open_ = world.open()
        assert merging(lambda: iter(open_), found, proof) == plainly(open_, found, proof)  # noqa: B023
        world.settle(found, proof)


@given(st.lists(days(), min_size=1, max_size=8))
def test_no_break_is_cleared_while_a_break_that_was_found_holds_its_record(
    runs: list[tuple[list[str], Evidence, str]],
) -> None:
    world = World()
    for groups, proof, price in runs:
        before = world.since()
        steps = world.settle([holding(each, price) for each in groups], proof)
        found = set("".join(groups))
        for step in steps.values():
            if step.event is Event.CLEARED:
                assert step.known is not None
                assert not found & set(records_of(step.known))
            if step.event is Event.MERGED:
                assert step.merged_into is not None
                goes_on = steps[step.merged_into]
                assert goes_on.open
                assert goes_on.first_seen <= step.first_seen
                assert goes_on.opened_at <= step.opened_at
        after = world.since()
        assert all(after[each] <= before[each] for each in before.keys() & after.keys())


@given(days())
def test_the_same_result_again_is_no_change(run: tuple[list[str], Evidence, str]) -> None:
    groups, proof, price = run
    world = World()
    world.run("abc", "d", "ef", day=D3)
    found = [holding(each, price) for each in groups]
    world.settle(found, proof)
    assert not any(step.written for step in world.settle(found, proof).values())


def test_several_breaks_that_become_one_have_the_age_of_the_oldest() -> None:
    world = World()
    world.run("c")
    world.run("b", "c")
    steps = world.run("abc")
    assert {id_: step.event for id_, step in steps.items()} == {
        "a": Event.CHANGED,
        "b": Event.MERGED,
        "c": Event.MERGED,
    }
    assert (steps["a"].first_seen, steps["a"].merged_from) == (1, "c")
    assert [steps[id_].merged_into for id_ in "bc"] == ["a", "a"]


def test_a_break_that_splits_goes_on_once_and_each_part_keeps_its_age() -> None:
    world = World()
    world.run("abc")
    steps = world.run("b", "c")
    assert (steps["a"].event, steps["a"].merged_into) == (Event.MERGED, "b")
    assert [steps[id_].event for id_ in "bc"] == [Event.CHANGED, Event.OPENED]
    assert [steps[id_].first_seen for id_ in "bc"] == [1, 1]


def test_of_a_break_that_was_found_again_the_part_that_left_keeps_its_age() -> None:
    world = World()
    world.run("ab")
    steps = world.run("a", "b")
    assert [(step.event, step.first_seen) for step in steps.values()] == [
        (Event.CHANGED, 1),
        (Event.OPENED, 1),
    ]


def test_a_pair_whose_internal_record_goes_and_returns_is_one_break() -> None:
    world = World()
    world.run("ax")
    gone = world.run("x")
    assert (gone["a"].merged_into, gone["x"].first_seen) == ("x", 1)
    back = world.run("ax")
    assert (back["x"].merged_into, back["a"].first_seen, back["a"].opened_at) == ("a", 1, 1)


def test_what_a_later_date_found_does_not_end_in_what_is_found_of_an_earlier_one() -> None:
    world = World()
    world.run("ax", day=D3)
    steps = world.run("x", day=D1)
    assert [(step.event, step.first_seen) for step in steps.values()] == [
        (Event.CARRIED, 1),
        (Event.OPENED, 1),
    ]
    assert world.run("x", day=D1, came="a")["a"].event is Event.MERGED


def test_a_break_that_a_person_put_aside_reopens_where_it_goes_on() -> None:
    world = World()
    (step,) = world.run("ax").values()
    world.known["a"] = KnownBreak(
        "a", State.SUPPRESSED, step.content, step.binding, D2, 1, 1, suppressed_until=99
    )
    assert world.run("x")["x"].state is State.OPEN


def test_breaks_that_stay_as_they_are_are_not_read_again() -> None:
    """Their records need not be worked out: they are those of the break that was found."""
    world = World()
    world.run("ab", "cd")
    asked: list[str] = []

    def asking(known: KnownBreak) -> Collection[str]:
        asked.append(known.id)
        return records_of(known)

    world.settle([holding("ab"), holding("e")], Evidence(True, D2, records=asking))
    assert asked == ["c"]


def test_nothing_is_held_of_breaks_that_no_other_takes_over() -> None:
    """A million that clear beside a million that open are numbers while they wait."""
    alive: list[int] = []

    class Kept(str):
        __slots__ = ()

        def __del__(self) -> None:
            alive.append(-1)

    def records(known: KnownBreak) -> Iterator[str]:
        alive.append(1)
        yield Kept(known.id)
        assert sum(alive) <= 2

    old = World()
    old.run(*RECORDS)
    merges = merging(
        lambda: iter(old.open()),
        [holding("z")],
        Evidence(True, D2, records=records),  # type: ignore[arg-type]
    )
    assert merges == Merges()
    assert len(alive) == 2 * len(RECORDS)
