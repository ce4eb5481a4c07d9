"""What a reconciliation says of being made while trading goes on -> LiveSettings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tieout.config.findings import Findings
from tieout.config.keys import Key, Table, list_of, map_of, mapping
from tieout.config.scalars import amount, choice, duration, span, whole
from tieout.config.settings import (
    TRIGGERS,
    BookOptions,
    FreqtradeOptions,
    LiveSettings,
    SourceSettings,
    VenueOptions,
)
from tieout.config.tree import Fault, Node
from tieout.config.words import duration as in_words
from tieout.core.live import EVENTS, SNAPSHOTS
from tieout.core.model import Money
from tieout.core.text import NS

LOOKED_AT: Final = (*SNAPSHOTS, *EVENTS)
"""Records that can be compared while trading goes on."""

AWAITED: Final = ("trades", "movements", "orders")
"""Those of them that may lack their partner for a while: their deadline is `grace`."""

WORTH: Final = ("positions", "balances")
"""Those of them that may have a value tolerance."""

TRANSFERRED: Final = ("balances", "movements")
"""Those of them that a transfer between one's own places changes."""

HOUR: Final = 3600 * NS
EVERY: Final = {"trades": HOUR, "movements": HOUR}
LOOKBACK: Final = {"orders": 24 * HOUR}
_USUAL: Final = LiveSettings()

INTERNAL: Final = ("book", "freqtrade", "sql", "frame")
EXTERNAL: Final = ("venue", "frame")


def value_tolerance(node: Node, findings: Findings) -> Money:
    """One amount in one currency."""
    amounts = map_of(amount)(node, findings)
    if len(mapping(node)) != 1:
        raise Fault(node, "a value tolerance is one amount in one currency", "e.g. `{USD: 10}`")
    if not amounts:
        raise Fault(node, "the value tolerance has no amount", "e.g. `{USD: 10}`")
    ((currency, size),) = amounts.items()
    return Money(size, currency)


def _confirmations(node: Node, findings: Findings) -> int:
    found = whole(node, findings)
    if found < 1:
        raise Fault(node, "no reading confirms nothing", "`confirmations: 2` is usual")
    return found


LIVE: Final[Table] = {
    "every": Key(
        span,
        "60s",
        "How often it is made.",
        None,
        "`60s`; trades and movements `1h`",
    ),
    "grace": Key(
        duration,
        "5s",
        "Of trades, movements and orders: the deadline, where there is no other. Of positions and"
        " balances: how long the readings that confirm a break span at least.",
        None,
        "`5s`",
    ),
    "confirmations": Key(
        _confirmations,
        "2",
        "How many complete readings must agree on a break, the first included: 2 or more. Events"
        " wait for their deadline instead.",
        None,
        "`2`",
    ),
    "resamples": Key(
        whole,
        "5",
        "How often it is read again where a reading leaves open whether it agrees.",
        None,
        "`5`, or as many as `confirmations`",
    ),
    "lookback": Key(
        span,
        "1h",
        "How far before what is known already events are read again, for late ones; of orders, how"
        " long one that is closed is still compared.",
        None,
        "`1h`; orders `24h`",
    ),
    "full": Key(
        span,
        "24h",
        "How far back events are read the first time, and again once in every such time: that"
        " finds what came later than `lookback`.",
        None,
        "`24h`",
    ),
    "lag": Key(
        duration,
        "2s",
        "How long a fill may be invisible to who asks the venue for it.",
        None,
        "that of the venue's source",
    ),
    "transit": Key(
        duration,
        "1h",
        "Of balances and movements: how long a transfer between one's own accounts, venues or"
        " wallets may be on its way before what lacks it is a break.",
        None,
        "`1h`",
    ),
    "on": Key(
        list_of(choice("trigger", TRIGGERS)),
        "[start, interval]",
        "What starts it: `start` of the monitors, each `interval`, `events` such as a large fill.",
        TRIGGERS,
        f"`[{', '.join(TRIGGERS)}]`",
    ),
}


def live_settings(
    node: Node,
    keys: Mapping[str, Any],
    sides: Mapping[str, SourceSettings | None],
    findings: Findings,
) -> LiveSettings | None:
    """How the reconciliation at `node` is made live; None where no side answers now.

    Args:
        keys: of the reconciliation, read already.
        sides: `internal` and `external`; None where the source is faulty or not there.
    """
    reader = _Reader(mapping(node), keys, sides, findings)
    reader.check_worth()
    if not any(side is not None and side.live for side in sides.values()):
        if None not in sides.values():
            reader.refuse_keys()
        return None
    reader.check_sides()
    if keys["records"] is None:
        return None
    reader.check_records()
    return reader.settings()


class _Reader:
    def __init__(
        self,
        entries: Mapping[str, Node],
        keys: Mapping[str, Any],
        sides: Mapping[str, SourceSettings | None],
        findings: Findings,
    ) -> None:
        self.entries, self.keys, self.sides, self.findings = entries, keys, sides, findings
        self.records: str = keys["records"]

    def refuse_keys(self) -> None:
        """Nothing that is live may be said of files."""
        for name in LIVE:
            if name in self.entries:
                what = f"`{name}` is of live reconciliations, and no side of this one answers now"
                hint = "a side of `type: venue` does"
                self.findings.add(self.entries[name], what, hint, key=True)

    def check_worth(self) -> None:
        if "value_tolerance" in self.entries and self.records not in (None, *WORTH):
            what = f"a value tolerance is of positions and balances, not of {self.records}"
            hint = "use `compare: {<column>: {within: ...}}`"
            self.findings.add(self.entries["value_tolerance"], what, hint, key=True)
        if "minimum" in self.entries and self.records not in (None, *WORTH):
            what = f"minimum sizes are of positions and balances, not of {self.records}"
            self.findings.add(self.entries["minimum"], what, "use `dust`", key=True)
        if self.records == "balances":
            for name, each in mapping(self.entries.get("minimum") or Node({})).items():
                if "/" in name:
                    hint = f"e.g. `{name.partition('/')[0]}`"
                    what = f"`{name}` is a symbol, and balances have currencies"
                    self.findings.add(each, what, hint, key=True)

    def check_sides(self) -> None:
        """The firm's belief on the internal side, an account at a venue on the external one."""
        for key, allowed in (("internal", INTERNAL), ("external", EXTERNAL)):
            side, node = self.sides[key], self.entries.get(key)
            if side is None or node is None or side.type in allowed:
                continue
            what = f"a {side.type} cannot be the {key} side of a live reconciliation"
            self.findings.add(node, what, self._remedy(key, side))
        self._check_scope()
        self._check_movements()

    def _check_scope(self) -> None:
        """A book of one account has nothing of another, and every record would be missing."""
        internal, external = self.sides["internal"], self.sides["external"]
        if internal is None or external is None or not isinstance(external.options, VenueOptions):
            return
        book, venue = internal.options, external.options
        if not isinstance(book, BookOptions | FreqtradeOptions):
            return
        node = self.entries["internal"]
        if book.account not in (None, venue.account):
            what = (
                f"`{internal.name}` is of the account `{book.account}`,"
                f" `{external.name}` of `{venue.account}`"
            )
            self.findings.add(node, what, "name the same account, or none for the book")
        if book.venue is not None and not _alike(book.venue, venue.exchange):
            what = f"`{internal.name}` is of {book.venue}, `{external.name}` of {venue.exchange}"
            self.findings.add(node, what, "name the same exchange, or none for the book")

    def _remedy(self, key: str, side: SourceSettings) -> str:
        other = self.sides["external" if key == "internal" else "internal"]
        if key == "internal" and side.type == "venue" and other is not None:
            if other.type in INTERNAL:
                return "what the firm believes is the internal side: exchange the two"
        if side.type == "file":
            return "a file does not say how things are now: import it into the book"
        if key == "internal":
            return f"there are: {', '.join(INTERNAL)}"
        return "what others say is asked of a venue: `type: venue`"

    def _check_movements(self) -> None:
        """Against a book that has none, every movement would be missing."""
        internal = self.sides["internal"]
        if self.records != "movements" or internal is None:
            return
        if isinstance(internal.options, FreqtradeOptions):
            what = "freqtrade knows no movements: each of the venue's would be missing"
            hint = "compare balances: a break that movements explain says so"
            self.findings.add(self.entries["internal"], what, hint)

    def check_records(self) -> None:
        if self.records not in LOOKED_AT:
            what = f"nobody can be asked for {self.records} now"
            hint = f"live, there are: {', '.join(LOOKED_AT)}"
            self.findings.add(self.entries["records"], what, hint)
        if "checks" in self.entries:
            what = "checks need pnl rows, which no venue has"
            hint = "make them in a reconciliation of files"
            self.findings.add(self.entries["checks"], what, hint, key=True)
        self._check_effect()

    def _check_effect(self) -> None:
        """Warn of keys that change nothing."""
        if self.records in WORTH and "deadline" in self.entries:
            what = f"`deadline` has no effect: {self.records} were never in flight"
            self.findings.warn(self.entries["deadline"], what, "say `grace`")
        if self.records in EVENTS:
            for name in ("confirmations", "resamples"):
                if name in self.entries:
                    what = f"`{name}` has no effect: what {self.records} wait for is their deadline"
                    self.findings.warn(self.entries[name], what, "say `grace`")
        if "transit" in self.entries and self.records not in TRANSFERRED:
            what = f"`transit` has no effect: {self.records} are not transferred"
            self.findings.warn(self.entries["transit"], what, "give it to balances and movements")
        if "instruments" in self.entries:
            what = "`instruments` has no effect: live, they are those of the venue"
            self.findings.warn(self.entries["instruments"], what)
        if "every" in self.entries and "interval" not in self.keys["on"]:
            what = "`every` has no effect: `on` does not name `interval`"
            self.findings.warn(self.entries["every"], what)

    def settings(self) -> LiveSettings:
        keys, records = self.keys, self.records
        confirmations = self._or("confirmations", _USUAL.confirmations)
        if confirmations < 2 and records in SNAPSHOTS:
            what = f"one reading cannot open a break: {records} race with fills"
            hint = "`confirmations: 2` or more"
            self.findings.add(self.entries["confirmations"], what, hint)
        resamples = self._or("resamples", max(_USUAL.resamples, confirmations))
        if resamples < confirmations and "resamples" in self.entries:
            what = f"{confirmations} readings cannot be had in {resamples}"
            hint = f"`resamples: {confirmations}` or more"
            self.findings.add(self.entries["resamples"], what, hint)
        found = LiveSettings(
            every=self._or("every", EVERY.get(records, _USUAL.every)),
            grace=self._or("grace", _USUAL.grace),
            confirmations=confirmations,
            resamples=resamples,
            lookback=self._or("lookback", LOOKBACK.get(records, _USUAL.lookback)),
            full=self._or("full", _USUAL.full),
            lag=keys["lag"],
            transit=self._or("transit", _USUAL.transit),
            on=frozenset(keys["on"]),
        )
        self._check_grace(found)
        return found

    def _or(self, name: str, usual: int) -> int:
        given = self.keys[name]
        return usual if given is None else int(given)

    def _check_grace(self, found: LiveSettings) -> None:
        """A deadline before a fill can be seen would call every late one missing."""
        external = self.sides["external"]
        lag = found.lag
        if lag is None and external is not None and isinstance(external.options, VenueOptions):
            lag = external.options.lag
        if self.records not in AWAITED or "deadline" in self.entries or lag is None:
            return
        if found.grace < lag:
            node = self.entries.get("grace") or self.entries["external"]
            what = (
                f"a grace of {in_words(found.grace)} is shorter than the lag of {in_words(lag)}:"
                f" {self.records} that are only late would be missing"
            )
            self.findings.warn(node, what, f"`grace: {in_words(lag)}` or more")


def _alike(one: str, other: str) -> bool:
    """Whether two names may mean one exchange: ccxt calls `gateio` `gate`."""
    return one.startswith(other) or other.startswith(one)
