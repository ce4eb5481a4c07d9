"""What goes into a confirmation, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from tieout.core.entries import Entry, Key, KeyKind

MILLISECOND = 1_000_000


class Confirming(Struct, frozen=True, kw_only=True):
    """How sure is sure enough.

    Attributes:
        readings: that a break needs, the first included.
        grace: nanoseconds; from the end of the first of them to the end of the last.
        resamples: after so many readings a key is left as it is.
        deadline: nanoseconds; younger one-sided entries are in flight.
        resolution: nanoseconds; times of different streams that are nearer may be in either order.
        cuts: so many different cuts are looked at; with more a reading says nothing of a key.

    Raises:
        ValueError: for settings that nothing can fulfil.
    """

    grace: int
    deadline: int
    readings: int = 2
    resamples: int = 5
    resolution: int = MILLISECOND
    cuts: int = 16_384

    def __post_init__(self) -> None:
        if self.readings < 1 or self.resamples < self.readings:
            raise ValueError(
                f"{self.readings} of at most {self.resamples} readings; state 1 or more, "
                "and resamples no less than readings"
            )
        if min(self.grace, self.deadline, self.resolution) < 0 or self.cuts < 1:
            raise ValueError("grace, deadline and resolution are not negative, cuts are 1 or more")


class Reading(Struct, frozen=True, kw_only=True):
    """One snapshot, and what happened around it.

    It is about the keys in `stated` and `opening`, which are those of one response: one account,
    and of balances the wallets that it covers. Entries may move others, which say nothing here.

    Attributes:
        taken: UTC nanoseconds by the venue's clock ± skew: the snapshot was so at one moment
            between them, both inclusive. Wider is weaker and never wrong.
        stated: what the snapshot says.
        listed: the kinds of which it lists all that there is: a key that it lacks is zero. Of
            others it is unknown.
        opening: of every key that this is about, and that has an approved opening: it, and all
            entries before the oldest in `book` and `venue`. Zero is an opening; absent is unknown.
            Give all readings of a confirmation the same opening, and lists that begin with the
            same moment.
        book: entries of the book, read after the snapshot was answered.
        venue: entries of the venue through `taken[1]` and the resolution, or through a moment
            after the snapshot was answered: what happened later is not in it. Both lists reach
            back as far as each other, and as far as a snapshot may be stale.
        complete: the entries are complete. If not, `why`. A snapshot that is not lists nothing.
        evented: the venue gives entries for these keys at all.
        version_before, version_after: what changes with every entry of the book, read before the
            snapshot was asked for and after it was answered. Needed where `evented` is false.
        together: the whole snapshot was so at one moment. False of what came in several responses.
        doubt: why it is not trusted though it is complete: suddenly empty, say.
    """

    taken: tuple[int, int]
    stated: Mapping[Key, Decimal]
    opening: Mapping[Key, Decimal]
    book: Sequence[Entry] = ()
    venue: Sequence[Entry] = ()
    listed: frozenset[KeyKind] = frozenset()
    complete: bool = True
    why: str = ""
    evented: bool = True
    version_before: str | None = None
    version_after: str | None = None
    together: bool = True
    doubt: str | None = None

    def says(self, key: Key) -> Decimal | None:
        """What the snapshot says of `key`; None where it says nothing."""
        stated = self.stated.get(key)
        if stated is None and key.kind in self.listed:
            return Decimal(0)
        return stated

    def about(self, key: Key) -> bool:
        """Whether it is judged by this reading."""
        return key in self.stated or key in self.opening


class State(StrEnum):
    """What is known of a key after some readings."""

    AGREES = "agrees"
    BREAK = "break"
    UNDECIDED = "undecided"
    STALE = "stale"
    UNKNOWN = "unknown"
    EXPECTED = "expected"


class Verdict(Struct, frozen=True, gc=False):
    """What is known of one key.

    Attributes:
        stated, projected: by the last reading that counted, what the venue says, and what it
            should say by the book at the cut that was settled on. None where there is none.
        difference: projected - stated, exactly: internal minus external. None where not settled.
        doubt: of a break: real, but its size or its source is in doubt. No correction, no halt.
        why: for a person; empty for what agrees.
    """

    state: State
    stated: Decimal | None = None
    projected: Decimal | None = None
    difference: Decimal | None = None
    doubt: bool = False
    why: str = ""
