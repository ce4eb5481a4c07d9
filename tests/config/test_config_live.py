"""Reconciliations that are made while trading goes on: their keys, defaults and limits."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from config_documents import SMALL, VENUE, live_document, problems
from hypothesis import given, settings
from hypothesis import strategies as st
from test_config_fuzz import VALUES, survives

from tieout.config import (
    FrameOptions,
    LiveSettings,
    ReconciliationSettings,
    load,
    parse,
)
from tieout.config.explain import explain
from tieout.config.live import LIVE
from tieout.config.reference import EXAMPLE_LIVE
from tieout.core.model import Money
from tieout.core.rules import Duration, Preset
from tieout.core.text import NS

HOUR = 3600 * NS


def read(keys: str = "", records: str = "balances", **sources: str) -> ReconciliationSettings:
    return parse(live_document(keys, records, **sources), None, {}).reconciliations["both"]


def live(keys: str = "", records: str = "balances") -> LiveSettings:
    found = read(keys, records).live
    assert found is not None
    return found


def warnings(keys: str, records: str = "balances", **sources: str) -> list[str]:
    return [
        each.message for each in parse(live_document(keys, records, **sources), None, {}).warnings
    ]


def test_every_key() -> None:
    found = live(
        "every: 30s\ngrace: 2s\nconfirmations: 3\nresamples: 7\nlookback: 2h\nfull: 12h\n"
        "lag: 500ms\non: [start, interval]"
    )
    assert found == LiveSettings(
        every=30 * NS,
        grace=2 * NS,
        confirmations=3,
        resamples=7,
        lookback=2 * HOUR,
        full=12 * HOUR,
        lag=NS // 2,
        on=frozenset({"start", "interval"}),
    )


@pytest.mark.parametrize(
    ("records", "every", "lookback"),
    [
        ("positions", 60 * NS, HOUR),
        ("balances", 60 * NS, HOUR),
        ("orders", 60 * NS, 24 * HOUR),
        ("trades", HOUR, HOUR),
        ("movements", HOUR, HOUR),
    ],
)
def test_what_holds_without_saying_so(records: str, every: int, lookback: int) -> None:
    assert live("", records) == LiveSettings(
        every=every,
        grace=5 * NS,
        confirmations=2,
        resamples=5,
        lookback=lookback,
        full=24 * HOUR,
        lag=None,
        on=frozenset({"start", "interval", "events"}),
    )


@pytest.mark.parametrize("records", ["trades", "movements", "orders"])
def test_grace_is_the_deadline_where_there_is_no_other(records: str) -> None:
    assert read("", records).rules.deadline == Duration(5 * NS)
    assert read("grace: 9s", records).rules.deadline == Duration(9 * NS)
    assert read("grace: 9s\ndeadline: 1m", records).rules.deadline == Duration(60 * NS)


@pytest.mark.parametrize("records", ["positions", "balances"])
def test_a_snapshot_has_no_deadline(records: str) -> None:
    assert read("grace: 9s", records).rules.deadline == Duration(0)
    [warning] = warnings("deadline: 1m", records)
    assert warning == f"`deadline` has no effect: {records} were never in flight"


def test_one_reading_never_opens_a_break() -> None:
    for records in ("positions", "balances", "orders"):
        [problem] = problems(live_document("confirmations: 1", records))
        assert problem.message.startswith("one reading cannot open a break")
        assert problem.line == 10
    assert live("confirmations: 1", "trades").confirmations == 1


def test_resamples_make_room_for_the_confirmations() -> None:
    assert live("confirmations: 8").resamples == 8
    [problem] = problems(live_document("confirmations: 8\nresamples: 7"))
    assert problem.message == "8 readings cannot be had in 7"
    assert problem.path == "reconciliations.both.resamples"


def test_a_value_tolerance_is_a_rule_of_snapshots() -> None:
    assert read("value_tolerance: {USD: 10.50}").rules.value_tolerance == Money(
        Decimal("10.50"), "USD"
    )
    assert read().rules.value_tolerance is None
    batch = SMALL.replace("records: trades", "records: positions") + "    value_tolerance: {X: 1}\n"
    rules = parse(batch, None, {}).reconciliations["trades"].rules
    assert rules.value_tolerance == Money(Decimal(1), "X")
    [problem] = problems(live_document("value_tolerance: {USD: 1}", "trades"))
    assert problem.message == "a value tolerance is of positions and balances, not of trades"


def test_dust_and_minimum_sizes_are_rules_of_severity() -> None:
    severity = read('minimum: {BTC: "0.0001"}\ndust: {USD: 1}\nseverity: traderecon').rules.severity
    assert severity.preset is Preset.TRADERECON
    assert severity.minimum == {"BTC": Decimal("0.0001")}
    assert severity.dust == {"USD": Decimal(1)}
    files = parse(f"{SMALL}    dust: {{USD: 1}}\n", None, {}).reconciliations["trades"]
    assert files.rules.severity.dust == {"USD": Decimal(1)}
    [problem] = problems(live_document("minimum: {BTC/USDT: 1}", "trades"))
    assert problem.message == "minimum sizes are of positions and balances, not of trades"


def test_a_reconciliation_of_files_is_not_live() -> None:
    assert parse(SMALL, None, {}).reconciliations["trades"].live is None
    keys = {
        "every": "60s",
        "grace": "5s",
        "confirmations": "2",
        "resamples": "5",
        "lookback": "1h",
        "full": "1d",
        "lag": "1s",
        "transit": "1h",
        "on": "[start]",
    }
    assert keys.keys() == LIVE.keys()
    for key, value in keys.items():
        [problem] = problems(f"{SMALL}    {key}: {value}\n")
        what = f"`{key}` is of live reconciliations, and no side of this one answers now"
        assert problem.message == what
        assert problem.line == 10


def test_nothing_is_said_of_keys_where_a_side_is_faulty() -> None:
    found = problems(live_document("every: 60s", theirs="type: venu, venue: x"))
    assert [each.path for each in found] == ["sources.theirs.type"]


@pytest.mark.parametrize(
    "internal",
    [
        "type: book",
        "type: freqtrade, url: env:X",
        "type: sql, url: env:X, query: Q",
        "type: sql, url: env:X, query: Q, covers: everything",
        "type: frame",
    ],
)
def test_what_the_firm_believes_may_be(internal: str) -> None:
    for records in ("trades", "balances"):
        assert read("", records, ours=internal).live is not None


def test_a_side_given_to_the_python_api() -> None:
    rules = {"records": "positions", "internal": {"type": "book"}, "every": "1s"}
    settings = parse(rules, None, {})
    [found] = settings.reconciliations.values()
    assert found.live is not None
    assert settings.sources[found.external].options == FrameOptions()


SIDES = {
    "file": ({"ours": "type: file, path: a.csv"}, "a file cannot be the internal", "import it"),
    "venue": ({"ours": VENUE}, "a venue cannot be the internal", "there are: book"),
    "exchanged": (
        {"ours": VENUE, "theirs": "type: book"},
        "a venue cannot be the internal",
        "exchange the two",
    ),
    "books": ({"theirs": "type: book"}, "a book cannot be the external", "`type: venue`"),
    "query": (
        {"theirs": "type: sql, url: env:X, query: Q"},
        "a sql cannot be the external",
        "is asked of a venue",
    ),
    "statement": (
        {"theirs": "type: file, path: a.csv"},
        "a file cannot be the external",
        "import it",
    ),
    "account": ({"ours": "type: book, account: b"}, "is of the account `b`", "the same account"),
    "exchange": (
        {"ours": "type: freqtrade, url: env:X, venue: kraken"},
        "`ours` is of kraken, `theirs` of binance",
        "the same exchange",
    ),
}


@pytest.mark.parametrize(("sources", "message", "hint"), SIDES.values(), ids=SIDES)
def test_a_wrong_side(sources: dict[str, str], message: str, hint: str) -> None:
    found = [each for each in problems(live_document(**sources)) if message in each.message]
    [problem] = found
    assert problem.line in {8, 9}
    assert problem.hint is not None
    assert hint in problem.hint


def test_movements_are_not_compared_with_a_book_that_has_none() -> None:
    bot = "type: freqtrade, url: env:X"
    [problem] = problems(live_document(records="movements", ours=bot))
    assert problem.message.startswith("freqtrade knows no movements")
    assert problem.line in {8, 9, 10}
    assert not problems(live_document(records="balances", ours=bot))


def test_two_names_of_one_exchange_are_no_difference() -> None:
    gate = VENUE.replace("binance_spot", "gateio_spot")
    assert read("", ours="type: book, venue: gate, account: main", theirs=gate).live is not None


KEYS = {
    "every": ("every: 60", "60 has no unit"),
    "never": ("every: 0s", "0s is no time at all"),
    "full": ("full: 0h", "0h is no time at all"),
    "none": ("confirmations: 0", "no reading confirms nothing"),
    "dust": ("dust: {USD: -1}", "-1 is negative"),
    "minimum": ("minimum: {BTC: 1%}", "a plain number belongs here, not the share"),
    "symbol": ("minimum: {BTC/USDT: 1}", "`BTC/USDT` is a symbol, and balances have currencies"),
    "on": ("on: [starts]", "unknown trigger `starts` (did you mean `start`?)"),
    "never on": ("on: []", "the list is empty"),
    "typo": ("confirmation: 2", "unknown key `confirmation` (did you mean `confirmations`?)"),
    "checks": ("checks: [{pnl: cash, source: p}]", "checks need pnl rows, which no venue has"),
    "two values": ("value_tolerance: {USD: 1, EUR: 1}", "is one amount in one currency"),
    "no value": ("value_tolerance: {}", "is one amount in one currency"),
    "value": ("value_tolerance: {USD: x}", "a number belongs here"),
}


@pytest.mark.parametrize(("keys", "message"), KEYS.values(), ids=KEYS)
def test_a_wrong_key(keys: str, message: str) -> None:
    found = [each for each in problems(live_document(keys)) if message in each.message]
    assert [each.line for each in found] == [10]


def test_records_that_nobody_can_be_asked_for() -> None:
    messages = [each.message for each in problems(live_document(records="pnl"))]
    assert "nobody can be asked for pnl now" in messages
    [margin] = problems(live_document(records="margin"))
    assert margin.message == "margin is a column of positions, compared only when listed"
    assert margin.hint is not None
    assert "records: positions" in margin.hint


WARNED = {
    "confirmations": ("confirmations: 2", "trades", "`confirmations` has no effect"),
    "resamples": ("resamples: 2", "movements", "`resamples` has no effect"),
    "every": ("every: 1s\non: [events]", "balances", "`every` has no effect"),
    "grace": ("grace: 1s", "trades", "a grace of 1s is shorter than the lag of 2s"),
    "lag": ("lag: 6s", "orders", "a grace of 5s is shorter than the lag of 6s"),
}


@pytest.mark.parametrize(("keys", "records", "message"), WARNED.values(), ids=WARNED)
def test_what_is_surely_not_meant(keys: str, records: str, message: str) -> None:
    [warning] = warnings(keys, records)
    assert warning.startswith(message)


def test_what_is_meant_is_not_warned_of() -> None:
    assert warnings("grace: 1s\ndeadline: 3s", "trades") == []
    assert warnings("grace: 0s", "balances") == []
    assert warnings("every: 1s\non: [interval]") == []


def test_an_explanation_says_what_it_takes() -> None:
    text = live_document(
        'every: 30s\nminimum: {BTC: "0.01"}\ndust: {USD: 1}\nvalue_tolerance: {USD: 5}',
        ours="type: book, venue: binance, method: {basis: fifo}, max_age: 5m",
        theirs=f"{VENUE}, base_url: http://127.0.0.1:1, symbols: [B, A]",
    )
    [explanation] = explain(parse(text, None, {}))
    lines = [line.strip() for line in explanation.lines()]
    for expected in (
        "balances of ours: the ledger in the store, venue binance; costs fifo, fees out",
        "stale after 5m",
        "balances of theirs: binance_spot, account main; api_key env:K; secret env:S;"
        " at http://127.0.0.1:1; also asked for A, B; 10s for a request",
        "at the start, every 30s and after significant events",
        "a break takes 2 complete readings over 5s; what one leaves open is read again up to 5"
        " times",
        "a fill may be invisible for 2s",
        "a difference of an amount less than 0.01 BTC: at most low",
        "a difference of an amount worth less than 1 USD: at most low",
        "a difference worth no more than 5 USD is inside tolerance",
    ):
        assert expected in lines
    assert "Deadline" not in lines
    assert "covers its business date" not in lines
    [trades] = explain(parse(live_document(records="trades"), None, {}))
    lines = [line.strip() for line in trades.lines()]
    assert "a record without a partner is expected until 5s after its own time" in lines
    assert "looks back 1h; the first time, and every 1d, 1d" in lines
    [orders] = explain(parse(live_document(records="orders"), None, {}))
    lines = [line.strip() for line in orders.lines()]
    assert "compares what was closed in the last 1d as well" in lines
    assert "a break takes 2 complete readings" in lines


def test_the_example_of_the_reference_loads(tmp_path: Path) -> None:
    file = tmp_path / "tieout.yaml"
    file.write_text(EXAMPLE_LIVE)
    settings = load(file, {})
    assert settings.warnings == ()
    assert settings.reconciliations["binance-balances"].live is not None


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_at_any_place(data: st.DataObject) -> None:
    whole = {
        "version": 1,
        "sources": {
            "b": {"type": "book", "method": {"basis": "fifo"}, "symbols": {"A": "B"}},
            "v": {
                "type": "venue",
                "venue": "binance_spot",
                "api_key": "env:K",
                "secret": "env:S",
                "base_url": "https://x",
                "symbols": ["A"],
                "options": {"a": ["b"]},
            },
        },
        "reconciliations": {
            "r": {
                "records": "balances",
                "internal": "b",
                "external": "v",
                "every": "1s",
                "confirmations": 2,
                "minimum": {"A": 1},
                "on": ["start"],
                "value_tolerance": {"USD": 1},
            }
        },
    }
    node = whole
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
            break
        node = node[key]
    node[key] = data.draw(VALUES)
    survives(whole)
