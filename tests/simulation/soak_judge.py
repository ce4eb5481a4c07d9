"""What the monitors of a world said, held against the truth.

Every verdict and every break is looked at: what is said to agree has to agree, what is said to be
off has to be off by just that much, and what was planted has to be found. What a fill that is
still in flight may have moved is allowed for, and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import chain, combinations
from typing import Any, Final

from soak_market import CLOSED, Scale, Told, World

from tieout.core.canonical import nanoseconds
from tieout.core.confirm import State
from tieout.core.entries import Key
from tieout.testing import virtual
from tieout.testing.exchange.planting import Planted

CONCLUDED: Final = ("clean", "breaks")

SOME: Final = 5
"""Of so many comparisons of a venue without faults, one at least comes to a conclusion."""

PATIENCE: Final = 3
"""Comparisons of a venue without faults that may leave something open, one after the other."""


class Wrong:
    """Something planted, with its times in nanoseconds.

    Attributes:
        due: from when on a comparison that begins has to know.
    """

    def __init__(self, planted: Planted, scale: Scale) -> None:
        self.kind, self.symbol, self.off = planted.kind, planted.symbol, planted.off
        self.trade_id, self.order_id = planted.trade_id, planted.order_id
        self.at = planted.at * 1_000_000
        deadline = round((scale.grace + scale.lag) * 1e9)
        self.due = max(self.at + deadline, planted.heard * 1_000_000)


@dataclass
class Score:
    """What the comparisons of one kind came to.

    Attributes:
        faults: whether the venue had any: then much may be left open, and else next to nothing.
        wrong: what should never be: a false break, a wrong size, a false agreement, a miss.
        found: planted and found by the first comparison that could; `held`: found later, as the
            comparisons in between left it open; `unseen`: no comparison could, or none did so far
            as all that could left it open.
        lag: seconds from a fill to the end of the comparison that found it.
    """

    kind: str
    faults: bool
    statuses: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    breaks: int = 0
    doubts: int = 0
    excused: int = 0
    found: int = 0
    held: int = 0
    unseen: int = 0
    lag: float = 0.0
    wrong: list[str] = field(default_factory=list)


def score(world: World, kind: str) -> Score:
    """Hold what the comparisons of one kind said against the truth."""
    told = [each for each in world.told if each.name == kind]
    product, records = kind.split("-")
    result = Score(kind, world.faults)
    result.statuses.update(each.row.status.value for each in told)
    result.breaks = sum(len(each.breaks) for each in told)
    result.doubts = sum(found.doubt for each in told for found in each.breaks)
    if not told or (not world.faults and result.statuses["failed"]):
        result.wrong.append("a comparison failed where nothing was wrong with the venue")
    concluded = sum(result.statuses[each] for each in CONCLUDED)
    if not world.faults and concluded * SOME < len(told):
        result.wrong.append(f"only {concluded} of {len(told)} comparisons come to a conclusion")
    truth = [Wrong(each, world.scale) for each in world.truth[product]]
    if records in ("positions", "balances"):
        for each in told:
            _judge_snapshot(each, truth, result)
        for planted in truth:
            for key in planted.off:
                if (key.kind.value + "s") == records and _ours(key, product):
                    _sought(planted, told, lambda one, key=key: _said(one, key), result)
    else:
        for each in told:
            _judge_events(each, truth, world.excused, records, result)
        for planted in truth:
            _judge_planted(planted, told, world.orders, records, result)
    return result


def _judge_planted(
    planted: Wrong, told: Sequence[Told], orders: set[str], records: str, result: Score
) -> None:
    if records == "trades":
        say = partial(_named, planted=planted)
        _sought(planted, told, say, result)
    elif planted.order_id in orders:
        seen = [each for each in told if each.began < planted.at + (CLOSED - 5) * 10**9]
        say = partial(_ordered, planted=planted)
        _sought(planted, seen, say, result)
    else:
        return
    _kept(planted, told, say, result)


def _kept(planted: Wrong, told: Sequence[Told], say: Any, result: Score) -> None:
    """Nobody mends what was planted: once it was found, every comparison has it."""
    said = [say(each) for each in told]
    if True in said and False in said[said.index(True) :]:
        lost = told[said.index(False, said.index(True))]
        result.wrong.append(
            f"{when(lost)} {planted.kind} of {planted.symbol} {planted.trade_id} is cleared"
        )


def _ours(key: Key, product: str) -> bool:
    return key.kind.value == "position" or (key.part == "futures") is (product == "perp")


def _judge_snapshot(told: Told, truth: Sequence[Wrong], result: Score) -> None:
    for key, verdict in told.verdicts.items():
        result.states[verdict.state.value] += 1
        possible = _possible(key, told, truth)
        if verdict.state is State.AGREES and Decimal(0) not in possible:
            result.wrong.append(f"{when(told)} {key.name} is said to agree: it is {possible} off")
        if verdict.state is not State.BREAK:
            continue
        if verdict.doubt and (possible != {Decimal(0)} or "nothing is there" in verdict.why):
            continue
        if verdict.difference not in possible or not verdict.difference:
            result.wrong.append(
                f"{when(told)} {key.name} is said to be {verdict.difference} off: {possible}"
            )
    broken = {key for key, each in told.verdicts.items() if each.state is State.BREAK}
    names = {key.name for key in broken}
    for found in told.breaks:
        content = found.content["key"]
        if told.verdicts and not names.intersection(map(str, content.values())):
            still = _possible_named(content, told, truth)
            if not still:
                result.wrong.append(f"{when(told)} a break without a verdict: {content}")


def _possible_named(content: Mapping[str, Any], told: Told, truth: Sequence[Wrong]) -> bool:
    """Whether a break that stayed open is about a key that is wrong."""
    named = set(map(str, content.values()))
    return any(key.name in named for each in truth if each.at <= told.ended for key in each.off)


def _possible(key: Key, told: Told, truth: Sequence[Wrong]) -> set[Decimal]:
    """By how much the book may be off: a fill may be in flight until its deadline."""
    certain, recent = Decimal(0), []
    for each in truth:
        off = each.off.get(key)
        if off is None or each.at > told.ended:
            continue
        if each.due <= told.began:
            certain += off
        else:
            recent.append(off)
    subsets = chain.from_iterable(combinations(recent, n) for n in range(len(recent) + 1))
    return {certain + sum(subset, Decimal(0)) for subset in subsets}


def _judge_events(
    told: Told, truth: Sequence[Wrong], excused: set[tuple[str, str]], records: str, result: Score
) -> None:
    known = [each for each in truth if each.at <= told.ended]
    ids = {each.trade_id if records == "trades" else each.order_id for each in known}
    for found in told.breaks:
        content = found.content
        values = {str(value) for value in content["key"].values()}
        if ids & values:
            continue
        if records == "trades" and any({symbol, id_} <= values for symbol, id_ in excused):
            result.excused += 1
            continue
        if not found.doubt:
            result.wrong.append(f"{when(told)} {content['kind']} {content['key']}")


Say = bool | None
"""Found; said to be right (False); left open (None)."""


def _said(told: Told, key: Key) -> Say:
    verdict = told.verdicts.get(key)
    if verdict is None or verdict.state not in (State.BREAK, State.AGREES):
        return None
    return verdict.state is State.BREAK


def _named(told: Told, planted: Wrong) -> Say:
    for found in told.breaks:
        values = {str(value) for value in found.content["key"].values()}
        if planted.trade_id in values and planted.symbol in values:
            return True
    return False if told.row.status.value in CONCLUDED else None


def _ordered(told: Told, planted: Wrong) -> Say:
    if any(planted.order_id in found.content["key"].values() for found in told.breaks):
        return True
    return False if told.row.status.value in CONCLUDED else None


def _sought(planted: Wrong, told: Sequence[Told], say: Any, result: Score) -> None:
    """When a planted drift was found."""
    said = [(each, say(each)) for each in told if each.began >= planted.due]
    position = next((n for n, (_, one) in enumerate(said) if one), None)
    before = said if position is None else said[:position]
    if any(one is False for _, one in before):
        # Of a snapshot another drift may have made up for it: that is judged by the amounts.
        if all(not each.verdicts for each, _ in before):
            result.wrong.append(f"{planted.kind} of {planted.symbol} {planted.trade_id} is missed")
            return
    if position is None:
        result.unseen += 1
        if not result.faults and len(said) >= PATIENCE:
            result.wrong.append(
                f"{planted.kind} of {planted.symbol} {planted.trade_id} is left open by all"
                f" {len(said)} comparisons"
            )
        return
    if position:
        result.held += 1
    else:
        result.found += 1
        result.lag = max(result.lag, (said[0][0].ended - planted.at) / 1e9)


def when(told: Told) -> str:
    start = nanoseconds(virtual.START)
    return f"{(told.began - start) / 1e9:.1f}-{(told.ended - start) / 1e9:.1f} s:"
