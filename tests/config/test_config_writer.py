"""What `tieout init` writes loads again, and means what was proposed."""

from __future__ import annotations

import string
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.config import FileOptions, parse
from tieout.config.writer import ProposedFile, quoted, scalar, write
from tieout.core.infer import Evidence, KeyCandidate, Proposal, SourceProposal
from tieout.core.rules import EXACT, Measure, Pass, Tolerance
from tieout.core.schema import RECORD_TYPES, ColumnType
from tieout.core.text import NumberStyle

texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=12
).filter(str.strip)
names = st.text(
    string.ascii_letters + string.digits + " _-.:#{}[]'\"*&!|>%@`,?", min_size=1, max_size=8
).filter(str.strip)
TRADES = RECORD_TYPES["trades"].columns
columns = st.sampled_from(list(TRADES))
forms = st.sampled_from(["iso", "s", "ms", "us", "ns", "%d/%m/%Y %H:%M"])


def test_a_proposal_as_a_commented_file(tmp_path: Path) -> None:
    proposal = Proposal(
        records="trades",
        internal=SourceProposal(
            "ours",
            columns={"symbol": "Ticker", "price": "Price: net"},
            forms={"timestamp": "%d/%m/%Y"},
            timezone="UTC",
            rows=100,
            unreadable=1,
            notes={"timezone": "check this", "columns.price": "net\nof what?", "numbers": "hm"},
        ),
        external=SourceProposal("theirs", values={"side": {"B": "buy"}}, signed=False),
        passes=(("trade_id",),),
        keys=(
            KeyCandidate(("trade_id",), 1.0, 1.0, 0.987),
            KeyCandidate(("order_id", "symbol"), 0.9, 0.9, 0.5),
        ),
        compared=(
            Evidence("price", 98, 0.5, Tolerance(Measure.ABSOLUTE, Decimal("0.01")), "0.01", 1.0),
            Evidence("fee", 98, 1.0),
        ),
        pairs=98,
        ignored={"timestamp": "theirs has\ndates only", "trade_id": "other ids"},
        notes=("look at it",),
    )
    text = write(
        proposal,
        ProposedFile("ours.csv"),
        ProposedFile("theirs.xlsx", sheet="Q1"),
        path="their's\n.yaml",
    )
    for line in (
        "# Written by `tieout init`. Check what the comments say, then:"
        """ tieout run 'their'"'"'s .yaml'""",
        "    # timestamp: theirs has dates only",
        "    # trade_id: other ids",
        "    ignore: [timestamp, trade_id]",
        "    timezone: UTC  # check this",
        '      price: "Price: net"  # net of what?',
        "    # numbers: hm",
        "    # look at it",
        "      - {on: [trade_id]}  # matches 98.7 %; unique: internal 100 %, external 100 %",
        "      # - {on: [order_id, symbol]}  # matches 50.0 %; unique: internal 90.0 %,"
        " external 90.0 %",
        "    compare:  # of 98 pairs in the samples",
        "      price: exact  # 50.0 % equal, 100 % within 0.01",
        '      # price: {within: "0.01"}',
    ):
        assert line in text.splitlines()
    rules = parse(text, tmp_path, {}).reconciliations["ours-vs-theirs"].rules
    assert rules.compare == {"price": EXACT, "fee": EXACT}
    assert rules.ignore == {"timestamp", "trade_id"}
    loose = text.replace("      price: exact", "      # was:").replace(
        "      # price:", "      price:"
    )
    assert parse(loose, tmp_path, {}).reconciliations["ours-vs-theirs"].rules.compare["price"] == (
        Tolerance(Measure.ABSOLUTE, Decimal("0.01"))
    )


@st.composite
def proposed_sources(draw: st.DrawFn, name: str) -> SourceProposal:
    mapped = draw(st.dictionaries(columns, texts, max_size=4))
    point = draw(st.sampled_from([".", ","]))
    dated = [
        each.name for each in TRADES.values() if each.type in (ColumnType.TIME, ColumnType.DATE)
    ]
    return SourceProposal(
        name,
        columns=mapped,
        constants=draw(
            st.dictionaries(
                st.sampled_from(["account", "venue"]).filter(lambda each: each not in mapped),
                texts,
                max_size=1,
            )
        )
        if not {"account", "venue"} <= mapped.keys()
        else {},
        values=draw(
            st.dictionaries(
                st.just("side"),
                st.dictionaries(texts, st.sampled_from(["buy", "sell"]), min_size=1, max_size=3),
                max_size=1,
            )
        ),
        forms=draw(st.dictionaries(st.sampled_from(dated), forms, max_size=2)),
        numbers=NumberStyle(point, draw(st.sampled_from([None, " ", "'"]))),
        timezone=draw(st.sampled_from([None, "UTC", "America/New_York"])),
        signed=draw(st.booleans()),
        skip=draw(
            st.dictionaries(names, st.lists(texts, min_size=1, max_size=2).map(tuple), max_size=2)
        ),
        floats=draw(st.sampled_from(["refuse", "shortest"])),
        notes=draw(st.dictionaries(texts, st.text(max_size=20), max_size=2)),
    )


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_whatever_is_proposed_loads_and_means_the_same(data: st.DataObject) -> None:
    """Names of files, columns and values may hold anything that a file's header can."""
    sides = data.draw(st.lists(names, min_size=2, max_size=2, unique=True))
    proposal = Proposal(
        "trades",
        data.draw(proposed_sources(sides[0])),
        data.draw(proposed_sources(sides[1])),
        passes=tuple(
            data.draw(
                st.lists(
                    st.lists(columns, min_size=1, max_size=3, unique=True).map(tuple),
                    min_size=1,
                    max_size=3,
                )
            )
        ),
        compared=tuple(
            Evidence(each, 1, 0.5) for each in data.draw(st.lists(columns, max_size=4, unique=True))
        ),
        notes=tuple(data.draw(st.lists(st.text(max_size=20), max_size=2))),
    )
    paths = data.draw(
        st.lists(texts.filter(lambda each: not each.startswith(("~", "/"))), min_size=2, max_size=2)
    )
    files = [
        ProposedFile(
            path,
            delimiter=data.draw(st.sampled_from([None, ";", "\t", "|"])),
            sheet=data.draw(st.none() | texts),
        )
        for path in paths
    ]
    loaded = parse(write(proposal, *files, name="the one"), Path("/base"), {})
    rules = loaded.reconciliations["the one"].rules
    assert rules.passes == tuple(map(Pass, proposal.passes))
    assert set(rules.compare) == {each.column for each in proposal.compared}
    for proposed, file in zip((proposal.internal, proposal.external), files, strict=True):
        source = loaded.sources[proposed.name]
        assert isinstance(source.options, FileOptions)
        assert source.options.paths == (str(Path("/base") / file.path),)
        assert source.options.delimiter == (file.delimiter or "auto")
        assert source.options.sheet == file.sheet
        assert source.timezone == proposed.timezone
        mapping = source.mapping
        assert mapping.columns == proposed.columns
        assert mapping.constants == proposed.constants
        assert mapping.values == proposed.values
        assert mapping.formats == proposed.forms
        assert mapping.numbers == proposed.numbers
        assert mapping.signed == proposed.signed
        assert mapping.skip == {name: frozenset(each) for name, each in proposed.skip.items()}
        assert (mapping.floats or "refuse") == proposed.floats


@pytest.mark.parametrize(
    "text", ["a", "BTC/USDT", "Net Amount", "trade_id", "a.csv", "sqlite:///a.db"]
)
def test_plain_texts_stay_plain(text: str) -> None:
    assert scalar(text) == text


@pytest.mark.parametrize(
    "text",
    ["", "null", "No", "1", "1.10", "a: b", "# a", "a #b", "*a", "- a", "{a", "a]", "%a", "~"],
)
def test_texts_that_mean_something_else_are_quoted(text: str) -> None:
    assert scalar(text) == quoted(text)
