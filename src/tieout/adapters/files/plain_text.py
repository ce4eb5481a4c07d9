"""Delimited files in any form -> plain UTF-8 files that an engine may read by itself.

A plain file stays where it is. Any other is copied: decompressed, verified to its end,
transcoded; comments become blank lines and the trailer is taken off, so that the lines of the
copy have the numbers of the original's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from tieout.adapters.files.delimited import Line, lines_of
from tieout.adapters.files.encoding import detect, to_utf8
from tieout.adapters.files.header import Header, read_header
from tieout.adapters.files.locate import StoredFile
from tieout.adapters.files.settings import FileSettings
from tieout.adapters.files.stored import compression_of, read_stored, without_suffix
from tieout.adapters.files.trailer import Trailer
from tieout.core.scan import Controls
from tieout.errors import SourceError


@dataclass(frozen=True, slots=True)
class PlainText:
    """A UTF-8 file without byte order mark, its header, and what its trailer says."""

    path: Path
    name: str
    header: Header
    trailer: Controls | None


def as_plain_text(
    file: StoredFile, settings: FileSettings, folder: Callable[[], Path]
) -> PlainText:
    """The file itself where it is plain, else a copy in `folder()`.

    Raises:
        SourceError: it is cut, damaged, not in its encoding, without its header or its trailer.
    """
    compression = compression_of(file.path, settings.compression, file.name)
    content = read_stored(file.path, compression, file.name)
    text = to_utf8(content, settings.encoding, file.name)
    trailer = Trailer(settings, file.name) if settings.trailer else None
    if _is_plain(file, compression, settings):
        for _ in text:
            pass  # every byte is checked, so that an engine meets no surprise
        path = file.path
    else:
        path = _copy(_without_extras(text, settings, trailer), file, folder())
    header = read_header(path, settings, file.name)
    return PlainText(path, file.name, header, trailer.controls if trailer else None)


def _is_plain(file: StoredFile, compression: str, settings: FileSettings) -> bool:
    with file.path.open("rb") as stream:
        encoding, mark = detect(stream.read(4), settings.encoding, file.name)
    return (
        compression == "none"
        and encoding in ("utf-8", "ascii")
        and not mark
        and not settings.comment
        and not settings.trailer
        and not has_magic(str(file.path))  # engines take such a path for a pattern
        and without_suffix(file.path.name) == file.path.name  # and this one for a compressed file
    )


def _copy(chunks: Iterator[bytes], file: StoredFile, folder: Path) -> Path:
    name = without_suffix(file.path.name)
    for character in "*?[]":
        name = name.replace(character, "_")
    path = Path(tempfile.mkdtemp(dir=folder)) / name
    with path.open("wb") as stream:
        try:
            stream.writelines(chunks)
        except OSError as error:
            raise SourceError(
                f"{file.name} cannot be copied to a temporary file: {error.strerror}",
                where=str(folder),
                hint="point TMPDIR to a directory with enough space",
            ) from error
    return path


def _without_extras(
    text: Iterator[bytes], settings: FileSettings, trailer: Trailer | None
) -> Iterator[bytes]:
    if trailer is None and not settings.comment:
        return text
    lines = lines_of(chunk for chunk in text if chunk)
    if settings.comment:
        lines = _without_comments(lines, settings)
    return trailer.take(lines) if trailer else (line.content for line in lines)


def _without_comments(lines: Iterator[Line], settings: FileSettings) -> Iterator[Line]:
    """Comments as blank lines. A line inside an open quote is content, whatever it looks like."""
    comment, quote = settings.comment.encode(), settings.quote.encode()
    inside = False
    for line in lines:
        if not inside and line.content.startswith(comment):
            yield line._replace(content=line.content[len(line.body) :])
            continue
        if quote and line.content.count(quote) % 2:
            inside = not inside
        yield line
