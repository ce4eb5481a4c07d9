"""Files as a source: what is refused before an engine sees it, controls, and the proof."""

from __future__ import annotations

import hashlib
import os
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from source_rows import DAY, cells_of, read_file, rows_of, scanned

from tieout.adapters.files.proof import Digests
from tieout.adapters.files.settings import FileSettings
from tieout.adapters.files.source import FileSource
from tieout.core.scan import Controls, DelimitedFiles, Dialect, Part
from tieout.core.text import NumberStyle
from tieout.errors import SourceError, SourceMissing

GOOD = "id,q\nA,1\nB,2\n"


def refused(folder: Path, *paths: str, **settings: Any) -> SourceError:
    with pytest.raises(SourceError) as caught, scanned(folder, *paths, **settings):
        pass
    return caught.value


# The header


@pytest.mark.parametrize("content", [b"", b"\n\r\n\n"])
def test_an_empty_file_is_never_a_day_without_trades(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    for allow_empty in (False, True):
        error = refused(tmp_path, "t.csv", allow_empty=allow_empty)
        assert error.what == "t.csv is empty: it has not even a header"


def test_a_header_without_rows_needs_a_reason(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,q\n\n")
    error = refused(tmp_path, "t.csv")
    assert "a header without records" in error.what
    assert "allow_empty: true" in str(error)
    refused(tmp_path, "t.csv", is_holiday=lambda day: day != DAY)
    reasons: list[dict[str, Any]] = [
        {"allow_empty": True},
        {"controls": Controls(rows=0)},
        {"is_holiday": lambda day: day == DAY},
    ]
    for reason in reasons:
        with scanned(tmp_path, "t.csv", **reason) as scan:
            assert scan.allow_empty
            assert cells_of(scan) == []


def test_one_empty_file_among_several_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text("id,q\n")
    assert refused(tmp_path, "*.csv").what == "b.csv: a header without records"


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ("id,q,id", "the header has 'id' more than once"),
        ("id,,q", "the header has no name for column 2 of 3"),
        ("1,2.5,-3", "the header looks like data: 1, 2.5, -3"),
        ('id,"q', "the header cannot be read: a quote is opened and not closed"),
        ("id,q\x00", "the header contains NUL characters"),
    ],
)
def test_a_bad_header_is_refused(header: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\nx,y,z\n")
    error = refused(tmp_path, "t.csv", delimiter=",")
    assert error.what == what
    assert error.hint
    assert "t.csv" in (error.where or "")


@pytest.mark.parametrize("records", ["A,1,\n", "A,1,\nB,2, \n", ""])
def test_a_header_may_end_with_a_delimiter_as_every_line_does(records: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"id,q,\n{records}")
    with scanned(tmp_path, "t.csv", allow_empty=True) as scan:
        assert scan.rows.columns == ("id", "q", "")
        assert len(cells_of(scan)) == records.count("\n")


@pytest.mark.parametrize("records", ["A,1,x\n", "A,1,\nB,2,x\n", "A,1\n"])
def test_a_cell_under_no_name_is_not_left_out(records: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"id,q,\n{records}")
    assert refused(tmp_path, "t.csv").what == "the header has no name for column 3 of 3"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("sep=;\nid;q\nA;1,5\n", {}),
        ("sep=;\r\nid;q\r\nA;1,5\r\n", {}),
        ('"sep=;"\nid;q\nA;1,5\n', {}),
        ("\ufeffSEP=;\nid;q\nA;1,5\n", {}),
        ("sep=;\nA;1,5\n", {"names": ("id", "q")}),
        ("sep=,\nid;q\nA;1,5\n", {"delimiter": ";"}),
        ("sep=;\nid;q\nA;1,5\n", {"skip_rows": 1}),
    ],
)
def test_the_line_that_tells_spreadsheets_the_delimiter_is_no_header(
    text: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    with scanned(tmp_path, "t.csv", **settings) as scan:
        assert scan.rows.columns == ("id", "q")
        assert cells_of(scan) == [("A", "1,5")]


def test_names_stand_in_for_a_header(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("A,1\nB,2\n")
    with scanned(tmp_path, "t.csv", names=("id", "q")) as scan:
        assert isinstance(scan.rows, DelimitedFiles)
        assert scan.rows.columns == ("id", "q")
        assert scan.rows.dialect == Dialect(skip=0)
        assert cells_of(scan) == [("A", "1"), ("B", "2")]
    (tmp_path / "t.csv").write_text("bad,bad,\nA,1\n")
    assert read_file(tmp_path, "t.csv", names=("id", "q"), skip_rows=1) == [("A", "1")]


def test_a_header_with_line_ends_in_quotes_is_skipped_whole(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('\n"trade\nid",q\nA,1\n')
    with scanned(tmp_path, "t.csv") as scan:
        assert isinstance(scan.rows, DelimitedFiles)
        assert scan.rows.columns == ("trade\nid", "q")
        assert scan.rows.dialect.skip == 3
        assert cells_of(scan) == [("A", "1")]


def test_lines_before_the_header_and_comments_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        'Report of 2026-03-02\nby desk\nid,q\n# half\nA,"1\n# no comment"\n#\nB,2\n'
    )
    assert read_file(tmp_path, "t.csv", skip_rows=2, comment="#") == [
        ("A", "1\n# no comment"),
        ("B", "2"),
    ]


def test_comments_keep_the_numbers_of_the_lines(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,q\n# note\nA,1\nragged\n")
    with scanned(tmp_path, "t.csv", comment="#") as scan:
        assert [row.line for row in rows_of(scan)] == [3, 4]


# Where the files are


def test_a_missing_file_is_named_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "executions.csv").write_text(GOOD)
    error = refused(tmp_path, "execution.csv")
    assert isinstance(error, SourceMissing)
    assert "executions.csv" in (error.hint or "")
    assert "2026-03-02" in (error.where or "")


def test_a_missing_directory_is_named_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    error = refused(tmp_path, "inbix/trades.csv")
    assert isinstance(error, SourceMissing)
    assert "inbox" in (error.hint or "")


def test_a_pattern_without_match_is_missing(tmp_path: Path) -> None:
    (tmp_path / "trades_20260301.csv").write_text(GOOD)
    error = refused(tmp_path, "trades_{business_date:%Y%m%d}*.csv")
    assert isinstance(error, SourceMissing)
    assert "trades_20260302*.csv" in error.what
    assert "trades_20260301.csv" in (error.hint or "")


def test_the_business_date_is_put_into_the_path(tmp_path: Path) -> None:
    (tmp_path / "2026-03-02").mkdir()
    (tmp_path / "2026-03-02" / "t_02Mar.csv").write_text(GOOD)
    path = "{business_date}/t_{business_date:%d%b}.csv"
    assert read_file(tmp_path, path) == [("A", "1"), ("B", "2")]


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "trades").mkdir()
    error = refused(tmp_path, "trades")
    assert "is a directory" in error.what
    assert "*.csv" in (error.hint or "")


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(GOOD)
    (tmp_path / "t.csv").chmod(0)
    root = os.geteuid() == 0  # who may read everything
    if root:
        os.seteuid(65534)
    try:
        error = refused(tmp_path, "t.csv")
    finally:
        if root:
            os.seteuid(0)
    assert "Permission denied" in error.what
    assert "t.csv" in error.what


def test_a_pattern_takes_neither_directories_nor_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / ".b.csv").write_text("being,written\n")
    (tmp_path / "c.csv").mkdir()
    assert read_file(tmp_path, "*.csv") == [("A", "1"), ("B", "2")]


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ("id,price\nC,1\n", "the columns differ: a.csv has 'q' where b.csv has 'price'"),
        ("q,id\n1,C\n", "the columns differ: a.csv has 'id' where b.csv has 'q'"),
        ("id,q,x\nC,1,2\n", "the columns differ: a.csv has None where b.csv has 'x'"),
        ("id;q\nC;1\n", "a.csv and b.csv are written differently"),
    ],
)
def test_files_of_one_source_are_alike(second: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "b.csv").write_text(second)
    assert what in refused(tmp_path, "a.csv", "b.csv").what


def test_files_of_several_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(GOOD)
    (tmp_path / "a.json").write_text("[]")
    assert "a.csv is csv, a.json is json" in refused(tmp_path, "a.*").what


# Controls


TRAILER = r"TRL,(?P<rows>\d+),(?P<quantity>.+)"


def test_a_trailer_becomes_controls_and_no_record(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,q\nA,1\n\nB,2\nTRL,2,1.234,5\n\n")
    numbers = NumberStyle(",", ".")
    with scanned(tmp_path, "t.csv", trailer=TRAILER, numbers=numbers) as scan:
        assert cells_of(scan) == [("A", "1"), ("B", "2")]
        assert scan.controls == Controls(stored=2, totals={"quantity": Decimal("1234.5")})


def test_trailers_of_several_files_add_up(tmp_path: Path) -> None:
    for name, number in (("a.csv", "5e18"), ("b.csv", "0.000000000000000001")):
        (tmp_path / name).write_text(f"id,q\nA,1\nTRL,1,{number}\n")
    with scanned(tmp_path, "*.csv", trailer=TRAILER) as scan:
        assert scan.controls.stored == 2
        assert scan.controls.totals == {
            "quantity": Decimal("5000000000000000000.000000000000000001")
        }


def test_each_of_several_files_has_its_own_trailer(tmp_path: Path) -> None:
    """Records are counted as they are read: quoted line ends, blank lines and ragged rows."""
    (tmp_path / "a.csv").write_text('id,q\n"A\nA",1\n\nB\nTRL,3,7\n')
    (tmp_path / "b.csv").write_text("id,q\nTRL,0,0\n")
    (tmp_path / "c.csv").write_text("id,q\nC,1\nTRL,1,5\n")
    with scanned(tmp_path, "*.csv", trailer=TRAILER) as scan:
        assert scan.controls.parts == (
            Part("a.csv", 1, 2, 3, {"quantity": Decimal(7)}),
            Part("b.csv", 3, 2, 0, {"quantity": Decimal(0)}),
            Part("c.csv", 3, 3, 1, {"quantity": Decimal(5)}),
        )
        assert len(cells_of(scan)) == 3


def test_a_file_without_its_trailer_is_cut(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,q\nA,1\nB,2\n")
    error = refused(tmp_path, "t.csv", trailer=TRAILER)
    assert "does not end with its trailer" in error.what
    assert "'B,2'" in (error.hint or "")


def test_a_trailer_of_zero_allows_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,q\nTRL,0,0\n")
    with scanned(tmp_path, "t.csv", trailer=TRAILER) as scan:
        assert cells_of(scan) == []
        assert scan.allow_empty


def test_a_trailer_that_contradicts_the_configuration_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,q\nA,1\nTRL,1,1\n")
    totals = Controls(totals={"quantity": Decimal(3)})
    error = refused(tmp_path, "t.csv", trailer=TRAILER, controls=totals)
    assert error.what == "the trailer's total of quantity is 1, the configuration expects 3"


def test_a_trailer_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,q\nA,1\nTRL,1,many\n")
    assert "quantity cannot be read" in refused(tmp_path, "t.csv", trailer=TRAILER).what
    assert "regular expression" in refused(tmp_path, "t.csv", trailer="(").what


# The proof


def test_inputs_are_hashed_as_stored(tmp_path: Path) -> None:
    content = GOOD.encode("utf-16")
    (tmp_path / "t.csv").write_bytes(content)
    with scanned(tmp_path, "t.csv") as scan:
        (proof,) = scan.inputs()
    assert proof.name == "t.csv"
    assert proof.sha256 == hashlib.sha256(content).hexdigest()
    assert proof.size == len(content)


def test_the_same_bytes_are_read_once(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(GOOD)
    (tmp_path / "c.csv").write_text(GOOD.replace("A", "C"))
    (tmp_path / "link.csv").symlink_to(tmp_path / "a.csv")
    with scanned(tmp_path, "*.csv") as scan:
        assert cells_of(scan) == [("A", "1"), ("B", "2"), ("C", "1"), ("B", "2")]
        assert [(each.name, each.repeats) for each in scan.inputs()] == [
            ("a.csv", None),
            ("b.csv", "a.csv"),
            ("c.csv", None),
        ]
        assert scan.notes == ("b.csv has the same bytes as a.csv, and was not read twice",)


def test_digests_that_began_before_count_unless_the_file_has_changed(tmp_path: Path) -> None:
    for name in ("same.csv", "new.csv"):
        (tmp_path / name).write_text(GOOD)
    settings = FileSettings(("*.csv",), name="broker", base=tmp_path)
    digests = Digests()
    digests.begin(settings, DAY)
    began = {path.name: digest.result() for (path, _), digest in digests._known.items()}
    assert set(began) == {"same.csv", "new.csv"}
    (tmp_path / "new.csv").write_text(GOOD + "C,3\n")
    with FileSource(settings, digests) as source:
        found = {each.name: each.sha256 for each in source.scan(business_date=DAY).inputs()}
    assert len(digests._known) == 3  # the one that stayed was not hashed again
    assert found["same.csv"] == began["same.csv"]
    assert found["new.csv"] == hashlib.sha256((tmp_path / "new.csv").read_bytes()).hexdigest()


def test_digests_leave_a_missing_file_to_the_scan(tmp_path: Path) -> None:
    Digests().begin(FileSettings(("none.csv",), name="broker", base=tmp_path), DAY)


def test_of_many_files_the_first_few_are_named(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"same{number}.csv").write_text(GOOD)
    with scanned(tmp_path, "same*.csv") as scan:
        assert len(scan.inputs()) == 9
        assert scan.notes[4].startswith("same5.csv has the same bytes")
        assert scan.notes[5:] == ("and 3 more files like these",)
    for number in range(9):
        (tmp_path / f"empty{number}.csv").write_text(f"id,q{number * ' '}\n")
    wrong = refused(tmp_path, "empty*.csv").what
    names = ", ".join(f"empty{number}.csv" for number in range(5))
    assert wrong == f"{names} and 4 more: a header without records"


@pytest.mark.parametrize("how", ["append", "replace", "delete"])
def test_a_file_that_changes_while_it_is_read_is_an_error(how: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(GOOD)
    with scanned(tmp_path, "t.csv") as scan:
        if how == "append":
            with path.open("a") as stream:
                stream.write("C,3\n")
        else:
            path.rename(tmp_path / "old.csv")
        if how == "replace":
            path.write_text(GOOD)
        with pytest.raises(SourceError, match=r"changed while|cannot be read any more"):
            scan.inputs()


def test_a_source_scans_again_for_another_date(tmp_path: Path) -> None:
    for day in (2, 3):
        (tmp_path / f"t{day}.csv").write_text(f"id,q\nD{day},1\n")
    settings = FileSettings(("t{business_date:%-d}.csv",), name="broker", base=tmp_path)
    with FileSource(settings) as source:
        assert source.name == "broker"
        first = source.scan(business_date=DAY)
        second = source.scan(business_date=date(2026, 3, 3))
        assert cells_of(first) == [("D2", "1")]
        assert cells_of(second) == [("D3", "1")]
