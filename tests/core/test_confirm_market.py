"""Confirming against a market that does not hold still.

The market here knows nothing of the code under test: it is a list of fills with exact times, and
every question to it adds up the list. What a reading is given is what a client would get: times
cut to milliseconds, entries late, a book that hears of fills up to two seconds after they happened.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.core.confirm import Confirmation, Confirming, Reading, State
from tieout.core.entries import Entry, Key, KeyKind

MS = 10**6
SECOND = 1000 * MS
LAG = 300 * MS
"""How long after a fill the venue lists it, at most."""
HEARD = 2 * SECOND
"""How long after a fill the book hears of it, at most."""
BACK = 8 * SECOND
"""How far back entries are given, and how stale a snapshot may be."""
CONFIRM = Confirming(grace=5 * SECOND, deadline=4 * SECOND)
ZERO = Decimal(0)


def position(symbol: str) -> Key:
    return Key("main", "sim", KeyKind.POSITION, symbol, "net")


def balance(currency: str) -> Key:
    return Key("main", "sim", KeyKind.BALANCE, currency, "spot")


@dataclass(frozen=True)
class Fill:
    at: int  # exactly
    number: int
    stream: str
    effects: Mapping[Key, Decimal]
    listed: int  # when the venue lists it
    heard: int | None  # when the book hears of it, if ever

    def entry(self, sequenced: bool) -> Entry:
        return Entry(
            f"fill-{self.number}", self.at // MS * MS, self.effects,
            self.number if sequenced else None, self.stream,
        )  # fmt: skip


@dataclass
class Market:
    """`seconds` of fills, the same for the same seed.

    Attributes:
        spot: a fill moves base, quote and, at times, the fee's asset; else one position.
        lots: quantities are multiples of a tenth, so that sums meet by chance.
    """

    seed: int
    symbols: int = 10
    per_second: float = 20  # of each symbol
    seconds: int = 30
    spot: bool = False
    sequenced: bool = True
    drift: Mapping[Key, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.names = [f"S{number}" for number in range(self.symbols)]
        self.keys = [(balance if self.spot else position)(name) for name in self.names]
        if self.spot:
            self.keys += [balance("USDT"), balance("BNB")]
        self.start = {key: Decimal(self.random.randrange(100)) for key in self.keys}
        self.fills: list[Fill] = []
        for name in self.names:
            at = 0.0
            while (at := at + self.random.expovariate(self.per_second)) < self.seconds:
                self.fills.append(self._fill(name, int(at * SECOND)))
        self.fills.sort(key=lambda fill: fill.at)
        numbered = enumerate(self.fills)
        self.fills = [Fill(f.at, n, f.stream, f.effects, f.listed, f.heard) for n, f in numbered]
        self.entries = [fill.entry(self.sequenced) for fill in self.fills]

    def _fill(self, name: str, at: int) -> Fill:
        chance = self.random
        quantity = Decimal(chance.choice([-5, -3, -2, -1, 1, 2, 3, 5])) / 10
        effects = {position(name): quantity}
        if self.spot:
            price = Decimal(chance.randrange(1000, 1100)) / 10
            effects = {balance(name): quantity, balance("USDT"): -quantity * price}
            if chance.random() < 0.5:
                effects[balance("BNB")] = Decimal(chance.randrange(1, 9)) / -10000
            else:
                effects[balance("USDT")] -= abs(quantity * price) / 1000
        return Fill(at, 0, name, effects, at + chance.randrange(LAG), at + chance.randrange(HEARD))

    def venue_has(self, moment: int) -> dict[Key, Decimal]:
        held = dict(self.start)
        for fill in self.fills:
            if fill.at <= moment:
                for key, effect in fill.effects.items():
                    held[key] += effect
        return held

    def book_has(self, moment: int, before: int | None = None) -> dict[Key, Decimal]:
        """What the book comes to at `moment`, by what happened `before` some other."""
        held = {key: amount + self.drift.get(key, ZERO) for key, amount in self.start.items()}
        for fill in self.fills:
            heard = fill.heard is not None and fill.heard <= moment
            if heard and (before is None or fill.at < before):
                for key, effect in fill.effects.items():
                    held[key] += effect
        return held

    def read(self, moment: int, oldest: int, stale: int = 0) -> Reading:
        """A reading that is sent at `moment`; its snapshot is `stale` nanoseconds too old."""
        answered = moment + self.random.randrange(10 * MS, 80 * MS)
        seen = moment - stale if stale else self.random.randrange(moment, answered)
        asked = answered + LAG
        recent = [
            (fill, entry)
            for fill, entry in zip(self.fills, self.entries, strict=True)
            if oldest <= fill.at <= asked
        ]
        return Reading(
            taken=(moment, answered),
            stated=self.venue_has(seen),
            opening=self.book_has(asked, before=oldest),
            book=[entry for fill, entry in recent if fill.heard and fill.heard <= asked],
            venue=[entry for fill, entry in recent if fill.listed <= asked],
        )


def confirmed(market: Market, moment: int, stale: Iterator[int]) -> Confirmation:
    """One cycle: a reading, the grace period, and then as many as it takes."""
    confirmation = Confirmation(CONFIRM)
    wait, oldest = CONFIRM.grace, (moment - BACK) // MS * MS
    while True:
        confirmation.add(market.read(moment, oldest, next(stale)))
        if not confirmation.wanting():
            return confirmation
        moment, wait = moment + wait + LAG + 100 * MS, SECOND


def fresh() -> Iterator[int]:
    while True:
        yield 0


def naive(market: Market, moment: int) -> set[Key]:
    """What differs now and five seconds later."""
    breaks = set(market.keys)
    for at in (moment, moment + 5 * SECOND):
        answered = at + 50 * MS
        book, venue = market.book_has(answered), market.venue_has(at + 25 * MS)
        breaks &= {key for key in market.keys if book[key] != venue[key]}
    return breaks


def some_stale(seed: int, share: float) -> Iterator[int]:
    chance = random.Random(seed)
    while True:
        yield chance.randrange(20 * MS, 6 * SECOND) if chance.random() < share else 0


def breaks(confirmation: Confirmation) -> dict[Key, Decimal | None]:
    verdicts = confirmation.verdicts()
    return {key: each.difference for key, each in verdicts.items() if each.state is State.BREAK}


@pytest.mark.parametrize("spot", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_busy_market_has_no_false_break_and_every_drift_is_found(seed: int, spot: bool) -> None:
    """1,000 fills a second, and one key with a drift: what does not race is found, and no more."""
    key = (balance if spot else position)("S3")
    market = Market(
        seed, per_second=100, seconds=20, spot=spot, drift={key: Decimal(seed + 1) / 10}
    )
    confirmation = confirmed(market, 9 * SECOND, fresh())
    assert breaks(confirmation) == market.drift
    states = {each.state for each in confirmation.verdicts().values()}
    assert states == {State.BREAK, State.AGREES}


def test_a_naive_second_reading_is_wrong_there_in_every_cycle() -> None:
    """The market is hard enough to tell the difference."""
    for seed in range(3):
        market = Market(seed, per_second=100, seconds=20)
        assert naive(market, 9 * SECOND)
        assert not breaks(confirmed(market, 9 * SECOND, fresh()))


markets = st.builds(
    Market,
    seed=st.integers(0, 10**6),
    symbols=st.sampled_from([1, 2, 4, 10]),
    per_second=st.sampled_from([0.2, 1, 5, 20]),
    spot=st.booleans(),
    sequenced=st.booleans(),
)


@given(markets, st.sampled_from([0, 0.5, 1]))
def test_a_book_that_agrees_never_breaks(market: Market, share: float) -> None:
    """Whatever is late, and whatever snapshots are stale."""
    assert not breaks(confirmed(market, 9 * SECOND, some_stale(market.seed, share)))


@given(markets)
def test_a_book_that_agrees_is_never_stale_or_unknown_where_snapshots_are_fresh(
    market: Market,
) -> None:
    verdicts = confirmed(market, 9 * SECOND, fresh()).verdicts().values()
    assert {each.state for each in verdicts} <= {State.AGREES, State.UNDECIDED}


@given(markets, st.sampled_from([0, 0.5, 1]), st.sampled_from(["-0.37", "0.01", "0.25"]))
def test_drift_is_found_or_left_open_and_never_called_clean(
    market: Market, share: float, drift: str
) -> None:
    """Drift that no fills add up to. What breaks is its key, and where nothing is stale that is
    found, with its size. (A snapshot from before the last fill, twice, is short of that as well.)
    """
    key = market.keys[0]
    market.drift = {key: Decimal(drift)}
    confirmation = confirmed(market, 9 * SECOND, some_stale(market.seed, share))
    assert breaks(confirmation).keys() <= {key}
    assert confirmation.verdicts()[key].state is not State.AGREES
    if share == 0:
        assert breaks(confirmation) == market.drift


@given(markets, st.sampled_from([0, 0.5]))
def test_fills_that_the_book_lost_break_after_their_deadline_and_not_before(
    market: Market, share: float
) -> None:
    chance = random.Random(market.seed)
    market.fills = [
        replace(fill, heard=None) if chance.random() < 0.1 and fill.at > 3 * SECOND else fill
        for fill in market.fills
    ]
    confirmation = confirmed(market, 9 * SECOND, some_stale(market.seed, share))
    due = confirmation._past
    lost: dict[Key, Decimal] = {}
    for fill in market.fills:
        if fill.heard is None and fill.at // MS * MS < due:
            for key, effect in fill.effects.items():
                lost[key] = lost.get(key, ZERO) - effect
    lost = {key: amount for key, amount in lost.items() if amount}
    assert breaks(confirmation).items() <= lost.items()
    agreed = {key for key, each in confirmation.verdicts().items() if each.state is State.AGREES}
    assert not agreed & lost.keys()
