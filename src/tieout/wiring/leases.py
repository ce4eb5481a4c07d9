"""Leases of monitors, looked at from outside: who holds them, and whether that one lives."""

from __future__ import annotations

from tieout.adapters.store.processes import holder_parts, runs_here
from tieout.ports import Lease


def process_of(lease: Lease) -> tuple[str, int] | None:
    """Host and process id of the holder; None where it is called otherwise."""
    parts = holder_parts(lease.holder)
    return None if parts is None else parts[:2]


def runs(lease: Lease) -> bool:
    """Whether the holder's process is seen to run on this host."""
    return runs_here(lease.holder)
