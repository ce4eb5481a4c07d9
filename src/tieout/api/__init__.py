"""What `import tieout` offers: reconcile two sides that are in memory or in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tieout.core.text import below_microseconds
from tieout.errors import SourceError, UsageError

if TYPE_CHECKING:
    from tieout.config import Settings
    from tieout.core.rows import BreakRow, QuarantineRow, RunRow
    from tieout.core.rules import Rules


@dataclass(frozen=True, slots=True)
class Report:
    """The answer of one reconciliation.

    Attributes:
        run: status, counts, coverage of both sides, digest.
        breaks: every break that is open after it, worst first.
        quarantine: every row that could not be read, and why.
    """

    run: RunRow
    breaks: Sequence[BreakRow]
    quarantine: Sequence[QuarantineRow]

    @property
    def clean(self) -> bool:
        """Both sides are complete, and there is no break."""
        return self.run.status == "clean"

    @property
    def matched(self) -> int:
        """Pairs without a break, those within tolerance included."""
        return self.run.counts.matched

    def summary(self) -> dict[str, Any]:
        """The object that `tieout run --format json` prints."""
        from tieout.present import run_object

        return run_object(self.run)

    def to_dicts(self) -> list[dict[str, Any]]:
        """The breaks as `tieout run --breaks file.ndjson` writes them; decimals are texts."""
        from tieout.present import break_object

        return [break_object(row, as_of=self.run.as_of) for row in self.breaks]

    def write(self, path: str | Path) -> None:
        """Write a report: `.html`, `.xlsx`, `.csv` or `.json`, by the suffix."""
        from tieout import wiring
        from tieout.ports import ReportData

        wiring.write_report(
            ReportData(
                generated_at=self.run.finished_at or self.run.as_of,
                runs=[self.run],
                breaks=lambda: self.breaks,
                quarantine=lambda: self.quarantine,
                total_breaks=len(self.breaks),
            ),
            str(path),
        )


def reconcile(
    internal: object,
    external: object,
    rules: str | Mapping[str, Any] | Rules,
    *,
    sources: Mapping[str, object] | None = None,
    as_of: datetime | str | None = None,
    business_date: date | str | None = None,
    allow_empty: bool = False,
) -> Report:
    """Compare what is believed with what is said elsewhere.

    Args:
        internal, external: a Polars or pandas frame, an Arrow table, a list of dicts, or the
            path of a file. Numbers are decimals, integers or texts; binary floats are refused
            unless the rules say `floats: shortest` for the side.
        rules: a reconciliation as YAML text or dict, as under `reconciliations:` in the file, or
            `Rules`. `internal:` and `external:` in it may hold a side's settings, such as its
            column mapping or `allow_empty`.
        sources: the frames or paths of further sources that the rules name, such as `pnl`.
        as_of: "now" for deadlines, and the cut: an aware time, or its ISO text. Default: the
            present time.
        business_date: a date, or its ISO text. Default: the day of `as_of`.
        allow_empty: no records at all is a valid answer of any source. Without it a side that
            is empty has failed: it never means "no trades".

    Returns:
        Both frames are taken for whole: what is in one and not in the other is missing, once
        its deadline has passed. Nothing is kept between calls.

    Raises:
        ConfigError: the rules are wrong; every problem at once, with its line.
        SourceError: a side cannot be read, so that nothing can be said.
        UsageError: a source is missing, or is no frame; a time or date is none.
    """
    from tieout import wiring
    from tieout.config import parse

    now, day = _instant(as_of), _day(business_date)
    settings = parse(rules)
    (reconciliation,) = settings.reconciliations.values()
    given = {
        reconciliation.internal: internal,
        reconciliation.external: external,
        **(sources or {}),
    }
    settings = _with_paths(settings, given, allow_empty=allow_empty)
    with closing(wiring.open_store("sqlite://")) as store:
        (outcome,) = wiring.run(settings, store=store, as_of=now, business_date=day, frames=given)
        if outcome.row.status == "failed":
            raise SourceError("\n".join(outcome.row.reasons))
        breaks = sorted(outcome.breaks(), key=_worst_first)
        return Report(outcome.row, breaks, list(outcome.quarantine()))


def _instant(as_of: object) -> datetime | None:
    moment = as_of
    if isinstance(as_of, str):
        with suppress(ValueError):
            moment = datetime.fromisoformat(as_of)
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise UsageError(
            f"as_of {as_of!r} is no time",
            hint="pass an aware datetime, or a text such as 2026-11-20T17:00:00Z",
        )
    if isinstance(as_of, str) and below_microseconds(as_of):
        raise UsageError(
            f"as_of {as_of!r} has digits below a microsecond", hint="give up to six decimals"
        )
    if moment.tzinfo is None:
        raise UsageError(f"as_of {as_of} has no time zone", hint="pass an aware time, e.g. in UTC")
    return moment


def _day(business_date: object) -> date | None:
    day = business_date
    if isinstance(business_date, str):
        with suppress(ValueError):
            day = date.fromisoformat(business_date)
    if day is not None and (not isinstance(day, date) or isinstance(day, datetime)):
        raise UsageError(
            f"business_date {business_date!r} is no date",
            hint="pass a date, or a text such as 2026-11-20",
        )
    return day


def _with_paths(settings: Settings, given: Mapping[str, object], *, allow_empty: bool) -> Settings:
    """The settings, where a path was given in place of a frame."""
    from tieout.config import FileOptions

    sources = dict(settings.sources)
    for name, where in given.items():
        if name not in sources:
            raise UsageError(f"the rules name no source {name!r}; they name: {', '.join(sources)}")
        if isinstance(where, str | Path):
            options = FileOptions(paths=(str(Path(where).absolute()),))
            sources[name] = replace(sources[name], type="file", options=options, everything=True)
        if allow_empty:
            sources[name] = replace(sources[name], allow_empty=True)
    return replace(settings, sources=sources)


def _worst_first(row: BreakRow) -> tuple[int, str]:
    from tieout.core.model import Severity

    return -Severity.of(row.content["severity"]), row.id
