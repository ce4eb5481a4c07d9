"""`tieout breaks list --format csv` has what a file of `run --breaks` has."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from integration.world import World

OURS = "trade_id, quantity\n C, 1\n C, 2\n =1+1, 1\n Q, 5"
THEIRS = "trade_id, quantity\n C, 3\n Q, 6"


def test_it_has_the_columns_and_cells_of_the_file_of_breaks(tmp_path: Path) -> None:
    world = World(tmp_path, rules="match: [{on: [trade_id]}], max_quarantined: 100%")
    world.write(OURS, THEIRS)
    as_of = ("--as-of", "2026-03-02T18:00:00Z", "--business-date", "2026-03-02")
    world.cli("run", "tieout.yaml", *as_of, "--breaks", "b.csv", code=1)
    text = (tmp_path / "b.csv").read_text(encoding="utf-8")
    file = {row["id"]: row for row in csv.DictReader(io.StringIO(text))}
    printed = world.cli("breaks", "list", "--format", "csv", code=0).out
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(printed))}
    assert set(rows) == set(file) != set()
    for id_, row in file.items():
        for name, cell in row.items():
            if name not in ("age_seconds", "differences"):
                assert rows[id_][name] == cell, name
        assert json.loads(rows[id_]["differences"]) == json.loads(row["differences"] or "[]")
    (conflict,) = [row for row in rows.values() if row["kind"] == "CONFLICT"]
    assert (conflict["internal"], conflict["external"], conflict["differences"]) == ("", "", "[]")
    quantities = {part["record"]["quantity"] for part in json.loads(conflict["records"])}
    assert quantities == {"1", "2", "3"}
    assert "'=1+1" in printed
