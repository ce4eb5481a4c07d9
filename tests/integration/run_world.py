"""Two small files, four reconciliations of them, and `tieout` run on these in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tieout import cli as program

CONFIG = """
version: 1
store: sqlite:///store.db
reporting_currency: USD
sources:
  book: {type: file, path: book.csv, timezone: UTC}
  broker: {type: file, path: broker.csv, timezone: UTC}
  same: {type: file, path: book.csv, timezone: UTC}
  gone: {type: file, path: gone.csv, timezone: UTC}
  short: {type: file, path: broker.csv, timezone: UTC, expect: {rows: 99}}
reconciliations:
  bad: {records: trades, internal: book, external: broker, match: [{on: [trade_id]}]}
  good: {records: trades, internal: book, external: same, match: [{on: [trade_id]}]}
  failed: {records: trades, internal: book, external: gone, match: [{on: [trade_id]}]}
  incomplete: {records: trades, internal: book, external: short, match: [{on: [trade_id]}]}
"""
INTERNAL = """trade_id,symbol,quantity,price,price_currency,timestamp
T1,AAPL,100,10,USD,2026-03-02T09:00:00Z
T2,AAPL,100,10,USD,2026-03-02T09:00:00Z
T3,MSFT,1.50,400.5,USD,2026-03-02T09:00:00.123456789Z
"""
EXTERNAL = """trade_id,symbol,quantity,price,price_currency,timestamp
T1,AAPL,100,10,USD,2026-03-02T09:00:00Z
T2,AAPL,97,10,USD,2026-03-02T09:00:00Z
"""
AS_OF = ("--as-of", "2026-03-02T18:00:00Z")


def written(folder: Path) -> Path:
    """The files, in `folder`."""
    (folder / "tieout.yaml").write_text(CONFIG)
    (folder / "book.csv").write_text(INTERNAL)
    (folder / "broker.csv").write_text(EXTERNAL)
    return folder


def code(*arguments: str) -> int:
    """Run in this process; the exit code."""
    with pytest.raises(SystemExit) as done:
        program.main([*arguments])
    assert isinstance(done.value.code, int)
    return done.value.code
