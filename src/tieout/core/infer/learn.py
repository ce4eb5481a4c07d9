"""Codes of the other side, learned from records that belong together: `PB-88001` is `CR-01`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Final

from tieout.core.infer.keys import ENOUGH, PairOfRows, Row, Rows, alone_pairs, overlap
from tieout.core.infer.proposal import SourceProposal
from tieout.core.schema import ColumnType, RecordType

CODES: Final = ("account", "venue", "symbol", "currency", "wallet")
"""Columns in which two systems often use different codes for the same thing."""

_SURE: Final = 0.9
_MOST: Final = 500
_MANY: Final = 50


def learn_codes(
    source: SourceProposal,
    ours: Rows,
    theirs: Rows,
    type_: RecordType,
    free: Mapping[str, int],
) -> tuple[SourceProposal, list[Row]]:
    """The external source with value mappings, and its rows with the codes of the internal side.

    Records are paired by what both sides write alike: an id, or the numbers. A code is mapped
    where nine in ten of its pairs say the same, and no two codes to one. An account that cannot be
    mapped is left out, since it would keep every pair apart.

    Args:
        free: columns of the external side that nothing is read from, and how many different
            values they have.
    """
    rows = list(theirs)
    if not ours or not rows:
        return source, rows
    least = 2 if type_.event and len(rows) > _MANY else 1
    for column in CODES:
        if column not in ours[0] or column not in rows[0]:
            continue
        if overlap([row[column] for row in ours], [row[column] for row in rows]) >= _SURE:
            continue
        found = _codes(_pairs(ours, rows, type_), column, least, max(free.values(), default=0))
        alike = _bare_codes(ours, rows, column)
        found = {code: own for code, own in found.items() if own not in alike.values()}
        mapped = _one_to_one(found | alike, rows, column)
        if mapped and len(mapped) <= _MOST:
            notes = {**source.notes, f"values.{column}": "learned from the samples: check"}
            values = {**source.values, column: mapped}
            source = replace(source, values=values, notes=notes)
            rows = [{**row, column: mapped.get(str(row[column]), row[column])} for row in rows]
        elif column in ("account", "venue") and source.columns.get(column, column) != column:
            name = source.columns[column]
            columns = {key: each for key, each in source.columns.items() if key != column}
            note = f"{name!r} is left out: its values are not those of the other side"
            source = replace(source, columns=columns, notes={**source.notes, "columns": note})
            rows = [{key: each for key, each in row.items() if key != column} for row in rows]
    return source, rows


def _pairs(ours: Rows, theirs: Rows, type_: RecordType) -> list[PairOfRows]:
    """Pairs by an id where both sides have one, else by the numbers and times they share."""
    shared = [name for name in type_.columns if name in ours[0] and name in theirs[0]]
    numbers = [name for name in shared if type_.columns[name].type is not ColumnType.TEXT]
    by_id = [alone_pairs(ours, theirs, (name,)) for name in shared if name.endswith("_id")]
    best = max(by_id, key=len, default=[])
    if len(best) >= ENOUGH * min(len(ours), len(theirs)):
        return best
    keys = [tuple(numbers), *combinations(numbers, 2)] if numbers else []
    return max((best, *(alone_pairs(ours, theirs, key) for key in keys)), key=len)


def _codes(pairs: Sequence[PairOfRows], column: str, least: int, richest: int) -> dict[str, str]:
    """Their code to ours, one to one; each said by at least `least` pairs and by nearly all.

    By all, where their column has fewer values than ours and one that is not read has enough of
    them (`richest`): theirs may be the wrong column, such as that of the fee's coin.
    """
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for ours, theirs in pairs:
        if ours[column] is not None and theirs[column] is not None:
            seen[str(theirs[column])][str(ours[column])] += 1
    own_codes = {own for counts in seen.values() for own in counts}
    doubtful = len(seen) < len(own_codes) <= richest
    said: dict[str, tuple[int, str]] = {}
    for code, counts in sorted(seen.items()):
        own, count = counts.most_common(1)[0]
        sure = count >= max(least, (1 if doubtful else _SURE) * counts.total())
        if sure and count > said.get(own, (0, ""))[0]:  # a rarer code for it is a mistake in it
            said[own] = count, code
    return {code: own for own, (_, code) in said.items()}


def _one_to_one(mapped: Mapping[str, str], theirs: Rows, column: str) -> dict[str, str]:
    """Without the codes that would become one with another code of theirs."""
    written = {str(row[column]) for row in theirs if row[column] is not None}
    times = Counter(mapped.values())
    return {
        code: own
        for code, own in mapped.items()
        if code != own and own not in written and times[own] == 1
    }


def _bare_codes(ours: Rows, theirs: Rows, column: str) -> dict[str, str]:
    """`BTCUSDT` for `BTC/USDT`: codes that differ in punctuation only."""
    known = {str(row[column]) for row in ours if row[column] is not None}
    by_bare = {bare(code): code for code in sorted(known)}
    if len(by_bare) < len(known):
        return {}
    given = sorted({str(row[column]) for row in theirs if row[column] is not None} - known)
    return {code: by_bare[bare(code)] for code in given if bare(code) in by_bare}


def bare(code: str) -> str:
    """`BTCUSDT` of `BTC/USDT` and `btc-usdt`."""
    return "".join(letter for letter in code.upper() if letter.isalnum())
