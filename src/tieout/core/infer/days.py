"""One file has dates where the other has times: they can be compared by the day alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from tieout.core.calendars import business_date_of
from tieout.core.infer.columns import Profile
from tieout.core.infer.keys import ENOUGH, Rows, overlap
from tieout.core.infer.proposal import SourceProposal
from tieout.core.infer.source import read
from tieout.core.infer.values import date_form
from tieout.core.schema import RecordType
from tieout.core.text import zone

_DAY: Final = "trade_date"


def timed_by_one(
    sources: Sequence[SourceProposal], profiles: Sequence[Profile], type_: RecordType
) -> int | None:
    """Which of two sources has times of day; None where both have them, or neither."""
    if not type_.event or any(type_.clock not in source.columns for source in sources):
        return None
    dated = [_dated(*each, type_) for each in zip(sources, profiles, strict=True)]
    if dated[0] == dated[1]:
        return None
    values = [
        [row[type_.clock or ""] for row in read(source, profile.sample, type_).rows]
        for source, profile in zip(sources, profiles, strict=True)
    ]
    if overlap(*values) >= ENOUGH:
        return None  # the times are midnights
    return dated.index(False)


def with_days(
    sources: Sequence[SourceProposal], profiles: Sequence[Profile], type_: RecordType
) -> list[SourceProposal] | None:
    """The sources with the day of their trades as a column of its own; None where it cannot be.

    It is the day as each file writes it, in whatever zone its times are.
    """
    if _DAY not in type_.columns:
        return None
    pairs = list(zip(sources, profiles, strict=True))
    found = [_with_day(source, profile, type_) for source, profile in pairs]
    dated = [source for source in found if source is not None]
    if len(dated) < len(found):
        return None
    tables = [read(source, profile.sample, type_) for source, profile in pairs]
    again = [
        read(source, profile.sample, type_)
        for source, (_, profile) in zip(dated, pairs, strict=True)
    ]
    if any(new.unreadable > old.unreadable for new, old in zip(again, tables, strict=True)):
        return None
    days = [[row[_DAY] for row in table.rows] for table in again]
    return dated if overlap(*days) >= ENOUGH else None


def business_dates(
    sources: Sequence[SourceProposal], sides: Sequence[Rows], type_: RecordType
) -> tuple[date, ...]:
    """The dates of the records in the internal source's zone, where the files say them."""
    zone_ = zone(sources[0].timezone or "UTC")
    found: set[date] = set()
    for source, rows in zip(sources, sides, strict=True):
        for name in {type_.clock, "date"} - {*source.constants}:
            for value in (row.get(name or "") for row in rows):
                if isinstance(value, int):
                    found.add(business_date_of(value, zone_))
                elif isinstance(value, date):
                    found.add(value)
    return tuple(sorted(found))


def _dated(source: SourceProposal, profile: Profile, type_: RecordType) -> bool:
    form = profile.time(source.columns[type_.clock or ""])
    return form is not None and form.date_only


def _with_day(source: SourceProposal, profile: Profile, type_: RecordType) -> SourceProposal | None:
    if _DAY in source.columns or _DAY in profile.sample.header:
        return source
    clock = type_.clock or ""
    name = source.columns[clock]
    form = date_form(profile.texts[name], source.forms.get(clock, "iso"))
    if form is None:
        return None
    forms = {**source.forms, _DAY: form} if form != "iso" else source.forms
    notes = dict(source.notes)
    if not _dated(source, profile, type_):
        notes[f"columns.{_DAY}"] = f"the day of {name!r}, as it is written"
    return replace(source, columns={**source.columns, _DAY: name}, forms=forms, notes=notes)
