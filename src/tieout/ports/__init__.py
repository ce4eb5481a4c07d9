"""What the core and the services need from the outside world. Protocols and their values only.

Adapters implement these; `tieout.testing` has in-memory ones that pass the same conformance
suites. Nothing here names a concrete adapter.
"""

from tieout.ports.engines import CheckTask, Engine, Matching, MatchTask, SideFacts, SideTask
from tieout.ports.live import Book, Feed, Notifier, Rows, Venue
from tieout.ports.reports import ReportData, ReportWriter
from tieout.ports.sources import Clock, Source
from tieout.ports.store import Journal, Lease, Monitors, Pause, RunResult, Spool, Store, StoreView

__all__ = [
    "Book",
    "CheckTask",
    "Clock",
    "Engine",
    "Feed",
    "Journal",
    "Lease",
    "MatchTask",
    "Matching",
    "Monitors",
    "Notifier",
    "Pause",
    "ReportData",
    "ReportWriter",
    "Rows",
    "RunResult",
    "SideFacts",
    "SideTask",
    "Source",
    "Spool",
    "Store",
    "StoreView",
    "Venue",
]
