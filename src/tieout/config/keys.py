"""Keys of a mapping as a table: how each is read, and what it means.

The tables are the schema: the loader reads by them, the reference is generated from them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from tieout.config.findings import Findings, unknown
from tieout.config.tree import Fault, Node, Reported

T = TypeVar("T")
Reader: TypeAlias = Callable[[Node, Findings], T]


class _Required:
    """Marks a key that must be there."""


REQUIRED: Final = _Required()


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        read: turns its value into a setting. Raises Fault.
        shape: what the value looks like, for the reference.
        about: what it means.
        default: the setting where the key is absent; REQUIRED where it must be there.
        absent: what absence means, for the reference, where the default does not say it.
    """

    read: Reader[Any]
    shape: str
    about: str
    default: Any = None
    absent: str = ""


Table: TypeAlias = Mapping[str, Key]


def read_keys(
    node: Node, table: Table, findings: Findings, *, what: str = "key", also: Collection[str] = ()
) -> dict[str, Any]:
    """The settings of a mapping: every key of `table`, with its default where it is absent.

    All faults are reported; a faulty value counts as absent.

    Args:
        also: keys that are known, but read by somebody else.
    """
    entries = mapping(node)
    settings: dict[str, Any] = {}
    for name in entries:
        if name not in table and name not in also:
            message, hint = unknown(what, name, table)
            findings.add(entries[name], message, hint, key=True)
    for name, key in table.items():
        settings[name] = None if key.default is REQUIRED else key.default
        entry = entries.get(name)
        if entry is None:
            if key.default is REQUIRED:
                findings.add(node, f"`{name}` is missing", f"add `{name}: {key.shape}`", key=True)
            continue
        value = attempt(key.read, entry, findings, example=f"{name}: {key.shape}")
        if value is not None:
            settings[name] = value
    return settings


def attempt(
    read: Reader[T], node: Node, findings: Findings, *, example: str | None = None
) -> T | None:
    """What `read` makes of `node`; None where it is faulty, which is then reported.

    Args:
        example: what would be right, for a fault of `node` itself that gives no hint.
    """
    try:
        if node.value is None:
            raise Fault(node, "it has no value", "give it one, or remove the key", key=True)
        return read(node, findings)
    except Reported:
        return None
    except Fault as fault:
        if fault.hint is None and fault.node is node and example is not None:
            fault.hint = f"e.g. `{example}`"
        findings.fault(fault)
        return None


def mapping(node: Node) -> dict[str, Node]:
    """The entries of `node`. Raises Fault."""
    if not isinstance(node.value, dict):
        raise Fault(node, f"a mapping belongs here, not {node.shape}")
    return node.value


def items(node: Node) -> list[Node]:
    """The items of `node`. Raises Fault."""
    if not isinstance(node.value, list):
        raise Fault(node, f"a list belongs here, not {node.shape}")
    return node.value


def list_of(read: Reader[T], *, empty: bool = False) -> Reader[tuple[T, ...]]:
    """A reader of lists."""

    def reader(node: Node, findings: Findings) -> tuple[T, ...]:
        nodes = items(node)
        if not nodes and not empty:
            raise Fault(node, "the list is empty", "add an item, or remove the key")
        values = [attempt(read, each, findings) for each in nodes]
        return tuple(value for value in values if value is not None)

    return reader


def one_or_more(read: Reader[T]) -> Reader[tuple[T, ...]]:
    """A reader of a list, or of one item without its brackets."""
    several = list_of(read)

    def reader(node: Node, findings: Findings) -> tuple[T, ...]:
        if isinstance(node.value, list):
            return several(node, findings)
        return (read(node, findings),)

    return reader


def map_of(read: Reader[T], key: Callable[[str], str] = str) -> Reader[dict[str, T]]:
    """A reader of mappings with free keys. `key` turns an entry's name into the one to keep."""

    def reader(node: Node, findings: Findings) -> dict[str, T]:
        values: dict[str, T] = {}
        for name, each in mapping(node).items():
            value = attempt(read, each, findings)
            if value is not None:
                values[key(name)] = value
        return values

    return reader


def keyed(table: Table, build: Callable[..., T], *, what: str = "key") -> Reader[T]:
    """A reader of a mapping with the keys of `table`, given to `build` by name.

    Nothing is built where a key is faulty.
    """
    needed = [name for name, key in table.items() if key.default is REQUIRED] or [*table][:1]
    example = "{" + ", ".join(f"{name}: {table[name].shape}" for name in needed) + "}"

    def reader(node: Node, findings: Findings) -> T:
        if not isinstance(node.value, dict):
            raise Fault(node, f"a mapping belongs here, not {node.shape}", f"e.g. `{example}`")
        before = len(findings.problems)
        settings = read_keys(node, table, findings, what=what)
        if len(findings.problems) > before:
            raise Reported(node)
        return build(**settings)

    return reader
