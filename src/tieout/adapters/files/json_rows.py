"""JSON and NDJSON, exactly: every number keeps the digits that were written.

Objects inside objects become columns with dots, `fee.amount`; arrays inside become JSON texts.
The columns are all that occur, in the order in which they first do; where there is no record,
those that would be read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

from tieout.adapters.cells import json_text
from tieout.adapters.files.delimited import Line, lines_of
from tieout.adapters.files.encoding import to_utf8
from tieout.adapters.files.locate import StoredFile
from tieout.adapters.files.settings import FileSettings
from tieout.adapters.files.stored import compression_of, read_stored
from tieout.core.read import RAW_LIMIT
from tieout.core.scan import BadRow, Batches, TextRow
from tieout.errors import SourceError

_BATCH: Final = 1_000

Element: TypeAlias = tuple[int | None, Any]
"""The line where a record stands, if that is known, and what was decoded."""


@dataclass(frozen=True, slots=True)
class _Fault:
    """What stands in the place of an object that cannot be a record."""

    reason: str
    raw: str


def json_batches(
    files: Sequence[StoredFile], settings: FileSettings, form: str
) -> tuple[Batches, tuple[str, ...]]:
    """The records of all files, and the names of files without any.

    Args:
        form: `json` or `ndjson`.

    Raises:
        SourceError: a file is cut, is not JSON, or has no array where its records should be.
    """
    read = _ndjson_elements if form == "ndjson" else _json_elements
    elements = [(file.name, read(file, settings)) for file in files]
    columns: dict[str, None] = {}
    empty = []
    for name, each in elements:
        some = False
        for _, decoded in each():
            some = True
            if isinstance(decoded, dict):
                columns.update(dict.fromkeys(_flat(decoded)))
        if not some:
            empty.append(name)
    if not columns and len(empty) < len(files):
        raise SourceError(
            f"no record of {elements[0][0]} is a JSON object",
            where=settings.name,
            hint="correct `format` or `record_path`",
        )
    names = tuple(name for name in columns if name)
    if len(empty) == len(files):
        names = tuple(sorted(settings.used or ()))
    return Batches(names, lambda: _batches(elements, names)), tuple(empty)


def _batches(
    elements: Sequence[tuple[str, Callable[[], Iterator[Element]]]], columns: tuple[str, ...]
) -> Iterator[list[TextRow | BadRow]]:
    rows: list[TextRow | BadRow] = []
    number = 0
    for place, read in elements:
        for line, decoded in read():
            number += 1
            rows.append(_row(decoded, columns, place, number, line))
            if len(rows) >= _BATCH:
                yield rows
                rows = []
    if rows:
        yield rows


def _row(
    decoded: Any, columns: tuple[str, ...], place: str, number: int, line: int | None
) -> TextRow | BadRow:
    if isinstance(decoded, _Fault):
        return BadRow(place, number, decoded.reason, decoded.raw[:RAW_LIMIT], line)
    cells = _flat(decoded)
    row = tuple([cells.get(name) for name in columns])
    if not all(cell is None or cell.isascii() or _is_unicode(cell) for cell in row):
        reason = "it has half of a surrogate pair, which is no character"
        return BadRow(place, number, reason, ascii(row)[:RAW_LIMIT], line)
    return TextRow(row, place, number, line)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, str | None]:
    cells: dict[str, str | None] = {}
    for key, value in record.items():
        name = prefix + key
        if isinstance(value, dict):
            cells.update(_flat(value, f"{name}."))
        elif value is None or isinstance(value, str):
            cells[name] = value
        elif isinstance(value, bool):
            cells[name] = "true" if value else "false"
        else:
            cells[name] = json_text(value)
    return cells


# Decoding


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """An object, or a fault where a key is there twice: which value counts, nobody knows."""
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        return _Fault(f"the key {twice!r} is there twice", json_text(pairs))
    for value in decoded.values():
        if isinstance(value, _Fault):
            return value
    return decoded


@cache
def _decoder(point: str) -> json.JSONDecoder:
    """Numbers stay text, with the decimal point of the texts beside them, for one reading reads
    both. NaN and infinities, which some writers emit, stay text too: the reading refuses them."""
    return json.JSONDecoder(
        object_pairs_hook=_object,
        parse_float=lambda number: number.replace(".", point),
        parse_int=str,
        parse_constant=str,
    )


def _record(decoded: Any) -> Any:
    if isinstance(decoded, dict | _Fault):
        return decoded
    return _Fault("it is no JSON object", json_text(decoded))


def _text(file: StoredFile, settings: FileSettings) -> Iterator[bytes]:
    compression = compression_of(file.path, settings.compression, file.name)
    chunks = to_utf8(read_stored(file.path, compression, file.name), settings.encoding, file.name)
    return (chunk for chunk in chunks if chunk)


def _ndjson_elements(file: StoredFile, settings: FileSettings) -> Callable[[], Iterator[Element]]:
    def read() -> Iterator[Element]:
        for line in lines_of(_text(file, settings)):
            if line.body.strip():
                yield line.number, _decode_line(line, decoder)

    decoder = _decoder(settings.numbers.point)
    return read


def _decode_line(line: Line, decoder: json.JSONDecoder) -> Any:
    text = line.body.decode()
    try:
        return _record(decoder.decode(text))
    except json.JSONDecodeError as error:
        return _Fault(f"it is not JSON: {error.msg} at character {error.pos + 1}", text)
    except RecursionError:
        return _Fault("it is nested too deeply", text)


def _json_elements(file: StoredFile, settings: FileSettings) -> Callable[[], Iterator[Element]]:
    """All records at once: a JSON array is whole or nothing."""
    if file.path.stat().st_size == 0:
        raise SourceError(
            f"{file.name} is empty",
            where=settings.name,
            hint="fetch it again; a day without records is `[]` and `allow_empty: true`",
        )
    text = b"".join(_text(file, settings)).decode()
    try:
        found = _at_path(_decoder(settings.numbers.point).decode(text.strip()), settings, file.name)
    except json.JSONDecodeError as error:
        extra = error.msg == "Extra data"
        cut = text[error.pos :].strip() == ""
        raise SourceError(
            f"{file.name} is {'cut' if cut else 'not JSON'}: {error.msg}",
            where=f"{file.name}:{error.lineno}:{error.colno}",
            hint="if each line is a record, say `format: ndjson`" if extra else "fetch it again",
        ) from None
    except RecursionError:
        raise SourceError(f"{file.name} is nested too deeply", where=settings.name) from None
    records = [(None, _record(each)) for each in found]
    return lambda: iter(records)


def _at_path(decoded: Any, settings: FileSettings, name: str) -> list[Any]:
    """The array at `record_path`. An object of objects is taken too, with its keys as `key`."""
    for key in settings.record_path:
        if not isinstance(decoded, dict) or key not in decoded:
            keys = ", ".join(map(repr, decoded)) if isinstance(decoded, dict) else "none"
            raise SourceError(
                f"{name} has no key {key!r}; there are: {keys}",
                where=f"{settings.name}: record_path",
            )
        decoded = decoded[key]
    if isinstance(decoded, list):
        return decoded
    if isinstance(decoded, dict) and settings.record_path:
        if all(isinstance(value, dict) for value in decoded.values()):
            return [{"key": key, **value} for key, value in decoded.items()]
    if isinstance(decoded, _Fault):
        raise SourceError(f"{name}: {decoded.reason}", where=settings.name)
    arrays = (
        [key for key, value in decoded.items() if isinstance(value, list | dict)]
        if isinstance(decoded, dict)
        else []
    )
    raise SourceError(
        f"{name} has no array of records",
        where=f"{settings.name}: record_path",
        hint=f"say where it is: `record_path: [{arrays[0]}]`" if arrays else "correct `format`",
    )
