"""Where alerts go while there is no channel: the log, once a matter."""

from __future__ import annotations

import logging
from threading import Lock

from tieout.core.model import Severity

logger = logging.getLogger("tieout.alerts")


class LogNotifier:
    """Writes an alert at the level of its severity."""

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._lock = Lock()

    def alert(self, severity: Severity, title: str, text: str, *, about: str) -> None:
        """Write it, unless the matter has been written of and is not settled."""
        with self._lock:
            if about in self._open:
                return
            self._open.add(about)
        level = logging.CRITICAL if severity is Severity.CRITICAL else logging.WARNING
        logger.log(level, "%s: %s", title, text)

    def settled(self, about: str) -> None:
        """Write so, where it had been written of."""
        with self._lock:
            if about not in self._open:
                return
            self._open.discard(about)
        logger.warning("settled: %s", about)
