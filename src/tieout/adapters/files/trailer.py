"""The last line of a file that says what the file should hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from tieout.adapters.files.delimited import Line, read_delimited
from tieout.adapters.files.settings import FileSettings
from tieout.core.money import add
from tieout.core.scan import Controls, DelimitedFiles, Part
from tieout.core.text import Unreadable, parse_decimal
from tieout.errors import SourceError


class Trailer:
    """Takes the trailer from the end of a file's lines, and reads it.

    Attributes:
        controls: what the trailer says, once the lines were read to the end; `stored` is its
            row count.
    """

    def __init__(self, settings: FileSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._where = f"{settings.name}: {name}"
        try:
            self._pattern = re.compile(settings.trailer)
        except re.error as error:
            raise SourceError(
                f"the pattern of the trailer is no regular expression: {error}",
                where=f"{settings.name}: trailer",
            ) from None
        self.controls = Controls()

    def take(self, lines: Iterator[Line]) -> Iterator[bytes]:
        """The lines before the trailer, which is the last one that is not blank.

        Raises:
            SourceError: the last line is no trailer: the file may be cut.
        """
        held: list[Line] = []  # the last line that is not blank, and the blank ones after it
        for line in lines:
            if line.body and held:
                yield from (each.content for each in held)
                held.clear()
            held.append(line)
        text = next((line.body.decode() for line in held if line.body), "")
        self.controls = self._read(text.strip())

    def _read(self, text: str) -> Controls:
        match = self._pattern.fullmatch(text)
        if match is None:
            raise SourceError(
                f"{self._name} does not end with its trailer: it may be cut",
                where=self._where,
                hint=f"fetch it again; its last line is {text[:80]!r},"
                f" expected was {self._settings.trailer!r}",
            )
        totals = {
            name: self._number(name, cell)
            for name, cell in match.groupdict().items()
            if cell is not None
        }
        rows = totals.pop("rows", None)
        if rows is not None and (rows != rows.to_integral_value() or rows < 0):
            raise SourceError(f"the trailer's row count is {rows}", where=self._where)
        return Controls(totals=totals, stored=None if rows is None else int(rows))

    def _number(self, name: str, cell: str) -> Decimal:
        try:
            return parse_decimal(cell.strip(), self._settings.numbers)
        except Unreadable as why:
            raise SourceError(
                f"the trailer's {name} cannot be read: {why}", where=self._where
            ) from None


def parts_of(files: DelimitedFiles, trailers: Sequence[Controls]) -> tuple[Part, ...]:
    """What each of several files should hold, and which records are in it."""
    if len(trailers) < 2:
        return ()
    parts, last = [], 0
    for path, name, says in zip(files.paths, files.names, trailers, strict=True):
        alone = replace(files, paths=(path,), names=(name,))
        first, last = last + 1, last + sum(map(len, read_delimited(alone)))
        parts.append(Part(name, first, last, says.stored, says.totals))
    return tuple(parts)


def merge(configured: Controls, trailers: Sequence[Controls], where: str) -> Controls:
    """Configured controls, and the sum of the trailers'.

    Raises:
        SourceError: they contradict each other.
    """
    if not trailers:
        return configured
    counts = [each.stored for each in trailers if each.stored is not None]
    stored = sum(counts) if counts else None
    totals: dict[str, Decimal] = {}
    for each in trailers:
        for name, value in each.totals.items():
            totals[name] = add(totals[name], value) if name in totals else value
    for name, value in configured.totals.items():
        if totals.setdefault(name, value) != value:
            raise SourceError(
                f"the trailer's total of {name} is {totals[name]}, the configuration expects"
                f" {value}",
                where=where,
                hint="correct `controls`, or leave the total to the trailer",
            )
    return replace(configured, totals=totals, stored=stored)
