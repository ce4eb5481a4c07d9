"""`tieout db`: the store's schema."""

from __future__ import annotations

from pathlib import Path

from tieout import wiring
from tieout.cli.arguments import store_url
from tieout.cli.console import out


def upgrade(config: Path | None, store: str | None) -> None:
    """Bring the store's schema to this version of Tieout. Safe to repeat."""
    wiring.upgrade_store(store_url(store, config))
    out("the store is up to date")
