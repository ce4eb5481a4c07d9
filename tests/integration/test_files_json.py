"""JSON and NDJSON: exact digits, nested objects, bad lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from source_rows import cells_of, read_file, rows_of, scanned

from tieout.core.scan import BadRow, Batches
from tieout.core.text import NumberStyle
from tieout.errors import SourceError


def columns_and_cells(folder: Path, *paths: str, **settings: Any) -> tuple[Any, Any]:
    with scanned(folder, *paths, **settings) as scan:
        assert isinstance(scan.rows, Batches)
        return scan.rows.columns, cells_of(scan)


def test_numbers_keep_the_digits_that_were_written(tmp_path: Path) -> None:
    digits = ["0.30000000000000000001", "1.10", "1e-7", "12345678901234567890123", "-0", "5"]
    text = ",".join(f'{{"q":{each}}}' for each in digits)
    (tmp_path / "t.json").write_text(f"[{text}]")
    (tmp_path / "t.ndjson").write_text(text.replace("},{", "}\n{"))
    for name in ("t.json", "t.ndjson"):
        assert read_file(tmp_path, name) == [(each,) for each in digits]


def test_numbers_beside_texts_with_a_decimal_comma_are_written_like_them(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('[{"q": 1.234, "fee": "1.234,5"}]')
    style = NumberStyle(point=",", thousands=".")
    assert read_file(tmp_path, "t.json", numbers=style) == [("1,234", "1.234,5")]


def test_nan_reaches_the_reading_as_text(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('[{"q": NaN}, {"q": -Infinity}, {"q": 1}]')
    assert read_file(tmp_path, "t.json") == [("NaN",), ("-Infinity",), ("1",)]


def test_columns_are_the_union_of_all_keys(tmp_path: Path) -> None:
    (tmp_path / "t.ndjson").write_text('{"a":1}\n\n{"b":"x","a":null}\n{"c":true}\n')
    assert columns_and_cells(tmp_path, "t.ndjson") == (
        ("a", "b", "c"),
        [("1", None, None), (None, "x", None), (None, None, "true")],
    )


def test_objects_inside_become_columns_with_dots(tmp_path: Path) -> None:
    record = {"id": "A", "fee": {"cost": 1, "in": {"currency": "USD"}}, "legs": [1, {"x": "é"}]}
    (tmp_path / "t.json").write_text(json.dumps([record]))
    columns, cells = columns_and_cells(tmp_path, "t.json")
    assert columns == ("id", "fee.cost", "fee.in.currency", "legs")
    assert cells == [("A", "1", "USD", '["1",{"x":"é"}]')]


def test_records_are_found_at_their_path(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"error":[],"result":{"list":[{"id":"A"}],"count":1}}')
    assert read_file(tmp_path, "t.json", record_path=("result", "list")) == [("A",)]
    with pytest.raises(SourceError, match="no key 'lists'; there are: 'list', 'count'"):
        read_file(tmp_path, "t.json", record_path=("result", "lists"))
    with pytest.raises(SourceError, match="no array of records") as caught:
        read_file(tmp_path, "t.json")
    assert "record_path: [error]" in str(caught.value)


def test_records_may_be_the_values_of_an_object(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"ledger":{"L1":{"amount":1.50},"L2":{"amount":2}}}')
    assert columns_and_cells(tmp_path, "t.json", record_path=("ledger",)) == (
        ("key", "amount"),
        [("L1", "1.50"), ("L2", "2")],
    )


def test_a_bad_line_is_one_bad_row(tmp_path: Path) -> None:
    lines = [
        '{"id":"A"}',
        '{"id":',
        "",
        "7",
        '{"id":1,"id":2}',
        '{"id":{"x":1,"x":2}}',
        '{"id":"\\ud800"}',
        "[" * 100_000,
        '{"id":"B"}',
    ]
    (tmp_path / "t.ndjson").write_text("\n".join(lines))
    with scanned(tmp_path, "t.ndjson") as scan:
        rows = rows_of(scan)
    bad = [(row.row, row.line, row.reason) for row in rows if isinstance(row, BadRow)]
    assert bad == [
        (2, 2, "it is not JSON: Expecting value at character 7"),
        (3, 4, "it is no JSON object"),
        (4, 5, "the key 'id' is there twice"),
        (5, 6, "the key 'x' is there twice"),
        (6, 7, "it has half of a surrogate pair, which is no character"),
        (7, 8, "it is nested too deeply"),
    ]
    assert [row.row for row in rows] == list(range(1, 9))
    assert isinstance(rows[1], BadRow)
    assert rows[1].raw == '{"id":'


def test_a_bad_element_of_an_array_is_one_bad_row(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('[{"id":"A"},7,{"id":1,"id":2},{"id":"B"}]')
    assert read_file(tmp_path, "t.json") == [
        ("A",),
        "it is no JSON object",
        "the key 'id' is there twice",
        ("B",),
    ]


def test_an_array_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    whole = '[{"id":"A","q":1.5},{"id":"B","q":null}]'
    for cut in range(1, len(whole)):
        (tmp_path / "t.json").write_text(whole[:cut])
        with pytest.raises(SourceError, match=r"t\.json is (cut|not JSON)"):
            read_file(tmp_path, "t.json")


def test_lines_in_a_json_file_are_explained(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text('{"id":"A"}\n{"id":"B"}\n')
    with pytest.raises(SourceError, match="Extra data") as caught:
        read_file(tmp_path, "t.json")
    assert "format: ndjson" in str(caught.value)
    assert read_file(tmp_path, "t.json", format="ndjson") == [("A",), ("B",)]


def test_an_empty_json_file_is_an_error_and_says_what_an_empty_day_is(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("")
    with pytest.raises(SourceError, match="is empty") as caught:
        read_file(tmp_path, "t.json", allow_empty=True)
    assert "`[]`" in str(caught.value)


@pytest.mark.parametrize(("name", "text"), [("t.json", "[]"), ("t.ndjson", "")])
def test_nothing_needs_a_reason(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SourceError, match=f"{name}: there is no record") as caught:
        read_file(tmp_path, name)
    assert "allow_empty: true" in str(caught.value)
    assert read_file(tmp_path, name, allow_empty=True) == []


def test_without_a_record_the_columns_are_those_that_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("[]")
    wanted = frozenset({"id", "qty"})
    assert columns_and_cells(tmp_path, "t.json", allow_empty=True, used=wanted) == (
        ("id", "qty"),
        [],
    )


def test_ndjson_is_read_through_compression_and_encodings(tmp_path: Path) -> None:
    content = '{"id":"é"}\r\n{"id":"B"}'.encode("utf-16")
    (tmp_path / "t.ndjson.gz").write_bytes(gzip.compress(content))
    assert read_file(tmp_path, "t.ndjson.gz") == [("é",), ("B",)]
    (tmp_path / "t.ndjson.gz").write_bytes(gzip.compress(content)[:-3])
    with pytest.raises(SourceError, match="is cut"):
        read_file(tmp_path, "t.ndjson.gz")


def test_several_files_share_their_columns(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"id":1}]')
    (tmp_path / "b.json").write_text('[{"q":2}]')
    with scanned(tmp_path, "*.json") as scan:
        rows = rows_of(scan)
    assert [(row.place, row.row) for row in rows] == [("a.json", 1), ("b.json", 2)]
    assert cells_of(scan) == [("1", None), (None, "2")]


def test_a_file_of_anything_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.ndjson").write_text("id,q\nA,1\n")
    with pytest.raises(SourceError, match=r"no record of t\.ndjson is a JSON object"):
        read_file(tmp_path, "t.ndjson")
