"""What `infer` says is not compared, and why: nothing is loosened in silence."""

from __future__ import annotations

from datetime import date

from core.infer_samples import proposed

from tieout.core.infer import Proposal

OWN = """
trade_id,symbol,side,quantity,price,fee,fee_currency,timestamp
7001,SAP,buy,100,220.50,1.15,EUR,2025-11-18T10:00:07Z
7002,SAP,sell,50,221.10,1.25,EUR,2025-11-18T11:00:08Z
7003,BAYN,buy,1200,30.25,0,EUR,2025-11-18T12:00:09Z
7004,SAP,buy,20,219.75,1.05,EUR,2025-11-19T09:30:00Z
"""


def compared(found: Proposal) -> dict[str, float]:
    return {each.column: each.equal for each in found.compared}


# Columns that only one of the files has


def test_what_only_one_file_has_is_said_not_to_be_compared() -> None:
    theirs = """
Ref;Ccy;Time;Symbol;Qty;Price
7001;EUR;2025-11-18T10:00:07Z;SAP;100;220.50
7002;EUR;2025-11-18T11:00:08Z;SAP;50;221.10
"""
    notes = proposed(OWN, theirs, delimiters=",;").notes
    assert notes == (
        "side is only in ours: it is not compared; map it if theirs has it too",
        "price_currency is only in theirs: it is not compared; map it if ours has it too",
        "fee is only in ours: it is not compared; map it if theirs has it too",
    )


# Times


DATED = """
Ref,Ticker,B/S,Qty,Price,Trade Date{clock}
7001,SAP,B,100,220.50,18.11.2025{first}
7002,SAP,S,50,221.10,18.11.2025{first}
7003,BAYN,B,1200,30.25,{third}{first}
7004,SAP,B,20,219.75,19.11.2025{first}
"""


def test_where_one_file_has_dates_only_the_days_are_compared() -> None:
    """A wrong day is still seen, and that the times are not compared is said."""
    found = proposed(OWN, DATED.format(clock="", first="", third="17.11.2025"))
    assert found.ignored == {
        "timestamp": "theirs has dates without times; the days are compared, as trade_date"
    }
    assert compared(found)["trade_date"] == 0.75
    assert "timestamp" not in compared(found)
    assert found.internal.columns["trade_date"] == "timestamp"
    assert found.internal.notes["columns.trade_date"] == "the day of 'timestamp', as it is written"
    assert found.internal.forms == {"trade_date": "%Y-%m-%dT%H:%M:%S%z"}
    assert found.external.columns["trade_date"] == "Trade Date"
    assert (found.internal.unreadable, found.external.unreadable) == (0, 0)


def test_times_in_epochs_have_no_day_that_could_be_read() -> None:
    ours = OWN.replace("2025-11-18T", "T").replace("2025-11-19T", "T")
    for at, stamp in enumerate(("T10:00:07Z", "T11:00:08Z", "T12:00:09Z", "T09:30:00Z")):
        ours = ours.replace(stamp, str(1_763_460_007_000 + at * 1000))
    found = proposed(ours, DATED.format(clock="", first="", third="18.11.2025"))
    assert found.ignored == {"timestamp": "theirs has dates without times"}


def test_a_column_of_times_beside_the_dates_is_named() -> None:
    found = proposed(OWN, DATED.format(clock=",Uhrzeit", first=",10:00:07", third="18.11.2025"))
    assert found.external.notes["columns.timestamp"] == (
        "dates only, taken for midnight;"
        " the times of day in 'Uhrzeit' cannot be joined to them: do so in the file"
    )


def test_midnights_are_dates_and_stay_compared() -> None:
    ours = OWN.replace("T10:00:07Z", "T00:00:00Z").replace("T11:00:08Z", "T00:00:00Z")
    ours = ours.replace("T12:00:09Z", "T00:00:00Z").replace("T09:30:00Z", "T00:00:00Z")
    found = proposed(ours, DATED.format(clock="", first="", third="18.11.2025"))
    assert found.ignored == {}
    assert compared(found)["timestamp"] == 1.0


def test_without_an_id_the_day_is_part_of_the_key() -> None:
    dated = DATED.format(clock="", first="", third="18.11.2025")
    theirs = "\n".join(line.partition(",")[2] for line in dated.strip().splitlines())
    assert proposed(OWN, theirs).passes == (("trade_date", "symbol", "side", "quantity"),)


def test_the_dates_of_the_samples_are_those_of_the_internal_zone() -> None:
    found = proposed(OWN, OWN)
    assert found.dates == (date(2025, 11, 18), date(2025, 11, 19))


# Ids, fees, and what is equal nowhere


def test_ids_that_are_equal_but_for_leading_zeros_are_told() -> None:
    theirs = OWN.replace("\n700", "\n00700")
    found = proposed(OWN, theirs)
    assert found.passes[0] == ("timestamp", "symbol", "side", "quantity")
    assert found.ignored == {
        "trade_id": "its ids are equal but for leading zeros, which theirs has"
        " ('007001' for '7001'): have them written alike"
    }


def test_ids_with_nothing_in_common_are_ignored_and_one_that_is_shared_keeps_them() -> None:
    theirs = OWN.replace("\n700", "\nX-")
    assert proposed(OWN, theirs).ignored == {"trade_id": "no value of it is in both files"}
    shared = theirs + "7001,IBM,buy,5,219.75,1.05,EUR,2025-11-20T09:30:00Z\n"
    found = proposed(OWN, shared)
    assert found.ignored == {}
    assert "trade_id: none of 4 pairs is equal, so each is a break as it stands" in found.notes


def test_fees_of_the_other_sign_are_ignored_with_the_reason() -> None:
    theirs = """
TradeID,DateTime,Symbol,Buy/Sell,Quantity,TradePrice,IBCommission,IBCommissionCurrency
7001,20251118;100007,SAP,BUY,100,220.50,-1.15,EUR
7002,20251118;110008,SAP,SELL,-50,221.10,-1.25,EUR
7003,20251118;120009,BAYN,BUY,1200,30.25,0,EUR
7004,20251119;093000,SAP,BUY,20,219.75,-1.05,EUR
"""
    found = proposed(OWN, theirs)
    assert found.external.columns["fee"] == "IBCommission"
    assert found.external.columns["fee_currency"] == "IBCommissionCurrency"
    assert found.ignored["fee"].startswith("theirs writes a cost as negative")
    assert proposed(theirs, theirs).ignored == {}, "equal, whatever their sign"


def test_what_is_equal_in_no_pair_is_told() -> None:
    theirs = OWN.replace(":0", ":1")
    found = proposed(OWN, theirs)
    assert compared(found)["timestamp"] == 0.0
    assert found.notes == ("timestamp: none of 4 pairs is equal, so each is a break as it stands",)
