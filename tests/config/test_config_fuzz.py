"""Nothing but ConfigError comes out of the loader, whatever goes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config_documents import FULL
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.config import load, parse
from tieout.errors import ConfigError

WORDS = sorted(set(FULL.replace("{", " ").replace("}", " ").replace(":", " ").split()))
KEYS = st.sampled_from(
    [*WORDS, "<<", "calendars", "overrides", "covers", "due_by", "expect", "when"]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=5),
    st.sampled_from(WORDS),
    st.floats(),
    st.decimals(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def survives(source: str | dict[str, Any]) -> None:
    try:
        parse(source, Path("/nowhere"), {})
    except ConfigError as error:
        assert error.problems


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text(text: str) -> None:
    survives(text)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                *WORDS,
                "\n",
                "\n  ",
                ": ",
                "- ",
                "{",
                "}",
                "[",
                "]",
                "&a ",
                "*a",
                "<<: ",
                "!t ",
                "? ",
                "|",
                '"',
                "'",
                "#",
                ",",
                "%",
                "---\n",
                "\t",
            ]
        ),
        max_size=25,
    )
)
def test_any_heap_of_yaml(pieces: list[str]) -> None:
    survives("".join(pieces))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_example_with_a_piece_cut_out_or_put_in(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(FULL)))
    end = data.draw(st.integers(start, min(len(FULL), start + 12)))
    piece = data.draw(st.sampled_from(["", "x", "[]", "{}", "~", ": ", "\n", "1", "'", "*a"]))
    survives(FULL[:start] + piece + FULL[end:])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_dict(body: dict[str, Any]) -> None:
    survives(body)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_example_with_any_value_at_any_place(data: st.DataObject) -> None:
    document: Any = {
        "version": 1,
        "calendars": {"c": {"weekend": ["sat"], "holidays": ["2026-01-01"]}},
        "sources": {
            "a": {
                "type": "file",
                "path": "a.csv",
                "due_by": "18:00",
                "covers": "everything",
                "quantity_sign": {"column": "s", "negative": ["x"]},
                "expect": {"rows": 1},
                "symbols": {"A": "B"},
                "columns": {"symbol": "t"},
                "extra": {"d": "text"},
            },
            "b": {"type": "sql", "url": "sqlite:///a.db", "query": "q", "thousands": ","},
            "p": {"type": "frame", "records": "pnl"},
        },
        "reconciliations": {
            "r": {
                "records": "trades",
                "internal": "a",
                "external": "b",
                "match": [{"on": ["trade_id"]}],
                "compare": {"price": {"within": 1}},
                "overrides": {"X": {"price": {"ticks": 1}}},
                "ignore": ["fee"],
                "checks": [{"pnl": "cash", "source": "p", "on": ["trade_id"]}],
                "deadline": {"business_days": 1, "at": "09:00", "timezone": "UTC"},
                "severity": {"price": {"low": "1%"}, "missing": "high"},
                "policy": [
                    {
                        "when": {"kind": "fee"},
                        "do": {"sync": "internal"},
                        "limit": {"value": {"USD": 1}},
                    }
                ],
            },
        },
    }
    node = document
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(VALUES)
    survives(document)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.lists(
            st.sampled_from(
                [
                    "sources",
                    "executions",
                    "pnl",
                    "path",
                    "columns",
                    "match",
                    "0",
                    "reconciliations",
                    "executions_vs_confirmations",
                    "compare",
                    "x",
                    "",
                ]
            ),
            max_size=5,
        ).map(lambda parts: "TIEOUT__" + "__".join(parts).upper()),
        st.sampled_from(["", "1", "[a]", "{a: b}", "[", "1%", "x: y", "'"]),
        max_size=3,
    )
)
def test_any_environment(tmp_path_factory: Any, environ: dict[str, str]) -> None:
    file = tmp_path_factory.getbasetemp() / "tieout.yaml"
    file.write_text(FULL)
    try:
        load(file, environ)
    except ConfigError as error:
        assert error.problems
