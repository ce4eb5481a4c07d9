"""What a page says about all breaks, from one reading that keeps only the worst of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from heapq import nsmallest
from typing import Final

from tieout.core.model import Severity
from tieout.core.money import add
from tieout.core.rows import BreakRow
from tieout.present import age_seconds

DAY: Final = 86_400
AGES: Final = (("0\u20131 d", 2), ("2\u20135 d", 6), ("6\u201330 d", 31), ("> 30 d", None))
"""Buckets of whole days: name, and the first day that is no longer in it."""


@dataclass(slots=True)
class Survey:
    """Counts over every break, and the worst of them.

    Attributes:
        shown: by severity, then value at risk, then age; `total` says how many there are.
        kinds, ages: number of breaks by (kind or bucket, severity label).
        values: value at risk by currency. `unvalued` have none: unknown, not zero.
    """

    total: int = 0
    shown: list[BreakRow] = field(default_factory=list)
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    ages: Counter[tuple[str, str]] = field(default_factory=Counter)
    values: dict[str, Decimal] = field(default_factory=dict)
    unvalued: int = 0


def survey(rows: Iterable[BreakRow], as_of: Callable[[BreakRow], datetime], limit: int) -> Survey:
    """Read `rows` once, and keep the `limit` worst."""
    result = Survey()

    def counted() -> Iterator[BreakRow]:
        for row in rows:
            _count(result, row, as_of(row))
            yield row

    result.shown = nsmallest(limit, counted(), key=_rank)
    return result


def _count(result: Survey, row: BreakRow, moment: datetime) -> None:
    severity = row.content["severity"]
    result.total += 1
    result.kinds[row.content["kind"], severity] += 1
    result.ages[bucket(age_seconds(row, moment)), severity] += 1
    if row.value_amount is None:
        result.unvalued += 1
    else:
        currency = row.value_currency or ""
        amount = row.value_amount.copy_abs()
        result.values[currency] = add(result.values.get(currency, Decimal(0)), amount)


def _rank(row: BreakRow) -> tuple[int, bool, Decimal, datetime, str]:
    worst = -Severity.of(row.content["severity"])
    unknown = row.value_amount is None
    amount = Decimal(0) if row.value_amount is None else row.value_amount.copy_abs().copy_negate()
    return worst, unknown, amount, row.opened_at, row.id


def bucket(age: int) -> str:
    """The name of the ageing bucket of `age` seconds."""
    days = age // DAY
    return next(name for name, end in AGES if end is None or days < end)
