"""Two samples to a proposal: choose the record type, map, settle doubts, find keys, measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from tieout.core.infer.keys import ENOUGH, Rows, candidates, choose, evidence, overlap, pairs
from tieout.core.infer.learn import learn_codes
from tieout.core.infer.proposal import KeyCandidate, Proposal, Sample, SourceProposal, percent
from tieout.core.infer.sides import MappedSample, record_type
from tieout.core.infer.source import Table, read, signed_by_leg, source_proposal, variants
from tieout.core.schema import ID_COLUMNS, ColumnType, RecordType
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
    first = source_proposal(ours.profile, _names(ours), type_, as_of)
    second = source_proposal(theirs.profile, _names(theirs), type_, as_of)
    if ("leg" in first.columns) != ("leg" in second.columns):  # else both sides hedge
        first = signed_by_leg(first, ours.profile)
        second = signed_by_leg(second, theirs.profile)
    proposals = _settle(first, second, ours, theirs, type_)
    sides = tuple(
        _without_false_ids(each, side.sample, type_)
        for each, side in zip(proposals, (ours, theirs), strict=True)
    )
    left, right = read(sides[0], internal, type_), read(sides[1], external, type_)
    right_source, right_rows = learn_codes(
        sides[1], left.rows, right.rows, type_, _free(sides[1], theirs)
    )
    has = set(right_rows[0]) if right_rows else set(right.present)
    shared = [name for name in type_.columns if name in left.present and name in has]
    keys = candidates(left.rows, right_rows, type_, shared)
    passes = choose(keys, type_, shared)
    if not passes:
        raise UsageError(
            f"no common columns could pair the {type_.name} of {internal.name} and {external.name}",
            hint="map an id, or what tells records apart, in a configuration by hand",
        )
    matched = pairs(left.rows, right_rows, passes)
    compared = [
        name
        for name in shared
        if type_.columns[name].compared and not (passes and name in passes[0])
    ]
    return Proposal(
        records=type_.name,
        internal=_counted(sides[0], left),
        external=_counted(right_source, right),
        passes=passes,
        keys=tuple(_told_apart(keys, passes)),
        compared=tuple(evidence(matched, type_, name) for name in compared),
        pairs=len(matched),
        notes=tuple(_remarks(left.rows, right_rows, passes, keys, event=type_.event)),
    )


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


def _remarks(
    ours: Rows,
    theirs: Rows,
    passes: Sequence[Sequence[str]],
    keys: Sequence[KeyCandidate],
    *,
    event: bool,
) -> list[str]:
    if not ours or not theirs:
        return ["one of the samples has no readable record: correct the mapping first"]
    remarks = []
    if keys[0].matched < ENOUGH:
        remarks.append(
            f"the best key pairs only {percent(keys[0].matched)} of the samples' records:"
            " they may be of different days, or ids and symbols need a mapping"
        )
    if event and not set(passes[0]) & ID_COLUMNS:
        remarks.append(
            "no common id: records are paired by what they say, so equal ones are AMBIGUOUS"
        )
    return remarks
