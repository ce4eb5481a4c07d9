"""Rules in words: tolerances, durations, deadlines, severities."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from tieout.config.scalars import UNITS
from tieout.core.model import Kind, Severity
from tieout.core.money import plain
from tieout.core.rules import (
    Action,
    Bands,
    BusinessDeadline,
    Check,
    Deadline,
    Duration,
    Measure,
    PnlCheck,
    PolicyRule,
    Preset,
    SeverityRules,
    Tolerance,
)
from tieout.core.severity import PRESETS, Grade, Ladder, Rung

_ACTIONS: Final = {
    Action.SYNC_INTERNAL: "propose a correction of the internal side",
    Action.SYNC_EXTERNAL: "propose orders that move the external side",
    Action.HALT: "halt",
    Action.REVIEW: "review",
    Action.WARN: "warn",
}


def duration(nanoseconds: int) -> str:
    """`100ms`, `60s`, `2h`: in the largest unit that leaves a whole number; seconds up to 120."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds % UNITS["s"] == 0 and nanoseconds <= 120 * UNITS["s"]:
        return f"{nanoseconds // UNITS['s']}s"
    for unit in ("d", "h", "m", "s", "ms", "us"):
        if nanoseconds % UNITS[unit] == 0:
            return f"{nanoseconds // UNITS[unit]}{unit}"
    return f"{nanoseconds}ns"


def percent(share: Decimal) -> str:
    """`0.01%` of 0.0001."""
    return f"{plain(share.scaleb(2))}%"


def tolerance(given: Tolerance) -> str:
    """`exact`, `within 0.005`, `within 100ms`, `within 0.01% of the larger`, `within 1 tick`."""
    match given.measure:
        case Measure.EXACT:
            return "exact"
        case Measure.ABSOLUTE:
            return f"within {plain(given.amount)}"
        case Measure.WINDOW:
            return f"within {duration(int(given.amount))}"
        case Measure.RELATIVE:
            return f"within {percent(given.amount)} of the larger"
        case Measure.TICKS:
            return f"within {plain(given.amount)} tick{'s' if given.amount != 1 else ''}"


def columns(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def deadline(given: Deadline) -> str:
    """When a record without a partner becomes a break."""
    if isinstance(given, Duration):
        if given.nanoseconds == 0:
            return "a record without a partner is a break at once"
        length = duration(given.nanoseconds)
        return f"a record without a partner is expected until {length} after its own time"
    return f"a record without a partner is expected until {business_deadline(given)}"


def business_deadline(given: BusinessDeadline) -> str:
    """`09:00 Europe/London, 1 business day later (calendar weekdays)`."""
    days = given.business_days
    when = f"{days} business day{'s' if days != 1 else ''} later" if days else "on the same day"
    text = f"{given.at:%H:%M} {given.timezone}, {when} (calendar {given.calendar.name})"
    if given.cutoff is not None:
        text += f"; from {given.cutoff:%H:%M} on a record counts for the next day"
    return text


def check(given: Check) -> str:
    """A PnL check as a formula."""
    size = plain(given.tolerance)
    on = columns(given.on)
    if given.pnl is PnlCheck.AS_GIVEN:
        formula = f"|price x quantity - commission - pnl_impact| < {size}"
    else:
        formula = f"|-sign x price x quantity x multiplier - commission - pnl_impact| <= {size}"
    return f"{formula}, with the row of {given.source!r} that has the same {on}; none: no break"


def severities(rules: SeverityRules) -> list[tuple[str, str]]:
    """(kind, how bad it is) in the order of precedence; what the user changed says so."""
    rows: list[tuple[str, str]] = []
    for kind in Kind:
        if kind in rules.kinds:
            rows.append((kind.value, f"{rules.kinds[kind].label} (yours)"))
            continue
        if kind in rules.bands:
            rows.append((kind.value, f"{bands(rules.bands[kind])} (yours)"))
            continue
        own = {
            subject: grade
            for (each, subject), grade in PRESETS[rules.preset].items()
            if each is kind
        }
        standard = PRESETS[Preset.STANDARD]
        others = {subject: grade for (each, subject), grade in standard.items() if each is kind}
        for subject, grade in {**others, **own}.items():
            if subject in own or "" not in own:
                label = f"{kind.value} ({subject})" if subject else kind.value
                rows.append((label, _grade(grade, rules.large)))
    return rows


def _grade(grade: Grade, large: Decimal) -> str:
    if isinstance(grade, Severity):
        return grade.label
    return _ladder(grade, large)


def _ladder(ladder: Ladder, large: Decimal) -> str:
    steps = "; ".join(_rung(rung, large) for rung in ladder.rungs)
    text = f"{steps}; else {ladder.otherwise.label}"
    if ladder.currency is not None:
        text = f"{ladder.currency}: {text}; other currencies: {ladder.elsewhere.label}"
    return text


def _rung(rung: Rung, large: Decimal) -> str:
    bound = large if rung.bound is None else rung.bound
    shown = percent(bound) if "/" in rung.measured else plain(bound)
    return f"{rung.severity.label} where {rung.measured} {'>' if rung.above else '>='} {shown}"


def bands(given: Bands) -> str:
    """`medium from 1%, high from 5%, else low`."""
    steps = [f"{each.label} from {percent(bound)}" for bound, each in given.thresholds]
    text = ", ".join([*steps, f"else {given.below.label}"])
    for currency, least in given.min_value.items():
        text += f"; at most low under {plain(least)} {currency}"
    return text


def policy(given: PolicyRule) -> str:
    """One rule: what it fits, and what is to be done."""
    severities = [each.label for each in sorted(given.severities)]
    kinds = [kind.value for kind in Kind if kind in given.kinds]
    fits = " ".join(part for part in (", ".join(severities), ", ".join(kinds)) if part)
    text = f"{fits or 'every break'}: {_ACTIONS[given.do]}"
    if given.limit is None:
        return text
    limit, bounds = given.limit, []
    if limit.quantity is not None:
        bounds.append(f"quantity {plain(limit.quantity)}")
    bounds += [f"{plain(amount)} {currency}" for currency, amount in limit.value.items()]
    if limit.per_run is not None:
        bounds.append(f"{limit.per_run} a run")
    if limit.per_day is not None:
        bounds.append(f"{limit.per_day} a day")
    return f"{text}, at most {', '.join(bounds)}" if bounds else text
