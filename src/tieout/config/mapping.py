"""How a source's rows become records: the keys that describe it, and what they mean."""

from __future__ import annotations

import csv
from typing import Any, Final

from tieout.config import calendars
from tieout.config.findings import Findings, unknown
from tieout.config.keys import REQUIRED, Key, Table, keyed, list_of, map_of, mapping, one_or_more
from tieout.config.scalars import character, choice, member, text
from tieout.config.settings import MappingSettings
from tieout.config.tree import Fault, Node
from tieout.core.schema import ColumnType
from tieout.core.sign import SignColumn
from tieout.core.text import EPOCH_UNITS, NumberStyle


def _format(node: Node, findings: Findings) -> str:
    """`iso`, an epoch unit, or a strptime pattern."""
    value = text(node, findings)
    if value != "iso" and value not in EPOCH_UNITS and "%" not in value:
        known = ["iso", *EPOCH_UNITS]
        message, hint = unknown("time format", value, known)
        raise Fault(node, message, f"{hint}; or a pattern such as `%d/%m/%Y %H:%M:%S`")
    return value


SIGN: Final[Table] = {
    "column": Key(text, "<the source's column>", "The column that says the sign.", REQUIRED),
    "negative": Key(one_or_more(text), "[sell, short]", "Its values for a negative quantity.", ()),
    "positive": Key(one_or_more(text), "[buy, long]", "Its values for a positive one.", ()),
}


def _build_sign(column: str, negative: tuple[str, ...], positive: tuple[str, ...]) -> SignColumn:
    return SignColumn(
        column,
        frozenset(each.strip().lower() for each in negative),
        frozenset(each.strip().lower() for each in positive),
    )


def _quantity_sign(node: Node, findings: Findings) -> str | SignColumn:
    if isinstance(node.value, str):
        return choice("quantity sign", ("as-is", "side"))(node, findings)
    sign = keyed(SIGN, _build_sign)(node, findings)
    if both := sign.negative & sign.positive:
        raise Fault(node, f"{', '.join(sorted(both))} cannot be both negative and positive")
    if not sign.negative | sign.positive:
        raise Fault(node, "name the values: `negative: [...]`, `positive: [...]`")
    return sign


def _symbols(node: Node, findings: Findings) -> str | dict[str, str]:
    """Aliases in place, from a CSV file, or the name of an instruments source."""
    if isinstance(node.value, dict):
        return map_of(text)(node, findings)
    value = text(node, findings)
    if not value.lower().endswith((".csv", ".txt")):
        return value
    path = findings.base / value
    rows = list(csv.reader(calendars.read_lines(node, path)))
    if not rows or [cell.strip() for cell in rows[0]] != ["native", "symbol"]:
        raise Fault(node, f"{path} does not start with the line `native,symbol`")
    aliases: dict[str, str] = {}
    for line, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != 2 or not all(cells):
            raise Fault(node, f"{path}:{line}: two values belong here: native,symbol")
        if aliases.setdefault(cells[0], cells[1]) != cells[1]:
            raise Fault(node, f"{path}:{line}: {cells[0]!r} is there twice")
    return aliases


MAPPING: Final[Table] = {
    "columns": Key(
        map_of(text),
        "{symbol: ticker}",
        "Canonical column: the source's column. Others are taken by their canonical name.",
        {},
    ),
    "constants": Key(
        map_of(text), "{venue: bybit}", "Canonical column: a value for every record.", {}
    ),
    "values": Key(
        map_of(map_of(text)),
        "{side: {B: buy, S: sell}}",
        "Canonical column: the source's value: the canonical value.",
        {},
    ),
    "formats": Key(
        map_of(_format),
        "{timestamp: ms}",
        "How times and dates are written: `iso`, an epoch in `s`, `ms`, `us` or `ns`, or a"
        " pattern such as `%d/%m/%Y`.",
        {},
        "iso",
    ),
    "decimal": Key(choice("decimal point", (".", ",")), '","', "The decimal point.", "."),
    "thousands": Key(character, '"."', "What groups thousands.", None, "nothing"),
    "quantity_sign": Key(
        _quantity_sign,
        "side",
        "`as-is`; `side`: the sign of the quantity is the side; or `{column: type, negative:"
        " [short], positive: [long]}`: a column says the sign.",
        "as-is",
    ),
    "symbols": Key(
        _symbols,
        "{BTCUSDT: BTC/USDT}",
        "The source's symbol: the canonical one; or a CSV file with the header `native,symbol`;"
        " or an instruments source, for its aliases. What is not in it is quarantined.",
        {},
        "as they are",
    ),
    "floats": Key(
        choice("way with floats", ("refuse", "shortest")),
        "shortest",
        "Binary floats: `refuse`, or read each as its shortest decimal.",
        None,
        "refuse; for xlsx shortest",
    ),
    "identity": Key(
        list_of(text),
        "[trade_id, side]",
        "What says that two records of this source are the same one.",
        (),
        "the record type's",
    ),
    "extra": Key(
        map_of(member("column type", ColumnType)),
        "{desk: text}",
        "More columns to keep: name: `text`, `decimal`, `time` or `date`.",
        {},
    ),
    "only": Key(
        map_of(one_or_more(text)), "{type: [BUY, SELL]}", "Rows with other values are skipped.", {}
    ),
    "skip": Key(map_of(one_or_more(text)), "{type: [DIV]}", "Rows with these are skipped.", {}),
}


def mapping_settings(
    entries: dict[str, Node], keys: dict[str, Any], findings: Findings
) -> MappingSettings:
    """The settings of the keys in MAPPING, read already; `entries` are where they stand."""
    sign, symbols = keys["quantity_sign"], keys["symbols"]
    if keys["thousands"] == keys["decimal"]:
        findings.add(
            entries.get("thousands") or entries["decimal"],
            "one character cannot be both the decimal point and the thousands separator",
        )
    for name in keys["constants"].keys() & keys["columns"].keys():
        what = f"`{name}` has a column and a constant"
        findings.add(mapping(entries["constants"])[name], what, "keep one of them", key=True)
    return MappingSettings(
        columns=keys["columns"],
        constants=keys["constants"],
        values=keys["values"],
        formats=keys["formats"],
        numbers=NumberStyle(keys["decimal"], keys["thousands"]),
        signed=sign == "side",
        sign=sign if isinstance(sign, SignColumn) else None,
        symbols=symbols if isinstance(symbols, dict) else {},
        symbols_from=symbols if isinstance(symbols, str) else None,
        floats=keys["floats"],
        identity=keys["identity"],
        extra=keys["extra"],
        only={name: frozenset(values) for name, values in keys["only"].items()},
        skip={name: frozenset(values) for name, values in keys["skip"].items()},
    )
