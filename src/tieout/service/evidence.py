"""What a run can prove about breaks that it did not find again."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date

from tieout.core.canonical import dumps, plain_record
from tieout.core.lifecycle import Evidence, KnownBreak, OpenItem
from tieout.core.model import Kind, Side
from tieout.core.scan import Coverage
from tieout.core.schema import RecordType
from tieout.ports import Matching, SideFacts
from tieout.service.carry import Key, key


def evidence_of(
    matching: Matching,
    coverage: Mapping[Side, Coverage],
    records: RecordType,
    business_date: date,
    *,
    known: Collection[Key],
    waiting: Sequence[OpenItem],
) -> Evidence:
    """Why a known break may be taken for gone.

    Args:
        known: the open records that take part, those that were sent again or voided as well.
        waiting: records that are there, and about which nothing could be decided.
    """
    sides_complete = all(each.complete for each in coverage.values())
    checks_complete = not any(facts.quarantined for facts in matching.checks)
    facts = {Side.INTERNAL: matching.internal, Side.EXTERNAL: matching.external}
    return Evidence(
        complete=sides_complete and checks_complete,
        business_date=business_date,
        everything=all(each.everything for each in coverage.values()),
        snapshot=not records.event,
        evaluated=_evaluated(frozenset(known)),
        unresolved=_unresolved(waiting, facts, records),
    )


def _evaluated(keys: Collection[Key]) -> Callable[[KnownBreak], bool]:
    """Whether the record that a break is anchored on took part."""

    def evaluated(known: KnownBreak) -> bool:
        stored = json.loads(known.content)
        side = Side(stored["records"][0]["side"])
        return stored["kind"] != Kind.DUPLICATE and (side, dumps(stored["key"])) in keys

    return evaluated


def _unresolved(
    waiting: Sequence[OpenItem], facts: Mapping[Side, SideFacts], records: RecordType
) -> Callable[[KnownBreak], bool]:
    """Whether one of a break's records is waiting: then nothing says that the break is gone."""
    keys = {key(item.side, item.record, records) for item in waiting}
    contents = {(item.side, dumps(plain_record(item.record.values, records))) for item in waiting}

    def unresolved(known: KnownBreak) -> bool:
        if not keys:
            return False
        stored = json.loads(known.content)
        if stored["kind"] == Kind.DUPLICATE:  # that a copy is gone says nothing of the record
            return False
        for part in stored["records"]:
            side, record = Side(part["side"]), part["record"]
            identity = {name: record.get(name) for name in facts[side].identity}
            if (side, dumps(identity)) in keys or (side, dumps(record)) in contents:
                return True
        return False

    return unresolved
