"""A report's data, as small or as hostile as a test wants it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tieout.core.model import Quarantined, RunStatus, Side
from tieout.core.rows import BreakCounts, BreakRow, QuarantineRow, RunCounts, RunRow
from tieout.core.scan import Coverage, InputFile
from tieout.ports import ReportData

AS_OF = datetime(2026, 3, 2, 22, 0, tzinfo=UTC)
DAY = date(2026, 3, 2)
HOSTILE = "<img src=x onerror=alert(1)>"


def trade(trade_id: str = "T-1001", **values: str | None) -> dict[str, str | None]:
    """A trade as canonical text."""
    return {
        "account": "MM-01",
        "venue": "xnas",
        "symbol": "AAPL",
        "trade_id": trade_id,
        "side": "buy",
        "quantity": "100",
        "price": "187.25",
        "timestamp": "2026-03-02T14:30:00.125000000Z",
        **values,
    }


def difference(
    field: str, internal: str | None, external: str | None, amount: str | None = None
) -> dict[str, str | None]:
    return {"field": field, "internal": internal, "external": external, "difference": amount}


def part(side: str, record: Mapping[str, Any], role: str = "primary") -> dict[str, Any]:
    return {"side": side, "role": role, "record": dict(record)}


def break_row(
    name: str = "T-1001",
    *,
    kind: str = "PRICE",
    severity: str = "medium",
    records: Sequence[Mapping[str, Any]] | None = None,
    differences: Iterable[Mapping[str, Any]] | None = None,
    value: tuple[str, str] | None = ("10", "USD"),
    age: timedelta = timedelta(hours=4),
    reconciliation: str = "executions-vs-confirmations",
    state: str = "open",
    doubt: bool = False,
) -> BreakRow:
    """A break as the store shows it; by default a price that differs in one digit."""
    if records is None:
        records = [part("internal", trade(name)), part("external", trade(name, price="187.35"))]
        differences = differences or [difference("price", "187.25", "187.35", "-0.1")]
    identity = ("account", "venue", "symbol", "trade_id", "side", "leg", "currency")
    anchor = records[0]["record"]
    id_ = hashlib.sha256(f"{reconciliation}{kind}{name!r}".encode()).hexdigest()[:32]
    content = {
        "id": id_,
        "kind": kind,
        "severity": severity,
        "key": {column: anchor[column] for column in identity if column in anchor},
        "records": list(records),
        "differences": list(differences or []),
    }
    amount, currency = value or (None, None)
    return BreakRow(
        id=id_,
        reconciliation=reconciliation,
        state=state,
        cause="unknown",
        doubt=doubt,
        content=content,
        value_amount=None if amount is None else Decimal(amount),
        value_currency=currency,
        first_seen=AS_OF - age,
        opened_at=AS_OF - age,
        cleared_at=None,
        run_id="run-0001",
        business_date=DAY,
    )


def coverage(source: str, rows: int = 2_004, **values: Any) -> Coverage:
    given: dict[str, Any] = {
        "quarantined": 0,
        "complete": True,
        "watermark": 1_772_485_199_900_000_000,
        "inputs": (
            InputFile(f"{source}.csv", hashlib.sha256(source.encode()).hexdigest(), 182_044),
        ),
        **values,
    }
    return Coverage(source=source, rows=rows, **given)


def run_row(
    breaks: Sequence[BreakRow] = (),
    /,
    *,
    reconciliation: str = "executions-vs-confirmations",
    status: RunStatus | None = None,
    **values: Any,
) -> RunRow:
    """A run of 2,004 trades whose counts fit `breaks`."""
    mine = [row for row in breaks if row.reconciliation == reconciliation]
    by_kind: dict[str, int] = {}
    by_severity: dict[str, int] = {}
    for row in mine:
        by_kind[row.content["kind"]] = by_kind.get(row.content["kind"], 0) + 1
        label = row.content["severity"]
        by_severity[label] = by_severity.get(label, 0) + 1
    given: dict[str, Any] = {
        "internal": coverage("executions"),
        "external": coverage("confirmations"),
        "counts": RunCounts(matched=2_004 - len(mine), within_tolerance=37, broken=len(mine)),
        "breaks": BreakCounts(
            open=len(mine), new=len(mine), by_kind=by_kind, by_severity=by_severity
        ),
        "digest": hashlib.sha256(b"digest").hexdigest(),
        **values,
    }
    return RunRow(
        run_id="run-0001",
        reconciliation=reconciliation,
        status=status or (RunStatus.BREAKS if mine else RunStatus.CLEAN),
        as_of=AS_OF,
        business_date=DAY,
        started_at=AS_OF + timedelta(seconds=1),
        finished_at=AS_OF + timedelta(seconds=2),
        rules_digest=hashlib.sha256(b"rules").hexdigest(),
        seconds=1.2345678,
        **given,
    )


def unreadable(raw: str = "T-9,AAPL,abc", **values: Any) -> QuarantineRow:
    entry = Quarantined(
        source="executions",
        place="executions.csv",
        row=9,
        line=10,
        field="quantity",
        reason="'abc' is not a number",
        raw=raw,
    )
    return QuarantineRow(run_id="run-0001", side=Side.INTERNAL, entry=entry)


def report(
    breaks: Sequence[BreakRow] = (),
    *,
    runs: Sequence[RunRow] | None = None,
    quarantine: Sequence[QuarantineRow] = (),
    **values: Any,
) -> ReportData:
    return ReportData(
        generated_at=AS_OF + timedelta(minutes=5),
        runs=[run_row(breaks)] if runs is None else runs,
        breaks=lambda: iter(breaks),
        quarantine=lambda: iter(quarantine),
        total_breaks=len(breaks),
        **values,
    )
