"""A live source answers under the names that the configuration gives."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tieout.adapters.renamed import renamed
from tieout.config import parse
from tieout.core.entries import Conventions
from tieout.core.live import Answer, Ask, Witness
from tieout.core.model import Record
from tieout.core.text import NS
from tieout.core.valuation import Instrument

NOW = 1_000 * NS


@dataclass
class Feed:
    """Answers with everything it has, filtered as it was asked."""

    records: list[Record]
    covered: frozenset[str] | None = None
    stated_at: int | None = None
    asked: list[Ask] = field(default_factory=list)
    name: str = "there"
    offers: frozenset[str] = frozenset({"positions"})

    async def fetch(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        name = "currency" if ask.records == "balances" else "symbol"
        wanted = [
            each for each in self.records if ask.symbols is None or each.values[name] in ask.symbols
        ]
        return Answer(
            source=self.name,
            ask=ask,
            records=tuple(wanted),
            asked_at=NOW,
            answered_at=NOW,
            stated_at=self.stated_at,
            symbols=self.covered,
        )

    async def instruments(self) -> Mapping[str, Instrument]:
        return {str(each.values["symbol"]): Instrument() for each in self.records}

    async def version(self) -> str:
        return "7"

    async def aclose(self) -> None: ...


def position(symbol: str, quantity: str = "1") -> Record:
    identity = {"account": "main", "venue": "x", "leg": "net", "symbol": symbol}
    return Record({**identity, "quantity": Decimal(quantity), "as_of": NOW}, identity, 1)


def wrapped(feed: Feed, keys: str, *, strict: bool = False, max_age: int | None = None) -> Feed:
    text = (
        f"{{version: 1, sources: {{book: {{type: book, {keys}}}, v: {{type: venue,"
        " venue: binance_spot, api_key: env:K, secret: env:S}},"
        " reconciliations: {r: {records: positions, internal: book, external: v},"
        " b: {records: balances, internal: book, external: v}}}"
    )
    source = parse(text, None, {}).sources["book"]
    return renamed(feed, partial(source.reading), strict=strict, max_age=max_age)


def fetched(feed: Feed, ask: Ask | None = None) -> Answer:
    return asyncio.run(feed.fetch(ask or Ask("positions")))


def symbols(answer: Answer) -> list[Any]:
    return [each.values["symbol"] for each in answer.records]


def test_nothing_to_rename_is_the_feed_itself() -> None:
    feed = Feed([])
    assert wrapped(feed, "account: main") is feed


def test_symbols_are_canonical_in_answers_and_native_in_questions() -> None:
    feed = Feed([position("XBT"), position("ETH")], frozenset({"XBT", "ETH"}))
    named = wrapped(feed, "symbols: {XBT: BTC}")
    ask = Ask("positions", symbols=frozenset({"BTC", "ETH"}))
    answer = fetched(named, ask)
    assert feed.asked[0].symbols == {"XBT", "ETH"}
    assert answer.ask == ask
    assert symbols(answer) == ["BTC", "ETH"]
    assert [each.identity["symbol"] for each in answer.records] == ["BTC", "ETH"]
    assert answer.symbols == {"BTC", "ETH"}
    assert answer.complete
    assert asyncio.run(named.instruments()).keys() == {"BTC", "ETH"}
    assert fetched(named).ask.symbols is None


def test_edge_58_a_symbol_that_is_not_mapped_is_quarantined_with_the_nearest() -> None:
    feed = Feed([position("XBT"), position("BTC-PERP"), position("BTC")])
    feed.records.pop()
    named = wrapped(feed, "symbols: {XBT: BTC, ETH-PERP: ETH}", strict=True)
    answer = fetched(named)
    assert symbols(answer) == ["BTC"]
    [row] = answer.quarantined
    assert row.reason == "symbol 'BTC-PERP' is not mapped; nearest: ETH-PERP, BTC"
    assert row.source == "there"
    assert "symbol" not in row.values
    assert row.values["quantity"] == Decimal(1)
    assert not answer.complete


def test_a_strict_book_is_asked_for_both_spellings() -> None:
    feed = Feed([position("XBT"), position("ETH")])
    answer = fetched(
        wrapped(feed, "symbols: {XBT: BTC, E: ETH}", strict=True),
        Ask("positions", symbols=frozenset({"BTC", "ETH"})),
    )
    assert feed.asked[0].symbols == {"XBT", "BTC", "E", "ETH"}
    assert symbols(answer) == ["BTC", "ETH"]


def test_orders_of_one_id_in_two_markets_do_not_become_one() -> None:
    """Some venues count orders per symbol."""

    def order(symbol: str) -> Record:
        identity = {"account": "main", "venue": "x", "order_id": "28"}
        return Record({**identity, "symbol": symbol, "quantity": Decimal(1)}, identity, 1)

    feed = Feed([order("XBT"), order("ETH")])
    answer = fetched(wrapped(feed, "symbols: {XBT: BTC}"), Ask("orders"))
    assert symbols(answer) == ["BTC", "ETH"]
    feed.records.append(order("BTC"))
    answer = fetched(wrapped(feed, "symbols: {XBT: BTC}"), Ask("orders"))
    assert symbols(answer) == ["ETH"]


def test_two_records_that_become_one_are_both_unreadable() -> None:
    feed = Feed([position("XBT", "1"), position("BTC", "2"), position("ETH", "3")])
    answer = fetched(wrapped(feed, "symbols: {XBT: BTC}"))
    assert symbols(answer) == ["ETH"]
    assert [each.values["symbol"] for each in answer.quarantined] == ["BTC", "BTC"]
    assert not answer.complete


def test_constants_are_in_every_record_that_can_have_them() -> None:
    identity = {"account": "main", "venue": "x", "wallet": None, "currency": "BTC"}
    balance = Record({**identity, "total": Decimal(1), "as_of": NOW}, identity, 1)
    named = wrapped(Feed([balance]), "constants: {wallet: spot}")
    answer = fetched(named, Ask("balances", symbols=frozenset({"BTC"})))
    [row] = answer.records
    assert row.values["wallet"] == row.identity["wallet"] == "spot"
    [row] = fetched(wrapped(Feed([position("A")]), "constants: {wallet: spot}")).records
    assert "wallet" not in row.values


def test_a_wallet_that_the_configuration_names_is_the_one_that_is_covered() -> None:
    """Else no balance would be of a wallet that the answer is about: nothing would be compared."""

    @dataclass
    class Venue(Feed):
        conventions: Conventions = field(default_factory=lambda: Conventions(arrivals="futures"))

        async def fetch(self, ask: Ask) -> Answer:
            return structs.replace(await super().fetch(ask), wallets=frozenset({"futures"}))

    identity = {"account": "main", "venue": "x", "wallet": "futures", "currency": "BTC"}
    feed = Venue([Record({**identity, "total": Decimal(1), "as_of": NOW}, identity, 1)])
    named = wrapped(feed, "constants: {wallet: main}")
    answer = fetched(named, Ask("balances"))
    assert answer.wallets == {"main"} == {each.values["wallet"] for each in answer.records}
    assert named.conventions == Conventions("main", "main")
    other = wrapped(feed, "constants: {account: other}")
    assert fetched(other, Ask("balances")).wallets == {"futures"}
    assert other.conventions == Conventions(arrivals="futures")


def test_a_source_is_whose_its_records_are() -> None:
    """What is compared is chosen by it: else nothing would be, without a word."""

    class There(Feed):
        account, venue = "main", "binance"

    feed: Any = wrapped(There([position("BTC")]), "constants: {account: desk}")
    assert (feed.account, feed.venue) == ("desk", "binance")
    assert fetched(feed).records[0].values["account"] == "desk"


def test_a_balance_has_no_symbol_to_rename() -> None:
    identity = {"account": "main", "venue": "x", "wallet": "spot", "currency": "XBT"}
    feed = Feed([Record({**identity, "total": Decimal(1), "as_of": NOW}, identity, 1)])
    answer = fetched(
        wrapped(feed, "symbols: {XBT: BTC}", strict=True),
        Ask("balances", symbols=frozenset({"XBT"})),
    )
    assert [each.values["currency"] for each in answer.records] == ["XBT"]
    assert feed.asked[0].symbols == {"XBT"}


def test_what_is_older_than_it_may_be_is_not_complete() -> None:
    for age, reasons in (
        (5 * NS, ()),
        (5 * NS + 1, ("stale: it says how things were 5 s before",)),
    ):
        feed = Feed([position("A")], stated_at=NOW - age)
        answer = fetched(wrapped(feed, "account: main", max_age=5 * NS))
        assert answer.reasons == reasons
        assert symbols(answer) == ["A"]
    silent = fetched(wrapped(Feed([position("A")]), "account: main", max_age=5 * NS))
    assert silent.complete


def test_everything_else_is_the_feeds_own() -> None:
    named = wrapped(Feed([]), "symbols: {A: B}")
    assert asyncio.run(named.version()) == "7"
    assert (named.name, named.offers) == ("there", frozenset({"positions"}))
    asyncio.run(named.aclose())


NAMES = st.sampled_from("ABCDEF")


@given(
    st.lists(
        st.tuples(NAMES, NAMES), min_size=1, unique_by=(lambda pair: pair[0], lambda pair: pair[1])
    ),
    st.sets(NAMES),
    st.none() | st.frozensets(NAMES),
    st.booleans(),
)
def test_no_record_is_lost_or_there_twice(
    aliases: list[tuple[str, str]], held: set[str], asked: frozenset[str] | None, strict: bool
) -> None:
    feed = Feed([position(each) for each in sorted(held)])
    pairs = ", ".join(f"{own}: {symbol}" for own, symbol in aliases)
    named = wrapped(feed, f"symbols: {{{pairs}}}", strict=strict)
    answer = fetched(named, Ask("positions", symbols=asked))
    given_out = asyncio.run(feed.fetch(feed.asked[0])).records
    assert len(answer.records) + len(answer.quarantined) == len(given_out)
    assert len(set(symbols(answer))) == len(answer.records)


def test_the_second_endpoint_is_asked_by_native_and_answers_by_canonical_symbols() -> None:
    asked: list[tuple[Ask, set[str]]] = []

    async def second(ask: Ask, names: Any) -> Witness | None:
        asked.append((ask, set(names)))
        return Witness("account", ("XBT", "ETH")) if ask.records == "positions" else None

    feed = Feed([])
    named = wrapped(feed, "symbols: {XBT: BTC}")
    assert asyncio.run(named.second(Ask("positions"), ())) is None, "it has none"
    feed.second = second
    ask = Ask("positions", symbols=frozenset({"BTC"}))
    assert asyncio.run(named.second(ask, {"BTC", "ETH"})) == Witness("account", ("BTC", "ETH"))
    assert asyncio.run(named.second(Ask("balances"), {"BTC"})) is None
    assert asked == [
        (Ask("positions", symbols=frozenset({"XBT"})), {"XBT", "ETH"}),
        (Ask("balances"), {"BTC"}),
    ]
