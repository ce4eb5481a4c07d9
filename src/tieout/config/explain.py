"""What a configuration means, in words: for `tieout config explain`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tieout.config import words
from tieout.config.live import AWAITED
from tieout.config.settings import (
    TRIGGERS,
    BookOptions,
    FreqtradeOptions,
    LiveSettings,
    QueryOptions,
    ReconciliationSettings,
    Settings,
    SourceSettings,
    VenueOptions,
)
from tieout.core.live import EVENTS
from tieout.core.money import plain
from tieout.core.rules import Rules
from tieout.core.scan import FileOptions
from tieout.core.schema import RECORD_TYPES, RecordType
from tieout.core.text import NumberStyle

_SHOWN: Final = 5
"""Symbols that are shown one by one."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the sentences below it."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reconciliation in words."""

    reconciliation: str
    sections: tuple[Section, ...]

    def lines(self) -> Iterator[str]:
        """As indented text."""
        yield self.reconciliation
        for section in self.sections:
            yield f"  {section.title}"
            for line in section.lines:
                yield f"    {line}"


def explain(settings: Settings) -> tuple[Explanation, ...]:
    """Every reconciliation in words. Secrets appear as the references that they are."""
    return tuple(_explain(each, settings) for each in settings.reconciliations.values())


def _explain(each: ReconciliationSettings, settings: Settings) -> Explanation:
    rules = each.rules
    sections = [
        Section(side, _source(settings.sources[name], rules.records, live=each.live is not None))
        for side, name in (("Internal", each.internal), ("External", each.external))
    ]
    contract = _contract(each, settings)
    sections += [
        Section("Matching", (*_matching(rules, contract), *_kept(each))),
        Section("Comparing", _comparing(rules, contract)),
        Section("Checks", tuple(map(words.check, rules.checks))),
        Section("Live", _live(each, settings)),
        Section("Deadline", _deadline(each)),
        Section("Severity", _severity(rules)),
        Section("Policy (stored; nothing acts on it yet)", _policy(rules)),
        Section("Value", _value(each, settings)),
    ]
    return Explanation(each.name, tuple(section for section in sections if section.lines))


def _contract(each: ReconciliationSettings, settings: Settings) -> RecordType:
    contract = RECORD_TYPES[each.rules.records]
    for name in (each.internal, each.external):
        contract = contract.with_extra(settings.sources[name].mapping.extra)
    return contract


def _kept(each: ReconciliationSettings) -> tuple[str, ...]:
    if each.keep is None:
        return ()
    days = f"{each.keep.days} business day{'s' if each.keep.days > 1 else ''}"
    return (f"what matched is kept for {days} ({each.keep.calendar.name})",)


def _source(source: SourceSettings, records: str, *, live: bool) -> tuple[str, ...]:
    mapping = source.mapping
    lines = [f"{source.records or records} of {source.name}: {_place(source)}"]
    lines += [f"{name} is its {own}" for name, own in mapping.columns.items()]
    lines += [f"{name} is always {value}" for name, value in mapping.constants.items()]
    lines += [f"{name} is written as {form}" for name, form in mapping.formats.items()]
    lines += _values(source)
    if mapping.signed:
        lines.append("a negative quantity is a sell")
    if mapping.sign is not None:
        lines.append(
            f"quantities are negative where {mapping.sign.column} is {_any(mapping.sign.negative)},"
            f" positive where it is {_any(mapping.sign.positive)}"
        )
    if source.timezone is not None:
        lines.append(f"times without a zone are {source.timezone}")
    if mapping.identity:
        lines.append(f"the same {words.columns(mapping.identity)} is the same record")
    lines += [f"only rows whose {name} is {_any(of)}" for name, of in mapping.only.items()]
    lines += [f"not the rows whose {name} is {_any(of)}" for name, of in mapping.skip.items()]
    if (cut := source.cut) is not None:
        lines.append(
            f"records from {cut.at:%H:%M} {cut.timezone} on are of the next"
            f" business date (calendar {cut.calendar.name}): until then they are expected of it"
        )
    if source.max_age is not None and live:
        lines.append(f"stale after {words.duration(source.max_age)}")
    if not live:
        lines.append(_coverage(source))
    lines += _expectations(source)
    if source.due_by is not None:
        lines.append(f"due by {words.business_deadline(source.due_by)}")
    return tuple(lines)


def _values(source: SourceSettings) -> Iterator[str]:
    """How cells are read: numbers, choices, symbols."""
    mapping = source.mapping
    if mapping.numbers != NumberStyle():
        thousands = mapping.numbers.thousands
        grouped = f", {thousands!r} groups thousands" if thousands is not None else ""
        yield f"the decimal point of its numbers is {mapping.numbers.point!r}{grouped}"
    for name, spellings in mapping.values.items():
        said = ", ".join(f"{own} for {canonical}" for own, canonical in spellings.items())
        yield f"{name} says {said}"
    if mapping.symbols:
        some = [f"{own} is {symbol}" for own, symbol in list(mapping.symbols.items())[:_SHOWN]]
        rest = len(mapping.symbols) - len(some)
        yield f"its symbols: {', '.join(some)}{f', and {rest} more' if rest else ''}"
    if mapping.symbols_from is not None:
        yield f"its symbols are the aliases in {mapping.symbols_from}"
    if (mapping.symbols or mapping.symbols_from is not None) and not isinstance(
        source.options, VenueOptions
    ):
        yield "a symbol that is not mapped is quarantined"


def _expectations(source: SourceSettings) -> Iterator[str]:
    """What must hold for the source to be complete."""
    expect = source.expect
    if isinstance(source.options, FileOptions) and source.options.trailer:
        yield f"its last line must match {source.options.trailer}"
    if expect.rows is not None:
        yield f"must have {expect.rows} records"
    for name, total in expect.totals.items():
        yield f"the sum of {name} must be {plain(total)}"
    if expect.symbols:
        yield f"must have records of {', '.join(sorted(expect.symbols))}"
    if source.allow_empty:
        yield "no records at all is a valid answer"


def _any(values: frozenset[str]) -> str:
    return " or ".join(sorted(values))


def _place(source: SourceSettings) -> str:
    match source.options:
        case FileOptions(paths=paths):
            return ", ".join(paths)
        case QueryOptions(url=url, query=query, version=version):
            told = f"; changed when {' '.join(version.split())} did" if version else ""
            return f"{' '.join(query.split())} on {url}{told}"
        case VenueOptions() as venue:
            return _venue(venue)
        case BookOptions() as book:
            cost = f"costs {book.basis}, fees {book.fees}"
            return f"the ledger in the store{_scope(book)}; {cost}"
        case FreqtradeOptions() as freqtrade:
            return f"freqtrade's database {freqtrade.url}{_scope(freqtrade)}"
        case _:
            return "a frame"


def _venue(venue: VenueOptions) -> str:
    parts = [f"{venue.venue}, account {venue.account}"]
    parts += [f"{name} {reference}" for name, reference in venue.references.items()]
    parts += [f"at {url}" for url in (venue.base_url, venue.ws_url) if url is not None]
    if venue.symbols:
        parts.append(f"also asked for {', '.join(sorted(venue.symbols))}")
    parts.append(f"{words.duration(venue.timeout)} for a request")
    return "; ".join(parts)


def _scope(book: BookOptions | FreqtradeOptions) -> str:
    named = [
        f"{name} {value}" for name, value in (("account", book.account), ("venue", book.venue))
    ]
    return "".join(f", {each}" for each in named if not each.endswith(" None"))


def _live(each: ReconciliationSettings, settings: Settings) -> tuple[str, ...]:
    """When it is made, and what it takes for a difference to be a break."""
    if each.live is None:
        return ()
    live, records, length = each.live, each.rules.records, words.duration
    when = {
        "start": "at the start",
        "interval": f"every {length(live.every)}",
        "events": "after significant events",
    }
    lines = [words.columns([when[name] for name in TRIGGERS if name in live.on])]
    if records in EVENTS:
        whole = length(live.full)
        lines.append(
            f"looks back {length(live.lookback)}; the first time, and every {whole}, {whole}"
        )
    elif records == "orders":
        lines.append(f"compares what was closed in the last {length(live.lookback)} as well")
    if records not in AWAITED:
        lines.append(
            f"a break takes {live.confirmations} complete readings over {length(live.grace)};"
            f" what one leaves open is read again up to {live.resamples} times"
        )
    elif records == "orders":
        lines.append(f"a break takes {live.confirmations} complete readings")
    if (lag := _lag(live, settings.sources[each.external])) is not None:
        lines.append(f"a fill may be invisible for {length(lag)}")
    if not settings.serve.enabled:
        lines.append("off: RECONCILIATION_ENABLED says so")
    return tuple(lines)


def _lag(live: LiveSettings, external: SourceSettings) -> int | None:
    if live.lag is None and isinstance(external.options, VenueOptions):
        return external.options.lag
    return live.lag


def _deadline(each: ReconciliationSettings) -> tuple[str, ...]:
    if each.live is not None and each.rules.records not in AWAITED:
        return ()
    return (words.deadline(each.rules.deadline),)


def _coverage(source: SourceSettings) -> str:
    if source.everything:
        return "covers the whole history"
    if source.window is not None:
        return "covers the window that it declares"
    return "covers its business date"


def _matching(rules: Rules, contract: RecordType) -> tuple[str, ...]:
    keys = [each.on for each in rules.passes]
    owner = "; and account and venue, where both sides have them"
    if not keys:
        identity = words.columns(contract.identities[0])
        return (f"by the columns of {identity} that both sides have",)
    return tuple(
        f"pass {index}: the same {words.columns(on)}{owner}" for index, on in enumerate(keys, 1)
    )


def _comparing(rules: Rules, contract: RecordType) -> tuple[str, ...]:
    lines = []
    for name, column in contract.columns.items():
        if name in rules.ignore or not (column.compared or name in rules.compare):
            continue
        text = f"{name}: {words.tolerance(rules.tolerance(name, None))}"
        if name in rules.assumed:
            text += f" (preset {rules.severity.preset})"
        elif name not in rules.compare:
            text += ", where both sides have it"
        lines.append(text)
    if rules.overrides:
        count = len(rules.overrides)
        lines.append(f"own tolerances for {count} symbol{'s' if count != 1 else ''}")
    if rules.value_tolerance is not None:
        worth = f"{plain(rules.value_tolerance.amount)} {rules.value_tolerance.currency}"
        lines.append(f"a difference worth no more than {worth} is inside tolerance")
    if rules.ignore:
        lines.append(f"never: {', '.join(sorted(rules.ignore))}")
    return tuple(lines)


def _severity(rules: Rules) -> tuple[str, ...]:
    rows = words.severities(rules.severity)
    width = max(len(kind) for kind, _ in rows)
    small = [f"less than {plain(least)} {of}" for of, least in rules.severity.minimum.items()]
    dust = [f"worth less than {plain(least)} {of}" for of, least in rules.severity.dust.items()]
    return (
        f"preset {rules.severity.preset}",
        *(f"{kind:<{width}}  {text}" for kind, text in rows),
        *(f"a difference of an amount {what}: at most low" for what in (*small, *dust)),
    )


def _policy(rules: Rules) -> tuple[str, ...]:
    numbered = [f"{index}. {words.policy(each)}" for index, each in enumerate(rules.policy, 1)]
    return (*numbered, "otherwise: review at high and above, else warn")


def _value(each: ReconciliationSettings, settings: Settings) -> tuple[str, ...]:
    lines = []
    currency = each.rules.reporting_currency
    if currency is not None:
        rates = f"prices of {each.prices}" if each.prices else "no prices: other currencies unknown"
        if each.live is not None:
            also = f" and {each.prices}" if each.prices else ""
            rates = f"prices of {each.external}{also}; other currencies unknown"
        lines.append(f"at risk in {currency}; {rates}")
    if each.prices is not None and (age := settings.sources[each.prices].max_age) is not None:
        lines.append(f"prices older than {words.duration(age)} do not count")
    if each.live is None and each.instruments is not None:
        lines.append(f"ticks and multipliers from {each.instruments}")
    share = words.percent(each.rules.max_quarantined)
    lines.append(f"a side with more than {share} quarantined rows is incomplete")
    return tuple(lines)
