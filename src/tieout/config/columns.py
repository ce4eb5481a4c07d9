"""Whether a source's settings fit the record types that it is used for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tieout.config.findings import Findings, nearest, unknown
from tieout.config.settings import ReconciliationSettings, SourceSettings
from tieout.config.tree import Node
from tieout.core.read import ALIASES
from tieout.core.schema import RECORD_TYPES, Column, ColumnType, RecordType
from tieout.core.text import Unreadable


def check_sources(
    nodes: Mapping[str, Node],
    sources: Mapping[str, SourceSettings | None],
    reconciliations: Iterable[ReconciliationSettings],
    findings: Findings,
) -> None:
    """Report columns, values and names that no use of a source knows."""
    reconciliations = list(reconciliations)
    _check_covers(nodes, sources, reconciliations, findings)
    uses: dict[str, set[str]] = {name: set() for name in sources}
    for each in reconciliations:
        for name in (each.internal, each.external):
            uses.setdefault(name, set()).add(each.rules.records)
    for name, source in sources.items():
        if source is not None:
            records = {source.records} if source.records else uses[name]
            contracts = [RECORD_TYPES[one].with_extra(source.mapping.extra) for one in records]
            if contracts:
                _Check(nodes[name], source, contracts, findings).run()
            _check_aliases(nodes[name], source, sources, findings)


def _check_covers(
    nodes: Mapping[str, Node],
    sources: Mapping[str, SourceSettings | None],
    reconciliations: Iterable[ReconciliationSettings],
    findings: Findings,
) -> None:
    """One side with its whole history against a day of the other: each old match would be a break.

    What was matched once is not kept, so that the history's records have no partner again.
    """
    for each in reconciliations:
        internal, external = sources.get(each.internal), sources.get(each.external)
        event = RECORD_TYPES[each.rules.records].event
        if internal is None or external is None or not event or each.live is not None:
            continue
        if internal.everything is external.everything:
            continue
        whole = internal if internal.everything else external
        daily = external if internal.everything else internal
        if daily.type == "frame":
            continue
        findings.add(
            nodes[whole.name],
            f"{whole.name!r} covers everything, but {daily.name!r}, which {each.name!r} compares"
            " it with, only its business date: what matched on an earlier day would be missing",
            f"say `covers: everything` for both, or give {whole.name!r} a file a day",
        )


def _check_aliases(
    node: Node,
    source: SourceSettings,
    sources: Mapping[str, SourceSettings | None],
    findings: Findings,
) -> None:
    wanted = source.mapping.symbols_from
    if wanted is None or not isinstance(node.value, dict):
        return
    at = node.value["symbols"]
    known = [name for name, each in sources.items() if each and each.records == "instruments"]
    if wanted not in known and not (wanted in sources and sources[wanted] is None):
        message, _ = unknown("instruments source", wanted, known)
        hint = "a mapping, a CSV file (`symbols.csv`), or a source with `records: instruments`"
        findings.add(at, message, hint)


class _Check:
    def __init__(
        self,
        node: Node,
        source: SourceSettings,
        contracts: list[RecordType],
        findings: Findings,
    ) -> None:
        self.entries = node.value if isinstance(node.value, dict) else {}
        self.source, self.contracts, self.findings = source, contracts, findings
        self.columns: dict[str, Column] = {}
        for contract in contracts:
            self.columns.update(contract.columns)
        self.what = f"column of {', '.join(sorted(each.name for each in contracts))}"

    def run(self) -> None:
        for key in ("columns", "constants", "values", "formats"):
            for name, node in self._below(key):
                self._known(name, node, key=True)
        identity = self.entries.get("identity")
        for node in identity.value if identity and isinstance(identity.value, list) else []:
            if isinstance(node.value, str):
                self._known(node.value, node)
        for name, node in self._below("formats"):
            self._typed(name, node, (ColumnType.TIME, ColumnType.DATE), "no time and no date")
        for name, node in self._below("values"):
            self._choices(name, node)
        for name, node in self._below("constants"):
            self._constant(name, node)
        for name, node in self._below("expect", "totals"):
            if name != "notional" and self._known(name, node, key=True):
                self._typed(name, node, (ColumnType.DECIMAL,), "no number")
        sign = self.entries.get("quantity_sign")
        if sign is not None and self.source.mapping.signed and "side" not in self.columns:
            hint = "only trades and orders have; use `as-is`"
            self.findings.add(sign, f"{self.contracts[0].name} have no side", hint)

    def _below(self, *keys: str) -> list[tuple[str, Node]]:
        entries = self.entries
        for key in keys:
            node = entries.get(key)
            if node is None or not isinstance(node.value, dict):
                return []
            entries = node.value
        return list(entries.items())

    def _known(self, name: str, node: Node, *, key: bool = False) -> bool:
        if name in self.columns:
            return True
        message, hint = unknown(self.what, name, self.columns)
        if name in self.source.mapping.columns.values() and key:
            hint = "canonical names come first: `columns: {symbol: ticker}`"
        elif nearest(name, self.columns) is None and not self.source.live:
            hint += "; or declare it in `extra`"
        self.findings.add(node, message, hint, key=key)
        return False

    def _typed(self, name: str, node: Node, types: tuple[ColumnType, ...], what: str) -> None:
        column = self.columns.get(name)
        if column is not None and column.type not in types:
            self.findings.add(node, f"`{name}` is {what}, but a {column.type}", key=True)

    def _choices(self, name: str, node: Node) -> None:
        column = self.columns.get(name)
        if column is None or not column.choices or not isinstance(node.value, dict):
            return
        for each in node.value.values():
            if isinstance(each.value, str):
                word = each.value.strip().lower()
                if ALIASES.get(name, {}).get(word, word) not in column.choices:
                    self.findings.add(each, *unknown(f"{name}", each.value, column.choices))

    def _constant(self, name: str, node: Node) -> None:
        column = self.columns.get(name)
        if column is None or name not in self.source.mapping.constants:
            return
        cell: Callable[..., object] = self.source.reading(self.contracts[0].name).cell
        try:
            cell(column, self.source.mapping.constants[name])
        except Unreadable as why:
            self.findings.add(node, str(why))
