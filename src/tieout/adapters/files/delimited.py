"""The exact reader of delimited text: the truth on where records and cells begin and end.

1. A physical line ends with LF, CR LF or CR; the last one may end without. Blank lines are no
   records, and are counted as lines.
2. A cell that starts with a quote ends at the next single quote; two quotes are one, and
   delimiters and line ends inside are content. Elsewhere a quote is an ordinary character.
3. A record with another number of cells than the header, with text after a closing quote, or with
   a quote that is not closed (within RECORD_LIMIT bytes) is a `BadRow`. Where such a record
   spans several lines only the first is lost: reading goes on with the next line, so that one
   stray quote does not swallow the good records after it.
4. Cells are not stripped; an empty cell is the empty text.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tieout.core.read import RAW_LIMIT
from tieout.core.scan import BadRow, DelimitedFiles, Dialect, TextRow

RECORD_LIMIT: Final = 2_000_000
"""Bytes of the longest record; DuckDB has the same limit."""

_CHUNK: Final = 1 << 20
_BATCH: Final = 2_000


class Line(NamedTuple):
    """A physical line with its end, its number from 1 and its byte offset."""

    number: int
    offset: int
    content: bytes

    @property
    def body(self) -> bytes:
        return self.content.rstrip(b"\r\n")


class Split(NamedTuple):
    """A record that was split, or why it could not be.

    Attributes:
        first, last: its physical lines.
        fault: what is wrong; `cells` are then empty.
    """

    first: Line
    last: Line
    cells: tuple[str, ...] = ()
    fault: str | None = None


def read_delimited(
    files: DelimitedFiles, *, batch: int = _BATCH
) -> Iterator[list[TextRow | BadRow]]:
    """All records of all files, in order.

    `row` counts the records of all files from 1, bad ones included. `line` and `offset` are
    inside the file at `place`.

    Args:
        batch: records in one list.
    """
    rows: list[TextRow | BadRow] = []
    number = 0
    for path, place in zip(files.paths, files.names or files.paths, strict=True):
        with Path(path).open("rb") as stream:
            lines = _between(lines_of(iter(partial(stream.read, _CHUNK), b"")), files.dialect)
            for split in split_records(lines, files.dialect, len(files.columns)):
                number += 1
                rows.append(_row(split, place, number))
                if len(rows) >= batch:
                    yield rows
                    rows = []
    if rows:
        yield rows


def _row(split: Split, place: str, number: int) -> TextRow | BadRow:
    line = split.first
    if split.fault is None:
        return TextRow(split.cells, place, number, line.number)
    raw = line.body[: 4 * RAW_LIMIT].decode("utf-8", "replace")
    raw = raw if len(raw) <= RAW_LIMIT else raw[:RAW_LIMIT] + "…"
    return BadRow(place, number, split.fault, raw, line.number, line.offset)


def lines_of(chunks: Iterable[bytes]) -> Iterator[Line]:
    """Physical lines, blank ones included."""
    number, offset, rest = 0, 0, b""
    for chunk in chunks:
        contents = (rest + chunk).splitlines(keepends=True)
        rest = b""
        if not contents[-1].endswith(b"\n"):  # perhaps cut inside a line, or between CR and LF
            rest = contents.pop()
        for content in contents:
            number += 1
            yield Line(number, offset, content)
            offset += len(content)
    if rest:
        yield Line(number + 1, offset, rest)


def _between(lines: Iterator[Line], dialect: Dialect) -> Iterator[Line]:
    """Without the lines before the first record and after the last one."""
    held: deque[Line] = deque()
    for line in lines:
        if line.number > dialect.skip:
            held.append(line)
            if len(held) > dialect.trailer:
                yield held.popleft()


def split_records(
    lines: Iterator[Line], dialect: Dialect, columns: int | None = None
) -> Iterator[Split]:
    """Records of UTF-8 lines, blank lines left out.

    Args:
        columns: how many cells a record must have; any number where None.
    """
    delimiter, quote = dialect.delimiter.encode(), dialect.quote.encode()
    ahead: deque[Line] = deque()
    while (first := ahead.popleft() if ahead else next(lines, None)) is not None:
        body = first.body
        if not body:
            continue
        if not quote or quote not in body:
            yield _finish(first, first, body.split(delimiter), columns)
            continue
        record, taken = _Record(dialect), [first]
        record.feed(first.content)
        while record.inside and first.offset + RECORD_LIMIT > taken[-1].offset:
            line = ahead.popleft() if ahead else next(lines, None)
            if line is None:
                break
            taken.append(line)
            record.feed(line.content)
        split = _finish(first, taken[-1], record.cells, columns, record.why())
        if split.fault is not None:
            ahead.extendleft(reversed(taken[1:]))
        yield split


def _finish(
    first: Line, last: Line, cells: list[bytes], columns: int | None, fault: str | None = None
) -> Split:
    if fault is None and columns is not None and len(cells) != columns:
        plural = "" if len(cells) == 1 else "s"
        fault = f"it has {len(cells)} cell{plural}, but the header has {columns}"
        if first is not last:
            fault += "; a quote in it may not be closed"
    if fault is None:
        try:
            return Split(first, last, tuple([cell.decode() for cell in cells]))
        except UnicodeDecodeError:
            fault = "its bytes are not valid UTF-8"
    return Split(first, first, fault=fault)


class _Record:
    """A record with quotes, fed line by line.

    Attributes:
        cells: those that are complete.
        inside: a quote is open at the end of what was fed.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._delimiter = dialect.delimiter.encode()
        self._quote = dialect.quote.encode()
        self._escape = dialect.escape.encode()
        special = {re.escape(self._quote), re.escape(self._escape or self._quote)}
        self._special = re.compile(b"|".join(special))
        self._pieces: list[bytes] = []
        self._fault: str | None = None
        self.cells: list[bytes] = []
        self.inside = False

    def why(self) -> str | None:
        """What is wrong with the record, if anything is."""
        if self.inside:
            return "a quote is opened and not closed"
        return self._fault

    def feed(self, line: bytes) -> None:
        position: int | None = 0
        while position is not None:
            if self.inside:
                position = self._quoted(line, position)
            elif line.startswith(self._quote, position):
                self.inside, position = True, position + len(self._quote)
            else:
                position = self._plain(line, position)

    def _plain(self, line: bytes, start: int) -> int | None:
        """Take an unquoted cell. The start of the next one, or None after the last."""
        end = line.find(self._delimiter, start)
        if end < 0:
            self.cells.append(line[start:].rstrip(b"\r\n"))
            return None
        self.cells.append(line[start:end])
        return end + len(self._delimiter)

    def _quoted(self, line: bytes, start: int) -> int | None:
        """Take what is inside quotes, as far as the line goes. As `_plain`."""
        found = self._special.search(line, start)
        if found is None:
            self._pieces.append(line[start:])
            return None
        self._pieces.append(line[start : found.start()])
        after = found.end()
        if found.group() == self._escape and (
            self._escape != self._quote or line.startswith(self._quote, after)
        ):
            self._pieces.append(line[after : after + 1])
            return after + 1
        self.inside = False
        self.cells.append(b"".join(self._pieces))
        self._pieces.clear()
        if line.startswith(self._delimiter, after):
            return after + len(self._delimiter)
        if line[after:].strip(b"\r\n"):
            self._fault = "text follows a closing quote"
        return None
