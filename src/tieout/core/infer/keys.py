"""Which columns pair the records of two samples, and how far the pairs are apart."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations
from typing import Final

from tieout.core.infer.proposal import Evidence, KeyCandidate
from tieout.core.model import Value
from tieout.core.money import distance, plain
from tieout.core.rules import Measure, Tolerance
from tieout.core.schema import ID_COLUMNS, ColumnType, RecordType

Row = Mapping[str, Value]
Rows = Sequence[Row]
PairOfRows = tuple[Row, Row]

ENOUGH: Final = 0.5
"""A key that pairs a smaller share of the records than this is doubtful."""

_GOOD: Final = 0.9
"""An id that pairs this share needs no alternative."""

_EVENT_KEYS: Final = ("symbol", "side", "quantity", "price")
_WEIGHT: Final = {"timestamp": 0.15, "symbol": 0.1, "side": 0.1, "quantity": 0.3, "amount": 0.3}
"""What a key without an id loses by lacking a column: the same instrument, side and day twice is
no rarity."""
_UNITS: Final = (
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3600 * 10**9),
)


def candidates(
    internal: Rows, external: Rows, type_: RecordType, shared: Sequence[str]
) -> list[KeyCandidate]:
    """Keys over the columns `shared` by both sides, best first.

    Best is what pairs the most records one to one; of equals an id, then the one with the fewest
    columns that may differ without the records being others (price, then quantity).
    """
    found = [_measure(internal, external, on) for on in _distinct(_by_id(type_, shared))]
    if type_.event and not any(key.matched >= _GOOD for key in found):
        found += [_measure(internal, external, on) for on in _distinct(_by_content(type_, shared))]
    return sorted(found, key=lambda each: (-_worth(each, type_), len(each.on), each.on))


def choose(
    found: Sequence[KeyCandidate], type_: RecordType, shared: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """The passes to propose: the best key; without an id, first with and then without quantity.

    A weak one (`matched` below ENOUGH) is proposed too: a person sees its percentage.
    """
    if not found:
        return ()
    best = found[0]
    by_id = not type_.event or bool(ID_COLUMNS & set(best.on))
    if by_id or type_.clock not in best.on or "quantity" not in shared:
        return (best.on,)
    relaxed = tuple(name for name in best.on if name != "quantity")
    return (*relaxed, "quantity"), relaxed


def pairs(internal: Rows, external: Rows, passes: Sequence[Sequence[str]]) -> list[PairOfRows]:
    """The records that are alone with their key on both sides, pass after pass."""
    left, right, found = list(internal), list(external), list[PairOfRows]()
    for on in passes:
        paired = alone_pairs(left, right, _with_account(on, left, right))
        found += paired
        done = {id(row) for pair in paired for row in pair}
        left = [row for row in left if id(row) not in done]
        right = [row for row in right if id(row) not in done]
    return found


def alone_pairs(internal: Rows, external: Rows, on: Sequence[str]) -> list[PairOfRows]:
    """The records that are alone with their key on both sides."""
    ours, theirs = _by_key(internal, on), _by_key(external, on)
    return [
        (rows[0], theirs[key][0])
        for key, rows in ours.items()
        if len(rows) == 1 and len(theirs.get(key, ())) == 1
    ]


def _with_account(on: Sequence[str], internal: Rows, external: Rows) -> tuple[str, ...]:
    """A pass's key as a run uses it: with account and venue, where both sides have them."""
    if not internal or not external:
        return tuple(on)
    added = [name for name in ("account", "venue") if name in internal[0] and name in external[0]]
    return (*on, *(name for name in added if name not in on))


def evidence(matched: Sequence[PairOfRows], type_: RecordType, column: str) -> Evidence:
    """How the pairs agree in `column`, and the tolerance that would let most of them pass."""
    kind = type_.columns[column].type
    both = [(ours[column], theirs[column]) for ours, theirs in matched]
    if not both:
        return Evidence(column, 0, 0.0)
    equal = sum(one == other for one, other in both) / len(both)
    apart = sorted(
        _apart(one, other)
        for one, other in both
        if one is not None and other is not None and kind in (ColumnType.DECIMAL, ColumnType.TIME)
    )
    if equal == 1.0 or not apart or not apart[-1]:
        return Evidence(column, len(both), equal)
    bound = _bound(apart)
    if bound > _tolerable([one for one, _ in both], kind):
        return Evidence(column, len(both), equal)
    tolerance, text, limit = _tolerance(bound, kind)
    within = sum(each <= limit for each in apart) / len(both)
    return Evidence(column, len(both), equal, tolerance, text, within)


def overlap(internal: Sequence[Value], external: Sequence[Value]) -> float:
    """The share of the different values of the poorer side that the other one has too."""
    ours = {value for value in internal if value is not None}
    theirs = {value for value in external if value is not None}
    least = min(len(ours), len(theirs))
    return len(ours & theirs) / least if least else 0.0


def _distinct(keys: Iterator[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return list({frozenset(key): key for key in keys}.values())


def _by_id(type_: RecordType, shared: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Ids alone and with side and symbol; identities."""
    have = set(shared)
    for id_column in sorted(ID_COLUMNS & have):
        yield (id_column,)
        for more in (("side",), ("symbol",), ("symbol", "side")):
            if set(more) <= have:
                yield (id_column, *more)
    for identity in type_.identities:
        own = tuple(name for name in identity if name in have and name not in ("account", "venue"))
        if own and not (type_.event and type_.id_column not in own):
            yield own


def _by_content(type_: RecordType, shared: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """For events without an id: what they say of themselves."""
    clocks = [name for name in (type_.clock, "trade_date", "value_date") if name in shared]
    others = [name for name in (*_EVENT_KEYS, "currency", "type", "amount") if name in shared]
    for clock in [*clocks, None]:
        for size in range(1, len(others) + 1):
            for some in combinations(others, size):
                if clock is not None or size >= 3:
                    yield (clock, *some) if clock else some


def _measure(internal: Rows, external: Rows, on: tuple[str, ...]) -> KeyCandidate:
    key_columns = _with_account(on, internal, external)
    ours, theirs = _counts(internal, key_columns), _counts(external, key_columns)
    matched = sum(1 for key, n in ours.items() if n == 1 and theirs.get(key) == 1)
    least = min(len(internal), len(external)) or 1
    return KeyCandidate(
        on, _alone(ours, len(internal)), _alone(theirs, len(external)), matched / least
    )


def _worth(key: KeyCandidate, type_: RecordType) -> float:
    """Matched share, less a little for what makes a key fragile or too weak to be believed."""
    ids = ID_COLUMNS & set(key.on)
    if ids:
        return key.matched + 0.1 - 0.02 * (len(key.on) - 1)
    lacking = {name for name in _WEIGHT if name in type_.columns and name not in key.on}
    lost = sum(_WEIGHT[name] for name in sorted(lacking))
    if type_.clock in lacking and "trade_date" in key.on:
        lost -= _WEIGHT["timestamp"] / 2  # the day is half of a time
    return key.matched - lost - 0.3 * ("price" in key.on)


def _counts(rows: Rows, on: Sequence[str]) -> Counter[tuple[Value, ...]]:
    keys = (tuple(row[name] for name in on) for row in rows)
    return Counter(key for key in keys if None not in key)


def _alone(counts: Counter[tuple[Value, ...]], rows: int) -> float:
    return sum(1 for n in counts.values() if n == 1) / rows if rows else 0.0


def _by_key(rows: Rows, on: Sequence[str]) -> dict[tuple[Value, ...], list[Row]]:
    grouped: dict[tuple[Value, ...], list[Row]] = defaultdict(list)
    for row in rows:
        key = tuple(row[name] for name in on)
        if None not in key:
            grouped[key].append(row)
    return grouped


def _apart(one: Value, other: Value) -> Decimal:
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return distance(one, other)
    assert isinstance(one, int) and isinstance(other, int)
    return Decimal(abs(one - other))


def _bound(apart: Sequence[Decimal]) -> Decimal:
    """The difference that nearly all pairs stay below; else the middle one of those that differ."""
    at = apart[min(len(apart) - 1, int(len(apart) * 0.99))]
    if at:
        return at
    nonzero = [each for each in apart if each]
    return nonzero[len(nonzero) // 2]


def _tolerable(values: Sequence[Value], kind: ColumnType) -> Decimal:
    """The largest difference to be called a tolerance: an hour, or 1 % of what is usual."""
    if kind is ColumnType.TIME:
        return Decimal(_UNITS[-1][1])
    sizes = sorted(value.copy_abs() for value in values if isinstance(value, Decimal))
    return sizes[len(sizes) // 2] / 100 if sizes else Decimal(0)


def _tolerance(bound: Decimal, kind: ColumnType) -> tuple[Tolerance, str, Decimal]:
    """The next round tolerance at or above `bound`: itself, its text in YAML, its amount."""
    if kind is ColumnType.TIME:
        unit, size = next((unit for unit in reversed(_UNITS) if bound >= unit[1]), _UNITS[0])
        count = _round_up(bound / size)
        count = max(count, Decimal(1))
        return Tolerance(Measure.WINDOW, count * size), f"{plain(count)}{unit}", count * size
    amount = _round_up(bound)
    return Tolerance(Measure.ABSOLUTE, amount), plain(amount), amount


def _round_up(number: Decimal) -> Decimal:
    """The smallest of 1, 2, 5, 10, 20, 50, ... and their tenths that is not below `number`."""
    step = Decimal(1).scaleb(number.adjusted())
    return next(step * digit for digit in (1, 2, 5, 10) if step * digit >= number)
