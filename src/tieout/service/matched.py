"""The logs that a run looks at, and the one that it leaves: see ADR 19."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta

from tieout.core.matched import Keep, KeptLog, LoggedDate, believable, kept_since, overtaken
from tieout.core.model import Agrees, Candidate, Outcome, Pair, Side, WithinTolerance
from tieout.core.rows import RunIntent
from tieout.core.scan import Coverage
from tieout.errors import StoreError
from tieout.ports import LogFile, Matches, MatchLog, Store


@dataclass(slots=True)
class Matched:
    """The matches that a reconciliation keeps, for one run.

    Attributes:
        logged: the dates from the earliest on whose matches may still be kept, newest first.
        rules: the digest of the rules that the run's log is of; empty: of several.
    """

    keep: Keep
    matches: Matches
    store: Store
    intent: RunIntent
    logged: Sequence[LoggedDate]
    rules: str

    def before(self) -> list[LogFile]:
        """The logs of earlier dates, the newest first, verified. Raises MatchLogLost."""
        return self._files(self.intent.business_date - timedelta(days=1))

    def again(self) -> list[LogFile]:
        """With that of the business date itself, for a run that adds to it. Raises MatchLogLost."""
        day = self.intent.business_date
        files = self._files(day)
        if any(each.business_date == day and not each.same_rules for each in files):
            self.rules = ""
        return files

    def _files(self, until: date) -> list[LogFile]:
        day = self.intent.business_date
        since = kept_since(self.logged, self.keep.since(day), until=day)
        found = believable(self.logged, since=since, until=until)
        dates = self._dates(found)
        # The oldest first: what later ones rest on has to be run again before them.
        files = [self._file(each, dates) for each in reversed(found)]
        return files[::-1]

    def _dates(self, logs: Sequence[LoggedDate]) -> Sequence[LoggedDate]:
        """All dates that the logs rest on. A pair that keeps coming is taken on for long."""
        rests = [each.log.rests for each in logs if each.log and each.log.rests]
        if not rests:
            return ()
        return self.store.logged(self.intent.reconciliation, since=min(rests))

    def _file(self, logged: LoggedDate, dates: Sequence[LoggedDate]) -> LogFile:
        assert logged.log is not None
        on = logged.business_date
        later = [each.log for each in self.logged if each.business_date > self.intent.business_date]
        path = self.matches.find(
            self.intent.reconciliation,
            logged,
            restated=overtaken(logged, dates),
            removed=any(log is not None and log.since > on for log in later),
        )
        return LogFile(path, on, logged.log.rules == self.intent.rules_digest)

    def written(self, log: MatchLog) -> Callable[[], KeptLog]:
        """Write the run's log; what is returned gives it its name, inside the run's transaction."""
        name, run_id, day = (
            self.intent.reconciliation,
            self.intent.run_id,
            self.intent.business_date,
        )
        rows, rests = log.write(self.matches.part(name, run_id))
        since = kept_since(self.logged, self.keep.kept(day), until=day)
        sealed = KeptLog(self.matches.seal(name, run_id), rows, since, rests, self.rules)

        def place() -> KeptLog:
            self.matches.place(name, run_id, sealed)
            return sealed

        return place

    def sweep(self) -> None:
        """Remove the logs that no run will look at any more. After the commit."""
        name = self.intent.reconciliation
        # The run is committed, whatever happens here; the next one removes what is left.
        with suppress(StoreError, OSError), self.store.unchanging(name) as running:
            logged = self.store.logged(name, since=self.keep.kept(self.intent.business_date))
            named = {each.log.digest for each in logged if each.log is not None}
            self.matches.sweep(name, named=named, running=running)


def matched(
    keep: Keep | None, matches: Matches | None, store: Store, intent: RunIntent
) -> Matched | None:
    """What a run keeps of its matches; None where it keeps nothing."""
    if keep is None or matches is None:
        return None
    logged = store.logged(intent.reconciliation, since=keep.kept(intent.business_date))
    return Matched(keep, matches, store, intent, logged, intent.rules_digest)


def note_match(log: MatchLog, candidate: Candidate, outcome: Outcome) -> None:
    """Add a pair that was handed out and turned out well to the log."""
    if isinstance(candidate, Pair) and isinstance(outcome, Agrees | WithinTolerance):
        log.add(candidate)


def noted(coverage: Mapping[Side, Coverage], log: MatchLog | None) -> dict[Side, Coverage]:
    """The sides, with a note on how many of their records came again unchanged."""
    found = dict(coverage)
    for side, number in () if log is None else log.reconciled.items():
        if number:
            note = f"{number:,} records matched on an earlier date and came again unchanged"
            found[side] = replace(found[side], notes=(*found[side].notes, note))
    return found
