"""Which column `infer` takes for which: in other languages, by content, and where none is."""

from __future__ import annotations

import pytest
from core.infer_samples import proposed

from tieout.core.infer import Proposal
from tieout.errors import UsageError

OWN = """
trade_id,symbol,side,quantity,price,fee,fee_currency,timestamp
7001,SAP,buy,100,220.50,1.15,EUR,2025-11-18T10:00:07Z
7002,SAP,sell,50,221.10,1.25,EUR,2025-11-18T11:00:08Z
7003,BAYN,buy,1200,30.25,0,EUR,2025-11-18T12:00:09Z
7004,SAP,buy,20,219.75,1.05,EUR,2025-11-19T09:30:00Z
"""


def compared(found: Proposal) -> dict[str, float]:
    return {each.column: each.equal for each in found.compared}


# Sides


@pytest.mark.parametrize(
    ("header", "buy", "sell"),
    [
        ("Auftragsnummer;Zeitpunkt;Kauf/Verkauf;Wertpapier;Stück;Kurs", "Kauf", "Verkauf"),
        ("Ordernummer;Handelszeit;Richtung;Symbol;Stückzahl;Preis", "Kauf", "Verkauf"),
        ("Referenz;Datum;Transaktion;WKN;Anzahl;Ausführungskurs", "Kauf", "Verkauf"),
        ("Numéro;Date d'exécution;Sens;Titre;Quantité;Cours", "Achat", "Vente"),
        ("Referencia;Fecha operación;Operación;Símbolo;Títulos;Precio", "Compra", "Venta"),
        ("Ref;When;Words of their own;Symbol;Qty;Price", "Buy", "Sell"),
    ],
)
def test_a_reversed_side_is_seen_in_other_languages(header: str, buy: str, sell: str) -> None:
    theirs = f"""
{header}
7001;2025-11-18T10:00:07Z;{buy};SAP;100;220,50
7002;2025-11-18T11:00:08Z;{sell};SAP;50;221,10
7003;2025-11-18T12:00:09Z;{sell};BAYN;1.200;30,25
7004;2025-11-19T09:30:00Z;{buy};SAP;20;219,75
"""
    found = proposed(OWN, theirs, delimiters=",;")
    assert found.passes == (("trade_id",),)
    assert compared(found) == {
        "symbol": 1.0,
        "side": 0.75,
        "quantity": 1.0,
        "price": 1.0,
        "timestamp": 1.0,
    }


def test_a_side_that_only_was_bought_is_known_for_sales_too() -> None:
    theirs = "Ref;Zeit;Kauf/Verkauf;Symbol;Stück;Kurs\n7001;2025-11-18T10:00:07Z;Kauf;SAP;100;220,5"
    found = proposed(OWN, theirs, delimiters=",;")
    assert found.external.values["side"] == {"Kauf": "buy", "Verkauf": "sell"}


# Symbols


FILLS = """
trade_id,symbol,side,quantity,price,timestamp
1,BTC/USDT,BUY,0.5,90000,2025-11-18T10:00:00Z
2,{second},SELL,0.25,3000,2025-11-18T10:01:00Z
3,BTC/USDT,BUY,0.1,90500,2025-11-18T10:02:00Z
"""
EXPORT = """
Date(UTC),Market,Type,Price,Amount,Total,Fee,Fee Coin
2025-11-18 10:00:00,BTCUSDT,BUY,90000,0.5,45000,0.01,BNB
2025-11-18 10:01:00,{second},SELL,3000,0.25,750,0.01,BNB
2025-11-18 10:02:00,BTCUSDT,BUY,90500,0.1,9050,0.01,BNB
"""


@pytest.mark.parametrize(
    ("ours", "theirs", "learned"),
    [
        ("ETH/USDT", "ETHUSDT", {"BTCUSDT": "BTC/USDT", "ETHUSDT": "ETH/USDT"}),
        ("BTC/USDT", "BTCUSDC", {"BTCUSDT": "BTC/USDT"}),
    ],
)
def test_a_market_is_the_symbol_and_a_fees_coin_never(
    ours: str, theirs: str, learned: dict[str, str]
) -> None:
    found = proposed(FILLS.format(second=ours), EXPORT.format(second=theirs)).external
    assert (found.columns["symbol"], found.columns["fee_currency"]) == ("Market", "Fee Coin")
    assert "venue" not in found.columns
    assert found.values == {"symbol": learned}


def test_a_market_beside_a_ticker_is_the_venue() -> None:
    text = "ID,Ticker,Market,Side,Qty,Price,Time\n" + "\n".join(
        f"{n},S{n % 3},XNAS,buy,{n},5,2026-11-18T10:00:{n:02}Z" for n in range(1, 9)
    )
    columns = proposed(text, text).internal.columns
    assert (columns["symbol"], columns["venue"]) == ("Ticker", "Market")


def _coded(codes: list[tuple[str, str]], *, note: str = "") -> Proposal:
    rows = [f"T{n},{{}},{n + 1},{10 + n},2026-11-18T10:00:{n:02}Z" for n in range(len(codes))]
    header = "trade_id,symbol,quantity,price,timestamp"
    ours = "\n".join([header, *(row.format(codes[n][0]) for n, row in enumerate(rows))])
    theirs = "\n".join(
        [
            f"{header},remark" if note else header,
            *(
                row.format(codes[n][1]) + (f",{note}{n % 3}" if note else "")
                for n, row in enumerate(rows)
            ),
        ]
    )
    return proposed(ours, theirs)


def test_no_two_symbols_become_one() -> None:
    """Neither two codes of theirs, nor one of theirs and one that is written as ours."""
    two = _coded([("BTC/USDT", "BTCUSDT")] * 3 + [("BTC/USDT", "BTC-USDT")] * 2)
    assert "symbol" not in two.external.values
    own = _coded([("AAPL", "AAPL.US")] * 5 + [("AAPL", "AAPL"), ("MSFT", "M.US"), ("IBM", "I.US")])
    assert own.external.values["symbol"] == {"I.US": "IBM", "M.US": "MSFT"}


def test_a_column_with_too_few_values_is_not_translated_while_a_better_one_is_free() -> None:
    codes = [("BTC/USDT", "SPOT")] * 19 + [("ETH/USDT", "SPOT")]
    assert "symbol" not in _coded(codes, note="x").external.values
    assert _coded(codes).external.values["symbol"] == {"SPOT": "BTC/USDT"}


# Times


@pytest.mark.parametrize("header", ["Side,Ticker,Qty,Price", "Trade ID,Ticker,Qty,Price"])
def test_trades_without_a_time_are_no_positions(header: str) -> None:
    rows = [f"{side},SAP,{n},220" for n, side in enumerate(("buy", "sell", "buy"), 1)]
    with pytest.raises(UsageError) as caught:
        proposed(OWN, "\n".join([header, *rows]))
    assert caught.value.what == "trades need a timestamp, and none was found in theirs"
    listed = ", ".join(repr(name) for name in header.split(","))
    assert f"theirs is closest to trades, without timestamp; its columns are {listed}" in str(
        caught.value
    )
