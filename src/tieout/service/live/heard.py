"""What a venue told once it tells again: a trade does not go away.

An answer about the time of a trade that was told before, and without it, is not whole, however well
it is formed: it is empty for no reason, or comes from a replica that is behind. It is asked for
again; where the trade stays away, nothing is concluded of what the venue lacks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from tieout.core.canonical import instant
from tieout.core.live import Answer
from tieout.core.model import Record


@dataclass(slots=True)
class Heard:
    """The newest trade that a venue has told of each symbol.

    Attributes:
        newest: UTC ns by symbol, of this process. `before`: of all symbols, of an earlier one.
    """

    newest: dict[str, int] = field(default_factory=dict)
    before: int | None = None

    def lost(self, answer: Answer) -> str | None:
        """What an answer lacks though it was told before, in words; None: nothing that is known."""
        if answer.window is None:
            return None
        first, last = answer.window
        told = {(row.values.get("symbol"), row.values.get("timestamp")) for row in answer.records}
        for symbol, at in sorted(self.newest.items()):
            asked = answer.symbols is None or symbol in answer.symbols
            if asked and first <= at <= last and (symbol, at) not in told:
                return self._words(answer, f"a trade of {symbol}", at)
        at_ = self.before
        if not self.newest and at_ is not None and first <= at_ <= last:
            # Of which symbol it was is not known: it may be one that is asked about no more.
            there = bool(told) if answer.symbols is not None else at_ in {at for _, at in told}
            if not there:
                return self._words(answer, "a trade", at_)
        return None

    @staticmethod
    def _words(answer: Answer, what: str, at: int) -> str:
        return f"{answer.source} told of {what} at {instant(at)} before, and does not now"

    def saw(self, records: Iterable[Record]) -> int | None:
        """Remember an answer that was believed; the newest time of all."""
        for row in records:
            symbol, at = row.values.get("symbol"), row.values.get("timestamp")
            if isinstance(symbol, str) and isinstance(at, int):
                self.newest[symbol] = max(at, self.newest.get(symbol, at))
        return max(self.newest.values(), default=None)
