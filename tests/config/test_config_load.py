"""What a good configuration means."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from pathlib import Path

import pytest
from config_documents import FULL, SMALL, loaded, small

from tieout.config import FileOptions, QueryOptions, load, parse
from tieout.config.explain import explain
from tieout.core.model import Kind, Severity
from tieout.core.read import Quarantined
from tieout.core.rules import (
    EXACT,
    Action,
    Bands,
    BusinessDeadline,
    Calendar,
    Check,
    Duration,
    Limit,
    Measure,
    Pass,
    PnlCheck,
    PolicyRule,
    Preset,
    Rules,
    SeverityRules,
    Tolerance,
)
from tieout.core.sign import SignColumn
from tieout.errors import ConfigError


def test_the_example_of_the_design_means_what_it_says(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FULL)
    rules = settings.reconciliations["executions-vs-confirmations"].rules
    assert rules == Rules(
        name="executions-vs-confirmations",
        records="trades",
        passes=(Pass(("trade_id",)),),
        compare={
            "symbol": EXACT,
            "side": EXACT,
            "quantity": EXACT,
            "price": Tolerance(Measure.ABSOLUTE, Decimal("0.005")),
            "timestamp": Tolerance(Measure.WINDOW, Decimal(100_000_000)),
        },
        checks=(Check(PnlCheck.AS_GIVEN, "pnl", ("trade_id",), Decimal("1.0")),),
        deadline=Duration(60_000_000_000),
        severity=SeverityRules(
            preset=Preset.EXCHANGE_VALIDATION,
            kinds={
                Kind.MISSING_INTERNAL: Severity.CRITICAL,
                Kind.MISSING_EXTERNAL: Severity.CRITICAL,
            },
            bands={
                Kind.QUANTITY: Bands(
                    (
                        (Decimal("0.01"), Severity.MEDIUM),
                        (Decimal("0.05"), Severity.HIGH),
                        (Decimal("0.10"), Severity.CRITICAL),
                    ),
                    Severity.LOW,
                    {"USD": Decimal(10)},
                )
            },
        ),
        policy=(
            PolicyRule(Action.HALT, severities=frozenset({Severity.CRITICAL})),
            PolicyRule(Action.REVIEW, severities=frozenset({Severity.MEDIUM, Severity.HIGH})),
            PolicyRule(
                Action.SYNC_INTERNAL,
                kinds=frozenset({Kind.QUANTITY}),
                limit=Limit(Decimal("0.01"), {"USD": Decimal(100)}, per_run=20),
            ),
        ),
        reporting_currency="USD",
    )


def test_its_sources_and_their_uses(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FULL)
    reconciliation = settings.reconciliations["executions-vs-confirmations"]
    assert reconciliation.sources == ("executions", "confirmations", "pnl", "prices")
    assert reconciliation.prices == "prices"
    assert settings.sources["prices"].max_age == 3_600 * 10**9
    assert settings.sources["pnl"].reading("trades").records.name == "pnl"
    assert settings.warnings == ()


def test_paths_and_a_sqlite_store_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = loaded(tmp_path, FULL)
    options = settings.sources["executions"].options
    assert isinstance(options, FileOptions)
    assert options.paths == (str(tmp_path / "executions.csv"),)
    assert settings.store.resolve() == f"sqlite:///{tmp_path}/tieout.db"


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("sqlite://", "sqlite://"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:////srv/tieout.db", "sqlite:////srv/tieout.db"),
        ("sqlite:///a.db?timeout=5", "sqlite:///{base}/a.db?timeout=5"),
        ("postgresql+psycopg://db.example/tieout", "postgresql+psycopg://db.example/tieout"),
    ],
)
def test_only_relative_sqlite_paths_change(tmp_path: Path, url: str, resolved: str) -> None:
    settings = parse(small(document=f"store: '{url}'"), tmp_path, {})
    assert settings.store.resolve() == resolved.format(base=tmp_path)


def test_a_source_reads_its_rows_as_it_says() -> None:
    text = small(
        "columns: {symbol: ticker, trade_id: id, quantity: qty, price: px, timestamp: at},"
        " values: {side: {K: buy, V: sell}}, constants: {venue: xetra}, formats: {timestamp: ms},"
        " decimal: ',', thousands: '.', symbols: {BMW: BMW.DE}, skip: {kind: [DIV]}"
    )
    reading = parse(text, environ={}).sources["ours"].reading("trades")
    bound = reading.bind(["id", "ticker", "side", "qty", "px", "at", "kind"])
    row = bound.read(["1", "BMW", "K", "1.000", "85,5", "1700000000000", ""], place="f", row=1)
    assert row == {
        "venue": "xetra",
        "symbol": "BMW.DE",
        "trade_id": "1",
        "side": "buy",
        "quantity": Decimal(1000),
        "price": Decimal("85.5"),
        "timestamp": 1_700_000_000 * 10**9,
    }
    assert not bound.wanted(["2", "BMW", "K", "1", "1", "1700000000000", "DIV"])
    unmapped = bound.read(["3", "BWM", "K", "1", "1", "1700000000000", ""], place="f", row=3)
    assert isinstance(unmapped, Quarantined)
    assert "BMW" in unmapped.reason


@pytest.mark.parametrize(
    ("written", "signed", "sign"),
    [
        ("as-is", False, None),
        ("side", True, None),
        (
            "{column: Type, negative: [Short, SELL], positive: Long}",
            False,
            SignColumn("Type", frozenset({"short", "sell"}), frozenset({"long"})),
        ),
    ],
)
def test_the_sign_of_a_quantity(written: str, signed: bool, sign: SignColumn | None) -> None:
    mapping = parse(small(f"quantity_sign: {written}"), environ={}).sources["ours"].mapping
    assert (mapping.signed, mapping.sign) == (signed, sign)


def test_floats_are_refused_unless_a_source_is_xlsx_or_says_otherwise() -> None:
    def floats(source: str) -> str:
        text = SMALL.replace("path: ours.csv", source)
        return parse(text, environ={}).sources["ours"].reading("trades").floats

    assert floats("path: ours.csv") == "refuse"
    assert floats("path: ours.csv, floats: shortest") == "shortest"
    assert floats("path: ours.XLSX") == "shortest"
    assert floats("path: export, format: xlsx") == "shortest"
    assert floats("path: ours.xlsx, floats: refuse") == "refuse"


def test_a_file_source_keeps_how_its_files_are_written(tmp_path: Path) -> None:
    keys = (
        r"format: csv, compression: gzip, encoding: cp1252, delimiter: tab, quote: \"'\","
        r" names: [a, b], skip_rows: 2, comment: '#', trailer: 'T(?P<rows>\d+)',"
        " record_path: a.b, sheet: 2"
    ).replace('\\"', '"')
    options = parse(small(keys), tmp_path, {}).sources["ours"].options
    assert options == FileOptions(
        (str(tmp_path / "ours.csv"),),
        format="csv",
        compression="gzip",
        encoding="cp1252",
        delimiter="\t",
        quote="'",
        escape="'",
        names=("a", "b"),
        skip_rows=2,
        comment="#",
        trailer=r"T(?P<rows>\d+)",
        sheet=2,
        record_path=("a", "b"),
    )


@pytest.mark.parametrize(
    ("written", "quote", "escape"),
    [
        ("skip_rows: 0", '"', '"'),
        ('quote: "\'"', "'", "'"),
        ("escape: '\\'", '"', "\\"),
        ("quote: \"'\", escape: '\\'", "'", "\\"),
        ("quote: \"'\", escape: '\"'", "'", '"'),
    ],
)
def test_without_an_escape_quotes_are_doubled(written: str, quote: str, escape: str) -> None:
    options = parse(small(written), environ={}).sources["ours"].options
    assert isinstance(options, FileOptions)
    assert (options.quote, options.escape) == (quote, escape)


def test_a_source_may_be_several_files_and_absolute(tmp_path: Path) -> None:
    text = SMALL.replace("path: ours.csv", "path: [fills/*.csv, /srv/late.csv]")
    options = parse(text, tmp_path, {}).sources["ours"].options
    assert isinstance(options, FileOptions)
    assert options.paths == (str(tmp_path / "fills/*.csv"), "/srv/late.csv")


def test_a_query_on_a_database(tmp_path: Path) -> None:
    text = SMALL.replace("type: file, path: ours.csv", "type: sql, url: 'sqlite:///b.db', query: Q")
    options = parse(text, tmp_path, {}).sources["ours"].options
    assert isinstance(options, QueryOptions)
    assert (options.url.resolve(), options.query) == (f"sqlite:///{tmp_path}/b.db", "Q")
    assert options.version is None
    versioned = parse(text.replace("query: Q", "query: Q, version: V"), tmp_path, {})
    told = versioned.sources["ours"].options
    assert isinstance(told, QueryOptions)
    assert told.version == "V"
    assert "; changed when V did" in str(explain(versioned))


def test_a_control_total_may_be_beyond_what_a_single_amount_may_be() -> None:
    """A sum of amounts below 5e19, and of products with twice the decimals."""
    large, fine = "160000000000000000000", "0.000000000000000000000000000000000001"
    text = small(f"expect: {{totals: {{quantity: '{large}', notional: '{fine}'}}}}")
    totals = parse(text, environ={}).sources["ours"].expect.totals
    assert totals == {"quantity": Decimal(large), "notional": Decimal(fine)}


def test_coverage_of_a_source() -> None:
    text = small(
        "covers: {from: 2026-11-19, to: 2026-11-20T00:00:00Z}, allow_empty: true,"
        " expect: {rows: 3, totals: {quantity: 1.50, notional: '7'}, symbols: [BTC]},"
        " due_by: '18:00', cutoff: '17:00', calendar: london"
    ).replace("timezone: UTC", "timezone: Europe/London")
    text += "calendars: {london: {weekend: [sun], holidays: [2026-12-25]}}\n"
    source = parse(text, environ={}).sources["ours"]
    london = Calendar("london", frozenset({7}), frozenset({date(2026, 12, 25)}))
    day = 86_400 * 10**9
    midnight = 1_795_046_400 * 10**9
    assert source.window == (midnight, midnight + day)
    assert source.allow_empty
    assert source.expect.rows == 3
    assert source.expect.totals == {"quantity": Decimal("1.5"), "notional": Decimal(7)}
    assert source.expect.symbols == frozenset({"BTC"})
    assert source.cutoff == time(17)
    assert source.calendar == london
    assert source.due_by == BusinessDeadline(0, time(18), "Europe/London", london)


def test_a_source_that_repeats_the_whole_history() -> None:
    text = small("covers: everything").replace(
        "path: theirs.csv", "path: theirs.csv, covers: everything"
    )
    sources = parse(text, environ={}).sources
    assert sources["ours"].everything
    assert sources["theirs"].everything
    assert not parse(small(), environ={}).sources["ours"].everything


def test_a_whole_history_is_not_compared_with_a_day() -> None:
    """What was matched on an earlier day would have no partner, and be missing."""
    with pytest.raises(ConfigError, match="'ours' covers everything, but 'theirs'") as caught:
        parse(small("covers: everything"), environ={})
    assert caught.value.problems[0].line == 3


def test_a_presets_tolerances_apply_where_compare_is_silent() -> None:
    text = small(
        reconciliation="severity: exchange-validation\ncompare: {price: exact}\nignore: [timestamp]"
    )
    rules = parse(text, environ={}).reconciliations["trades"].rules
    assert rules.assumed == {"quantity"}
    assert rules.compare["quantity"] == Tolerance(Measure.RELATIVE, Decimal("0.001"))
    assert rules.compare["price"] == EXACT


def test_one_kind_is_more_than_both_missing_kinds() -> None:
    text = small(reconciliation="severity: {missing_internal: low, missing: critical}")
    kinds = parse(text, environ={}).reconciliations["trades"].rules.severity.kinds
    assert kinds == {
        Kind.MISSING_INTERNAL: Severity.LOW,
        Kind.MISSING_EXTERNAL: Severity.CRITICAL,
    }


def test_extra_columns_can_be_matched_and_compared() -> None:
    text = small(
        "extra: {desk: text, risk: decimal}", "match: [{on: [desk]}]\ncompare: {risk: {within: 1}}"
    )
    rules = parse(text, environ={}).reconciliations["trades"].rules
    assert rules.passes == (Pass(("desk",)),)


@pytest.mark.parametrize(
    ("keys", "warning", "line"),
    [
        ("match: [{on: [trade_id]}, {on: [trade_id, symbol]}]", "this pass never pairs", 10),
        ("policy: [{do: review}, {when: {severity: high}, do: halt}]", "never applies: rule 1", 10),
        (
            "policy: [{when: {kind: [price, fee]}, do: review}, {when: {kind: fee}, do: halt}]",
            "never applies: rule 1",
            10,
        ),
        ("deadline: 1h\ncalendar: everyday", "`calendar` has no effect", 11),
        ("keep_matches: false\ncalendar: everyday", "`calendar` has no effect", 11),
    ],
)
def test_what_is_surely_not_meant_is_a_warning(keys: str, warning: str, line: int) -> None:
    found = parse(small(reconciliation=keys), environ={}).warnings
    assert [(warning in each.message, each.line) for each in found] == [(True, line)]


@pytest.mark.parametrize(
    "keys",
    [
        "match: [{on: [trade_id, symbol]}, {on: [trade_id]}]",
        "policy: [{when: {kind: fee}, do: halt}, {when: {severity: high}, do: review}]",
        "policy: [{when: {severity: high, kind: fee}, do: halt}, {when: {severity: high}, do: warn}]",
    ],
)
def test_what_may_be_meant_is_none(keys: str) -> None:
    assert parse(small(reconciliation=keys), environ={}).warnings == ()


def test_the_same_source_on_both_sides_is_a_warning() -> None:
    found = parse(SMALL.replace("external: theirs", "external: ours"), environ={}).warnings
    assert "agrees with itself" in found[0].message


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    file = tmp_path / "tieout.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.encode())
    assert list(load(file, {}).sources) == ["ours", "theirs"]


LISTED = """
version: 1
store: sqlite:///s.db
sources:
  ours: {type: file, path: ours.csv}
  theirs: {type: file, path: theirs.csv}
  listed: {type: file, path: i.csv, records: instruments}
reconciliations:
  balances: {records: balances, internal: ours, external: theirs}
  named: {records: balances, internal: ours, external: theirs, instruments: listed}
  positions: {records: positions, internal: ours, external: theirs}
"""


def test_records_without_a_symbol_need_no_instruments() -> None:
    """So a lost file of instruments does not fail balances, unless they name it."""
    found = parse(LISTED, environ={}).reconciliations
    assert {name: each.instruments for name, each in found.items()} == {
        "balances": None,
        "named": "listed",
        "positions": "listed",
    }
    again = LISTED.replace(
        "reconc", "  more: {type: file, path: j.csv, records: instruments}\nreconc"
    )
    with pytest.raises(ConfigError) as caught:
        parse(again, environ={})
    assert [each.path for each in caught.value.problems] == ["reconciliations.positions"]
