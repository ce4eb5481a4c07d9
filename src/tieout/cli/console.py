"""What reaches the terminal: lines, tables, errors and progress."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol, TextIO, TypeAlias

from tieout.errors import UsageError

PATIENCE: Final = 1.0
"""Seconds of work before a progress bar appears."""

_COLOURS: Final = {
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "dim": "2",
    "bold": "1",
}
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Options:
    """What was said before or between all commands.

    Attributes:
        quiet: nothing but errors on stderr.
    """

    quiet: bool = False


def plain_text(text: str) -> str:
    """`text` without what a terminal would act on: a trade id may hold anything."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def paint(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """`text` in colour where the stream is a terminal and NO_COLOR is not set."""
    target = stream or sys.stdout
    if not target.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\x1b[{';'.join(_COLOURS[style] for style in styles)}m{text}\x1b[0m"


def can_write(text: str) -> bool:
    """Whether stdout's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def out(text: str = "") -> bool:
    """Write a line of data. False where nobody reads any more (`| head`): stop writing then.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        sys.stdout.write(_writable(text, sys.stdout) + "\n")
    except BrokenPipeError:
        _discard()
        return False
    except OSError as error:
        raise _lost(error) from error
    return True


def note(text: str, options: Options) -> None:
    """A remark on stderr, unless quiet."""
    if not options.quiet:
        sys.stderr.write(_writable(text, sys.stderr) + "\n")


def say_error(text: str) -> None:
    """An error on stderr, also when quiet."""
    with suppress(UsageError):  # which may be the error
        end_output()
    label = paint("error:", "red", "bold", stream=sys.stderr)
    sys.stderr.write(_writable(f"{label} {_lines(text)}", sys.stderr) + "\n")


def warn(text: str, options: Options) -> None:
    """A warning on stderr, unless quiet."""
    note(f"{paint('warning:', 'yellow', stream=sys.stderr)} {_lines(text)}", options)


def end_output() -> None:
    """Write what is still buffered. Raises UsageError where it cannot be, and drops it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard()
    except OSError as error:
        raise _lost(error) from error


def _lost(error: OSError) -> UsageError:
    _discard()
    return UsageError(
        f"the output cannot be written: {error.strerror or error}",
        where="stdout",
        hint="free space where it goes; what the command did stays done",
    )


def _lines(text: str) -> str:
    return "\n".join(plain_text(line) for line in text.split("\n"))


def _writable(text: str, stream: TextIO) -> str:
    encoding = stream.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _discard() -> None:
    """Send what follows nowhere, so that the interpreter does not complain at its exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


Cell: TypeAlias = "str | Sequence[tuple[str, bool]]"
"""A text, or its pieces, each with whether it is to stand out."""


def table(header: Sequence[str], rows: Sequence[Sequence[Cell]], *, right: str = "") -> list[str]:
    """Lines of aligned columns. Cells are never cut.

    Args:
        right: one letter a column, `r` for those that are aligned on the right.
    """
    clean = [[_pieces(cell) for cell in row] for row in rows]
    widths = [
        max(len(name), *(_width(row[i]) for row in clean)) if clean else len(name)
        for i, name in enumerate(header)
    ]
    lines = [paint(_aligned([_pieces(name) for name in header], widths, right), "dim")]
    return lines + [_aligned(row, widths, right) for row in clean]


def _pieces(cell: Cell) -> list[tuple[str, bool]]:
    pieces = [(cell, False)] if isinstance(cell, str) else cell
    return [(plain_text(text), loud) for text, loud in pieces]


def _width(pieces: Sequence[tuple[str, bool]]) -> int:
    return sum(len(text) for text, _ in pieces)


def _aligned(cells: Sequence[list[tuple[str, bool]]], widths: Sequence[int], right: str) -> str:
    padded = []
    for i, (pieces, width) in enumerate(zip(cells, widths, strict=True)):
        text = "".join(paint(piece, "red", "bold") if loud else piece for piece, loud in pieces)
        blank = " " * (width - _width(pieces))
        padded.append(blank + text if right[i : i + 1] == "r" else text + blank)
    return "  ".join(padded).rstrip()


class Report(Protocol):
    """Told what is being done, and which share of it is done, where that is known."""

    def __call__(self, text: str, share: float | None = None, /) -> None: ...


@contextmanager
def progress(options: Options) -> Iterator[Report]:
    """A callback for (what is being done, share done or None); a bar once it takes a second.

    There is none where stderr is no terminal, or when quiet.
    """
    if options.quiet or not sys.stderr.isatty():
        yield lambda text, share=None: None
        return
    bar = _Bar()
    timer = threading.Timer(PATIENCE, bar.show)
    timer.daemon = True
    timer.start()
    try:
        yield bar.update
    finally:
        timer.cancel()
        timer.join()
        bar.hide()


class _Bar:
    """rich's progress bar, imported when it is first seen."""

    def __init__(self) -> None:
        self._text: str = "working"
        self._share: float | None = None
        self._rich: Any = None
        self._task: Any = None
        self._lock = threading.Lock()

    def show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(20))
        with self._lock:
            self._rich = Progress(
                *columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True
            )
            self._task = self._rich.add_task(self._text, total=None)
            self._rich.start()
        self.update(self._text, self._share)

    def update(self, text: str, share: float | None = None, /) -> None:
        with self._lock:
            self._text, self._share = text, share
            if self._rich is None:
                return
            total, done = (None, 0.0) if share is None else (1.0, share)
            self._rich.update(self._task, description=text, total=total, completed=done)

    def hide(self) -> None:
        with self._lock:
            if self._rich is not None:
                self._rich.stop()


def age(seconds: float) -> str:
    """`45s`, `2h14m`, `3d4h`: the two largest units."""
    whole = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return "".join(parts[:2])


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 break`, `2,000 breaks`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
