"""One question in place of several: monitors of one account ask a venue for the same things.

1. A question waits a moment for company. Questions for the same records and symbols that wait
   together become one: of events, about the time that contains all of theirs.
2. Everybody's answer was asked for after they asked. Nothing is kept: who comes when the question
   is on its way waits for the next one. (A cache would show a position that is gone.)
3. Everybody gets the part that they asked for. Where it was asked for more than that, and the
   answer is not whole, or there is none, they ask by themselves: nobody's trouble is another's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from msgspec.structs import replace

from tieout.core.asked import belongs
from tieout.core.live import EVENTS, SNAPSHOTS, Answer, Ask
from tieout.errors import SourceError
from tieout.ports import Feed

F = TypeVar("F", bound=Feed)

COMPANY: Final = 0.1
"""Seconds that a question waits: monitors that begin together are apart by the venue's answers."""


def joint(feed: F, users: Mapping[str, int]) -> F:
    """`feed`, asked once where several monitors ask.

    Args:
        users: how many monitors compare each record type with it; may grow later.
    """
    return cast("F", _Joint(feed, users))


@dataclass(slots=True)
class _Batch:
    """Questions that wait together, and the one that is asked in their place."""

    ask: Ask
    task: asyncio.Task[Answer | SourceError] | None = None
    waiting: int = 0


@dataclass(slots=True)
class _Joint:
    """See `joint`. What is no question for records is the feed's own."""

    _feed: Feed
    _users: Mapping[str, int]
    _batches: dict[Ask, _Batch] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)

    async def fetch(self, ask: Ask) -> Answer:
        """See `ports.Feed`."""
        if not self._shared(ask):
            return await self._feed.fetch(ask)
        key = replace(ask, since=None, until=None) if _spans(ask) else ask
        batch = self._batches.get(key)
        if batch is None or not batch.waiting:  # whom nobody waits for is being cancelled
            batch = self._batches[key] = _Batch(ask)
            batch.task = asyncio.create_task(self._asked(key, batch))
        batch.ask = _around(batch.ask, ask)
        answer = await _waited(batch)
        if isinstance(answer, Answer) and (answer.ask == ask or answer.complete):
            return _part(answer, ask)
        if isinstance(answer, SourceError) and batch.ask == ask:
            raise answer
        return await self._feed.fetch(ask)

    def _shared(self, ask: Ask) -> bool:
        """Whether somebody else may ask for the same."""
        own = self._users.get(ask.records, 0)
        if ask.records in SNAPSHOTS:
            return own > 1
        if ask.records in EVENTS:  # what confirms a snapshot, too
            return own + sum(self._users.get(each, 0) for each in ("positions", "balances")) > 1
        return sum(self._users.values()) > 1

    async def _asked(self, key: Ask, batch: _Batch) -> Answer | SourceError:
        await asyncio.sleep(COMPANY)
        if self._batches.get(key) is batch:
            del self._batches[key]  # who comes from now on would get an answer from before
        try:
            return await self._feed.fetch(batch.ask)
        except SourceError as error:
            return error


async def _waited(batch: _Batch) -> Answer | SourceError:
    """What the joint question came to. It ends with the last one that waits for it."""
    assert batch.task is not None
    batch.waiting += 1
    try:
        return await asyncio.shield(batch.task)
    finally:
        batch.waiting -= 1
        if not batch.waiting:
            batch.task.cancel()


def _spans(ask: Ask) -> bool:
    return ask.records in EVENTS and ask.since is not None and ask.until is not None


def _around(one: Ask, other: Ask) -> Ask:
    """A question about the time that contains those of both."""
    if not _spans(one):
        return one
    assert one.since is not None
    assert one.until is not None
    assert other.since is not None
    assert other.until is not None
    return replace(one, since=min(one.since, other.since), until=max(one.until, other.until))


def _part(answer: Answer, ask: Ask) -> Answer:
    """What a whole answer says about `ask`."""
    if answer.ask == ask or not _spans(ask):
        return answer
    window = answer.window
    if window is not None:
        assert ask.since is not None
        assert ask.until is not None
        window = (max(window[0], ask.since), min(window[1], ask.until))
    records = tuple(each for each in answer.records if belongs(each.values, ask))
    return replace(answer, ask=ask, records=records, window=window)
