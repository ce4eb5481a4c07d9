"""A monitor that ends no comparison says nothing by itself: somebody is told, and it can be ended."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from edge_world import PERP, Desk, all_of, tell
from live_world import KEY, SECRET, Alerts, Seen

from tieout import wiring
from tieout.config import load
from tieout.service.live import supervisor as supervising
from tieout.wiring import live


def silent(seen: Seen) -> list[str]:
    return [title for _, title in seen.alerts if "no comparison has ended" in title]


def test_somebody_is_told_once_of_a_monitor_that_ends_no_comparison(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """And again where it is silent again, after it had gone on."""
    told: list[int] = []

    async def story(desk: Desk) -> None:
        desk.account.trade(PERP, "buy", "1")
        await asyncio.sleep(5)
        desk.believe()
        await desk.supervisor.start()
        fetch, stuck = desk.book.fetch, asyncio.Event()

        async def hangs(ask: Any) -> Any:
            await stuck.wait()
            return await fetch(ask)

        for _ in range(2):
            stuck.clear()
            monkeypatch.setattr(desk.book, "fetch", hangs)
            for minutes in (2, 3, 20):
                await asyncio.sleep(60 * minutes)
                told.append(len(silent(seen)))
            stuck.set()
            monkeypatch.setattr(desk.book, "fetch", fetch)
            await asyncio.sleep(120)

    seen = Seen()
    monkeypatch.setattr("edge_world.Seen", lambda: seen)
    tell(tmp_path, monkeypatch, all_of("positions", every="60s"), story)
    assert told == [0, 1, 1, 1, 2, 2]
    assert all(each.startswith("positions: no comparison has ended for 1") for each in silent(seen))


@pytest.mark.parametrize("why", ["paused", "failing", "elsewhere"])
def test_nobody_is_told_of_one_that_says_itself_why_it_has_nothing(
    tmp_path: Path, monkeypatch: Any, why: str
) -> None:
    async def story(desk: Desk) -> None:
        from tieout.ports import Pause

        await desk.supervisor.start()
        if why == "paused":
            desk.store.monitors.pause(Pause("*", "ada", "", desk.nanoseconds(), None))
        elif why == "failing":
            monkeypatch.setattr(desk.book, "fetch", _refuses)
        else:
            await desk.supervisor.monitors[0].release()
            held = {"seconds": 3600, "now": desk.nanoseconds()}
            assert desk.store.monitors.acquire("positions", "another", **held) is not None
        await asyncio.sleep(1200)

    seen = tell(tmp_path, monkeypatch, all_of("positions", every="60s"), story)
    assert silent(seen) == []


async def _refuses(ask: Any) -> Any:
    from tieout.errors import SourceError

    raise SourceError("it does not answer")


CONFIG = """
version: 1
sources:
  book: {type: book}
  venue: {type: venue, venue: binance_perp, api_key: env:VENUE_KEY, secret: env:VENUE_SECRET,
    base_url: 'http://127.0.0.1:9'}
reconciliations:
  positions: {records: positions, internal: book, external: venue, every: 1s}
"""


def test_a_store_that_does_not_answer_is_left_at_the_end(tmp_path: Path, monkeypatch: Any) -> None:
    """Somebody was told before: everything waits for it."""
    monkeypatch.setenv("VENUE_KEY", KEY)
    monkeypatch.setenv("VENUE_SECRET", SECRET)
    monkeypatch.setattr(supervising, "LEAVE", 1.0)
    monkeypatch.setattr(supervising, "LOOK", 0.1)
    monkeypatch.setattr("tieout.service.live.silence.LEAST", 1.0)
    monkeypatch.setattr("tieout.service.live.monitor.PATIENCE", 0.2)
    monkeypatch.setattr(live, "LEFT", 0.2)
    path = tmp_path / "live.yaml"
    path.write_text(CONFIG)
    let_go, seen = threading.Event(), Seen()

    async def main() -> None:
        with closing(wiring.open_store("sqlite://")) as store:
            _hang(monkeypatch, store, let_go)
            async with live.supervised(load(path), store, notifier=Alerts(seen)) as supervisor:
                starting = asyncio.create_task(supervisor.start())
                async with asyncio.timeout(20):
                    while not seen.alerts:  # noqa: ASYNC110 - nothing tells of it
                        await asyncio.sleep(0.1)
                starting.cancel()

    began = time.monotonic()
    try:
        asyncio.run(main())
        assert time.monotonic() - began < 15
    finally:
        let_go.set()
    assert [title.partition(" for ")[0] for _, title in seen.alerts] == [
        "positions: no comparison has ended"
    ]


def _hang(monkeypatch: Any, store: Any, let_go: threading.Event) -> None:
    """From now on the store's database answers nothing."""
    writing: Callable[..., Any] = store._database.writing

    def hung(**keys: Any) -> Any:
        let_go.wait(30)
        return writing(**keys)

    monkeypatch.setattr(store._database, "writing", hung)
