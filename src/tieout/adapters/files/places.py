"""Where a record stands in its file: its line and byte offset, found when somebody asks.

An engine that reads a file in parallel knows a record's number only. Most of a file is skipped
here by counting line ends; only around quotes and blank lines are records taken apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from tieout.adapters.files.delimited import lines_of, split_records
from tieout.core.scan import DelimitedFiles

_CHUNK: Final = 1 << 20


def places(files: DelimitedFiles, rows: Collection[int]) -> dict[int, tuple[int, int]]:
    """The line and the byte offset inside its file of each of `rows`, by row.

    Args:
        rows: numbers of records, counted from 1 over all files.
    """
    found: dict[int, tuple[int, int]] = {}
    last, done = max(rows, default=0), 0
    for path in files.paths:
        if done >= last:
            break
        with Path(path).open("rb") as stream:
            for number, line, offset in _records(stream, files, done, frozenset(rows)):
                done = number
                if number in rows:
                    found[number] = (line, offset)
                if number >= last:
                    break
    return found


def _records(
    stream: BinaryIO, files: DelimitedFiles, done: int, rows: frozenset[int]
) -> Iterator[tuple[int, int, int]]:
    """(number, line, offset) of records; of those that nobody wants, only some."""
    line = offset = 0
    for _ in range(files.dialect.skip):
        offset += len(stream.readline())
        line += 1
    quote = files.dialect.quote.encode()
    while chunk := stream.read(_CHUNK):
        chunk += stream.readline()
        if not _is_simple(chunk, quote):
            stream.seek(offset)
            yield from _taken_apart(stream, files, done, line, offset)
            return
        count = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
        if rows.isdisjoint(range(done + 1, done + count + 1)):
            yield done + count, line + count, offset
        else:
            at = offset
            for index, content in enumerate(chunk.splitlines(keepends=True), start=1):
                yield done + index, line + index, at
                at += len(content)
        done, line, offset = done + count, line + count, offset + len(chunk)


def _is_simple(chunk: bytes, quote: bytes) -> bool:
    """Each of its lines is a record."""
    if quote and quote in chunk:
        return False
    if chunk.count(b"\r") != chunk.count(b"\r\n"):
        return False
    blank = b"\n\n" in chunk or b"\n\r\n" in chunk
    return not blank and not chunk.startswith((b"\n", b"\r"))


def _taken_apart(
    stream: BinaryIO, files: DelimitedFiles, done: int, line: int, offset: int
) -> Iterator[tuple[int, int, int]]:
    lines = lines_of(iter(partial(stream.read, _CHUNK), b""))
    splits = split_records(lines, files.dialect, len(files.columns))
    for number, split in enumerate(splits, start=done + 1):
        yield number, line + split.first.number, offset + split.first.offset
