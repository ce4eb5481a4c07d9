"""Every message that the source code can give on purpose, as templates: `there is no file <>`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import tieout

SOURCE = Path(tieout.__file__).parent
ERRORS = {
    "UsageError": 0,
    "SourceError": 0,
    "SourceMissing": 0,
    "MatchLogLost": 0,
    "VenueError": 0,
    "VenueTimeout": 0,
    "VenueRateLimited": 0,
    "VenueRefused": 0,
    "VenueMalformed": 0,
    "VenueUnsupported": 0,
    "CalculationError": 0,
    "RecoveryError": 0,
    "EngineError": 0,
    "StoreError": 0,
    "StoreOutdated": 0,
    "RunSuperseded": 0,
    "LeaseLost": 0,
    "JournalConflict": 0,
    "MissingExtra": 1,
}
"""Class to the place of its message among the arguments."""
CONFIGURATION = {"Fault": 1, "Problem": 0, "add": 1, "warn": 1}
VENUES = {"Fault": 1}
"""Under adapters/venues: what an answer is called that is none."""
UNREADABLE = {"Unreadable": 0}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def messages(places: dict[str, int], under: str = "") -> Iterator[str]:
    """The templates of calls of `places` whose message is written where they are."""
    for path in sorted((SOURCE / under).rglob("*.py")):
        if "testing" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
            texts = _assigned(function)
            for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
                place = places.get(_name(call.func))
                if place is not None and len(call.args) > place:
                    yield from _templates(call.args[place], texts)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _assigned(function: Function) -> dict[str, list[ast.expr]]:
    texts: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    texts.setdefault(target.id, []).append(node.value)
                elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                    for one, value in zip(target.elts, node.value.elts, strict=False):
                        if isinstance(one, ast.Name):
                            texts.setdefault(one.id, []).append(value)
    return texts


def _templates(node: ast.expr, texts: dict[str, list[ast.expr]]) -> Iterator[str]:
    if isinstance(node, ast.Name):
        for value in texts.get(node.id, []):
            if not isinstance(value, ast.Name):
                yield from _templates(value, {})
    elif isinstance(node, ast.IfExp):
        yield from _templates(node.body, texts)
        yield from _templates(node.orelse, texts)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else "<>" for part in node.values
        )
