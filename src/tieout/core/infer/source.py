"""A mapped sample to the settings of its source, and the sample read by them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tieout.core.infer.columns import Profile
from tieout.core.infer.keys import Row
from tieout.core.infer.kinds import with_kinds
from tieout.core.infer.proposal import Sample, SourceProposal
from tieout.core.infer.values import choice_of, choice_values, read_differently, read_number
from tieout.core.model import Quarantined
from tieout.core.physical import Physical
from tieout.core.read import Reading
from tieout.core.schema import POSITIONS, ColumnType, RecordType
from tieout.core.sign import SignColumn

LEG = POSITIONS.columns["leg"]
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")
LONG = frozenset({"long", "buy", "l"})


@dataclass(frozen=True)
class Table:
    """A sample as records.

    Attributes:
        present: the canonical columns that it has.
        unreadable, skipped: how many rows are none.
    """

    rows: list[Row]
    present: tuple[str, ...]
    unreadable: int
    skipped: int


def source_proposal(
    profile: Profile, columns: Mapping[str, str], type_: RecordType, as_of: str
) -> SourceProposal:
    """How to read a source whose columns are mapped."""
    notes: dict[str, str] = {}
    constants: dict[str, str] = {}
    if "as_of" in type_.columns and type_.columns["as_of"].required and "as_of" not in columns:
        constants["as_of"] = as_of
        notes["constants"] = "no column says when this was so: state it"
    for name in _misfits(profile, columns, type_):
        notes[f"columns.{name}"] = "it holds something else than its name says: rename it"
    columns = {name: columns[name] for name in type_.columns if name in columns}
    forms, naive = _forms(profile, columns, type_, notes)
    source = SourceProposal(
        name=profile.sample.name,
        columns=columns,
        constants=constants,
        values=_values(profile, columns, type_),
        forms=forms,
        numbers=profile.style,
        timezone="UTC" if naive else None,
        signed=_signed(profile, columns, type_),
        floats=_floats(profile, columns),
        notes=notes,
    )
    if naive:
        notes["timezone"] = "the times carry no zone: check that this is theirs"
    if source.signed:
        notes["quantity_sign"] = "negative quantities are sells"
    if profile.rival is not None:
        texts = [text for name in columns.values() for text in profile.texts[name]]
        example = read_differently(texts, profile.style, profile.rival)
        if example is not None:
            notes["numbers"] = f"ambiguous: {example!r} may be read in two ways"
    if (fee := columns.get("fee", columns.get("commission"))) is not None:
        if _any_negative(profile, fee):
            notes["columns.fee"] = "fees are negative here; Tieout counts a cost as positive"
    bound = _reading(source, type_).bind(profile.sample.header, profile.sample.types)
    good = [
        not isinstance(bound.read(cells, place=profile.sample.name, row=1), Quarantined)
        for cells in profile.sample.rows
    ]
    return with_kinds(source, profile, type_, good)


def _misfits(profile: Profile, columns: Mapping[str, str], type_: RecordType) -> list[str]:
    """Columns that have a canonical name by chance, and nothing of the kind in them."""
    return [
        canonical
        for canonical, name in columns.items()
        if canonical == name
        and not type_.columns[canonical].required
        and profile.texts[name]
        and profile.fit(name, type_.columns[canonical]) == 0.0
    ]


def signed_by_leg(source: SourceProposal, profile: Profile) -> SourceProposal:
    """Take the sign of positions from `Long/Short`, where their quantities have none."""
    leg = source.columns.get("leg")
    if leg is None or _any_negative(profile, source.columns["quantity"]):
        return source
    words: dict[str, set[str]] = {"long": set(), "short": set()}
    for text in profile.texts[leg]:
        words.setdefault(choice_of(LEG, text) or "", set()).add(text.lower())
    if not words["short"]:
        return source
    return replace(
        source,
        sign=SignColumn(leg, frozenset(words["short"]), frozenset(words["long"]) or LONG),
        columns={name: each for name, each in source.columns.items() if name != "leg"},
        values={name: each for name, each in source.values.items() if name != "leg"},
        notes={**source.notes, "quantity_sign": f"{leg!r} says which quantities are negative"},
    )


def variants(source: SourceProposal, profile: Profile) -> list[SourceProposal]:
    """`source`, and the other ways to read it where its cells do not decide."""
    rivals = {
        canonical: form.rival
        for canonical in source.forms
        if (form := profile.time(source.columns[canonical])) is not None and form.rival is not None
    }
    options = [source]
    if rivals:
        notes = dict(source.notes)
        for canonical, rival in rivals.items():
            notes[f"formats.{canonical}"] = f"ambiguous: {source.forms[canonical]} reads as well"
            options.append(replace(source, forms={**source.forms, canonical: rival}, notes=notes))
    if profile.rival is not None and "numbers" in source.notes:
        options += [replace(option, numbers=profile.rival) for option in list(options)]
    return options


def read(source: SourceProposal, sample: Sample, type_: RecordType) -> Table:
    """The sample as a run would read it."""
    bound = _reading(source, type_).bind(sample.header, sample.types)
    rows: list[Row] = []
    unreadable = skipped = 0
    for number, cells in enumerate(sample.rows, start=1):
        if not bound.wanted(cells):
            skipped += 1
            continue
        values = bound.read(cells, place=sample.name, row=number)
        if isinstance(values, Quarantined):
            unreadable += 1
        else:
            rows.append(values)
    return Table(rows, bound.present, unreadable, skipped)


def _reading(source: SourceProposal, type_: RecordType) -> Reading:
    return Reading(
        source=source.name,
        records=type_,
        columns=source.columns,
        constants=source.constants,
        values=source.values,
        timezone=source.timezone,
        forms=source.forms,
        numbers=source.numbers,
        signed=source.signed,
        sign=source.sign,
        floats=source.floats,
        skip={name: frozenset(values) for name, values in source.skip.items()},
    )


def _forms(
    profile: Profile, columns: Mapping[str, str], type_: RecordType, notes: dict[str, str]
) -> tuple[dict[str, str], bool]:
    """Canonical column to the form of its times, and whether any lacks a zone."""
    forms: dict[str, str] = {}
    naive = False
    for canonical, name in columns.items():
        if type_.columns[canonical].type not in (ColumnType.TIME, ColumnType.DATE):
            continue
        form = profile.time(name)
        if form is None:
            continue
        if form.form != "iso":
            forms[canonical] = form.form
        naive = naive or (form.naive and type_.columns[canonical].type is ColumnType.TIME)
        if form.rival is not None:
            notes[f"formats.{canonical}"] = f"ambiguous: {form.rival} reads these dates as well"
        elif form.date_only and type_.columns[canonical].type is ColumnType.TIME:
            notes[f"columns.{canonical}"] = _without_times(profile)
    return forms, naive


def _without_times(profile: Profile) -> str:
    """What to know of a column of dates, and of one beside it that has their times of day."""
    said = "dates only, taken for midnight"
    clocks = [
        name
        for name, texts in profile.texts.items()
        if texts and all(CLOCK.fullmatch(text) for text in texts[:100])
    ]
    if len(clocks) != 1:
        return said
    return f"{said}; the times of day in {clocks[0]!r} cannot be joined to them: do so in the file"


def _values(
    profile: Profile, columns: Mapping[str, str], type_: RecordType
) -> dict[str, dict[str, str]]:
    mapped = {
        canonical: choice_values(type_.columns[canonical], profile.texts[name])
        for canonical, name in columns.items()
        if type_.columns[canonical].choices
    }
    return {canonical: values for canonical, values in mapped.items() if values}


def _signed(profile: Profile, columns: Mapping[str, str], type_: RecordType) -> bool:
    return type_.name in ("trades", "orders") and _any_negative(profile, columns["quantity"])


def _any_negative(profile: Profile, name: str) -> bool:
    numbers = (read_number(text, profile.style) for text in profile.texts[name])
    return any(number is not None and number < 0 for number in numbers)


def _floats(profile: Profile, columns: Mapping[str, str]) -> str:
    types = profile.sample.types
    if types is None:
        return "refuse"
    used = {types[profile.sample.header.index(name)] for name in columns.values()}
    return "shortest" if Physical.FLOAT in used else "refuse"
