"""Every error that Tieout raises on purpose, as one tree.

    TieoutError
      UsageError            the command line or a call of the Python API is wrong
        MissingExtra        an optional dependency is not installed
      ConfigError           the YAML file is wrong; carries every problem found
      SourceError           a source could not be read: never "no records"
        SourceMissing       it is not there (yet)
        MatchLogLost        the log of an earlier run's matches is gone, altered or outdated
        VenueError          an exchange's API did not give an answer that can be used
          VenueTimeout      it gave none in time
          VenueRateLimited  it asks to wait: a rate limit, maintenance
          VenueRefused      it refuses the credentials: nobody tries again before a person has
          VenueMalformed    it answered, but not what it answers when all is well
          VenueUnsupported  it has no such thing to ask
      CalculationError      a number cannot be worked out: a position without an opening entry
      RecoveryError         what a crash or a lost connection left open cannot be made good
      EngineError           the engine could not finish: out of memory, or a bug
      StoreError            the store cannot be used
        StoreOutdated       its schema is older or newer than this program
        RunSuperseded       another run of the reconciliation came between
        LeaseLost           another process runs this monitor now
        JournalConflict     an entry is there already, and says something else

Bad *records* are not errors: they are `tieout.core.model.Quarantined` values.
Each error says what is wrong, where, and the next command to try.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

SHOWN_AT_A_PLACE: Final = 5
"""Problems that a message names one by one, of those at one place: a table may have very many."""


class TieoutError(Exception):
    """Base of all expected failures.

    Args:
        what: what is wrong, as one sentence without a final full stop.
        where: file, line, field or venue.
        hint: the next command or edit to try.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  --> {self.where}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class UsageError(TieoutError):
    """The command line or a call of the Python API is wrong."""


class MissingExtra(UsageError):
    """A feature needs an optional dependency that is not installed."""

    def __init__(self, extra: str, feature: str) -> None:
        super().__init__(
            f"{feature} needs an optional dependency that is not installed",
            hint=f"pip install 'tieout[{extra}]', or in a clone: pip install -e '.[{extra}]'",
        )
        self.extra = extra


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a configuration file. Lines and columns count from 1."""

    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    excerpt: str | None = None
    hint: str | None = None


class ConfigError(TieoutError):
    """The configuration is wrong. All problems are reported at once, and nothing was started.

    `problems` has them all; the message has the first few of those at one place, such as the
    lines of a table that the configuration names.
    """

    def __init__(self, problems: tuple[Problem, ...], *, file: str | None = None) -> None:
        self.problems = problems
        self.file = file
        super().__init__("\n".join(_rendered(problems, file)))

    def __str__(self) -> str:
        count = len(self.problems)
        return f"{self.what}\n{count:,} problem{'s' if count != 1 else ''}; nothing was started."


def _rendered(problems: Sequence[Problem], file: str | None) -> Iterator[str]:
    there = Counter((problem.path, problem.line, problem.column) for problem in problems)
    shown: Counter[tuple[str, int | None, int | None]] = Counter()
    for problem in problems:
        place = problem.path, problem.line, problem.column
        shown[place] += 1
        if shown[place] <= SHOWN_AT_A_PLACE:
            yield _render(problem, file)
            if shown[place] == SHOWN_AT_A_PLACE < there[place]:
                yield f"and {there[place] - SHOWN_AT_A_PLACE:,} more like these"


def _render(problem: Problem, file: str | None) -> str:
    lines = [problem.message]
    place = ":".join(str(part) for part in (file, problem.line, problem.column) if part is not None)
    if place or problem.path:
        lines.append(f"  --> {place}{'   ' if place else ''}{problem.path}")
    if problem.excerpt is not None:
        lines += ["   |", f"   | {problem.excerpt}"]
    if problem.hint:
        lines.append(f"  hint: {problem.hint}")
    return "\n".join(lines)


class SourceError(TieoutError):
    """A source could not be read. Its side is unknown; it is never taken for empty."""


class SourceMissing(SourceError):
    """The source is not there: no such file, no such table, no file matches the pattern."""


class MatchLogLost(SourceError):
    """The log of an earlier run's matches is gone, altered or outdated: what matched is unknown."""


class VenueError(SourceError):
    """An exchange's API did not give an answer that can be used. Trying again may help.

    Attributes:
        venue: as the configuration names the source. `method`: what was asked of it.
        code: the venue's own error code, if it sent one.
        retry_after: seconds that the venue asks to wait, if it says so.
    """

    def __init__(
        self,
        what: str,
        *,
        venue: str,
        method: str,
        code: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(what, where=f"{venue}: {method}", hint=hint)
        self.venue = venue
        self.method = method
        self.code = code
        self.retry_after = retry_after


class VenueTimeout(VenueError):
    """No answer in time. Whether the venue acted on the question is not known."""


class VenueRateLimited(VenueError):
    """The venue asks to wait: too many questions, or maintenance."""


class VenueRefused(VenueError):
    """The venue refuses the credentials. Asking again could lock the key: one alert, and stop.

    Attributes:
        matter: names what is refused, the same for all who ask with this key.
    """

    def __init__(
        self,
        what: str,
        *,
        venue: str,
        method: str,
        code: str | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
        matter: str | None = None,
    ) -> None:
        super().__init__(
            what, venue=venue, method=method, code=code, retry_after=retry_after, hint=hint
        )
        self.matter = venue if matter is None else matter


class VenueMalformed(VenueError):
    """A body that is cut, empty, HTML, or lacks what every good answer has: no empty account."""


class VenueUnsupported(VenueError):
    """The venue, or this adapter, has no such thing to ask. Trying again does not help."""


class CalculationError(TieoutError):
    """A number cannot be worked out from what is known. It is unknown, not zero."""


class RecoveryError(TieoutError):
    """What a crash or a lost connection left open cannot be made good."""


class EngineError(TieoutError):
    """The engine could not finish. Nothing was stored."""


class StoreError(TieoutError):
    """The store cannot be used."""


class StoreOutdated(StoreError):
    """The store's schema and this program do not fit together."""


class RunSuperseded(StoreError):
    """Another run of the same reconciliation was committed while this one worked."""


class LeaseLost(StoreError):
    """Another process runs this monitor now; what this one worked out was not stored."""


class JournalConflict(StoreError):
    """The journal has an entry of that id, with other content. It is append-only."""
