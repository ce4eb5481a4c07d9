"""Checks: a pair's internal trade against its row among the PnL snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tieout.core.model import Difference, Kind, Money, Pair, Record, Value
from tieout.core.money import distance, multiply, plain, rounded, subtract
from tieout.core.rules import Check, PnlCheck
from tieout.core.severity import Finding
from tieout.core.valuation import Instrument, Valuation

ZERO: Final = Decimal(0)

STATED: Final = ("pnl_impact", "commission")
"""The columns of a PnL row that a check looks at."""


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check, made: what the PnL should be, and the row that states it, or another.

    Attributes:
        index: of the check in `Rules.checks`.
    """

    index: int
    expected: Decimal
    stated: Decimal
    row: Record

    def difference(self) -> Difference:
        """Expected as the internal value, stated as the external one."""
        gap = subtract(self.expected, self.stated)
        return Difference("pnl_impact", plain(self.expected), plain(self.stated), plain(gap))

    def finding(self, trade: Mapping[str, Value], valuation: Valuation) -> Finding:
        """A PNL finding, worth the gap in the row's currency, else in the trade's."""
        currency = self.row.values.get("currency") or valuation.currency(trade)
        gap = rounded(distance(self.expected, self.stated))
        value = Money(gap, currency) if isinstance(currency, str) else None
        return Finding(Kind.PNL, self.expected, self.stated, value)


def failed_checks(
    pair: Pair, checks: Sequence[Check], valuation: Valuation
) -> tuple[FailedCheck, ...]:
    """The checks that a pair fails, in their order.

    A check is not made, and nothing fails, without a row, without a PnL in the row, and where
    its formula lacks something: `cash` needs a side, and a contract that is not inverse; and a
    commission that others have must be there.
    """
    failed = []
    for index, check in enumerate(checks):
        made = _made(index, check, pair, valuation)
        if made is not None and _breaks(check, made.expected, made.stated):
            failed.append(made)
    return tuple(failed)


def is_unchecked(pair: Pair, checks: Sequence[Check], valuation: Valuation) -> bool:
    """Whether one of the checks cannot be made for a pair, so that it shows nothing."""
    return any(_made(index, check, pair, valuation) is None for index, check in enumerate(checks))


def _made(index: int, check: Check, pair: Pair, valuation: Valuation) -> FailedCheck | None:
    """What a check holds against each other; None where it cannot be made."""
    row = pair.checked.get(index)
    stated = row.values.get("pnl_impact") if row is not None else None
    if row is None or not isinstance(stated, Decimal):
        return None
    expected = _expected(check, pair.internal.values, row.values, valuation)
    return None if expected is None else FailedCheck(index, expected, stated, row)


def _breaks(check: Check, expected: Decimal, stated: Decimal) -> bool:
    """As-given is `< tolerance`, as its formula was given; cash is `<= tolerance`."""
    gap = distance(expected, stated)
    return gap >= check.tolerance if check.pnl is PnlCheck.AS_GIVEN else gap > check.tolerance


def _expected(
    check: Check, trade: Mapping[str, Value], row: Mapping[str, Value], valuation: Valuation
) -> Decimal | None:
    """What the trade says its PnL row should be; None where the check cannot be made."""
    price, quantity = trade.get("price"), trade.get("quantity")
    if not isinstance(price, Decimal) or not isinstance(quantity, Decimal):
        return None
    cost = _cost(trade, row)
    if cost is None:
        return None
    notional = multiply(price, quantity)
    if check.pnl is PnlCheck.AS_GIVEN:
        return subtract(notional, cost)
    instrument = valuation.instrument(trade) or Instrument()
    side = trade.get("side")
    if instrument.inverse or side not in ("buy", "sell"):
        return None
    cash = multiply(notional, instrument.multiplier)
    return subtract(cash.copy_negate() if side == "buy" else cash, cost)


def _cost(trade: Mapping[str, Value], row: Mapping[str, Value]) -> Decimal | None:
    """The row's commission, else the trade's fee; zero where neither is a column at all.

    None where a column is there and says nothing of this record: unknown is not zero.
    """
    for stated in (row.get("commission"), trade.get("fee")):
        if isinstance(stated, Decimal):
            return stated
    return None if "commission" in row or "fee" in trade else ZERO
