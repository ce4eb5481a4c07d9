"""A configuration file, a text or a dict -> Settings, or one ConfigError with every problem."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tieout.config import calendars, columns, environment
from tieout.config.findings import Findings, nearest
from tieout.config.keys import REQUIRED, Key, Table, attempt, mapping, read_keys
from tieout.config.reconciliations import reconciliation
from tieout.config.scalars import currency, directory, text
from tieout.config.secret import Reference, url
from tieout.config.settings import (
    FrameOptions,
    ReconciliationSettings,
    Settings,
    SourceSettings,
)
from tieout.config.sources import source
from tieout.config.tree import Fault, Node, from_python, from_text
from tieout.config.venues import check_keys
from tieout.core.rules import Rules
from tieout.errors import ConfigError, Problem

DEFAULT_STORE: Final = "sqlite:///tieout.db"


def _version(node: Node, findings: Findings) -> str:
    if text(node, findings) != "1":
        raise Fault(node, f"this program reads version 1, not {node.value}", "write `version: 1`")
    return "1"


def _entries(node: Node, _: Findings) -> dict[str, Node]:
    return mapping(node)


def _as_node(node: Node, _: Findings) -> Node:
    mapping(node)
    return node


DOCUMENT: Final[Table] = {
    "version": Key(_version, "1", "The version of this format.", REQUIRED),
    "store": Key(
        url,
        "sqlite:///tieout.db",
        "The database for runs and breaks: SQLite, relative to this file, or PostgreSQL"
        " (`postgresql+psycopg://...`).",
        None,
        f"`{DEFAULT_STORE}`",
    ),
    "match_logs": Key(
        directory,
        "matches",
        "The directory of what `keep_matches` keeps, relative to this file. A store in a server"
        " needs one, which all who run it share.",
        None,
        "`<store>.matches`, beside a SQLite store",
    ),
    "reporting_currency": Key(currency, "USD", "What value at risk is measured in."),
    "calendars": Key(
        calendars.calendars,
        "{london: {holidays: [2026-12-25]}}",
        "Business days, by name. `weekdays` and `everyday` are there already.",
        {},
    ),
    "sources": Key(_as_node, "{executions: {...}}", "Where records come from, by name.", REQUIRED),
    "reconciliations": Key(
        _as_node, "{executions-vs-broker: {...}}", "What is compared, by name.", REQUIRED
    ),
}


def load(path: str | os.PathLike[str], environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of a YAML file, with the overrides of the environment.

    Args:
        environ: in place of the process's environment.

    Raises:
        ConfigError: the file is not there or is wrong; it names every problem.
    """
    environ = os.environ if environ is None else environ
    file = Path(path)
    content = _read(file)
    base = file.absolute().parent
    findings = Findings(lines=content.splitlines(), base=base, environ=environ)
    root = _compose(content, findings, str(path))
    environment.override(root, environ, findings)
    settings = _document(root, findings, file)
    environment.serve(environ, findings)  # its problems are reported with all the others
    _raise(findings, str(path))
    return environment.served(settings, environ)


def parse(
    rules: str | Mapping[str, Any] | Rules,
    base: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of a YAML text, a dict or Rules, as the Python API takes them.

    A document has `version` and `reconciliations`. Anything else is the body of one reconciliation:
    its `internal` and `external` are the options of frames (`{columns: ..., timezone: ...}`) and
    may be absent, `sources` has further ones, and `name` names it. The environment overrides
    nothing here; `served` applies what it says of all that is live.

    Args:
        base: what relative paths are relative to; the working directory where None.
        environ: what `env:` references are looked up in; the process's where None.

    Raises:
        ConfigError: with every problem.
    """
    environ = os.environ if environ is None else environ
    findings = Findings(base=(base or Path()).absolute(), environ=environ)
    if isinstance(rules, Rules):
        return _of_rules(rules, findings)
    if isinstance(rules, str):
        findings.lines = rules.splitlines()
        root = _compose(rules, findings, None)
    else:
        problems: list[Problem] = []
        root = from_python(rules, problems)
        findings.problems += problems
    entries = root.value if isinstance(root.value, dict) else {}
    if entries.keys() & {"version", "reconciliations"}:
        settings = _document(root, findings, None)
    else:
        settings = _bare(root, findings)
    _raise(findings, None)
    return settings


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"it is not UTF-8: byte {error.start} cannot be read"
        raise ConfigError((Problem(what, hint="save it as UTF-8"),), file=str(file)) from None
    except IsADirectoryError:
        inside = _yaml_files(file)
        hint = f"did you mean {file / inside[0]}?" if inside else "name a YAML file"
        what = f"{file} is a directory"
        raise ConfigError((Problem(what, hint=hint),), file=str(file)) from None
    except (FileNotFoundError, NotADirectoryError):
        what = f"there is no file {file}"
        raise ConfigError((Problem(what, hint=_elsewhere(file)),), file=str(file)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError((Problem(f"{file} cannot be read: {reason}"),), file=str(file)) from None


def _elsewhere(file: Path) -> str:
    directory = file.parent
    there = _yaml_files(directory)
    if not there:
        return "`tieout init A B` writes one from two files"
    best = nearest(file.name, there) or there[0]
    return f"did you mean {directory / best}? `tieout init A B` writes a new one"


def _yaml_files(directory: Path) -> list[str]:
    """What may be meant in a directory: no hidden files."""
    return sorted(each.name for each in directory.glob("*.y*ml") if each.name[0] != ".")


def _compose(content: str, findings: Findings, file: str | None) -> Node:
    problems: list[Problem] = []
    root = from_text(content, problems)
    findings.problems += [findings.finish(problem) for problem in problems]
    if root is None:
        raise ConfigError(tuple(findings.problems), file=file)
    return root


def _raise(findings: Findings, file: str | None) -> None:
    if findings.problems:
        ordered = sorted(
            dict.fromkeys(findings.problems), key=lambda each: (each.line or 0, each.column or 0)
        )
        raise ConfigError(tuple(ordered), file=file)


def _document(root: Node, findings: Findings, file: Path | None) -> Settings:
    if root.value is None:
        root = Node({}, line=1, column=1)
    try:
        entries = mapping(root)
    except Fault as fault:
        findings.fault(fault)
        return _settings({}, {}, {}, None, findings, file)
    if "calendars" in entries:  # sources name them, so they come first
        findings.calendars = attempt(calendars.calendars, entries["calendars"], findings) or {}
    table = {**DOCUMENT, "calendars": Key(lambda node, _: findings.calendars, "", "", {})}
    keys = read_keys(root, table, findings)
    sources = _sources(keys["sources"], findings)
    reconciliations: dict[str, ReconciliationSettings] = {}
    for name, node in _named(keys["reconciliations"], "reconciliation", findings).items():
        found = attempt(
            lambda node, findings, name=name: reconciliation(  # type: ignore[misc]
                name, node, sources, keys["reporting_currency"], findings
            ),
            node,
            findings,
        )
        if found is not None:
            reconciliations[name] = found
    if keys["sources"] is not None:
        nodes = mapping(keys["sources"])
        columns.check_sources(nodes, sources, reconciliations.values(), findings)
        check_keys(nodes, sources, findings)
    whole = {name: each for name, each in sources.items() if each is not None}
    return _settings(keys, whole, reconciliations, keys["store"], findings, file)


def _named(node: Node | None, what: str, findings: Findings) -> dict[str, Node]:
    """The entries of `sources` or `reconciliations`; there must be one."""
    if node is None:
        return {}
    entries = mapping(node)
    if not entries:
        findings.add(node, f"there is no {what}", "`tieout init A B` writes a first one", key=True)
    return entries


def _sources(
    node: Node | None, findings: Findings, *, frame: bool = False
) -> dict[str, SourceSettings | None]:
    found: dict[str, SourceSettings | None] = {}
    for name, each in _named(node, "source", findings).items():
        found[name] = attempt(
            lambda node, findings, name=name: source(name, node, findings, frame=frame),  # type: ignore[misc]
            each,
            findings,
        )
    return found


def _settings(
    keys: Mapping[str, Any],
    sources: Mapping[str, SourceSettings],
    reconciliations: Mapping[str, ReconciliationSettings],
    store: Reference | None,
    findings: Findings,
    file: Path | None,
) -> Settings:
    if store is None:
        store = Reference(DEFAULT_STORE, "store", findings.base, findings.environ)
    return Settings(
        store=store,
        sources=sources,
        reconciliations=reconciliations,
        file=file,
        reporting_currency=keys.get("reporting_currency"),
        calendars=findings.calendars,
        match_logs=keys.get("match_logs"),
        warnings=tuple(findings.warnings),
    )


def _bare(root: Node, findings: Findings) -> Settings:
    """The body of one reconciliation, whose sides are frames."""
    if root.value is None:
        root = Node({}, line=1, column=1)
    try:
        entries = dict(mapping(root))
    except Fault as fault:
        findings.fault(fault)
        return _settings({}, {}, {}, None, findings, None)
    name_node = entries.pop("name", None)
    name = attempt(text, name_node, findings) if name_node is not None else None
    further = entries.pop("sources", None)
    frames = dict(attempt(_entries, further, findings) or {}) if further is not None else {}
    for side in ("internal", "external"):
        node = entries.get(side)
        if node is None or isinstance(node.value, dict):
            frames[side] = node or Node({}, side)
            entries[side] = Node(side, side)
        elif isinstance(node.value, str):
            frames.setdefault(node.value, Node({}, side))
    sources = _sources(Node(frames), findings, frame=True)
    body = Node(entries, root.path, root.line, root.column)
    found = reconciliation(name or "reconciliation", body, sources, None, findings)
    whole = {each: one for each, one in sources.items() if one is not None}
    reconciliations = {found.name: found} if found is not None else {}
    columns.check_sources(frames, sources, reconciliations.values(), findings)
    return _settings({}, whole, reconciliations, None, findings, None)


def _of_rules(rules: Rules, findings: Findings) -> Settings:
    frame = FrameOptions()
    sides = {name: SourceSettings(name, "frame", frame) for name in ("internal", "external")}
    for check in rules.checks:
        sides[check.source] = SourceSettings(check.source, "frame", frame, records="pnl")
    settings = ReconciliationSettings(rules, "internal", "external")
    return _settings({}, sides, {rules.name: settings}, None, findings, None)
