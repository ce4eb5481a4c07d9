"""A raw row -> a record's values, or Quarantined: the only truth on reading.

Engines parse faster by themselves, but whatever they doubt comes here, and what they do not
doubt must read the same.

1. Text is stripped of surrounding blanks; what is empty then is absent.
2. Numbers and times are exact or the row is quarantined; nothing is rounded or guessed.
3. A binary float is refused, unless the source says `floats: shortest`: then it is the shortest
   decimal that round-trips, and coverage says so.
4. A quarantined row keeps what was readable of it, so that its partner is unknown, not missing.
5. Equal values have one text, however they are stored: the id 1 is `1` from an integer, a decimal
   `1.00` and a binary float `1.0`. A float that is no such number is no id, unless the source
   says `floats: shortest`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tieout.core.canonical import plain_record
from tieout.core.model import Quarantined, Value
from tieout.core.nearest import Nearest
from tieout.core.physical import Physical
from tieout.core.schema import Column, ColumnType, RecordType
from tieout.core.sign import SignColumn, sign_as_side, sign_from_column
from tieout.core.text import (
    UNREADABLE,
    NumberStyle,
    Unreadable,
    check_readable,
    is_unreadable,
    no_certain_text,
    parse_date,
    parse_decimal,
    parse_time,
    zone,
)
from tieout.errors import SourceError

RAW_LIMIT: Final = 2_000
"""Characters of a raw row that quarantine keeps."""

ALIASES: Final[Mapping[str, Mapping[str, str]]] = {
    "side": {"b": "buy", "bot": "buy", "bought": "buy", "s": "sell", "sld": "sell", "sold": "sell"},
    "status": {
        "new": "open",
        "canceled": "cancelled",
        "partially filled": "partially_filled",
        "partial": "partially_filled",
    },
}
"""Other spellings of choices that every source may use, in lower case."""

_MOMENTS: Final = (Physical.NAIVE_TIME, Physical.UTC_TIME, Physical.DATE)
_NUMBERS: Final = (Physical.INTEGER, Physical.DECIMAL, Physical.FLOAT)
_STORED: Final = NumberStyle()
"""How a stored number is written, whatever the source's own texts look like."""
_INTEGER: Final = re.compile(r"-?[0-9]+")


@dataclass(frozen=True)
class Reading:
    """How a source's columns become a record.

    Attributes:
        records: the contract, with the source's extras.
        columns: canonical name to the source's name; others are taken by their canonical name.
        constants: canonical name to a text that stands in every row.
        values: canonical name to (the source's value to the canonical one).
        timezone: IANA zone of times that carry none.
        forms: canonical name to `iso` (default), `s`/`ms`/`us`/`ns`, or a strptime pattern.
        numbers: decimal point and thousands separator.
        signed: the sign of the quantity is the side: negative is a sell.
        sign: the sign of the quantity comes from a column.
        symbols: the source's symbol to the canonical one; any other is then quarantined.
        floats: `refuse`, or `shortest`: read binary floats as their shortest decimals.
        identity: in place of the contract's identity columns.
        only, skip: the source's column to values; rows that differ (or that are equal) are no
            records of this reconciliation, and are counted as skipped.
    """

    source: str
    records: RecordType
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    timezone: str | None = None
    forms: Mapping[str, str] = field(default_factory=dict)
    numbers: NumberStyle = NumberStyle()
    signed: bool = False
    sign: SignColumn | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)
    floats: str = "refuse"
    identity: tuple[str, ...] = ()
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    skip: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def bind(self, header: Sequence[str], types: Sequence[str] | None = None) -> BoundReading:
        """This reading for a source with the columns `header`.

        Args:
            types: `Physical` of each column; all text where None.

        Raises:
            SourceError: a mapped or required column is not there; a binary float without
                `floats: shortest`; a naive time type without a stated zone.
        """
        physical = [Physical(each) for each in types or [Physical.TEXT] * len(header)]
        columns = tuple(
            bound
            for column in self.records.columns.values()
            if (bound := self._bind_column(column, header, physical)) is not None
        )
        self._check_required(columns, header)
        tests = tuple(
            (self._index(name, header, which), chosen, which == "only")
            for which, choice in (("only", self.only), ("skip", self.skip))
            for name, chosen in choice.items()
        )
        sign = self._index(self.sign.column, header, "sign") if self.sign else None
        for index in {sign, *(each.index for each in columns), *(index for index, *_ in tests)}:
            if index is not None and physical[index] is Physical.WIDE_DECIMAL:
                raise self._too_wide(header[index])
        unnamed = tuple(index for index, name in enumerate(header) if not name)
        return BoundReading(self, tuple(header), columns, tests, sign, unnamed)

    def present(self, columns: Sequence[str]) -> BoundReading:
        """A binding for which only the canonical columns count: which of them are there."""
        bound = tuple(
            BoundColumn(self.records.columns[name], None, Physical.TEXT, None) for name in columns
        )
        return BoundReading(self, (), bound)

    def _bind_column(
        self, column: Column, header: Sequence[str], physical: Sequence[Physical]
    ) -> BoundColumn | None:
        name = self.columns.get(column.name)
        if name is not None:
            index = self._index(name, header, f"columns.{column.name}")
        elif column.name in self.constants:
            return BoundColumn(column, None, Physical.TEXT, self._constant(column))
        elif column.name in header:
            index = list(header).index(column.name)
        elif column.name == "side" and self.signed:
            return BoundColumn(column, None, Physical.TEXT, None)
        else:
            return None
        self._check_physical(column, header[index], physical[index])
        return BoundColumn(column, index, physical[index], None)

    def _check_physical(self, column: Column, name: str, physical: Physical) -> None:
        strict = self.floats != "shortest" and column.type is ColumnType.DECIMAL
        if physical is Physical.FLOAT and strict:
            raise SourceError(
                f"column {name!r} holds binary floats, which are not the numbers anybody wrote",
                where=self.source,
                hint="store decimals or texts, or accept the shortest ones: `floats: shortest`",
            )
        if physical is Physical.NAIVE_TIME and column.type is ColumnType.TIME and not self.timezone:
            raise SourceError(
                f"column {name!r} holds times without a zone",
                where=self.source,
                hint="state the source's `timezone`, e.g. `timezone: UTC`",
            )

    def _too_wide(self, name: str) -> SourceError:
        return SourceError(
            f"column {name!r} holds decimals of more than 38 digits (decimal256), which no engine"
            " reads exactly",
            where=self.source,
            hint="store it as decimal(38, 18), or as text",
        )

    def _constant(self, column: Column) -> Value:
        text = self.constants[column.name]
        try:
            return self.cell(column, text)
        except Unreadable as why:
            raise SourceError(
                f"the constant for {column.name!r} cannot be read: {why}",
                where=self.source,
                hint="correct `constants`",
            ) from None

    def _index(self, name: str, header: Sequence[str], where: str) -> int:
        if name in header:
            return list(header).index(name)
        near = difflib.get_close_matches(name, header, n=1, cutoff=0.5)
        raise SourceError(
            f"there is no column {name!r}; there are: {', '.join(map(repr, header))}",
            where=f"{self.source}: {where}",
            hint=f"did you mean {near[0]!r}?" if near else "correct the column's name",
        )

    def _check_required(self, columns: Sequence[BoundColumn], header: Sequence[str]) -> None:
        have = {bound.column.name for bound in columns}
        contract = self.records.columns.values()
        missing = [each.name for each in contract if each.required and each.name not in have]
        if missing:
            raise SourceError(
                f"no column for {', '.join(map(repr, missing))}, which every"
                f" {self.records.singular} needs; there are: {', '.join(map(repr, header))}",
                where=self.source,
                hint=f"map it: `columns: {{{missing[0]}: <the source's name>}}`, or give it in"
                " `constants`",
            )

    @cached_property
    def _known_symbols(self) -> frozenset[str]:
        return frozenset(self.symbols.values())

    @cached_property
    def _nearest(self) -> Nearest:
        return Nearest((*self.symbols, *self.symbols.values()))

    def cell(self, column: Column, text: str | None, physical: Physical = Physical.TEXT) -> Value:
        """One cell as a value, of a source that stores it as `physical`. Raises Unreadable."""
        text = text.strip() if text is not None else None
        if not text:
            return None
        check_readable(text)
        if physical is Physical.FLOAT and column.type is ColumnType.TEXT:
            self._check_float(text)
        form = "iso" if physical in _MOMENTS else self.forms.get(column.name, "iso")
        mapped = self.values.get(column.name)
        if mapped is not None:
            text = mapped.get(text, text)
        match column.type:
            case ColumnType.DECIMAL:
                return parse_decimal(text, _STORED if physical in _NUMBERS else self.numbers)
            case ColumnType.TIME:
                return parse_time(text, form, zone(self.timezone) if self.timezone else None)
            case ColumnType.DATE:
                return parse_date(text, form)
            case ColumnType.TEXT:
                return self._text(column, text)

    def _check_float(self, text: str) -> None:
        """A binary float as a text: a whole one, or what `floats: shortest` accepts."""
        if _INTEGER.fullmatch(text):
            return
        if self.floats != "shortest" or text.lstrip("-") in ("nan", "inf"):
            raise Unreadable(no_certain_text(text))

    def _text(self, column: Column, text: str) -> str:
        if column.choices:
            lowered = text.lower()
            choice = ALIASES.get(column.name, {}).get(lowered, lowered)
            if choice not in column.choices:
                raise Unreadable(f"{text!r} is none of {', '.join(column.choices)}")
            return choice
        if column.name == "symbol" and self.symbols:
            return self._symbol(text)
        return text

    def _symbol(self, text: str) -> str:
        if text in self.symbols or text in self._known_symbols:
            return self.symbols.get(text, text)
        near = ", ".join(self._nearest.to(text))
        raise Unreadable(f"symbol {text!r} is not mapped{near and f'; nearest: {near}'}")


@dataclass(frozen=True, slots=True)
class BoundColumn:
    """A canonical column and where it is in the source: at `index`, or `constant` in every row."""

    column: Column
    index: int | None
    physical: Physical
    constant: Value


@dataclass(frozen=True, slots=True)
class BoundReading:
    """A reading for one header.

    Attributes:
        columns: those that this source has, in contract order.
        tests: (index, values, wanted): a row whose cell is among `values` is kept if wanted.
        sign: index of the column that the quantity's sign comes from.
        unnamed: the columns that have no name, and therefore must be empty.
    """

    reading: Reading
    header: tuple[str, ...]
    columns: tuple[BoundColumn, ...]
    tests: tuple[tuple[int, frozenset[str], bool], ...] = ()
    sign: int | None = None
    unnamed: tuple[int, ...] = ()

    @property
    def present(self) -> tuple[str, ...]:
        """The canonical columns that records of this source have."""
        return tuple(bound.column.name for bound in self.columns)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that say "the same record twice inside this source"."""
        if self.reading.identity:
            return self.reading.identity
        return self.reading.records.identity(set(self.present))

    def wanted(self, cells: Sequence[str | None]) -> bool:
        """Whether the row is a record of this reconciliation, by `only` and `skip`."""
        return all(
            ((text := (cells[index] or "").strip()) in values) is keep or is_unreadable(text)
            for index, values, keep in self.tests
        )

    def read(
        self,
        cells: Sequence[str | None],
        *,
        place: str,
        row: int,
        line: int | None = None,
        offset: int | None = None,
    ) -> dict[str, Value] | Quarantined:
        """Read one row.

        Args:
            cells: its cells as text, in the order of the header; absent ones None.
            place: the file or query. `row`: 1-based record number in it.

        Returns:
            canonical column to value, for every column in `present`; or why it is unreadable.
        """
        values: dict[str, Value] = {}
        fault: tuple[str | None, str] | None = None
        for bound in self.columns:
            name = bound.column.name
            try:
                value = bound.constant
                if bound.index is not None:
                    value = self.reading.cell(bound.column, cells[bound.index], bound.physical)
                if value is None and bound.column.required:
                    raise Unreadable("it is empty")
            except Unreadable as why:
                fault = fault or (name, str(why))
            else:
                values[name] = value
        fault = fault or self._row_fault(cells)
        if (sign_fault := self._apply_sign(values, cells)) is not None:
            values.pop(sign_fault[0], None)
            fault = fault or sign_fault
        if fault is None:
            return values
        field_name, reason = fault
        return Quarantined(
            source=self.reading.source,
            place=place,
            row=row,
            field=field_name,
            reason=reason,
            raw=raw_text(cells),
            line=line,
            offset=offset,
            values=values,
        )

    def _row_fault(self, cells: Sequence[str | None]) -> tuple[str | None, str] | None:
        """What is wrong with cells that are no column of a record."""
        for index in (*(index for index, *_ in self.tests), self.sign):
            if index is not None and is_unreadable(text := cells[index] or ""):
                return self.header[index], text.removeprefix(UNREADABLE)
        if any((cells[index] or "").strip() for index in self.unnamed):
            return None, "it has a cell in a column that has no name"
        return None

    def _apply_sign(
        self, values: dict[str, Value], cells: Sequence[str | None]
    ) -> tuple[str, str] | None:
        """Make quantity and side agree, in place; or (field, reason)."""
        name = "quantity" if "quantity" in values else "amount"
        if (quantity := values.get(name)) is None:
            return None
        if self.sign is not None and self.reading.sign is not None:
            return sign_from_column(values, name, self.reading.sign, cells[self.sign])
        if self.reading.signed and name == "quantity":
            return sign_as_side(values)
        if quantity < 0 and self.reading.records.name in ("trades", "orders"):  # type: ignore[operator]
            return "quantity", (
                f"{quantity} is negative; if its sign is the side, say `quantity_sign: side`"
            )
        return None

    def plain(self, values: Mapping[str, Value]) -> dict[str, str | None]:
        """A record of this source as canonical text."""
        return plain_record(values, self.reading.records)


def raw_text(cells: Sequence[str | None]) -> str:
    """A row as a person would recognise it, cut to a readable length."""
    text = ",".join("" if cell is None or is_unreadable(cell) else cell for cell in cells)
    return text if len(text) <= RAW_LIMIT else text[:RAW_LIMIT] + "…"
