"""Breaks, runs and open items to put into stores, and one way to run one."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tieout.core.canonical import break_id, nanoseconds
from tieout.core.found import found_of
from tieout.core.held import Held, held_of
from tieout.core.lifecycle import Evidence, KnownBreak, Transition, settle
from tieout.core.merging import merging
from tieout.core.model import (
    Break,
    BreakRecord,
    Difference,
    Kind,
    Money,
    Quarantined,
    Role,
    RunStatus,
    Severity,
    Side,
)
from tieout.core.rows import RunIntent, RunRow
from tieout.core.tally import Tally
from tieout.ports import RunResult, Store, StoreView

D1, D2, D3, D4 = (date(2026, 7, day) for day in (1, 2, 3, 6))
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def brk(
    id_: str,
    *,
    price: str = "101",
    kind: Kind = Kind.PRICE,
    severity: Severity = Severity.MEDIUM,
    reconciliation: str = "r",
    **changes: Any,
) -> Break:
    """A break; `price` is what the external side says."""
    record = {"trade_id": id_, "price": "100"}
    values: dict[str, Any] = {
        "id": id_,
        "reconciliation": reconciliation,
        "kind": kind,
        "severity": severity,
        "key": {"trade_id": id_},
        "records": (
            BreakRecord(Side.INTERNAL, Role.PRIMARY, record),
            BreakRecord(Side.EXTERNAL, Role.PRIMARY, {**record, "price": price}),
        ),
        "differences": (Difference("price", "100", price, str(Decimal(100) - Decimal(price))),),
        "value": Money(Decimal("1.23000"), "USD"),
    }
    return Break(**{**values, **changes})


def item(
    id_: str,
    *,
    side: Side = Side.INTERNAL,
    since: date = D1,
    unreadable: bool = False,
    **values: str,
) -> Held:
    """A carried record."""
    identity = {"venue": None, "trade_id": id_}
    key = break_id("r", identity, side)
    record = {**identity, "price": "1", **values}
    return held_of(key, side, identity, record, since, unreadable=unreadable)


def intent(
    day: date = D1,
    *,
    reconciliation: str = "r",
    as_of: datetime | None = None,
    **changes: Any,
) -> RunIntent:
    moment = as_of or datetime(day.year, day.month, day.day, 18, tzinfo=UTC)
    values: dict[str, Any] = {
        "run_id": uuid.uuid4().hex,
        "reconciliation": reconciliation,
        "started_at": moment,
        "as_of": moment,
        "business_date": day,
        "rules_digest": "rules",
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    return RunIntent(**{**values, **changes})


class Finished:
    """Counts the transitions of a run, and ends it with a row."""

    def __init__(self, began: RunIntent, evidence: Evidence, found: Iterable[Break]) -> None:
        self.began = began
        self.evidence = evidence
        written = (found_of(each, snapshot=evidence.snapshot) for each in found)
        self.found = sorted(written)
        self.tally = Tally()
        self.transitions: list[Transition] = []

    def settle(self, view: StoreView) -> Iterator[Transition]:
        self.tally, self.transitions = Tally(), []
        as_of = nanoseconds(self.began.as_of)
        merges = merging(view.open_breaks, self.found, self.evidence)
        for step in settle(
            view.open_breaks(), self.found, view.known, self.evidence, as_of=as_of, merges=merges
        ):
            self.tally.add(step)
            self.transitions.append(step)
            yield step

    def row(self, **changes: Any) -> RunRow:
        breaks = self.tally.counts()
        values: dict[str, Any] = {
            "run_id": self.began.run_id,
            "reconciliation": self.began.reconciliation,
            "status": RunStatus.BREAKS if breaks.open else RunStatus.CLEAN,
            "as_of": self.began.as_of,
            "business_date": self.began.business_date,
            "started_at": self.began.started_at,
            "finished_at": self.began.started_at + timedelta(seconds=2),
            "rules_digest": self.began.rules_digest,
            "breaks": breaks,
            "digest": "digest",
            "seconds": 2.0,
        }
        return RunRow(**{**values, **changes})


def commit(
    store: Store,
    day: date,
    found: Iterable[Break] = (),
    *,
    items: Iterable[Held] = (),
    quarantine: Iterable[tuple[Side | None, Quarantined]] = (),
    covered: Mapping[Side, bool] | None = None,
    evidence: Evidence | None = None,
    fence: int | None = None,
    began: RunIntent | None = None,
    **changes: Any,
) -> RunRow:
    """A whole run of `day`: it begins, finds, and is committed."""
    began = began or intent(day)
    store.begin(began)
    fence = store.prior(began.reconciliation).fence if fence is None else fence
    run = Finished(began, evidence or Evidence(complete=True, business_date=day), found)
    return store.commit(
        RunResult(
            intent=began,
            fence=fence,
            settle=run.settle,
            finish=lambda: run.row(**changes),
            open_items=sorted(items),
            quarantine=quarantine,
            covered=covered or {},
        )
    )


def known(store: Store, id_: str, reconciliation: str = "r") -> KnownBreak:
    with store.view(reconciliation) as view:
        return view.known([id_])[id_]


def events(store: Store, id_: str) -> list[str]:
    return [row.event for row in store.history(id_)]
