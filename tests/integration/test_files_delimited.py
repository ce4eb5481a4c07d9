"""Where records and cells begin and end in delimited text."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_rows import cells_of, read_file, rows_of, scanned

from tieout.adapters.files import delimited
from tieout.adapters.files.delimited import lines_of, read_delimited, split_records
from tieout.core.scan import BadRow, DelimitedFiles, Dialect, TextRow


def split(
    content: bytes, columns: int | None = None, **dialect: str
) -> list[tuple[str, ...] | str]:
    lines = lines_of([content] if content else [])
    return [each.fault or each.cells for each in split_records(lines, Dialect(**dialect), columns)]


@pytest.mark.parametrize(
    ("content", "cells"),
    [
        (b"a,b\nc,d", [("a", "b"), ("c", "d")]),
        (b"a,b\r\nc,d\r\n", [("a", "b"), ("c", "d")]),
        (b"a,b\rc,d\r", [("a", "b"), ("c", "d")]),
        (b"a,b\n\n\r\nc,d\n", [("a", "b"), ("c", "d")]),
        (b'"a,1","b ""x"""\n', [("a,1", 'b "x"')]),
        (b'"a\r\nb",c\n', [("a\r\nb", "c")]),
        (b'"",""\n', [("", "")]),
        (b",\n", [("", "")]),
        (b'5" nail,x\n', [('5" nail', "x")]),
        (b' "a",b\n', [(' "a"', "b")]),
        (b"a\x00b,c\n", [("a\x00b", "c")]),
        ("é,€\n".encode(), [("é", "€")]),
        (b"", []),
        (b"\n\n", []),
    ],
)
def test_records_are_split_as_rfc_4180_says(content: bytes, cells: list[tuple[str, ...]]) -> None:
    assert split(content, 2) == cells


def test_a_stray_quote_costs_its_own_line_and_no_more() -> None:
    """Without this, one unclosed quote would swallow every record that follows."""
    content = b'1,a\n2,"b\n3,c\n4,"d"\n5,e\n'
    assert split(content, 2) == [
        ("1", "a"),
        "text follows a closing quote",
        ("3", "c"),
        ("4", "d"),
        ("5", "e"),
    ]
    assert split(b'1,"a\n2,b\n', 2) == ["a quote is opened and not closed", ("2", "b")]


def test_a_quote_that_closes_many_lines_later_does_not_hide_ragged_records() -> None:
    assert split(b'1,"a,x\n2,b,y\n3,c",z\n4,d,w\n', 3) == [
        ("1", "a,x\n2,b,y\n3,c", "z"),
        ("4", "d", "w"),
    ]
    ragged = split(b'1,"a,x\n2,b,y\n3,c"\n4,d,w\n', 3)
    assert ragged[0] == ("it has 2 cells, but the header has 3; a quote in it may not be closed")
    assert ragged[1:] == [("2", "b", "y"), "it has 2 cells, but the header has 3", ("4", "d", "w")]


def test_a_record_ends_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "RECORD_LIMIT", 20)
    content = b'1,"a\n' + b"2,b\n" * 9 + b'3,"\n4,c\n'
    outcome = split(content, 2)
    assert outcome[0] == "a quote is opened and not closed"
    assert outcome[1:10] == [("2", "b")] * 9


def test_bytes_that_are_no_utf8_spoil_one_record() -> None:
    assert split(b"a,\xff\nb,c\n", 2) == ["its bytes are not valid UTF-8", ("b", "c")]


def test_a_backslash_may_escape_quotes() -> None:
    assert split(b'"a\\"b",c\n', 2, escape="\\") == [('a"b', "c")]


def test_without_a_quote_no_character_is_special() -> None:
    assert split(b'"a,b"\n', 2, quote="", escape="") == [('"a', 'b"')]


def test_lines_and_offsets_count_everything_that_is_in_the_file(tmp_path: Path) -> None:
    content = b'id,q\r\n\r\nT1,"x\ny"\r\n\r\nT2\r\nT3,z'
    (tmp_path / "t.csv").write_bytes(content)
    with scanned(tmp_path, "t.csv") as scan:
        first, bad, last = rows_of(scan)
    assert first == TextRow(("T1", "x\ny"), "t.csv", 1, 3)
    assert isinstance(bad, BadRow)
    assert (bad.row, bad.line, bad.offset, bad.raw) == (2, 6, content.index(b"T2"), "T2")
    assert last == TextRow(("T3", "z"), "t.csv", 3, 7)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_chunk_edges_do_not_matter(end: bytes, tmp_path: Path) -> None:
    content = end.join([b'a,"b' + end + b'c"', b"", b"d,e", b"f,g"])
    whole = [each.cells for each in split_records(lines_of([content]), Dialect())]
    for size in (1, 2, 3, 5):
        chunks = [content[at : at + size] for at in range(0, len(content), size)]
        lines = list(lines_of(chunks))
        assert [each.cells for each in split_records(iter(lines), Dialect())] == whole
        assert b"".join(line.content for line in lines) == content
        assert all(content[line.offset :].startswith(line.content) for line in lines)


def test_several_files_number_their_records_on(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(f"id\n{name}1\n{name}2\n")
    with scanned(tmp_path, "*.csv") as scan:
        rows = rows_of(scan)
    assert [(row.place, row.row, row.line) for row in rows] == [
        ("a.csv", 1, 2),
        ("a.csv", 2, 3),
        ("b.csv", 3, 2),
        ("b.csv", 4, 3),
    ]


def test_lines_at_the_end_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id\n1\n2\nEND\n")
    files = DelimitedFiles((str(path),), ("id",), Dialect(trailer=1))
    assert [row.cells for row in next(read_delimited(files)) if isinstance(row, TextRow)] == [
        ("1",),
        ("2",),
    ]


_CELLS = st.text(
    st.one_of(st.sampled_from(',;"\n\r\t| '), st.characters(codec="utf-8")), max_size=6
)


@given(
    st.lists(st.lists(_CELLS, min_size=2, max_size=4), max_size=8),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=300)
def test_what_pythons_csv_writes_is_read_back(
    rows: list[list[str]], delimiter: str, end: str, everything: bool
) -> None:
    stream = io.StringIO()
    # It quotes only the line ends that it writes itself; others would be bare in its output.
    quoting = csv.QUOTE_ALL if everything or end != "\r\n" else csv.QUOTE_MINIMAL
    csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    assert split(stream.getvalue().encode(), delimiter=delimiter) == [tuple(row) for row in rows]


@given(st.text(st.sampled_from('ab,"\n\r'), max_size=30))
@settings(deadline=None, max_examples=500)
def test_what_is_well_formed_reads_as_pythons_csv_reads_it(text: str) -> None:
    """Where no record is refused, the two agree; where one is, no line of it is lost."""
    outcome = split(text.encode())
    if any(isinstance(each, str) for each in outcome):
        return
    theirs = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert outcome == [tuple(row) for row in theirs if row]


@given(st.text(st.sampled_from('ab,"\n'), max_size=40), st.integers(1, 3))
@settings(deadline=None, max_examples=500)
def test_no_line_is_lost(text: str, columns: int) -> None:
    """Every line that is not blank is in exactly one record, good or bad."""
    seen: list[int] = []
    lines = list(lines_of([text.encode()])) if text else []
    for each in split_records(iter(lines), Dialect(), columns):
        seen += range(each.first.number, each.last.number + 1)
    assert seen == sorted(set(seen))
    blank = {line.number for line in lines if not line.body}
    assert {line.number for line in lines} - blank <= set(seen)


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("id;q\nA;1,5\n", [("A", "1,5")]),
        ("id\tq\nA,B\t1\n", [("A,B", "1")]),
        ("id|q\nA|1\n", [("A", "1")]),
        ("id,q\nA,1\n", [("A", "1")]),
        ('"id;x",q\n"A;1",2\n', [("A;1", "2")]),
        ("id\nA\n", [("A",)]),
    ],
)
def test_the_delimiter_is_found(text: str, cells: list[tuple[str]], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(text)
    assert read_file(tmp_path, "t.csv") == cells


def test_a_delimiter_that_two_could_be_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id;a,b\n1;2,3\n")
    with pytest.raises(Exception, match="the delimiter may be ',' or ';'") as caught:
        read_file(tmp_path, "t.csv")
    assert "delimiter:" in str(caught.value)
    with scanned(tmp_path, "t.csv", delimiter=";") as scan:
        assert cells_of(scan) == [("1", "2,3")]
