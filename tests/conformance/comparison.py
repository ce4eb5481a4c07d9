"""The whole outcome of a run, as `decide` sees it, in a form in which two engines are compared."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from conformance.outcomes import plan_of, run
from conformance.tables import at

from tieout.core.bench import Bench
from tieout.core.canonical import content, dumps, plain_record
from tieout.core.decide import decide
from tieout.core.model import (
    Agrees,
    Break,
    Candidate,
    Expected,
    Flat,
    Group,
    Kind,
    Pair,
    Record,
    Side,
    Single,
    Unknown,
    WithinTolerance,
)
from tieout.core.money import add, distance
from tieout.core.schema import RecordType
from tieout.core.valuation import Instrument
from tieout.ports import Engine, Matching, MatchTask, SideFacts


@dataclass
class Outcome:
    """Counts, and multisets of canonical texts. Equal for equal answers, whatever the order."""

    matched: int = 0
    within: int = 0
    breaks: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    facts: dict[str, Any] = field(default_factory=dict)


def bench_of(task: MatchTask, ticks: Mapping[str, str] | None = None) -> Bench:
    instruments = {symbol: Instrument(tick=Decimal(tick)) for symbol, tick in (ticks or {}).items()}
    return Bench(task.rules, plan_of(task), at("12:00:00"), instruments=instruments)


def outcome(
    engine: Engine,
    task: MatchTask,
    *,
    ticks: Mapping[str, str] | None = None,
    rows: bool = True,
) -> Outcome:
    """Run `engine` and judge what it hands out.

    Args:
        rows: compare row numbers (of what is quarantined) too.
    """
    bench = bench_of(task, ticks)
    matching, candidates = run(engine, task)
    found = Outcome(matching.agreed - matching.agreed_within, matching.agreed_within)
    for candidate in candidates:
        judge(found, candidate, bench)
    type_ = bench.records
    found.facts = {
        side.value: facts(side_facts, type_, rows=rows)
        for side, side_facts in (
            (Side.INTERNAL, matching.internal),
            (Side.EXTERNAL, matching.external),
        )
    }
    return found


def drift(
    engine: Engine, task: MatchTask, *, ticks: Mapping[str, str]
) -> dict[tuple[int, str, str | None], tuple[int, Decimal, Decimal]]:
    """By pass, column and symbol: how many pairs differ inside tolerance, and by how much."""
    bench = bench_of(task, ticks)
    matching, candidates = run(engine, task)
    found = [
        (each.step, each.column, each.symbol, each.pairs, each.largest, each.total)
        for each in matching.statistics
    ]
    for pair in candidates:
        if isinstance(pair, Pair) and isinstance(within := decide(pair, bench), WithinTolerance):
            ours, theirs = within.internal.values, within.external.values
            symbol = ours.get("symbol") or theirs.get("symbol")
            for column, _ in within.used:
                gap = distance(Decimal(ours[column]), Decimal(theirs[column]))
                found.append((pair.step, column, symbol, 1, gap, gap))
    sums: dict[Any, tuple[int, Decimal, Decimal]] = {}
    for step, column, symbol, pairs, largest, total in found:
        before = sums.get((step, column, symbol), (0, Decimal(0), Decimal(0)))
        sums[step, column, symbol] = (
            before[0] + pairs,
            max(before[1], largest),
            add(before[2], total),
        )
    return sums


def judge(found: Outcome, candidate: Candidate, bench: Bench) -> None:
    type_ = bench.records
    match decide(candidate, bench):
        case Agrees():
            found.matched += 1
        case WithinTolerance():
            found.within += 1
        case Break() as brk:
            held = sorted(f"{part.side} {record_text(record, type_)}" for part, record in brk.held)
            text = [json.loads(content(brk)), brk.doubt, brk.aliases, str(brk.value), held]
            found.breaks[dumps(text)] += 1
        case Expected(side, record):
            found.others[f"expected {side} {record_text(record, type_)}"] += 1
        case Flat(side, record):
            found.others[f"flat {side} {record_text(record, type_)}"] += 1
        case Unknown(side, record, reason, quarantined):
            what = f"unknown {quarantined} {reason}"
            found.others[f"{what} {side} {record_text(record, type_)}"] += 1


def record_text(record: Record, type_: RecordType) -> str:
    return dumps(
        [
            plain_record(record.values, type_),
            plain_record(record.identity, type_),
            str(record.carried_from),
        ]
    )


def facts(side: SideFacts, type_: RecordType, *, rows: bool) -> dict[str, Any]:
    return {
        "rows": side.rows,
        "watermark": side.watermark,
        "totals": dict(side.totals),
        "missing_symbols": list(side.missing_symbols),
        "outside_window": side.outside_window,
        "columns": list(side.columns),
        "identity": list(side.identity),
        "quarantined": Counter(
            dumps(
                [
                    each.source,
                    each.row if rows else 0,
                    each.field,
                    each.reason,
                    each.raw,
                    plain_record(each.values, type_),
                ]
            )
            for each in side.quarantined
        ),
        "late": Counter(
            f"{item.side} {item.since} {item.unreadable} "
            + record_text(Record(item.record.values, item.record.identity, item.record.row), type_)
            for item in side.after_cut
        ),
    }


# Each record once


def uses(candidates: Sequence[Candidate]) -> list[tuple[Side, Record]]:
    """Every record among the candidates, as often as it is used. Copies count in their group."""
    found: list[tuple[Side, Record]] = []
    for candidate in candidates:
        match candidate:
            case Pair(internal, external):
                found += [(Side.INTERNAL, internal), (Side.EXTERNAL, external)]
            case Single(side, record):
                found.append((side, record))
            case Group(Kind.DUPLICATE, records):
                found += [(side, record) for side, _, record in records[1:]]
            case Group(_, records):
                found += [(side, record) for side, _, record in records]
    return found


def used_records(matching: Matching, candidates: Sequence[Candidate]) -> int:
    """How many records the answer accounts for, on both sides."""
    late = len(matching.internal.after_cut) + len(matching.external.after_cut)
    return len(uses(candidates)) + 2 * matching.agreed + late


# Mirrors


MIRRORED_KINDS = {
    "MISSING_INTERNAL": "MISSING_EXTERNAL",
    "MISSING_EXTERNAL": "MISSING_INTERNAL",
}
MIRRORED_SIDES = {"internal": "external", "external": "internal"}


def sketch(breaks: Counter[str], *, mirrored: bool) -> Counter[str]:
    """What of the breaks does not depend on which side is called internal."""
    found: Counter[str] = Counter()
    for text, number in breaks.items():
        brk = json_of(text)
        kind, parts = brk["kind"], [(each["side"], each["record"]) for each in brk["records"]]
        if mirrored:
            kind = MIRRORED_KINDS.get(kind, kind)
            parts = [(MIRRORED_SIDES[side], record) for side, record in parts]
        fields = [each["field"] for each in brk["differences"]]
        found[dumps([kind, brk["severity"], sorted(dumps(part) for part in parts), fields])] += (
            number
        )
    return found


def json_of(text: str) -> dict[str, Any]:
    return json.loads(text)[0]
