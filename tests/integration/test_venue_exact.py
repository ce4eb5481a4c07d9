"""JSON of venues: what is read piece by piece is what the decoder reads at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieout.adapters.venues import exact

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
BLANKS = st.sampled_from([None, 1])


def at_once(body: str) -> Any:
    return json.loads(body, parse_float=str, parse_constant=lambda name: 1 / 0)


def in_pieces(body: str) -> Any:
    return exact._Patient(parse_float=str, parse_constant=exact._no_number).decode(body)


@given(VALUES, BLANKS)
def test_a_long_body_is_read_as_a_short_one(value: Any, indent: int | None) -> None:
    body = json.dumps(value, indent=indent)
    assert repr(in_pieces(body)) == repr(at_once(body))


@given(st.lists(VALUES, min_size=1), st.data())
def test_a_cut_body_is_no_body(value: Any, data: st.DataObject) -> None:
    body = json.dumps({"rows": value})
    cut = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(ValueError, match=r".+"):
        in_pieces(body[:cut])


@pytest.mark.parametrize(
    "body",
    ["", "[1,]", '{"a":1,}', '{"a" 1}', "[1 2]", "[NaN]", '{"a": -Infinity}', "[1] [2]", "[["],
)
def test_what_is_no_json_is_refused(body: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        in_pieces(body)


def test_numbers_are_exact_however_long_the_body_is() -> None:
    rows = [{"id": 2**70 + each, "qty": "x"} for each in range(exact.LONG // 20)]
    body = json.dumps({"result": {"list": rows}}).replace('"x"', "0.10000000000000000001")
    assert len(body) > exact.LONG
    found = exact.loads(body)["result"]["list"]
    assert found[-1] == {"id": 2**70 + len(rows) - 1, "qty": "0.10000000000000000001"}


@pytest.mark.parametrize("body", ['{"result": {"list": ROWS}}', '{"list": ROWS}', "ROWS"])
def test_each_row_is_a_piece_of_its_own(body: str) -> None:
    """Between two pieces another thread may run, in the middle of one it may not."""
    pieces = []
    whole = json.JSONDecoder().scan_once  # type: ignore[attr-defined]

    def row(text: str, at: int) -> tuple[Any, int]:
        pieces.append(at)
        return whole(text, at)  # type: ignore[no-any-return]

    scan: exact.Scan = row
    for _ in range(exact.OUTER):
        scan = exact._level(row, scan, {})
    text = body.replace("ROWS", json.dumps([{"a": each, "b": [each]} for each in range(5)]))
    assert scan(text, 0)[0] == json.loads(text)
    assert len(pieces) == 5
