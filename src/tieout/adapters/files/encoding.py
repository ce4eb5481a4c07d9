"""Text in any encoding -> UTF-8 without a byte order mark, strictly."""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Iterator
from typing import Final

from tieout.errors import SourceError

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks. UTF-32's come first, since UTF-16's little one is their beginning."""

_LONGEST_MARK: Final = 4


def detect(start: bytes, configured: str, name: str) -> tuple[str, int]:
    """The codec, and how many bytes its byte order mark takes.

    A mark is never content: it is cut off where it fits the configured encoding as well.

    Raises:
        SourceError: there is no such encoding.
    """
    marked = next(((codec, len(mark)) for mark, codec in _MARKS if start.startswith(mark)), None)
    if configured == "auto":
        return marked or ("utf-8", 0)
    try:
        codec = codecs.lookup(configured).name
    except LookupError:
        raise SourceError(
            f"there is no encoding {configured!r}",
            where=f"{name}: encoding",
            hint="say auto, utf-8, utf-16, cp1252, latin-1 or another name that Python knows",
        ) from None
    if codec == "utf-8-sig":
        codec = "utf-8"
    if marked and marked[0].startswith(codec):  # `utf-16` leaves the order of bytes to the mark
        return marked
    return codec, 0


def to_utf8(chunks: Iterator[bytes], configured: str, name: str) -> Iterator[bytes]:
    """The same text as UTF-8 without a mark.

    Raises:
        SourceError: bytes that the encoding does not have, with their offset.
    """
    start = b""
    while len(start) < _LONGEST_MARK and (chunk := next(chunks, None)) is not None:
        start += chunk
    codec, mark = detect(start, configured, name)
    decoder = codecs.getincrementaldecoder(codec)("strict")
    offset = mark
    for chunk in itertools.chain((start[mark:],), chunks):
        pending = decoder.getstate()[0]
        if codec in ("utf-8", "ascii") and not pending and chunk.isascii():
            yield chunk  # by far the most frequent case, and much faster
        else:
            yield _decode(decoder, chunk, offset - len(pending), name)
        offset += len(chunk)
    pending = decoder.getstate()[0]
    yield _decode(decoder, b"", offset - len(pending), name, final=True)


def _decode(
    decoder: codecs.IncrementalDecoder,
    chunk: bytes,
    offset: int,
    name: str,
    *,
    final: bool = False,
) -> bytes:
    """`chunk` as UTF-8, which starts (with what is pending of the one before) at `offset`."""
    try:
        return decoder.decode(chunk, final).encode()
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        what = f"is not valid {error.encoding}: byte 0x{byte:02x} at offset {offset + error.start}"
    except UnicodeError as error:
        what = f"cannot be decoded near byte {offset}: {error}"
    raise SourceError(
        f"{name} {what}",
        where=f"{name}: encoding",
        hint="say how it is encoded, e.g. `encoding: cp1252`",
    )
