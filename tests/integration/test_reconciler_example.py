"""The example of an engine with a Reconciler runs as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import tieout

ROOT = Path(__file__).parents[2]


def test_the_example_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "embedding_reconciler.py")],
        env={**os.environ, "PYTHONPATH": str(Path(tieout.__file__).parents[1])},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, found, last = done.stdout.splitlines()
    assert first == "at the start: Ready(ok=True, reasons=())"
    assert found == "a break: BTC/USDT:USDT 0.2 high"
    assert "1 open break of severity high or above" in last
