"""Windows wider than the venue's entries reach: a venue whose clock is hardly known.

What the venue lists ends with the moment at which it is asked, after the snapshot was answered, and
the window ends later; the book may have heard of what happened in between.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from test_confirm_market import CONFIRM, LAG, MS, SECOND, Market, breaks, fresh

from tieout.core.confirm import Confirmation, Confirming, Reading, State


@dataclass
class Coarse(Market):
    """A market with a clock that is known to so many nanoseconds.

    Attributes:
        prompt: the book hears of each fill at once.
    """

    low: int = 0
    high: int = SECOND
    prompt: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompt:
            for fill in self.fills:
                object.__setattr__(fill, "heard", fill.at)

    def read(self, moment: int, oldest: int, stale: int = 0) -> Reading:
        found = super().read(moment, oldest, stale)
        later = found.taken[1] + LAG + self.random.randrange(SECOND)
        known = zip(self.fills, self.entries, strict=True)
        return Reading(
            taken=(found.taken[0] - self.low, found.taken[1] + self.high),
            stated=found.stated,
            opening=self.book_has(later, before=oldest),
            book=[
                entry
                for fill, entry in known
                if fill.heard is not None and oldest <= fill.at and fill.heard <= later
            ],
            venue=found.venue,
        )


markets = st.builds(
    Coarse,
    seed=st.integers(0, 10**6),
    symbols=st.sampled_from([1, 3]),
    per_second=st.sampled_from([0.2, 1, 5]),
    spot=st.booleans(),
    sequenced=st.booleans(),
    low=st.integers(0, 1_200 * MS),
    high=st.integers(0, 1_200 * MS),
    prompt=st.booleans(),
)


@given(markets)
def test_a_book_that_agrees_never_breaks(market: Coarse) -> None:
    confirmation = _confirmed(market, CONFIRM)
    assert not breaks(confirmation)
    states = {each.state for each in confirmation.verdicts().values()}
    assert states <= {State.AGREES, State.UNDECIDED}


@given(markets)
def test_nor_does_one_that_hears_at_once_without_any_grace(market: Coarse) -> None:
    market.prompt = True
    market.__post_init__()
    confirmation = _confirmed(market, Confirming(grace=0, deadline=0))
    assert not breaks(confirmation)


def _confirmed(market: Coarse, settings: Confirming) -> Confirmation:
    confirmation = Confirmation(settings)
    moment = 9 * SECOND
    oldest, stale = (moment - 8 * SECOND) // MS * MS, fresh()
    while True:
        confirmation.add(market.read(moment, oldest, next(stale)))
        if not confirmation.wanting():
            return confirmation
        moment += settings.grace + LAG + SECOND
