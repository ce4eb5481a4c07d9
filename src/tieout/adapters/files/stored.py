"""Bytes as stored -> the bytes that were meant: decompressed, and verified to the end."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tieout.errors import SourceError

CHUNK: Final = 1 << 20
_COMPRESSED_CHUNK: Final = 1 << 16
"""Smaller, since what comes out of it may be a thousand times as large."""
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE: Final = b"\x2a\x4d\x18"
_SUFFIXES: Final = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}


def compression_of(path: Path, configured: str, name: str) -> str:
    """`none`, `gzip` or `zstd`.

    Raises:
        SourceError: the name says that it is compressed, and the content does not.
    """
    if configured != "auto":
        return configured
    with path.open("rb") as stream:
        start = stream.read(4)
    if start[:2] == _GZIP:
        return "gzip"
    if start == _ZSTD or (start[1:] == _ZSTD_SKIPPABLE and start[:1] >= b"\x50"):
        return "zstd"
    by_name = next((kind for suffix, kind in _SUFFIXES.items() if path.name.endswith(suffix)), None)
    if by_name is not None and start:
        raise SourceError(
            f"{name} is named like {by_name}, but its bytes are not",
            where=name,
            hint="fetch it again; if it is not compressed, say `compression: none`",
        )
    return "none"


def without_suffix(name: str) -> str:
    """`trades.csv` for `trades.csv.gz`."""
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def read_stored(path: Path, compression: str, name: str) -> Iterator[bytes]:
    """The content in chunks.

    Raises:
        SourceError: compressed data is damaged or ends too early. It is raised at the end of
            the iteration at the latest, so only a finished iteration is the whole content.
    """
    with path.open("rb", buffering=0) as stream:
        if compression == "none":
            yield from iter(lambda: stream.read(CHUNK), b"")
        else:
            chunks = iter(lambda: stream.read(_COMPRESSED_CHUNK), b"")
            yield from _decompress(chunks, compression, name)


def _decompress(chunks: Iterator[bytes], compression: str, name: str) -> Iterator[bytes]:
    """Every member (gzip) or frame (zstd), one after the other; each must end properly."""
    start, damaged = _codec(compression)
    part, inside, number, taken = start(), False, 1, 0
    for chunk in chunks:
        taken += len(chunk)
        rest = chunk
        # Between gzip members and after the last there may be zeros as padding.
        while rest and (inside or compression != "gzip" or rest.strip(b"\x00")):
            try:
                yield part.decompress(rest)
            except damaged as error:
                raise SourceError(
                    f"{name} is damaged: its {compression} data cannot be read"
                    f" before byte {taken} ({error})",
                    where=f"{name}, {_part(compression)} {number}",
                    hint="fetch it again",
                ) from None
            inside, rest = not part.eof, part.unused_data
            if not inside:
                part, number = start(), number + 1
    if inside:
        raise SourceError(
            f"{name} is cut: its {compression} data ends in the middle, after byte {taken}",
            where=f"{name}, {_part(compression)} {number}",
            hint="fetch it again; nothing of it was used",
        )


def _part(compression: str) -> str:
    return "member" if compression == "gzip" else "frame"


def _codec(compression: str) -> tuple[Any, type[Exception]]:
    """What starts a part, and the error that it raises."""
    if compression == "gzip":
        return (lambda: zlib.decompressobj(wbits=31)), zlib.error
    import zstandard

    return (lambda: zstandard.ZstdDecompressor().decompressobj()), zstandard.ZstdError
