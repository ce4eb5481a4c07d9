"""`keep_matches` and `match_logs`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from config_documents import live_document, problems, small

from tieout.config import parse
from tieout.config.explain import explain
from tieout.core.matched import USUAL_DAYS, Keep
from tieout.errors import ConfigError
from tieout.service.setup import Setup, SideSetup


def kept(keys: str) -> Keep | None:
    return parse(small(reconciliation=keys), environ={}).reconciliations["trades"].keep


def test_nothing_is_kept_unless_asked_for() -> None:
    assert kept("ignore: [fee]") is None
    assert kept("keep_matches: false") is None


@pytest.mark.parametrize(
    ("value", "days"), [("true", USUAL_DAYS), ("1", 1), ("260", 260), ("'7'", 7)]
)
def test_matches_are_kept_for_days(value: str, days: int) -> None:
    assert kept(f"keep_matches: {value}") == Keep(days)


@pytest.mark.parametrize("value", ["0", "261", "-1", "yes", "5d", "[5]", "1.5", "'true'"])
def test_a_number_of_days_is_whole_and_sensible(value: str) -> None:
    with pytest.raises(ConfigError):
        kept(f"keep_matches: {value}")


def test_days_are_those_of_the_calendar() -> None:
    found = kept("keep_matches: 1\ncalendar: everyday")
    assert found is not None
    assert found.since(date(2026, 3, 9)) == date(2026, 3, 8)
    assert (
        parse(small(reconciliation="keep_matches: 1\ncalendar: everyday"), environ={}).warnings
        == ()
    )


def test_snapshots_and_live_sides_keep_none() -> None:
    with pytest.raises(ConfigError, match="matches are kept of trades, movements, not of balances"):
        parse(
            {"records": "balances", "match": [{"on": ["currency"]}], "keep_matches": True},
            environ={},
        )
    with pytest.raises(ConfigError, match="a live window is read again as a whole"):
        parse(live_document("keep_matches: true", "trades"), None, {})


WHOLE = "type: file, path: all.csv, timezone: UTC, covers: everything"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"ours": "type: frame"}, "ours"),
        ({"theirs": "type: frame"}, "theirs"),
        ({"ours": WHOLE, "theirs": WHOLE}, "ours"),
    ],
)
def test_who_repeats_the_whole_history_needs_none(options: dict[str, str], named: str) -> None:
    """It is said, and the answer is the same with the key and without it."""
    text = small(reconciliation="keep_matches: true")
    for side, said in options.items():
        line = f"{{type: file, path: {side}.csv, timezone: UTC}}"
        assert line in text
        text = text.replace(line, f"{{{said}}}")
    settings = parse(text, environ={})
    (warning,) = settings.warnings
    assert warning.message == f"`keep_matches` has no effect: {named} repeats its whole history"
    assert warning.path.endswith("keep_matches")
    assert settings.reconciliations["trades"].keep is None


def test_the_directory_is_relative_to_the_file(tmp_path: Path) -> None:
    text = small() + "\nmatch_logs: kept\n"
    assert parse(text, tmp_path, {}).match_logs == tmp_path / "kept"
    (tmp_path / "kept").write_text("")
    with pytest.raises(ConfigError, match="is not a directory"):
        parse(text, tmp_path, {})


def test_it_is_explained() -> None:
    (found,) = explain(parse(small(reconciliation="keep_matches: 1"), environ={}))
    assert "what matched is kept for 1 business day (weekdays)" in "\n".join(found.lines())


def test_keeping_is_part_of_the_digest_of_the_rules_only_where_it_is_asked_for() -> None:
    """What is kept may change an answer; what is not must not change the digests of others."""
    settings = parse(small(), environ={})
    rules = settings.reconciliations["trades"].rules
    sides = [
        SideSetup(None, settings.sources[name].reading("trades"))  # type: ignore[arg-type]
        for name in (settings.reconciliations["trades"].sources[:2])
    ]
    digests = {Setup(rules, *sides, keep=keep).digest for keep in (None, Keep(5), Keep(6))}
    assert len(digests) == 3


def test_problems_name_the_key() -> None:
    (problem,) = problems(small(reconciliation="keep_matches: 0"))
    assert problem.path.endswith("keep_matches")
