"""What monitors agree on, in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from tieout.core.model import RunStatus
from tieout.core.rows import DaySummary, RunRow
from tieout.ports import Lease, Pause


class MemoryMonitors:
    """Keeps leases, pauses and cursors in dictionaries. See `ports.Monitors`.

    Args:
        forget: removes the runs that may be folded, and returns them.
    """

    def __init__(self, forget: Callable[[datetime], Sequence[RunRow]]) -> None:
        self._forget = forget
        self._leases: dict[str, Lease] = {}
        self._fences: dict[str, int] = {}
        self._pauses: dict[str, Pause] = {}
        self._cursors: dict[str, int] = {}
        self._days: dict[tuple[str, date], DaySummary] = {}
        self._lock = threading.RLock()

    def acquire(self, name: str, holder: str, *, seconds: float, now: int) -> Lease | None:
        until = now + round(seconds * 1_000_000_000)
        with self._lock:
            held = self._leases.get(name)
            if held is not None and held.holder == holder:
                lease = replace(held, until=max(until, held.until + 1))
            elif held is not None and held.until > now:
                return None
            else:
                self._fences[name] = self._fences.get(name, 0) + 1
                lease = Lease(name, holder, self._fences[name], until)
            self._leases[name] = lease
            return lease

    def release(self, lease: Lease) -> None:
        with self._lock:
            if self.holds(lease):
                del self._leases[lease.name]

    def holds(self, lease: Lease) -> bool:
        held = self._leases.get(lease.name)
        return held is not None and (held.holder, held.fence) == (lease.holder, lease.fence)

    def leases(self) -> Sequence[Lease]:
        return [self._leases[name] for name in sorted(self._leases)]

    def break_lease(self, lease: Lease) -> bool:
        with self._lock:
            if self._leases.get(lease.name) != lease:
                return False
            del self._leases[lease.name]
            self._fences[lease.name] += 1
            return True

    def pause(self, pause: Pause) -> None:
        self._pauses[pause.scope] = pause

    def resume(self, scope: str) -> bool:
        return self._pauses.pop(scope, None) is not None

    def pauses(self, now: int) -> Sequence[Pause]:
        every = sorted(self._pauses.values(), key=lambda pause: pause.scope)
        return [pause for pause in every if pause.until is None or pause.until > now]

    def cursor(self, name: str) -> int | None:
        return self._cursors.get(name)

    def advance(self, name: str, to: int) -> None:
        with self._lock:
            self._cursors[name] = max(to, self._cursors.get(name, to))

    def fold(self, *, before: datetime) -> int:
        with self._lock:
            folded = self._forget(before)
            for row in folded:
                key = row.reconciliation, row.business_date
                day = self._days.get(key, DaySummary(*key, runs=0))
                self._days[key] = replace(
                    day,
                    runs=day.runs + 1,
                    clean=day.clean + (row.status is RunStatus.CLEAN),
                    breaks=day.breaks + (row.status is RunStatus.BREAKS),
                    incomplete=day.incomplete + (row.status is RunStatus.INCOMPLETE),
                    failed=day.failed + (row.status is RunStatus.FAILED),
                )
            return len(folded)

    def summaries(self, *, reconciliation: str | None = None) -> Iterator[DaySummary]:
        for (name, _), day in sorted(self._days.items()):
            if reconciliation in (None, name):
                yield day
