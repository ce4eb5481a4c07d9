"""`tieout config`: check a configuration, and say what it means."""

from __future__ import annotations

from pathlib import Path

from tieout.cli.console import Options, count, out, plain_text, warn
from tieout.config import load
from tieout.config.explain import explain


def check(config: Path, options: Options) -> None:
    """Read a configuration and name everything that is wrong with it."""
    settings = load(config)
    for each in settings.warnings:
        warn(each.message, options)
    sources = count(len(settings.sources), "source")
    reconciliations = count(len(settings.reconciliations), "reconciliation")
    out(f"{config}: good; {sources}, {reconciliations}")


def explain_config(config: Path, options: Options) -> None:
    """Say in words what a configuration means, every default included."""
    settings = load(config)
    for each in settings.warnings:
        warn(each.message, options)
    for number, explanation in enumerate(explain(settings)):
        if number:
            out()
        for line in explanation.lines():
            out(plain_text(line))
