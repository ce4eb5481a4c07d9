"""Where a quarantined record stands: the exact reader's line and offset, found quickly."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from tieout.adapters.files import places as module
from tieout.adapters.files.delimited import lines_of, split_records
from tieout.adapters.files.places import places
from tieout.core.scan import DelimitedFiles, Dialect

ENDS = st.sampled_from(["\n", "\r\n", "\n\n", "\r\n\r\n", "\r"])
CELLS = st.sampled_from(["1", "", "abc", '"a"', '"a\nb"', '"a""\r\n"', 'x"y', "é"])


def written(rows: list[list[str]], end: str) -> bytes:
    return "".join(",".join(row) + end for row in rows).encode()


@given(data=st.data(), end=ENDS, chunk=st.integers(1, 64))
def test_places_are_those_of_the_exact_reader(
    data: DataObject, end: str, chunk: int, tmp_path_factory: object
) -> None:
    texts = data.draw(
        st.lists(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=12), max_size=3)
    )
    folder = Path(tmp_path_factory.mktemp("places"))  # type: ignore[attr-defined]
    paths, expected, number = [], {}, 0
    for index, rows in enumerate(texts):
        content = b"a,b\n" + written(rows, end)
        paths.append(folder / f"{index}.csv")
        paths[-1].write_bytes(content)
        lines = (line for line in lines_of([content]) if line.number > 1)
        for split in split_records(lines, Dialect(), 2):
            number += 1
            expected[number] = (split.first.number, split.first.offset)
    files = DelimitedFiles(tuple(map(str, paths)), ("a", "b"), Dialect())
    wanted = data.draw(st.sets(st.sampled_from(sorted(expected)))) if expected else set()
    size, module._CHUNK = module._CHUNK, chunk
    try:
        assert places(files, wanted) == {row: expected[row] for row in wanted}
    finally:
        module._CHUNK = size
