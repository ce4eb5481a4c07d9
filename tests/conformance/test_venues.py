"""What every adapter of a venue keeps to, over real HTTP."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from venue_cases import CASES, KEY, NOW_MS, SECRET, VenueCase

from tieout.adapters.venues.registry import VENUES
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.asked import belongs
from tieout.core.live import EVENTS, SNAPSHOTS, Answer, Ask
from tieout.core.money import fits
from tieout.core.schema import RECORD_TYPES
from tieout.errors import VenueError, VenueMalformed, VenueUnsupported
from tieout.testing.replay import MALFORMED, Asked, Replay, Reply

MILLI = 1_000_000
SINCE = (NOW_MS - 86_400_000) * MILLI

each_venue = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)

BODIES = {
    **MALFORMED,
    "numbers": b"[1, 2]",
    "texts": b'["BTCUSDT"]',
    "true": b"true",
    "nan": b'{"balances": NaN}',
    "other object": b'{"foo": 1}',
    "no data": b'{"code": "0", "msg": "ok", "data": null, "result": null}',
    "kraken cut": b'{"error": []}',
    "kraken list": b'{"error": [], "result": [1]}',
    "bybit nothing": b'{"retCode": 0, "retMsg": "OK", "result": {}, "time": 1740830400000}',
    "bybit null": b'{"retCode": 0, "result": {"list": null, "nextPageCursor": ""}}',
}


def on(case: VenueCase, ask: Callable[[Replay, VenueFeed], Awaitable[None]], **how: bool) -> None:
    async def run() -> None:
        async with case.serving(**how) as (replay, feed):
            await ask(replay, feed)

    asyncio.run(run())


def asks(feed: VenueFeed) -> list[Ask]:
    """A question about each thing that it offers; orders with those that are closed."""
    found = []
    for records in sorted(feed.offers):
        since = SINCE if records in EVENTS else None
        found.append(Ask(records, since))
    return [*found, Ask("orders", SINCE)] if "orders" in feed.offers else found


@each_venue
def test_it_answers_all_that_it_offers_under_the_contract(case: VenueCase) -> None:
    async def ask(replay: Replay, feed: VenueFeed) -> None:
        assert feed.name == "here"
        assert feed.account == "acc"
        for each in asks(feed):
            answer = await feed.fetch(each)
            assert answer.records, each
            assert not answer.quarantined
            check(answer, feed, each)
        assert replay.unanswered == []

    on(case, ask)


def check(answer: Answer, feed: VenueFeed, ask: Ask) -> None:
    type_ = RECORD_TYPES[ask.records]
    assert (answer.source, answer.ask) == ("here", ask)
    assert answer.asked_at <= answer.answered_at
    assert answer.doubt is None
    identities = set()
    for record in answer.records:
        for name, value in record.values.items():
            column = type_.columns[name]
            assert value is not None or not column.required
            assert not isinstance(value, float)
            assert not isinstance(value, Decimal) or fits(value)
            assert not column.choices or value is None or value in column.choices
        if "account" in type_.columns:
            assert (record.values["account"], record.values["venue"]) == ("acc", feed.venue)
        assert record.identity == {
            name: record.values[name] for name in type_.identity(set(record.values))
        }
        identities.add(tuple(record.identity.values()))
        assert belongs(record.values, ask)
    assert len(identities) == len(answer.records), "a record is there twice"
    if ask.records in EVENTS:
        assert answer.window is not None
        since, until = answer.window
        assert since == ask.since
        assert all(since <= record.values["timestamp"] <= until for record in answer.records)
    else:
        assert answer.window is None


@each_venue
def test_what_it_does_not_offer_it_refuses(case: VenueCase) -> None:
    async def ask(replay: Replay, feed: VenueFeed) -> None:
        for records in set(RECORD_TYPES) - feed.offers:
            with pytest.raises(VenueUnsupported, match=f"no {records}") as raised:
                await feed.fetch(Ask(records))
            assert raised.value.venue == "here"
        assert replay.requests == []

    on(case, ask)


@each_venue
def test_an_account_with_nothing_in_it_is_empty_and_complete(case: VenueCase) -> None:
    if not case.empty:
        pytest.skip("its answers are of one account, which is not empty")

    async def ask(_: Replay, feed: VenueFeed) -> None:
        for each in asks(feed):
            if each.records in (*EVENTS, *SNAPSHOTS):
                answer = await feed.fetch(each)
                assert answer.records == ()
                assert answer.complete
                assert answer.doubt is None

    on(case, ask, full=False)


@each_venue
def test_a_bad_body_is_never_an_answer(case: VenueCase) -> None:
    """Each endpoint behind each question, with each body that says nothing, comes with HTTP 200."""

    async def ask(replay: Replay, feed: VenueFeed) -> None:
        tried = 0
        await feed.skew()
        await feed.instruments()
        for each in asks(feed):
            seen = len(replay.requests)
            await feed.fetch(each)
            for method, path in {(one.method, one.path) for one in replay.requests[seen:]}:
                for name, body in BODIES.items():
                    if name == "list" and path in case.lists:
                        continue
                    await refuse(case, feed, replay, each, (method, path), Reply(body))
                    tried += 1
        assert tried > 40

    on(case, ask)


@each_venue
def test_bad_markets_and_a_bad_clock_are_no_answer_either(case: VenueCase) -> None:
    async def ask(replay: Replay, feed: VenueFeed) -> None:
        await feed.skew()
        await feed.instruments()
        first = asks(feed)[0]
        for method, path in {(one.method, one.path) for one in replay.requests}:
            for body in BODIES.values():
                fresh = case.open(replay)
                await refuse(case, fresh, replay, first, (method, path), Reply(body))
                await fresh.aclose()

    on(case, ask)


async def refuse(
    case: VenueCase,
    feed: VenueFeed,
    replay: Replay,
    ask: Ask,
    where: tuple[str, str],
    reply: Reply,
) -> None:
    replay.on(*where, reply)
    before = len(replay.asked(*where))
    try:
        answer = await feed.fetch(ask)
    except VenueError as error:
        assert error.venue == "here"
        assert error.hint
        told = f"{error!s} {error!r} {''.join(traceback.format_exception(error))}"
        assert SECRET not in told
        assert KEY not in told
        assert "ignature=" not in told
    else:
        if len(replay.asked(*where)) == before:
            return  # it is asked once in an hour, as the markets are
        pytest.fail(f"{where} with {reply.body!r} gave {answer}")
    finally:
        replay.off(*where)


@each_venue
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(b'{"a": ', announced=400), VenueMalformed),
        (Reply(b"<html>busy</html>", 502), VenueError),
        (Reply(b"{}", 302, {"Location": "http://127.0.0.1:1/"}), VenueMalformed),
        (Reply(b'{"a": "\xff"}'), VenueMalformed),
    ],
    ids=["cut below its length", "502", "redirect", "no UTF-8"],
)
def test_a_broken_reply_is_an_error(
    case: VenueCase, reply: Reply, expected: type[VenueError]
) -> None:
    async def ask(replay: Replay, feed: VenueFeed) -> None:
        good = next(each for each in asks(feed) if each.records in SNAPSHOTS)
        await feed.fetch(good)
        replay.on("*", "/*", reply)
        with pytest.raises(expected):
            await feed.fetch(good)

    on(case, ask)


@each_venue
def test_edge_06_a_suddenly_empty_answer_is_doubted(case: VenueCase) -> None:
    if not case.empty:
        pytest.skip("its answers are of one account, which is not empty")

    async def run() -> None:
        async with case.serving() as (replay, feed):
            for records in sorted(set(SNAPSHOTS) & feed.offers):
                assert (await feed.fetch(Ask(records))).doubt is None
            case.load(replay, False)
            for records in sorted(set(SNAPSHOTS) & feed.offers):
                answer = await feed.fetch(Ask(records))
                assert answer.records == ()
                assert answer.doubt is not None
                assert answer.complete, "it is whole, as far as anybody can see"

    asyncio.run(run())


@each_venue
def test_it_closes_more_than_once(case: VenueCase) -> None:
    async def ask(_: Replay, feed: VenueFeed) -> None:
        await feed.fetch(asks(feed)[0])
        await feed.aclose()
        await feed.aclose()

    on(case, ask)


@each_venue
def test_numbers_are_what_was_written(case: VenueCase) -> None:
    """No digit is lost between a body and a record: every amount is in some answer as text."""

    async def ask(replay: Replay, feed: VenueFeed) -> None:
        bodies: list[str] = []
        rules = list(replay._rules)

        def keep(asked: Asked) -> Reply:
            fitting = next(rule for rule in reversed(rules) if rule.fits(asked))
            found = fitting.answer(asked) if callable(fitting.answer) else fitting.answer
            reply = found if isinstance(found, Reply) else Reply(found)
            bodies.append(reply.raw.decode())
            return reply

        replay.on("*", "/*", keep)
        if "trades" not in feed.offers:
            return
        answer = await feed.fetch(Ask("trades", SINCE))
        whole = " ".join(bodies)
        for record in answer.records:
            for name in ("quantity", "price"):
                value = record.values[name]
                assert isinstance(value, Decimal)
                assert format(value, "f").rstrip("0").rstrip(".") in whole

    on(case, ask)


def test_every_adapter_is_in_this_suite() -> None:
    assert {case.name for case in CASES} >= set(VENUES)
