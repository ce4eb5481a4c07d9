"""The values that flow through a reconciliation. All frozen; none knows where it is stored.

Structs of msgspec and not dataclasses: a run makes a dozen for each break, in a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec import field as default

Value: TypeAlias = str | Decimal | int | date | None
"""A cell: text, number, time (int, UTC nanoseconds since 1970), date, or absent."""

PlainRecord: TypeAlias = dict[str, str | None]
"""A record as canonical text: decimals plain, times with nine digits and `Z`. Never changed."""


class Side(StrEnum):
    """Which of the two sides a record is on."""

    INTERNAL = "internal"
    EXTERNAL = "external"

    @property
    def other(self) -> Side:
        return Side.EXTERNAL if self is Side.INTERNAL else Side.INTERNAL


class Kind(StrEnum):
    """What differs. The order is the precedence: a break's kind is the first that applies."""

    CONFLICT = "CONFLICT"
    DUPLICATE = "DUPLICATE"
    AMBIGUOUS = "AMBIGUOUS"
    MISSING_INTERNAL = "MISSING_INTERNAL"
    MISSING_EXTERNAL = "MISSING_EXTERNAL"
    SYMBOL = "SYMBOL"
    SIDE = "SIDE"
    CURRENCY = "CURRENCY"
    OVERFILL = "OVERFILL"
    STATUS = "STATUS"
    QUANTITY = "QUANTITY"
    PRICE = "PRICE"
    COST_BASIS = "COST_BASIS"
    MARGIN = "MARGIN"
    BALANCE = "BALANCE"
    FEE = "FEE"
    PNL = "PNL"
    TIMESTAMP = "TIMESTAMP"
    SETTLEMENT = "SETTLEMENT"
    FIELD = "FIELD"
    DRIFT = "DRIFT"


class Severity(IntEnum):
    """How bad a break is; comparable."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        return _LABELS[self]

    @classmethod
    def of(cls, label: str) -> Severity:
        """The severity called `label`, in any case. Raises KeyError."""
        return cls[label.upper()]


_LABELS: Final = {severity: severity.name.lower() for severity in Severity}


class Cause(StrEnum):
    """Where a difference came from, as far as it is known."""

    UNKNOWN = "unknown"
    TIMING = "timing"
    EXTERNAL_ACTIVITY = "external_activity"
    FEE = "fee"
    FUNDING = "funding"
    TRANSFER = "transfer"
    CORPORATE_ACTION = "corporate_action"
    DUST = "dust"
    MAPPING = "mapping"


class State(StrEnum):
    """Where a break is in its life."""

    OPEN = "open"
    IN_REVIEW = "in_review"
    CORRECTING = "correcting"
    RESOLVED = "resolved"
    SUPPRESSED = "suppressed"


class Role(StrEnum):
    """What a record does in a break."""

    PRIMARY = "primary"
    DUPLICATE = "duplicate"
    CANDIDATE = "candidate"
    MEMBER = "member"


class RunStatus(StrEnum):
    """How a run ended. The order is the precedence: the later wins."""

    RUNNING = "running"
    CLEAN = "clean"
    BREAKS = "breaks"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class Record(Struct, frozen=True):
    """One readable row of a source.

    Attributes:
        values: canonical column name to value, for the columns that the source has.
        identity: the values of the source's identity columns, derived id included.
        row: 1-based number of the record in its source; None where it was carried forward.
        carried_from: the business date on which a carried record first appeared.
    """

    values: Mapping[str, Value]
    identity: Mapping[str, Value]
    row: int | None = None
    carried_from: date | None = None


class Quarantined(Struct, frozen=True):
    """A row that could not be read: kept, counted and shown, never dropped.

    Attributes:
        source: the source's name. `place` is the file (or query) inside it.
        row: 1-based record number. `line` and `offset` (bytes) where it starts, for text files.
        field: the canonical column that was unreadable, if it was one.
        reason: what is wrong with it, for a person.
        raw: the row as it was, cut to a readable length.
        values: what was readable of it. Where that makes a pass key, its partner is *unknown*.
    """

    source: str
    place: str
    row: int
    reason: str
    raw: str
    field: str | None = None
    line: int | None = None
    offset: int | None = None
    values: Mapping[str, Value] = default(default_factory=dict)


class Priced(Struct, frozen=True):
    """A price that a value was worked out with.

    Attributes:
        pair: `BTC/USD`; None: the record's own price, which it states itself.
        as_of: UTC nanoseconds; None where not known.
    """

    pair: str | None = None
    price: Decimal | None = None
    as_of: int | None = None


OWN_PRICE: Final = (Priced(),)


class Money(Struct, frozen=True, eq=False):
    """An amount in a currency. Equal ones may come from different prices.

    Attributes:
        by: the prices that made it, conversions last; empty where no price was needed.
    """

    amount: Decimal
    currency: str
    by: tuple[Priced, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self.amount == other.amount and self.currency == other.currency

    def __hash__(self) -> int:
        return hash((self.amount, self.currency))


class Difference(Struct, frozen=True):
    """One field that differs.

    Attributes:
        internal, external: canonical texts; None where that side has no value.
        difference: internal minus external, plain: a number, or seconds for a time; None for
            texts and where a side is absent.
    """

    field: str
    internal: str | None
    external: str | None
    difference: str | None


class BreakRecord(Struct, frozen=True):
    """A record's part in a break."""

    side: Side
    role: Role
    record: PlainRecord


class Break(Struct, frozen=True):
    """A difference that somebody or something must deal with.

    Attributes:
        id: 32 hex characters, a hash of the reconciliation and the anchor record's identity.
        aliases: the ids of breaks that are anchored on its other records, in the order of these.
        key: the identity columns of the anchor record, as canonical text.
        records: by side and role; sorted, so that equal breaks are equal.
        differences: every field that differs, in contract order.
        doubt: evidence is incomplete: shown, but triggers neither halt nor correction.
        value: value at risk; None where no price is known. Never zero for unknown.
        held: the records to carry into the next run, each with its text; the anchor first.
    """

    id: str
    reconciliation: str
    kind: Kind
    severity: Severity
    key: PlainRecord
    records: tuple[BreakRecord, ...]
    differences: tuple[Difference, ...] = ()
    cause: Cause = Cause.UNKNOWN
    doubt: bool = False
    value: Money | None = None
    aliases: tuple[str, ...] = ()
    held: tuple[tuple[BreakRecord, Record], ...] = ()

    def primary(self, side: Side) -> PlainRecord | None:
        """The record on `side` that the differences are about, if there is one."""
        for part in self.records:
            if part.side is side and part.role is Role.PRIMARY:
                return part.record
        return None


class WithinTolerance(Struct, frozen=True):
    """A pair that differs, but no more than the rules allow; `used` names each tolerance."""

    internal: Record
    external: Record
    used: tuple[tuple[str, str], ...]


class Agrees(Struct, frozen=True):
    """A pair without any difference in what is compared."""

    internal: Record
    external: Record


class Expected(Struct, frozen=True):
    """A one-sided record that is still in flight: its deadline has not passed."""

    side: Side
    record: Record


class Unknown(Struct, frozen=True):
    """A one-sided record about whose partner nothing can be said, and why.

    Attributes:
        quarantined: its partner is there but unreadable; this alone leaves a run complete.
    """

    side: Side
    record: Record
    reason: str
    quarantined: bool = False


class Flat(Struct, frozen=True):
    """A position or balance of zero on one side and nothing on the other: they agree."""

    side: Side
    record: Record


Outcome: TypeAlias = Break | WithinTolerance | Agrees | Expected | Unknown | Flat


# What matching hands to `decide`.


class Pair(Struct, frozen=True):
    """Two records that belong together, and the PnL rows found for the internal one.

    Attributes:
        step: index of the pass that paired them.
        checked: rows found by the checks' sources, by check index; absent where none was found.
    """

    internal: Record
    external: Record
    step: int = 0
    checked: Mapping[int, Record] = default(default_factory=dict)


class Single(Struct, frozen=True):
    """A record without a partner after every pass.

    Attributes:
        partner_quarantined: an unreadable record on the other side has its key.
    """

    side: Side
    record: Record
    partner_quarantined: bool = False


class Group(Struct, frozen=True):
    """Several records that cannot be told apart, or contradict each other.

    Attributes:
        kind: CONFLICT, DUPLICATE or AMBIGUOUS.
        records: with their roles.
    """

    kind: Kind
    records: tuple[tuple[Side, Role, Record], ...]


Candidate: TypeAlias = Pair | Single | Group
