"""`TIEOUT__A__B=value` in the environment overrides the key `a.b` of the document.

Parts of a name are keys in any case, with `_` for `-`; in a list they are numbers from 0. The
value is read as in YAML: a scalar, or a list or mapping in brackets.

Five further variables, RECONCILIATION_ENABLED and its like, say something of all that is live: see
`serve`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from tieout.config.findings import Findings, unknown
from tieout.config.live import WORTH
from tieout.config.scalars import amount, whole
from tieout.config.settings import (
    ReconciliationSettings,
    ServeSettings,
    Settings,
    SourceSettings,
    VenueOptions,
)
from tieout.config.tree import Fault, Node, child_path, from_text
from tieout.core.model import Money
from tieout.core.text import NS
from tieout.errors import ConfigError, Problem

T = TypeVar("T")

PREFIX: Final = "TIEOUT__"

NAMED: Final = ("sources", "reconciliations")
"""Mappings whose entries the document must have: a mistyped name makes no new entry."""


def override(root: Node, environ: Mapping[str, str], findings: Findings) -> None:
    """Apply every override to the tree, in the order of their names."""
    for variable in sorted(environ):
        if variable.upper().startswith(PREFIX):
            parts = variable[len(PREFIX) :].split("__")
            if all(parts):
                _Override(variable, environ[variable], findings).apply(root, parts)
            else:
                what = f"the variable {variable} names no key"
                findings.problems.append(Problem(what, hint="e.g. TIEOUT__STORE"))


class _Override:
    def __init__(self, variable: str, value: str, findings: Findings) -> None:
        self.variable, self.value, self.findings = variable, value, findings

    def apply(self, root: Node, parts: list[str]) -> None:
        node = root
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            found = self._step(node, part, last, required=index == 1 and _tail(node) in NAMED)
            if found is None:
                return
            node = found

    def _step(self, node: Node, part: str, last: bool, *, required: bool) -> Node | None:
        """The node that `part` means below `node`: the new value where it is the last part."""
        if isinstance(node.value, list):
            if not part.isdecimal() or int(part) >= len(node.value):
                self._fail(node, f"{node.path} has no item {part}; it has {len(node.value)}")
                return None
            index = int(part)
            if last and (new := self._new(child_path(node.path, index))) is not None:
                node.value[index] = new
            return node.value[index]
        if not isinstance(node.value, dict):
            node.value = {}
            node.variable = self.variable
        key = _find(node.value, part)
        if key is None and required:
            message, hint = unknown(_tail(node)[:-1], part.lower(), node.value)
            self._fail(node, message, hint)
            return None
        key = key or part.lower()
        if last or key not in node.value:
            new = self._new(child_path(node.path, key), last)
            if new is None:
                return None
            node.value[key] = new
        return node.value[key]

    def _new(self, path: str, last: bool = True) -> Node | None:
        """The new value, or a mapping on the way to it; None where it is not YAML."""
        if not last:
            return Node({}, path, variable=self.variable)
        if not self.value.lstrip().startswith(("[", "{", '"', "'")):
            text = self.value.strip()
            return Node(text or None, path, variable=self.variable)
        problems: list[Problem] = []
        node = from_text(self.value, problems)
        for problem in problems:
            self.findings.problems.append(
                Problem(problem.message, f"{self.variable} in the environment", hint=problem.hint)
            )
        return _placed(node, path, self.variable) if node is not None else None

    def _fail(self, node: Node, message: str, hint: str | None = None) -> None:
        at = Node(None, node.path, variable=self.variable)
        self.findings.add(at, message, hint)


def _tail(node: Node) -> str:
    return node.path.rpartition(".")[2]


def _find(entries: Mapping[str, Node], part: str) -> str | None:
    """The key that `part` means: in any case, with `_` for `-` and other signs."""
    wanted = part.casefold()
    for key in entries:
        if key.casefold() == wanted:
            return key
    for key in entries:
        if "".join(c if c.isalnum() else "_" for c in key.casefold()) == wanted:
            return key
    return None


def _placed(node: Node, path: str, variable: str) -> Node:
    """`node` as if it had been written at `path` by `variable`."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _placed(each, child_path(path, key), variable) for key, each in value.items()}
    elif isinstance(value, list):
        value = [
            _placed(each, child_path(path, index), variable) for index, each in enumerate(value)
        ]
    return Node(value, path, quoted=node.quoted, variable=variable)


# What is said of all that is live

_YES: Final = ("true", "1", "yes", "on")
_NO: Final = ("false", "0", "no", "off")
MAX_RETRIES: Final = 20
"""A venue that did not answer so often will not; asking on would only look like an attack."""


def _enabled(node: Node, _: Findings) -> bool:
    word = str(node.value).strip().lower()
    if word not in (*_YES, *_NO):
        raise Fault(node, f"`true` or `false` belongs here, not {node.shape}")
    return word in _YES


def _seconds(node: Node, findings: Findings) -> int:
    nanoseconds = amount(node, findings) * NS
    if not 0 < nanoseconds <= 2**63 - 1 or nanoseconds != nanoseconds.to_integral_value():
        what = f"a number of seconds above zero belongs here, not {node.shape}"
        raise Fault(node, what, "e.g. `60`")
    return int(nanoseconds)


def _dollars(node: Node, findings: Findings) -> Money:
    return Money(amount(node, findings), "USD")


def _retries(node: Node, findings: Findings) -> int:
    found = whole(node, findings)
    if found > MAX_RETRIES:
        raise Fault(node, f"{found} attempts are too many", f"at most {MAX_RETRIES}")
    return found


def serve(environ: Mapping[str, str], findings: Findings) -> ServeSettings:
    """What the variables RECONCILIATION_... say; what is wrong with them goes to `findings`."""

    def said(variable: str, read: Callable[[Node, Findings], T]) -> T | None:
        if variable not in environ:
            return None
        where = f"{variable} in the environment"
        try:
            return read(Node(environ[variable].strip()), findings)
        except Fault as fault:
            findings.problems.append(Problem(fault.message, where, hint=fault.hint))
            return None

    enabled = said("RECONCILIATION_ENABLED", _enabled)
    return ServeSettings(
        enabled=enabled is not False,
        every=said("RECONCILIATION_INTERVAL_SECONDS", _seconds),
        threshold=said("RECONCILIATION_THRESHOLD_USD", _dollars),
        retries=said("RECONCILIATION_RETRY_COUNT", _retries),
        timeout=said("RECONCILIATION_TIMEOUT_SECONDS", _seconds),
    )


def served(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """`settings` with what the variables RECONCILIATION_... say in place of what they say.

    Batch reconciliations stay as they are.

    Raises:
        ConfigError: it names every variable that is wrong.
    """
    findings = Findings(environ=environ)
    said = serve(environ, findings)
    if findings.problems:
        file = str(settings.file) if settings.file is not None else None
        raise ConfigError(tuple(findings.problems), file=file)
    return replace(
        settings,
        sources={name: _waiting(each, said) for name, each in settings.sources.items()},
        reconciliations={
            name: _served(each, said) for name, each in settings.reconciliations.items()
        },
        serve=said,
    )


def _waiting(source: SourceSettings, said: ServeSettings) -> SourceSettings:
    if said.timeout is None or not isinstance(source.options, VenueOptions):
        return source
    return replace(source, options=replace(source.options, timeout=said.timeout))


def _served(each: ReconciliationSettings, said: ServeSettings) -> ReconciliationSettings:
    if each.live is None:
        return each
    live, rules = each.live, each.rules
    if said.every is not None:
        live = replace(live, every=said.every)
    if said.threshold is not None and rules.records in WORTH:
        rules = replace(rules, value_tolerance=said.threshold)
    return replace(each, live=live, rules=rules)
