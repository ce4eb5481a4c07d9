"""A break of a run as text: its content, and what a person's decision about it is bound to."""

from __future__ import annotations

from typing import NamedTuple

from tieout.core.canonical import content, digest, dumps
from tieout.core.model import Break
from tieout.core.money import plain
from tieout.core.priced import prices_text

SNAPSHOT_TIMES = frozenset({"as_of", "created_at", "updated_at"})
"""When a snapshot was taken: it moves with every run, and changes nothing about a break."""


class Found(NamedTuple):
    """A break of this run, as far as settling it needs: texts, so that a million can wait on disk.

    Attributes:
        aliases: the ids of breaks that are anchored on its other records.
        severity: its number. `amount`, `currency`: the value at risk; None where unknown.
        prices: by which it was valued, see `core.priced`.
        content: canonical JSON. `binding`: the digest of what a decision about it is bound to.
    """

    id: str
    aliases: tuple[str, ...]
    kind: str
    severity: int
    cause: str
    doubt: bool
    amount: str | None
    currency: str | None
    content: str
    binding: str
    prices: str | None = None


def found_of(brk: Break, *, snapshot: bool) -> Found:
    """`brk` with its content written down."""
    text = content(brk)
    return Found(
        id=brk.id,
        aliases=brk.aliases,
        kind=brk.kind.value,
        severity=int(brk.severity),
        cause=brk.cause.value,
        doubt=brk.doubt,
        amount=None if brk.value is None else plain(brk.value.amount),
        currency=None if brk.value is None else brk.value.currency,
        content=text,
        binding=_bound(brk, text, snapshot),
        prices=prices_text(brk.value),
    )


def binding(brk: Break, *, snapshot: bool) -> str:
    """The digest of what a person's decision about `brk` is bound to.

    For snapshots (field, difference): both sides may move by the same amount; of a one-sided
    snapshot the record without its time. Else the content.
    """
    return _bound(brk, "" if snapshot else content(brk), snapshot)


def _bound(brk: Break, text: str, snapshot: bool) -> str:
    """`binding`, for who has the canonical JSON of the content already."""
    if not snapshot:
        return digest(text)
    if not brk.differences:
        records = [
            {name: cell for name, cell in part.record.items() if name not in SNAPSHOT_TIMES}
            for part in brk.records
        ]
        return digest(dumps([brk.kind, brk.key, records]))
    bound = [
        [
            each.field,
            [each.internal, each.external] if each.difference is None else each.difference,
        ]
        for each in brk.differences
    ]
    return digest(dumps([brk.kind, bound]))
