"""The sign of a quantity: as it stands, as the side, or from a column."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tieout.core.model import Value


@dataclass(frozen=True, slots=True)
class SignColumn:
    """Quantities without a sign, and a column that says which are negative.

    Attributes:
        column: the source's column. `negative` and `positive`: its values, in lower case.
    """

    column: str
    negative: frozenset[str]
    positive: frozenset[str]


Fault = tuple[str, str]
"""The field that is wrong, and why."""


def sign_as_side(values: dict[str, Value]) -> Fault | None:
    """Make the quantity positive and the side what its sign says, in place."""
    quantity = values["quantity"]
    assert isinstance(quantity, Decimal)
    side, stated = "sell" if quantity < 0 else "buy", values.get("side")
    if stated not in (None, side) and quantity:  # zero has no sign to contradict it
        return "side", f"it is {stated}, but the quantity is {quantity}"
    if "side" in values:  # an unreadable one is not replaced
        values["side"] = stated or side
    values["quantity"] = quantity.copy_abs()
    return None


def sign_from_column(
    values: dict[str, Value], name: str, sign: SignColumn, cell: str | None
) -> Fault | None:
    """Give the number called `name` the sign that the column's cell says, in place."""
    quantity = values[name]
    assert isinstance(quantity, Decimal)
    word = (cell or "").strip().lower()
    if word not in sign.negative | sign.positive:
        return name, f"its sign is in {sign.column!r}, which says {cell!r}"
    if quantity < 0 and word in sign.positive:
        return name, f"{quantity} is negative, but {sign.column!r} says {cell!r}"
    magnitude = quantity.copy_abs()
    values[name] = magnitude.copy_negate() if word in sign.negative and magnitude else magnitude
    return None
