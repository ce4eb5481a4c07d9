"""Positions of five venues against the book's, in one process that is warm, as `tieout serve` is.

    python snapshots.py ROWS

One in a thousand positions breaks, one in a hundred differs inside the tolerance. Prints the
median of a round of all venues: matching alone, and bringing the records into frames.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from statistics import median
from typing import Any, Final

from tieout.adapters.answers import scan_of
from tieout.adapters.engines.polars import PolarsEngine
from tieout.core.model import Record, Side
from tieout.core.read import Reading
from tieout.core.rules import Measure, Rules, Tolerance
from tieout.core.schema import POSITIONS
from tieout.ports import MatchTask, Rows, SideTask

VENUES: Final = ("binance", "bybit", "gateio", "kraken", "mexc")
AS_OF: Final = 1_753_488_000_000_000_000
WITHIN: Final = {"quantity": Tolerance(Measure.ABSOLUTE, Decimal("0.001"))}
RULES: Final = Rules("positions", "positions", compare=WITHIN)
LAYOUT: Final = Reading("positions", POSITIONS)
ROUNDS: Final = 11


def positions(venue: str, rows: int, *, differing: bool) -> list[Record]:
    """A book's positions, or a venue's, which differ in some quantities."""
    records = []
    for number in range(rows):
        quantity = Decimal(number * 7919 % 100_000 - 50_000).scaleb(-3)
        if differing and number % 1_000 == 0:
            quantity += 1
        elif differing and number % 100 == 0:
            quantity += Decimal("0.0001")
        values = {
            "account": "main",
            "venue": venue,
            "symbol": f"S{number}/USDT:USDT",
            "leg": "net",
            "quantity": quantity,
            "average_price": Decimal(number).scaleb(-2),
            "as_of": AS_OF,
        }
        records.append(Record(values, {}))
    return records


def task(internal: list[Record], external: list[Record]) -> MatchTask:
    """The match of a book with a venue."""
    sides = (
        SideTask(side, scan_of(Rows(side.value, LAYOUT, records, tuple(records[0].values))), LAYOUT)
        for side, records in ((Side.INTERNAL, internal), (Side.EXTERNAL, external))
    )
    return MatchTask(RULES, *sides)


def measured(rows: int) -> dict[str, Any]:
    """The median of some rounds, the first one not counted."""
    sides = [
        (positions(each, rows, differing=False), positions(each, rows, differing=True))
        for each in VENUES
    ]
    engine, matched, framed, breaks = PolarsEngine(), [], [], 0
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        tasks = [task(*each) for each in sides]
        framed.append(time.perf_counter() - started)
        started = time.perf_counter()
        breaks = 0
        for each in tasks:
            with engine.match(each) as matching:
                breaks += sum(1 for _ in matching.candidates)
        matched.append(time.perf_counter() - started)
    return {
        "rows": rows,
        "breaks": breaks,
        "match": median(matched[1:]),
        "frames": median(framed[1:]),
    }


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
