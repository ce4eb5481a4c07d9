"""What German, French and Spanish files call the columns, and the sides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FOREIGN: Final[Mapping[str, frozenset[str]]] = {
    canonical: frozenset(names.split(", "))
    for canonical, names in {
        "account": "konto, kontonummer, depot, depotnummer, compte, cuenta",
        "venue": "handelsplatz, borse, boerse, borsenplatz, ausfuhrungsplatz, bolsa, mercado",
        "symbol": (
            "wertpapier, wertpapiername, wertpapierbezeichnung, wkn, kurzel, symbole, titre,"
            " code isin, libelle, simbolo, codigo isin, activo"
        ),
        "trade_id": (
            "transaktionsnummer, geschaftsnummer, geschaeftsnummer, handelsnummer, belegnummer,"
            " ausfuhrungsnummer, ausfuehrungsnummer, referenz, referenznummer, numero,"
            " numero de transaction, id transaction, referencia, numero de operacion, id operacion"
        ),
        "order_id": (
            "auftragsnummer, auftragsnr, auftrags nr, ordernummer, ordernr, order nr,"
            " numero d ordre, numero de orden"
        ),
        "side": (
            "kauf verkauf, richtung, vorgang, transaktion, transaktionsart, transaktionstyp,"
            " auftragsart, geschaftsart, geschaeftsart, art, achat vente, sens, type d operation,"
            " sens de l operation, compra venta, sentido, operacion, tipo, tipo de operacion"
        ),
        "quantity": (
            "stuck, stueck, stuckzahl, stueckzahl, anzahl, menge, nominal, nominale, quantite, qte,"
            " nombre, nombre de titres, cantidad, titulos, acciones, numero de titulos, unidades"
        ),
        "price": (
            "kurs, preis, ausfuhrungskurs, ausfuehrungskurs, handelskurs, stuckpreis, stueckpreis,"
            " prix, prix unitaire, cours, cours d execution, precio, precio unitario, cotizacion"
        ),
        "price_currency": "wahrung, waehrung, handelswahrung, devise, monnaie, divisa, moneda",
        "fee": (
            "gebuhr, gebuhren, gebuehr, gebuehren, provision, provisionen, ordergebuhr, spesen,"
            " entgelt, frais, courtage, frais de courtage, comision, comisiones, corretaje, gastos"
        ),
        "fee_currency": (
            "gebuhrenwahrung, gebuehrenwaehrung, devise des frais, divisa de la comision"
        ),
        "timestamp": (
            "datum, datum uhrzeit, datum zeit, zeit, zeitpunkt, zeitstempel, uhrzeit, handelszeit,"
            " handelszeitpunkt, ausfuhrungszeit, ausfuehrungszeit, ausfuhrungszeitpunkt,"
            " ausfuhrungsdatum, handelsdatum, handelstag, schlusstag, buchungsdatum, buchungstag,"
            " date heure, heure, horodatage, date d execution, date operation, date de l operation,"
            " fecha, fecha hora, fecha y hora, hora, fecha operacion, fecha de operacion,"
            " fecha de ejecucion"
        ),
        "trade_date": "handelsdatum, handelstag, schlusstag, fecha operacion, date operation",
        "settle_date": (
            "valuta, valutadatum, wertstellung, date de valeur, date de reglement, fecha valor,"
            " fecha de liquidacion"
        ),
        "as_of": "datum, stichtag, zeit, zeitpunkt, date de situation, fecha",
        "currency": "wahrung, waehrung, devise, monnaie, divisa, moneda",
        "total": "saldo, solde, kontostand",
        "movement_id": "transaktionsnummer, belegnummer, numero, referencia",
        "type": "art, buchungsart, vorgang, transaktionsart, nature, tipo",
        "amount": "betrag, montant, importe",
        "value_date": "valuta, valutadatum, wertstellung, date de valeur, fecha valor",
    }.items()
}
"""Canonical column to names of it, lower case and without accents."""

SIDES: Final[Mapping[str, str]] = {
    "kauf": "buy",
    "gekauft": "buy",
    "achat": "buy",
    "compra": "buy",
    "verkauf": "sell",
    "verkauft": "sell",
    "vente": "sell",
    "venta": "sell",
}
"""Words for sides, beside the English ones."""

TWINS: Final = (("kauf", "verkauf"), ("achat", "vente"), ("compra", "venta"))
"""Words for buying and selling that stand in each other's place."""
