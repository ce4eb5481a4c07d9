"""Bound columns -> SQL: a value that is right wherever the doubt beside it is false.

`core.read` is the truth on reading. The SQL here reads only plain cases, in which it agrees with
it to the last digit; it doubts every other cell, and the row is then read by `core.read`.
Texts that DuckDB would read in its own way are traps that the patterns keep out: it rounds a 19th
decimal, accepts `1_000`, and drops the offset of a time when it casts to nanoseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tieout.core.read import ALIASES, BoundColumn, BoundReading, Reading
from tieout.core.schema import ColumnType
from tieout.core.text import EPOCH_UNITS, NumberStyle

OK, DOUBT, UNWANTED = 0, 1, 2
"""What the `state` column of a staged side says about a row."""

_NUMBER: Final = "DECIMAL(38,18)"
_LIMIT: Final = "50000000000000000000::DECIMAL(38,18)"
_TIME_LIMIT: Final = 2**62
_WHOLE_FLOATS: Final = 2**53
_CLOCK: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_EPOCH_DIGITS: Final = {"s": 10, "ms": 13, "us": 16, "ns": 18}
_UTC: Final = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu"})
_FLOATS: Final = ("DOUBLE", "FLOAT")
_TIMES: Final = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")
_AWARE: Final = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS")
_SQL_TYPES: Final = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.DECIMAL: _NUMBER,
    ColumnType.TIME: "BIGINT",
    ColumnType.DATE: "DATE",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """SQL of a column.

    Attributes:
        value: the column as the engine keeps it.
        doubt: whether the value may be wrong, as far as only the source's own cell can tell.
        odd: whether a value may be wrong, for the SQL of the value: of two equal values, both
            are or none. Neither test is ever null.
    """

    value: str
    doubt: str | None = None
    odd: Callable[[str], str] | None = None

    def suspect(self) -> str | None:
        """Whether the cell must be read again."""
        return either(self.doubt, self.odd(self.value) if self.odd else None)


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def sql_type(type_: ColumnType) -> str:
    """The type in which an engine keeps a column."""
    return _SQL_TYPES[type_]


def cells(
    bound: BoundReading, raw: list[str], types: list[str], *, trimmed: bool = False
) -> dict[str, Cell]:
    """The SQL of every column of a source.

    Args:
        raw: SQL names of the source's columns. `types`: their DuckDB types.
        trimmed: cells may be padded with blanks, as in text files; else padding is doubted.
    """
    found = {
        column.column.name: _cell(bound.reading, column, raw, types, trimmed=trimmed)
        for column in bound.columns
    }
    return _with_sign(bound, found, raw, types)


@dataclass(frozen=True, slots=True)
class RowTests:
    """SQL of what is to be said of a row as a whole; None where there is nothing to test.

    Attributes:
        unwanted: `only` and `skip` leave it out, for certain.
        doubt: they may; or it has a cell in a column without a name.
    """

    unwanted: str | None = None
    doubt: str | None = None


def row_tests(bound: BoundReading, raw: list[str], types: list[str]) -> RowTests:
    """What `only`, `skip` and the header say of a row. Arguments as of `cells`."""
    unwanted, doubts = [], []
    for index, values, keep in bound.tests:
        text = f"coalesce(trim({as_text(raw[index], types[index])}), '')"
        # What is equal to a value without blanks around it is that value, whatever it begins with.
        stripped = sorted(value for value in values if value == value.strip())
        among = " OR ".join(f"{text} = {quoted(value)}" for value in stripped) or "false"
        plain = f"({text} = '' OR ({_plain_ends(text)}))"
        unwanted.append(f"NOT ({among}) AND {plain}" if keep else among)
        doubts.append(f"NOT ({among} OR {plain})")
    doubts += [f"coalesce(trim({raw[index]}) <> '', false)" for index in bound.unnamed]
    return RowTests(either(*unwanted), either(*doubts))


def as_text(raw: str, type_: str) -> str:
    """The text of a source's cell that `core.read` reads: one text for equal values.

    A whole number has neither point nor zeros behind it, in whatever type it is stored; a time is
    ISO 8601. As `adapters.cells.cell_text` does.

    Args:
        raw: SQL name of the column. `type_`: its DuckDB type.
    """
    if type_ == "VARCHAR":
        return raw
    text = f"CAST({raw} AS VARCHAR)"
    if type_ in _FLOATS:
        whole = f"CAST(TRY_CAST({raw} AS BIGINT) AS VARCHAR)"
        return f"CASE WHEN {_is_whole(raw)} THEN {whole} ELSE {text} END"
    if type_.startswith("DECIMAL(") and not type_.endswith(",0)"):
        return f"rtrim(rtrim({text}, '0'), '.')"
    if type_ in _TIMES:
        return f"replace({text}, ' ', 'T')"
    if type_ in _AWARE:  # the connection's zone is UTC
        return f"replace(replace({text}, ' ', 'T'), '+00', '+00:00')"
    return text


def _is_whole(raw: str) -> str:
    """Whether a binary float is an integer that it holds exactly. Never null.

    By its integer: of NaN, which the statistics of a Parquet file leave out, DuckDB may take it
    for granted that it is below a limit.
    """
    whole = f"TRY_CAST({raw} AS BIGINT)"
    limit = _WHOLE_FLOATS - 1
    return f"coalesce({whole} BETWEEN -{limit} AND {limit} AND {whole} = {raw}, false)"


def _cell(
    reading: Reading, bound: BoundColumn, raw: list[str], types: list[str], *, trimmed: bool
) -> Cell:
    type_ = bound.column.type
    if bound.index is None:
        return Cell(_constant(bound, type_))
    source, stored = raw[bound.index], types[bound.index]
    cell, missing = _typed(reading, bound, source, stored), source
    if cell is None:
        style = reading.numbers if stored == "VARCHAR" else NumberStyle()
        cell = _from_text(reading, bound, as_text(source, stored), style, trimmed=trimmed)
        missing = cell.value
        if stored in _FLOATS and type_ is ColumnType.TEXT:
            fraction = f"{source} IS NOT NULL AND NOT {_is_whole(source)}"
            cell = Cell(cell.value, either(cell.doubt, fraction), cell.odd)
    return required(cell, missing) if bound.column.required else cell


def required(cell: Cell, missing: str) -> Cell:
    """`missing`: SQL that is null wherever the value is and nothing doubts it."""
    return Cell(cell.value, either(cell.doubt, f"({missing}) IS NULL"), cell.odd)


def _constant(bound: BoundColumn, type_: ColumnType) -> str:
    if bound.constant is None:
        return f"CAST(NULL AS {sql_type(type_)})"
    return f"CAST({quoted(str(bound.constant))} AS {sql_type(type_)})"


def _typed(reading: Reading, bound: BoundColumn, raw: str, type_: str) -> Cell | None:
    """A column that the source already stores as what it is; None where its text must be read."""
    if bound.column.name in reading.values:
        return None
    match bound.column.type:
        case ColumnType.DECIMAL:
            return _typed_number(raw, type_)
        case ColumnType.TIME:
            return _typed_time(reading, raw, type_)
        case ColumnType.DATE if type_ == "DATE":
            return Cell(raw)
        case _:
            return None


def _typed_number(raw: str, type_: str) -> Cell | None:
    if type_ in ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER", "BIGINT"):
        return Cell(f"CAST({raw} AS {_NUMBER})")
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", type_):
        precision, scale = int(match[1]), int(match[2])
        if scale > 18:
            return None
        if type_ == _NUMBER:
            return Cell(raw, odd=_beyond)
        if precision - scale < 20:
            return Cell(f"CAST({raw} AS {_NUMBER})")
        value = f"TRY_CAST({raw} AS {_NUMBER})"
        beyond = f"NOT coalesce({value} < {_LIMIT} AND {value} > -{_LIMIT}, {raw} IS NULL)"
        return Cell(value, beyond)
    return None


def _beyond(number: str) -> str:
    return f"NOT coalesce({number} < {_LIMIT} AND {number} > -{_LIMIT}, true)"


def _typed_time(reading: Reading, raw: str, type_: str) -> Cell | None:
    aware = type_ == "TIMESTAMP WITH TIME ZONE"
    naive = type_ in _TIMES
    if not (aware or (naive and reading.timezone in _UTC)):
        return None
    kind = "TIMESTAMPTZ" if aware else "TIMESTAMP"
    within = f"{raw} BETWEEN {kind} '1825-01-01' AND {kind} '2114-12-31'"
    return Cell(
        f"CASE WHEN {within} THEN epoch_ns({raw}) END",
        f"NOT coalesce({within}, {raw} IS NULL)",
    )


def _from_text(
    reading: Reading, bound: BoundColumn, raw: str, numbers: NumberStyle, *, trimmed: bool
) -> Cell:
    text = f"nullif(trim({raw}), '')" if trimmed else f"nullif({raw}, '')"
    match bound.column.type:
        case ColumnType.DECIMAL:
            cell = _number(numbers, text)
        case ColumnType.TIME:
            cell = _time(reading, bound.column.name, text)
        case ColumnType.DATE:
            cell = _date(reading, bound.column.name, text)
        case ColumnType.TEXT if bound.column.name == "symbol" and reading.symbols:
            cell = _mapped(text, _known_symbols(reading))
        case ColumnType.TEXT if bound.column.choices or reading.values.get(bound.column.name):
            cell = _choice(reading, bound, text)
        case ColumnType.TEXT:
            return Cell(text, odd=odd_text)
    mapping = reading.values.get(bound.column.name)
    if mapping and bound.column.type is not ColumnType.TEXT:
        among = ", ".join(quoted(each) for each in mapping)
        return Cell(cell.value, f"{cell.doubt} OR coalesce({text} IN ({among}), false)")
    return cell


def odd_text(text: str) -> str:
    """Texts that begin or end with a blank or beyond ASCII, or hold a NUL.

    Comparing the reversed text is twice as fast as a pattern or `trim`.
    """
    return f"coalesce(NOT ({_plain_ends(text)}) OR contains({text}, chr(0)), false)"


def _plain_ends(text: str) -> str:
    return f"{text} BETWEEN '!' AND '~' AND reverse({text}) BETWEEN '!' AND '~'"


def _number(style: NumberStyle, text: str) -> Cell:
    point, separator = style.point, style.thousands
    whole = "[0-9]{1,19}"
    plain = text
    if separator and not separator.isspace():
        mark = re.escape(separator)
        whole = f"([0-9]{{1,19}}|[1-9][0-9]{{0,2}}({mark}[0-9]{{3}}){{1,5}})"
        plain = f"replace({plain}, {quoted(separator)}, '')"
    if point != ".":
        plain = f"replace({plain}, {quoted(point)}, '.')"
    pattern = f"[+-]?{whole}({re.escape(point)}[0-9]{{0,18}})?"
    value = f"TRY_CAST({plain} AS {_NUMBER})"
    read = f"regexp_full_match({text}, {quoted(pattern)}) AND {value} IS NOT NULL"
    return Cell(value, f"NOT coalesce({read}, {text} IS NULL)")


def _time(reading: Reading, column: str, text: str) -> Cell:
    form = reading.forms.get(column, "iso")
    if form in EPOCH_UNITS:
        pattern = f"[0-9]{{1,{_EPOCH_DIGITS[form]}}}"
        value = f"TRY_CAST({text} AS BIGINT) * {EPOCH_UNITS[form]}"
        value = f"CASE WHEN regexp_full_match({text}, {quoted(pattern)}) THEN {value} END"
        return Cell(value, f"({value}) IS NULL AND {text} IS NOT NULL")
    if form != "iso":
        return Cell("CAST(NULL AS BIGINT)", f"{text} IS NOT NULL")
    suffix = "Z?" if reading.timezone in _UTC else "Z"
    pattern = f"{_DAY}[T ]{_CLOCK}{suffix}"
    stamp = f"TRY_CAST(replace({text}, 'Z', '') AS TIMESTAMP_NS)"
    value = f"CASE WHEN regexp_full_match({text}, {quoted(pattern)}) THEN epoch_ns({stamp}) END"
    value = f"CASE WHEN abs({value}) <= {_TIME_LIMIT} THEN {value} END"
    return Cell(value, f"({value}) IS NULL AND {text} IS NOT NULL")


def _date(reading: Reading, column: str, text: str) -> Cell:
    if reading.forms.get(column, "iso") != "iso":
        return Cell("CAST(NULL AS DATE)", f"{text} IS NOT NULL")
    value = f"CASE WHEN regexp_full_match({text}, {quoted(_DAY)}) THEN TRY_CAST({text} AS DATE) END"
    return Cell(value, f"({value}) IS NULL AND {text} IS NOT NULL")


def _choice(reading: Reading, bound: BoundColumn, text: str) -> Cell:
    """Value mapping, then the choices and their aliases in any case."""
    column = bound.column
    mapping = _attainable(reading.values.get(column.name, {}))
    if not column.choices:
        pairs = " ".join(f"WHEN {quoted(a)} THEN {quoted(b)}" for a, b in mapping.items())
        return Cell(f"CASE {text} {pairs} ELSE {text} END" if pairs else text, odd_text(text))
    accepted = {each: each for each in column.choices} | dict(ALIASES.get(column.name, {}))
    exact = {
        own: accepted[target.lower()]
        for own, target in mapping.items()
        if target.lower() in accepted
    }
    lower = " ".join(f"WHEN {quoted(a)} THEN {quoted(b)}" for a, b in accepted.items())
    value = f"CASE lower({text}) {lower} END"
    if mapping:
        first = " ".join(f"WHEN {quoted(a)} THEN {quoted(b)}" for a, b in exact.items())
        among = ", ".join(quoted(each) for each in mapping)
        value = (
            f"CASE WHEN {text} IN ({among}) THEN CASE {text} {first or 'WHEN NULL THEN NULL'}"
            f" END ELSE {value} END"
        )
    return Cell(value, f"({value}) IS NULL AND {text} IS NOT NULL")


def _known_symbols(reading: Reading) -> dict[str, str]:
    """What a source may write to the symbol that it means: `values` first, then `symbols`."""
    known = _attainable({**{each: each for each in reading.symbols.values()}, **reading.symbols})
    mapping = _attainable(reading.values.get("symbol", {}))
    own = {each: known[symbol] for each, symbol in mapping.items() if symbol in known}
    return {each: symbol for each, symbol in known.items() if each not in mapping} | own


def _attainable(mapping: Mapping[str, str]) -> dict[str, str]:
    """Without the keys that no cell is equal to, since cells are stripped."""
    return {key: value for key, value in mapping.items() if key == key.strip()}


def _mapped(text: str, known: dict[str, str]) -> Cell:
    keys = ", ".join(quoted(each) for each in known)
    values = ", ".join(quoted(each) for each in known.values())
    value = f"MAP {{}}[{text}]" if not known else f"MAP([{keys}], [{values}])[{text}]"
    return Cell(value, f"({value}) IS NULL AND {text} IS NOT NULL")


def _with_sign(
    bound: BoundReading, found: dict[str, Cell], raw: list[str], types: list[str]
) -> dict[str, Cell]:
    """Quantity and side made to agree, as `BoundReading.read` does."""
    amount = "quantity" if "quantity" in found else "amount"
    if amount not in found:
        return found
    cell = found[amount]
    if bound.sign is not None and bound.reading.sign is not None:
        sign = bound.reading.sign
        word = f"lower(trim(coalesce({as_text(raw[bound.sign], types[bound.sign])}, '')))"
        negative = ", ".join(quoted(each) for each in sorted(sign.negative)) or "NULL"
        known = ", ".join(quoted(each) for each in sorted(sign.negative | sign.positive)) or "NULL"
        value = (
            f"CASE WHEN {word} IN ({negative}) THEN -abs({cell.value}) ELSE abs({cell.value}) END"
        )
        strange = f"NOT coalesce({word} IN ({known}), false)"
        below = f"coalesce({cell.value} < 0, false)"
        return {**found, amount: Cell(value, either(cell.doubt, strange, below), cell.odd)}
    negative = f"coalesce(({cell.value}) < 0, false)"
    if bound.reading.signed:
        side = f"CASE WHEN {negative} THEN 'sell' ELSE 'buy' END"
        own = found.get("side")
        doubt = own.doubt if own else None
        if own is not None:
            doubt = either(doubt, f"coalesce(({own.value}) <> ({side}), false)")
        return {
            **found,
            amount: Cell(f"abs({cell.value})", cell.doubt, cell.odd),
            "side": Cell(side, doubt),
        }
    if bound.reading.records.name in ("trades", "orders"):
        return {**found, amount: Cell(cell.value, either(cell.doubt, negative), cell.odd)}
    return found


def either(*tests: str | None) -> str | None:
    """Whether one of the tests holds; None where there is none."""
    return " OR ".join(f"({test})" for test in tests if test) or None
