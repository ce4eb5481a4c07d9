"""Configured paths -> the files that are there now."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import date
from glob import has_magic
from pathlib import Path
from typing import Final

from tieout.adapters.files.settings import FileSettings
from tieout.errors import SourceError, SourceMissing

_DATE: Final = re.compile(r"\{business_date(?::([^{}]*))?\}")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it is stored: where it is, and the name that a person knows it by."""

    path: Path
    name: str


def locate(settings: FileSettings, business_date: date) -> tuple[StoredFile, ...]:
    """All files of the source, in the order of `paths`, those of one glob sorted by name.

    Raises:
        SourceMissing: a file is not there, or a glob matches none.
        SourceError: a path is a directory, or something else that is no file.
    """
    base = settings.base or Path()
    where = f"{settings.name}, business date {business_date}"
    found: dict[Path, StoredFile] = {}
    for pattern in settings.paths:
        name = _DATE.sub(lambda match: _dated(match, business_date), pattern)
        for path in _matches(base, name, where):
            _check(path, where)
            shown = path if Path(name).is_absolute() else path.relative_to(base)
            found.setdefault(path.resolve(), StoredFile(path, str(shown)))
    return tuple(found.values())


def _dated(match: re.Match[str], business_date: date) -> str:
    form = match.group(1)
    return business_date.strftime(form) if form else business_date.isoformat()


def _matches(base: Path, name: str, where: str) -> list[Path]:
    path = base / name
    if not has_magic(name) or path.exists():
        return [path]
    root = Path(path.anchor) if Path(name).is_absolute() else base
    hidden = path.name.startswith(".")
    files = sorted(
        match
        for match in root.glob(str(path.relative_to(root)))
        if not match.is_dir() and match.name.startswith(".") is hidden
    )
    if not files:
        raise SourceMissing(f"no file matches {name!r}", where=where, hint=_nearest(path))
    return files


def _check(path: Path, where: str) -> None:
    if not path.exists():
        raise SourceMissing(f"there is no file {str(path)!r}", where=where, hint=_nearest(path))
    if path.is_dir():
        raise SourceError(
            f"{str(path)!r} is a directory",
            where=where,
            hint=f"name the files in it: `path: {path / '*.csv'}`",
        )
    if not path.is_file():
        raise SourceError(f"{str(path)!r} is no regular file", where=where, hint="copy it to one")


def _nearest(path: Path) -> str:
    """The existing names, hidden ones apart, that come nearest to a path that does not exist."""
    folder = path.parent
    while not folder.is_dir() and folder != folder.parent:
        path, folder = folder, folder.parent
    try:
        names = sorted(each.name for each in folder.iterdir() if not each.name.startswith("."))
    except OSError:
        return f"look into {str(folder)!r}"
    if not names:
        return f"{str(folder)!r} is empty"
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    if near:
        return f"in {str(folder)!r} there is: {', '.join(near)}"
    return f"in {str(folder)!r} there is: {', '.join(names[:5])}{', …' if names[5:] else ''}"
