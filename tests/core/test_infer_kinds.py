"""What `infer` skips, and what it leaves for a run to quarantine: no trade is dropped in silence."""

from __future__ import annotations

from core.infer_samples import proposed

OWN = """
trade_id,symbol,side,quantity,price,timestamp
7001,AAPL,buy,100,190.50,2025-11-18T00:00:00Z
7002,MSFT,sell,50,400.10,2025-11-18T00:00:00Z
7003,NVDA,buy,12,130.25,2025-11-18T00:00:00Z
"""
BROKER = """
"Ref","Date","Action","Symbol","Quantity","Price","Amount"
"7001","11/18/2025","Buy","AAPL","100","$190.50","-$19050.00"
"7002","11/18/2025","Sell","MSFT","50","$400.10","$20005.00"
"7003","11/18/2025","Buy","NVDA","12","$130.25","-$1563.00"
"7004","11/18/2025","Reinvest Shares","AAPL","7000","$190.50","-$1333500.00"
"7005","11/18/2025","Assignment","TSLA","500","$300.00","-$150000.00"
"7006","11/18/2025","Assignment","NVDA","12","$100.00","$1200.00"
"7007","11/18/2025","Wire Received","","","","$5000.00"
"7008","11/18/2025","Stock Split","NVDA","120","","$0.00"
"7009","11/18/2025","Cash Dividend","AAPL","100","$0.25","$25.00"
"7010","11/18/2025","Dividend Reinvestment","AAPL","1","$190.00","$190.00"
"""


def test_only_what_cannot_be_a_trade_is_skipped() -> None:
    """It lacks a quantity or a price, or is a dividend in cash; the rest a run quarantines."""
    found = proposed(OWN, BROKER).external
    assert found.skip == {"Action": ("Cash Dividend", "Stock Split", "Wire Received")}
    assert (found.rows, found.unreadable, found.skipped) == (3, 4, 3)


def test_every_skipped_kind_and_every_doubtful_one_is_told_with_its_count() -> None:
    notes = proposed(OWN, BROKER).external.notes
    assert notes["skip"] == (
        "left out without quantity or price: Stock Split (1 row), Wire Received (1 row);"
        " by their names: Cash Dividend (1 row)"
    )
    assert notes["values.side"].startswith(
        "Assignment (2 rows), Dividend Reinvestment (1 row), Reinvest Shares (1 row) may be trades"
    )


def test_a_kind_of_which_one_row_may_be_a_trade_is_not_skipped() -> None:
    more = BROKER + '"7011","11/18/2025","Stock Split","NVDA","120","$9.50","$0.00"\n'
    found = proposed(OWN, more).external
    assert found.skip == {"Action": ("Cash Dividend", "Wire Received")}
    assert "Stock Split (2 rows)" in found.notes["values.side"]


# The shape of an exchange's ledger: kinds of its own, which are movements all the same.
LEDGER = """
"txid","refid","time","type","asset","amount"
"L1","R1","2025-11-18 18:51:31","trade","EUR","-105.0000"
"L2","R1","2025-11-18 18:51:31","trade","BTC","0.07"
"L3","R2","2025-11-18 10:05:00","deposit","EUR","500.0000"
"L4","R3","2025-11-18 11:05:00","staking","DOT","0.5"
"""
BOOK = """
movement_id,reference,timestamp,type,currency,amount
L1,R1,2025-11-18T18:51:31Z,settlement,EUR,-105
L2,R1,2025-11-18T18:51:31Z,settlement,BTC,0.07
L3,R2,2025-11-18T10:05:00Z,transfer,EUR,500
L4,R3,2025-11-18T11:05:00Z,interest,DOT,0.5
"""


def test_a_ledger_keeps_the_kinds_that_have_an_amount() -> None:
    found = proposed(BOOK, LEDGER)
    assert found.records == "movements"
    assert found.external.skip == {}
    assert (found.external.rows, found.external.unreadable) == (1, 3)
    assert found.external.notes["values.type"].startswith("staking (1 row), trade (2 rows) may be")


def test_without_a_side_a_kind_with_its_numbers_is_not_skipped() -> None:
    text = """
type,ref,symbol,quantity,price,time
trade,1,A,5,10,2026-11-18T10:00:00Z
deposit,2,,,,2026-11-18T10:00:00Z
gift,4,,5,10,2026-11-18T10:00:00Z
trade,3,A,-5,10,2026-11-18T10:00:01Z
"""
    found = proposed(text, text).internal
    assert found.skip == {"type": ("deposit",)}
    assert found.notes["skip"] == "left out without quantity or price: deposit (1 row)"
    assert found.notes["skip.type"].startswith("gift (1 row) may be trades")
    assert (found.rows, found.unreadable, found.skipped) == (2, 1, 1)
