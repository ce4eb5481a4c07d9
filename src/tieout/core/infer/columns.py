"""Which column of a source is which column of a record: by name, by content, by the other side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from tieout.core.infer.names import TYPE_LIKE, currency_of, name_score, normal
from tieout.core.infer.proposal import Cells, Sample
from tieout.core.infer.values import (
    TimeForm,
    choice_of,
    filled,
    number_share,
    number_style,
    side_of,
    time_form,
)
from tieout.core.schema import ID_COLUMNS, Column, ColumnType, RecordType
from tieout.core.text import NumberStyle

LEAST: Final = 0.2
"""A score below this says nothing."""

_BONUS: Final = 0.05
"""What a required column's claim to a name is worth more than an optional one's."""

_NUMERIC: Final = re.compile(r"[($€£¥₿₹+\-\s]*\.?\d[\d.,' \u00a0]*([eE][+-]?\d+)?[)$€£¥₿₹\-\s]*")
_CURRENCY: Final = re.compile(r"[A-Z0-9]{2,6}")


@dataclass(frozen=True)
class Profile:
    """What the columns of a sample hold.

    Attributes:
        rows: those of the sample that are looked at.
    """

    sample: Sample
    rows: Sequence[Cells]
    style: NumberStyle
    rival: NumberStyle | None
    _times: dict[str, TimeForm | None] = field(default_factory=dict)

    @classmethod
    def of(cls, sample: Sample, rows: Sequence[Cells] | None = None) -> Profile:
        looked_at = sample.rows if rows is None else rows
        columns = (filled(looked_at, index) for index in range(len(sample.header)))
        numeric = [texts for texts in columns if _mostly_numeric(texts)]
        return cls(sample, looked_at, *number_style(numeric))

    @cached_property
    def texts(self) -> Mapping[str, list[str]]:
        """Column name to its filled cells."""
        return {name: filled(self.rows, index) for index, name in enumerate(self.sample.header)}

    def time(self, name: str) -> TimeForm | None:
        """The form of a column that holds times."""
        if name not in self._times:
            self._times[name] = time_form(self.texts[name])
        return self._times[name]

    def has_words(self, name: str) -> bool:
        """Whether a column holds something else than numbers and times."""
        texts = self.texts[name]
        numeric = number_share(texts[:100], self.style) > 0.9
        return bool(texts) and not numeric and self.time(name) is None

    def fit(self, name: str, column: Column) -> float:
        """How well the cells of `name` are such a column's, from 0 to 1."""
        texts = self.texts[name]
        if not texts:
            return 0.25
        if column.type is ColumnType.DECIMAL:
            share = number_share(texts[:500], self.style)
            return share if share >= 0.5 else 0.0
        if column.type is ColumnType.TIME or column.type is ColumnType.DATE:
            form = self.time(name)
            if form is None or (column.type is ColumnType.DATE and not form.date_only):
                return 0.0
            return form.share * (0.9 if form.date_only else 1.0)
        if column.choices:
            return _choice_share(texts, column)
        return self._text_fit(name, column)

    def _text_fit(self, name: str, column: Column) -> float:
        texts = self.texts[name]
        distinct = len(set(texts)) / len(texts)
        numeric = number_share(texts[:100], self.style) > 0.9
        if column.name in ID_COLUMNS:
            return 0.3 if distinct < 0.4 and len(texts) > 5 else 1.0
        if "currency" in column.name:
            return sum(bool(_CURRENCY.fullmatch(text)) for text in texts) / len(texts)
        if column.name == "symbol":
            sentences = sum(" " in text for text in texts) / len(texts)
            return (0.3 if numeric else 1.0) * (1 - 0.5 * sentences)
        return 0.5 if numeric and column.name != "account" else 1.0


def side_column(sample: Sample) -> str | None:
    """The column that says whether a row is a buy or a sell, if there is one."""
    best, found = 0.0, None
    for index, name in enumerate(sample.header):
        score = name_score("side", name)
        texts = filled(sample.rows, index)
        if score < LEAST or not texts or len(set(texts)) > 60:
            continue
        share = sum(side_of(text) is not None for text in texts) / len(texts)
        value = score * (0.2 + 0.8 * share) if share else 0.0
        if value > best:
            best, found = value, name
    return found or _only_sides(sample)


def _only_sides(sample: Sample) -> str | None:
    """The one column that says buy or sell in every row, whatever its name."""
    found = [
        name
        for index, name in enumerate(sample.header)
        if len(texts := set(filled(sample.rows, index))) <= 60
        and {side_of(text) for text in texts} == {"buy", "sell"}
        and all((row[index] or "").strip() for row in sample.rows)
    ]
    return found[0] if len(found) == 1 else None


def type_columns(header: Sequence[str]) -> list[str]:
    """Columns whose name says that they tell what a row is."""
    return [name for name in header if TYPE_LIKE & set(normal(name).split())]


def map_columns(
    profile: Profile, type_: RecordType, side: str | None
) -> dict[str, tuple[str, float]]:
    """Canonical column to (the source's column, score): the best pairs, each column once."""
    header = profile.sample.header
    currencies = {currency_of(name, header) for name in header}
    scored = sorted(
        (-score - (_BONUS if column.required else 0.0), column.name, name, score)
        for column in type_.columns.values()
        if column.name != "side"
        for name in header
        if "currency" in column.name or name not in currencies
        if (score := _score(profile, column, name)) >= LEAST
    )
    chosen: dict[str, tuple[str, float]] = {}
    if side is not None and "side" in type_.columns:
        chosen["side"] = (side, 1.0)
    _choose(scored, chosen)
    missing = {column.name for column in type_.columns.values() if column.required} - {*chosen}
    for canonical in sorted(missing):  # better a required column than an optional one
        best = next((each for each in scored if each[1] == canonical), None)
        if best is not None:
            for other in [key for key, (name, _) in chosen.items() if name == best[2]]:
                if type_.columns[other].required or other == "side":
                    break
                del chosen[other]
            else:
                chosen[canonical] = (best[2], best[3])
    _own_currencies(chosen, header, type_)
    for canonical in type_.columns:
        if canonical in header and canonical not in chosen:
            chosen[canonical] = (canonical, 0.0)  # a run takes it by its name in any case
    return chosen


def _choose(
    scored: Sequence[tuple[float, str, str, float]], chosen: dict[str, tuple[str, float]]
) -> None:
    """Take the best pairs of canonical and source column, each column once."""
    taken = {name for name, _ in chosen.values()}
    for _, canonical, name, score in scored:
        if canonical not in chosen and name not in taken:
            chosen[canonical] = (name, score)
            taken.add(name)


def _score(profile: Profile, column: Column, name: str) -> float:
    score = name_score(column.name, name)
    return score * profile.fit(name, column) if score >= LEAST else 0.0


def _own_currencies(
    chosen: dict[str, tuple[str, float]], header: tuple[str, ...], type_: RecordType
) -> None:
    """`Currency (Price / share)` belongs to the price, whatever else was likely."""
    for canonical, of in (("price_currency", "price"), ("fee_currency", "fee")):
        if canonical not in type_.columns:
            continue
        if of not in chosen:
            chosen.pop(canonical, None)
            continue
        own = currency_of(chosen[of][0], header)
        if own is not None:
            for other in [key for key, (name, _) in chosen.items() if name == own]:
                del chosen[other]
            chosen[canonical] = (own, 0.9)


def _mostly_numeric(texts: Sequence[str]) -> bool:
    some = texts[:200]
    return bool(some) and sum(bool(_NUMERIC.fullmatch(text)) for text in some) > len(some) / 2


def _choice_share(texts: Sequence[str], column: Column) -> float:
    return sum(choice_of(column, text) is not None for text in texts) / len(texts)
