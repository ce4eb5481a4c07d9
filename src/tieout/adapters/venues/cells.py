"""A venue's rows -> records under a contract, or `Quarantined` with the reason.

A parser takes a raw row and returns canonical values; what it cannot read it says by `BadCell`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias, TypeVar

from tieout.core.canonical import dumps, plain_record
from tieout.core.model import Quarantined, Record, Value
from tieout.core.money import exact, fits, multiply
from tieout.core.read import RAW_LIMIT
from tieout.core.schema import Column, ColumnType, RecordType

Raw: TypeAlias = Mapping[str, Any]
Values: TypeAlias = Mapping[str, Value]
Parser: TypeAlias = Callable[[Raw], Values | None]
"""A raw row to its canonical values, account and venue aside; None where it is no record."""

T = TypeVar("T")
MILLI: Final = 1_000_000
ZERO: Final = Decimal(0)
_TYPES: Final = {ColumnType.DECIMAL: Decimal, ColumnType.TIME: int, ColumnType.TEXT: str}
_EARLIEST: Final = 1_000_000_000_000
"""Milliseconds of 2001: a smaller number is no time in milliseconds but one in seconds."""


UNREADABLE: Final = "\0"
"""Stands for a text that cannot be read, while a quarantined row is searched for its key."""

_PLAIN: Final = re.compile(r"(?=.{1,19}\Z)-?[0-9]+(?:\.[0-9]+)?", re.ASCII).fullmatch
"""A number of so few characters fits whatever it is."""

_lenient: ContextVar[bool] = ContextVar("lenient", default=False)
_MALFORMED: Final = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What a parser falls over where a row is nothing like what it knows."""

_KEYS: Final = (
    "symbol",
    "trade_id",
    "order_id",
    "client_order_id",
    "movement_id",
    "currency",
    "wallet",
)


class BadCell(ValueError):
    """A value that cannot be read. The message is for a person."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


def bad(field: str, reason: str, instead: T) -> T:
    """Raise BadCell; return `instead` where only the key of a bad row is looked for."""
    if _lenient.get():
        return instead
    raise BadCell(field, reason)


def key_of(raw: Raw, parse: Parser) -> Values:
    """What of a row's key can be read, though the row cannot: its partner is unknown then."""
    token = _lenient.set(True)
    try:
        values = parse(raw) or {}
    except _MALFORMED:
        return {}
    finally:
        _lenient.reset(token)
    found = {name: values.get(name) for name in _KEYS}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and UNREADABLE not in value
    }


def number(raw: Raw, name: str) -> Decimal:
    """The number under `name`. Raises BadCell where there is none."""
    found = number_or_none(raw, name)
    if found is None:
        return bad(name, f"{name} is absent", ZERO)
    return found


def number_or_none(raw: Raw, name: str) -> Decimal | None:
    """The number under `name`; None where it is absent, null or empty."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if type(value) is str and _PLAIN(value):
        return Decimal(value)
    try:
        found = exact(value)
    except (TypeError, ValueError) as why:
        return bad(name, f"{name}: {why}", ZERO)
    if not fits(found):
        return bad(name, f"{name}: {value} has more than 18 decimals, or is too large", ZERO)
    return found


def product(field: str, left: Decimal, right: Decimal) -> Decimal:
    """`left * right`, where that can be stored without loss. Raises BadCell where it cannot."""
    found = multiply(left, right)
    if not fits(found):
        return bad(field, f"{field}: {left} x {right} has more than 18 decimals", ZERO)
    return found


def text(raw: Raw, name: str) -> str:
    """The text (or integer) under `name`. Raises BadCell where there is none."""
    found = text_or_none(raw, name)
    if found is None:
        return bad(name, f"{name} is absent", UNREADABLE)
    return found


def text_or_none(raw: Raw, name: str) -> str | None:
    """The text (or integer, as text) under `name`; None where it is absent, null or empty."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return bad(name, f"{name} is a {type(value).__name__}, no text", UNREADABLE)
    return str(value)


def millis(raw: Raw, name: str) -> int:
    """The time under `name`, milliseconds since 1970, in nanoseconds. Raises BadCell."""
    found = number(raw, name)
    if found < _EARLIEST or found != found.to_integral_value():
        return bad(name, f"{name}: {found} is no time in milliseconds", 0)
    return int(found) * MILLI


def millis_or_none(raw: Raw, name: str) -> int | None:
    """As `millis`; None where it is absent, empty or 0, which is how venues write "never"."""
    value = raw.get(name)
    return None if value in (None, "", 0, "0") else millis(raw, name)


def seconds(raw: Raw, name: str) -> int:
    """The time under `name`, seconds with a fraction since 1970, in nanoseconds, exactly."""
    found = number(raw, name)
    nanos = found.scaleb(9)
    if found.copy_abs() * 1000 < _EARLIEST or nanos != nanos.to_integral_value():
        return bad(name, f"{name}: {found} is no time in seconds", 0)
    return int(nanos)


def choice(raw: Raw, name: str, meanings: Mapping[str, str]) -> str:
    """What the text under `name` means. Raises BadCell where nobody knows."""
    found = text(raw, name)
    try:
        return meanings[found]
    except KeyError:
        return bad(name, f"{name}: {found!r} is unknown here", UNREADABLE)


def nonzero(amount: Decimal | None) -> Decimal | None:
    """None for 0: many venues write a price that they do not know as 0."""
    return amount or None


def balance(
    currency: str, wallet: str, total: Decimal, free: Decimal | None, used: Decimal | None, at: int
) -> Values:
    """The values of a balance."""
    amounts = {"total": total, "free": free, "used": used}
    return {"currency": currency, "wallet": wallet, **amounts, "as_of": at}


@dataclass(frozen=True, slots=True)
class _Form:
    """The columns of a parser's records, and what has to be so in each of them.

    Attributes:
        named: the identity column that must have a value.
    """

    columns: tuple[tuple[str, Column, type], ...]
    identity: tuple[str, ...]
    named: str | None

    @classmethod
    def of(cls, type_: RecordType, names: tuple[str, ...], place: str) -> _Form:
        """Raises TypeError where a required column is not there: a bug of the parser."""
        lacking = {name for name, each in type_.columns.items() if each.required} - set(names)
        if lacking:
            raise TypeError(f"{place}: no {', '.join(sorted(lacking))}")
        columns = tuple(
            (name, type_.columns[name], _TYPES.get(type_.columns[name].type, object))
            for name in names
        )
        identity = type_.identity(frozenset(names))
        return cls(columns, identity, type_.id_of(identity))

    def check(self, values: Values, place: str) -> None:
        """Raises BadCell for a value that the contract does not allow, TypeError for a bug."""
        for name, column, expected in self.columns:
            value = values[name]
            if value is None:
                if column.required:
                    raise BadCell(name, f"{name} is absent")
                continue
            if not isinstance(value, expected):
                raise TypeError(f"{place}: {name} is a {type(value).__name__}")
            if expected is Decimal and not _PLAIN(str(value)) and not fits(value):  # type: ignore[arg-type]
                raise BadCell(name, f"{name}: {value} has more than 18 decimals, or is too large")
            if column.choices and value not in column.choices:
                raise BadCell(name, f"{name}: {value!r} is none of {', '.join(column.choices)}")


class Rows:
    """Collects the records of one answer.

    Args:
        source: the source's name. `place`: the question, for quarantine.
        records: the contract. `constants`: account and venue.
    """

    def __init__(
        self, source: str, place: str, records: RecordType, constants: Mapping[str, str]
    ) -> None:
        self._source = source
        self._place = place
        self._type = records
        self._constants = {key: constants[key] for key in constants if key in records.columns}
        self._forms: dict[tuple[str, ...], _Form] = {}
        self._seen: dict[tuple[Value, ...], int] = {}
        self._contested: set[tuple[Value, ...]] = set()
        self._rows = 0
        self.records: list[Record] = []
        self.quarantined: list[Quarantined] = []

    def read(self, raws: Iterable[Raw], parse: Parser) -> None:
        """Add the records of `raws`; what cannot be read goes to quarantine."""
        for raw in raws:
            self._rows += 1
            try:
                values = parse(raw)
            except BadCell as why:
                self._refuse(raw, str(why), why.field, key_of(raw, parse))
                continue
            except _MALFORMED as error:
                reason = f"it is nothing like what is known here ({type(error).__name__})"
                self._refuse(raw, reason, None, {})
                continue
            try:
                if values is not None:
                    self._add(values)
            except BadCell as why:
                self._refuse(raw, str(why), why.field, values or {})

    def refuse(self, raw: Raw, reason: str) -> None:
        """Put a row into quarantine."""
        self._rows += 1
        self._refuse(raw, reason, None, {})

    def _add(self, values: Values) -> None:
        whole = {**self._constants, **values}
        form = self._forms.get(tuple(whole))
        if form is None:
            form = self._forms[tuple(whole)] = _Form.of(self._type, tuple(whole), self._place)
        form.check(whole, self._place)
        identity = {name: whole[name] for name in form.identity}
        if form.named is not None and identity[form.named] is None:
            raise BadCell(form.named, f"{form.named} is absent")
        record = Record(whole, identity, self._rows)
        key = _key(record)
        first = self._seen.get(key)
        if first is None:
            self._seen[key] = len(self.records)
            self.records.append(record)
        elif self.records[first].values == whole:
            return
        elif self._type.event or not self._newer(first, record):
            self._contradiction(key, record)

    def kept(self) -> list[Record]:
        """The records, without those that contradict each other: these are in quarantine."""
        if not self._contested:
            return self.records
        return [each for each in self.records if _key(each) not in self._contested]

    def _contradiction(self, key: tuple[Value, ...], record: Record) -> None:
        first = self.records[self._seen[key]]
        found = [record] if key in self._contested else [first, record]
        self._contested.add(key)
        for each in found:
            self.quarantined.append(
                Quarantined(
                    self._source,
                    self._place,
                    each.row or 0,
                    f"the venue says different things about one {self._type.singular}",
                    dumps(plain_record(each.values, self._type))[:RAW_LIMIT],
                    values=each.values,
                )
            )

    def _newer(self, index: int, record: Record) -> bool:
        """Of two states of one thing, seen on two pages, the later one counts.

        Returns:
            False where they do not say when they were so: neither is believed.
        """
        old, new = self.records[index].values, record.values
        before, after = old.get("updated_at"), new.get("updated_at")
        if not isinstance(before, int) or not isinstance(after, int):
            return False
        # At one instant, what is filled never goes down.
        if (after, new.get("filled") or ZERO) >= (before, old.get("filled") or ZERO):
            self.records[index] = record
        return True

    def _refuse(self, raw: Raw, reason: str, field: str | None, values: Values) -> None:
        shown = json.dumps(raw, ensure_ascii=False, default=str)[:RAW_LIMIT]
        known = {**self._constants, **values} if values else {}
        self.quarantined.append(
            Quarantined(self._source, self._place, self._rows, reason, shown, field, values=known)
        )


def _key(record: Record) -> tuple[Value, ...]:
    """What is one record: one id under two symbols is two orders, whatever the venue's ids are."""
    return *record.identity.values(), record.values.get("symbol")
