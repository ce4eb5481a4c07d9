"""Four monitors of one account: what they ask of its rate limit, and what is said where it is too
much."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from live_world import Parts, Seen, World

from tieout.core.model import Severity
from tieout.service.live.budget import Share, crowded

RECORDS = ("positions", "balances", "orders", "trades")
ALL = "\n".join(
    f"  {records}: {{records: {records}, internal: book, external: binance, every: EVERY}}"
    for records in RECORDS
)


def watched(tmp: Path, monkeypatch: Any, every: str, seconds: float) -> tuple[Seen, float]:
    """What was seen, and seconds of the venue's pace that a comparison of each takes in all."""
    used: list[float] = []

    async def then(parts: Parts) -> None:
        await asyncio.sleep(30)
        parts.seen.runs.clear()
        await asyncio.sleep(seconds)
        used.append(sum(each.share.seconds for each in parts.supervisor.monitors if each.share))

    world = World(tmp, ALL.replace("EVERY", every), rate=0.05, options="{}", then=then)
    return world.run(monkeypatch), used[0]


def test_what_several_ask_is_asked_once_and_fits(tmp_path: Path, monkeypatch: Any) -> None:
    """Each compared at every interval. One by one they asked for 25 s of the pace at each."""
    seen, used = watched(tmp_path, monkeypatch, "20s", 200)
    assert used < 14
    counts = Counter(name for name, _, _ in seen.runs)
    assert set(counts) == set(RECORDS)
    assert min(counts.values()) >= 9
    assert {row.status.value for _, row, _ in seen.runs} == {"clean"}
    assert seen.alerts == []


def test_too_much_for_the_limit_is_said_in_words(tmp_path: Path, monkeypatch: Any) -> None:
    seen, _ = watched(tmp_path, monkeypatch, "5s", 90)
    assert (Severity.MEDIUM, "binance main: its monitors ask too much") in seen.alerts
    assert {name for name, _, _ in seen.runs} == set(RECORDS), "none of them is starved"


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ([Share("a", 4.0, 5 * 10**9)], None),
        ([Share("a", 4.0, 5 * 10**9), Share("b", 6.0, 5 * 10**9)], "`every: 13s` would fit"),
        ([Share("a", 4.0, 2 * 10**9), Share("b", 6.0, 60 * 10**9)], "2.7 times as long"),
    ],
)
def test_the_interval_that_would_fit(shares: list[Share], words: str | None) -> None:
    said = crowded(shares)
    assert said is None if words is None else said is not None and words in said


def test_a_transfer_of_a_book_without_wallets_is_in_the_wallet_of_its_balances(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """It was taken for one of the spot wallet: a break of its amount where it came in between."""
    records = "  it: {records: balances, internal: book, external: binance, every: 10s}"
    seen = World(tmp_path, records, rate=3.0, seconds=150).run(monkeypatch)
    assert len(seen.runs) > 8
    assert [breaks for _, _, breaks in seen.runs if breaks] == []
