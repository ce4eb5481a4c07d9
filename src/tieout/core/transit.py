"""What is on its way: transfers between one's own places, and fees that are told later.

A place is an account, a venue and a wallet. A transfer has two legs, one at each place, and
between them money is at neither. So:

1. A transfer's two legs are of one currency and opposite sign, at different places. They belong
   together by their reference (a transaction's hash); without one on both, by equal amounts, the
   nearest in time first, and the money arrives no earlier than it left, but for `SKEW`, and no
   later than the deadline.
2. A leg that one side of a comparison lacks, while the book knows the other leg, is *expected*
   until the deadline, which runs from the earlier leg. A transfer from or to a stranger has no
   other leg: it is never expected for longer than anything else.
3. Until then a balance that differs by exactly what is on its way is expected as well. One that
   differs by something else is compared without it, as far as it is sure not to be there yet.
4. A fee that one side of a trade does not know yet is expected until the trade's deadline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from tieout.core.model import Pair, Record, Value
from tieout.core.money import add

SKEW: Final = 60_000_000_000
"""Nanoseconds by which the clocks of two places may differ: money may seem to come before it went.
Some venues name the minute of a withdrawal and not its second."""

MANY: Final = 10
"""Of more amounts than these the sums of some are not tried."""

_ZERO: Final = Decimal(0)


class Leg(Struct, frozen=True):
    """One end of a transfer between one's own places.

    Attributes:
        record: the movement. `until`: UTC nanoseconds, when its time to be seen is over.
    """

    record: Record
    until: int

    @property
    def amount(self) -> Decimal:
        """Signed."""
        return _amount(self.record)


def legs(movements: Iterable[Record], deadline: int) -> list[Leg]:
    """The transfers between one's own places among `movements`; see rule 1.

    Args:
        movements: of all places. `deadline`: nanoseconds.
    """
    transfers = [row for row in movements if _is_transfer(row)]
    transfers.sort(key=lambda row: (_at(row), _name(row)))
    given = [row for row in transfers if _amount(row) < 0]
    taken = [row for row in transfers if _amount(row) > 0]
    found: list[Leg] = []
    for alike in (_same_reference, _same_amount):
        for out in list(given):
            near = [row for row in taken if alike(out, row) and _possible(out, row, deadline)]
            if not near:
                continue
            came = min(near, key=lambda row: (abs(_at(row) - _at(out)), _name(row)))
            given.remove(out)
            taken.remove(came)
            until = min(_at(out), _at(came)) + deadline
            found += [Leg(out, until), Leg(came, until)]
    return found


def on_the_way(
    own: Sequence[Leg], seen: Iterable[Record], place: Mapping[str, Value], now: int
) -> list[Leg]:
    """The legs at a place that nobody has seen there, and whose time is not over.

    Args:
        own: from `legs`. `seen`: movements as the other side lists them.
        place: account, venue and wallet as far as they are known. `now`: UTC nanoseconds.
    """
    arrived = list(seen)
    found = []
    for leg in own:
        if leg.until < now or not _at_place(leg.record, place):
            continue
        match = next((row for row in arrived if _is_same(leg.record, row)), None)
        if match is None:
            found.append(leg)
        else:
            arrived.remove(match)
    return found


def explains(difference: Decimal, amounts: Sequence[Decimal]) -> bool:
    """Whether a difference is what some of these amounts come to; of many, what all come to."""
    if len(amounts) > MANY:
        return difference == _sum(amounts)
    sums = {_ZERO}
    for amount in amounts:
        sums |= {add(each, amount) for each in sums}
    return difference in sums


def fee_may_come(pair: Pair, fields: Iterable[str], since: int) -> bool:
    """Whether a pair differs in nothing but a fee that one side does not know yet; see rule 4.

    Args:
        fields: in which it differs. `since`: UTC nanoseconds; older trades have had their time.
    """
    known = [row.values.get("fee") is not None for row in (pair.internal, pair.external)]
    only = set(fields) <= {"fee", "fee_currency"}
    return only and known[0] is not known[1] and _at(pair.internal) >= since


def _is_transfer(row: Record) -> bool:
    values = row.values
    return (
        values.get("type") == "transfer"
        and values.get("currency") is not None
        and isinstance(values.get("amount"), Decimal)
        and isinstance(values.get("timestamp"), int)
    )


def _possible(out: Record, came: Record, deadline: int) -> bool:
    after = _at(came) - _at(out)
    return (
        out.values.get("currency") == came.values.get("currency")
        and _place(out) != _place(came)
        and -SKEW <= after <= deadline
    )


def _same_reference(out: Record, came: Record) -> bool:
    reference = out.values.get("reference")
    return reference is not None and reference == came.values.get("reference")


def _same_amount(out: Record, came: Record) -> bool:
    named = out.values.get("reference") is not None and came.values.get("reference") is not None
    return not named and add(_amount(out), _amount(came)) == 0


def _is_same(leg: Record, row: Record) -> bool:
    """Whether a movement is a leg as the other side tells it: by id, by reference or by amount."""
    one, other = leg.values, row.values
    if one.get("currency") != other.get("currency") or one.get("type") != other.get("type"):
        return False
    if one.get("movement_id") is not None and one["movement_id"] == other.get("movement_id"):
        return True
    if _amount(leg) != _amount(row):
        return False
    references = {one.get("reference"), other.get("reference")} - {None}
    return len(references) < 2 and _at(row) >= _at(leg) - SKEW


def _place(row: Record) -> tuple[Value, ...]:
    return tuple(row.values.get(name) for name in ("account", "venue", "wallet"))


def _at_place(row: Record, place: Mapping[str, Value]) -> bool:
    known = ((row.values.get(name), value) for name, value in place.items() if value is not None)
    return all(own is None or own == value for own, value in known)


def _amount(row: Record) -> Decimal:
    amount = row.values["amount"]
    assert isinstance(amount, Decimal)
    return amount


def _at(row: Record) -> int:
    at = row.values.get("timestamp")
    return at if isinstance(at, int) else 0


def _name(row: Record) -> str:
    return str(row.values.get("movement_id"))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = _ZERO
    for amount in amounts:
        total = add(total, amount)
    return total
