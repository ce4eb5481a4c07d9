"""Wallets between a ledger and a venue: what was booked where, and what an answer is not about."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tieout import wiring
from tieout.config import load
from tieout.core.canonical import dumps
from tieout.core.journal import JournalEntry, journal_entry
from tieout.service.runs import RunOutcome
from tieout.testing.replay import Asked, Replay

FIXTURES = Path(__file__).parents[1] / "fixtures" / "venues"
ADDRESS = "0x00000000000000000000000000000000000000a1"
NS = 1_000_000_000


def milliseconds() -> int:
    return int(time.time() * 1000)


@contextmanager
def replaying(load_: Callable[[Replay], None]) -> Iterator[str]:
    """The address of a venue that answers on a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    replay = Replay()
    load_(replay)
    try:
        asyncio.run_coroutine_threadsafe(replay.__aenter__(), loop).result(10)
        yield replay.url
        asyncio.run_coroutine_threadsafe(replay.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def compared(tmp: Path, source: str, *entries: JournalEntry) -> RunOutcome:
    """Balances of the ledger, once it has `entries`, beside those of the venue."""
    path = tmp / "tieout.yaml"
    path.write_text(
        f"""version: 1
store: sqlite:///{tmp / "store.db"}
sources:
  book: {{type: book}}
  venue: {{type: venue, account: main, {source}}}
reconciliations:
  it: {{records: balances, internal: book, external: venue, lag: 50ms, grace: 50ms}}
""",
        encoding="utf-8",
    )
    settings = load(path)
    with closing(wiring.open_store(settings.store.resolve())) as store:
        store.journal.append(entries)
        (outcome,) = wiring.run(settings, store=store)
        return outcome


def opened(venue: str, currency: str, wallet: str, total: str, *, at: int) -> JournalEntry:
    values: dict[str, Any] = {
        "account": "main", "venue": venue, "currency": currency, "wallet": wallet,
        "total": Decimal(total), "as_of": at,
    }  # fmt: skip
    return journal_entry(
        "balances", values, source="test", at=at, opening=True, approved_by="somebody"
    )


def told(outcome: RunOutcome) -> list[str]:
    return [dumps(each.content["key"]) for each in outcome.breaks()]


def hyperliquid(asked: Asked, arrived: int) -> Any:
    """An account of 1,500 USDC, 500 of which `arrived` then."""
    now, since = milliseconds(), asked.body.get("startTime", 0)
    deposit = {"time": arrived, "hash": "0xabc", "delta": {"type": "deposit", "usdc": "500.0"}}
    answers: dict[str, Any] = {
        "exchangeStatus": {"time": now, "specialStatuses": None},
        "userRole": {"role": "user"},
        "perpDexs": [None],
        "spotMeta": {
            "tokens": [{"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0}],
            "universe": [],
        },
        "meta": {"universe": [{"szDecimals": 5, "name": "BTC"}], "collateralToken": 0},
        "clearinghouseState": {
            "marginSummary": {"accountValue": "1500.0"}, "assetPositions": [], "time": now,
        },
        "userNonFundingLedgerUpdates": [deposit] if since <= arrived else [],
        "allMids": {"BTC": "90000.0"},
    }  # fmt: skip
    return answers.get(asked.body["type"], [])


@pytest.mark.parametrize("wallet", [None, "futures"])
def test_a_deposit_that_the_book_has_is_in_the_wallet_of_the_balance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wallet: str | None
) -> None:
    """By its own word or by the venue's ways. It was booked in the spot wallet: two breaks."""
    monkeypatch.setenv("HL", ADDRESS)
    before, arrived = milliseconds() - 900_000, milliseconds() - 600_000
    deposit = journal_entry(
        "movements",
        {
            "account": "main",
            "venue": "hyperliquid",
            "movement_id": f"0xabc:{arrived}:deposit",
            "type": "transfer",
            "currency": "USDC",
            "wallet": wallet,
            "amount": Decimal(500),
            "timestamp": arrived * NS // 1000,
        },
        source="test",
    )

    def load_(replay: Replay) -> None:
        replay.on("POST", "/info", lambda asked: hyperliquid(asked, arrived))

    with replaying(load_) as url:
        outcome = compared(
            tmp_path,
            f"venue: hyperliquid_perp, wallet_address: 'env:HL', base_url: '{url}', "
            "options: {rate_limit: false}",
            opened("hyperliquid", "USDC", "futures", "1000", at=before * NS // 1000),
            deposit,
        )
    assert told(outcome) == []
    assert list(outcome.row.reasons) == []
    assert outcome.row.status.value == "clean"


def test_a_wallet_that_a_venue_does_not_tell_of_is_not_missing_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earn, at Gate. It was a break of something that is missing at the venue."""
    monkeypatch.setenv("GATE", "key-of-nobody-at-all")
    at = (milliseconds() - 900_000) * NS // 1000

    def load_(replay: Replay) -> None:
        replay.load(FIXTURES / "gateio.txt")
        replay.on("GET", "/api/v4/spot/time", lambda _: {"server_time": milliseconds()})

    held = {"USDT": "235.500000000000000001", "LTC": "0.0735", "GATEPOINT": "10"}
    with replaying(load_) as url:
        outcome = compared(
            tmp_path,
            "venue: gateio_spot, api_key: 'env:GATE', secret: 'env:GATE', "
            f"base_url: '{url}', options: {{unified: false, rate_limit: false}}",
            *(opened("gateio", coin, "spot", total, at=at) for coin, total in held.items()),
            opened("gateio", "USDT", "earn", "500", at=at),
        )
    assert told(outcome) == []
    assert outcome.row.counts.matched == 3
