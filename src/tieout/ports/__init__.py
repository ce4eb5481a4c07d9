"""What the core and the services need from the outside world. Protocols and their values only.

Adapters implement these; `tieout.testing` has in-memory ones that pass the same conformance
suites. Nothing here names a concrete adapter.
"""

from tieout.ports.engines import CheckTask, Engine, Matching, MatchTask, SideFacts, SideTask
from tieout.ports.live import Book, Feed, Notifier, Rows, Spending, Venue, spending
from tieout.ports.matches import LogFile, Matches, MatchLog
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
    "LogFile",
    "MatchLog",
    "MatchTask",
    "Matches",
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
    "Spending",
    "Spool",
    "Store",
    "StoreView",
    "Venue",
    "spending",
]
