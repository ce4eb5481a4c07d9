"""Confirming a live break: what a projection adds up (`tieout.core.confirm`, 1 to 4, 11, 12).

`core.confirm_cases` says how readings are written here.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal

import pytest
from core.confirm_cases import (
    AGREES,
    BREAK,
    BTC,
    MS,
    OTHER,
    PERP,
    SECOND,
    SETTINGS,
    STALE,
    THIRD,
    UNDECIDED,
    USDT,
    after,
    at_once,
    fill,
    position,
    reading,
    twice,
    vector,
    verdict,
)
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.confirm import Confirming, Reading, State, Verdict
from tieout.core.confirm.cuts import cut_sums
from tieout.core.confirm.moves import join
from tieout.core.entries import Entry


@pytest.fixture(autouse=True, scope="module")
def narrow_context() -> Iterator[None]:
    """A caller's context of three digits changes no answer."""
    with decimal.localcontext() as context:
        context.prec = 3
        yield


def ordered(*both: Entry) -> set[str]:
    """What the snapshot may say of `PERP` without being a break."""
    return {
        said
        for said in ("10", "0", "7", "17")
        if at_once(said, *both).verdicts()[PERP].state is not BREAK
    }


# What is added up


def test_01_what_both_have_is_in_the_projection() -> None:
    found = verdict(reading("11", fill("a", 90)))
    assert found == Verdict(AGREES, Decimal(11), Decimal(11), Decimal(0))


def test_edge_01_a_fill_that_the_book_has_not_heard_of_is_no_break() -> None:
    for seconds in (90, 99.9, 100.05):
        assert verdict(reading("11", venue=(fill("a", seconds),))).state in (AGREES, UNDECIDED)
    assert verdict(*twice("11", venue=(fill("a", 90),))).state is AGREES


def test_edge_01_a_fill_that_the_venue_does_not_list_yet_leaves_both_open() -> None:
    """It may be in the snapshot, it may not: until it is past its deadline."""
    for stated in ("10", "11"):
        assert verdict(*twice(stated, book=(fill("a", 90),))).state is UNDECIDED
    assert verdict(*twice("12", book=(fill("a", 90),))).state is BREAK


def test_02_a_fill_that_the_book_lost_is_a_break_once_it_is_past_its_deadline() -> None:
    found = verdict(*twice("11", venue=(fill("a", 39),)))
    assert found == Verdict(BREAK, Decimal(11), Decimal(10), Decimal(-1))


def test_02_a_fill_that_the_venue_never_had_is_a_break_once_it_is_past_its_deadline() -> None:
    found = verdict(*twice("10", book=(fill("a", 39),)))
    assert found == Verdict(BREAK, Decimal(10), Decimal(11), Decimal(1))


def test_02_one_fill_under_two_ids_is_no_break() -> None:
    ours, theirs = (fill("ours", 39),), (fill("theirs", 39),)
    assert verdict(reading("11", book=ours, venue=theirs)).state is AGREES


def test_02_the_deadline_is_that_of_the_first_reading() -> None:
    """A fill passes its deadline between two readings: drift does not change by that."""
    heard_late = (fill("a", 42),)
    first, second = twice("11", venue=heard_late)
    assert verdict(first, second).state is AGREES
    assert verdict(second).state is UNDECIDED  # alone, and with its deadline, one of two


@pytest.mark.parametrize(("seconds", "state"), [(90, AGREES), (39, BREAK)])
def test_02_where_the_sides_differ_about_a_fill_the_venue_is_right_until_the_deadline(
    seconds: float, state: State
) -> None:
    ours, theirs = (fill("a", seconds, "2"),), (fill("a", seconds, "1"),)
    assert verdict(*twice("11", book=ours, venue=theirs)).state is state


# In which order


def test_edge_37_close_and_reopen_in_one_millisecond_by_sequence() -> None:
    """10 closed, then 7 opened: 10, 0 and 7 were there, 17 was not."""
    flip = (fill("a", 100.05, "-10", 1, "s"), fill("b", 100.05, "7", 2, "s"))
    assert ordered(*flip) == {"10", "0", "7"}


def test_03_equal_times_without_sequence_are_in_every_order() -> None:
    flip = (fill("a", 100.05, "-10", stream="s"), fill("b", 100.05, "7", stream="s"))
    assert ordered(*flip) == {"10", "0", "7", "17"}


def test_03_times_of_one_stream_are_an_order() -> None:
    flip = (fill("a", 100.050, "-10", stream="s"), fill("b", 100.051, "7", stream="s"))
    assert ordered(*flip) == {"10", "0", "7"}


@pytest.mark.parametrize("later", [100.052, 100.053])
def test_03_streams_are_ordered_beyond_the_resolution(later: float) -> None:
    """Each time is good to a millisecond, so that 2 ms apart may still be either way."""
    flip = (fill("a", 100.050, "-10", 1, "s"), fill("b", later, "7", 1, "t"))
    assert ("17" in ordered(*flip)) is (later == 100.052)


def test_03_sequence_is_right_where_times_contradict_it() -> None:
    flip = (fill("a", 100.09, "-10", 1, "s"), fill("b", 99.9, "7", 2, "s"))
    assert ordered(*flip) == {"10", "0", "7"}


@given(st.data())
def test_03_what_a_snapshot_holds_is_among_the_cuts(data: st.DataObject) -> None:
    """Whatever the exact times were: the list has them cut to milliseconds."""
    chance = data.draw(st.randoms(use_true_random=False))
    exact = sorted(chance.randrange(0, 20 * MS) for _ in range(data.draw(st.integers(0, 9))))
    keys, sequenced = (PERP, OTHER), data.draw(st.booleans())
    entries = []
    for number, moment in enumerate(exact):
        effects = {chance.choice(keys): Decimal(chance.choice([-1, 1, 2]))}
        stream, sequence = chance.choice(["s", "t", ""]), number if sequenced else None
        entries.append(Entry(str(number), moment // MS * MS, effects, sequence, stream))
    start = chance.randrange(0, 15 * MS)
    end = start + chance.randrange(0, 5 * MS)
    taken = chance.randrange(start, end + 1)
    asked = Reading(taken=(start, end), stated={}, opening={}, book=entries, venue=entries)
    moves = join(asked, past=-1, resolution=MS)
    sums = cut_sums(moves, keys, start, 4096)
    held = [e.effects for e, moment in zip(entries, exact, strict=True) if moment <= taken]
    assert sums is not None
    assert (
        tuple(sum((each.get(key, Decimal(0)) for each in held), Decimal(0)) for key in keys) in sums
    )


# Over which cuts


def test_edge_02_a_fill_while_the_venue_is_asked_may_or_may_not_be_in_the_snapshot() -> None:
    within = fill("a", 100.05)
    assert verdict(reading("10", within)).state is UNDECIDED
    assert verdict(reading("11", within)).state is UNDECIDED
    for stated in ("10", "11"):
        later = reading("11", within, when=105.0)
        assert verdict(reading(stated, within), later).state is AGREES


def test_04_what_happened_after_the_snapshot_is_not_in_it() -> None:
    assert verdict(reading("10", fill("a", 100.102))).state is AGREES
    assert verdict(reading("10", fill("a", 100.102, "1", 1, "s"))).state is AGREES
    assert verdict(*twice("11", fill("a", 105.2))).state is BREAK


def test_04_every_cut_of_the_window_counts() -> None:
    within = (fill("a", 100.02), fill("b", 100.05, "2"), fill("c", 100.08, "4"))
    cuts = {said for said in range(9, 19) if is_open(str(said), *within)}
    assert cuts == {10, 11, 13, 17}


def test_04_what_only_the_book_has_may_be_in_at_every_cut() -> None:
    within, ours = fill("a", 100.05, "2"), (fill("b", 100.09, "1"),)
    cuts = {said for said in range(9, 15) if is_open(str(said), within, book=ours)}
    assert cuts == {10, 11, 12, 13}


def is_open(stated: str, *both: Entry, book: tuple[Entry, ...] = ()) -> bool:
    return at_once(stated, *both, book=book).verdicts()[PERP].state is UNDECIDED


def test_04_one_cut_explains_all_keys() -> None:
    """10.5 BTC was there, and so was 9951 USDT, but never at once."""
    first = vector("a", 100.03, {BTC: "0.5", USDT: "-50"})
    second = vector("b", 100.06, {BTC: "-0.5", USDT: "1"})
    opening = {BTC: "10", USDT: "10000"}
    later = reading({USDT: "9951"}, first, second, when=105.0, opening={USDT: "10000"})
    for together, state in ((True, BREAK), (False, UNDECIDED)):
        said = {BTC: "10.5", USDT: "9951"}
        one = reading(said, first, second, opening=opening, together=together)
        quick = Confirming(grace=0, deadline=60 * SECOND)
        assert set(states(one, one)) == {UNDECIDED}
        assert states(one, one, later, settings=quick) == (state, AGREES)


def states(*readings: Reading, settings: Confirming = SETTINGS) -> tuple[State, State]:
    found = after(*readings, settings=settings).verdicts()
    return found[BTC].state, found[USDT].state


def test_11_drift_that_changes_at_one_key_leaves_the_others() -> None:
    within = (fill("a", 100.03), fill("b", 100.06, key=OTHER))
    first = reading({PERP: "11", OTHER: "12", THIRD: "9"}, *within)
    second = reading({PERP: "11", OTHER: "15", THIRD: "9"}, *within, when=105.0)
    found = after(first, second).verdicts()
    assert [found[key].state for key in (PERP, OTHER, THIRD)] == [AGREES, STALE, BREAK]


def test_11_readings_that_have_no_cut_in_common_are_judged_key_by_key() -> None:
    """Of `OTHER` the readings allow only zero, of `PERP` only one, but never both at once."""
    within = (fill("a", 100.03), fill("b", 100.06, key=OTHER))
    first, second = (
        reading({PERP: "11", OTHER: "11"}, *within),
        reading({PERP: "12", OTHER: "10"}, *within),
    )
    quick = Confirming(grace=0, deadline=60 * SECOND)
    for more in ((), (first,)):
        found = after(first, second, *more, settings=quick).verdicts()
        assert found[OTHER].state is AGREES
        assert (found[PERP].state, found[PERP].difference) == (BREAK, Decimal(-1))


def test_11_a_key_that_begins_anew_still_helps_the_others() -> None:
    """`OTHER` changed by 5; where it is by then tells how far `PERP` was."""
    within = (fill("a", 100.03), fill("b", 100.06, key=OTHER))
    first = reading({PERP: "11", OTHER: "11"}, *within)
    second = reading({PERP: "11", OTHER: "16"}, *within)
    third = reading({OTHER: "16"}, *within, when=105.0)
    assert after(first, second).verdicts()[PERP].state is UNDECIDED
    assert after(first, second, third).verdicts()[PERP].state is AGREES


def test_12_more_cuts_than_the_limit_say_nothing() -> None:
    within = tuple(fill(str(n), 100.05, str(2**n)) for n in range(6))
    few = Confirming(grace=0, deadline=60 * SECOND, cuts=8)
    busy = reading("1000", *within)
    confirmation = after(busy, busy, settings=few)
    assert confirmation.verdicts()[PERP].state is UNDECIDED
    assert "too much" in confirmation.verdicts()[PERP].why
    assert confirmation.wanting() == {PERP}
    assert at_once("1000", *within).verdicts()[PERP].state is BREAK


def test_12_keys_are_judged_alone_where_their_cuts_together_are_too_many() -> None:
    keys = [position(f"S{n}") for n in range(6)]
    within = tuple(fill(str(n), 100.05, key=key) for n, key in enumerate(keys))
    few = Confirming(grace=0, deadline=60 * SECOND, cuts=8)
    said = {**dict.fromkeys(keys, "10"), keys[3]: "12"}
    busy = reading(said, *within)
    found = after(busy, busy, settings=few).verdicts()
    assert [found[key].state for key in keys[2:5]] == [UNDECIDED, BREAK, UNDECIDED]
