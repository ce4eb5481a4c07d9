"""Compressed files are verified to their end; encodings are exact."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest
import zstandard
from source_rows import cells_of, read_file, scanned

from tieout.core.scan import DelimitedFiles
from tieout.errors import SourceError

TEXT = b"id,q\n" + b"".join(b"T%d,%d.5\n" % (i, i * 7919) for i in range(200))
ROWS = [(f"T{i}", f"{i * 7919}.5") for i in range(200)]


def gzip_members() -> tuple[bytes, list[int]]:
    """Two members, the first with a flush inside; and where cuts are most treacherous."""
    half = TEXT.index(b"T100,")
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as member:
        member.write(TEXT[: half // 2])
        member.flush()
        flushed = len(stream.getvalue())
        member.write(TEXT[half // 2 : half])
    first = len(stream.getvalue())
    whole = stream.getvalue() + gzip.compress(TEXT[half:], mtime=0)
    return whole, [flushed, first - 8, first - 1, first + 1, first + 10, len(whole) - 1]


def test_all_members_of_a_gzip_are_read(tmp_path: Path) -> None:
    whole, _ = gzip_members()
    (tmp_path / "t.csv.gz").write_bytes(whole + b"\x00" * 512)
    assert read_file(tmp_path, "t.csv.gz") == ROWS


def test_a_gzip_cut_at_any_byte_is_an_error(tmp_path: Path) -> None:
    """At flush boundaries too, where what came out so far is whole lines."""
    whole, treacherous = gzip_members()
    first = treacherous[2] + 1
    path = tmp_path / "t.csv.gz"
    for cut in sorted({*range(2, len(whole), 7), *treacherous} - {first}):
        path.write_bytes(whole[:cut])
        with pytest.raises(SourceError, match=f"is cut.*after byte {cut}") as caught:
            read_file(tmp_path, "t.csv.gz")
        assert "member" in str(caught.value.where)


def test_a_damaged_gzip_is_an_error(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(TEXT, mtime=0))
    whole[-6] ^= 1
    (tmp_path / "t.csv.gz").write_bytes(whole)
    with pytest.raises(SourceError, match="is damaged"):
        read_file(tmp_path, "t.csv.gz")


def test_text_after_a_gzip_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TEXT) + b"T999,1\n")
    with pytest.raises(SourceError, match="is damaged"):
        read_file(tmp_path, "t.csv.gz")


def test_all_frames_of_a_zstd_are_read_and_any_cut_is_an_error(tmp_path: Path) -> None:
    half = TEXT.index(b"T100,")
    compressor = zstandard.ZstdCompressor(level=3)
    first = compressor.compress(TEXT[:half])
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    whole = first + skippable + compressor.compress(TEXT[half:])
    path = tmp_path / "t.csv.zst"
    path.write_bytes(whole)
    assert read_file(tmp_path, "t.csv.zst") == ROWS
    for cut in {*range(4, len(whole), 7), len(whole) - 1} - {len(first), len(first + skippable)}:
        path.write_bytes(whole[:cut])
        with pytest.raises(SourceError, match="is cut"):
            read_file(tmp_path, "t.csv.zst")


def test_a_zstd_stream_cut_at_a_flush_is_an_error(tmp_path: Path) -> None:
    stream = zstandard.ZstdCompressor().compressobj()
    flushed = stream.compress(TEXT) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    (tmp_path / "t.csv.zst").write_bytes(flushed)
    with pytest.raises(SourceError, match="is cut"):
        read_file(tmp_path, "t.csv.zst")


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.zst"])
def test_a_name_that_promises_compression_must_keep_it(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(TEXT)
    with pytest.raises(SourceError, match="is named like") as caught:
        read_file(tmp_path, name)
    assert "compression: none" in str(caught.value)
    assert read_file(tmp_path, name, compression="none") == ROWS


def test_compression_is_found_by_content(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(gzip.compress(TEXT))
    assert read_file(tmp_path, "t.csv") == ROWS


def test_an_empty_gzip_is_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(SourceError, match="is empty"):
        read_file(tmp_path, "t.csv.gz", allow_empty=True)


def test_temporary_copies_go_with_the_source(tmp_path: Path) -> None:
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(TEXT))
    with scanned(tmp_path, "t.csv.gz") as scan:
        assert isinstance(scan.rows, DelimitedFiles)
        copy = Path(scan.rows.paths[0])
        assert copy.read_bytes() == TEXT
        assert scan.rows.names == ("t.csv.gz",)
    assert not copy.exists()


# Encodings

_WORDS = "id;note\nA;Zürich €5\nB;naïve\n"
_READ = [("A", "Zürich €5"), ("B", "naïve")]


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (_WORDS.encode(), "auto"),
        (_WORDS.encode("utf-8-sig"), "auto"),
        (_WORDS.encode("utf-8-sig"), "utf-8"),
        (_WORDS.encode("utf-8-sig"), "utf-8-sig"),
        (_WORDS.encode(), "utf-8-sig"),
        (_WORDS.encode("utf-16"), "auto"),
        (_WORDS.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + _WORDS.encode("utf-16-be"), "auto"),
        (_WORDS.encode("utf-16-le"), "utf-16-le"),
        (_WORDS.encode("utf-32"), "auto"),
        (_WORDS.encode("cp1252"), "cp1252"),
        (_WORDS.replace("€", "").encode("latin-1"), "latin-1"),
    ],
)
def test_encodings_are_read_exactly(content: bytes, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    rows = read_file(tmp_path, "t.csv", encoding=encoding)
    assert rows in (_READ, [("A", "Zürich 5"), ("B", "naïve")])


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(_WORDS.encode("utf-8-sig"))
    with scanned(tmp_path, "t.csv") as scan:
        assert isinstance(scan.rows, DelimitedFiles)
        assert scan.rows.columns == ("id", "note")


@pytest.mark.parametrize("before", [0, 100, (1 << 20) - 12, (1 << 20) + 5])
def test_a_byte_that_is_no_utf8_is_named_by_its_offset(before: int, tmp_path: Path) -> None:
    content = b"id,note\n" + "ü".encode() + b"x" * before + b",\xfc1\n"
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(SourceError, match=f"0xfc at offset {content.index(0xFC)}") as caught:
        read_file(tmp_path, "t.csv")
    assert "encoding: cp1252" in str(caught.value)


def test_a_character_that_breaks_at_the_edge_of_a_chunk_is_named_by_its_first_byte(
    tmp_path: Path,
) -> None:
    start = b"id,note\n" + b"x" * ((1 << 20) - 10)
    (tmp_path / "t.csv").write_bytes(start + "€".encode()[:2] + b"y,1\n")
    with pytest.raises(SourceError, match=f"0xe2 at offset {len(start)}"):
        read_file(tmp_path, "t.csv")


def test_text_that_ends_inside_a_character_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"id\nx\n" + "€".encode()[:2])
    with pytest.raises(SourceError, match="offset 5"):
        read_file(tmp_path, "t.csv")


def test_utf16_without_a_mark_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("id,q\nA,1\n".encode("utf-16-le"))
    with pytest.raises(SourceError, match="NUL") as caught:
        read_file(tmp_path, "t.csv")
    assert "utf-16-le" in str(caught.value)


def test_an_unknown_encoding_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(TEXT)
    with pytest.raises(SourceError, match="no encoding 'utf-9'"):
        read_file(tmp_path, "t.csv", encoding="utf-9")


def test_a_plain_file_is_read_where_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(TEXT)
    with scanned(tmp_path, "t.csv") as scan:
        assert isinstance(scan.rows, DelimitedFiles)
        assert scan.rows.paths == (str(tmp_path / "t.csv"),)
        assert cells_of(scan) == ROWS


def test_a_path_that_engines_take_for_a_pattern_is_linked(tmp_path: Path) -> None:
    (tmp_path / "t[1].csv").write_bytes(TEXT)
    with scanned(tmp_path, "t[1].csv") as scan:
        assert isinstance(scan.rows, DelimitedFiles)
        assert "[" not in scan.rows.paths[0]
        assert cells_of(scan) == ROWS
