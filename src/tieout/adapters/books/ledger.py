"""The embedded ledger as a book: the journal of the store, projected.

1. What a key comes to is worked out by `core.ledger`; a key that has no approved opening entry, or
   that entries contradict each other about, is unreadable here: unknown, and never zero.
2. It knows of every key only where an opening entry says so (`*`); else of those that it names.
3. Rows of the journal are read once, by their numbers, and added to what was projected already. An
   instant before the newest of them is projected on its own.
4. What is dated later than an instant that is asked about was not believed then. Of now that is
   what no clock's error explains: an entry has the venue's time, and a venue may be ahead of us.
   It has happened all the same, or nobody could have written it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final, TypeVar

from msgspec import structs

from tieout.adapters.books.apart import Apart
from tieout.adapters.books.journaled import Journaled
from tieout.core.asked import MAX_SKEW, answered, identified
from tieout.core.canonical import instant, nanoseconds
from tieout.core.entries import Key, KeyKind
from tieout.core.journal import EVERYTHING, JournalEntry
from tieout.core.ledger import Method, Projection, project
from tieout.core.ledger.facts import Facts, placed
from tieout.core.ledger.running import Running
from tieout.core.live import Answer, Ask
from tieout.core.model import Quarantined, Record, Value
from tieout.core.valuation import Instrument
from tieout.errors import CalculationError, SourceError, StoreError
from tieout.ports import Clock, Journal

_T = TypeVar("_T")

OFFERS: Final = frozenset({"positions", "balances", "orders", "trades", "movements"})

LIMIT: Final = 300.0
"""Seconds for one answer: the first one reads the whole journal, 50,000 entries a second."""

_KINDS: Final = {"positions": KeyKind.POSITION, "balances": KeyKind.BALANCE}
_COLUMNS: Final = {
    KeyKind.POSITION: ("account", "venue", "symbol", "leg"),
    KeyKind.BALANCE: ("account", "venue", "currency", "wallet"),
}


class LedgerBook:
    """Implements `ports.Book`.

    Args:
        account, venue: only what is of it; None: of all.
        method: how positions are costed.
        max_age: nanoseconds; an answer is in doubt where nothing was written for longer.
        instruments: by unified symbol, for the multipliers of contracts.
        timeout: seconds for one answer.
    """

    def __init__(
        self,
        name: str,
        journal: Journal,
        *,
        clock: Clock,
        account: str | None = None,
        venue: str | None = None,
        method: Method | None = None,
        max_age: int | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        timeout: float = LIMIT,
    ) -> None:
        self._name = name
        self._timeout = timeout
        self._beside = Apart(name, timeout)
        self._journal = journal
        self._scope = {"account": account, "venue": venue}
        self._clock = clock
        self._method = method or Method()
        self._max_age = max_age
        self._instruments = dict(instruments or {})
        self._lock = threading.Lock()
        self._journaled = Journaled()
        self._last = 0
        self._heard = 0
        self._running = Running(self._method, self._instruments)
        self._reached = 0
        self._later: list[JournalEntry] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def offers(self) -> frozenset[str]:
        return OFFERS

    async def fetch(self, ask: Ask) -> Answer:
        """Raises SourceError: the store cannot be read, or an entry does not say what it moved."""
        if ask.records not in OFFERS:
            raise SourceError(
                f"the ledger has no {ask.records}",
                where=self._name,
                hint=f"it has {', '.join(sorted(OFFERS))}",
            )
        asked_at = nanoseconds(self._clock.now())
        return await self._apart(partial(self._answer, ask, asked_at))

    async def projection(self, as_of: int | None = None) -> Projection:
        """What the book says at an instant, UTC nanoseconds; None: now. Orders included.

        Raises:
            SourceError: as `fetch`.
        """
        now = nanoseconds(self._clock.now())
        at = _believed(now) if as_of is None else as_of

        def whole() -> Projection:
            found, placed_ = self._project(at), self._project(at, orders=True)
            dated = now if as_of is None else as_of
            return structs.replace(found, orders=placed_.orders, as_of=dated)

        return await self._apart(whole)

    async def version(self) -> str:
        """The number of the newest entry; and how many are not believed yet, if any are."""
        until = _believed(nanoseconds(self._clock.now()))
        return await self._apart(partial(self._version, until))

    async def symbols(self) -> frozenset[str]:
        """Every symbol that an entry names."""
        return await self._apart(self._symbols)

    async def opened_at(self) -> int | None:
        """Since when the book tells what happened: its first approved opening, UTC ns.

        What was before is contained in that, and not missing here.
        """
        openings = await self._apart(self._opened)
        return min((each.at for each in openings if each.approved_by), default=None)

    async def counting(self) -> Callable[[Key, int], bool]:
        """Whether what happened at an instant comes after the opening of a key.

        What does not is in the opening entry: adding it once more would be wrong.
        """
        facts = Facts(await self._apart(self._opened), None, None)
        return lambda key, at: facts.opening(key) is None or facts.counts(key, at)

    async def aclose(self) -> None:
        """The journal is the store's, and not ours to close."""

    async def _apart(self, work: Callable[[], _T]) -> _T:
        """What `work` comes to, beside the loop: it reads a database and adds up."""
        try:
            return await self._beside.read(work)
        except TimeoutError:
            raise SourceError(
                f"the journal was not read in {self._timeout:g} s",
                where=self._name,
                hint="look whether the database of the store answers",
            ) from None
        except (CalculationError, StoreError) as error:
            raise SourceError(error.what, where=self._name, hint=error.hint) from error

    # Beside the loop: whoever holds the lock may be waiting for the database.

    def _read(self) -> int:
        """Take in what is new in the journal; the number of its newest entry."""
        with self._lock:
            for row in self._journal.read(**self._scope, after=self._last):
                self._journaled.add(row.entry)
                self._later.append(row.entry)
                self._last = row.number
                self._heard = max(self._heard, row.recorded_at)
            return self._last

    def _version(self, until: int) -> str:
        last = self._read()
        with self._lock:
            later = sum(entry.at > until for entry in self._later)
        return f"{last}-{later}" if later else str(last)

    def _symbols(self) -> frozenset[str]:
        self._read()
        with self._lock:
            return frozenset(self._journaled.symbols)

    def _opened(self) -> list[JournalEntry]:
        self._read()
        return self._openings()

    def _openings(self) -> list[JournalEntry]:
        with self._lock:
            return list(self._journaled.openings)

    def _project(self, as_of: int, *, orders: bool = False) -> Projection:
        """Positions and balances at an instant; or the orders."""
        self._read()
        with self._lock:
            if as_of >= self._reached:
                due = [entry for entry in self._later if entry.at <= as_of]
                if due:
                    self._running.add(due)
                    self._reached = max(self._reached, *(entry.at for entry in due))
                    self._later = [entry for entry in self._later if entry.at > as_of]
                ask = self._running.orders if orders else self._running.projection
                return ask(as_of)
            entries = list(self._journaled.entries.values())
        return project(entries, as_of=as_of, method=self._method, instruments=self._instruments)

    def _answer(self, ask: Ask, asked_at: int) -> Answer:
        records: Iterable[Record]
        unreadable: list[Quarantined] = []
        covered, wallets = None, None
        until = _believed(asked_at)
        if ask.records in _KINDS:
            found = self._project(until)
            records = structs.replace(found, as_of=asked_at).records(ask.records)
            unreadable = self._unknown(found, ask.records)
            covered = self._covered(found, _KINDS[ask.records])
            wallets = self._whole(found) if ask.records == "balances" else None
        elif ask.records == "orders":
            records = self._project(until, orders=True).records("orders")
        else:
            records, unreadable = self._events(ask, until)
        answer = answered(
            self._name,
            ask,
            records,
            unreadable,
            asked_at=asked_at,
            answered_at=nanoseconds(self._clock.now()),
            covered=covered,
            doubt=self._stale(asked_at),
        )
        return answer if wallets is None else structs.replace(answer, wallets=wallets)

    def _events(self, ask: Ask, until: int) -> tuple[list[Record], list[Quarantined]]:
        self._read()
        with self._lock:
            entries = self._journaled.asked(ask, until)
        names = dict.fromkeys(name for entry in entries for name in entry.values)
        blank: dict[str, Value] = dict.fromkeys(("account", "venue", *names))
        rows = [
            Record({**blank, **placed(entry)}, {}, number)
            for number, entry in enumerate(entries, 1)
        ]
        return identified(rows, ask.records, source=self._name, place="journal")

    def _unknown(self, found: Projection, records: str) -> list[Quarantined]:
        kind = _KINDS[records]
        return [
            Quarantined(
                source=self._name,
                place="journal",
                row=number,
                reason=why,
                raw=" ".join(_values(key).values()),
                field="quantity" if kind is KeyKind.POSITION else "total",
                values=_values(key),
            )
            for number, (key, why) in enumerate(found.unknown.items(), 1)
            if key.kind is kind
        ]

    def _covered(self, found: Projection, kind: KeyKind) -> frozenset[str] | None:
        """Of which symbols or currencies the book knows what it has; None: of all.

        Where every account and venue that it has entries of was opened whole, what it does not
        name is flat. Elsewhere that is not known.
        """
        records = "positions" if kind is KeyKind.POSITION else "balances"
        name = "symbol" if kind is KeyKind.POSITION else "currency"
        with self._lock:
            places = set(self._journaled.places)
        whole = {
            (entry.account, entry.venue)
            for entry in self._openings()
            if entry.records == records
            and entry.approved_by is not None
            and entry.values.get(name) == EVERYTHING
            and entry.at <= found.as_of
        }
        if places and places == whole:
            return None
        known = (*found.positions, *found.balances, *found.unknown)
        return frozenset(key.name for key in known if key.kind is kind)

    def _whole(self, found: Projection) -> frozenset[str] | None:
        """Of which wallets the book has all that is in them; None: of all. Elsewhere a currency
        that it does not name is unknown: an opening of one wallet says nothing of another."""
        whole = {
            str(entry.values.get("wallet") or "")
            for entry in self._openings()
            if entry.records == "balances"
            and entry.approved_by is not None
            and entry.values.get("currency") == EVERYTHING
            and entry.at <= found.as_of
        }
        return None if "" in whole else frozenset(whole)

    def _stale(self, now: int) -> str | None:
        if self._max_age is None or now - self._heard <= self._max_age:
            return None
        if not self._heard:
            return "the book has never heard of anything"
        return f"the book heard nothing since {instant(self._heard)}, which may be too long ago"


def _believed(now: int) -> int:
    """Until when entries are believed that are dated later than now, UTC nanoseconds."""
    return now + MAX_SKEW


def _values(key: Key) -> dict[str, str]:
    parts = (key.account, key.venue, key.name, key.part)
    return {name: part for name, part in zip(_COLUMNS[key.kind], parts, strict=True) if part}
