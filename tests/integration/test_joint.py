"""Monitors of one account ask together: once, after all of them asked, and each gets its part."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.adapters.joint import COMPANY, joint
from tieout.core.live import Answer, Ask
from tieout.core.model import Record
from tieout.errors import SourceError
from tieout.testing.virtual import run

SECOND = 1_000_000_000


@dataclass
class Venue:
    """Has a trade at each second, and a position that is the time at which it was asked for.

    Attributes:
        asked: what it was asked, and when.
        broken: questions to which there is no answer, or (`torn`) no whole one.
    """

    name: str = "venue"
    offers: frozenset[str] = frozenset({"positions", "trades"})
    asked: list[tuple[Ask, float]] = field(default_factory=list)
    broken: Callable[[Ask], bool] = lambda ask: False
    torn: Callable[[Ask], bool] = lambda ask: False

    async def fetch(self, ask: Ask) -> Answer:
        now = asyncio.get_running_loop().time()
        self.asked.append((ask, now))
        await asyncio.sleep(0.05)
        if self.broken(ask):
            raise SourceError("no answer", where=self.name)
        reasons = ("torn",) if self.torn(ask) else ()
        at = int(now * SECOND)
        if ask.records != "trades":
            rows: tuple[Record, ...] = (Record({"symbol": "BTC", "quantity": at}, {"symbol": 1}),)
            return Answer(self.name, ask, rows, at, at, reasons=reasons, together=True)
        assert ask.since is not None
        assert ask.until is not None
        seconds = range(-(-ask.since // SECOND), ask.until // SECOND + 1)
        rows = tuple(
            Record({"symbol": "BTC", "timestamp": each * SECOND}, {"trade_id": each})
            for each in seconds
        )
        window = (ask.since, ask.until)
        return Answer(self.name, ask, rows, at, at, window=window, reasons=reasons)

    async def aclose(self) -> None: ...


def trades(since: float, until: float) -> Ask:
    return Ask("trades", int(since * SECOND), int(until * SECOND), frozenset({"BTC"}))


def times(answer: Answer) -> list[int]:
    return [each.values["timestamp"] // SECOND for each in answer.records]  # type: ignore[operator]


async def after(seconds: float, call: Any) -> Any:
    await asyncio.sleep(seconds)
    return await call


SEVERAL = Counter({"positions": 2, "balances": 1})


def test_questions_that_wait_together_are_one() -> None:
    async def main() -> None:
        venue = Venue()
        feed = joint(venue, SEVERAL)
        one, other = await asyncio.gather(
            feed.fetch(trades(10, 20)), after(COMPANY / 2, feed.fetch(trades(15, 30)))
        )
        assert [ask for ask, _ in venue.asked] == [trades(10, 30)]
        assert times(one) == list(range(10, 21))
        assert times(other) == list(range(15, 31))
        assert one.window == (10 * SECOND, 20 * SECOND)
        assert (one.ask, other.ask) == (trades(10, 20), trades(15, 30))

    run(main())


def test_who_asks_while_it_is_on_its_way_is_asked_for_again() -> None:
    """An answer to a question from before is never given: it may lack what has happened since."""

    async def main() -> None:
        venue = Venue()
        feed = joint(venue, SEVERAL)
        late = COMPANY + 0.01
        first, second = await asyncio.gather(
            feed.fetch(Ask("positions")), after(late, feed.fetch(Ask("positions")))
        )
        assert len(venue.asked) == 2
        assert second.asked_at >= int(late * SECOND) > first.asked_at

    run(main())


questions = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 60), st.integers(0, 60)), min_size=1, max_size=8
)


@given(questions, st.integers(0, 2))
def test_everybody_gets_what_they_would_have_got_alone(
    asks: list[tuple[int, int, int]], trouble: int
) -> None:
    async def main() -> None:
        def odd(ask: Ask) -> bool:
            return (ask.until or 0) - (ask.since or 0) > 30 * SECOND

        venue = Venue()
        if trouble:
            setattr(venue, "broken" if trouble == 1 else "torn", odd)
        feed = joint(venue, SEVERAL)

        async def one(hundredths: int, first: int, second: int) -> None:
            await asyncio.sleep(hundredths / 100)
            began = asyncio.get_running_loop().time()
            ask = trades(min(first, second), max(first, second))
            if odd(ask) and trouble == 1:
                with pytest.raises(SourceError):
                    await feed.fetch(ask)
                return
            answer = await feed.fetch(ask)
            assert times(answer) == list(range(min(first, second), max(first, second) + 1))
            assert answer.complete == (not odd(ask) or trouble != 2)
            assert answer.asked_at >= int(began * SECOND)

        await asyncio.gather(*[one(*each) for each in asks])
        assert len(venue.asked) <= 2 * len(asks)

    run(main())


def test_who_stops_waiting_stops_nobody_else() -> None:
    async def main() -> None:
        venue = Venue()
        feed = joint(venue, SEVERAL)
        gone = asyncio.create_task(feed.fetch(trades(1, 2)))
        stays = asyncio.create_task(feed.fetch(trades(1, 3)))
        await asyncio.sleep(COMPANY / 2)
        gone.cancel()
        assert times(await stays) == [1, 2, 3]
        alone = asyncio.create_task(feed.fetch(trades(1, 2)))
        await asyncio.sleep(COMPANY / 2)
        alone.cancel()
        await asyncio.gather(alone, return_exceptions=True)
        await asyncio.sleep(1)
        assert len(venue.asked) == 1, "nobody waits for it any more"
        assert times(await feed.fetch(trades(1, 2))) == [1, 2]

    run(main())


@pytest.mark.parametrize(
    ("users", "ask", "waits"),
    [
        ({"positions": 1}, trades(1, 2), False),
        ({"positions": 1, "balances": 1}, trades(1, 2), True),
        ({"positions": 1, "balances": 1}, Ask("positions"), False),
        ({"positions": 1, "orders": 1}, Ask("prices"), True),
        ({"orders": 1}, Ask("prices"), False),
    ],
)
def test_nobody_waits_for_company_that_cannot_come(
    users: dict[str, int], ask: Ask, waits: bool
) -> None:
    async def main() -> None:
        venue = Venue()
        await joint(venue, Counter(users)).fetch(ask)
        ((_, at),) = venue.asked
        assert at == pytest.approx(COMPANY if waits else 0.0)

    run(main())


def test_who_asks_while_a_question_is_given_up_is_not_given_up_with_it() -> None:
    async def main() -> None:
        venue = Venue()
        feed = joint(venue, {"positions": 2})  # type: ignore[type-var]
        first = asyncio.create_task(feed.fetch(Ask("positions")))
        await asyncio.sleep(COMPANY / 2)
        first.cancel()
        second = asyncio.create_task(feed.fetch(Ask("positions")))  # in the same turn of the loop
        assert (await second).complete
        assert first.cancelled()

    run(main())
