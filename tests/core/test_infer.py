"""`infer` proposes how two files are read and paired; a person checks it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from core.infer_samples import AS_OF, proposed, sample
from hypothesis import given, settings
from hypothesis import strategies as st

from tieout.core.infer import SourceProposal
from tieout.core.infer.source import read
from tieout.core.rules import Measure
from tieout.core.schema import RECORD_TYPES
from tieout.core.text import NumberStyle
from tieout.errors import UsageError

# The shape of a broker's history: dates only, `$`, rows that are no trades, no id.
HISTORY = """
"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"
"01/31/2024","Wire Received","","","","","","$5000.00"
"02/05/2024","Buy","ACME","ACME INC","10","$101.5","$0.99","-$1015.99"
"02/12/2024","Buy","GLOBEX","GLOBEX","4","$2,250.25","","-$9001.00"
"02/20/2024","Qualified Dividend","ACME","ACME INC","","","","$3.10"
"03/04/2024","Sell","ACME","ACME INC","10","$110.25","$0.99","$1101.51"
"03/14/2024","Sell","GLOBEX","GLOBEX","4","$2,300","$1","$9199.00"
"""

# The same, shuffled and written by somebody else; one quantity and one price differ, one is gone.
HISTORY_COPY = """
Datum;Instrument;B/S;Qty;Px;Charges
14.03.2024;GLOBEX;S;4,0;2300,0;1
05.02.2024;ACME;B;11;101,5;0,99
04.03.2024;ACME;S;10;110,2505;0,99
"""


def test_a_history_and_its_reformatted_copy_pair_by_what_they_say() -> None:
    found = proposed(HISTORY, HISTORY_COPY, delimiters=",;")
    assert found.records == "trades"
    assert found.internal.columns == {
        "symbol": "Symbol",
        "side": "Action",
        "quantity": "Quantity",
        "price": "Price",
        "fee": "Fees & Comm",
        "timestamp": "Date",
    }
    assert found.internal.forms == {"timestamp": "%m/%d/%Y"}
    assert found.internal.numbers == NumberStyle(".", ",")
    assert found.internal.skip == {"Action": ("Qualified Dividend", "Wire Received")}
    assert (found.internal.rows, found.internal.unreadable, found.internal.skipped) == (4, 0, 2)
    assert found.external.forms == {"timestamp": "%d.%m.%Y"}
    assert found.external.numbers == NumberStyle(",", None)
    assert found.internal.timezone == found.external.timezone == "UTC"
    assert found.passes == (
        ("timestamp", "symbol", "side", "quantity"),
        ("timestamp", "symbol", "side"),
    )
    assert found.pairs == 3
    price = next(each for each in found.compared if each.column == "price")
    assert price.text == "66.7 % equal, 100 % within 0.0005"


def test_what_has_no_zone_or_no_time_is_said() -> None:
    notes = proposed(HISTORY, HISTORY_COPY, delimiters=",;").internal.notes
    assert "no zone" in notes["timezone"]
    assert "midnight" in notes["columns.timestamp"]


# The shape of a retail export: words for sides, an id that a buy and a sell share, both names.
EXPORT = """
Action,Time,ISIN,Ticker,No. of shares,Price / share,Currency (Price / share),Total,Fee,ID,Currency (Fee)
Deposit,2024-01-02 08:00:00.120,,,,,,500.00,,dep1,
Market buy,2024-01-02 09:30:00.250,US0000000010,ACME,3.0000000000,50.01,USD,150.03,0.30,EX7,USD
Interest on cash,2024-01-03 00:00:01,,,,,,0.02,,int1,
Limit sell,2024-01-09 15:00:10.500,US0000000010,ACME,3.0000000000,55.25,USD,165.75,0.33,EX7,USD
Market buy,2024-01-11 10:11:12.013,US0000000028,GLBX,1.5000000000,9.99,USD,14.99,0.02,EX8,USD
"""
EXPORT_COPY = """
when,sec,dir,qty,px,commission,reference no
1704965472013,US0000000028,BUY,1.5,9.99,0.02,EX8
1704187800250,US0000000010,BUY,3,50.01,0.30,EX7
1704812410500,US0000000010,SELL,3,55.75,0.33,EX7
"""


def test_an_export_with_words_for_sides_and_a_repeated_id() -> None:
    found = proposed(EXPORT, EXPORT_COPY)
    ours, theirs = found.internal, found.external
    assert ours.values["side"] == {
        "Limit buy": "buy",
        "Limit sell": "sell",
        "Market buy": "buy",
        "Market sell": "sell",
    }
    assert ours.skip == {"Action": ("Deposit", "Interest on cash")}
    assert ours.columns["price_currency"] == "Currency (Price / share)"
    assert ours.columns["fee_currency"] == "Currency (Fee)"
    assert (ours.columns["symbol"], theirs.columns["symbol"]) == ("ISIN", "sec"), "by the values"
    assert theirs.columns["trade_id"] == "reference no"
    assert theirs.forms == {"timestamp": "ms"}
    assert theirs.timezone is None
    assert found.passes == (("trade_id", "side"),)
    assert found.pairs == 3


# The shape of a statement: other tables before the header, signed quantities, `-` for nothing.
STATEMENT = """
Statement,Header,Field Name,Field Value
Statement,Data,Title,Transaction History
Summary,Header,Field Name,Field Value
Summary,Data,Base Currency,EUR
History,Header,Date,Account,Description,Transaction Type,Symbol,Quantity,Price,Gross Amount ,Commission,Net Amount
History,Data,2025-06-02,U1,ACME cash dividend,Dividend,ACME,-,-,2.0,-,2.0
History,Data,2025-06-03,U1,ACME INC,Sell,ACME,-2.0,1001.00,2002.0,-3.0,1999.0
History,Data,2025-05-05,U1,ACME INC,Buy,ACME,4.0,1000.0,-4000.0,-3.0,-4003.0
History,Data,2025-01-01,U1,Transfer,Deposit,-,-,-,5000.0,-,5000.0
"""
STATEMENT_COPY = """
trade_date,ticker,shares,price,commission
03/06/2025,ACME,-2,1001,-3
05/05/2025,ACME,4,1000.5,-3
"""


def test_a_statement_with_a_preamble_and_signed_quantities() -> None:
    found = proposed(STATEMENT, STATEMENT_COPY)
    assert found.internal.signed
    assert found.external.signed
    assert found.internal.skip == {"Transaction Type": ("Deposit", "Dividend")}
    assert (found.internal.rows, found.external.rows) == (2, 2)
    assert "cost as positive" in found.internal.notes["columns.fee"]
    assert found.pairs == 2


def test_ambiguous_dates_are_decided_by_the_other_file() -> None:
    ours = "id,ticker,qty,price,date\n1,A,1,5,2025-06-03\n2,B,2,6,2025-05-05\n3,C,2,6,2025-07-01"
    theirs = "id,ticker,qty,price,date\n1,A,1,5,03/06/2025\n2,B,2,6,05/05/2025\n3,C,2,6,01/07/2025"
    found = proposed(ours, theirs)
    assert found.external.forms == {"timestamp": "%d/%m/%Y"}
    assert "decided by the values" in found.external.notes["formats.timestamp"]


def test_ambiguous_dates_on_both_sides_stay_ambiguous_and_say_so() -> None:
    text = "id,ticker,qty,price,date\n1,A,1,5,03/06/2025\n2,B,2,6,05/05/2025"
    found = proposed(text, text)
    assert found.internal.notes["formats.timestamp"].startswith("ambiguous")
    assert found.external.notes["formats.timestamp"].startswith("ambiguous")


EXECUTIONS = "trade_id,ticker,quantity,price,timestamp\nT001,AAPL,100,190.50,2025-07-26T10:01:23"
CONFIRMATIONS = (
    "trade_id,ticker,quantity,price,timestamp\nT001,AAPL,100,190.50,2025-07-26T10:01:22.900"
)
PNL = "trade_id,pnl_impact,commission\nT001,95.00,0.5"


def test_one_row_a_side_is_enough() -> None:
    found = proposed(EXECUTIONS, CONFIRMATIONS)
    assert found.passes == (("trade_id",),)
    times = next(each for each in found.compared if each.column == "timestamp")
    assert times.text == "0 % equal, 100 % within 100ms"


def test_pnl_snapshots_are_recognised() -> None:
    found = proposed(PNL, PNL)
    assert (found.records, found.passes) == ("pnl", (("trade_id",),))


def test_files_of_different_kinds_are_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no record type fits both") as error:
        proposed(EXECUTIONS, PNL)
    assert error.value.where == (
        "ours looks like trades;"
        " its columns are 'trade_id', 'ticker', 'quantity', 'price', 'timestamp'."
        " theirs looks like pnl; its columns are 'trade_id', 'pnl_impact', 'commission'"
    )


def test_positions_with_codes_of_their_own_and_a_column_for_the_sign() -> None:
    ours = """
account,symbol,quantity,cost,as_of
EQ-1,ACME,100,1000.50,2026-11-18T23:00:00Z
EQ-1,GLBX,-40,-820.00,2026-11-18T23:00:00Z
EQ-2,ACME,7,70.10,2026-11-18T23:00:00Z
"""
    theirs = """
Acct,Security,Long/Short,Qty,Cost Basis
77001,ACME.US,Long,100,"1,000.50"
77001,GLBX.US,Short,40,-820.00
77002,ACME.US,Long,7,70.10
"""
    found = proposed(ours, theirs)
    assert found.records == "positions"
    assert found.external.values["account"] == {"77001": "EQ-1", "77002": "EQ-2"}
    assert found.external.values["symbol"] == {"ACME.US": "ACME", "GLBX.US": "GLBX"}
    assert found.external.sign is not None
    assert found.external.sign.negative == {"short"}
    assert found.external.constants == {"as_of": AS_OF}
    assert [(each.column, each.equal) for each in found.compared if each.column == "quantity"] == [
        ("quantity", 1.0)
    ]
    assert found.pairs == 3


def test_only_codes_that_are_sure_are_learned() -> None:
    """A typo, a code seen once and one that means several things stay breaks."""
    ours = ["trade_id,symbol,quantity,price,timestamp"]
    theirs = ["trade_id,symbol,quantity,price,timestamp"]
    codes = {3: "SYP.US", 11: "SYP.US", **dict.fromkeys((7, 8, 9, 10), "MIX.US")}
    others = {5: "ONCE", 7: "ONE", 8: "TWO", 9: "ONE", 10: "TWO"}
    for n in range(80):
        row = f"{n + 1},{10 + n % 7},2026-11-18T10:00:{n % 60:02}Z"
        own = others.get(n, "SPY" if n % 2 else "ACME")
        ours.append(f"T{n},{own},{row}")
        theirs.append(f"T{n},{codes.get(n, f'{own}.US')},{row}")
    found = proposed("\n".join(ours), "\n".join(theirs))
    assert found.external.values["symbol"] == {"ACME.US": "ACME", "SPY.US": "SPY"}
    symbol = next(each for each in found.compared if each.column == "symbol")
    assert symbol.equal == 73 / 80


def test_symbols_that_differ_in_punctuation_are_the_same() -> None:
    ours = "id,pair,qty,price,time\n1,BTC/USDT,1,5,2026-11-18T10:00:00Z"
    found = proposed(ours, ours.replace("BTC/USDT", "BTC-USDT"))
    assert found.external.values == {"symbol": {"BTC-USDT": "BTC/USDT"}}
    assert "check" in found.external.notes["values.symbol"]


def test_accounts_that_cannot_be_mapped_do_not_keep_every_pair_apart() -> None:
    rows = [f"{n},S{n % 3},{n + 1},5,2026-11-18T10:00:{n:02}Z" for n in range(60)]
    ours = "id,symbol,qty,price,time,acct\n" + "\n".join(f"{row},A" for row in rows)
    theirs = "id,symbol,qty,price,time,acct\n" + "\n".join(
        f"{row},{n}" for n, row in enumerate(rows)
    )
    found = proposed(ours, theirs)
    assert "account" not in found.external.columns
    assert "left out" in found.external.notes["columns"]
    assert (found.passes, found.pairs) == ((("trade_id",),), 60)


def test_a_column_with_a_canonical_name_is_taken_by_it_and_in_its_form() -> None:
    text = "id,symbol,qty,price,time,settle_date\n1,A,1,5,2026-11-18T10:00:00Z,20/11/2026"
    found = proposed(text, text)
    assert found.internal.forms == {"settle_date": "%d/%m/%Y"}
    assert found.internal.unreadable == 0


def test_ambiguous_numbers_are_decided_by_the_other_file() -> None:
    rows = "\n".join(f"{n},A,{n},{n},2026-11-18T10:00:0{n}Z" for n in (1, 2, 3))
    theirs = "id;ticker;qty;price;time\n" + "\n".join(
        f"{n};A;{n},000;{n};2026-11-18T10:00:0{n}Z" for n in (1, 2, 3)
    )
    found = proposed(f"id,ticker,qty,price,time\n{rows}", theirs, delimiters=",;")
    assert found.external.numbers == NumberStyle(",", None), "1,000 is 1, as the other file says"
    assert "decided by the values" in found.external.notes["numbers"]


def test_rows_that_are_no_trades_are_skipped_by_their_type_without_a_side() -> None:
    text = """
type,ref,symbol,quantity,price,time
trade,1,A,5,10,2026-11-18T10:00:00Z
deposit,2,,,,2026-11-18T10:00:00Z
trade,3,A,-5,10,2026-11-18T10:00:01Z
"""
    found = proposed(text, text)
    assert found.internal.skip == {"type": ("deposit",)}
    assert found.internal.signed
    assert (found.internal.rows, found.internal.skipped) == (2, 1)


def test_balances_and_orders_are_recognised() -> None:
    balances = "account,asset,total,free,locked\nA,BTC,1.5,1.0,0.5\nA,USD,100,100,0"
    found = proposed(balances, balances)
    assert (found.records, found.passes[0]) == ("balances", ("currency",))
    orders = """
Order No,Security,B/S,Order Qty,Filled Qty,Limit,State,Entered
O1,ACME,B,10,5,9.5,Part Filled,2026-11-18T10:00:00Z
O2,ACME,S,10,0,11.5,Working,2026-11-18T10:00:01Z
O3,GLBX,S,3,0,1.5,Canceled,2026-11-18T10:00:02Z
"""
    found = proposed(orders, orders)
    assert (found.records, found.passes[0]) == ("orders", ("order_id",))
    assert found.internal.columns["quantity"] == "Order Qty"
    assert found.internal.columns["filled"] == "Filled Qty"
    assert found.internal.values["status"] == {"Part Filled": "partially_filled", "Working": "open"}
    assert found.internal.unreadable == 0


def test_an_id_that_stands_for_different_records_is_no_id() -> None:
    text = "id,ticker,qty,price,time\n" + "\n".join(
        f"batch-{n // 4},ACME,{n + 1},10,2026-11-18T10:00:{n:02}Z" for n in range(16)
    )
    found = proposed(text, text)
    assert "trade_id" not in found.internal.columns
    assert "no trade_id" in found.internal.notes["columns"]
    assert found.passes[0] == ("timestamp", "symbol", "quantity")


def test_nothing_is_loosened() -> None:
    """A tolerance is only proposed beside the exact comparison, with what it would accept."""
    found = proposed(EXECUTIONS, CONFIRMATIONS)
    times = next(each for each in found.compared if each.column == "timestamp")
    assert times.tolerance is not None
    assert times.tolerance.measure is Measure.WINDOW
    assert times.equal == 0.0


def test_a_difference_of_more_than_a_percent_is_no_tolerance() -> None:
    found = proposed(EXECUTIONS, CONFIRMATIONS.replace("190.50", "200.50"))
    price = next(each for each in found.compared if each.column == "price")
    assert (price.equal, price.tolerance) == (0.0, None)


def _written(trades: Sequence[tuple[object, ...]], form: str, comma: bool, shift: int) -> str:
    def number(value: object) -> str:
        return str(value).replace(".", ",") if comma else str(value)

    rows = [
        (
            f"X{n:04}",
            symbol,
            side if shift == 0 else str(side)[0].upper(),
            number(quantity),
            number(price),
            (start + timedelta(seconds=seconds)).strftime(form),
        )
        for n, (symbol, side, quantity, price, seconds) in enumerate(trades)
    ]
    header = [
        ("exec_id", "ticker", "direction", "shares", "px", "exec time"),
        ("Trade Ref", "Security", "B/S", "Qty", "Price", "Executed at"),
    ][shift]
    random.Random(7).shuffle(rows)
    return "\n".join(";".join(row) for row in [header, *rows])


start = datetime(2026, 3, 25, 14, 0, tzinfo=UTC)
decimals = st.decimals("0.01", "9999.99", places=2).map(lambda d: d.normalize() + Decimal("0.00"))
trades = st.lists(
    st.tuples(
        st.sampled_from(["ACME", "GLBX", "INIT"]),
        st.sampled_from(["buy", "sell"]),
        decimals,
        decimals,
        st.integers(0, 80_000),
    ),
    min_size=2,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(
    trades=trades,
    form=st.sampled_from(["%d/%m/%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d-%b-%Y %H:%M:%S"]),
    comma=st.booleans(),
)
def test_the_same_trades_in_another_style_are_equal(
    trades: list[tuple[object, ...]], form: str, comma: bool
) -> None:
    found = proposed(
        _written(trades, "%Y-%m-%d %H:%M:%S", False, 0),
        _written(trades, form, comma, 1),
        delimiters=";;",
    )
    assert found.records == "trades"
    assert (found.internal.unreadable, found.external.unreadable) == (0, 0)
    assert found.passes[0] == ("trade_id",)
    assert found.pairs == len(trades)
    assert {each.column: each.equal for each in found.compared} == dict.fromkeys(
        ("symbol", "side", "quantity", "price", "timestamp"), 1.0
    )


def test_what_is_proposed_is_read_by_the_one_reader() -> None:
    """`rows` and `unreadable` are those of `core.read`, as in a run."""
    text = "id,ticker,qty,price,time\n1,A,1,5,2026-11-18T10:00:00Z\n2,B,NaN,6,2026-11-18T10:00:00Z"
    found = proposed(text, text)
    assert (found.internal.rows, found.internal.unreadable) == (1, 1)
    table = read(found.internal, sample("x", text), RECORD_TYPES["trades"])
    assert [row["trade_id"] for row in table.rows] == ["1"]


def test_a_proposal_is_the_same_every_time() -> None:
    first, second = (proposed(HISTORY, HISTORY_COPY, delimiters=",;") for _ in range(2))
    assert first == second
    assert isinstance(first.internal, SourceProposal)


def trades_timed(header: str, times: Sequence[str]) -> str:
    rows = [f"T{n},AAPL,{10 + n},190.5,{time}" for n, time in enumerate(times, start=1)]
    return "\n".join([f"Trade ID,Ticker,Qty,Price,{header}", *rows])


@pytest.mark.parametrize(
    "header",
    ["executed", "Exec Time", "Executed At", "executed_on", "trade time", "TransactTime",
     "Date/Time", "Transaction Time", "fill_time", "Booked", "some words"],
)  # fmt: skip
def test_the_time_of_a_trade_has_many_names(header: str) -> None:
    """Also one that nobody knows, where it is the only column of times."""
    text = trades_timed(header, [f"2026-11-18 10:0{n}:00" for n in range(5)])
    found = proposed(text, text)
    assert found.records == "trades"
    assert found.internal.columns["timestamp"] == header


def test_executed_is_a_quantity_where_it_holds_numbers() -> None:
    text = "Trade ID,Ticker,Side,Executed,Price,Time\n" + "\n".join(
        f"T{n},AAPL,buy,{n},190.5,2026-11-18 10:0{n}:00" for n in range(1, 6)
    )
    assert proposed(text, text).internal.columns["quantity"] == "Executed"


def test_a_trade_id_and_a_price_are_no_position_where_the_time_is_missing() -> None:
    text = trades_timed("Note", ["a", "b", "c"])
    with pytest.raises(UsageError) as caught:
        proposed(text, text)
    assert "ours is closest to trades, without timestamp" in str(caught.value)
