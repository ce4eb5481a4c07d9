"""`compare:` and `overrides:` -> tolerances."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from tieout.config.calendars import read_lines
from tieout.config.findings import Findings, unknown
from tieout.config.keys import Key, Table, attempt, map_of, mapping
from tieout.config.scalars import (
    UNITS,
    amount,
    duration,
    has_unit,
    is_duration,
    share,
    text,
)
from tieout.config.tree import Fault, Node
from tieout.core.rules import EXACT, Measure, Tolerance
from tieout.core.schema import Column, ColumnType, RecordType

_HINT: Final = (
    '`exact`, `{within: "0.005"}`, `{within: 100ms}`, `{relative: 0.01%}` or `{ticks: 1}`'
)


def _within(node: Node, findings: Findings) -> Tolerance:
    if isinstance(node.value, str) and has_unit(node.value):
        if not is_duration(node.value):
            what = f"a number, or a length of time, belongs here, not {node.shape}"
            raise Fault(node, what, f'e.g. `"0.005"`, or `100ms`; units: {", ".join(UNITS)}')
        return Tolerance(Measure.WINDOW, Decimal(duration(node, findings)))
    return Tolerance(Measure.ABSOLUTE, amount(node, findings))


def _relative(node: Node, findings: Findings) -> Tolerance:
    return Tolerance(Measure.RELATIVE, share(node, findings))


def _ticks(node: Node, findings: Findings) -> Tolerance:
    return Tolerance(Measure.TICKS, amount(node, findings))


TOLERANCE: Final[Table] = {
    "within": Key(
        _within,
        '"0.005"',
        "The largest difference: a number in the column's unit, or for times a length of time"
        " (`100ms`).",
    ),
    "relative": Key(_relative, "0.01%", "The largest share of the larger of the two magnitudes."),
    "ticks": Key(_ticks, "1", "The largest number of the instrument's ticks."),
}


_Table: TypeAlias = Mapping[str, Tolerance | Mapping[str, Tolerance]]


def tolerance(node: Node, findings: Findings) -> Tolerance:
    """`exact`, or a mapping with one measure. Raises Fault."""
    if isinstance(node.value, str):
        if node.value == "exact":
            return EXACT
        raise Fault(node, f"{node.value!r} is no tolerance", f"say how: {_HINT}")
    entries = mapping(node)
    for name, entry in entries.items():
        if name not in TOLERANCE:
            message, hint = unknown("measure", name, TOLERANCE)
            raise Fault(entry, message, hint, key=True)
    if len(entries) != 1:
        raise Fault(node, "a tolerance has exactly one measure", f"one of {_HINT}")
    [(name, entry)] = entries.items()
    found = attempt(TOLERANCE[name].read, entry, findings)
    return found if isinstance(found, Tolerance) else EXACT


def misfit(column: Column, given: Tolerance) -> tuple[str, str] | None:
    """Message and hint where a tolerance does not fit its column's type."""
    measure, type_ = given.measure, column.type
    if measure is Measure.EXACT:
        return None
    if type_ is ColumnType.TIME:
        if measure is Measure.WINDOW:
            return None
        return f"`{column.name}` is a time", "give a length of time: `{within: 100ms}`"
    if type_ is ColumnType.DECIMAL:
        if measure is not Measure.WINDOW:
            return None
        return f"`{column.name}` is a number, not a time", 'give a number: `{within: "0.005"}`'
    return f"`{column.name}` is a {type_}, which is equal or not", "write `exact`"


def undefined(table: _Table) -> tuple[str, str] | None:
    """Message and hint where a tolerance is in ticks, and no source says what a tick is."""
    if (which := _in_ticks(table)) is None:
        return None
    return (
        f"no source says what a tick is: `{which}` is compared exactly",
        "add a source with `records: instruments` and its column `tick`",
    )


def _in_ticks(table: _Table) -> str | None:
    """The first column (of a symbol) with a tolerance in ticks."""
    for name, given in table.items():
        if isinstance(given, Mapping):
            if (column := _in_ticks(given)) is not None:
                return f"{name}: {column}"
        elif given.measure is Measure.TICKS:
            return name
    return None


OVERRIDE_HEADER: Final = ("symbol", "column", "measure", "amount")


class FileOverrides(dict[str, dict[str, Tolerance]]):
    """Overrides from a CSV file.

    Attributes:
        places: file and line of each symbol and column.
    """

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[tuple[str, str], str] = {}


def misfits(table: FileOverrides, contract: RecordType) -> Iterator[tuple[str, str]]:
    """Message and hint of each wrong combination of column and measure, with its first line."""
    seen: set[tuple[str, Measure]] = set()
    for symbol, columns in table.items():
        for name, given in columns.items():
            if (name, given.measure) in seen:
                continue
            seen.add((name, given.measure))
            if name not in contract.columns:
                wrong = unknown(f"column of {contract.name}", name, contract.columns)
            elif (fault := misfit(contract.columns[name], given)) is not None:
                wrong = fault
            else:
                continue
            yield f"{table.places[symbol, name]}: {wrong[0]}", wrong[1]


def overrides(node: Node, findings: Findings) -> dict[str, dict[str, Tolerance]]:
    """By symbol and column; written in place, or in a CSV file that `node` names."""
    if isinstance(node.value, str):
        return _from_csv(node, findings)
    return map_of(map_of(tolerance))(node, findings)


def _from_csv(node: Node, findings: Findings) -> dict[str, dict[str, Tolerance]]:
    path = findings.base / text(node, findings)
    rows = csv.reader(read_lines(node, path))
    header = tuple(cell.strip() for cell in next(rows, []))
    if header != OVERRIDE_HEADER:
        hint = f"it has: {','.join(header)}" if header else "it is empty"
        what = f"{path} does not start with the line `{','.join(OVERRIDE_HEADER)}`"
        raise Fault(node, what, hint)
    table = FileOverrides()
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        place = f"{path}:{rows.line_num}"
        if len(cells) != len(OVERRIDE_HEADER):
            findings.add(node, f"{place}: {len(cells)} cells, not {len(OVERRIDE_HEADER)}")
            continue
        found = _row(Node(None, node.path, node.line, node.column), place, cells, findings)
        if found is None:
            continue
        if table.setdefault(cells[0], {}).setdefault(cells[1], found) is not found:
            findings.add(node, f"{place}: {cells[0]} {cells[1]} is there twice")
        table.places.setdefault((cells[0], cells[1]), place)
    return table


def _row(node: Node, place: str, cells: list[str], findings: Findings) -> Tolerance | None:
    """The tolerance of one line; a fault names the line."""
    _, _, measure, size = cells
    try:
        if measure == "exact" and not size:
            return EXACT
        if measure not in TOLERANCE:
            raise Fault(node, *unknown("measure", measure, ("exact", *TOLERANCE)))
        node.value = size
        found = TOLERANCE[measure].read(node, findings)
    except Fault as fault:
        findings.add(node, f"{place}: {fault.message}", fault.hint)
        return None
    assert isinstance(found, Tolerance)
    return found
