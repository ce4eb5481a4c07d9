"""`reconciliations:` of a configuration -> ReconciliationSettings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from tieout.config import calendars
from tieout.config.findings import Findings, unknown
from tieout.config.grading import policy, severity_rules
from tieout.config.keeping import KEEP_MATCHES, keep
from tieout.config.keys import REQUIRED, Key, Table, keyed, list_of, map_of, mapping, read_keys
from tieout.config.live import AWAITED, LIVE, live_settings, value_tolerance
from tieout.config.scalars import amount, choice, currency, member, share, text
from tieout.config.settings import LiveSettings, ReconciliationSettings, SourceSettings
from tieout.config.tolerances import FileOverrides, misfit, misfits, overrides, tolerance, undefined
from tieout.config.tree import Fault, Node
from tieout.core.rules import Check, Duration, Pass, PnlCheck, Rules, SeverityRules, Tolerance
from tieout.core.schema import RECORD_TYPES, RecordType
from tieout.core.severity import preset_tolerances

RECONCILED: Final = tuple(name for name in RECORD_TYPES if name not in ("prices", "instruments"))
"""Record types that can be reconciled; the others are reference data."""

PASS: Final[Table] = {
    "on": Key(
        list_of(text),
        "[trade_id]",
        "Columns in which both records are equal, and have a value.",
        REQUIRED,
    ),
}
CHECK: Final[Table] = {
    "pnl": Key(
        member("PnL check", PnlCheck),
        "as-given",
        "`as-given`: |price x quantity - commission - pnl_impact| is below the tolerance;"
        " `cash`: |-sign x price x quantity x multiplier - commission - pnl_impact| is at most it."
        " The commission is the row's, else the trade's `fee`, and zero where neither is a column;"
        " where one is and both are empty, the check is not made. The run notes how many rows lack"
        " a PnL or a commission.",
        REQUIRED,
    ),
    "source": Key(text, "pnl", "The source of the PnL rows; its `records` are pnl.", REQUIRED),
    "on": Key(list_of(text), "[trade_id]", "Columns that tie a trade to its row.", ("trade_id",)),
    "tolerance": Key(
        amount, '"0.01"', "In the currency of the PnL.", None, "1.0 for `as-given`, 0 for `cash`"
    ),
}


def _build_check(
    pnl: PnlCheck, source: str, on: tuple[str, ...], tolerance: Decimal | None
) -> Check:
    usual = Decimal("1.0") if pnl is PnlCheck.AS_GIVEN else Decimal(0)
    return Check(pnl, source, on, usual if tolerance is None else tolerance)


def _records(node: Node, findings: Findings) -> str:
    if node.value == "margin":
        hint = "`records: positions`, and `compare: {margin: {relative: 1%}}`"
        raise Fault(node, "margin is a column of positions, compared only when listed", hint)
    return choice("record type", RECONCILED)(node, findings)


RECONCILIATION: Final[Table] = {
    "records": Key(_records, "trades", f"One of {', '.join(RECONCILED)}.", REQUIRED),
    "internal": Key(text, "executions", "The source with what the firm believes.", REQUIRED),
    "external": Key(text, "confirmations", "The source with what others say.", REQUIRED),
    "match": Key(
        list_of(keyed(PASS, Pass)),
        "[{on: [trade_id]}]",
        "Passes, the strictest first. A record that a pass pairs is out of the next.",
        (),
        "one pass on the identity that both sides have",
    ),
    "compare": Key(
        map_of(tolerance),
        '{price: {within: "0.005"}}',
        "Column: `exact`, or a tolerance. Columns of the record that both sides have are compared"
        " exactly without being listed.",
        {},
    ),
    "value_tolerance": Key(
        value_tolerance,
        "{USD: 10}",
        "Of positions and balances: a difference that is worth no more than this is inside"
        " tolerance. Where its worth is not known, for want of a price, this does not apply.",
    ),
    "dust": Key(
        map_of(amount),
        "{USD: 1}",
        "By currency, a value at risk under which a difference in an amount is at most low. An"
        " unknown value is no dust.",
        {},
    ),
    "minimum": Key(
        map_of(amount),
        '{BTC: "0.0001"}',
        "Of positions by symbol, of balances by currency, the smallest amount that can be traded: a"
        " smaller difference is at most low.",
        {},
    ),
    "overrides": Key(
        overrides,
        "{BTC/USDT: {price: {ticks: 1}}}",
        "Tolerances of single symbols; or a CSV file with the header"
        " `symbol,column,measure,amount`.",
        {},
    ),
    "ignore": Key(list_of(text), "[fee]", "Columns that are never compared.", ()),
    "checks": Key(
        list_of(keyed(CHECK, _build_check)),
        "[{pnl: as-given, source: pnl, on: [trade_id]}]",
        "What else must hold of the internal trade of each pair.",
        (),
    ),
    "deadline": Key(
        calendars.deadline,
        "60s",
        "How long a record may lack its partner: a length of time, or"
        ' `{business_days: 1, at: "09:00", timezone: Europe/London}`.',
        Duration(0),
        "0",
    ),
    "calendar": Key(calendars.calendar, "weekdays", "Business days of the deadline."),
    "severity": Key(
        severity_rules,
        "exchange-validation",
        "A preset, or a mapping that changes one.",
        SeverityRules(),
        "`standard`",
    ),
    "policy": Key(
        policy,
        "[{when: {severity: critical}, do: halt}]",
        "What is to be done; the first rule that fits wins. Stored; nothing acts on it yet.",
        (),
        "review at high and above, else warn",
    ),
    "keep_matches": KEEP_MATCHES,
    "max_quarantined": Key(
        share, "1%", "A larger share of quarantined rows makes a side incomplete.", Decimal("0.01")
    ),
    "instruments": Key(
        text,
        "instruments",
        "The source of ticks and multipliers.",
        None,
        "the only such source; balances need none",
    ),
    "prices": Key(text, "prices", "The source of conversion rates.", None, "the only such source"),
    "reporting_currency": Key(
        currency, "USD", "What value at risk is measured in.", None, "the document's"
    ),
}


@dataclass
class _Reader:
    """One reconciliation, with what its checks need."""

    name: str
    node: Node
    sources: Mapping[str, SourceSettings | None]
    findings: Findings

    def __post_init__(self) -> None:
        self.entries = mapping(self.node)
        table = {**RECONCILIATION, **LIVE}
        self.keys: dict[str, Any] = read_keys(self.node, table, self.findings)

    def settings(self, reporting_currency: str | None) -> ReconciliationSettings | None:
        """The reconciliation; None where too little of it could be read."""
        keys = self.keys
        self._check_source("internal", keys["records"])
        self._check_source("external", keys["records"])
        sides = {key: self.sources.get(keys[key]) for key in ("internal", "external")}
        live = live_settings(self.node, keys, sides, self.findings)
        if keys["records"] is None:
            return None
        contract = self._contract(keys["records"])
        self._check_match(contract)
        self._check_compare(contract)
        self._check_overrides(contract)
        self._check_checks()
        if keys["internal"] is None or keys["external"] is None:
            return None
        instruments = self._reference("instruments")
        for key in ("compare", "overrides") if instruments is None and live is None else ():
            if (wrong := undefined(keys[key])) is not None:
                self.findings.warn(self.entries[key], *wrong)
        presets = preset_tolerances(keys["severity"].preset, keys["records"])
        assumed = presets.keys() - keys["compare"].keys() - set(keys["ignore"])
        return ReconciliationSettings(
            rules=self._rules({name: presets[name] for name in assumed}, reporting_currency, live),
            internal=keys["internal"],
            external=keys["external"],
            instruments=instruments,
            prices=self._reference("prices"),
            live=live,
            keep=keep(self.entries, keys, self.findings, sides, live=live is not None),
        )

    def _rules(
        self,
        assumed: dict[str, Tolerance],
        reporting_currency: str | None,
        live: LiveSettings | None,
    ) -> Rules:
        keys = self.keys
        deadline = keys["deadline"]
        if live is not None and "deadline" not in self.entries and keys["records"] in AWAITED:
            deadline = Duration(live.grace)
        if not isinstance(deadline, Duration):
            deadline = calendars.business_deadline(deadline, zone=None, calendar=keys["calendar"])
        elif keys["calendar"] is not None and not keys["keep_matches"]:
            what = "`calendar` has no effect: the deadline is a length of time"
            self.findings.warn(self.entries["calendar"], what)
        return Rules(
            name=self.name,
            records=keys["records"],
            passes=keys["match"],
            compare={**assumed, **keys["compare"]},
            assumed=frozenset(assumed),
            ignore=frozenset(keys["ignore"]),
            overrides=keys["overrides"],
            checks=keys["checks"],
            deadline=deadline,
            severity=replace(keys["severity"], dust=keys["dust"], minimum=keys["minimum"]),
            policy=keys["policy"],
            reporting_currency=keys["reporting_currency"] or reporting_currency,
            value_tolerance=keys["value_tolerance"],
            max_quarantined=keys["max_quarantined"],
        )

    def _contract(self, records: str) -> RecordType:
        """The columns that this reconciliation may name: the type's, and the sides' extras."""
        contract = RECORD_TYPES[records]
        for side in ("internal", "external"):
            source = self.sources.get(self.keys[side])
            if source is not None and source.mapping.extra:
                contract = contract.with_extra(source.mapping.extra)
        return contract

    def _check_source(self, key: str, records: str | None) -> None:
        """That the source which `key` names exists, and holds `records`."""
        name, node = self.keys[key], self.entries.get(key)
        if name is None or node is None:
            return
        self._check_known(node, name, records)
        if key == "external" and name == self.keys["internal"]:
            self.findings.warn(node, "both sides are the same source: it agrees with itself")

    def _check_known(self, node: Node, name: str, records: str | None) -> None:
        if name not in self.sources:
            self.findings.add(node, *unknown("source", name, self.sources))
            return
        source = self.sources[name]
        if source is None or records is None or source.records in (None, records):
            return
        what = f"the source `{name}` holds {source.records}, not {records}"
        self.findings.add(node, what, f"name one with `records: {records}`")

    def _check_columns(self, nodes: list[Node], contract: RecordType) -> None:
        for node in nodes:
            if isinstance(node.value, str):
                self._check_column(node, node.value, contract)

    def _check_column(
        self, node: Node, name: str, contract: RecordType, *, key: bool = False
    ) -> bool:
        if name in contract.columns:
            return True
        message, hint = unknown(f"column of {contract.name}", name, contract.columns)
        self.findings.add(node, message, hint, key=key)
        return False

    def _check_match(self, contract: RecordType) -> None:
        seen: list[set[str]] = []
        for node in _items(self.entries.get("match")):
            on = _items(_entry(node, "on"))
            self._check_columns(on, contract)
            names = {each.value for each in on if isinstance(each.value, str)}
            for index, earlier in enumerate(seen, start=1):
                if earlier and earlier <= names:
                    what = f"this pass never pairs anything: pass {index} asks for no more than it"
                    self.findings.warn(node, what, "put the stricter pass first")
                    break
            seen.append(names)

    def _check_compare(self, contract: RecordType) -> None:
        self._check_columns(_items(self.entries.get("ignore")), contract)
        for name, node in _entries(self.entries.get("compare")).items():
            self._check_tolerance(node, name, self.keys["compare"].get(name), contract)
            if name in self.keys["ignore"]:
                self.findings.add(node, f"`{name}` is compared and ignored", key=True)

    def _check_tolerance(
        self, node: Node, name: str, given: Tolerance | None, contract: RecordType
    ) -> None:
        if self._check_column(node, name, contract, key=True) and given is not None:
            if (wrong := misfit(contract.columns[name], given)) is not None:
                self.findings.add(node, *wrong)

    def _check_overrides(self, contract: RecordType) -> None:
        table: Mapping[str, Mapping[str, Tolerance]] = self.keys["overrides"]
        node = self.entries.get("overrides")
        if node is not None and isinstance(node.value, dict):
            for symbol, columns in node.value.items():
                for name, each in _entries(columns).items():
                    given = table.get(symbol, {}).get(name)
                    self._check_tolerance(each, name, given, contract)
        elif node is not None and isinstance(table, FileOverrides):
            for message, hint in misfits(table, contract):
                self.findings.add(node, message, hint)
        if table and "symbol" not in contract.columns:
            assert node is not None
            self.findings.add(node, f"{contract.name} have no symbol to override by", key=True)

    def _check_checks(self) -> None:
        node = self.entries.get("checks")
        if node is None:
            return
        if self.keys["records"] != "trades":
            what = f"checks are of trades, not of {self.keys['records']}"
            self.findings.add(node, what, key=True)
        trades, pnl = RECORD_TYPES["trades"], RECORD_TYPES["pnl"]
        for each in _items(node):
            source, on = _entry(each, "source"), _items(_entry(each, "on"))
            if source is not None and isinstance(source.value, str):
                self._check_known(source, source.value, "pnl")
                self._check_pnl_source(source, source.value)
            self._check_columns(on, trades)
            shared = [one for one in on if one.value in trades.columns]
            self._check_columns(shared, pnl)

    def _check_pnl_source(self, node: Node, name: str) -> None:
        source = self.sources.get(name)
        if source is not None and source.records is None:
            hint = f"add `records: pnl` to the source `{name}`"
            self.findings.add(node, f"the source `{name}` does not say that it holds pnl", hint)

    def _reference(self, records: str) -> str | None:
        """The source of instruments or prices: the one named, else the only one.

        Records without a symbol need no instruments, unless some are named.
        """
        named, node = self.keys[records], self.entries.get(records)
        if named is not None and node is not None:
            self._check_known(node, named, records)
            source = self.sources.get(named)
            if source is not None and source.records is None:
                hint = f"add `records: {records}` to the source `{named}`"
                what = f"the source `{named}` does not say that it holds {records}"
                self.findings.add(node, what, hint)
            return str(named)
        if records == "instruments" and "symbol" not in RECORD_TYPES[self.keys["records"]].columns:
            return None
        found = [
            name
            for name, source in self.sources.items()
            if source is not None and source.records == records
        ]
        if len(found) > 1:
            what = f"there are several sources of {records}: {', '.join(found)}"
            self.findings.add(self.node, what, f"say which: `{records}: {found[0]}`", key=True)
        return found[0] if len(found) == 1 else None


def _items(node: Node | None) -> list[Node]:
    return node.value if node is not None and isinstance(node.value, list) else []


def _entries(node: Node | None) -> dict[str, Node]:
    return node.value if node is not None and isinstance(node.value, dict) else {}


def _entry(node: Node | None, name: str) -> Node | None:
    return _entries(node).get(name)


def reconciliation(
    name: str,
    node: Node,
    sources: Mapping[str, SourceSettings | None],
    reporting_currency: str | None,
    findings: Findings,
) -> ReconciliationSettings | None:
    """One reconciliation; None where too little of it could be read. Raises Fault.

    Args:
        sources: by name; None where a source is there and faulty.
    """
    if not name.strip():
        raise Fault(node, "a reconciliation needs a name", key=True)
    return _Reader(name, node, sources, findings).settings(reporting_currency)
