"""A run's answer held against the store: transitions, digest, and one transaction."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from decimal import Decimal

from tieout.core.canonical import RunDigest, moment, nanoseconds
from tieout.core.found import Found
from tieout.core.lifecycle import Merges, Transition, settle
from tieout.core.merging import merging
from tieout.core.model import RunStatus, Severity, Side, State
from tieout.core.priced import prices_of
from tieout.core.rows import BreakFilter, BreakRow, BreakTally, Prior, RunIntent, RunRow
from tieout.core.tally import BreakCounts, Tally
from tieout.ports import Clock, Lease, RunResult, Store, StoreView
from tieout.service.judge import Judged


class _Settling:
    """Transitions on their way into the store, counted and digested as they pass."""

    def __init__(
        self, intent: RunIntent, judged: Judged, clock: Clock, seconds: Callable[[], float]
    ) -> None:
        self._intent = intent
        self._judged = judged
        self._clock = clock
        self._seconds = seconds
        self._tally = Tally()
        self._digest = RunDigest(judged.own_counts(), intent.rules_digest)

    def transitions(self, view: StoreView) -> Iterator[Transition]:
        found, evidence = self._judged.found, self._judged.evidence
        merges = Merges()
        if view.holds_any():
            merges = merging(view.open_breaks, found, evidence)
        for transition in settle(
            view.open_breaks(),
            found,
            view.known,
            evidence,
            as_of=nanoseconds(self._intent.as_of),
            merges=merges,
        ):
            self._tally.add(transition)
            if transition.open:
                self._digest.add(transition.id, transition.content)
            yield transition

    def row(self) -> RunRow:
        """The run's row; after the last transition."""
        judged, breaks = self._judged, self._tally.counts()
        status = RunStatus.CLEAN
        if breaks.open:
            status = RunStatus.BREAKS
        if not judged.complete:
            status = RunStatus.INCOMPLETE
        intent = self._intent
        return RunRow(
            run_id=intent.run_id,
            reconciliation=intent.reconciliation,
            status=status,
            as_of=intent.as_of,
            business_date=intent.business_date,
            started_at=intent.started_at,
            finished_at=self._clock.now(),
            rules_digest=intent.rules_digest,
            internal=judged.internal,
            external=judged.external,
            counts=judged.counts,
            breaks=breaks,
            digest=self._digest.hexdigest(),
            seconds=round(self._seconds(), 3),
            reasons=judged.reasons,
            statistics=judged.statistics,
            inputs=judged.inputs,
            policy=judged.policy,
            matches=None if judged.place is None else judged.place(),
        )


def still_open(counted: Iterable[BreakTally]) -> BreakCounts:
    """The counts after a run that concluded nothing: what was open is carried."""
    kinds: Counter[str] = Counter()
    severities: Counter[str] = Counter()
    for each in counted:
        kinds[each.kind] += each.number
        severities[Severity(each.severity).label] += each.number
    return BreakCounts(
        open=kinds.total(),
        carried=kinds.total(),
        by_kind=dict(kinds),
        by_severity=dict(severities),
    )


def settle_and_commit(
    store: Store,
    intent: RunIntent,
    prior: Prior,
    judged: Judged,
    clock: Clock,
    seconds: Callable[[], float],
    *,
    lease: Lease | None = None,
) -> RunRow:
    """Write the result, whole or not at all.

    Raises:
        RunSuperseded: another result of the reconciliation was committed since `prior`.
        LeaseLost: `lease` is somebody else's by now.
    """
    settling = _Settling(intent, judged, clock, seconds)
    return store.commit(
        RunResult(
            intent=intent,
            fence=prior.fence,
            settle=settling.transitions,
            finish=settling.row,
            open_items=judged.open_items,
            quarantine=judged.quarantine,
            covered={
                Side.INTERNAL: judged.internal.complete,
                Side.EXTERNAL: judged.external.complete,
            },
            lease=lease,
        )
    )


def dry_settle(
    store: Store,
    intent: RunIntent,
    judged: Judged,
    clock: Clock,
    seconds: Callable[[], float],
) -> tuple[RunRow, list[BreakRow]]:
    """The same answer, and the breaks that would be open, without writing anything."""
    settling = _Settling(intent, judged, clock, seconds)
    with store.view(intent.reconciliation) as view:
        steps = [each for each in settling.transitions(view) if each.open]
    carried = {each.id for each in steps if each.brk is None}
    unresolved = BreakFilter(
        reconciliation=intent.reconciliation,
        states=[state.value for state in State if state is not State.RESOLVED],
    )
    stored = {row.id: row for row in store.breaks(unresolved) if row.id in carried}
    rows = [_dry_row(each, each.brk, intent, stored.get(each.id)) for each in steps]
    return settling.row(), rows


def _dry_row(
    step: Transition, brk: Found | None, intent: RunIntent, stored: BreakRow | None
) -> BreakRow:
    """The row that the step would leave; of a break that was not found again, the one there is."""
    if brk is None:
        assert stored is not None
        return replace(stored, state=step.state.value)
    return BreakRow(
        id=step.id,
        reconciliation=intent.reconciliation,
        state=step.state.value,
        cause=brk.cause,
        doubt=brk.doubt,
        content=json.loads(brk.content),
        value_amount=Decimal(brk.amount) if brk.amount is not None else None,
        value_currency=brk.currency,
        first_seen=moment(step.first_seen),
        opened_at=moment(step.opened_at),
        cleared_at=None,
        run_id=intent.run_id,
        business_date=step.business_date,
        value_prices=prices_of(brk.prices),
    )
