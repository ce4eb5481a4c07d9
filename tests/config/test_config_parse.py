"""What the Python API is given: a text, a dict, or Rules; a document or one reconciliation."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from config_documents import SMALL, problems

from tieout.config import FrameOptions, parse
from tieout.core.rules import Check, Measure, Pass, PnlCheck, Rules, Tolerance
from tieout.errors import ConfigError

BODY = {
    "records": "trades",
    "match": [{"on": ["trade_id"]}],
    "compare": {"price": {"within": Decimal("0.005")}, "fee": {"ticks": 1}},
}


def test_the_body_of_a_reconciliation_needs_no_sources() -> None:
    settings = parse(BODY, environ={})
    [reconciliation] = settings.reconciliations.values()
    assert reconciliation.name == "reconciliation"
    assert (reconciliation.internal, reconciliation.external) == ("internal", "external")
    assert reconciliation.rules.passes == (Pass(("trade_id",)),)
    assert reconciliation.rules.compare["price"] == Tolerance(Measure.ABSOLUTE, Decimal("0.005"))
    assert isinstance(settings.sources["internal"].options, FrameOptions)


def test_a_text_means_the_same_as_a_dict() -> None:
    text = "records: trades\nmatch: [{on: [trade_id]}]\ncompare: {price: {within: 0.005}, fee: {ticks: 1}}"
    one, other = parse(text, environ={}), parse(BODY, environ={})
    assert replace(one, warnings=()) == replace(other, warnings=())
    assert [each.message for each in one.warnings] == [each.message for each in other.warnings]


def test_the_sides_of_a_body_may_say_how_they_are_read() -> None:
    settings = parse(
        {
            **BODY,
            "name": "mine",
            "internal": {"columns": {"symbol": "ticker"}, "timezone": "UTC"},
            "external": "broker",
        },
        environ={},
    )
    reconciliation = settings.reconciliations["mine"]
    assert (reconciliation.internal, reconciliation.external) == ("internal", "broker")
    assert settings.sources["internal"].reading("trades").columns == {"symbol": "ticker"}
    assert settings.sources["internal"].timezone == "UTC"


def test_a_whole_document_is_one_too(tmp_path: Path) -> None:
    assert list(parse(SMALL, tmp_path, {}).reconciliations) == ["trades"]


def test_rules_are_taken_as_they_are() -> None:
    rules = Rules("r", "trades", checks=(Check(PnlCheck.CASH, "pnl", ("trade_id",), Decimal(0)),))
    settings = parse(rules, environ={})
    assert settings.reconciliations["r"].rules is rules
    assert settings.sources["pnl"].records == "pnl"


@pytest.mark.parametrize(
    ("body", "message", "path"),
    [
        ({"compare": {"price": {"within": 0.005}}}, "a float is not exact", "compare.price.within"),
        ({"compare": {"prise": "exact"}}, "did you mean `price`?", "compare.prise"),
        ({"match": [{"on": object()}]}, "a object cannot stand here", "match[0].on"),
        ({"internal": {"colums": {}}}, "did you mean `columns`?", "internal.colums"),
        ({"deadline": 60}, "60 has no unit", "deadline"),
    ],
)
def test_a_wrong_dict_names_the_path(body: dict[str, object], message: str, path: str) -> None:
    found = problems({"records": "trades", **body})
    assert any(message in each.message and each.path == path for each in found), found


@pytest.mark.parametrize("rules", ["", "text", "- a", {}, {"records": None}])
def test_no_reconciliation_at_all(rules: str | dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        parse(rules, environ={})


def test_a_dict_that_contains_itself_is_refused() -> None:
    body: dict[str, object] = {"records": "trades"}
    body["compare"] = body
    assert problems(body)


def test_a_body_may_have_further_sources() -> None:
    body = {
        **BODY,
        "external": "broker",
        "sources": {"broker": {"timezone": "UTC"}, "pnl": {"records": "pnl"}},
        "checks": [{"pnl": "cash", "source": "pnl"}],
    }
    settings = parse(body, environ={})
    assert settings.reconciliations["reconciliation"].sources == ("internal", "broker", "pnl")
    assert settings.sources["broker"].timezone == "UTC"
    [problem] = problems({**body, "sources": []})[:1]
    assert "a mapping belongs here, not a list" in problem.message
