"""What `import tieout` offers: reconcile two sides that are in memory or in files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tieout.core.rows import BreakRow, QuarantineRow, RunRow
from tieout.errors import SourceError, UsageError

if TYPE_CHECKING:
    from tieout.config import Settings
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
    as_of: datetime | None = None,
    business_date: date | None = None,
) -> Report:
    """Compare what is believed with what is said elsewhere.

    Args:
        internal, external: a Polars or pandas frame, an Arrow table, a list of dicts, or the
            path of a file. Numbers are decimals, integers or texts; binary floats are refused
            unless the rules say `floats: shortest` for the side.
        rules: a reconciliation as YAML text or dict, as under `reconciliations:` in the file, or
            `Rules`. `internal:` and `external:` in it may hold a side's column mapping.
        sources: the frames or paths of further sources that the rules name, such as `pnl`.
        as_of: "now" for deadlines, and the cut; aware. Default: the present time.
        business_date: default: the day of `as_of`.

    Returns:
        Both frames are taken for whole: what is in one and not in the other is missing, once
        its deadline has passed. Nothing is kept between calls.

    Raises:
        ConfigError: the rules are wrong; every problem at once, with its line.
        SourceError: a side cannot be read, so that nothing can be said.
        UsageError: a source is missing, or is no frame.
    """
    from tieout import wiring
    from tieout.config import parse

    if as_of is not None and as_of.tzinfo is None:
        raise UsageError(f"as_of {as_of} has no time zone", hint="pass an aware time, e.g. in UTC")
    settings = parse(rules)
    (reconciliation,) = settings.reconciliations.values()
    given = {
        reconciliation.internal: internal,
        reconciliation.external: external,
        **(sources or {}),
    }
    settings = _with_paths(settings, given)
    with closing(wiring.open_store("sqlite://")) as store:
        (outcome,) = wiring.run(
            settings, store=store, as_of=as_of, business_date=business_date, frames=given
        )
        if outcome.row.status == "failed":
            raise SourceError("\n".join(outcome.row.reasons))
        breaks = sorted(outcome.breaks(), key=_worst_first)
        return Report(outcome.row, breaks, list(outcome.quarantine()))


def _with_paths(settings: Settings, given: Mapping[str, object]) -> Settings:
    """The settings, where a path was given in place of a frame."""
    from tieout.config import FileOptions

    sources = dict(settings.sources)
    for name, where in given.items():
        if name not in sources:
            raise UsageError(f"the rules name no source {name!r}; they name: {', '.join(sources)}")
        if isinstance(where, str | Path):
            options = FileOptions(paths=(str(Path(where).absolute()),))
            sources[name] = replace(sources[name], type="file", options=options, everything=True)
    return replace(settings, sources=sources)


def _worst_first(row: BreakRow) -> tuple[int, str]:
    from tieout.core.model import Severity

    return -Severity.of(row.content["severity"]), row.id
