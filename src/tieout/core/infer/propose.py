"""Two samples to a proposal: choose the record type, map, settle doubts, find keys, measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from tieout.core.infer.columns import LEAST, Profile, map_columns, side_column
from tieout.core.infer.keys import ENOUGH, Rows, candidates, choose, evidence, overlap, pairs
from tieout.core.infer.learn import learn_codes
from tieout.core.infer.names import name_score, normal
from tieout.core.infer.proposal import KeyCandidate, Proposal, Sample, SourceProposal, percent
from tieout.core.infer.source import Table, read, signed_by_leg, source_proposal, variants
from tieout.core.infer.values import side_of
from tieout.core.schema import ID_COLUMNS, RECORD_TYPES, ColumnType, RecordType
from tieout.errors import UsageError

NEEDS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "trades": (("symbol",), ("quantity",), ("price",), ("timestamp",)),
    "orders": (("order_id", "client_order_id"), ("quantity",), ("status", "filled")),
    "positions": (("symbol",), ("quantity",)),
    "balances": (("currency",), ("total",)),
    "pnl": (("trade_id", "symbol"), ("pnl_impact", "realised", "unrealised")),
    "movements": (("amount",), ("timestamp",)),
}
"""Record type to what a file of it has: one column of each group. Of equals, the earlier type."""

_FEW = 3
"""Fewer different values than these must all be common to say that two columns are the same."""


@dataclass(frozen=True)
class _View:
    """A sample: all of its rows, and those that the column `side` says to be a buy or a sell."""

    whole: Profile
    traded: Profile
    side: str | None


@dataclass(frozen=True)
class _Side:
    """A sample seen as a record type: canonical column to (source column, score)."""

    profile: Profile
    columns: dict[str, tuple[str, float]]

    @property
    def sample(self) -> Sample:
        return self.profile.sample

    def values(self, name: str) -> list[str]:
        return self.profile.texts[name]


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
    type_, ours, theirs = _record_type(internal, external, records)
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
    right_source, right_rows = learn_codes(sides[1], left.rows, right.rows, type_)
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


def _names(side: _Side) -> dict[str, str]:
    return {canonical: name for canonical, (name, _) in side.columns.items()}


def _record_type(
    internal: Sample, external: Sample, records: str | None
) -> tuple[RecordType, _Side, _Side]:
    best: tuple[float, RecordType, _Side, _Side] | None = None
    views = _view(internal), _view(external)
    for name in [records] if records else list(NEEDS):
        type_ = RECORD_TYPES[name]
        ours, theirs = _complete(_look(views[0], type_), _look(views[1], type_), type_)
        if _lacks(ours, name) or _lacks(theirs, name):
            continue
        if not records and name == "positions" and any(map(_lacks_only_time, views)):
            continue
        score = _score(ours, type_) + _score(theirs, type_)
        if best is None or score > best[0]:
            best = score, type_, ours, theirs
    if best is None:
        raise UsageError(
            "no record type fits both files" if not records else f"these are no {records}",
            where="; ".join(_closest(each, records) for each in views),
            hint="name the columns in a configuration by hand: `columns: {symbol: <yours>}`",
        )
    return best[1:]


def _view(sample: Sample) -> _View:
    side = side_column(sample)
    whole = Profile.of(sample)
    if side is None:
        return _View(whole, whole, None)
    at = sample.header.index(side)
    rows = [row for row in sample.rows if side_of((row[at] or "").strip()) is not None]
    traded = whole if len(rows) == len(sample.rows) else Profile.of(sample, rows)
    return _View(whole, traded, side)


def _look(view: _View, type_: RecordType) -> _Side:
    if "side" not in type_.columns:
        return _Side(view.whole, map_columns(view.whole, type_, None))
    side = _Side(view.traded, map_columns(view.traded, type_, view.side))
    if type_.name == "trades" and "timestamp" not in side.columns and _names_a_trade(side):
        taken = {name for name, _ in side.columns.values()}
        times = [name for name in side.sample.header if name not in taken and _is_time(side, name)]
        if len(times) == 1:
            side.columns["timestamp"] = (times[0], LEAST)
    return side


def _is_time(side: _Side, name: str) -> bool:
    form = side.profile.time(name)
    return form is not None and form.share == 1 and bool(side.values(name))


def _names_a_trade(side: _Side) -> bool:
    """Whether there are a price and an id that can only be a trade's, not just any `id`."""
    if not {"trade_id", "price"} <= side.columns.keys():
        return False
    return normal(side.columns["trade_id"][0]) not in ("id", "ref", "reference")


def _lacks_only_time(view: _View) -> bool:
    """Trades whose time is missing: the same columns would do for positions, which they are not."""
    side = _look(view, RECORD_TYPES["trades"])
    return _names_a_trade(side) and _lacks(side, "trades") == ["timestamp"]


def _lacks(side: _Side, records: str) -> list[str]:
    return [group[0] for group in NEEDS[records] if not set(group) & set(side.columns)]


def _closest(view: _View, records: str | None) -> str:
    names = [records] if records else list(NEEDS)
    if not records and _lacks_only_time(view):
        names = ["trades"]
    lacking = {name: _lacks(_look(view, RECORD_TYPES[name]), name) for name in names}
    best = min(lacking, key=lambda name: len(lacking[name]))
    if not lacking[best]:
        return f"{view.whole.sample.name} looks like {best}"
    return f"{view.whole.sample.name} is closest to {best}, without {', '.join(lacking[best])}"


def _score(side: _Side, type_: RecordType) -> float:
    """How much of the file the record type explains."""
    score = sum(score for _, score in side.columns.values())
    if type_.name == "trades" and not {"trade_id", "side"} & set(side.columns):
        score -= 0.6  # a list of positions with a price and a date looks like this
    if type_.name == "orders":
        score += 1.0 if "status" in side.columns else 0.0
    if not type_.event and _repeats(side, type_):
        score -= 2.0
    return score


def _repeats(side: _Side, type_: RecordType) -> bool:
    """Whether records repeat under what should identify a snapshot's."""
    names = [
        side.columns[name][0] for name in type_.identity(set(side.columns)) if name in side.columns
    ]
    at = [side.sample.header.index(name) for name in names]
    rows = [tuple(row[index] for index in at) for row in side.profile.rows]
    return len(set(rows)) < 0.9 * len(rows)


def _complete(ours: _Side, theirs: _Side, type_: RecordType) -> tuple[_Side, _Side]:
    """Both sides, with columns that only the values tell apart or find."""
    for canonical in type_.columns:
        if type_.columns[canonical].type is not ColumnType.TEXT or type_.columns[canonical].choices:
            continue
        if canonical in ours.columns and canonical in theirs.columns:
            _prefer_common(ours, theirs, canonical)
    for one, other in ((ours, theirs), (theirs, ours)):
        for canonical in list(one.columns):
            if canonical not in other.columns:
                _find_by_values(one, other, canonical, type_)
    return ours, theirs


def _prefer_common(ours: _Side, theirs: _Side, canonical: str) -> None:
    """Of several columns with a fitting name (ticker, ISIN), the two with common values."""
    options = [_options(side, canonical) for side in (ours, theirs)]
    current: tuple[str, ...] = (ours.columns[canonical][0], theirs.columns[canonical][0])
    best = _common(ours, theirs, current)
    for pair in product(*options):
        common = _common(ours, theirs, pair)
        if common > best + 0.2:
            best, current = common, pair
    for side, name in zip((ours, theirs), current, strict=True):
        side.columns[canonical] = (name, side.columns[canonical][1])


def _options(side: _Side, canonical: str) -> list[str]:
    taken = {name for key, (name, _) in side.columns.items() if key != canonical}
    return [
        name
        for name in side.sample.header
        if name not in taken and name_score(canonical, name) >= LEAST
    ]


def _common(ours: _Side, theirs: _Side, names: tuple[str, ...]) -> float:
    return overlap(ours.values(names[0]), theirs.values(names[1]))


def _find_by_values(known: _Side, other: _Side, canonical: str, type_: RecordType) -> None:
    """A column of `other` with a name that says nothing, and the values of the known one."""
    column = type_.columns[canonical]
    if column.type is not ColumnType.TEXT or column.choices:
        return
    taken = {name for name, _ in other.columns.values()}
    free = [name for name in other.sample.header if name not in taken]
    shares = [
        (_common(known, other, (mine, theirs)), mine, theirs)
        for mine, theirs in product(_options(known, canonical), free)
        if len(set(known.values(mine))) > 1
    ]
    share, mine, theirs = max(shares, default=(0.0, "", ""))
    few = len(set(known.values(mine))) < _FEW if mine else True
    if share >= (1.0 if few else 0.5):
        known.columns[canonical] = (mine, known.columns[canonical][1])
        other.columns[canonical] = (theirs, share * 0.9)


def _settle(
    internal: SourceProposal,
    external: SourceProposal,
    ours: _Side,
    theirs: _Side,
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
