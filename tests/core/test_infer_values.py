"""What `infer` takes a header, a name and a column of texts for."""

from __future__ import annotations

import pytest

from tieout.core.infer import header_at, percent
from tieout.core.infer.names import name_score
from tieout.core.infer.values import choice_values, number_style, side_of, time_form
from tieout.core.schema import RECORD_TYPES
from tieout.core.text import NumberStyle


@pytest.mark.parametrize(
    ("texts", "style"),
    [
        (["1.5", "2"], NumberStyle(".", None)),
        (["1,234.5", "2"], NumberStyle(".", ",")),
        (["1.234,5", "2,25"], NumberStyle(",", ".")),
        (["1,5", "2,25"], NumberStyle(",", None)),
        (["1 234,5", "0,1"], NumberStyle(",", " ")),
        (["1'234.5", "12"], NumberStyle(".", "'")),
        (["$1,000.00", "(12.5)"], NumberStyle(".", ",")),
    ],
)
def test_number_styles(texts: list[str], style: NumberStyle) -> None:
    assert number_style([texts]) == (style, None)


def test_a_comma_before_three_digits_is_a_doubt() -> None:
    best, rival = number_style([["1,234", "5,678"]])
    assert best == NumberStyle(".", ",")
    assert rival == NumberStyle(",", None)


@pytest.mark.parametrize(
    ("text", "form", "naive"),
    [
        ("2026-11-18T10:00:00Z", "iso", False),
        ("2026-11-18 10:00:00", "iso", True),
        ("1763460000", "s", False),
        ("1763460000123", "ms", False),
        ("1763460000123456", "us", False),
        ("1763460000123456789", "ns", False),
        ("18/11/2026", "%d/%m/%Y", True),
        ("11/18/2026 10:00:00", "%m/%d/%Y %H:%M:%S", True),
        ("18.11.2026 10:00", "%d.%m.%Y %H:%M", True),
        ("20261118;100000", "%Y%m%d;%H%M%S", True),
        ("11/18/2026 10:00:00 PM", "%m/%d/%Y %I:%M:%S %p", True),
        ("18-Nov-2026", "%d-%b-%Y", True),
    ],
)
def test_time_forms(text: str, form: str, naive: bool) -> None:
    found = time_form([text])
    assert found is not None
    assert (found.form, found.naive, found.rival) == (form, naive, None)


def test_words_are_no_times() -> None:
    assert time_form(["buy", "sell"]) is None


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("Market buy", "buy"),
        ("SELL TO OPEN", "sell"),
        ("B", "buy"),
        ("sld", "sell"),
        ("Buy or sell", None),
        ("Dividend", None),
        ("the buy side of a long sentence", None),
    ],
)
def test_sides(text: str, side: str | None) -> None:
    assert side_of(text) == side


def test_choices_that_every_source_may_use_need_no_mapping() -> None:
    side = RECORD_TYPES["trades"].columns["side"]
    assert choice_values(side, ["Buy", "S", "sold"]) == {}


@pytest.mark.parametrize(
    ("canonical", "name"),
    [
        ("quantity", "No. of shares"),
        ("price", "Price / share"),
        ("fee", "Fees & Comm"),
        ("trade_id", "exec_id"),
        ("symbol", "Ticker"),
        ("timestamp", "execTime"),
        ("side", "buy_sell"),
    ],
)
def test_names_are_known(canonical: str, name: str) -> None:
    best = max(RECORD_TYPES["trades"].columns, key=lambda column: name_score(column, name))
    assert best == canonical


def test_names_that_say_nothing_score_nothing() -> None:
    assert name_score("price", "Notes") == 0.0
    assert name_score("price", "") == 0.0


def test_the_header_is_the_first_row_unless_a_later_one_names_more() -> None:
    assert header_at([["a", "b"], ["1", "2"]]) == 0
    assert header_at([["Statement", "x"], ["Date", "Qty", "Price"], ["1", "2", "3"]]) == 1
    assert header_at([]) == 0


def test_percentages_never_round_to_all_or_nothing() -> None:
    assert percent(1.0) == "100 %"
    assert percent(0.99999) == "99.9 %"
    assert percent(0.0) == "0 %"
    assert percent(0.00001) == "0.1 %"
