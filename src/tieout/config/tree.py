"""A configuration as a tree of nodes that know where they were written.

Scalars stay texts: `0.005` is never a float, `no` is never a boolean, `1.10` keeps its zero.
What a text means is decided by the key that it belongs to.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any, Final, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tieout.core.money import plain
from tieout.errors import Problem

NODE_LIMIT: Final = 200_000
"""Nodes in one configuration, aliases expanded: stops a small file that means a huge one."""

DEPTH_LIMIT: Final = 60

Content: TypeAlias = "str | list[Node] | dict[str, Node] | None"


@dataclass(slots=True)
class Node:
    """One value of a configuration, and where it is.

    Attributes:
        value: a scalar's text, the items, the entries, or None for an empty or null value.
        path: `reconciliations.trades.match[0].on`.
        line, column: of the value, from 1. `key_line`, `key_column`: of the key before it.
        quoted: the text stood in quotes, so it is no null and no boolean.
        variable: the environment variable that it came from, if it did.
    """

    value: Content
    path: str = ""
    line: int | None = None
    column: int | None = None
    key_line: int | None = None
    key_column: int | None = None
    quoted: bool = False
    variable: str | None = None

    @property
    def shape(self) -> str:
        """What it is, for a person."""
        match self.value:
            case None:
                return "nothing"
            case str():
                return f"the text {self.value!r}"
            case list():
                return "a list"
            case _:
                return "a mapping"


class Fault(Exception):
    """One value is wrong."""

    def __init__(self, node: Node, message: str, hint: str | None = None, *, key: bool = False):
        super().__init__(message)
        self.node, self.message, self.hint, self.key = node, message, hint, key


class Reported(Fault):
    """One value is wrong, and is among the problems already."""

    def __init__(self, node: Node) -> None:
        super().__init__(node, "")


def child_path(path: str, key: str | int) -> str:
    """The path of an entry or an item below `path`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def from_text(text: str, problems: list[Problem]) -> Node | None:
    """The tree of a YAML text; None where it is not YAML. Problems are added to `problems`."""
    yaml = YAML(typ="base", pure=True)
    try:
        with warnings.catch_warnings():  # a reused anchor is legal
            warnings.simplefilter("ignore")
            composed = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        problems.append(_syntax(error.problem or error.context or "", *where))
        return None
    except YAMLError as error:
        problems.append(_syntax(str(error).splitlines()[0]))
        return None
    except RecursionError:
        problems.append(_syntax("it is nested too deeply"))
        return None
    if composed is None:
        return Node(None, line=1, column=1)
    return _Builder(problems).build(composed, "", 0)


def _syntax(what: str, line: int | None = None, column: int | None = None) -> Problem:
    hint = None
    if "\\t" in what:
        hint = "indent with blanks, two a level"
    elif "<block end>" in what:
        hint = (
            "the keys of one mapping begin in the same column, and so do the `-` of one list;"
            " `price: exact` stands two blanks further in than its `compare:`"
        )
    elif "mapping values" in what:
        hint = (
            "a key stands further in than the one before it, which has a value already;"
            ' or a value with `: ` needs quotes: `path: "a: b.csv"`'
        )
    return Problem(f"this is not valid YAML: {what}", line=line, column=column, hint=hint)


class _Builder:
    """Turns composed YAML nodes into ours, once."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        self.count = 0

    def build(self, node: Any, path: str, depth: int) -> Node:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self.count += 1
        if depth > DEPTH_LIMIT or self.count > NODE_LIMIT:
            self._once(path, line, column)
            return Node(None, path, line, column)
        if node.id == "scalar":
            quoted = node.style is not None
            text = str(node.value)
            absent = not quoted and text in ("", "~", "null", "Null", "NULL")
            return Node(None if absent else text, path, line, column, quoted=quoted)
        if node.id == "sequence":
            items = [
                self.build(item, child_path(path, index), depth + 1)
                for index, item in enumerate(node.value)
            ]
            return Node(items, path, line, column)
        return Node(self._entries(node, path, depth), path, line, column)

    def _entries(self, node: Any, path: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            line, column = key.start_mark.line + 1, key.start_mark.column + 1
            if key.id != "scalar":
                self.problems.append(Problem("a key must be a text", path, line, column))
                continue
            if key.value == "<<" and key.style is None:
                for name, inherited in self._merge(value, path, depth):
                    merged.setdefault(name, inherited)
                continue
            built = self.build(value, child_path(path, key.value), depth + 1)
            built.key_line, built.key_column = line, column
            first = entries.get(key.value)
            if first is not None:
                self.problems.append(
                    Problem(
                        f"the key `{key.value}` is there twice; first in line {first.key_line}",
                        built.path,
                        line,
                        column,
                        hint="keep one of them",
                    )
                )
                continue
            entries[key.value] = built
        return {**merged, **entries}

    def _merge(self, value: Any, path: str, depth: int) -> Iterator[tuple[str, Node]]:
        """The entries that `<<: *anchor` brings in; the first of several mappings wins."""
        for each in value.value if value.id == "sequence" else [value]:
            if each.id != "mapping":
                line, column = value.start_mark.line + 1, value.start_mark.column + 1
                what = "`<<` takes a mapping, or a list of mappings"
                self.problems.append(Problem(what, path, line, column))
                return
            inherited = self.build(each, path, depth + 1).value
            if isinstance(inherited, dict):
                yield from inherited.items()

    def _once(self, path: str, line: int, column: int) -> None:
        what = "it is nested too deeply, or refers to itself, or is too large"
        if not any(problem.message == what for problem in self.problems):
            self.problems.append(Problem(what, path, line, column))


def from_python(value: object, problems: list[Problem], path: str = "", depth: int = 0) -> Node:
    """The tree of a dict, as the Python API takes it."""
    match value:
        case None:
            return Node(None, path)
        case bool():
            return Node("true" if value else "false", path)
        case str():
            return Node(str(value), path, quoted=True)
        case int():
            return Node(str(value), path)
        case Decimal() if value.is_finite():
            return Node(plain(value), path)
        case date() | time():
            return Node(value.isoformat(), path, quoted=True)
        case Mapping() if depth < DEPTH_LIMIT:
            return Node(
                {
                    str(key): from_python(each, problems, child_path(path, str(key)), depth + 1)
                    for key, each in value.items()
                },
                path,
            )
        case Sequence() | set() | frozenset() if depth < DEPTH_LIMIT:
            ordered = value if isinstance(value, Sequence) else sorted(value, key=str)
            return Node(
                [
                    from_python(each, problems, child_path(path, index), depth + 1)
                    for index, each in enumerate(ordered)
                ],
                path,
            )
    hint = f'write it as a text: "{value!r}"' if isinstance(value, float) else None
    what = "a float is not exact" if hint else f"a {type(value).__name__} cannot stand here"
    problems.append(Problem(what, path, hint=hint))
    return Node("0", path)
