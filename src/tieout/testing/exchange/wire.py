"""What the wire formats share: requests, replies, refusals, and what an endpoint may look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from tieout.testing.exchange.records import ROUNDING, STEP, Fill, Listing
from tieout.testing.exchange.state import State

if TYPE_CHECKING:
    from tieout.testing.exchange.account import Account
    from tieout.testing.exchange.model import ApiKey, Exchange


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: str

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, str], body: str | None) -> Request:
        parts = urlsplit(url)
        lowered = {name.lower(): value for name, value in headers.items()}
        return cls(method.upper(), unquote(parts.path), parts.query, lowered, body or "")

    def params(self) -> dict[str, str]:
        """Query and form together."""
        found = dict(parse_qsl(self.query, keep_blank_values=True))
        if self.body.startswith("{"):
            decoded = msgspec.json.decode(self.body, type=dict[str, Any])
            found |= {name: str(value) for name, value in decoded.items()}
        elif self.body:
            found |= parse_qsl(self.body, keep_blank_values=True)
        return found


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `body` is text; `headers` beside the content type."""

    status: int
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = "application/json"


class Refusal(Exception):
    """The venue says no, in its own words."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.body)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Distortion:
    """How an answer differs from the truth.

    Attributes:
        stale: milliseconds by which snapshots are too old.
        empty: snapshots hold nothing.
        doubled: lists of events have some of their rows twice.
    """

    stale: int = 0
    empty: bool = False
    doubled: bool = False


TRUE = Distortion()


@dataclass(slots=True)
class Call:
    """A request that was let in.

    Attributes:
        now: the venue's own clock, milliseconds; with its skew.
        actual: the true time, which the model counts in.
    """

    exchange: Exchange
    request: Request
    params: dict[str, str]
    now: int
    actual: int
    distortion: Distortion = TRUE
    key: ApiKey | None = None

    @property
    def account(self) -> Account:
        if self.key is None:
            raise LookupError("a public endpoint has no account")
        return self.key.account

    @property
    def state(self) -> State:
        """What a snapshot says. Never to be changed."""
        if self.distortion.empty:
            return State()
        if self.distortion.stale:
            # Not from before it began: that is another fault, EMPTY_ACCOUNT.
            then = max(self.actual - self.distortion.stale, self.exchange.began)
            return self.account.history.state(then)
        return self.account.history.now

    def listed(self, fills: Iterable[Fill]) -> list[Fill]:
        """Those that lists of trades show by now."""
        now = self.actual
        shown = [fill for fill in fills if fill.listed_at is not None and fill.listed_at <= now]
        if self.distortion.doubled:
            return [fill for n, fill in enumerate(shown) for _ in range(2 if n % 3 == 0 else 1)]
        return shown

    def integer(self, name: str, default: int | None = None) -> int | None:
        """A parameter that is a number; anything else counts as absent."""
        text = self.params.get(name, "")
        return int(text) if text.lstrip("-").isdigit() else default

    def listings(self, venue: str, *, perpetual: bool) -> list[Listing]:
        return [
            listing
            for listing in self.exchange.listings.values()
            if listing.perpetual is perpetual and venue in listing.venues
        ]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a path.

    Attributes:
        access: `public`, `key` (a key, but no signature) or `signed`.
        weight: what it costs of the rate limit.
        reads: `snapshot` or `events`, for the faults; else empty.
    """

    answer: Callable[[Call], Any]
    access: str = "signed"
    weight: int = 1
    reads: str = ""


class Wire(Protocol):
    """A venue's way of saying things."""

    @property
    def venue(self) -> str: ...

    def find(self, request: Request) -> Endpoint | None: ...

    def admit(self, call: Call, endpoint: Endpoint) -> ApiKey | None:
        """Check key, signature and time. Raises Refusal."""
        ...

    def spend(self, call: Call, endpoint: Endpoint) -> Mapping[str, str]:
        """Count it against the rate limit; the headers that say so. Raises Refusal."""
        ...

    def wrap(self, call: Call, content: Any, /) -> Reply: ...

    def unknown(self) -> Reply: ...

    def throttled(self, seconds: int, *, banned: bool = False) -> Reply: ...

    def unavailable(self) -> Reply: ...


def encoded(content: Any) -> str:
    """JSON. Decimals are strings, as on all of these venues; `bare` for a JSON number."""
    return msgspec.json.encode(content).decode()


def bare(number: Decimal) -> msgspec.Raw:
    """A number as a JSON number, all its digits."""
    return msgspec.Raw(plain(number).encode())


def plain(number: Decimal) -> str:
    """Without an exponent; zeros at the end as they are."""
    return format(number, "f")


def fixed(number: Decimal, places: Decimal = STEP) -> str:
    """With eight digits after the point, or those of `places`."""
    return format(number.quantize(places, context=ROUNDING), "f")


def stripped(number: Decimal) -> str:
    """Without zeros at the end."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text
