"""Confirming a live break: what readings say, and verdicts (`tieout.core.confirm`, 5 to 10, 13).

`core.confirm_cases` says how readings are written here.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from core.confirm_cases import (
    AGREES,
    ALL,
    BNB,
    BREAK,
    BTC,
    EXPECTED,
    OTHER,
    PERP,
    SECOND,
    SETTINGS,
    STALE,
    THIRD,
    UNDECIDED,
    UNKNOWN,
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

from tieout.core.confirm import Confirmation, Confirming, Reading, State, Verdict
from tieout.core.entries import KeyKind

# What says nothing


def test_edge_05_a_query_that_failed_is_unknown_and_never_flat() -> None:
    failed = reading({}, opening={PERP: "10"}, listed=ALL, complete=False, why="bybit: timed out")
    confirmation = after(failed, failed)
    assert confirmation.verdicts() == {PERP: Verdict(UNKNOWN, why="bybit: timed out")}
    assert confirmation.wanting() == {PERP}
    assert verdict(failed, reading("10")).state is AGREES


def test_05_without_complete_entries_nothing_is_known() -> None:
    for stated in ("10", "12"):
        assert verdict(*twice(stated, complete=False)).state is UNKNOWN


def test_05_without_an_opening_a_key_is_unknown_and_not_zero() -> None:
    for stated in ("0", "3"):
        assert verdict(*twice(stated, opening={})).state is UNKNOWN
        assert after(reading(stated, opening={})).wanting() == frozenset()


def test_05_what_an_entry_moves_elsewhere_is_not_judged() -> None:
    """A transfer to a wallet that the response does not cover."""
    transfer = vector("a", 90, {BTC: "-1", USDT: "1"})
    confirmation = after(*twice({BTC: "9"}, transfer, listed=ALL))
    assert set(confirmation.verdicts()) == {BTC}
    assert confirmation.verdicts([USDT])[USDT].state is UNKNOWN
    assert confirmation.verdicts()[BTC].state is AGREES


def test_edge_52_a_currency_missing_from_the_response_is_unknown() -> None:
    missing = twice({USDT: "10"}, opening={USDT: "10", BTC: "10", BNB: "0"})
    for key in (BTC, BNB):
        assert verdict(*missing, key=key).state is UNKNOWN
    moved = twice({USDT: "10"}, fill("a", 90, key=BTC), opening={USDT: "10", BTC: "10"})
    assert verdict(*moved, key=BTC).state is UNKNOWN


def test_edge_52_unless_the_venue_lists_all_that_there_is() -> None:
    listed = twice({USDT: "10"}, opening={USDT: "10", BTC: "10", BNB: "0"}, listed=ALL)
    found = verdict(*listed, key=BTC)
    assert found == Verdict(BREAK, Decimal(0), Decimal(10), Decimal(10))
    assert verdict(*listed, key=BNB).state is AGREES
    other_kind = frozenset({KeyKind.POSITION})
    only = twice({USDT: "10"}, opening={USDT: "10", BTC: "10"}, listed=other_kind)
    assert verdict(*only, key=BTC).state is UNKNOWN


def test_edge_45_a_fee_in_a_third_asset_is_part_of_the_fill() -> None:
    bought = vector("a", 90, {BTC: "1", USDT: "-5", BNB: "-0.01"})
    found = after(reading({BTC: "11", USDT: "5", BNB: "9.99"}, bought)).verdicts()
    assert {each.state for each in found.values()} == {AGREES}


@pytest.mark.parametrize(("seconds", "state"), [(90, EXPECTED), (39, BREAK)])
def test_edge_45_a_fee_not_known_yet_is_expected_until_its_deadline(
    seconds: float, state: State
) -> None:
    bought = vector("a", seconds, {BTC: "1", USDT: "-5"}, possible=frozenset({BTC, BNB}))
    said = {BTC: "10.999", USDT: "5", BNB: "10"}
    found = after(*twice(said, bought)).verdicts()
    assert (found[BTC].state, found[USDT].state) == (state, AGREES)
    assert found[BNB].state is (EXPECTED if state is EXPECTED else AGREES)


def test_edge_46_a_fee_that_one_side_knows_is_known() -> None:
    without = vector("a", 90, {BTC: "1"}, possible=frozenset({BTC}))
    with_fee = vector("a", 90, {BTC: "0.999"})
    for book, venue in ((without, with_fee), (with_fee, without)):
        said = reading({BTC: "10.999"}, book=(book,), venue=(venue,))
        assert verdict(said, key=BTC).state is AGREES


# Positions


def test_edge_34_each_hedge_leg_is_confirmed_by_itself() -> None:
    """The net agrees; each leg is off by one."""
    long, short = position("BTC/USDT:USDT", "long"), position("BTC/USDT:USDT", "short")
    said = {long: "11", short: "-4"}
    found = after(*twice(said, opening={long: "10", short: "-3"})).verdicts()
    assert [found[key].difference for key in (long, short)] == [Decimal(-1), Decimal(1)]
    assert {found[key].state for key in (long, short)} == {BREAK}


def test_edge_39_partial_fills_of_an_open_order_count_once() -> None:
    """By the fills, listed again as a window overlaps, and not by the order's quantity."""
    partials = (fill("p1", 90, "0.3"), fill("p2", 91, "0.2"))
    assert verdict(reading("10.5", *partials, *partials)).state is AGREES


def test_amounts_of_any_length_are_exact() -> None:
    long = "12345678901234567890.123456789012345678"
    start = {PERP: "12345678901234567890.123456789012345677"}
    found = verdict(*twice(long, opening=start))
    assert found.difference == Decimal("-0.000000000000000001")


def test_settings_that_nothing_can_fulfil_are_refused() -> None:
    with pytest.raises(ValueError, match="resamples no less than readings"):
        Confirming(grace=0, deadline=0, readings=3, resamples=2)
    with pytest.raises(ValueError, match="not negative"):
        Confirming(grace=-1, deadline=0)


# What is older than it should be


def test_edge_03_a_snapshot_older_than_the_fills_is_no_break() -> None:
    for stated, fills in (("10", [90]), ("11", [90, 91]), ("10", [90, 91, 92])):
        entries = [fill(str(seconds), seconds) for seconds in fills]
        confirmation = after(*twice(stated, *entries))
        assert confirmation.verdicts()[PERP].state is STALE
        assert confirmation.wanting() == {PERP}


def test_edge_03_nothing_agrees_with_a_stale_snapshot_by_chance() -> None:
    """`OTHER` has drift that its own fill makes up for; the response as a whole is too old."""
    moved = (fill("a", 90), fill("b", 91, key=OTHER), fill("c", 92, key=THIRD))
    said = {PERP: "10", OTHER: "11", THIRD: "10"}
    found = after(*twice(said, *moved)).verdicts()
    assert {each.state for each in found.values()} == {STALE}


def test_07_what_did_not_move_is_not_stale() -> None:
    found = after(*twice({PERP: "10", OTHER: "10", THIRD: "9"}, fill("a", 90))).verdicts()
    assert [found[key].state for key in (PERP, OTHER, THIRD)] == [STALE, AGREES, BREAK]


def test_07_drift_that_an_earlier_cut_fits_by_chance_is_found_where_others_contradict_it() -> None:
    """`PERP` lacks what its fill brought; `OTHER` and `THIRD` are as they were after it."""
    moved = (fill("a", 90), fill("b", 91, key=OTHER), fill("c", 92, key=THIRD))
    said = {PERP: "10", OTHER: "11", THIRD: "11"}
    found = after(*twice(said, *moved)).verdicts()
    assert [found[key].state for key in said] == [BREAK, AGREES, AGREES]
    assert found[PERP].difference == Decimal(1)


def test_07_in_several_responses_no_key_has_a_say_about_another() -> None:
    moved = (fill("a", 90), fill("b", 91, key=OTHER), fill("c", 92, key=THIRD))
    said = {PERP: "10", OTHER: "11", THIRD: "11"}
    found = after(*twice(said, *moved, together=False)).verdicts()
    assert [found[key].state for key in said] == [STALE, AGREES, AGREES]


def test_07_what_fits_now_is_stale_if_nothing_but_itself_says_so() -> None:
    """The response is of 89, or `PERP` has drift; at 89 `OTHER` would have had some."""
    moved = (fill("a", 90), fill("b", 91, key=OTHER))
    found = after(*twice({PERP: "10", OTHER: "11"}, *moved)).verdicts()
    assert [found[key].state for key in (PERP, OTHER)] == [BREAK, STALE]


def test_07_keys_that_did_not_move_since_contradict_nothing() -> None:
    moved = (fill("a", 90), fill("b", 80, key=OTHER))
    assert verdict(*twice({PERP: "10", OTHER: "11"}, *moved)).state is STALE


def test_07_what_moved_before_the_snapshot_may_have_been_taken_is_not_stale() -> None:
    """The answer is of between 85 and 90, and `OTHER` was the same then as it is now."""
    moved = (fill("a", 85), fill("b", 90), fill("c", 80, key=OTHER))
    found = after(*twice({PERP: "11", OTHER: "14"}, *moved)).verdicts()
    assert [found[key].state for key in (PERP, OTHER)] == [STALE, BREAK]


def test_07_a_snapshot_without_a_fill_that_the_book_lost_does_not_agree() -> None:
    """The book has 10 as well: but the venue lists a fill, and 11 is what it should say."""
    assert verdict(reading("10", venue=(fill("a", 39),))).state is STALE
    lost, heard = fill("a", 38), fill("b", 39, "3")
    assert verdict(reading("13", heard, venue=(lost,))).state is STALE


def test_07_a_phantom_of_the_book_is_no_earlier_cut() -> None:
    """The venue never had it, so that its snapshot without it is not old."""
    assert verdict(*twice("11", fill("a", 30), book=(fill("b", 39),))).state is BREAK


def test_07_a_stale_reading_is_no_reading() -> None:
    moved = fill("a", 99)
    stale = reading("10", moved)
    assert verdict(stale, reading("11", moved, when=105.0)).state is AGREES
    drifted = [reading("15", moved, when=when) for when in (105.0, 107.0, 110.0)]
    assert [verdict(stale, *drifted[:n]).state for n in (1, 2, 3)] == [UNDECIDED, UNDECIDED, BREAK]


# Without entries of the venue


def quietly(stated: str, when: float = 100.0, before: str = "v1", after: str = "v1") -> Reading:
    return reading(
        stated, when=when, book=(fill("a", 99),), evented=False,
        version_before=before, version_after=after,
    )  # fmt: skip


def test_08_without_entries_of_the_venue_equal_readings_around_one_book_count() -> None:
    for stated, state in (("11", AGREES), ("10", BREAK)):
        assert verdict(quietly(stated)).state is UNDECIDED
        assert verdict(quietly(stated), quietly(stated, 104.9)).state is UNDECIDED
        assert verdict(quietly(stated), quietly(stated, 105)).state is state


def test_08_a_book_that_changed_around_the_snapshot_says_nothing() -> None:
    changed = quietly("10", after="v2")
    assert verdict(changed).state is UNKNOWN
    assert after(changed).wanting() == {PERP}
    assert verdict(changed, quietly("10", 105)).state is UNDECIDED
    assert (
        verdict(reading("10", evented=False), reading("10", when=105, evented=False)).state
        is UNKNOWN
    )


def test_08_readings_of_different_books_or_amounts_do_not_count_together() -> None:
    newer = quietly("10", 105, before="v2", after="v2")
    assert verdict(quietly("10"), newer).state is UNDECIDED
    assert verdict(quietly("9"), quietly("10", 105)).state is UNDECIDED
    assert verdict(quietly("10"), newer, quietly("10", 110, before="v2", after="v2")).state is BREAK


# What it takes


def test_10_a_break_needs_the_readings_and_the_grace_period() -> None:
    three = Confirming(readings=3, grace=5 * SECOND, deadline=60 * SECOND)
    times = (100.0, 104.9, 105.0)
    one, near, far = (reading("12", when=when) for when in times)
    assert verdict(one).state is UNDECIDED
    assert verdict(one, near).state is UNDECIDED
    assert verdict(one, far) == Verdict(BREAK, Decimal(12), Decimal(10), Decimal(-2))
    assert verdict(one, far, settings=three).state is UNDECIDED
    assert verdict(one, near, far, settings=three).state is BREAK


def test_10_drift_is_the_same_while_the_market_moves() -> None:
    """And what is compared is what the last reading says."""
    moved = fill("a", 102, "3")
    found = verdict(reading("12", moved), reading("15", moved, when=105.0))
    assert found == Verdict(BREAK, Decimal(15), Decimal(13), Decimal(-2))


def test_10_what_may_be_zero_is_undecided_until_there_are_enough_readings() -> None:
    within = fill("a", 100.05)
    confirmation = Confirmation(SETTINGS)
    for number in range(SETTINGS.resamples):
        assert bool(number == 0) is not bool(confirmation.wanting())
        confirmation.add(reading("11", within))
    assert confirmation.readings == SETTINGS.resamples
    assert confirmation.verdicts()[PERP].state is UNDECIDED
    assert confirmation.wanting() == frozenset()


def test_10_several_sizes_are_a_break_in_doubt_and_are_read_again() -> None:
    within = fill("a", 100.05)
    confirmation = at_once("13", within)
    found = confirmation.verdicts()[PERP]
    assert found == Verdict(BREAK, Decimal(13), Decimal(11), Decimal(-2), True, found.why)
    assert confirmation.wanting() == {PERP}
    confirmation.add(reading("13", within, when=105.0))
    assert confirmation.verdicts()[PERP].doubt is False
    assert confirmation.wanting() == frozenset()


def test_09_readings_that_contradict_each_other_begin_anew() -> None:
    times = (100.0, 105.0, 106.0, 111.0)
    readings = [
        reading(said, when=when) for said, when in zip(["12", "14", "14", "14"], times, strict=True)
    ]
    assert [verdict(*readings[:n]).state for n in (1, 2, 3, 4)] == [UNDECIDED, STALE, STALE, BREAK]


def test_09_after_a_contradiction_one_reading_does_not_agree() -> None:
    readings = [reading(said, when=when) for said, when in (("12", 100), ("10", 105), ("10", 110))]
    assert [verdict(*readings[:n]).state for n in (1, 2, 3)] == [UNDECIDED, STALE, AGREES]
    assert verdict(reading("10"), reading("12", when=105)).state is STALE


def test_wanting_is_empty_once_nothing_more_can_be_known() -> None:
    said = {PERP: "12", OTHER: "10", THIRD: "10"}
    confirmation = after(reading(said, opening={PERP: "10", OTHER: "10"}))
    assert confirmation.wanting() == {PERP}
    confirmation.add(reading({PERP: "12"}, when=105.0))
    assert confirmation.wanting() == frozenset()
    found = confirmation.verdicts()
    assert [found[key].state for key in (PERP, OTHER, THIRD)] == [BREAK, AGREES, UNKNOWN]


def test_no_reading_is_no_verdict() -> None:
    assert Confirmation(SETTINGS).verdicts() == {}
    assert Confirmation(SETTINGS).verdicts([PERP])[PERP].state is UNKNOWN
    assert Confirmation(SETTINGS).wanting() == frozenset()


def test_edge_06_a_suddenly_empty_answer_is_a_break_in_doubt() -> None:
    opening = {PERP: "10", OTHER: "0"}
    empty = twice({}, opening=opening, listed=ALL, doubt="bybit: suddenly empty")
    found = after(*empty).verdicts()
    assert (found[PERP].state, found[PERP].doubt) == (BREAK, True)
    assert found[PERP].why == "bybit: suddenly empty"
    assert found[OTHER].state is UNDECIDED  # it clears nothing either
    assert after(*empty).wanting() == {OTHER}
    assert verdict(empty[0], reading("10", when=105.0)).state is STALE


def test_13_a_second_answer_that_is_trusted_agrees() -> None:
    doubted = reading("10", doubt="bybit: suddenly small")
    assert verdict(doubted, reading("10", when=105.0)).state is AGREES
