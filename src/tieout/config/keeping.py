"""`keep_matches:` of a reconciliation -> Keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tieout.config.findings import Findings
from tieout.config.keys import Key
from tieout.config.scalars import boolean, whole
from tieout.config.settings import SourceSettings
from tieout.config.tree import Fault, Node
from tieout.core.matched import USUAL_DAYS, Keep
from tieout.core.rules import Calendar
from tieout.core.schema import RECORD_TYPES

MOST_DAYS: Final = 260
"""A year of business days: each of them is a file of everything that matched."""


def days(node: Node, findings: Findings) -> int:
    """Business days; 0: not at all."""
    if not node.quoted and str(node.value).lower() in ("true", "false"):
        return USUAL_DAYS if boolean(node, findings) else 0
    number = whole(node, findings)
    if not 1 <= number <= MOST_DAYS:
        what = f"matches are kept for 1 to {MOST_DAYS} business days, not for {number}"
        raise Fault(node, what, "`keep_matches: false` keeps none")
    return number


KEEP_MATCHES: Final = Key(
    days,
    "5",
    "Of trades and movements, for how many business days what matched is kept, so that a record"
    f" which one side amends or sends again finds its partner; `true` is {USUAL_DAYS}.",
    None,
    "`false`: not at all",
)


def keep(
    entries: Mapping[str, Node],
    keys: Mapping[str, Any],
    findings: Findings,
    sides: Mapping[str, SourceSettings | None],
    *,
    live: bool,
) -> Keep | None:
    """How long what matched is kept. Only events of earlier dates can be amended; and what is not
    in a whole history any more is gone, whatever it matched before."""
    node, number = entries.get("keep_matches"), keys["keep_matches"]
    if node is None or not number:
        return None
    if live:
        what = "`keep_matches` is of files: a live window is read again as a whole"
        findings.add(node, what, key=True)
    elif not RECORD_TYPES[keys["records"]].event:
        events = ", ".join(name for name, type_ in RECORD_TYPES.items() if type_.event)
        what = f"matches are kept of {events}, not of {keys['records']}"
        hint = "the newest snapshot decides by itself: remove the key"
        findings.add(node, what, hint, key=True)
    elif repeating := [each for each in sides.values() if each is not None and each.repeats]:
        what = f"`keep_matches` has no effect: {repeating[0].name} repeats its whole history"
        findings.warn(node, what)
        return None
    return Keep(number, keys["calendar"] or Calendar())
