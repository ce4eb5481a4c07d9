"""`tieout doctor`: whether venues and books can be used, before anything depends on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from tieout import wiring
from tieout.cli.arguments import one_of
from tieout.cli.console import Cell, Options, note, out, table, warn
from tieout.config import Settings, SourceSettings, VenueOptions, load
from tieout.config.findings import unknown
from tieout.errors import ConfigError, TieoutError, UsageError
from tieout.ports import Book, Store, Venue
from tieout.service.doctor import Finding, Health, Needs, examine_book, examine_venue
from tieout.wiring.feeds import Feeds, system_clock
from tieout.wiring.loop import run_loop

TELLING: Final = 4
"""A shorter secret is not looked for in texts: it would blot out half of them."""

_ORDER: Final = tuple(Health)


@dataclass(frozen=True, slots=True)
class Examined:
    """A source, and what was found."""

    name: str
    type: str
    findings: Sequence[Finding]

    @property
    def health(self) -> Health:
        """The worst of its findings."""
        return max((each.health for each in self.findings), key=_ORDER.index, default=Health.OK)


def doctor(
    config: Path, names: Sequence[str], store: str | None, shape: str, options: Options
) -> int:
    """Examine the sources, show what was found, and return the exit code: 2 where one fails.

    Raises:
        UsageError, ConfigError: nobody was asked.
    """
    shape = one_of(shape, ("table", "json"), "--format")
    settings = load(config)
    for each in settings.warnings:
        warn(each.message, options)
    chosen = _chosen(settings, names)
    if not chosen:
        note("no source of this configuration answers now: there is nobody to ask", options)
    with _opened(settings, store) as (view, said):
        found = [*said, *run_loop(_examined(settings, chosen, view))]
    if shape == "json":
        out(json.dumps([_object(each) for each in found], indent=2, ensure_ascii=False))
    elif found:
        _show(found, options)
    return 2 if any(each.health is Health.FAIL for each in found) else 0


def _chosen(settings: Settings, names: Sequence[str]) -> list[SourceSettings]:
    """The sources to ask: those named, else all that a live reconciliation asks."""
    asked = [each for each in settings.sources.values() if _answers(each, settings)]
    for name in names:
        if name not in settings.sources:
            message, hint = unknown("source", name, settings.sources)
            raise UsageError(message, hint=hint)
        if settings.sources[name] not in asked:
            type_ = settings.sources[name].type
            raise UsageError(
                f"the source {name!r} is a {type_}: there is nobody to ask",
                hint="`tieout run --dry-run` reads it",
            )
    return [each for each in asked if not names or each.name in names]


def _answers(source: SourceSettings, settings: Settings) -> bool:
    """A query is asked now where a live reconciliation compares it."""
    if source.type != "sql":
        return source.live
    every = settings.reconciliations.values()
    return any(each.live is not None and each.internal == source.name for each in every)


@contextmanager
def _opened(settings: Settings, store: str | None) -> Iterator[tuple[Store, list[Examined]]]:
    """The store, and what is to be said of it. One that cannot be opened stops no other check."""
    said: list[Examined] = []
    try:
        view = wiring.open_store(store or settings.store.resolve(), dry_run=True)
    except TieoutError as error:
        finding = Finding("reachable", Health.FAIL, error.what, error.hint)
        said.append(Examined("store", "store", [finding]))
        view = wiring.open_store("sqlite://")
    try:
        yield view, said
    finally:
        view.close()


async def _examined(
    settings: Settings, chosen: Sequence[SourceSettings], store: Store
) -> list[Examined]:
    """All at once; what happens to one does nothing to another. No secret of any is in it."""
    keys = [_credentials(source) for source in chosen]
    secrets = [secret for _, own in keys for secret in own]
    feeds = Feeds(settings, store, system_clock())
    try:
        found = await asyncio.gather(
            *(
                _examine(settings, source, findings, feeds)
                for source, (findings, _) in zip(chosen, keys, strict=True)
            )
        )
    finally:
        await feeds.aclose()
    return [
        Examined(source.name, source.type, [_without(each, secrets) for each in findings])
        for source, findings in zip(chosen, found, strict=True)
    ]


async def _examine(
    settings: Settings, source: SourceSettings, findings: Sequence[Finding], feeds: Feeds
) -> list[Finding]:
    """What is found of a source, after what its credentials gave; without these nothing is."""
    if any(each.health is Health.FAIL for each in findings):
        return list(findings)
    try:
        return [*findings, *await _findings(settings, source, feeds)]
    except TieoutError as error:
        return [*findings, Finding("reachable", Health.FAIL, error.what, error.hint)]
    except Exception as error:  # noqa: BLE001 - one source's bug hides no other's answers
        what = f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
        return [*findings, Finding("reachable", Health.FAIL, what, "please report it")]


async def _findings(settings: Settings, source: SourceSettings, feeds: Feeds) -> list[Finding]:
    needs, now = _needs(settings, source), datetime.now(UTC)
    if source.type == "venue":
        return await examine_venue(cast("Venue", feeds.open(source.name)), needs, now)
    users = [each for each in settings.reconciliations.values() if each.internal == source.name]
    records, other = (users[0].rules.records, users[0].external) if users else ("trades", None)
    book = feeds.open(source.name, records=records, other=other)
    return await examine_book(cast("Book", book), needs)


def _needs(settings: Settings, source: SourceSettings) -> Needs:
    records = [
        (each.rules.records, each.name)
        for each in settings.reconciliations.values()
        if source.name in (each.internal, each.external)
    ]
    if source.records in ("prices", "instruments"):
        users = [each for each in settings.reconciliations.values() if source.name in each.sources]
        records += [(source.records, each.name) for each in users]
    options = source.options
    symbols = options.symbols if isinstance(options, VenueOptions) else frozenset()
    every = {
        each.name: each.live.every
        for each in settings.reconciliations.values()
        if each.live is not None and each.external == source.name and "interval" in each.live.on
    }
    return Needs(records, symbols, every)


def _credentials(source: SourceSettings) -> tuple[list[Finding], list[str]]:
    """Whether they are there, and what must not be shown of them."""
    if not isinstance(source.options, VenueOptions) or not source.options.references:
        return [], []
    findings, secrets = [], []
    for name, reference in source.options.references.items():
        try:
            value = reference.resolve()
        except ConfigError as error:
            problem = error.problems[0]
            findings.append(Finding("credentials", Health.FAIL, problem.message, problem.hint))
            continue
        except TieoutError as error:
            findings.append(Finding("credentials", Health.FAIL, error.what, error.hint))
            continue
        if not value.strip():
            what = f"{name} is empty: {reference}"
            findings.append(Finding("credentials", Health.FAIL, what))
        elif name in ("api_key", "secret", "password"):
            secrets += [value, value.strip()]
    if not findings:
        what = ", ".join(f"{name} {each}" for name, each in source.options.references.items())
        findings.append(Finding("credentials", Health.OK, what))
    return findings, secrets


def _without(finding: Finding, secrets: Sequence[str]) -> Finding:
    """The finding without any secret: a venue may repeat in an error what it was sent."""
    text, hint = finding.text, finding.hint
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= TELLING:
            text = text.replace(secret, "***")
            hint = hint and hint.replace(secret, "***")
    return replace(finding, text=text, hint=hint)


def _show(found: Sequence[Examined], options: Options) -> None:
    rows: list[list[Cell]] = [
        [each.name, one.check, [(str(one.health), one.health is Health.FAIL)], one.text]
        for each in found
        for one in each.findings
    ]
    for line in table(("source", "check", "result", "what"), rows):
        if not out(line):
            return
    for each in found:
        for one in each.findings:
            if one.health is not Health.OK and one.hint:
                note(f"{each.name}, {one.check}: {one.hint}", options)


def _object(each: Examined) -> dict[str, Any]:
    return {
        "source": each.name,
        "type": each.type,
        "result": str(each.health),
        "checks": [
            {"check": one.check, "result": str(one.health), "text": one.text, "hint": one.hint}
            for one in each.findings
        ],
    }
