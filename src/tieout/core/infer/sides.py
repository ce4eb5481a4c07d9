"""Two samples seen as a record type: which type fits both, and which column is which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

from tieout.core.infer.columns import LEAST, Profile, map_columns, side_column
from tieout.core.infer.keys import overlap
from tieout.core.infer.learn import bare
from tieout.core.infer.names import name_score, normal
from tieout.core.infer.proposal import Sample
from tieout.core.infer.values import side_of
from tieout.core.schema import RECORD_TYPES, ColumnType, RecordType
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

_SHOWN: Final = 40
"""Columns of a header that an error names."""

_FEW = 3
"""Fewer different values than these must all be common to say that two columns are the same."""


@dataclass(frozen=True)
class _View:
    """A sample: all of its rows, and those that the column `side` says to be a buy or a sell."""

    whole: Profile
    traded: Profile
    side: str | None


@dataclass(frozen=True)
class MappedSample:
    """A sample seen as a record type: canonical column to (source column, score)."""

    profile: Profile
    columns: dict[str, tuple[str, float]]

    @property
    def sample(self) -> Sample:
        return self.profile.sample

    def values(self, name: str) -> list[str]:
        return self.profile.texts[name]

    def take(self, canonical: str, name: str, score: float) -> None:
        """Say that `name` is this column, and no other."""
        for other in [key for key, (taken, _) in self.columns.items() if taken == name]:
            del self.columns[other]
        self.columns[canonical] = (name, score)


def record_type(
    internal: Sample, external: Sample, records: str | None
) -> tuple[RecordType, MappedSample, MappedSample]:
    best: tuple[float, RecordType, MappedSample, MappedSample] | None = None
    views = _view(internal), _view(external)
    for name in [records] if records else list(NEEDS):
        type_ = RECORD_TYPES[name]
        ours, theirs = _complete(_look(views[0], type_), _look(views[1], type_), type_)
        if _lacks(ours, name) or _lacks(theirs, name):
            continue
        if not records and name == "positions" and any(map(_untimed, views)):
            continue
        score = _score(ours, type_) + _score(theirs, type_)
        if best is None or score > best[0]:
            best = score, type_, ours, theirs
    if best is None:
        untimed = [each for each in views if not records and _untimed(each)]
        raise UsageError(
            f"trades need a timestamp, and none was found in {_listed(untimed)}"
            if untimed
            else "no record type fits both files"
            if not records
            else f"these are no {records}",
            where=". ".join(_closest(each, records) for each in views),
            hint="name the columns in a configuration by hand:"
            f" `columns: {{{'timestamp' if untimed else 'symbol'}: <yours>}}`",
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


def _look(view: _View, type_: RecordType) -> MappedSample:
    if "side" not in type_.columns:
        return MappedSample(view.whole, map_columns(view.whole, type_, None))
    side = MappedSample(view.traded, map_columns(view.traded, type_, view.side))
    if type_.name == "trades" and _lacks_only_time(view, side):
        taken = {name for name, _ in side.columns.values()}
        times = [name for name in side.sample.header if name not in taken and _is_time(side, name)]
        if len(times) == 1:
            side.columns["timestamp"] = (times[0], LEAST)
    return side


def _is_time(side: MappedSample, name: str) -> bool:
    form = side.profile.time(name)
    return form is not None and form.share == 1 and bool(side.values(name))


def _names_a_trade(side: MappedSample) -> bool:
    """Whether there are a price and an id that can only be a trade's, not just any `id`."""
    if not {"trade_id", "price"} <= side.columns.keys():
        return False
    return normal(side.columns["trade_id"][0]) not in ("id", "ref", "reference")


def _lacks_only_time(view: _View, side: MappedSample) -> bool:
    """Trades whose time is missing: the same columns would do for positions, which they are not.

    A position may have a price and a side as well, but no instrument twice.
    """
    if _lacks(side, "trades") != ["timestamp"]:
        return False
    if _names_a_trade(side):
        return True
    positions = RECORD_TYPES["positions"]
    told = bool({"side", "trade_id"} & side.columns.keys())
    return told and _repeats(_look(view, positions), positions)


def _untimed(view: _View) -> bool:
    return _lacks_only_time(view, _look(view, RECORD_TYPES["trades"]))


def _lacks(side: MappedSample, records: str) -> list[str]:
    return [group[0] for group in NEEDS[records] if not set(group) & set(side.columns)]


def _closest(view: _View, records: str | None) -> str:
    names = [records] if records else list(NEEDS)
    if not records and _untimed(view):
        names = ["trades"]
    lacking = {name: _lacks(_look(view, RECORD_TYPES[name]), name) for name in names}
    best = min(lacking, key=lambda name: len(lacking[name]))
    sample = view.whole.sample
    said = (
        f"{sample.name} is closest to {best}, without {', '.join(lacking[best])}"
        if lacking[best]
        else f"{sample.name} looks like {best}"
    )
    more = f" and {len(sample.header) - _SHOWN} more" if len(sample.header) > _SHOWN else ""
    return f"{said}; its columns are {', '.join(map(repr, sample.header[:_SHOWN]))}{more}"


def _listed(views: Sequence[_View]) -> str:
    return " and ".join(view.whole.sample.name for view in views)


def _score(side: MappedSample, type_: RecordType) -> float:
    """How much of the file the record type explains."""
    score = sum(score for _, score in side.columns.values())
    if type_.name == "trades" and not {"trade_id", "side"} & set(side.columns):
        score -= 0.6  # a list of positions with a price and a date looks like this
    if type_.name == "orders":
        score += 1.0 if "status" in side.columns else 0.0
    if not type_.event and _repeats(side, type_):
        score -= 2.0
    return score


def _repeats(side: MappedSample, type_: RecordType) -> bool:
    """Whether records repeat under what should identify a snapshot's."""
    names = [
        side.columns[name][0] for name in type_.identity(set(side.columns)) if name in side.columns
    ]
    at = [side.sample.header.index(name) for name in names]
    rows = [tuple(row[index] for index in at) for row in side.profile.rows]
    return len(set(rows)) < 0.9 * len(rows)


def _complete(
    ours: MappedSample, theirs: MappedSample, type_: RecordType
) -> tuple[MappedSample, MappedSample]:
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


def _prefer_common(ours: MappedSample, theirs: MappedSample, canonical: str) -> None:
    """Of several columns with a fitting name (ticker, ISIN), the two with common values."""
    options = [_options(side, canonical) for side in (ours, theirs)]
    current: tuple[str, ...] = (ours.columns[canonical][0], theirs.columns[canonical][0])
    best = _common(ours, theirs, current, canonical)
    for pair in product(*options):
        common = _common(ours, theirs, pair, canonical)
        if common > best + 0.2:
            best, current = common, pair
    for side, name in zip((ours, theirs), current, strict=True):
        side.take(canonical, name, side.columns[canonical][1])


def _options(side: MappedSample, canonical: str) -> list[str]:
    """Columns whose name fits; a `market` may be the venue or, rather, the symbol."""
    kept = {canonical, "venue"} if canonical == "symbol" else {canonical}
    taken = {name for key, (name, _) in side.columns.items() if key not in kept}
    return [
        name
        for name in side.sample.header
        if name not in taken and name_score(canonical, name) >= LEAST
    ]


def _common(
    ours: MappedSample, theirs: MappedSample, names: tuple[str, ...], canonical: str
) -> float:
    """How many of their values two columns share; of symbols also those that are written apart."""
    values = ours.values(names[0]), theirs.values(names[1])
    if canonical == "symbol":
        return overlap(*([bare(text) for text in texts] for texts in values))
    return overlap(*values)


def _find_by_values(
    known: MappedSample, other: MappedSample, canonical: str, type_: RecordType
) -> None:
    """A column of `other` with the values of the known one.

    Its name says nothing, or something that the other file does not have: an order's number.
    """
    column = type_.columns[canonical]
    if column.type is not ColumnType.TEXT or column.choices:
        return
    taken = {
        name
        for key, (name, _) in other.columns.items()
        if key in known.columns or type_.columns[key].required or type_.columns[key].choices
    }
    free = [name for name in other.sample.header if name not in taken]
    shares = [
        (_common(known, other, (mine, theirs), canonical), mine, theirs)
        for mine, theirs in product(_options(known, canonical), free)
        if len(set(known.values(mine))) > 1
    ]
    share, mine, theirs = max(shares, default=(0.0, "", ""))
    few = len(set(known.values(mine))) < _FEW if mine else True
    if share >= (1.0 if few else 0.5):
        known.take(canonical, mine, known.columns[canonical][1])
        other.take(canonical, theirs, share * 0.9)
