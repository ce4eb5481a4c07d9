"""`severity:` and `policy:` of a reconciliation."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from tieout.config.findings import Findings
from tieout.config.keys import (
    REQUIRED,
    Key,
    Table,
    attempt,
    items,
    keyed,
    map_of,
    mapping,
    one_or_more,
    read_keys,
)
from tieout.config.scalars import amount, choice, member, share, whole
from tieout.config.tree import Fault, Node
from tieout.core.model import Kind, Severity
from tieout.core.rules import Action, Bands, Limit, PolicyRule, Preset, SeverityRules

KINDS: Final = {kind.value.lower(): (kind,) for kind in Kind} | {
    "missing": (Kind.MISSING_INTERNAL, Kind.MISSING_EXTERNAL)
}
"""Names of kinds in YAML; `missing` stands for both."""

GRADED: Final = frozenset(
    {
        Kind.OVERFILL,
        Kind.QUANTITY,
        Kind.PRICE,
        Kind.COST_BASIS,
        Kind.MARGIN,
        Kind.BALANCE,
        Kind.FEE,
        Kind.PNL,
        Kind.FIELD,
        Kind.DRIFT,
    }
)
"""Kinds that have a relative difference, and so may have bands."""

_severity_name = choice("severity", [each.label for each in Severity])


def severity(node: Node, findings: Findings) -> Severity:
    """A severity by its name."""
    return Severity.of(_severity_name(node, findings))


_THRESHOLDS: Final[Table] = {
    each.label: Key(share, f"{percent}%", f"From this relative difference on: {each.label}.")
    for each, percent in zip(Severity, (0, "0.1", 1, 5, 10), strict=True)
}
BANDS: Final[Table] = {
    **_THRESHOLDS,
    "below": Key(severity, "low", "Under the first of them.", None, "low"),
    "min_value": Key(
        map_of(amount),
        "{USD: 10}",
        "Value at risk under which the relative difference does not count: at most low.",
        {},
    ),
}


def _bands(node: Node, findings: Findings) -> Bands:
    keys = read_keys(node, BANDS, findings)
    found = [(each, keys[each.label]) for each in Severity if keys[each.label] is not None]
    for (lower, first), (higher, second) in pairwise(found):
        if second <= first:
            entry = mapping(node)[higher.label]
            findings.add(entry, f"`{higher.label}` begins at or below where `{lower.label}` begins")
    if not found:
        raise Fault(node, "no band is given", "e.g. `{medium: 1%, high: 5%, critical: 10%}`")
    least = found[0][0]
    below = keys["below"]
    if below is None:
        below = Severity.LOW if least > Severity.LOW else Severity.INFO
    if below > least:
        entry = mapping(node)["below"]
        findings.add(entry, f"`below` is worse than `{least.label}`, the band above it")
    return Bands(tuple((bound, each) for each, bound in found), below, keys["min_value"])


def _kind_rule(node: Node, findings: Findings) -> Severity | Bands:
    return severity(node, findings) if isinstance(node.value, str) else _bands(node, findings)


SEVERITY: Final[Table] = {
    "preset": Key(
        member("preset", Preset), "standard", "The rules to start from.", Preset.STANDARD
    ),
    "large": Key(
        amount,
        "1000",
        "For the `portfolio` preset: a missing item of this value, in the reporting currency, is"
        " critical.",
        Decimal(1000),
    ),
    **{
        name: Key(
            _kind_rule,
            "critical",
            f"Of {', '.join(kinds)} breaks: a severity"
            + (", or bands by relative difference." if set(kinds) & GRADED else "."),
            None,
            "by the preset",
        )
        for name, kinds in KINDS.items()
    },
}


def severity_rules(node: Node, findings: Findings) -> SeverityRules:
    """A preset's name, or a mapping that changes a preset."""
    if isinstance(node.value, str):
        return SeverityRules(preset=member("preset", Preset)(node, findings))
    keys = read_keys(node, SEVERITY, findings)
    entries = mapping(node)
    kinds: dict[Kind, Severity] = {}
    bands: dict[Kind, Bands] = {}
    for name in sorted(KINDS, key=lambda each: each != "missing"):  # one kind overrides both
        rule = keys[name]
        for kind in KINDS[name]:
            if isinstance(rule, Severity):
                kinds[kind] = rule
            elif isinstance(rule, Bands) and kind in GRADED:
                bands[kind] = rule
            elif isinstance(rule, Bands):
                hint = f"give one severity: `{name}: critical`"
                findings.add(entries[name], f"{kind} breaks have no relative difference", hint)
                break
    return SeverityRules(keys["preset"], kinds, bands, keys["large"])


_kind_name = choice("kind", KINDS)


def _kinds(node: Node, findings: Findings) -> tuple[Kind, ...]:
    return KINDS[_kind_name(node, findings)]


WHEN: Final[Table] = {
    "severity": Key(
        one_or_more(severity), "[medium, high]", "Severities that it applies to.", (), "all"
    ),
    "kind": Key(one_or_more(_kinds), "quantity", "Kinds that it applies to.", (), "all"),
}
LIMIT: Final[Table] = {
    "quantity": Key(amount, '"0.01"', "The largest corrected quantity."),
    "value": Key(map_of(amount), "{USD: 100}", "The largest value, by currency.", {}),
    "per_run": Key(whole, "20", "Corrections in one run."),
    "per_day": Key(whole, "50", "Corrections in one day."),
}
SYNC: Final[Table] = {
    "sync": Key(
        choice("side to correct", ("internal", "external")),
        "internal",
        "Propose a correction of this side.",
        REQUIRED,
    )
}


def _do(node: Node, findings: Findings) -> Action:
    if isinstance(node.value, dict):
        return keyed(SYNC, lambda sync: Action(f"sync-{sync}"))(node, findings)
    plain = [each.value for each in Action if not each.value.startswith("sync-")]
    if node.value in ("sync", "sync-internal", "sync-external"):
        raise Fault(node, "say which side to correct", "`do: {sync: internal}`")
    return Action(choice("action", plain)(node, findings))


POLICY: Final[Table] = {
    "when": Key(
        lambda node, findings: read_keys(node, WHEN, findings),
        "{severity: critical}",
        "Which breaks it applies to.",
        {},
        "all",
    ),
    "do": Key(_do, "review", "`warn`, `review`, `halt`, or `{sync: internal}`.", REQUIRED),
    "limit": Key(keyed(LIMIT, Limit), "{per_run: 20}", "Bounds of a correction; for `sync`."),
}


def policy_rule(node: Node, findings: Findings) -> PolicyRule:
    """One rule of a policy. Raises Fault."""
    keys: dict[str, Any] = read_keys(node, POLICY, findings)
    when = keys["when"]
    do = keys["do"] or Action.WARN
    sync = do in (Action.SYNC_INTERNAL, Action.SYNC_EXTERNAL)
    if keys["limit"] is not None and keys["do"] is not None and not sync:
        what = f"a limit bounds corrections, and `{do}` makes none"
        findings.add(mapping(node)["limit"], what, key=True)
    kinds = frozenset(kind for kinds in when.get("kind", ()) for kind in kinds)
    return PolicyRule(do, kinds, frozenset(when.get("severity", ())), keys["limit"])


def policy(node: Node, findings: Findings) -> tuple[PolicyRule, ...]:
    """The rules in their order; one that can never apply is a warning."""
    rules: list[PolicyRule] = []
    for each in items(node):
        rule = attempt(policy_rule, each, findings)
        if rule is None:
            continue
        for index, earlier in enumerate(rules, start=1):
            if _covers(earlier, rule):
                what = f"this rule never applies: rule {index} takes every break that it fits"
                findings.warn(each, what, "put it first, or remove it")
                break
        rules.append(rule)
    return tuple(rules)


def _covers(earlier: PolicyRule, later: PolicyRule) -> bool:
    """Whether every break that `later` fits is one that `earlier` fits. Empty fits all."""
    kinds = not earlier.kinds or (bool(later.kinds) and later.kinds <= earlier.kinds)
    severities = not earlier.severities or (
        bool(later.severities) and later.severities <= earlier.severities
    )
    return kinds and severities
