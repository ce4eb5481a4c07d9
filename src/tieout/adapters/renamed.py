"""A live source under the names that the configuration gives: symbols, constants, how old is stale.

Answers come with the source's own symbols, and are asked for by the canonical ones. Two records
that become one by it are unreadable both: which of them is meant cannot be known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

from msgspec.structs import replace

from tieout.core.canonical import dumps, plain_record
from tieout.core.entries import VENUES, Conventions
from tieout.core.live import Answer, Ask, Witness
from tieout.core.model import Quarantined, Record, Value
from tieout.core.read import RAW_LIMIT, Reading
from tieout.core.text import NS, Unreadable
from tieout.core.valuation import Instrument
from tieout.ports import Feed

F = TypeVar("F", bound=Feed)

PLACE: Final = "symbols"
"""Where a record was that could not be given its canonical symbol."""


def renamed(
    feed: F, reading: Callable[[str], Reading], *, strict: bool, max_age: int | None = None
) -> F:
    """`feed` itself where nothing is to be renamed, else one that answers under other names.

    Args:
        reading: by record type: its `symbols` and `constants` apply.
        strict: a symbol that is not mapped is quarantined, as those of files are. Otherwise it
            stays as it is: a venue has more of them than anybody lists.
        max_age: nanoseconds after which what the source states is stale.
    """
    known = reading("positions")
    if not known.symbols and not known.constants and max_age is None:
        return feed
    return cast("F", _Renamed(feed, reading, strict=strict, max_age=max_age))


class _Renamed:
    """See `renamed`. What is not about names is the feed's own."""

    def __init__(
        self, feed: Feed, reading: Callable[[str], Reading], *, strict: bool, max_age: int | None
    ) -> None:
        self._feed, self._reading = feed, reading
        self._strict, self._max_age = strict, max_age
        self._symbols = reading("positions").symbols
        self._native: dict[str, set[str]] = defaultdict(set)
        for native, symbol in self._symbols.items():
            self._native[symbol].add(native)

    def __getattr__(self, name: str) -> Any:
        if name == "conventions" and (wallet := self._wallet) is not None:
            usual = VENUES.get(getattr(self._feed, "venue", ""), Conventions())
            return replace(usual, spot=wallet, derivatives=wallet, arrivals=None)
        if name in ("account", "venue") and (said := self._constant(name)) is not None:
            return said  # whose its records are
        return getattr(self._feed, name)

    @property
    def _wallet(self) -> str | None:
        """The wallet of everything, where the configuration says it."""
        return self._constant("wallet")

    def _constant(self, name: str) -> str | None:
        reading = self._reading("balances")
        if name not in reading.constants:
            return None
        return str(reading.cell(reading.records.columns[name], reading.constants[name]))

    async def fetch(self, ask: Ask) -> Answer:
        """See `ports.Feed`."""
        balances = ask.records == "balances"  # of which the symbols are currencies
        asked = ask if balances else replace(ask, symbols=self._to_native(ask.symbols))
        answer = await self._feed.fetch(asked)
        if not balances and answer.symbols is not None:
            answer = replace(answer, symbols=frozenset(map(self._canonical, answer.symbols)))
        if balances and answer.wallets is not None and (wallet := self._wallet) is not None:
            answer = replace(answer, wallets=frozenset({wallet}))
        records, quarantined = self._renamed(answer.records, ask.records)
        return replace(
            answer,
            ask=ask,
            records=records,
            quarantined=(*answer.quarantined, *quarantined),
            reasons=(*answer.reasons, *self._stale(answer)),
        )

    async def second(self, ask: Ask, names: Iterable[str]) -> Witness | None:
        """See `ports.Venue`."""
        asking = getattr(self._feed, "second", None)
        if asking is None:
            return None
        if ask.records == "balances":
            found: Witness | None = await asking(ask, names)
            return found
        native = replace(ask, symbols=self._to_native(ask.symbols))
        found = await asking(native, self._to_native(frozenset(names)) or ())
        if found is None:
            return None
        return replace(found, held=tuple(map(self._canonical, found.held)))

    async def order(self, symbol: str, order_id: str) -> Answer | None:
        """See `ports.Venue`."""
        asking = getattr(self._feed, "order", None)
        if asking is None:
            return None
        for native in sorted(self._to_native(frozenset({symbol})) or ()):
            answer: Answer | None = await asking(native, order_id)
            if answer is not None and answer.records:
                records, unreadable = self._renamed(answer.records, "orders")
                return replace(answer, records=records, quarantined=tuple(unreadable))
        return None

    async def instruments(self) -> Mapping[str, Instrument]:
        """See `ports.Venue`."""
        listed = await self._feed.instruments()  # type: ignore[attr-defined]
        return {self._canonical(name): each for name, each in listed.items()}

    def _canonical(self, symbol: str) -> str:
        return self._symbols.get(symbol, symbol)

    def _to_native(self, symbols: frozenset[str] | None) -> frozenset[str] | None:
        if symbols is None:
            return None
        asked: set[str] = set()
        for symbol in symbols:
            asked |= self._native.get(symbol, {symbol})
            if self._strict:  # a book may have both spellings, and is only filtered by them
                asked.add(symbol)
        return frozenset(asked)

    def _renamed(
        self, records: Iterable[Record], type_: str
    ) -> tuple[tuple[Record, ...], list[Quarantined]]:
        reading = self._reading(type_)
        columns = reading.records.columns
        constants = {
            name: reading.cell(columns[name], text)
            for name, text in reading.constants.items()
            if name in columns
        }
        found: dict[tuple[Value, ...], list[Record]] = defaultdict(list)
        unreadable = []
        for record in records:
            try:
                changed = {**self._symbol(record, reading), **constants}
            except Unreadable as why:
                known = {name: each for name, each in record.values.items() if name != "symbol"}
                unreadable.append(self._quarantined(record, reading, str(why), known))
                continue
            own = {name: changed[name] for name in record.identity if name in changed}
            new = Record({**record.values, **changed}, {**record.identity, **own}, record.row)
            # Some venues count orders per symbol.
            found[*new.identity.values(), new.values.get("symbol")].append(new)
        kept = []
        for alike in found.values():
            if len(alike) == 1:
                kept += alike
                continue
            what = "the configuration gives several records one name"
            unreadable += [self._quarantined(each, reading, what, each.values) for each in alike]
        return tuple(kept), unreadable

    def _symbol(self, record: Record, reading: Reading) -> dict[str, Value]:
        symbol = record.values.get("symbol")
        if not isinstance(symbol, str) or not reading.symbols:
            return {}
        if self._strict:
            return {"symbol": reading.cell(reading.records.columns["symbol"], symbol)}
        return {"symbol": self._canonical(symbol)}

    def _quarantined(
        self, record: Record, reading: Reading, reason: str, known: Mapping[str, Value]
    ) -> Quarantined:
        return Quarantined(
            source=self._feed.name,
            place=PLACE,
            row=record.row or 0,
            reason=reason,
            raw=dumps(plain_record(record.values, reading.records))[:RAW_LIMIT],
            field="symbol",
            values=known,
        )

    def _stale(self, answer: Answer) -> list[str]:
        if self._max_age is None or answer.stated_at is None:
            return []
        age = answer.answered_at - answer.stated_at
        if age <= self._max_age:
            return []
        return [f"stale: it says how things were {age // NS} s before"]
