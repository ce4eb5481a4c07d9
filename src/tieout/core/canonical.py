"""One text for one value: canonical JSON, ids and digests.

1. Equal values have equal texts, whatever file, database or frame they came from.
2. Ids come from content, never from a clock or a random number, so a restart or a second run
   gives the same ids.
3. Decimals are plain (no exponent, no trailing zeros, no minus zero), times are UTC with nine
   digits and `Z`, ids are the first 32 hex characters of SHA-256, keys are sorted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final, TypeAlias

import msgspec

from tieout.core.model import Break, PlainRecord, Side, Value
from tieout.core.money import plain
from tieout.core.schema import ColumnType, RecordType

_NS: Final = 1_000_000_000
ID_LENGTH: Final = 32


def instant(nanoseconds: int) -> str:
    """`2025-07-26T10:01:22.900000000Z` for UTC nanoseconds since 1970."""
    minutes, rest = divmod(nanoseconds, 60 * _NS)
    seconds, fraction = divmod(rest, _NS)
    return f"{_minute(minutes)}{seconds:02d}.{fraction:09d}Z"


@lru_cache(maxsize=4096)  # a day has 1440
def _minute(minutes: int) -> str:
    return datetime.fromtimestamp(minutes * 60, UTC).isoformat()[:17]


def nanoseconds(moment: datetime) -> int:
    """UTC nanoseconds since 1970 of an aware time. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * _NS + delta.microseconds * 1_000


def moment(nanoseconds: int) -> datetime:
    """The aware UTC time of `nanoseconds` since 1970; digits below a microsecond are cut."""
    seconds, rest = divmod(nanoseconds, _NS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


def plain_value(value: Value, type_: ColumnType) -> str | None:
    """The canonical text of one cell."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return instant(value) if type_ is ColumnType.TIME else str(value)
    return plain(value) if isinstance(value, Decimal) else value.isoformat()


Layout: TypeAlias = tuple[tuple[str, ColumnType], ...]


def layout(columns: Collection[str], type_: RecordType) -> Layout:
    """The order in which a record with these columns is written: the contract's, then by name."""
    known = [(name, column.type) for name, column in type_.columns.items() if name in columns]
    unknown = [(name, ColumnType.TEXT) for name in sorted(columns) if name not in type_.columns]
    return (*known, *unknown)


def plain_record(
    values: Mapping[str, Value], type_: RecordType, order: Layout | None = None
) -> dict[str, str | None]:
    """A record as canonical text, columns in contract order, then extras by name.

    Args:
        order: the layout of exactly these columns, where a caller has many such records.
    """
    return {
        name: value
        if (value := values[name]).__class__ is str
        else plain(value)
        if value.__class__ is Decimal
        else plain_value(value, column)
        for name, column in (layout(values, type_) if order is None else order)
    }


def plain_like(
    values: Mapping[str, Value],
    order: Layout,
    other: Mapping[str, Value],
    written: PlainRecord,
) -> dict[str, str | None]:
    """`plain_record` of a record much like `other`, whose text is `written`.

    A cell that both have is not written twice: comparing two is far cheaper than writing one.
    """
    text: dict[str, str | None] = {}
    for name, column in order:
        value = values[name]
        if value.__class__ is str:
            text[name] = value
        elif value == (known := other.get(name)) and value.__class__ is known.__class__:
            text[name] = written.get(name)
        else:
            text[name] = plain_value(value, column)
    return text


_FAST: Final = msgspec.json.Encoder(order="sorted")
_ANY_TEXT: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _encoded(value: Any) -> bytes:
    try:
        return _FAST.encode(value)
    except UnicodeEncodeError:  # a lone surrogate, which only the slower encoder passes through
        return _ANY_TEXT.encode(msgspec.to_builtins(value)).encode("utf-8", "surrogatepass")


def dumps(value: Any) -> str:
    """Canonical JSON of texts, integers, booleans, null, lists, dicts with text keys and structs.

    Sorted keys, no spaces, UTF-8 text as it is.
    """
    return _encoded(value).decode("utf-8", "surrogatepass")


def digest(*parts: str) -> str:
    """SHA-256 in hex over length-prefixed parts, so that no two lists of parts collide."""
    return hashlib.sha256(_framed(*parts)).hexdigest()


def _framed(*parts: str) -> bytes:
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([b"%d:%b" % (len(each), each) for each in encoded])


def break_id(
    reconciliation: str, anchor: PlainRecord, side: Side, *, duplicate: bool = False
) -> str:
    """The id of a break: the reconciliation and its anchor record's side and identity.

    The side is part of it, since two records of one identity may fail to meet, where the passes
    go by other columns. A DUPLICATE lives beside the break of the record that it repeats, so it
    has an id of its own.
    """
    space, encoded = _id_space(reconciliation, side, duplicate), _encoded(anchor)
    framed = b"%b%d:%b" % (space, len(encoded), encoded)
    return hashlib.sha256(framed).hexdigest()[:ID_LENGTH]


@lru_cache(maxsize=256)
def _id_space(reconciliation: str, side: Side, duplicate: bool) -> bytes:
    """What many ids have in common: each is the `digest` of this and one more part."""
    return _framed(
        "tieout", f"{'duplicate' if duplicate else 'break'}:{side.value}", reconciliation
    )


def derived_id(values: PlainRecord, ordinal: int) -> str:
    """The id of an event that came without one: its content, and which of its equals it is."""
    content = {name: value for name, value in values.items() if value is not None}
    return f"derived-{digest('id', dumps(content), str(ordinal))[:20]}"


def content(brk: Break) -> str:
    """What a break says, without when and by which run it was seen, as canonical JSON.

    Its records and differences are written as objects of their fields.
    """
    return dumps(
        {
            "id": brk.id,
            "kind": brk.kind,
            "severity": brk.severity.label,
            "key": brk.key,
            "records": brk.records,
            "differences": brk.differences,
        }
    )


class RunDigest:
    """SHA-256 over a run's own counts, its rules and the contents of its open breaks.

    Feed the contents in the order of their ids.
    """

    def __init__(self, counts: Mapping[str, int], rules_digest: str) -> None:
        self._hasher = hashlib.sha256()
        self._hasher.update(dumps({"counts": dict(counts), "rules": rules_digest}).encode())
        self._last = ""

    def add(self, id_: str, content_json: str) -> None:
        if id_ <= self._last:
            raise ValueError(f"break {id_} after {self._last}: contents come sorted by id")
        self._last = id_
        self._hasher.update(b"\n")
        self._hasher.update(content_json.encode("utf-8", "surrogatepass"))

    def hexdigest(self) -> str:
        return self._hasher.hexdigest()


def jsonable(value: Any) -> Any:
    """A frozen core value (rules, settings) as JSON data, the same for equal values."""
    if is_dataclass(value) and not isinstance(value, type):
        data = {field.name: jsonable(getattr(value, field.name)) for field in fields(value)}
        return {"type": type(value).__name__, **data}
    if isinstance(value, msgspec.Struct):
        return {"type": type(value).__name__, **jsonable(msgspec.structs.asdict(value))}
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(jsonable(key)): jsonable(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted((jsonable(item) for item in value), key=dumps)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [jsonable(item) for item in value]
    return value


def rules_digest(*values: Any) -> str:
    """The digest of definitions: changes exactly when one of them does."""
    return digest("rules", dumps([jsonable(value) for value in values]))
