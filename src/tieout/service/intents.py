"""The row of a run before it has a result, and where it never gets one."""

from __future__ import annotations

import itertools
import os
import socket
from dataclasses import replace
from datetime import date, datetime

from tieout.core.canonical import digest
from tieout.core.model import RunStatus
from tieout.core.rows import BreakFilter, RunIntent, RunRow
from tieout.ports import Store
from tieout.service.settle import still_open
from tieout.service.setup import Request, Setup

_occurrence = itertools.count()


def intent_of(
    setup: Setup, request: Request, started: datetime, as_of: datetime, day: date, fence: int
) -> RunIntent:
    occurrence = (
        started.isoformat(),
        str(fence),
        socket.gethostname(),
        str(os.getpid()),
        str(next(_occurrence)),
    )
    run_id = digest("run", setup.rules.name, *occurrence)[:32]
    return RunIntent(
        run_id=run_id,
        reconciliation=setup.rules.name,
        started_at=started,
        as_of=as_of,
        business_date=day,
        rules_digest=setup.digest,
        host=socket.gethostname(),
        pid=os.getpid(),
        restate=request.restate,
    )


def empty_row(intent: RunIntent) -> RunRow:
    return RunRow(
        run_id=intent.run_id,
        reconciliation=intent.reconciliation,
        status=RunStatus.FAILED,
        as_of=intent.as_of,
        business_date=intent.business_date,
        started_at=intent.started_at,
        finished_at=None,
        rules_digest=intent.rules_digest,
    )


def aborted_row(intent: RunIntent, reason: str, store: Store) -> RunRow:
    """The row of a run that could not end by itself: whatever was open stays open."""
    return replace(
        empty_row(intent),
        breaks=still_open(store.tally(open_of(intent.reconciliation))),
        reasons=(reason,),
    )


def open_of(reconciliation: str) -> BreakFilter:
    return BreakFilter(reconciliation=reconciliation, states=("open", "in_review", "correcting"))
