"""Envelope checks: what every good answer has, so that nothing else is taken for an empty one.

A shape takes a body and returns what the adapter wants of it, or raises `Misshapen`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from tieout.adapters.venues.classify import Misshapen

Shape: TypeAlias = Callable[[Any], Any]


def rows(*path: str) -> Shape:
    """The list of objects at `path`; the body itself where there is no path."""

    def shape(data: Any) -> list[dict[str, Any]]:
        return rows_at(data, path)

    return shape


def rows_at(data: Any, path: Sequence[str]) -> list[dict[str, Any]]:
    """The list of objects at `path` of a body."""
    found = at(data, path)
    where = ".".join(path) or "the body"
    if not isinstance(found, list):
        raise Misshapen(f"{where} is {_kind(found)}, not a list")
    for each in found:
        if not isinstance(each, dict):
            raise Misshapen(f"{where} has {_kind(each)} in it, not only objects")
    return found


def table(*path: str, has: Sequence[str] = ()) -> Shape:
    """The object at `path`, with the keys `has` and values there."""

    def shape(data: Any) -> dict[str, Any]:
        return table_at(data, path, has)

    return shape


def table_at(data: Any, path: Sequence[str], has: Sequence[str] = ()) -> dict[str, Any]:
    """The object at `path` of a body."""
    found = at(data, path)
    where = ".".join(path) or "the body"
    if not isinstance(found, dict):
        raise Misshapen(f"{where} is {_kind(found)}, not an object")
    for key in has:
        if found.get(key) is None:
            raise Misshapen(f"{where} has no {key!r}")
    return found


def tables_by_key(*path: str) -> Shape:
    """The object of objects at `path`: rows under their ids."""

    def shape(data: Any) -> dict[str, dict[str, Any]]:
        found = table_at(data, path)
        for key, each in found.items():
            if not isinstance(each, dict):
                raise Misshapen(f"{'.'.join(path)}: {key!r} is {_kind(each)}, not an object")
        return found

    return shape


def at(data: Any, path: Sequence[str]) -> Any:
    """What is at `path`. Raises Misshapen where a step is not there."""
    for index, key in enumerate(path):
        if not isinstance(data, Mapping):
            raise Misshapen(f"{'.'.join(path[:index]) or 'the body'} is {_kind(data)}")
        if key not in data:
            raise Misshapen(f"{'.'.join(path[:index]) or 'the body'} has no {key!r}")
        data = data[key]
    return data


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false"}
    return names.get(type(value), "a number")
