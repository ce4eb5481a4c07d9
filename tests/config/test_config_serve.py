"""The variables RECONCILIATION_... say something of all that is live, and of nothing else."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from config_documents import live_document, loaded

from tieout.config import VenueOptions, parse, served
from tieout.config.explain import explain
from tieout.core.model import Money
from tieout.core.text import NS
from tieout.errors import ConfigError


def test_the_environment_says_something_of_all_that_is_live(tmp_path: Path) -> None:
    text = live_document("every: 30s\nvalue_tolerance: {EUR: 1}") + (
        "  more: {records: trades, internal: ours, external: theirs}\n"
        "  batch: {records: positions, internal: a, external: b}\n"
    )
    text = text.replace("sources:", "sources:\n  a: {type: frame}\n  b: {type: frame}")
    settings = loaded(
        tmp_path,
        text,
        RECONCILIATION_ENABLED=" False ",
        RECONCILIATION_INTERVAL_SECONDS="2.5",
        RECONCILIATION_THRESHOLD_USD="7",
        RECONCILIATION_RETRY_COUNT="0",
        RECONCILIATION_TIMEOUT_SECONDS="3",
    )
    said, each = settings.serve, settings.reconciliations
    assert (said.enabled, said.retries) == (False, 0)
    assert {name: one.live and one.live.every for name, one in each.items()} == {
        "both": 2_500_000_000,
        "more": 2_500_000_000,
        "batch": None,
    }
    assert {name: one.rules.value_tolerance for name, one in each.items()} == {
        "both": Money(Decimal(7), "USD"),
        "more": None,
        "batch": None,
    }
    options = settings.sources["theirs"].options
    assert isinstance(options, VenueOptions)
    assert options.timeout == 3 * NS
    assert "off: RECONCILIATION_ENABLED says so" in "\n".join(explain(settings)[0].lines())


def test_silence_changes_nothing(tmp_path: Path) -> None:
    settings = loaded(tmp_path, live_document("every: 30s"), RECONCILIATION_OTHER="x")
    assert settings.serve.enabled
    assert settings.serve.every is None
    found = settings.reconciliations["both"].live
    assert found is not None
    assert found.every == 30 * NS


@pytest.mark.parametrize(
    ("word", "enabled"), [("true", True), ("1", True), ("YES", True), ("0", False), ("off", False)]
)
def test_words_for_enabled(tmp_path: Path, word: str, enabled: bool) -> None:
    settings = loaded(tmp_path, live_document(), RECONCILIATION_ENABLED=word)
    assert settings.serve.enabled is enabled


WRONG = [
    ("RECONCILIATION_ENABLED", "maybe", "`true` or `false` belongs here"),
    ("RECONCILIATION_ENABLED", "", "`true` or `false` belongs here"),
    ("RECONCILIATION_INTERVAL_SECONDS", "0", "a number of seconds above zero"),
    ("RECONCILIATION_INTERVAL_SECONDS", "60s", "a number belongs here"),
    ("RECONCILIATION_INTERVAL_SECONDS", "nan", "a number belongs here"),
    ("RECONCILIATION_INTERVAL_SECONDS", "-1", "-1 is negative"),
    ("RECONCILIATION_INTERVAL_SECONDS", "1e12", "a number of seconds above zero"),
    ("RECONCILIATION_INTERVAL_SECONDS", "0.0000000001", "a number of seconds above zero"),
    ("RECONCILIATION_THRESHOLD_USD", "-1", "-1 is negative"),
    ("RECONCILIATION_THRESHOLD_USD", "$5", "a number belongs here"),
    ("RECONCILIATION_RETRY_COUNT", "1.5", "a whole number"),
    ("RECONCILIATION_RETRY_COUNT", "100", "100 attempts are too many"),
    ("RECONCILIATION_TIMEOUT_SECONDS", "", "the text is empty"),
]


@pytest.mark.parametrize(("variable", "value", "message"), WRONG)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, live_document(), **{variable: value})
    [problem] = caught.value.problems
    assert message in problem.message
    assert problem.path == f"{variable} in the environment"
    with pytest.raises(ConfigError, match=variable):
        served(parse(live_document(), None, {}), {variable: value})


def test_wrong_variables_are_reported_with_all_else(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, live_document("every: 1"), RECONCILIATION_ENABLED="x")
    assert len(caught.value.problems) == 2


def test_a_document_without_a_file_takes_them_when_asked() -> None:
    settings = parse(live_document(), None, {"RECONCILIATION_INTERVAL_SECONDS": "9"})
    assert settings.serve.every is None
    found = served(settings, {"RECONCILIATION_INTERVAL_SECONDS": "9"}).reconciliations["both"]
    assert found.live is not None
    assert found.live.every == 9 * NS
