"""The bundled trading day: its files, and that a run finds what was planted and nothing else."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from reference.engine import ReferenceEngine

from tieout.config import ReconciliationSettings, Settings, load
from tieout.core.bench import Bench
from tieout.core.canonical import nanoseconds
from tieout.core.decide import decide
from tieout.core.match.plan import plan
from tieout.core.model import (
    Agrees,
    Break,
    Expected,
    Flat,
    Kind,
    Outcome,
    Side,
    Unknown,
    WithinTolerance,
)
from tieout.core.scan import Batches, Scan, TextRow
from tieout.core.schema import INSTRUMENTS, PRICES, RecordType
from tieout.core.valuation import Prices, instruments_of, quotes_of
from tieout.ports import CheckTask, MatchTask, SideFacts, SideTask
from tieout.testing.example import Truth, write_example

TRADES = "executions-vs-confirmations"
OF_TRADES = set(Kind) - {
    Kind.COST_BASIS, Kind.MARGIN, Kind.BALANCE, Kind.OVERFILL, Kind.STATUS, Kind.DRIFT
}  # fmt: skip
OF_SNAPSHOTS = {Kind.COST_BASIS, Kind.MARGIN, Kind.BALANCE, Kind.OVERFILL, Kind.STATUS}


@dataclass
class Example:
    """The first day's files, with a run of the slow reference over them."""

    directory: Path
    truth: Truth
    settings: Settings
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    facts: dict[str, tuple[SideFacts, SideFacts]] = field(default_factory=dict)

    def rows(self, name: str) -> list[dict[str, str]]:
        """A file's rows, without its trailer."""
        with (self.directory / name).open(encoding="utf-8", newline="") as file:
            return [row for row in csv.DictReader(file) if next(iter(row.values())) != "TRAILER"]

    def scan(self, source: str) -> Scan:
        path = Path(self.settings.sources[source].options.paths[0])
        rows = self.rows(path.name)

        def read() -> Iterator[list[TextRow]]:
            yield [
                TextRow(tuple(row.values()), path.name, number)
                for number, row in enumerate(rows, start=1)
            ]

        return Scan(source, Batches(tuple(rows[0]), read))

    def reference(self, source: str, type_: RecordType) -> list[dict]:
        reading = self.settings.sources[source].reading(type_.name)
        scan = self.scan(source)
        bound = reading.bind(scan.rows.columns)
        (rows,) = scan.rows.read()
        return [bound.read(row.cells, place=row.place, row=row.row) for row in rows]

    def run(self, name: str) -> None:
        reconciliation = self.settings.reconciliations[name]
        rules, as_of = reconciliation.rules, nanoseconds(self.truth.as_of)
        instruments = self.reference("instruments", INSTRUMENTS)
        aliases = {row["aliases"]: row["symbol"] for row in instruments}
        task = MatchTask(
            rules,
            self._side(Side.INTERNAL, reconciliation.internal, reconciliation, aliases),
            self._side(Side.EXTERNAL, reconciliation.external, reconciliation, aliases),
            checks=[
                CheckTask(
                    index,
                    self.scan(check.source),
                    self.settings.sources[check.source].reading("pnl"),
                )
                for index, check in enumerate(rules.checks)
            ],
            cut=as_of,
        )
        sides = [
            side.reading.bind(side.scan.rows.columns) for side in (task.internal, task.external)
        ]
        bench = Bench(
            rules,
            plan(rules, *sides),
            as_of,
            instruments=instruments_of(instruments),
            prices=Prices(quotes_of(self.reference("prices", PRICES))),
        )
        with ReferenceEngine().match(task) as matching:
            self.outcomes[name] = [decide(each, bench) for each in matching.candidates]
            self.facts[name] = matching.internal, matching.external

    def _side(
        self,
        side: Side,
        source: str,
        reconciliation: ReconciliationSettings,
        aliases: dict[str, str],
    ) -> SideTask:
        settings = self.settings.sources[source]
        symbols = aliases if settings.mapping.symbols_from else None
        reading = settings.reading(reconciliation.rules.records, symbols)
        return SideTask(side, self.scan(source), reading)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    directory = tmp_path_factory.mktemp("example")
    truth = write_example(directory)
    found = Example(directory, truth, load(directory / "tieout.yaml"))
    for name in found.settings.reconciliations:
        found.run(name)
    return found


def of(example: Example, name: str, type_: type) -> list:
    return [each for each in example.outcomes[name] if isinstance(each, type_)]


def test_a_run_finds_what_was_planted_and_nothing_else(example: Example) -> None:
    for name in example.settings.reconciliations:
        planted = [each for each in example.truth.planted if each.reconciliation == name]
        found = of(example, name, Break)
        assert Counter(brk.kind for brk in found) == Counter(each.kind for each in planted), name
        for each in planted:
            here = [
                brk
                for brk in found
                if brk.kind is each.kind and each.key.items() <= dict(brk.key).items()
            ]
            assert len(here) == 1, each


def test_a_run_counts_what_the_truth_says(example: Example) -> None:
    truth = example.truth
    within = of(example, TRADES, WithinTolerance)
    assert len(within) + len(of(example, TRADES, Agrees)) == truth.matched
    assert len(within) == truth.within_tolerance
    assert len(of(example, TRADES, Expected)) == truth.expected
    assert len(of(example, TRADES, Unknown)) == truth.unknown
    internal, external = example.facts[TRADES]
    assert truth.quarantined == {
        "executions": len(internal.quarantined), "confirmations": len(external.quarantined)
    }  # fmt: skip


def test_every_kind_that_a_day_can_show_is_planted(example: Example) -> None:
    assert {each.kind for each in example.truth.planted} == OF_TRADES | OF_SNAPSHOTS


def test_breaks_of_every_severity_are_planted(example: Example) -> None:
    severities = {brk.severity.label for brk in of(example, TRADES, Break)}
    assert severities == {"info", "low", "medium", "high", "critical"}


def test_every_difference_has_a_value_at_risk_where_it_can(example: Example) -> None:
    valued = {Kind.MISSING_EXTERNAL, Kind.MISSING_INTERNAL, Kind.QUANTITY, Kind.PRICE, Kind.FEE,
              Kind.PNL, Kind.BALANCE, Kind.COST_BASIS, Kind.MARGIN}  # fmt: skip
    for name in example.settings.reconciliations:
        for brk in of(example, name, Break):
            if brk.kind in valued:
                assert brk.value is not None, brk
                assert brk.value.currency == "USD", brk


def test_a_flat_position_agrees_with_none(example: Example) -> None:
    (flat,) = of(example, "positions", Flat)
    assert (flat.record.values["account"], flat.record.values["symbol"]) == ("EQ-03", "AMZN")


def test_the_day_is_large_enough(example: Example) -> None:
    executions = example.rows("executions.csv")
    assert len(executions) >= 2000
    assert len({row["symbol"] for row in executions}) == 12


def test_positions_are_the_opening_ones_plus_the_fills(tmp_path: Path) -> None:
    """From one close to the next, each side's positions move by the second day's executions."""
    write_example(tmp_path / "one")
    write_example(tmp_path / "two", second_day=True)
    moved: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in read(tmp_path / "two" / "executions.csv"):
        sign = 1 if row["side"] == "buy" else -1
        moved[row["account"], row["symbol"]] += sign * Decimal(row["quantity"])
    before, after = (
        {
            (row["account"], row["symbol"]): Decimal(row["quantity"])
            for row in read(tmp_path / day / "positions.csv")
        }
        for day in ("one", "two")
    )
    assert any(moved[key] for key in before)
    assert after == {key: quantity + moved[key] for key, quantity in before.items()}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        write_example(tmp_path / name, trades=600, seed=seed)
    one, two, other = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("one", "two", "other")
    )
    assert one == two
    assert one["executions.csv"] != other["executions.csv"]


@pytest.mark.parametrize("seed", range(3))
def test_other_seeds_sizes_and_days_hold_as_well(tmp_path: Path, seed: int) -> None:
    truth = write_example(tmp_path, day=date(2026, 7, 3), trades=600, seed=seed)
    found = Example(tmp_path, truth, load(tmp_path / "tieout.yaml"))
    for name in found.settings.reconciliations:
        found.run(name)
    test_a_run_finds_what_was_planted_and_nothing_else(found)
    test_a_run_counts_what_the_truth_says(found)


def test_the_second_day_clears_one_break_and_brings_one(tmp_path: Path) -> None:
    first = write_example(tmp_path)
    second = write_example(tmp_path, second_day=True)
    assert second.business_date == date(2026, 11, 19)
    assert len(second.cleared) == len(second.new) == 1
    assert set(map(str, second.planted)) == (
        set(map(str, first.planted)) - set(map(str, second.cleared)) | set(map(str, second.new))
    )
    (late,) = second.cleared
    ids = [row["Exec ID"] for row in read(tmp_path / "broker_confirmations.csv")]
    assert ids.count(late.key["trade_id"]) == 1


def test_the_next_business_date_of_a_friday_is_monday(tmp_path: Path) -> None:
    truth = write_example(tmp_path, day=date(2026, 11, 20), trades=600, second_day=True)
    assert truth.business_date == date(2026, 11, 23)


def test_too_few_trades_and_weekends_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 600 trades"):
        write_example(tmp_path, trades=599)
    with pytest.raises(ValueError, match="no business day"):
        write_example(tmp_path, day=date(2026, 11, 21))
