"""What is asked of a source that answers now, and what it answers.

Venues and books give the same kind of answer to the same kind of question, so that what is done
with one can be done with the other. An answer is what somebody said, with when and how far it
reaches; that a question got no answer is an error (`SourceError`), never an empty answer.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tieout.core.model import Quarantined, Record

SNAPSHOTS: Final = ("positions", "balances", "orders")
"""Records of which a source says how they are now."""

EVENTS: Final = ("trades", "movements")
"""Records that happened at a time, and are asked for by a window."""


class Ask(Struct, frozen=True):
    """A question.

    Attributes:
        records: one of SNAPSHOTS or EVENTS, or `prices`, or `instruments`.
        since, until: UTC nanoseconds, both inclusive: of events, and of orders that are closed.
            Orders without them: only those that are open.
        symbols: what it is restricted to; None: everything that the source can give. Of balances
            these are currencies.
        known: of orders, those that are open have just been asked for: they may be left out, where
            the list of those that were placed since then does without them. They may be there.
    """

    records: str
    since: int | None = None
    until: int | None = None
    symbols: frozenset[str] | None = None
    known: bool = False


class Answer(Struct, frozen=True):
    """An answer, and how far it reaches.

    Attributes:
        source: who answered, as the configuration names it.
        records: under the contract of `ask.records`, each with its identity; no record twice.
        asked_at, answered_at: UTC nanoseconds by our own clock, corrected by the measured skew;
            what the answer says was so at some moment between them.
        quarantined: rows of the answer that could not be read.
        stated_at: the moment that the answer itself names, if it names one.
        together: it came in one response, so that all of it was so at one and the same moment.
        window: of events, the times that are covered, both inclusive. None of snapshots.
        symbols: what is covered; None: everything that there is. What is outside of it is
            neither missing nor clean.
        wallets: of balances, those that are covered; None: every one that there is.
        reasons: why the answer is not complete; empty where it is.
        doubt: why it is not trusted, though it is complete: suddenly empty, say.
        notes: what a person should know: what the source does not give.
        coarse: the source's clock is known so badly that it has told more than `window` says: all
            that had happened when it was asked, as far as the end of what it was asked for.
    """

    source: str
    ask: Ask
    records: tuple[Record, ...]
    asked_at: int
    answered_at: int
    quarantined: tuple[Quarantined, ...] = ()
    stated_at: int | None = None
    together: bool = False
    window: tuple[int, int] | None = None
    symbols: frozenset[str] | None = None
    wallets: frozenset[str] | None = None
    reasons: tuple[str, ...] = ()
    doubt: str | None = None
    notes: tuple[str, ...] = ()
    coarse: bool = False

    @property
    def complete(self) -> bool:
        """Whether a record that is not in it is not there. Unreadable rows leave that open."""
        return not self.reasons and not self.quarantined


class Witness(Struct, frozen=True):
    """What another endpoint of a venue says of a snapshot in which suddenly nothing is.

    Attributes:
        method: who says it, for people.
        held: what it says is there; empty: nothing, as the snapshot has it.
    """

    method: str
    held: tuple[str, ...] = ()


class Permissions(Struct, frozen=True):
    """What an API key may do, as the venue says; None where it does not say."""

    read: bool | None = None
    trade: bool | None = None
    withdraw: bool | None = None
    expires_at: int | None = None
