"""Files as a source. The readers of a format are imported where a file has it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from tieout.adapters import scratch
from tieout.adapters.files.header import SAME_COLUMNS
from tieout.adapters.files.locate import StoredFile, locate
from tieout.adapters.files.proof import Digests, Proof
from tieout.adapters.files.settings import FileSettings
from tieout.adapters.files.stored import without_suffix
from tieout.core.physical import Physical
from tieout.core.scan import (
    Controls,
    DelimitedFiles,
    Dialect,
    ParquetFiles,
    Rows,
    Scan,
)
from tieout.errors import SourceError

if TYPE_CHECKING:
    from tieout.adapters.files.plain_text import PlainText

_SUFFIXES: Final = {
    ".csv": "csv",
    ".txt": "csv",
    ".dat": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".xlsx": "xlsx",
}
_NAMED: Final = 5
"""Files that an error names, of many."""

_MAGICS: Final = {b"PAR1": "parquet", b"PK\x03\x04": "xlsx"}


@dataclass(frozen=True, slots=True)
class Content:
    """What the files of a source hold.

    Attributes:
        empty: the names of files without a record, where that is known before the scan.
        headed: a file without a record still says what its columns are.
    """

    rows: Rows
    controls: Controls
    empty: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    headed: bool = True


class FileSource:
    """One or more files. Close it after the engine is done: that removes temporary copies.

    Args:
        digests: those of its files that were begun before.
    """

    def __init__(self, settings: FileSettings, digests: Digests | None = None) -> None:
        self._settings = settings
        self._digests = digests or Digests()
        self._folder: Path | None = None
        self._cleanup: weakref.finalize[[str, bool], FileSource] | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    def scan(self, *, business_date: date) -> Scan:
        """Find the files, verify them, and say how to read them.

        Raises:
            SourceMissing: a file is not there, or a pattern matches none.
            SourceError: a file is empty, cut, damaged or not what the configuration says.
        """
        settings = self._settings
        try:
            proof = Proof(settings.name, locate(settings, business_date), self._digests)
            content, rows = self._content(proof.distinct)
        except OSError as error:
            raise SourceError(
                f"{error.filename or settings.name} cannot be read: {error.strerror or error}",
                where=f"{settings.name}, business date {business_date}",
                hint="check the permissions: `ls -l` shows them",
            ) from error
        holiday = settings.is_holiday is not None and settings.is_holiday(business_date)
        controls = content.controls
        allow_empty = settings.allow_empty or holiday or 0 in (controls.rows, controls.stored)
        if content.empty and not allow_empty:
            raise _nothing(content, f"{settings.name}, business date {business_date}")
        return Scan(
            settings.name,
            content.rows,
            inputs=lambda: proof.inputs(rows),
            controls=content.controls,
            allow_empty=allow_empty,
            notes=(*proof.notes(), *content.notes),
        )

    def _content(self, files: Sequence[StoredFile]) -> tuple[Content, dict[Path, int]]:
        settings = self._settings
        form = _format(settings, files)
        if form == "parquet":
            from tieout.adapters.files.parquet import read_parquet_files

            parquet, rows = read_parquet_files(files, self._scratch, settings.name)
            empty = tuple(file.name for file in files if not rows[file.path])
            return Content(parquet, settings.controls, empty, _float_notes(parquet, settings)), rows
        if form in ("csv", "tsv"):
            return self._delimited(files, replace(settings, format=form)), {}
        if form == "xlsx":
            from tieout.adapters.files.xlsx import xlsx_batches

            sheets, empty = xlsx_batches(files, settings)
            return Content(sheets, settings.controls, empty, _xlsx_notes(settings)), {}
        from tieout.adapters.files.json_rows import json_batches

        records, empty = json_batches(files, settings, form)
        return Content(records, settings.controls, empty, headed=False), {}

    def _delimited(self, files: Sequence[StoredFile], settings: FileSettings) -> Content:
        from tieout.adapters.files.plain_text import as_plain_text
        from tieout.adapters.files.trailer import merge, parts_of

        texts = [as_plain_text(file, settings, self._scratch) for file in files]
        first = texts[0]
        for text in texts[1:]:
            _check_same(first, text, settings.name)
        trailers = [text.trailer for text in texts if text.trailer is not None]
        rows = DelimitedFiles(
            tuple(str(text.path) for text in texts),
            first.header.columns,
            first.header.dialect,
            tuple(text.name for text in texts),
        )
        controls = merge(settings.controls, trailers, settings.name)
        return Content(
            rows,
            replace(controls, parts=parts_of(rows, trailers)),
            tuple(text.name for text in texts if not text.header.rows and not _says_none(text)),
        )

    def _scratch(self) -> Path:
        """The directory for temporary copies; it is removed with the source at the latest."""
        if self._folder is None:
            folder = tempfile.mkdtemp(prefix=scratch.prefix())
            self._folder = Path(folder)
            self._cleanup = weakref.finalize(self, shutil.rmtree, folder, True)
        return self._folder

    def close(self) -> None:
        """Remove temporary copies."""
        if self._cleanup is not None:
            self._cleanup()
        self._folder = self._cleanup = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _format(settings: FileSettings, files: Sequence[StoredFile]) -> str:
    """The one format of all files, by their suffixes, then by their first bytes."""
    if settings.format != "auto":
        return settings.format
    forms = {file.name: _format_of(file) for file in files}
    if len(set(forms.values())) > 1:
        listed = ", ".join(f"{name} is {form}" for name, form in list(forms.items())[:4])
        raise SourceError(
            f"the files have several formats: {listed}",
            where=settings.name,
            hint="files of one source have one format, and a side is one source: have them exported"
            " alike, or merge them into one file before the run",
        )
    return next(iter(forms.values()))


def _format_of(file: StoredFile) -> str:
    suffix = Path(without_suffix(file.path.name)).suffix.lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    with file.path.open("rb") as stream:
        return _MAGICS.get(stream.read(4), "csv")


def _nothing(content: Content, where: str) -> SourceError:
    """What is wrong with files without a record. Only JSON has no header to show that they are
    whole."""
    names = _some(content.empty)
    hint = "if a day without records is normal, say `allow_empty: true`"
    if content.headed:
        return SourceError(f"{names}: a header without records", where=where, hint=hint)
    return SourceError(f"{names}: there is no record", where=where, hint=f"fetch it again; {hint}")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _says_none(text: PlainText) -> bool:
    return text.trailer is not None and text.trailer.stored == 0


def _check_same(first: PlainText, other: PlainText, where: str) -> None:
    """All files of a source are written in the same way."""
    for mine, theirs in zip_longest(first.header.columns, other.header.columns):
        if mine != theirs:
            raise SourceError(
                f"the columns differ: {first.name} has {mine!r} where {other.name} has {theirs!r}",
                where=where,
                hint=SAME_COLUMNS,
            )
    if first.header.dialect != other.header.dialect:
        raise SourceError(
            f"{first.name} and {other.name} are written differently:"
            f" {_said(first.header.dialect)}, {_said(other.header.dialect)}",
            where=where,
            hint="files of one source are written alike, and a side is one source: have them"
            " exported alike, or merge them into one file before the run",
        )


def _said(dialect: Dialect) -> str:
    return f"delimiter {dialect.delimiter!r}, first record after line {dialect.skip}"


def _xlsx_notes(settings: FileSettings) -> tuple[str, ...]:
    if settings.floats == "refuse":
        return ()
    return ("XLSX stores binary floats: numbers are read as their shortest decimals",)


def _float_notes(files: ParquetFiles, settings: FileSettings) -> tuple[str, ...]:
    floats = [
        name
        for name, type_ in zip(files.columns, files.types, strict=True)
        if type_ == Physical.FLOAT and (settings.used is None or name in settings.used)
    ]
    if not floats or settings.floats != "shortest":
        return ()
    return (f"binary floats are read as their shortest decimals: {', '.join(floats)}",)
