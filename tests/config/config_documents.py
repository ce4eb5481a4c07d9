"""Configurations that the tests share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tieout.config import Settings, load, parse
from tieout.errors import ConfigError, Problem

SMALL = """\
version: 1
sources:
  ours: {type: file, path: ours.csv, timezone: UTC}
  theirs: {type: file, path: theirs.csv, timezone: UTC}
reconciliations:
  trades:
    records: trades
    internal: ours
    external: theirs
"""

FULL = """\
version: 1
store: sqlite:///tieout.db
reporting_currency: USD
sources:
  executions:    {type: file, path: executions.csv, columns: {symbol: ticker}, timezone: UTC}
  confirmations: {type: file, path: confirmations.csv, columns: {symbol: ticker}, timezone: UTC}
  pnl:           {type: file, path: pnl.csv, records: pnl}
  prices:        {type: file, path: prices.csv, records: prices, max_age: 1h}
reconciliations:
  executions-vs-confirmations:
    records: trades
    internal: executions
    external: confirmations
    match:
      - {on: [trade_id]}
    compare:
      symbol: exact
      side: exact
      quantity: exact
      price: {within: "0.005"}
      timestamp: {within: 100ms}
    checks:
      - {pnl: as-given, source: pnl, on: [trade_id]}
    deadline: 60s
    severity:
      preset: exchange-validation
      quantity: {medium: 1%, high: 5%, critical: 10%, min_value: {USD: 10}}
      missing: critical
    policy:
      - {when: {severity: critical}, do: halt}
      - {when: {severity: [medium, high]}, do: review}
      - when: {kind: quantity}
        do: {sync: internal}
        limit: {quantity: "0.01", value: {USD: 100}, per_run: 20}
"""

VENUE = "type: venue, venue: binance_spot, api_key: env:K, secret: env:S"
LIVE = f"""\
version: 1
sources:
  ours: {{type: book}}
  theirs: {{{VENUE}}}
reconciliations:
  both:
    records: balances
    internal: ours
    external: theirs
"""


def loaded(directory: Path, text: str, **environ: str) -> Settings:
    """The settings of `text` in a file `tieout.yaml`."""
    file = directory / "tieout.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ)


def problems(text: str | dict[str, Any], base: Path | None = None) -> tuple[Problem, ...]:
    """What is wrong with `text`; nothing where it loads."""
    try:
        parse(text, base, {})
    except ConfigError as error:
        return error.problems
    return ()


def small(source: str = "", reconciliation: str = "", document: str = "") -> str:
    """SMALL with more keys for `ours` (in a flow mapping), for `trades`, or at the top."""
    text = SMALL
    if source:
        text = text.replace("path: ours.csv", f"path: ours.csv, {source}")
    if reconciliation:
        lines = "\n".join(f"    {line}" for line in reconciliation.splitlines())
        text += f"{lines}\n"
    return text + (f"{document}\n" if document else "")


def live_document(keys: str = "", records: str = "balances", **sources: str) -> str:
    """LIVE with more keys for `both`, of other records, or with other sources."""
    text = LIVE.replace("balances", records)
    text = text.replace(VENUE, sources.get("theirs", VENUE))
    text = text.replace("ours: {type: book}", f"ours: {{{sources.get('ours', 'type: book')}}}")
    return text + "".join(f"    {line}\n" for line in keys.splitlines())
