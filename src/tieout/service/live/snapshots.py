"""Positions and balances: readings until every key is settled, then both sides as they compare.

What is compared is not two snapshots but one and the same moment: the venue's amount, and what
the book's entries come to at the instant that the venue's snapshot is of. Keys about which
nothing can be concluded are held back: they neither open nor clear a break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tieout.core.canonical import moment
from tieout.core.compare import AMOUNTS
from tieout.core.confirm import Confirmation, Confirming, State, Verdict
from tieout.core.entries import Key
from tieout.core.lifecycle import OpenItem
from tieout.core.live import Answer
from tieout.core.model import Quarantined, Record, Side
from tieout.errors import SourceError
from tieout.ports import Rows
from tieout.service.live.reading import Taken, take
from tieout.service.live.rows import NAMES, ZERO, columns_of, covered_by, key_of, restated
from tieout.service.live.setup import SECOND, Comparison, LiveBench, LiveSetup, Timing
from tieout.service.setup import Reference, Standing

HELD = frozenset({State.UNDECIDED, State.STALE, State.UNKNOWN, State.EXPECTED})


async def compare_snapshots(
    setup: LiveSetup,
    bench: LiveBench,
    reference: Reference,
    symbols: frozenset[str] | None = None,
) -> Comparison:
    """Read both sides until each key agrees, breaks, or has to be left open.

    Raises:
        SourceError: a side gave no answer to the first reading. Later ones end the readings.
    """
    timing = setup.timing
    confirmation = Confirmation(
        Confirming(
            readings=timing.confirmations,
            grace=timing.grace,
            resamples=timing.resamples,
            deadline=timing.grace + timing.lag,
        )
    )
    markets = reference.instruments
    taken = await take(setup, bench, symbols, markets)
    since = taken.since
    confirmation.add(taken.reading)
    while confirmation.wanting():
        await asyncio.sleep(_pause(timing, confirmation.readings) / SECOND)
        try:
            taken = await take(setup, bench, symbols, markets, since)
        except SourceError as error:
            bench.progress(f"{setup.rules.name}: a further reading failed: {error.what}")
            break
        confirmation.add(taken.reading)
    verdicts = confirmation.verdicts()
    return _Aligned(setup, taken, verdicts, reference, bench.now(), taken.busy).whole()


def _pause(timing: Timing, readings: int) -> int:
    """Nanoseconds until the next reading. Those that confirm span the grace; others come soon."""
    if readings < timing.confirmations:
        return timing.grace // (timing.confirmations - 1)
    return min(timing.grace, SECOND)


@dataclass(frozen=True, slots=True)
class _Aligned:
    """Both sides at the instant of the last snapshot. `busy`: see `Taken`."""

    setup: LiveSetup
    taken: Taken
    verdicts: Mapping[Key, Verdict]
    reference: Reference
    as_of: int
    busy: frozenset[Key]

    def whole(self) -> Comparison:
        held = {key: each for key, each in self.verdicts.items() if each.state in HELD}
        waiting = [
            OpenItem(side, self._either(key), moment(self.as_of).date())
            for key in held
            for side in Side
        ]
        return Comparison(
            internal=self._rows(Side.INTERNAL),
            external=self._rows(Side.EXTERNAL),
            standing=Standing(
                waiting=waiting,
                unknown=sum(each.state is not State.EXPECTED for each in held.values()),
                expected=sum(each.state is State.EXPECTED for each in held.values()),
                covered=covered_by(self.taken.internal_answer, self.taken.external_answer),
                wallets=self.taken.home.wallets,
                reasons=(*self._outside(), *self._unopened(), *self._reasons(held)),
                doubtful=self._doubtful,
                amounts_only=[
                    OpenItem(side, self._either(key), moment(self.as_of).date())
                    for key, each in self.verdicts.items()
                    if each.state not in HELD and self._moved(key, each)
                    for side in Side
                ],
            ),
            reference=self.reference,
            as_of=self.as_of,
        )

    def _outside(self) -> list[str]:
        """What one side has and the other's answer is not about."""
        seen = self.taken.internal.keys() | self.taken.external.keys()
        keys = [key for key in seen - self.verdicts.keys() if self.taken.home.holds(key)]
        if not keys:
            return []
        names = sorted({key.name for key in keys})
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        return [f"not covered by both sides: {', '.join(names[:5])}{more}"]

    def _unopened(self) -> list[str]:
        """A book that knows of nothing yet does not know that nothing is there."""
        book = self.taken.internal_answer
        if book.symbols is None or book.symbols or book.ask.symbols is not None:
            return []
        return [f"{book.source} has no opening entry yet: what it should have is unknown"]

    def _reasons(self, held: Mapping[Key, Verdict]) -> list[str]:
        """One line for each way in which keys are left open, with the first few of them."""
        ways: dict[tuple[str, str], list[Key]] = {}
        for key, verdict in held.items():
            if verdict.state is not State.EXPECTED:
                ways.setdefault((verdict.state.value, verdict.why), []).append(key)
        reasons = []
        if not self.verdicts:  # that nothing is anywhere is a finding as well: of a good reading
            if said := self.taken.reading.why or self.taken.reading.doubt:
                reasons.append(f"{State.UNKNOWN.value}: {said}")
        for (state, why), keys in sorted(ways.items()):
            names = ", ".join(sorted({key.name for key in keys})[:5])
            more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
            reasons.append(f"{state}: {names}{more}: {why}")
        return reasons

    def _doubtful(self, record: Record) -> bool:
        verdict = self.verdicts.get(
            key_of(self.setup.rules.records, record.values, self.taken.home)
        )
        return verdict is not None and verdict.doubt

    def _either(self, key: Key) -> Record:
        row = self.taken.internal.get(key) or self.taken.external.get(key)
        return row or restated(self.setup.rules.records, key, None, ZERO, self.as_of)

    def _rows(self, side: Side) -> Rows:
        internal = side is Side.INTERNAL
        feed = self.setup.internal if internal else self.setup.external
        answer = self.taken.internal_answer if internal else self.taken.external_answer
        judged = self._internal if internal else self._external
        records = []
        for key, verdict in self.verdicts.items():
            if verdict.state in HELD:
                continue
            row = judged(key, verdict)
            if row is not None:
                records.append(_timeless(row) if self._moved(key, verdict) else row)
        return Rows(
            source=feed.name,
            layout=self.setup.layouts[0 if internal else 1],
            records=records,
            # Also what is not compared this time: the source has it.
            columns=columns_of((*records, *answer.records), self.setup.rules.records),
            reasons=answer.reasons,
            quarantined=self._unreadable(answer),
            notes=answer.notes,
        )

    def _unreadable(self, answer: Answer) -> tuple[Quarantined, ...]:
        """Rows that could not be read, but for those that are about another account or wallet."""
        records, home = self.setup.rules.records, self.taken.home
        name = NAMES[records][0]
        return tuple(
            each
            for each in answer.quarantined
            if each.values.get(name) is None or home.holds(key_of(records, each.values, home))
        )

    def _internal(self, key: Key, verdict: Verdict) -> Record | None:
        """The book's row with the amount that it comes to at the snapshot's instant."""
        row, projected = self.taken.internal.get(key), verdict.projected
        if projected is None or (row is None and projected == 0):
            return row
        return restated(self.setup.rules.records, key, row, projected, self.as_of)

    def _external(self, key: Key, verdict: Verdict) -> Record | None:
        """The venue's row with the amount that was judged: the last answer may be another one."""
        row, stated = self.taken.external.get(key), verdict.stated
        if stated is None or (row is None and stated == 0):
            return row
        return restated(self.setup.rules.records, key, row, stated, self.as_of)

    def _moved(self, key: Key, verdict: Verdict) -> bool:
        """Whether a row is of another instant than the amount that is compared."""
        if key in self.busy:
            return True
        ours, theirs = self.taken.internal.get(key), self.taken.external.get(key)
        column = AMOUNTS[self.setup.rules.records]
        return (ours is not None and ours.values.get(column) != verdict.projected) or (
            theirs is not None and theirs.values.get(column) != verdict.stated
        )


_OF_ITS_INSTANT: Final = ("average_price", "cost", "margin", "free", "used", "settled")


def _timeless(row: Record) -> Record:
    """A row without what belongs to another instant than its amount: not compared this time."""
    values = {**row.values, **{name: None for name in _OF_ITS_INSTANT if name in row.values}}
    return Record(values, row.identity, row.row)
