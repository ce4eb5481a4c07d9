"""What to do about an answer that is none: by the venue's own codes and the HTTP status.

ccxt's classes are not asked where the codes are known: it calls a revoked Binance key a rate
limit, and a cut body an error of the exchange. They are the last resort for exchanges of which
nothing else is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, TypeVar

from tieout.adapters.venues.exact import loads
from tieout.adapters.venues.transport import Reply

T = TypeVar("T")


class Action(StrEnum):
    """What is done about a failure."""

    RETRY = "retry"  # ask again, soon
    WAIT = "wait"  # ask again when the venue allows
    CLOCK = "clock"  # measure the venue's clock, ask again once
    STOP = "stop"  # the credentials: a person has to look
    DENY = "deny"  # this key may not ask that: the same, for this question only
    REJECT = "reject"  # the question is wrong; asking again does not help
    UNSUPPORTED = "unsupported"  # there is no such thing to ask
    MALFORMED = "malformed"  # not what the venue answers when all is well; ask again, soon


@dataclass(frozen=True, slots=True)
class Fault:
    """Why an answer is none.

    Attributes:
        what: for a person. What a venue wrote may be in it; the client takes secrets out.
        code: the venue's own, if it sent one. `status`: of HTTP.
        retry_after: seconds.
    """

    action: Action
    what: str
    code: str | None = None
    status: int | None = None
    retry_after: float | None = None


class Failed(Exception):
    """Carries a fault from where the answer is seen, through ccxt, to the client."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


class Misshapen(ValueError):
    """A body lacks what every good answer has. The message says what."""


def _no_code(data: Any) -> tuple[str, str] | None:  # noqa: ARG001
    return None


def _whole(method: str) -> str:  # noqa: ARG001
    return ""


def _any_object(data: Any) -> str | None:
    """Of an exchange of which nothing is known: an object that says something, or a list."""
    if isinstance(data, dict):
        return None if data else "an empty object"
    return None if isinstance(data, list) else f"a bare {type(data).__name__}"


@dataclass(frozen=True)
class Wire:
    """How an exchange says that something is wrong.

    Attributes:
        exchange: ccxt's id.
        code_of: a body to its error code and message; None where it states no error.
        codes: code to what to do; the longest entry of `prefixes` otherwise.
        statuses: HTTP status to what to do, where it differs from what is usual.
        waits: code (or its beginning) to seconds to wait, where the venue does not say.
        envelope: a good body to what is wrong with it; None where nothing is.
        serial: signed requests go out one at a time, since their numbers must rise.
        clock: implicit endpoint of the venue's time, and how to read milliseconds from it.
        clock_params: what that endpoint is asked.
        resolution: milliseconds that the venue's time is exact to.
        ccxt: errors without a known code are left to ccxt's own tables.
        options: of ccxt's class.
        burst: seconds of its pace of questions that may be asked at once.
        part: ccxt's name of a question to the part of the exchange's API that it is about, where
            a key may be refused for one and good for another by one and the same code.
        costs: (ccxt's section, path) to what a question takes of the rate limit, where ccxt is
            wrong; in its units.
    """

    exchange: str
    code_of: Callable[[Any], tuple[str, str] | None] = _no_code
    codes: Mapping[str, Action] = field(default_factory=dict)
    prefixes: Mapping[str, Action] = field(default_factory=dict)
    statuses: Mapping[int, Action] = field(default_factory=dict)
    waits: Mapping[str, float] = field(default_factory=dict)
    envelope: Callable[[Any], str | None] = _any_object
    serial: bool = False
    clock: tuple[str, Callable[[Any], int]] | None = None
    clock_params: Mapping[str, Any] = field(default_factory=dict)
    resolution: int = 1
    ccxt: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    burst: float = 1.0
    part: Callable[[str], str] = _whole
    costs: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def action_of(self, code: str) -> Action | None:
        """What to do about a code; None where it is not known."""
        known = self.codes.get(code)
        if known is not None:
            return known
        return _longest(self.prefixes, code)

    def wait_of(self, code: str) -> float | None:
        """Seconds that a code alone asks to wait."""
        return _longest(self.waits, code)


def _longest(table: Mapping[str, T], code: str) -> T | None:
    fitting = [prefix for prefix in table if code.startswith(prefix)]
    return table[max(fitting, key=len)] if fitting else None


_STATUSES: Final[Mapping[int, Action]] = {
    401: Action.STOP,
    404: Action.REJECT,
    407: Action.REJECT,
    408: Action.RETRY,
    418: Action.WAIT,
    425: Action.RETRY,
    429: Action.WAIT,
}


def parse_exact(body: str) -> Any:
    """JSON with numbers as they are written: a fraction stays text, an integer is exact.

    Raises:
        Misshapen: it is no JSON.
    """
    if not body.strip():
        raise Misshapen("the body is empty")
    try:
        return loads(body)
    except ValueError:
        start = body.lstrip()[:1]
        kind = "an HTML page" if start == "<" else "no JSON, or cut"
        raise Misshapen(f"the body is {kind} ({len(body):,} characters)") from None
    except RecursionError:
        raise Misshapen("the body is nested too deeply") from None


def judge(wire: Wire, reply: Reply) -> tuple[Any, Fault | None]:
    """The data of a reply, or why it is none."""
    status, reason, headers, body = reply
    try:
        data, broken = parse_exact(body), None
    except Misshapen as why:
        data, broken = None, str(why)
    after = retry_after(headers)
    stated = wire.code_of(data) if broken is None else None
    good = 200 <= status < 300
    if stated is not None:
        code, message = stated
        action = wire.action_of(code)
        if status in (418, 429) and action is not Action.STOP:
            action = Action.WAIT
        if action is None:
            action = Action.REJECT if good else _by_status(wire, status, after)
        what = message or reason or f"error {code}"
        after = wire.wait_of(code) if after is None else after
        return data, Fault(action, what, code, status, after)
    if not good:
        what = f"HTTP {status} {reason}".rstrip()
        return data, Fault(_by_status(wire, status, after), what, None, status, after)
    problem = broken or wire.envelope(data)
    if problem:
        return data, Fault(Action.MALFORMED, problem, None, status)
    return data, None


def _by_status(wire: Wire, status: int, after: float | None) -> Action:
    known = wire.statuses.get(status) or _STATUSES.get(status)
    if known is not None:
        return known
    if status >= 500:
        return Action.RETRY if after is None else Action.WAIT
    if 300 <= status < 400:
        return Action.MALFORMED  # a redirect, which is not followed
    return Action.REJECT


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header. A date there is not read: our clocks may differ."""
    for name, value in headers.items():
        if name.lower() == "retry-after":
            text = value.strip()
            return float(text) if text.replace(".", "", 1).isdecimal() else None
    return None


def by_class(error: BaseException) -> Action:
    """What to do about one of ccxt's errors, where there is nothing better to go by."""
    import ccxt

    table = (
        (ccxt.PermissionDenied, Action.DENY),
        (ccxt.AuthenticationError, Action.STOP),  # AccountSuspended too
        (ccxt.InvalidNonce, Action.CLOCK),
        (ccxt.DDoSProtection, Action.WAIT),
        (ccxt.RateLimitExceeded, Action.WAIT),
        (ccxt.OnMaintenance, Action.WAIT),
        (ccxt.NotSupported, Action.UNSUPPORTED),
        (ccxt.BadResponse, Action.MALFORMED),
        (ccxt.NullResponse, Action.MALFORMED),
        (ccxt.OperationFailed, Action.RETRY),
    )
    return next((action for kind, action in table if isinstance(error, kind)), Action.REJECT)
