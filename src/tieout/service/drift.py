"""Differences inside tolerance, added up: each is nothing, and together they may be something."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from tieout.core.model import Pair, WithinTolerance
from tieout.core.money import add, distance
from tieout.core.rows import DriftStatistic


class Drift:
    """The largest and summed differences inside tolerance, by pass, column and symbol."""

    def __init__(self) -> None:
        self._sums: dict[tuple[int, str, str | None], tuple[int, Decimal, Decimal]] = {}

    def add(self, pair: Pair, outcome: WithinTolerance) -> None:
        """Count a pair that was decided here."""
        internal, external = pair.internal.values, pair.external.values
        symbol = internal.get("symbol") or external.get("symbol")
        for column, _ in outcome.used:
            gap = _gap(internal.get(column), external.get(column))
            if gap is not None:
                key = (pair.step, column, symbol if isinstance(symbol, str) else None)
                self._count(key, 1, gap, gap)

    def with_those_of(self, counted: Iterable[DriftStatistic]) -> list[DriftStatistic]:
        """Together with the pairs that an engine counted."""
        for each in counted:
            key = (each.step, each.column, each.symbol)
            self._count(key, each.pairs, each.largest, each.total)
        ordered = sorted(self._sums.items(), key=lambda item: (*item[0][:2], item[0][2] or ""))
        return [DriftStatistic(*key, *sums) for key, sums in ordered]

    def _count(
        self, key: tuple[int, str, str | None], pairs: int, largest: Decimal, total: Decimal
    ) -> None:
        known = self._sums.get(key, (0, Decimal(0), Decimal(0)))
        self._sums[key] = (known[0] + pairs, max(known[1], largest), add(known[2], total))


def _gap(left: object, right: object) -> Decimal | None:
    if isinstance(left, int) and isinstance(right, int):
        return Decimal(abs(left - right))
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return distance(left, right)
    return None
