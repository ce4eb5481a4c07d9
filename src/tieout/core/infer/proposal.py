"""What `infer` reads and what it answers. Plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tieout.core.rules import Tolerance
from tieout.core.sign import SignColumn
from tieout.core.text import NumberStyle

Cells = Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Sample:
    """The first rows of a source.

    Attributes:
        name: what to call the source.
        header: its column names. `rows`: cells as text, as wide as the header.
        types: `core.read.Physical` of each column; all text where None.
    """

    name: str
    header: tuple[str, ...]
    rows: Sequence[Cells]
    types: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SampledFile:
    """A sample, and what had to be known to take it from its file.

    Attributes:
        encoding, delimiter: None where a run finds them out by itself.
        skip_rows: lines before the header.
        whole: the sample is all of the file.
    """

    sample: Sample
    encoding: str | None = None
    delimiter: str | None = None
    skip_rows: int = 0
    whole: bool = True


@dataclass(frozen=True, slots=True)
class SourceProposal:
    """How one source is proposed to be read; the fields are those of `core.read.Reading`.

    Attributes:
        notes: what to check, by the setting that it is about: `timezone`, `columns.price`.
    """

    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    forms: Mapping[str, str] = field(default_factory=dict)
    numbers: NumberStyle = NumberStyle()
    timezone: str | None = None
    signed: bool = False
    sign: SignColumn | None = None
    skip: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    floats: str = "refuse"
    rows: int = 0
    unreadable: int = 0
    skipped: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyCandidate:
    """Columns that may pair the records, and what they do in the samples.

    Attributes:
        internal_unique, external_unique: share of each side's records that are alone with their
            key there.
        matched: share of the records of the smaller side that find exactly one partner.
    """

    on: tuple[str, ...]
    internal_unique: float
    external_unique: float
    matched: float

    @property
    def text(self) -> str:
        return (
            f"matches {percent(self.matched)};"
            f" unique: internal {percent(self.internal_unique)},"
            f" external {percent(self.external_unique)}"
        )


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the matched pairs say about one compared column.

    Attributes:
        pairs: how many were looked at. `equal`: the share of them that is equal.
        tolerance: one that would accept more of them; None where nothing is to be gained.
        within: the share of the pairs inside `tolerance`.
    """

    column: str
    pairs: int
    equal: float
    tolerance: Tolerance | None = None
    tolerance_text: str = ""
    within: float = 0.0

    @property
    def text(self) -> str:
        """`98.7 % equal, 100 % within 100ms`."""
        said = f"{percent(self.equal)} equal"
        if self.tolerance is not None:
            said += f", {percent(self.within)} within {self.tolerance_text}"
        return said


@dataclass(frozen=True, slots=True)
class Proposal:
    """A reconciliation of two sources that nobody has described yet.

    Attributes:
        records: name of the record type.
        passes: proposed keys, strictest first. `keys`: all that were tried, best first.
        compared: what the pairs of the passes say about each compared column.
        ignored: columns that both sides have and that are not to be compared, and why.
        notes: what to check about the whole.
        dates: the business dates of the samples' records, in the internal source's zone.
    """

    records: str
    internal: SourceProposal
    external: SourceProposal
    passes: tuple[tuple[str, ...], ...]
    keys: tuple[KeyCandidate, ...] = ()
    compared: tuple[Evidence, ...] = ()
    pairs: int = 0
    ignored: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dates: tuple[date, ...] = ()


def percent(share: float) -> str:
    """`100 %` only where it is all of them, `0 %` only where it is none."""
    if share in (0.0, 1.0):
        return f"{share * 100:.0f} %"
    return f"{min(max(share * 100, 0.1), 99.9):.1f} %"
