"""Every candidate of a match, decided: counts, breaks, and what is carried into the next run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tieout.core.bench import Bearing, Bench
from tieout.core.canonical import break_id, nanoseconds
from tieout.core.checks import is_unchecked
from tieout.core.found import found_of
from tieout.core.held import Held
from tieout.core.lifecycle import Evidence, OpenItem
from tieout.core.match.plan import Plan, plan
from tieout.core.matched import KeptLog
from tieout.core.model import (
    Agrees,
    Break,
    Candidate,
    Expected,
    Flat,
    Group,
    Kind,
    Outcome,
    Pair,
    Quarantined,
    Side,
    Single,
    Unknown,
    WithinTolerance,
)
from tieout.core.rows import DriftStatistic, Prior, RunCounts, RunIntent
from tieout.core.rules import PolicyRule
from tieout.core.scan import Coverage, InputFile
from tieout.ports import Matching, MatchLog, MatchTask, SideFacts, Spool
from tieout.service.again import Again, parts_of
from tieout.service.agreed import hold_agreed
from tieout.service.carry import Key, held_by, held_item, item_of
from tieout.service.coverage import (
    coverage_gap,
    coverages,
    past_cut,
    within_symbols,
)
from tieout.service.doubted import with_doubt
from tieout.service.drift import Drift
from tieout.service.evidence import evidence_of
from tieout.service.matched import note_match, noted
from tieout.service.outcomes import outcomes
from tieout.service.remarks import remarked
from tieout.service.setup import Reference, Setup, Standing
from tieout.service.unread import Unread, with_unread


@dataclass(frozen=True, slots=True)
class Judged:
    """A run's answer, before it is held against the store.

    Attributes:
        reasons: why the run is not complete, beyond what the sides' coverage says.
        inputs: of both sides, the checks' sources, instruments and prices.
        log: of what matched, where matches are kept. `place` puts it in its place; it is called
            inside the run's transaction.
        found: the breaks, sorted by id. `open_items`: what is carried on, sorted by key; read once.
    """

    internal: Coverage
    external: Coverage
    counts: RunCounts
    found: Spool
    open_items: Iterable[Held]
    quarantine: Sequence[tuple[Side | None, Quarantined]]
    statistics: Sequence[DriftStatistic]
    evidence: Evidence
    reasons: tuple[str, ...] = ()
    inputs: tuple[InputFile, ...] = ()
    policy: tuple[PolicyRule, ...] = ()
    log: MatchLog | None = None
    place: Callable[[], KeptLog] | None = None

    @property
    def complete(self) -> bool:
        return self.internal.complete and self.external.complete and not self.reasons

    def own_counts(self) -> dict[str, int]:
        """The counts that are part of the run's digest."""
        counts = self.counts
        return {
            "internal_rows": self.internal.rows,
            "internal_quarantined": self.internal.quarantined,
            "external_rows": self.external.rows,
            "external_quarantined": self.external.quarantined,
            "matched": counts.matched,
            "within_tolerance": counts.within_tolerance,
            "expected": counts.expected,
            "unknown": counts.unknown,
            "after_cut": counts.after_cut,
        }


@dataclass(slots=True)
class _Sums:
    """Counts and carried records while the candidates stream by.

    Attributes:
        waiting: records of which nothing could be decided yet; those of breaks are in the spool.
        due: one-sided ones whose partners still have time to come.
    """

    snapshot: bool
    agreed: int = 0
    within: int = 0
    broken: int = 0
    expected: int = 0
    unknown: int = 0
    uncovered: int = 0
    waiting: list[OpenItem] = field(default_factory=list)
    due: list[OpenItem] = field(default_factory=list)

    def add(self, live: Standing, intent: RunIntent) -> None:
        """Count what never came as far as the candidates."""
        self.unknown += live.unknown
        self.expected += live.expected
        # Those of events are carried, which takes the date that they came with.
        self.waiting += [
            item_of(each.side, each.record, intent.business_date) for each in live.waiting
        ]

    def counts(self, after_cut: int) -> RunCounts:
        return RunCounts(
            matched=self.agreed,
            within_tolerance=self.within,
            expected=self.expected,
            unknown=self.unknown,
            after_cut=after_cut,
            broken=self.broken,
        )


def judge(
    setup: Setup,
    task: MatchTask,
    matching: Matching,
    reference: Reference,
    prior: Prior,
    spool: Spool,
    intent: RunIntent,
    known: Collection[Key],
    watched: Collection[str],
    again: Again,
) -> Judged:
    """Decide every candidate of `matching`; breaks go into `spool`.

    Args:
        known: the open records that take part, those that were sent again or voided as well.
        watched: ids of the open breaks that a check found.
        again: what the sides are looked at with once more, where candidates do not tell enough.
    """
    facts = {Side.INTERNAL: matching.internal, Side.EXTERNAL: matching.external}
    coverage = _coverage(setup, task, matching, facts, intent)
    worked_out = plan_of(task, facts)
    bench = _bench(setup, task, worked_out, facts, coverage, reference, prior, intent)
    sums = _Sums(not worked_out.records.event, matching.agreed, matching.agreed_within)
    drift = Drift()
    unread = Unread(facts, worked_out.records, intent.business_date)
    for candidate, outcome in outcomes(matching, bench, setup.live):
        if watched and (open_ := _stays_open(outcome, candidate, bench, watched, intent)):
            sums.waiting += open_
        else:
            _count(outcome, candidate, sums, spool, drift, intent, bench)
            unread.broke(candidate, outcome)
            if matching.log is not None:
                note_match(matching.log, candidate, outcome)
    if setup.live is not None:
        sums.add(setup.live, intent)
    after_cut = [*matching.internal.after_cut, *matching.external.after_cut]
    waiting = [*sums.waiting, *after_cut]
    if worked_out.records.event:
        for item in (*waiting, *sums.due):
            spool.hold(held_item(item, bench))
    evidence = evidence_of(
        intent.reconciliation,
        matching,
        coverage,
        worked_out.records,
        intent.business_date,
        known=known,
        waiting=waiting,
        expected=sums.due,
        live=setup.live,
    )
    if setup.live is None:
        hold_agreed(evidence, again, task, facts, bench, spool)
    evidence = with_unread(evidence, unread, again, task, facts, bench, spool, setup.live)
    evidence = with_doubt(evidence, again, task, facts, worked_out.records, spool)
    return Judged(
        internal=coverage[Side.INTERNAL],
        external=coverage[Side.EXTERNAL],
        counts=sums.counts(len(after_cut)),
        found=spool,
        open_items=spool.held(),
        quarantine=_quarantine(matching, task),
        statistics=drift.with_those_of(matching.statistics),
        evidence=evidence,
        reasons=_reasons(setup, matching, reference, sums),
        inputs=(*_inputs(coverage, task), *reference.inputs),
        policy=task.rules.policy,
        log=matching.log,
    )


def _coverage(
    setup: Setup,
    task: MatchTask,
    matching: Matching,
    facts: Mapping[Side, SideFacts],
    intent: RunIntent,
) -> dict[Side, Coverage]:
    found = noted(coverages(setup, task, matching, facts), matching.log)
    return remarked(setup, found, facts, intent)


def plan_of(task: MatchTask, facts: Mapping[Side, SideFacts]) -> Plan:
    """The plan that the engine worked by, from the columns it found."""
    internal = task.internal.reading.present(facts[Side.INTERNAL].columns)
    external = task.external.reading.present(facts[Side.EXTERNAL].columns)
    return plan(task.rules, internal, external)


def _bench(
    setup: Setup,
    task: MatchTask,
    worked_out: Plan,
    facts: Mapping[Side, SideFacts],
    coverage: Mapping[Side, Coverage],
    reference: Reference,
    prior: Prior,
    intent: RunIntent,
) -> Bench:
    keys = [set(step.on) for step in worked_out.steps]
    clock = worked_out.records.clock
    cutoffs = {Side.INTERNAL: setup.internal.cutoff, Side.EXTERNAL: setup.external.cutoff}
    return Bench(
        rules=task.rules,
        plan=worked_out,
        as_of=nanoseconds(intent.as_of),
        sides={
            side: Bearing(
                coverage_gap=within_symbols(
                    coverage_gap(
                        coverage[side],
                        business_date=intent.business_date,
                        covered=prior.covered.get(side, frozenset()),
                        clock=clock,
                        cutoff=cutoffs[side],
                    ),
                    setup.live.covered.get(side) if setup.live is not None else None,
                    coverage[side].source,
                ),
                not_yet=past_cut(
                    coverage[side],
                    business_date=intent.business_date,
                    clock=clock,
                    cutoff=cutoffs[side],
                ),
                keyless_quarantined=any(
                    not any(key <= set(entry.values) for key in keys)
                    for entry in facts[side].quarantined
                ),
            )
            for side in Side
        },
        instruments=reference.instruments,
        prices=reference.prices,
        business_date=intent.business_date,
        check_records={index: check.reading.records for index, check in enumerate(setup.checks)},
        skew=setup.live.skew if setup.live is not None else 0,
    )


def _count(
    outcome: Outcome,
    candidate: Candidate,
    sums: _Sums,
    spool: Spool,
    drift: Drift,
    intent: RunIntent,
    bench: Bench,
) -> None:
    match outcome:
        case Break():
            spool.add(found_of(outcome, snapshot=sums.snapshot))
            sums.broken += _weight(candidate)
            for held in held_by(outcome, bench, intent.business_date):
                spool.hold(held)
        case WithinTolerance():
            sums.agreed += 1
            sums.within += 1
            if isinstance(candidate, Pair):
                drift.add(candidate, outcome)
        case Agrees() | Flat():
            sums.agreed += 1
        case Expected():
            sums.expected += 1
            item = item_of(outcome.side, outcome.record, intent.business_date)
            (sums.due if isinstance(candidate, Single) else sums.waiting).append(item)
        case Unknown():
            sums.unknown += 1
            sums.uncovered += not outcome.quarantined
            sums.waiting.append(item_of(outcome.side, outcome.record, intent.business_date))


def _stays_open(
    outcome: Outcome,
    candidate: Candidate,
    bench: Bench,
    watched: Collection[str],
    intent: RunIntent,
) -> list[OpenItem]:
    """Both records of a pair that agrees only since the check that broke it cannot be made.

    Yesterday's PnL row is not in today's file, or says nothing. That is no evidence that the
    break is gone: it stays as it is, and the pair is carried on.
    """
    if isinstance(outcome, Break) or not isinstance(candidate, Pair):
        return []
    key = bench.key(candidate.internal)
    if break_id(bench.rules.name, key, Side.INTERNAL) not in watched:
        return []
    if not is_unchecked(candidate, bench.rules.checks, bench.valuation):
        return []
    return [item_of(side, record, intent.business_date) for side, record in parts_of(candidate)]


def _weight(candidate: Candidate) -> int:
    """Pairs and records that broke. Of a DUPLICATE, the record itself goes on and is counted."""
    if not isinstance(candidate, Group):
        return 1
    return 0 if candidate.kind is Kind.DUPLICATE else len(candidate.records)


def _quarantine(matching: Matching, task: MatchTask) -> list[tuple[Side | None, Quarantined]]:
    entries: list[tuple[Side | None, Quarantined]] = []
    for each in (task.internal, task.external):
        entries += [(each.side, entry) for entry in each.scan.unreadable]
    entries += [(Side.INTERNAL, each) for each in matching.internal.quarantined]
    entries += [(Side.EXTERNAL, each) for each in matching.external.quarantined]
    entries += [(None, each) for facts in matching.checks for each in facts.quarantined]
    return entries


def _reasons(
    setup: Setup, matching: Matching, reference: Reference, sums: _Sums
) -> tuple[str, ...]:
    reasons = list(reference.reasons)
    if setup.live is not None:
        reasons += setup.live.reasons
    if sums.uncovered:
        reasons.append(
            f"{sums.uncovered} records are unknown: nothing covers what the other side lacks"
        )
    for check, facts in zip(setup.checks, matching.checks, strict=True):
        if facts.quarantined:
            reasons.append(
                f"{len(facts.quarantined)} rows of {check.source.name} are quarantined, so that"
                " their checks could not be made"
            )
    return tuple(reasons)


def _inputs(coverage: Mapping[Side, Coverage], task: MatchTask) -> tuple[InputFile, ...]:
    """Everything that was read. Raises SourceError where a check's file changed meanwhile."""
    of_checks = [each for check in task.checks for each in check.scan.inputs()]
    return (*coverage[Side.INTERNAL].inputs, *coverage[Side.EXTERNAL].inputs, *of_checks)
