"""Python code in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import tieout


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    source = str(Path(tieout.__file__).parents[1])
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": source, **environment}
    return subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, encoding="utf-8", check=False
    )
