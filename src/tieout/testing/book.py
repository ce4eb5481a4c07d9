"""A Book in memory, for tests of what asks one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tieout.core.asked import answered, identified
from tieout.core.canonical import nanoseconds
from tieout.core.live import Answer, Ask
from tieout.core.model import Quarantined, Record, Value
from tieout.core.schema import RECORD_TYPES
from tieout.errors import SourceError
from tieout.ports import Clock


class MemoryBook:
    """Believes what it is told. See `ports.Book`.

    Args:
        offers: the record types that it can be asked for.
        account, venue: of rows that do not name their own.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        name: str = "book",
        account: str = "main",
        venue: str = "simulated",
        offers: Iterable[str] = ("positions", "balances", "orders", "trades", "movements"),
    ) -> None:
        self._clock = clock
        self._name = name
        self._own = {"account": account, "venue": venue}
        self._rows: dict[str, list[dict[str, Value]]] = {records: [] for records in offers}
        self._bad: list[Quarantined] = []
        self._changes = 0
        self._failure: SourceError | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def offers(self) -> frozenset[str]:
        return frozenset(self._rows)

    def put(self, records: str, *rows: Mapping[str, Value]) -> None:
        """Believe this, in place of all that was believed of `records`."""
        self._rows[records] = []
        self.add(records, *rows)

    def add(self, records: str, *rows: Mapping[str, Value]) -> None:
        """Believe this as well. A snapshot without `as_of` is of the time of asking."""
        self._rows[records] += [{**self._own, **row} for row in rows]
        self._changes += 1

    def quarantine(self, *rows: Quarantined) -> None:
        """Hold rows that nobody can read. They belong to every answer that their values allow."""
        self._bad += rows
        self._changes += 1

    def fail(self, error: SourceError | None) -> None:
        """Answer nothing any more but this error; None: answer again."""
        self._failure = error

    async def fetch(self, ask: Ask) -> Answer:
        """Raises SourceError: it was told to fail, or does not have such records."""
        if self._failure is not None:
            raise self._failure
        if ask.records not in self._rows:
            raise SourceError(f"this book has no {ask.records}", where=self._name)
        now = nanoseconds(self._clock.now())
        rows = self._rows[ask.records]
        names = dict.fromkeys(name for row in rows for name in row)
        stamped = {"as_of": now} if "as_of" in RECORD_TYPES[ask.records].columns else {}
        records, conflicts = identified(
            (Record({**dict.fromkeys(names), **stamped, **row}, {}) for row in rows),
            ask.records,
            source=self._name,
            place=ask.records,
        )
        return answered(
            self._name,
            ask,
            records,
            [*self._bad, *conflicts],
            asked_at=now,
            answered_at=nanoseconds(self._clock.now()),
        )

    async def version(self) -> str:
        if self._failure is not None:
            raise self._failure
        return str(self._changes)

    async def symbols(self) -> frozenset[str]:
        """Every symbol that it was told of."""
        rows = (row for each in self._rows.values() for row in each)
        return frozenset(str(row["symbol"]) for row in rows if row.get("symbol") is not None)

    async def aclose(self) -> None:
        """Nothing is open."""
