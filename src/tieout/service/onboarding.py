"""Two files that nobody has described yet to a proposed reconciliation."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import PurePath
from typing import Final, Protocol

from tieout.core.calendars import business_date_of
from tieout.core.canonical import instant, nanoseconds
from tieout.core.infer import Proposal, SampledFile, propose
from tieout.core.text import zone
from tieout.errors import UsageError

ROWS: Final = 10_000
"""Records of each file that are looked at."""


class Sampler(Protocol):
    """Reads the first records of a file."""

    def __call__(self, path: str, *, name: str, limit: int) -> SampledFile:
        """Raises SourceError where the file cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Onboarding:
    """A proposal, and the two files that it was made from.

    Attributes:
        business_date: what to run it for first: the latest date of the samples that is not in the
            future; None where they do not say. Run first, a later date would bar this one.
    """

    proposal: Proposal
    internal: SampledFile
    external: SampledFile
    business_date: date | None = None


def onboard(
    internal: str, external: str, sampler: Sampler, *, now: datetime, rows: int = ROWS
) -> Onboarding:
    """Look at two files and propose how to reconcile them.

    Args:
        internal, external: their paths.
        now: what to say about snapshots whose file does not say when they are from.

    Raises:
        SourceError: a file cannot be read.
        UsageError: no record type fits both files.
    """
    names = source_names(internal, external)
    files = [
        sampler(path, name=name, limit=rows)
        for path, name in zip((internal, external), names, strict=True)
    ]
    for file, path in zip(files, (internal, external), strict=True):
        if not file.sample.rows:
            raise UsageError(f"{path} has no records to learn from", hint="take another day's file")
    proposal = propose(
        files[0].sample, files[1].sample, as_of=instant(nanoseconds(now.replace(microsecond=0)))
    )
    if not all(file.whole for file in files):
        note = f"percentages are of the first {rows:,} records of each file"
        proposal = replace(proposal, notes=(*proposal.notes, note))
    today = business_date_of(nanoseconds(now), zone(proposal.internal.timezone or "UTC"))
    dates = [day for day in proposal.dates if day <= today] or proposal.dates
    return Onboarding(proposal, files[0], files[1], max(dates, default=None))


def source_names(internal: str, external: str) -> tuple[str, str]:
    """What to call two sources: by their files, by their directories, else by their sides."""
    paths = [PurePath(internal), PurePath(external)]
    for ours, theirs in (
        [_word(path.name.split(".")[0]) for path in paths],
        [_word(path.parent.name) for path in paths],
    ):
        if ours and theirs and ours != theirs:
            return ours, theirs
    return "internal", "external"


def _word(text: str) -> str:
    word = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return word if word[:1].isalpha() else ""
