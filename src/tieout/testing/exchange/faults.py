"""What goes wrong at the simulated exchange, by chance from a seed or by a plan.

    Faults(7, [
        Fault(Trouble.TIMEOUT, rate=0.02),
        Fault(Trouble.STALE, rate=0.1, seconds=(0.5, 10)),
        Fault(Trouble.OUTAGE, between=[(60, 90)]),
        Fault(Trouble.LIQUIDATION, at=[120]),
    ])

Times are seconds since the exchange began. What was done is in `Faults.injected`.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final
from zlib import crc32

from tieout.testing.exchange.wire import TRUE, Distortion, Endpoint, Reply, Request, Wire

if TYPE_CHECKING:
    from tieout.testing.exchange.model import Exchange


class Trouble(StrEnum):
    """A kind of fault, and what it happens to: a request, a fill, the market, a socket, time."""

    TIMEOUT = "timeout"  # a request: no answer
    DROPPED = "dropped"  # a request: the connection is lost
    RATE_LIMITED = "rate_limited"  # a request: 429, or 200 and the venue's code; Retry-After
    BANNED = "banned"  # a request: 418, 403, or the venue's code
    SERVER_ERROR = "server_error"  # a request: 500, 502, 503 or 504
    HTML = "html"  # a request: 502 and a page of HTML
    OUTAGE = "outage"  # a request: 503, or the venue's code for maintenance
    CUT = "cut"  # a request: the body ends below its Content-Length
    EMPTY_BODY = "empty_body"  # a request: 200 and nothing
    EMPTY_OBJECT = "empty_object"  # a request: 200 and `{}`
    STALE = "stale"  # a snapshot: how it was `seconds` ago
    EMPTY_ACCOUNT = "empty_account"  # a snapshot: well-formed, nothing in it; by `paths`, of some
    DOUBLED = "doubled"  # a list of events: some rows twice
    MISSING_FILL = "missing_fill"  # a fill: no list of trades ever shows it
    LATE_FILL = "late_fill"  # a fill: lists show it `seconds` later
    LIQUIDATION = "liquidation"  # the market: a position is closed by the venue
    ADL = "adl"  # the market: the same, by auto-deleveraging
    SOCKET_DROP = "socket_drop"  # a socket: closed instead of the next event
    SKEW = "skew"  # the venue's clock: `seconds` ahead, behind where negative; see `Faults.ahead`


INSTEAD: Final = frozenset(
    {
        Trouble.TIMEOUT, Trouble.DROPPED, Trouble.RATE_LIMITED, Trouble.BANNED,
        Trouble.SERVER_ERROR, Trouble.HTML, Trouble.OUTAGE, Trouble.EMPTY_BODY,
        Trouble.EMPTY_OBJECT,
    }
)  # fmt: skip
"""Instead of an answer: the endpoint is not asked."""

_SNAPSHOTS: Final = frozenset({Trouble.STALE, Trouble.EMPTY_ACCOUNT})
_REQUESTS: Final = INSTEAD | _SNAPSHOTS | {Trouble.CUT, Trouble.DOUBLED}
_FILLS: Final = frozenset({Trouble.MISSING_FILL, Trouble.LATE_FILL})
_MARKET: Final = frozenset({Trouble.LIQUIDATION, Trouble.ADL})
_PAGE: Final = "<html><head><title>502 Bad Gateway</title></head><body>cloudflare</body></html>"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and when.

    Attributes:
        rate: the share of requests or fills that it happens to; of LIQUIDATION and ADL, how many
            a second. Without, and without `at`: all of them.
        between: windows in which it happens; none: always.
        at: moments; it happens once to whatever comes first after each.
        paths: only requests whose path has one of these in it; none: all.
        seconds: the least and the most of a delay, an age, a Retry-After, a skew.
    """

    kind: Trouble
    rate: float | None = None
    between: Sequence[tuple[float, float]] = ()
    at: Sequence[float] = ()
    paths: Sequence[str] = ()
    seconds: tuple[float, float] = (0.5, 10.0)


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was done.

    Attributes:
        at: UTC milliseconds.
        subject: the path that was asked for, or the fill: `venue account symbol id`.
        milliseconds: how late, how old; zero where that is no question.
    """

    kind: Trouble
    at: int
    subject: str
    milliseconds: int = 0


@dataclass(frozen=True, slots=True)
class Ruling:
    """What happens to one request. `instead` is one of INSTEAD."""

    instead: Trouble | None = None
    milliseconds: int = 0
    distortion: Distortion = TRUE
    cut: bool = False


FAIR: Final = Ruling()


@dataclass
class Faults:
    """The faults of one exchange. Equal seeds and equal requests give equal faults."""

    seed: int = 0
    plan: Sequence[Fault] = ()
    injected: list[Injected] = field(default_factory=list)
    began: int = 0

    def __post_init__(self) -> None:
        self._chances = [Random(f"{self.seed}:{n}:{each.kind}") for n, each in enumerate(self.plan)]
        self._left = [sorted(each.at) for each in self.plan]
        self._closes: dict[int, list[int]] = {}

    def of(
        self, *kinds: Trouble, since: int | None = None, until: int | None = None
    ) -> list[Injected]:
        """What was done; of `kinds`, in a window of UTC milliseconds, both ends included."""
        return [
            each
            for each in self.injected
            if (not kinds or each.kind in kinds)
            and (since is None or each.at >= since)
            and (until is None or each.at <= until)
        ]

    # Requests

    def rule(self, request: Request, endpoint: Endpoint, now: int) -> Ruling:
        """What happens to a request."""
        instead, wait, cut = None, 0, False
        stale, empty, doubled = 0, False, False
        for index, fault in enumerate(self.plan):
            kind = fault.kind
            if kind not in _REQUESTS or not self._concerns(fault, request, endpoint):
                continue
            if not self._happens(index, fault, now) or instead is not None:
                continue
            amount = self._amount(index, fault)
            if kind in INSTEAD:
                instead, wait = kind, amount
            elif kind is Trouble.STALE:
                stale = max(stale, amount)
            elif kind is Trouble.EMPTY_ACCOUNT:
                empty = True
            elif kind is Trouble.DOUBLED:
                doubled = True
            else:
                cut = True
            self.injected.append(
                Injected(kind, now, request.path, amount if kind is Trouble.STALE else 0)
            )
        if instead is None and not (cut or stale or empty or doubled):
            return FAIR
        return Ruling(instead, wait, Distortion(stale, empty, doubled), cut)

    @staticmethod
    def _concerns(fault: Fault, request: Request, endpoint: Endpoint) -> bool:
        if fault.paths and not any(each in request.path for each in fault.paths):
            return False
        if fault.kind in _SNAPSHOTS:
            return endpoint.reads == "snapshot"
        return fault.kind is not Trouble.DOUBLED or endpoint.reads == "events"

    def _happens(self, index: int, fault: Fault, now: int) -> bool:
        passed = (now - self.began) / 1000
        left = self._left[index]
        if left and left[0] <= passed:
            left.pop(0)
            return True
        if fault.between and not any(start <= passed < end for start, end in fault.between):
            return False
        if fault.rate is None:
            return not fault.at
        return self._chances[index].random() < fault.rate

    def _amount(self, index: int, fault: Fault) -> int:
        least, most = fault.seconds
        return round(self._chances[index].uniform(least, most) * 1000)

    # Fills, the market, the clock

    def lag(self, who: str, symbol: str, number: int, now: int) -> int | None:
        """How much later than usual lists show a fill, milliseconds; None: never.

        It depends on the fill alone and not on who asks: a replay gives the same.
        """
        late = 0
        for index, fault in enumerate(self.plan):
            if fault.kind not in _FILLS:
                continue
            chance = crc32(f"{self.seed}:{index}:{symbol}:{number}".encode()) / 2**32
            if not self._strikes(index, fault, now, chance):
                continue
            subject = f"{who} {symbol} {number}"
            if fault.kind is Trouble.MISSING_FILL:
                self.injected.append(Injected(fault.kind, now, subject))
                return None
            late = self._amount(index, fault)
            self.injected.append(Injected(fault.kind, now, subject, late))
        return late

    def _strikes(self, index: int, fault: Fault, now: int, chance: float) -> bool:
        if fault.rate is None or self._left[index]:
            return self._happens(index, fault, now)
        passed = (now - self.began) / 1000
        inside = not fault.between or any(a <= passed < b for a, b in fault.between)
        return inside and chance < fault.rate

    def begin(self, at: int) -> None:
        """Count seconds from this instant, UTC milliseconds. The exchange calls it."""
        self.began = at
        for index, fault in enumerate(self.plan):
            if fault.kind in _MARKET:
                self._closes[index] = [round(at + each * 1000) for each in self._left[index]]
                if fault.rate is not None or not fault.at:
                    self._schedule(index, at)

    def _schedule(self, index: int, after: int) -> None:
        """The next closing by chance."""
        gap = self._chances[index].expovariate(self.plan[index].rate or 1.0)
        insort(self._closes[index], after + max(1, round(gap * 1000)))

    def closing(self, until: int) -> tuple[int, int] | None:
        """The next instant up to `until` at which the venue closes a position, and the fault."""
        found = [(times[0], index) for index, times in self._closes.items() if times]
        first = min(found, default=None)
        return first if first is not None and first[0] <= until else None

    def close(self, exchange: Exchange, at: int, index: int) -> None:
        """Close a position, if there is one."""
        fault, chance = self.plan[index], self._chances[index]
        self._closes[index].pop(0)
        planned = any(round(self.began + each * 1000) == at for each in fault.at)
        if not planned:
            self._schedule(index, at)
            passed = (at - self.began) / 1000
            if fault.between and not any(a <= passed < b for a, b in fault.between):
                return
        held = [
            (account, symbol, leg)
            for account in exchange.accounts.values()
            for (symbol, leg), position in account.history.now.positions.items()
            if position.quantity and account.history.now.at <= at
        ]
        if not held:
            return
        account, symbol, leg = chance.choice(held)
        fill = account.liquidate(symbol, leg=leg, execution=fault.kind.value, at=at)
        if fill is not None:
            subject = f"{account.venue} {account.name} {symbol} {fill.id}"
            self.injected.append(Injected(fault.kind, at, subject))

    @property
    def ahead(self) -> int:
        """Milliseconds that the venue's clock is ahead always: everything there is dated by it."""
        return sum(
            round(fault.seconds[0] * 1000)
            for fault in self.plan
            if fault.kind is Trouble.SKEW and not fault.between
        )

    def skew(self, now: int) -> int:
        """Milliseconds more that it shows in a window: only what it says of the time is wrong."""
        passed = (now - self.began) / 1000
        return sum(
            round(fault.seconds[0] * 1000)
            for fault in self.plan
            if fault.kind is Trouble.SKEW
            and any(start <= passed < end for start, end in fault.between)
        )

    def drops(self, now: int) -> bool:
        """Whether a socket is closed instead of its next event."""
        for index, fault in enumerate(self.plan):
            if fault.kind is Trouble.SOCKET_DROP and self._happens(index, fault, now):
                self.injected.append(Injected(fault.kind, now, "socket"))
                return True
        return False


def said_instead(wire: Wire, ruling: Ruling) -> Reply:
    """What a venue says where it gives no answer. A timeout says nothing: not asked here."""
    seconds = max(1, round(ruling.milliseconds / 1000))
    match ruling.instead:
        case Trouble.RATE_LIMITED:
            return wire.throttled(seconds)
        case Trouble.BANNED:
            return wire.throttled(seconds, banned=True)
        case Trouble.SERVER_ERROR:
            status = (500, 502, 503, 504)[ruling.milliseconds % 4]
            return Reply(
                status, "Internal error; unable to process your request.", type="text/plain"
            )
        case Trouble.HTML:
            return Reply(502, _PAGE, type="text/html")
        case Trouble.EMPTY_BODY:
            return Reply(200, "")
        case Trouble.EMPTY_OBJECT:
            return Reply(200, "{}")
        case _:
            return wire.unavailable()
