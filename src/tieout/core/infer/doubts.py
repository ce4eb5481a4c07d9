"""What a person has to know before trusting a proposal: what is not compared, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Final

from tieout.core.infer.keys import ENOUGH, Rows, overlap
from tieout.core.infer.proposal import Evidence, percent
from tieout.core.schema import ID_COLUMNS, RecordType

_MATTERS: Final = (
    "symbol",
    "side",
    "quantity",
    "price",
    "price_currency",
    "currency",
    "fee",
    "fee_currency",
)
_FEW: Final = 3
"""So many pairs say that two ids have nothing in common."""


def one_sided(ours: Collection[str], theirs: Collection[str], names: Sequence[str]) -> list[str]:
    """That a column which matters is not compared, since one file is not known to have it.

    Args:
        ours, theirs: the canonical columns of each side. `names`: what the sides are called.
    """
    return [
        f"{column} is only in {has}: it is not compared; map it if {lacks} has it too"
        for column in _MATTERS
        if (column in ours) != (column in theirs)
        if column != "fee_currency" or ("fee" in ours and "fee" in theirs)
        for has, lacks in [names if column in ours else names[::-1]]
    ]


def ids_apart(
    ours: Rows, theirs: Rows, shared: Sequence[str], names: Sequence[str]
) -> dict[str, str]:
    """Ids that are equal but for leading zeros: column to which side has them."""
    found = {}
    for column in shared:
        if column not in ID_COLUMNS or not ours or not theirs:
            continue
        values = [
            [str(row[column]) for row in rows if row[column] is not None] for rows in (ours, theirs)
        ]
        stripped = [[text.lstrip("0") for text in texts] for texts in values]
        raw, bare = overlap(*values), overlap(*stripped)
        if bare >= ENOUGH and bare > raw + 0.2:
            zeros = [sum(text.startswith("0") for text in texts) for texts in values]
            which = 0 if zeros[0] > zeros[1] else 1
            example = next(text for text in values[which] if text.startswith("0"))
            found[column] = (
                f"its ids are equal but for leading zeros, which {names[which]} has"
                f" ({example!r} for {example.lstrip('0')!r}): have them written alike"
            )
    return found


def not_to_compare(
    compared: Sequence[Evidence],
    ours: Rows,
    theirs: Rows,
    names: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """Columns of which every pair would be a break that says nothing, and why."""
    for each in compared:
        values = [[row[each.column] for row in rows] for rows in (ours, theirs)]
        if each.column in ID_COLUMNS:
            if each.pairs >= _FEW and not each.equal and not overlap(*values):
                yield each.column, "no value of it is in both files"
        elif each.column == "fee" and each.equal < ENOUGH:
            signs = [_sign(numbers) for numbers in values]
            if {*signs} == {-1, 1}:
                yield (
                    "fee",
                    f"{names[signs.index(-1)]} writes a cost as negative, the other file as"
                    " positive, and no setting turns a fee's sign: turn it in the file",
                )


def dates_only(name: str, *, by_day: bool) -> str:
    """Why the times are not compared, and whether the days are."""
    said = f"{name} has dates without times"
    return f"{said}; the days are compared, as trade_date" if by_day else said


def _sign(values: Sequence[object]) -> int:
    """-1 or 1 where so are most of the numbers, else 0."""
    numbers = [value for value in values if isinstance(value, Decimal) and value]
    negative = sum(value < 0 for value in numbers)
    if not numbers or 2 * negative == len(numbers):
        return 0
    return -1 if 2 * negative > len(numbers) else 1


def remarks(
    ours: Rows,
    theirs: Rows,
    passes: Sequence[Sequence[str]],
    matched: float,
    type_: RecordType,
) -> list[str]:
    """What the records as a whole make doubtful.

    Args:
        matched: the share of them that the best key pairs.
    """
    if not ours or not theirs:
        return ["one of the samples has no readable record: correct the mapping first"]
    found = []
    if matched < ENOUGH:
        found.append(
            f"the best key pairs only {percent(matched)} of the samples' records:"
            " they may be of different days, or ids and symbols need a mapping"
        )
    if type_.event and not set(passes[0]) & ID_COLUMNS:
        found.append(
            "no common id: records are paired by what they say, so equal ones are AMBIGUOUS"
        )
    return found


def all_differ(compared: Sequence[Evidence]) -> list[str]:
    """Columns that are equal in no pair, so that each pair is a break."""
    return [
        f"{each.column}: none of {each.pairs:,} pairs is equal, so each is a break as it stands"
        if each.pairs > 1
        else f"{each.column}: it is not equal in the only pair"
        for each in compared
        if each.pairs and not each.equal
    ]
