"""What moves a balance moves it where the balance is: over every adapter that has balances.

A transfer that is booked in one wallet, of an account whose balance is stated in another, is a
break each time that it is imported.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from test_venues import SINCE, on
from venue_cases import CASES, KEY, PHRASE, SECRET, WALLET, VenueCase, simulated, written

from tieout.adapters.venues.settings import Credentials
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.entries import Entry, KeyKind, entries_of
from tieout.core.live import EVENTS, Answer, Ask
from tieout.core.model import Record
from tieout.core.money import add
from tieout.service.live.rows import by_key, entries, home_of
from tieout.testing.replay import Replay

NAMED = {case.name: case for case in CASES}


def variant(name: str, **settings: Any) -> tuple[str, VenueCase]:
    """A case with other options."""
    case = NAMED[name]
    return f"{name} {settings['options']}", replace(case, settings={**case.settings, **settings})


BITVAVO = VenueCase(
    "ccxt:bitvavo",
    written("bitvavo.txt"),
    frozenset({"BTC/EUR"}),
    empty=False,
    settings={"credentials": Credentials(KEY, SECRET)},
)
KINDS = {
    **NAMED,
    **dict(
        [
            variant("binance_spot", options={"wallets": ["spot", "funding"]}),
            variant("bybit_spot", options={"wallets": ["unified", "funding"]}),
            variant("hyperliquid_perp", options={"spot": True}, **WALLET),
            variant("bitget_spot", options={"uta": True}, **PHRASE),
        ]
    ),
    BITVAVO.name: BITVAVO,
    "ccxt:bitvavo unified": replace(
        BITVAVO, settings={**BITVAVO.settings, "options": {"wallet": "unified"}}
    ),
}
each_kind = pytest.mark.parametrize("case", KINDS.values(), ids=KINDS)


def holding(
    case: VenueCase,
    ask: Callable[[VenueFeed, Answer, Mapping[str, Answer]], Awaitable[None]],
) -> None:
    """`ask` with an adapter's balances, and what moved them; nothing where it has no balances."""

    async def run(_: Replay, feed: VenueFeed) -> None:
        if "balances" not in feed.offers:
            return
        kinds = [records for records in EVENTS if records in feed.offers]
        told = {records: await feed.fetch(Ask(records, SINCE)) for records in kinds}
        if "trades" in told and not told["trades"].records:  # told by symbol only
            told["trades"] = await feed.fetch(Ask("trades", SINCE, symbols=feed.symbols))
        assert told["trades"].records
        await ask(feed, await feed.fetch(Ask("balances")), told)

    on(case, run)


@each_kind
def test_an_answer_names_the_wallets_that_it_is_about(case: VenueCase) -> None:
    """Of an answer that names none a wallet that it cannot see would be missing at the venue."""

    async def ask(_: VenueFeed, balances: Answer, __: Mapping[str, Answer]) -> None:
        assert balances.wallets is not None
        assert {each.values["wallet"] for each in balances.records} <= balances.wallets

    holding(case, ask)


@each_kind
def test_what_moved_a_balance_is_booked_where_the_balance_is(case: VenueCase) -> None:
    """By what its records say, and what is known of the venue: all that the ledger has."""

    async def ask(_: VenueFeed, balances: Answer, told: Mapping[str, Answer]) -> None:
        for records, answer in told.items():
            rows = [each.values for each in answer.records]
            for entry in entries_of(records, rows, kind=KeyKind.BALANCE):
                assert elsewhere(entry, balances) == set()

    holding(case, ask)


@each_kind
def test_records_that_name_no_wallet_are_of_one_that_the_answer_is_about(case: VenueCase) -> None:
    """As those of a book that knows no wallets are, of which each is beside its balances."""

    async def ask(feed: VenueFeed, balances: Answer, told: Mapping[str, Answer]) -> None:
        home = home_of(feed, balances)
        moved = entries(map(without_wallets, told.values()), KeyKind.BALANCE, home)
        assert [elsewhere(entry, balances) for entry in moved if elsewhere(entry, balances)] == []
        keys = by_key("balances", without_wallets(balances).records, home)
        assert {key.part for key in keys} == {home.wallet}
        assert home.wallet
        assert all(home.holds(key) for key in keys)

    holding(case, ask)


def elsewhere(entry: Entry, balances: Answer) -> set[str]:
    """The wallets that an entry moves, or may have, and the balances are not about."""
    assert balances.wallets is not None
    return {key.part for key in (*entry.effects, *entry.possible)} - balances.wallets


def without_wallets(answer: Answer) -> Answer:
    rows = [
        Record({name: value for name, value in each.values.items() if name != "wallet"}, {})
        for each in answer.records
    ]
    return structs.replace(answer, records=tuple(rows))


EXPLAINED = ("binance_spot", "binance_perp", "bybit_spot", "bybit_perp", "kraken_spot")
"""Accounts that began with nothing, and of which all that happened is told."""


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_moved_comes_to_the_balances(name: str) -> None:
    async def ask(_: VenueFeed, balances: Answer, told: Mapping[str, Answer]) -> None:
        sums: dict[tuple[str, str], Decimal] = {}
        for records, answer in told.items():
            rows = [each.values for each in answer.records]
            for entry in entries_of(records, rows, kind=KeyKind.BALANCE):
                assert not entry.possible
                for key, effect in entry.effects.items():
                    name = key.name, key.part
                    sums[name] = add(sums.get(name, Decimal(0)), effect)
        assert {name: amount for name, amount in sums.items() if amount} == {
            (each.values["currency"], each.values["wallet"]): each.values["total"]
            for each in balances.records
        }

    holding(NAMED[name], ask)


def test_every_adapter_with_balances_is_looked_at() -> None:
    """And explained, where an account is simulated: written answers are of no whole account."""
    named = {case.load.__qualname__.split(".")[0]: set[str]() for case in CASES}
    for case in CASES:
        named[case.load.__qualname__.split(".")[0]].add(case.name)
    assert named[simulated.__name__] - {*EXPLAINED} == {"kraken_margin"}, "it has no balances"
