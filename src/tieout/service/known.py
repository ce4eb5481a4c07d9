"""A stored break's records, and the ids of breaks that are anchored on them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec

from tieout.core.canonical import break_id, derived_id
from tieout.core.lifecycle import KnownBreak
from tieout.core.model import Kind, PlainRecord, Role, Side, Value
from tieout.core.schema import RecordType
from tieout.ports import SideFacts


class _Part(msgspec.Struct):
    side: Side
    role: Role
    record: PlainRecord


class _Stored(msgspec.Struct):
    kind: Kind
    key: PlainRecord
    records: list[_Part]


_DECODER = msgspec.json.Decoder(_Stored)
# For what is asked of every break: an enumeration is slow to find its members.
_DUPLICATE, _MEMBER = Kind.DUPLICATE, Role.MEMBER


def is_named(values: Mapping[str, Value], identity: Collection[str], records: RecordType) -> bool:
    """Whether what is readable of a row says which record it is: all of its identity, and its id.

    An empty column of the identity is readable: it says that there is no account, say.
    """
    named = records.id_of(tuple(identity))
    return values.keys() >= set(identity) and (named is None or values[named] is not None)


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A record of a stored break as canonical text.

    Attributes:
        key: the id of a break that is anchored on it.
    """

    key: str
    side: Side
    identity: PlainRecord
    record: PlainRecord


@dataclass(frozen=True)
class KnownRecords:
    """What the stored breaks of a reconciliation hold, by the identity columns of this run."""

    reconciliation: str
    facts: Mapping[Side, SideFacts]
    records: RecordType

    @cached_property
    def _identities(self) -> Mapping[Side, tuple[tuple[str, ...], str | None]]:
        """Of each side the columns, and which of them names one record."""
        named = {side: tuple(facts.identity) for side, facts in self.facts.items()}
        return {side: (names, self.records.id_of(names)) for side, names in named.items()}

    def keys(self, known: KnownBreak) -> Collection[str]:
        """`Evidence.records`: of a DUPLICATE nothing but its own id."""
        stored = _DECODER.decode(known.content)
        if stored.kind is _DUPLICATE:
            return (known.id,)
        names, _ = self._identities[stored.records[0].side]
        # Under other identity columns than when it was found its anchor has another id now.
        others = stored.records[stored.key.keys() == set(names) :]
        if not others:
            return (known.id,)
        name = self.reconciliation
        return [
            known.id,
            *(
                break_id(name, self._identity(part), part.side)
                for part in others
                if part.role is not _MEMBER
            ),
        ]

    def of(self, known: KnownBreak) -> list[KnownRecord]:
        """The records; the anchor first. The rows of checks are none of them."""
        stored = _DECODER.decode(known.content)
        found = []
        for number, part in enumerate(stored.records):
            if part.role is not _MEMBER:
                identity = self._identity(part) if number else stored.key
                # A DUPLICATE's own id is in a space of its own.
                key = break_id(self.reconciliation, identity, part.side)
                found.append(KnownRecord(key, part.side, identity, part.record))
        return found

    def _identity(self, part: _Part) -> PlainRecord:
        names, named = self._identities[part.side]
        record = part.record
        identity = {name: record.get(name) for name in names}
        if named is not None and identity[named] is None:
            identity[named] = derived_id(record, 0)
        return identity
