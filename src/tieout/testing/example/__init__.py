"""A trading day with known breaks: for the demo, for tests, for trying rules out.

`write_example` writes a fund's own records and its broker's records of one day, the
configuration that reconciles them, and says which breaks were planted. A run of that
configuration finds exactly these and nothing else:

    truth = write_example("demo")                        # demo/tieout.yaml and its CSV files
    truth = write_example("demo", second_day=True)       # the next business date's, in their place

The fund trades twelve symbols over five accounts. Positions and balances are the opening ones
plus the day's fills, on each side's own account, so that a fill which the book does not know shows
as a trade, as a position and as cash. The same arguments give the same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib import resources
from pathlib import Path

from tieout.core.model import Kind
from tieout.testing.example import files
from tieout.testing.example.holdings import Holdings, holdings
from tieout.testing.example.market import fills_of, late_fills, next_business_day
from tieout.testing.example.orders import WorkingOrders, working_orders
from tieout.testing.example.planting import Planted, Trades, plant, plant_one

__all__ = ["Kind", "Planted", "Truth", "write_example"]

DAY = date(2026, 11, 18)
CLOSE = time(23, 30, tzinfo=UTC)
LEAST = 600
"""With fewer trades, the planted unreadable rows would be more than 1 % of a side."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What a run of the example must find.

    Attributes:
        business_date, as_of: what to run it for.
        planted: every break that is open after the run, and no other.
        new: those of them that this day brought.
        cleared: the breaks of the first day that the second day clears.
        quarantined: source to its unreadable rows.
        matched, within_tolerance, expected, unknown: counts of the reconciliation of trades.
    """

    business_date: date
    as_of: datetime
    planted: tuple[Planted, ...]
    new: tuple[Planted, ...]
    cleared: tuple[Planted, ...]
    quarantined: Mapping[str, int]
    matched: int
    within_tolerance: int
    expected: int
    unknown: int


def write_example(
    directory: str | Path,
    *,
    day: date = DAY,
    trades: int = 2400,
    seed: int = 7,
    second_day: bool = False,
) -> Truth:
    """Write the example's files and `tieout.yaml` into `directory`, which is created.

    Args:
        day: the first business date.
        trades: how many fills the first day has; the second has a sixth of them.
        seed: of the random numbers.
        second_day: write the files of the next business date: a late confirmation arrives, one
            new break appears, all other breaks stay.

    Raises:
        ValueError: fewer than 600 trades, or a day at the weekend.
    """
    if trades < LEAST:
        raise ValueError(f"the example needs at least {LEAST} trades, not {trades}")
    if day.isoweekday() > 5:
        raise ValueError(f"{day} is no business day")
    chance = random.Random(seed)
    fills = fills_of(chance, day, trades - 2) + late_fills(day, trades - 1)
    first = plant(chance, fills)
    held = holdings(chance, fills, first.unknown_to_book)
    orders = working_orders(chance, day, fills, first.used)
    planted = (*first.planted, *held.planted, *orders.planted)
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    if not second_day:
        _write(directory, day, first, held, orders)
        return _truth(day, first, planted, planted)
    day = next_business_day(day)
    more = fills_of(chance, day, trades // 6)
    second = plant_one(more)
    second.external.extend(first.arriving)
    _write(directory, day, second, held.after(more), orders)
    second.matched += len(first.arriving)
    second.unknown = first.unknown
    kept = tuple(each for each in planted if each not in first.clearing)
    return _truth(day, second, (*kept, *second.planted), second.planted, first.clearing)


def _write(
    directory: Path, day: date, trades: Trades, held: Holdings, orders: WorkingOrders
) -> None:
    files.write_trades(directory, trades.internal, trades.external, trades.pnl)
    files.write_positions(directory, day, held.positions())
    files.write_balances(directory, day, held.balances())
    files.write_orders(directory, orders.internal, orders.external)
    files.write_reference(directory, day)
    text = resources.files(__package__).joinpath("tieout.yaml").read_text(encoding="utf-8")
    (directory / "tieout.yaml").write_text(text, encoding="utf-8")


def _truth(
    day: date,
    trades: Trades,
    planted: tuple[Planted, ...],
    new: tuple[Planted, ...] | list[Planted],
    cleared: tuple[Planted, ...] = (),
) -> Truth:
    return Truth(
        business_date=day,
        as_of=datetime.combine(day, CLOSE),
        planted=planted,
        new=tuple(new),
        cleared=cleared,
        quarantined=dict(trades.quarantined),
        matched=trades.matched,
        within_tolerance=trades.within_tolerance,
        expected=trades.expected,
        unknown=trades.unknown,
    )
