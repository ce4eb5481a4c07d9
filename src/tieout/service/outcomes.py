"""What is the matter with each candidate, by the rules and by what a live reading knows of it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from tieout.core.bench import Bench
from tieout.core.decide import decide, past_deadline
from tieout.core.match.plan import Plan
from tieout.core.model import (
    Break,
    Candidate,
    Expected,
    Outcome,
    Pair,
    Record,
    Side,
    Single,
    Unknown,
)
from tieout.ports import Matching
from tieout.service.coverage import subject_of
from tieout.service.setup import Standing


def outcomes(
    matching: Matching, bench: Bench, live: Standing | None
) -> Iterator[tuple[Candidate, Outcome]]:
    """Every candidate with what is the matter with it."""
    for candidate in matching.candidates:
        if live is None:
            yield candidate, decide(candidate, bench)
        elif not _was_judged(candidate, live, bench.plan):
            outcome = decide(candidate, bench)
            if isinstance(outcome, Break) and live.expects(candidate, outcome):
                outcome = _expected(candidate)
            elif isinstance(outcome, Break):
                outcome = _as_known(outcome, candidate, live)
            elif isinstance(outcome, Unknown) and _is_new(outcome, live, bench):
                outcome = Expected(outcome.side, outcome.record)
            yield candidate, outcome


def _was_judged(candidate: Candidate, live: Standing, worked_out: Plan) -> bool:
    """Whether a one-sided event is from before the window: then it is only a possible partner."""
    clock = worked_out.records.clock
    if live.since is None or clock is None or not isinstance(candidate, Single):
        return False
    record = candidate.record
    when = record.values.get(clock)
    if record.carried_from is not None or live.again(record):
        return False
    return isinstance(when, int) and when < live.since


def _is_new(outcome: Unknown, live: Standing, bench: Bench) -> bool:
    """Whether an event is of after the moment until which the other side has told, and in its time.

    On a busy market there is one in every reading, and it says nothing about what is older.
    """
    clock, record, other = bench.records.clock, outcome.record, outcome.side.other
    if outcome.quarantined or clock is None or other not in live.until:
        return False
    when, covered = record.values.get(clock), live.covered.get(other)
    if not isinstance(when, int) or when <= live.until[other]:
        return False
    known = covered is None or subject_of(record.values) in (None, *covered)
    return known and not past_deadline(record, bench)


def _as_known(brk: Break, candidate: Candidate, live: Standing) -> Break:
    """A live break, with what its reading says of doubt and cause."""
    anchor = _anchor(candidate)
    doubt, cause = brk.doubt or live.doubtful(anchor), live.cause(candidate)
    if doubt == brk.doubt and cause is brk.cause:
        return brk
    return replace(brk, doubt=doubt, cause=cause)


def _expected(candidate: Candidate) -> Expected:
    """Of a pair its internal record waits: where that is read again, so is its partner."""
    side = candidate.side if isinstance(candidate, Single) else Side.INTERNAL
    return Expected(side, _anchor(candidate))


def _anchor(candidate: Candidate) -> Record:
    if isinstance(candidate, Pair):
        return candidate.internal
    if isinstance(candidate, Single):
        return candidate.record
    return candidate.records[0][2]
