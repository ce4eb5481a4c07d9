"""Trades that were amended: which record stands for which, and from when on.

1. Of several records under one identity the one with the highest version, then sequence, counts:
   it is the same fact, told better. Two that contradict each other with neither are a conflict.
2. A trade that `supersedes` another is a fact of its own: from its time on it stands in the place
   of the other, and a `bust` leaves nothing in that place. Before it, the other was so.
3. The order in which records arrive makes no difference: a void may come before its fill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from msgspec import Struct

from tieout.core.canonical import dumps, plain_record
from tieout.core.model import Value
from tieout.core.schema import RECORD_TYPES

Values: TypeAlias = Mapping[str, Value]

_NONE: Final = Decimal("-Infinity")


class Family(Struct, frozen=True):
    """A trade and what superseded it, in the order in which they stand in its place.

    Attributes:
        whole: the first of them is the original. If not, it is not known what it stood for.
    """

    members: tuple[Values, ...]
    whole: bool = True


class Latest(Struct, frozen=True):
    """Records, each identity once.

    Attributes:
        conflicts: pairs of an identity's records that contradict each other; neither counts.
    """

    rows: tuple[Values, ...]
    conflicts: tuple[tuple[Values, Values], ...]


def latest(records: str, rows: Iterable[Values]) -> Latest:
    """The records that count, invariant 1."""
    known: dict[tuple[Value, ...], list[Values]] = defaultdict(list)
    columns = RECORD_TYPES[records].identities[0]
    for row in rows:
        known[tuple(map(row.get, columns))].append(row)
    chosen: list[Values] = []
    conflicts: list[tuple[str, Values, Values]] = []
    for several in known.values():
        if len(several) == 1:
            chosen.append(several[0])
            continue
        newest = max(map(_newness, several))
        rivals = [each for each in several if _newness(each) == newest]
        texts = {_told(records, each): each for each in rivals} if len(rivals) > 1 else {}
        if len(texts) > 1:
            first, other, *_ = sorted(texts)
            conflicts.append((first, texts[first], texts[other]))
        else:
            chosen.append(rivals[0])
    conflicts.sort(key=lambda each: each[0])
    return Latest(tuple(chosen), tuple((one, other) for _, one, other in conflicts))


def _newness(row: Values) -> tuple[Value, ...]:
    return tuple(_NONE if (mark := row.get(name)) is None else mark for name in _MARKS)


_MARKS: Final = ("version", "sequence")


def _told(records: str, row: Values) -> str:
    type_ = RECORD_TYPES[records]
    return dumps(plain_record({k: v for k, v in row.items() if v is not None}, type_))


def families(trades: Iterable[Values]) -> list[Family]:
    """Trades by what they were originally, invariant 2. Each identity comes once."""
    trades = list(trades)
    if all(trade.get("supersedes") is None for trade in trades):  # as nearly always
        return [Family((trade,)) for trade in trades]
    trades.sort(key=_age)
    named: dict[tuple[Value, ...], list[Values]] = defaultdict(list)
    for trade in trades:
        named[_name(trade, "trade_id")].append(trade)
    grouped: dict[int, list[tuple[int, int, Values]]] = defaultdict(list)
    roots: dict[int, Values] = {}
    for trade in trades:
        *_, root = line = _line(trade, named)
        roots[id(root)] = root
        # Nothing stands in the place of another before that one was there.
        since = max(_time(each) for each in line)
        grouped[id(root)].append((since, len(line), trade))
    found = []
    for number, members in grouped.items():
        members.sort(key=lambda each: (each[0], each[1], _age(each[2])))
        whole = roots[number].get("supersedes") is None
        found.append(Family(tuple(trade for *_, trade in members), whole))
    return found


def _name(trade: Values, column: str) -> tuple[Value, ...]:
    return trade.get("account"), trade.get("venue"), trade.get("symbol"), trade.get(column)


def _line(trade: Values, named: Mapping[tuple[Value, ...], Sequence[Values]]) -> list[Values]:
    """The trade, what it stands for, and so on to the oldest that is known."""
    line = [trade]
    while trade.get("supersedes") is not None:
        candidates = named.get(_name(trade, "supersedes"), ())
        same = [each for each in candidates if each.get("side") == trade.get("side")]
        chosen = same or candidates
        if len(chosen) != 1 or any(chosen[0] is each for each in line):
            break
        trade = chosen[0]
        line.append(trade)
    return line


def _time(trade: Values) -> int:
    at = trade.get("timestamp")
    return at if isinstance(at, int) else 0


def _age(trade: Values) -> tuple[Any, ...]:
    return _time(trade), _newness(trade), trade.get("trade_id"), trade.get("side") or ""
