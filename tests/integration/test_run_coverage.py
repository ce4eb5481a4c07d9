"""Whether a side is whole, and what follows for the other side: design, 4 and 8."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from integration.world import D2, World, cells, write_csv

TWO = "trade_id, symbol, quantity, price\n T1, AAPL, 2, 10\n T2, MSFT, 3, 20"
ONE = "trade_id, symbol, quantity, price\n T1, AAPL, 2, 10"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("expect: {rows: 2}", "1 records were read, but 2 are expected"),
        (
            'expect: {totals: {quantity: "5"}}',
            "the sum of quantity is 2, but its control total is 5",
        ),
        (
            'expect: {totals: {notional: "80"}}',
            "the sum of notional is 20, but its control total is 80",
        ),
        (
            'expect: {totals: {fee: "5"}}',
            "there is no fee to add up, but the control total of fee is 5",
        ),
        ("expect: {symbols: [AAPL, MSFT]}", "there is no record of MSFT"),
        (
            'covers: {from: "2026-03-02T10:00:00Z", to: "2026-03-02T18:00:00Z"}',
            "1 records lie outside the declared window",
        ),
    ],
)
def test_a_side_that_is_not_what_it_should_be_makes_nothing_missing(
    world: World, options: str, reason: str
) -> None:
    world.external = options
    ran = world.run(TWO, ONE)
    assert (ran.shown, ran.counts) == ([], "1 matched 1 unknown")
    assert ran.row.status == "incomplete"
    assert ran.row.external is not None
    assert not ran.row.external.complete
    assert reason in ran.reasons


@pytest.mark.parametrize(
    "options",
    [
        "expect: {rows: 1}",
        'expect: {totals: {quantity: "2.0", notional: "20"}}',
        "expect: {symbols: [AAPL]}",
        'covers: {from: "2026-03-02T09:00:00Z", to: "2026-03-02T09:00:00Z"}',
    ],
)
def test_a_side_that_keeps_its_word_covers_what_it_lacks(world: World, options: str) -> None:
    world.external = options
    ran = world.run(TWO, ONE)
    assert (ran.shown, ran.row.status) == (["MISSING_EXTERNAL T2"], "breaks")


def test_outside_of_its_window_a_side_lacks_nothing(world: World) -> None:
    world.external = (
        'covers: {from: "2026-03-02T00:00:00Z", to: "2026-03-02T10:00:00Z"}, allow_empty: true'
    )
    early, late = "2026-03-02T10:00:00Z", "2026-03-02T10:00:00.000000001Z"
    ran = world.run(f"trade_id, timestamp\n T1, {early}\n T2, {late}", "trade_id")
    assert (ran.shown, ran.counts) == (["MISSING_EXTERNAL T1"], "1 unknown 1 new")
    assert ran.row.status == "incomplete"


def test_a_trailer_is_checked_and_is_no_record(world: World) -> None:
    world.external = r"trailer: 'TRL,(?P<rows>\d+),(?P<quantity>[\d.]+)'"
    world.write(TWO, TWO)
    path = world.folder / "broker.csv"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole + "TRL,2,5\n", encoding="utf-8")
    assert world.run().counts == "2 matched"
    path.write_text(whole + "TRL,2,6\n", encoding="utf-8")
    assert "control total" in world.run().reasons
    path.write_text(whole + "TRL,3,5\n", encoding="utf-8")
    assert world.run().row.status in ("incomplete", "failed")
    path.write_text(whole, encoding="utf-8")
    assert world.run().row.status == "failed"  # it was cut before its trailer


def test_what_one_file_has_too_much_does_not_make_up_for_what_another_lacks(world: World) -> None:
    world.broker = "broker-*.csv"
    world.external = r"trailer: 'TRL,(?P<rows>\d+),(?P<quantity>[\d.]+)'"
    world.write(TWO)

    def send(first: str, second: str) -> str:
        for number, trailer in ((1, first), (2, second)):
            table = f"trade_id, symbol, quantity, price\n T{number}, AAPL, {number + 1}, 10"
            path = world.folder / f"broker-{number}.csv"
            write_csv(path, cells(table))
            path.write_text(path.read_text(encoding="utf-8") + trailer + "\n", encoding="utf-8")
        return world.run().reasons

    assert send("TRL,1,2", "TRL,1,3") == ""
    counted = "broker-1.csv has 1 records, but its trailer counts 0"
    assert send("TRL,0,2", "TRL,2,3").split("; ")[0].endswith(counted)
    summed = "broker-2.csv: the sum of quantity is 3, but its control total is 2"
    assert summed in send("TRL,1,3", "TRL,1,2")


def test_what_is_skipped_is_not_among_the_expected_rows(world: World) -> None:
    """As it is not in the totals. A trailer counts what is in its file."""
    both = "kind, trade_id\n TRD, T1\n FEE, T2\n TRD, T3"
    one = "kind, trade_id\n TRD, T1\n TRD, T3"
    world.external = "only: {kind: [TRD]}, expect: {rows: 2, totals: {quantity: '2'}}"
    assert world.run(one, both).counts == "2 matched"
    world.external = "only: {kind: [TRD]}, expect: {rows: 3}"
    assert "2 records were read (1 more are skipped), but 3 are expected" in world.run().reasons
    path = world.folder / "broker.csv"
    whole = path.read_text(encoding="utf-8")
    world.external = r"only: {kind: [TRD]}, expect: {rows: 2}, trailer: 'TRL,(?P<rows>\d+)'"
    path.write_text(whole + "TRL,3\n", encoding="utf-8")
    assert world.run().counts == "2 matched"
    path.write_text(whole + "TRL,2\n", encoding="utf-8")
    assert "3 records were read, but the trailer counts 2" in world.run().reasons


def test_unreadable_records_are_among_the_expected_rows(world: World) -> None:
    world.external = "expect: {rows: 2}"
    world.rules += ", max_quarantined: 60%"
    ran = world.run(TWO, "trade_id, quantity\n T1, 2\n T2, x")
    assert "expected" not in ran.reasons


def test_no_records_at_all_are_valid_only_where_somebody_said_so(world: World) -> None:
    none = "trade_id"
    ran = world.run(TWO, none)
    assert (ran.row.status, ran.row.external) == ("failed", None)
    world.external = "allow_empty: true"
    assert world.run().shown == ["MISSING_EXTERNAL T1", "MISSING_EXTERNAL T2"]
    world.external = "expect: {rows: 0}"
    ran = world.run()
    assert ran.shown == ["MISSING_EXTERNAL T1", "MISSING_EXTERNAL T2"]


EMPTY = [
    ("json", "[]", ""),
    ("json", '{"data": []}', "record_path: [data]"),
    ("ndjson", "", ""),
    ("ndjson", "\n", ""),
]


@pytest.mark.parametrize(("form", "text", "options"), EMPTY)
def test_an_empty_json_file_is_valid_where_somebody_said_so(
    world: World, form: str, text: str, options: str
) -> None:
    """It has no header: it is taken to have whatever columns a record may have."""
    world.broker = f"broker.{form}"
    (world.folder / world.broker).write_text(text, encoding="utf-8")
    world.write(TWO)
    mapped = "columns: {trade_id: id, quantity: q}, only: {kind: [F]}, extra: {desk: text}"
    for said in ("allow_empty: true", "expect: {rows: 0}", f"allow_empty: true, {mapped}"):
        world.external = ", ".join(part for part in (options, said) if part)
        ran = world.run()
        assert ran.shown == ["MISSING_EXTERNAL T1", "MISSING_EXTERNAL T2"], said
    world.external = options
    assert "there is no record" in world.run().reasons
    world.internal = "calendar: weekdays"
    world.external = ", ".join(part for part in (options, world.internal) if part)
    ran = world.run("trade_id", day="2026-03-07")
    assert (ran.row.status, ran.shown) == ("breaks", ran.shown)  # of Monday; nothing is new
    assert (ran.counts, ran.row.internal is not None) == ("2 carried", True)


@pytest.mark.parametrize("records", ["positions", "balances", "orders", "movements", "pnl"])
def test_two_empty_json_files_agree(world: World, records: str) -> None:
    world.records, world.rules, world.book, world.broker = records, "", "a.json", "b.ndjson"
    world.internal = world.external = "allow_empty: true"
    (world.folder / world.book).write_text("[]", encoding="utf-8")
    (world.folder / world.broker).write_text("", encoding="utf-8")
    ran = world.run()
    assert (ran.row.status, ran.counts) == ("clean", "")


def test_a_holiday_has_no_records(world: World) -> None:
    saturday, monday = "2026-03-07", "2026-03-09"
    world.internal = world.external = "calendar: weekdays"
    assert world.run("trade_id", "trade_id", day=saturday).row.status == "clean"
    assert world.run("trade_id", "trade_id", day=monday).row.status == "failed"


def test_no_day_excuses_an_empty_file_where_no_calendar_is_stated(world: World) -> None:
    """Many markets never rest: a file cut after its header on a Saturday is a cut file."""
    assert world.run("trade_id", "trade_id", day="2026-03-07").row.status == "failed"


@pytest.mark.parametrize("records", ["positions", "balances", "orders"])
def test_no_holiday_empties_an_account(world: World, records: str) -> None:
    header = {
        "positions": "symbol, quantity, as_of",
        "balances": "currency, total, as_of",
        "orders": "order_id, symbol, quantity",
    }[records]
    row = {
        "positions": "AAPL, 5, 2026-03-06T20:00:00Z",
        "balances": "USD, 5, 2026-03-06T20:00:00Z",
        "orders": "O1, AAPL, 5",
    }[records]
    world.records, world.rules = records, ""
    world.internal = world.external = "calendar: weekdays"
    friday = world.run(f"{header}\n{row}", f"{header}\n{row}", day="2026-03-06")
    assert friday.row.status == "clean"
    assert world.run(header, header, day="2026-03-07").row.status == "failed"


BAD = """
    trade_id, quantity
    T1,       1
    T2,       many
"""
GOOD = "trade_id, quantity\n T1, 1\n T2, 1"


def test_the_partner_of_a_quarantined_record_is_unknown_and_the_run_complete(
    world: World,
) -> None:
    world.rules += ", max_quarantined: 50%"
    ran = world.run(GOOD, BAD)
    assert (ran.shown, ran.counts, ran.row.status) == ([], "1 matched 1 unknown", "clean")
    (bad,) = ran.quarantine
    assert (bad.side, bad.entry.field, bad.entry.row) == ("external", "quantity", 2)
    assert "many" in bad.entry.raw
    assert bad.entry.place.endswith("broker.csv")


def test_the_partner_stays_unknown_until_the_record_can_be_read(world: World) -> None:
    world.rules += ", max_quarantined: 50%"
    world.internal = world.external = "allow_empty: true"
    world.run(GOOD, BAD)
    ran = world.run("trade_id", "trade_id", day=D2)
    assert (ran.shown, ran.counts) == ([], "1 unknown")
    ran = world.run("trade_id", "trade_id, quantity\n T2, 2", day=D2)
    assert ran.shown == ["QUANTITY T2"]
    assert world.run("trade_id", "trade_id", day="2026-03-04").counts == "1 carried"


def test_too_many_quarantined_records_make_a_side_incomplete(world: World) -> None:
    world.rules += ", max_quarantined: 49%"
    ran = world.run(GOOD, BAD)
    assert ran.row.status == "incomplete"
    assert "1 of 2 records are quarantined" in ran.reasons


def test_where_the_key_is_unreadable_a_missing_record_is_in_doubt(world: World) -> None:
    world.rules += ", max_quarantined: 50%"
    ran = world.run(GOOD, "trade_id, quantity\n T1, 1\n a\x00b, 1")
    assert ran.shown == ["MISSING_EXTERNAL T2?"]
    assert world.run(GOOD, "trade_id, quantity\n T1, 1").shown == ["MISSING_EXTERNAL T2"]


def test_quarantined_rows_of_a_check_make_the_run_incomplete_and_clear_nothing(
    world: World,
) -> None:
    world.more = "pnl: {type: file, path: pnl.csv, records: pnl}"
    world.rules += ", checks: [{pnl: as-given, source: pnl}]"
    pnl = world.folder / "pnl.csv"
    write_csv(pnl, [["trade_id", "pnl_impact"], ["T1", "5"]])
    assert world.run(ONE, ONE).shown == ["PNL T1"]
    write_csv(pnl, [["trade_id", "pnl_impact"], ["T1", "many"]])
    ran = world.run()
    assert (ran.shown, ran.row.status) == (["PNL T1"], "incomplete")
    assert [each.side for each in ran.quarantine] == [None]
    write_csv(pnl, [["trade_id", "pnl_impact"], ["T1", "20"]])
    assert (world.run().shown, world.run().row.status) == ([], "clean")


def _truncated_gzip(path: Path) -> None:
    rows = "".join(f"T{n},AAPL,1,10,2026-03-02T09:00:00Z\n" for n in range(20_000))
    whole = gzip.compress(("trade_id,symbol,quantity,price,timestamp\n" + rows).encode())
    path.write_bytes(whole[: len(whole) // 2])


def _cut_parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    header, *rows = cells(TWO)
    columns = {name: [row[index] for row in rows] for index, name in enumerate(header)}
    pq.write_table(pa.table(columns), path)
    path.write_bytes(path.read_bytes()[:-200])


BROKEN = {
    "broker.csv.gz": _truncated_gzip,
    "broker.parquet": _cut_parquet,
    "empty.csv": lambda path: path.write_bytes(b""),
    "header.csv": lambda path: path.write_text("trade_id,symbol,quantity,price,timestamp\n"),
    "blank.csv": lambda path: path.write_text("\n\n"),
    "missing.csv": lambda path: None,
    "none-*.csv": lambda path: None,
    "directory.csv": Path.mkdir,
    "broker.json": lambda path: path.write_text('[{"trade_id": "T1", '),
    "broker.ndjson": lambda path: path.write_bytes(b""),
    "broker.xlsx": lambda path: path.write_bytes(b"PK\x03\x04 cut"),
    "column.csv": lambda path: path.write_text("trade_id,symbol,price,timestamp\nT1,A,1,x\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_failure_and_never_no_trades(world: World, name: str) -> None:
    world.broker = name
    BROKEN[name](world.folder / name)
    ran = world.run(TWO)
    assert (ran.row.status, ran.shown) == ("failed", [])
    assert ran.row.external is None
    assert ran.row.internal is not None
    assert (ran.row.internal.rows, ran.row.internal.complete) == (2, True)
    assert "broker" in ran.reasons or name in ran.reasons


def test_a_file_that_changes_while_it_is_read_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieout.adapters.engines.duckdb import engine

    stage = engine.stage

    def stage_and_append(*arguments):  # type: ignore[no-untyped-def]
        staged = stage(*arguments)
        with (world.folder / "broker.csv").open("a", encoding="utf-8") as stream:
            stream.write("T3,AAPL,1,10,2026-03-02T09:00:00Z\n")
        return staged

    world.write(TWO, TWO)
    with monkeypatch.context() as patched:
        patched.setattr(engine, "stage", stage_and_append)
        ran = world.run()
    assert ran.row.status == "failed"
    assert "changed while it was read" in ran.reasons


def test_a_pnl_file_that_changes_while_it_is_read_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tieout.adapters.engines.duckdb import checks

    world.more = "pnl: {type: file, path: pnl.csv, records: pnl}"
    world.rules += ", checks: [{pnl: as-given, source: pnl}]"
    write_csv(world.folder / "pnl.csv", [["trade_id", "pnl_impact"], ["T1", "20"]])
    stage = checks.stage

    def stage_and_append(*arguments):  # type: ignore[no-untyped-def]
        staged = stage(*arguments)
        (world.folder / "pnl.csv").write_text("trade_id,pnl_impact\nT1,21\n")
        return staged

    world.write(TWO, TWO)
    with monkeypatch.context() as patched:
        patched.setattr(checks, "stage", stage_and_append)
        ran = world.run()
    assert ran.row.status == "failed"
    assert "pnl.csv changed while it was read" in ran.reasons
    assert [each.name.rsplit("/", 1)[-1] for each in world.run().row.inputs] == [
        "book.csv",
        "broker.csv",
        "pnl.csv",
    ]


@pytest.mark.parametrize("use", ["instruments", "symbols"])
def test_reference_data_that_cannot_be_read_fails_the_run(world: World, use: str) -> None:
    world.more = "instruments: {type: file, path: instruments.csv, records: instruments}"
    if use == "symbols":
        world.external = "symbols: instruments"
    else:
        world.rules += ", instruments: instruments"
    world.run(ONE, TWO)
    (world.folder / "instruments.csv").write_text("symbol,multiplier\nAAPL,one\n")
    ran = world.run()
    assert ran.row.status == "failed"
    assert "rows cannot be read" in ran.reasons
    (world.folder / "instruments.csv").unlink()
    assert world.run().row.status == "failed"
    assert [each.status for each in world.runs()] == ["failed"] * 3
