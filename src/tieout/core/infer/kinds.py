"""Which kinds of rows are no records: deposits and dividends among trades.

1. What is skipped is named, and not what is kept: a new kind of row is then quarantined and
   seen, where a list of the wanted kinds would drop it.
2. A kind is skipped only where none of its rows can be a record, for it lacks a number that every
   record has, or where its name says that it is cash. Every such kind is told with its count.
3. What may be a record and cannot be read as one is told too, and not skipped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tieout.core.infer.columns import Profile, type_columns
from tieout.core.infer.proposal import Cells, SourceProposal
from tieout.core.infer.values import choice_of
from tieout.core.schema import ColumnType, RecordType

_MANY: Final = 60
"""A column with more different values does not tell kinds of rows."""

_CASH: Final = re.compile(r"\b(dividends?|dividenden?|dividendos?)\b", re.IGNORECASE)
_SHARES: Final = re.compile(r"\b(re-?invest\w*|stock|scrip|shares?|drip|split)\b", re.IGNORECASE)
"""A dividend that is paid in cash is no trade, though it has a number of shares and an amount for
each; one that is paid in shares may be one."""

_Kinds = Mapping[str, Sequence[Cells]]
"""What a cell says, to the rows in which it does."""


def with_kinds(
    source: SourceProposal, profile: Profile, type_: RecordType, good: Sequence[bool]
) -> SourceProposal:
    """`source` with the kinds of rows to skip, and notes on them and on the doubtful ones.

    Args:
        good: of each row of the sample, whether it can be read as a record.
    """
    place, name, doubtful = _doubtful(source, profile, type_, good)
    if not doubtful:
        return source
    cash = {kind for kind in doubtful if place == "values.side" and _is_cash(kind)}
    lacking = {kind for kind in doubtful if _lack(doubtful[kind], source, profile, type_)}
    needed = " or ".join(_numbers(source, type_))
    said = [f"without {needed}: {_listed(doubtful, lacking)}"] if lacking else []
    if named := cash - lacking:
        said.append(f"by their names: {_listed(doubtful, named)}")
    notes = dict(source.notes)
    if said:
        notes["skip"] = f"left out {'; '.join(said)}"
    if others := doubtful.keys() - cash - lacking:
        notes[place] = (
            f"{_listed(doubtful, others)} may be {type_.name}, but cannot be read as such: say in"
            " `values` what they are, or `skip` them; until then a run quarantines them"
        )
    skipped = tuple(sorted(cash | lacking))
    return replace(source, skip={name: skipped} if skipped else {}, notes=notes)


def _doubtful(
    source: SourceProposal, profile: Profile, type_: RecordType, good: Sequence[bool]
) -> tuple[str, str, _Kinds]:
    """The setting that would say what they are, the column that tells kinds, and those of which
    no row is a record."""
    for canonical in ("side", "type"):
        if canonical in source.columns and canonical in type_.columns:
            name, column = source.columns[canonical], type_.columns[canonical]
            kinds = _kinds(profile, name)
            unknown = {kind: rows for kind, rows in kinds.items() if not choice_of(column, kind)}
            return f"values.{canonical}", name, unknown
    if any(good) and not all(good):
        for name in type_columns(profile.sample.header):
            kinds = _kinds(profile, name)
            at = profile.sample.header.index(name)
            kept = {
                (row[at] or "").strip()
                for row, fine in zip(profile.sample.rows, good, strict=True)
                if fine
            }
            others = {kind: rows for kind, rows in kinds.items() if kind not in kept}
            if kept and others:
                return f"skip.{name}", name, others
    return "", "", {}


def _kinds(profile: Profile, name: str) -> dict[str, list[Cells]]:
    at = profile.sample.header.index(name)
    kinds: dict[str, list[Cells]] = {}
    for row in profile.sample.rows:
        if kind := (row[at] or "").strip():
            kinds.setdefault(kind, []).append(row)
    return dict(sorted(kinds.items())) if len(kinds) <= _MANY else {}


def _lack(
    rows: Sequence[Cells], source: SourceProposal, profile: Profile, type_: RecordType
) -> bool:
    """Whether each of the rows has nothing like a number where a record has one."""
    header = profile.sample.header
    at = [header.index(source.columns[name]) for name in _numbers(source, type_)]
    return all(any(not _has_digit(row[index]) for index in at) for row in rows)


def _numbers(source: SourceProposal, type_: RecordType) -> list[str]:
    return [
        column.name
        for column in type_.columns.values()
        if column.required and column.type is ColumnType.DECIMAL and column.name in source.columns
    ]


def _has_digit(text: str | None) -> bool:
    return any(character.isdigit() for character in text or "")


def _is_cash(kind: str) -> bool:
    return bool(_CASH.search(kind)) and not _SHARES.search(kind)


def _listed(kinds: _Kinds, named: set[str]) -> str:
    """`Deposit (2 rows), Wire (1 row)`."""
    counts = {kind: len(rows) for kind, rows in kinds.items() if kind in named}
    return ", ".join(
        f"{kind} ({count:,} {'row' if count == 1 else 'rows'})" for kind, count in counts.items()
    )
