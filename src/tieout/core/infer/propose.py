"""Two samples to a proposal: choose the record type, map, settle doubts, find keys, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from tieout.core.infer.days import business_dates, timed_by_one, with_days
from tieout.core.infer.doubts import (
    all_differ,
    dates_only,
    ids_apart,
    not_to_compare,
    one_sided,
    remarks,
)
from tieout.core.infer.keys import Rows, candidates, choose, evidence, overlap, pairs
from tieout.core.infer.learn import learn_codes
from tieout.core.infer.proposal import KeyCandidate, Proposal, Sample, SourceProposal
from tieout.core.infer.sides import MappedSample, record_type
from tieout.core.infer.source import Table, read, signed_by_leg, source_proposal, variants
from tieout.core.schema import ColumnType, RecordType
from tieout.errors import UsageError


def propose(
    internal: Sample, external: Sample, *, as_of: str, records: str | None = None
) -> Proposal:
    """Propose how to reconcile two sources, from their first rows.

    Args:
        as_of: what to say about snapshots whose source does not say when they are from.
        records: the record type, where it is known.

    Raises:
        UsageError: no record type fits both samples.
    """
    type_, ours, theirs = record_type(internal, external, records)
    sources = _sources(ours, theirs, type_, as_of)
    profiles = ours.profile, theirs.profile
    timed = timed_by_one(sources, profiles, type_)
    days = None if timed is None else with_days(sources, profiles, type_)
    sources = days or sources
    left, right = read(sources[0], internal, type_), read(sources[1], external, type_)
    right_source, right_rows = learn_codes(
        sources[1], left.rows, right.rows, type_, _free(sources[1], theirs)
    )
    has = set(right_rows[0]) if right_rows else set(right.present)
    shared = [name for name in type_.columns if name in left.present and name in has]
    keys = candidates(left.rows, right_rows, type_, shared)
    passes = choose(keys, type_, shared)
    names = internal.name, external.name
    if not passes:
        raise UsageError(
            f"no common columns could pair the {type_.name} of {names[0]} and {names[1]}",
            hint="map an id, or what tells records apart, in a configuration by hand",
        )
    matched = pairs(left.rows, right_rows, passes)
    measured = [
        evidence(matched, type_, name)
        for name in shared
        if type_.columns[name].compared and name not in passes[0]
    ]
    apart = ids_apart(left.rows, right_rows, shared, names)
    ignored = {
        column: apart.get(column, why)
        for column, why in not_to_compare(measured, left.rows, right_rows, names)
    }
    if timed is not None and any(each.column == type_.clock for each in measured):
        ignored[type_.clock or ""] = dates_only(names[1 - timed], by_day=days is not None)
    compared = [each for each in measured if each.column not in ignored]
    return Proposal(
        records=type_.name,
        internal=_counted(sources[0], left),
        external=_counted(right_source, right),
        passes=passes,
        keys=tuple(_told_apart(keys, passes)),
        compared=tuple(compared),
        pairs=len(matched),
        ignored=ignored,
        notes=(
            *remarks(left.rows, right_rows, passes, keys[0].matched, type_),
            *(f"{column}: {why}" for column, why in apart.items() if column not in ignored),
            *one_sided(left.present, has, names),
            *all_differ(compared),
        ),
        dates=business_dates(sources, (left.rows, right_rows), type_),
    )


def _sources(
    ours: MappedSample, theirs: MappedSample, type_: RecordType, as_of: str
) -> list[SourceProposal]:
    """How to read both sides, with what one of them says about the other."""
    first = source_proposal(ours.profile, _names(ours), type_, as_of)
    second = source_proposal(theirs.profile, _names(theirs), type_, as_of)
    if ("leg" in first.columns) != ("leg" in second.columns):  # else both sides hedge
        first = signed_by_leg(first, ours.profile)
        second = signed_by_leg(second, theirs.profile)
    settled = _settle(first, second, ours, theirs, type_)
    return [
        _without_false_ids(each, side.sample, type_)
        for each, side in zip(settled, (ours, theirs), strict=True)
    ]


def _counted(source: SourceProposal, table: Table) -> SourceProposal:
    return replace(source, rows=len(table.rows), unreadable=table.unreadable, skipped=table.skipped)


def _names(side: MappedSample) -> dict[str, str]:
    return {canonical: name for canonical, (name, _) in side.columns.items()}


def _free(source: SourceProposal, side: MappedSample) -> dict[str, int]:
    """The columns of words that nothing is read from, and how many different ones they have."""
    used = {*source.columns.values(), *source.skip}
    return {
        name: len(set(texts))
        for name, texts in side.profile.texts.items()
        if name not in used and side.profile.has_words(name)
    }


def _settle(
    internal: SourceProposal,
    external: SourceProposal,
    ours: MappedSample,
    theirs: MappedSample,
    type_: RecordType,
) -> tuple[SourceProposal, SourceProposal]:
    """Of the ways to read ambiguous dates and numbers, the one on which the files agree."""
    options = [variants(internal, ours.profile), variants(external, theirs.profile)]
    if all(len(each) == 1 for each in options):
        return internal, external
    tables = [
        [read(option, side.sample, type_).rows for option in each]
        for each, side in zip(options, (ours, theirs), strict=True)
    ]
    scored = {
        (i, j): _agreement(tables[0][i], tables[1][j], type_)
        for i, j in product(range(len(options[0])), range(len(options[1])))
    }
    best = max(scored, key=lambda at: (scored[at], -sum(at)))
    settled = [
        all(scored[best] > score for at, score in scored.items() if at[which] != best[which])
        for which in (0, 1)
    ]
    return (
        _decided(options[0][best[0]], settled[0]),
        _decided(options[1][best[1]], settled[1]),
    )


def _decided(source: SourceProposal, settled: bool) -> SourceProposal:
    if not settled:
        return source
    notes = {
        place: note.replace("ambiguous", "decided by the values of the other file", 1)
        for place, note in source.notes.items()
    }
    return replace(source, notes=notes)


def _agreement(ours: Rows, theirs: Rows, type_: RecordType) -> float:
    shared = set(ours[0]) & set(theirs[0]) if ours and theirs else set[str]()
    return sum(
        overlap([row[name] for row in ours], [row[name] for row in theirs])
        for name in sorted(shared)
        if type_.columns[name].type is not ColumnType.TEXT
    )


def _without_false_ids(source: SourceProposal, sample: Sample, type_: RecordType) -> SourceProposal:
    """Without an id column under which different records stand: it names something else."""
    own = type_.id_column
    if own is None or own not in source.columns:
        return source
    rows = read(source, sample, type_).rows
    identity = type_.identity(set(source.columns) | {"side"})
    contents: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
    for row in rows:
        key = tuple(row.get(name) for name in identity)
        contents.setdefault(key, set()).add(tuple(row.items()))
    conflicts = sum(len(each) > 1 for each in contents.values())
    if conflicts <= 0.05 * len(contents):
        return source
    dropped = source.columns[own]
    columns = {key: name for key, name in source.columns.items() if key != own}
    note = f"{dropped!r} is no {own}: {conflicts} of its values stand for different records"
    return replace(source, columns=columns, notes={**source.notes, "columns": note})


def _told_apart(
    keys: Sequence[KeyCandidate], passes: Sequence[tuple[str, ...]]
) -> list[KeyCandidate]:
    """Those of the passes, and the best few others that pair anything at all."""
    proposed = [key for key in keys if key.on in passes]
    others = [key for key in keys if key.matched > 0 and key.on not in passes]
    return proposed + others[:3]
