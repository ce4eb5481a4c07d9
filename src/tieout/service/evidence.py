"""What a run can prove about breaks that it did not find again."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date

from tieout.core.canonical import dumps, plain_record
from tieout.core.compare import AMOUNTS
from tieout.core.held import values_of
from tieout.core.lifecycle import Evidence, KnownBreak, OpenItem
from tieout.core.model import Kind, PlainRecord, Record, Side
from tieout.core.scan import Coverage
from tieout.core.schema import RecordType
from tieout.ports import Matching, StoreView
from tieout.service.carry import Key
from tieout.service.coverage import subject_of
from tieout.service.known import KnownRecords
from tieout.service.setup import Standing


def evidence_of(
    reconciliation: str,
    matching: Matching,
    coverage: Mapping[Side, Coverage],
    records: RecordType,
    business_date: date,
    *,
    known: Collection[Key],
    waiting: Sequence[OpenItem],
    expected: Sequence[OpenItem] = (),
    live: Standing | None = None,
) -> Evidence:
    """Why a known break may be taken for gone.

    Args:
        known: the open records that take part, those that were sent again or voided as well.
        waiting: records that are there, and about which nothing could be decided.
        expected: those whose partners still have time to come.
        live: of a live run; None: the two sides were compared in everything.
    """
    live = live or Standing()
    facts = {Side.INTERNAL: matching.internal, Side.EXTERNAL: matching.external}
    held = KnownRecords(reconciliation, facts, records).keys
    sides_complete = all(each.complete for each in coverage.values())
    checks_complete = not any(facts.quarantined for facts in matching.checks)
    return Evidence(
        complete=sides_complete and checks_complete,
        business_date=business_date,
        everything=all(each.everything for each in coverage.values()),
        snapshot=not records.event,
        evaluated=_evaluated(frozenset(known), held),
        unresolved=_either(
            unresolved_by(waiting, records, expected),
            _outside(live.covered, live.wallets),
            _not_compared(live.amounts_only, records),
        ),
        records=held,
    )


def _either(*each: Callable[[KnownBreak], bool]) -> Callable[[KnownBreak], bool]:
    return lambda known: any(one(known) for one in each)


def _not_compared(
    amounts_only: Sequence[OpenItem], records: RecordType
) -> Callable[[KnownBreak], bool]:
    """Whether a break is in more than the amount of a record of which only that was compared."""
    about = unresolved_by(amounts_only, records)
    amount = AMOUNTS.get(records.name)

    def not_compared(known: KnownBreak) -> bool:
        if not about(known):
            return False
        return any(each["field"] != amount for each in json.loads(known.content)["differences"])

    return not_compared


def _outside(
    covered: Mapping[Side, frozenset[str]], wallets: frozenset[str] | None
) -> Callable[[KnownBreak], bool]:
    """Whether a break is about what no answer of this run was about."""

    def outside(known: KnownBreak) -> bool:
        if not covered and wallets is None:
            return False
        records = [each["record"] for each in json.loads(known.content)["records"]]
        if wallets is not None:
            told = {each["wallet"] for each in records if each.get("wallet") is not None}
            if not told <= wallets:
                return True
        name = subject_of(records[0])
        return name is not None and any(name not in names for names in covered.values())

    return outside


def watched(view: StoreView, records: RecordType) -> dict[str, Record]:
    """The internal records of the open breaks that a check found, by the id of the break.

    Their pairs must be seen even where they agree: without a check that can be made, nothing
    says that such a break is gone.
    """
    found = {}
    for known in view.open_breaks():
        if '"pnl_impact"' not in known.content:
            continue
        stored = json.loads(known.content)
        if any(each["field"] == "pnl_impact" for each in stored["differences"]):
            values, _ = values_of(stored["records"][0]["record"], records)
            found[known.id] = Record(values, {})
    return found


def _evaluated(
    keys: Collection[Key], held: Callable[[KnownBreak], Collection[str]]
) -> Callable[[KnownBreak], bool]:
    """Whether a record of a break took part. The key of its anchor is its own id."""
    return lambda known: known.id in keys or any(key in keys for key in held(known))


def unresolved_by(
    waiting: Sequence[OpenItem], records: RecordType, expected: Sequence[OpenItem] = ()
) -> Callable[[KnownBreak], bool]:
    """Whether one of a break's records is waiting: then nothing says that the break is gone.

    Args:
        expected: records that wait for nothing but a partner. Of what was a CONFLICT, each has
            one content now, whatever becomes of it.
    """
    is_waiting, is_expected = _among(waiting, records), _among(expected, records)

    def unresolved(known: KnownBreak) -> bool:
        if not waiting and not expected:
            return False
        stored = json.loads(known.content)
        kind = stored["kind"]
        if kind == Kind.DUPLICATE:  # that a copy is gone says nothing of the record
            return False
        parts = [(Side(part["side"]), part["record"]) for part in stored["records"]]
        return any(
            is_waiting(side, record) or (kind != Kind.CONFLICT and is_expected(side, record))
            for side, record in parts
        )

    return unresolved


def _among(items: Sequence[OpenItem], records: RecordType) -> Callable[[Side, PlainRecord], bool]:
    """Whether a stored record is one of `items`, by content or by what these are known by.

    A source may have had other columns when one of the two came.
    """
    keys: defaultdict[tuple[Side, tuple[str, ...]], set[str]] = defaultdict(set)
    for item in items:
        identity = plain_record(item.record.identity, records)
        keys[item.side, tuple(identity)].add(dumps(identity))
    contents = {(item.side, dumps(plain_record(item.record.values, records))) for item in items}

    def among(side: Side, record: PlainRecord) -> bool:
        return (side, dumps(record)) in contents or any(
            side is other and dumps({name: record.get(name) for name in names}) in texts
            for (other, names), texts in keys.items()
        )

    return among
