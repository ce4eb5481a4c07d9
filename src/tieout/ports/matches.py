"""The log of what matched: how engines read and write it, and where its files are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from tieout.core.matched import KeptLog, LoggedDate
from tieout.core.model import Pair, Side


@dataclass(frozen=True, slots=True)
class LogFile:
    """The pairs of a business date, in a Parquet file whose bytes were verified.

    Attributes:
        same_rules: they matched by the rules of the run at hand.
    """

    path: str
    business_date: date
    same_rules: bool = True


class MatchLog(Protocol):
    """The log of the match at hand. What the engine counted as agreed is in it already.

    A row is a pair, or (`ended`) one that an earlier log has and that is told anew. Its columns:
    `internal_<column>` and `external_<column>`, or `both_<column>` where these are equal in every
    row; `since_<side>`, the business date that the record came with where that is not the log's;
    `derived_<side>`, an id that was derived from the content; `pass`, the number of the pass.
    """

    @property
    def reconciled(self) -> Mapping[Side, int]:
        """Records of each side that came again unchanged, and were left out."""
        ...

    def add(self, pair: Pair) -> None:
        """Add a pair that was handed out and agrees, or differs inside tolerance."""
        ...

    def write(self, path: str) -> tuple[int, date | None]:
        """Write the log. While the match lasts.

        Returns:
            How many rows it has; and the earliest date that one of them is since, if any is since
            another date than the log's.
        """
        ...


class Matches(Protocol):
    """Where logs are kept: files named by their digests, a directory for each reconciliation."""

    def find(
        self,
        reconciliation: str,
        logged: LoggedDate,
        *,
        restated: date | None = None,
        removed: bool = False,
    ) -> str:
        """The path of a date's log.

        Args:
            restated: a date that the log rests on, and that ran again after it.
            removed: a run for a later date kept it no more.

        Raises:
            MatchLogLost: it is not there, or its bytes are not those that were written; or it rests
                on a date that was restated.
        """
        ...

    def part(self, reconciliation: str, run_id: str) -> str:
        """Where a run writes its log, before anything names it."""
        ...

    def seal(self, reconciliation: str, run_id: str) -> str:
        """Sync the run's log to disk; returns its digest."""
        ...

    def place(self, reconciliation: str, run_id: str, log: KeptLog) -> None:
        """Give the run's log its name. Inside the transaction that commits the run."""
        ...

    def sweep(
        self, reconciliation: str, *, named: Collection[str], running: Collection[str]
    ) -> None:
        """Remove the files of logs that no run names, and those of runs that are not running.

        Args:
            named: digests. `running`: ids of runs.
        """
        ...
