"""A fault as an error for a person: what, where, the venue's code, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from tieout.adapters.venues.classify import Action, Fault, by_class
from tieout.adapters.venues.settings import Credentials
from tieout.errors import (
    VenueError,
    VenueMalformed,
    VenueRateLimited,
    VenueRefused,
    VenueTimeout,
    VenueUnsupported,
)

_SHOWN: Final = 300
"""Characters of a venue's own words that an error repeats."""

_SIGNED: Final = re.compile(r"(?i)\b(signature|sign|apikey|api[-_]key|key|secret)=[^&\s\"']+")

_TYPES: Final[Mapping[Action, type[VenueError]]] = {
    Action.WAIT: VenueRateLimited,
    Action.STOP: VenueRefused,
    Action.DENY: VenueRefused,
    Action.MALFORMED: VenueMalformed,
    Action.UNSUPPORTED: VenueUnsupported,
}

_HINTS: Final[Mapping[Action, str]] = {
    Action.RETRY: "the side is unknown until it answers; the venue's status page may say more",
    Action.WAIT: "ask less often (`every:`), or give this key to one process only",
    Action.CLOCK: "set this machine's clock (NTP), then `tieout doctor`",
    Action.STOP: "check the key, its permissions and its IP list at the venue; what it "
    "is refused for is not asked before Tieout is started again",
    Action.DENY: "give the key this permission at the venue (reading is enough), then start again",
    Action.REJECT: "the question does not fit the account: check symbols and the kind of account",
    Action.UNSUPPORTED: "take this record type out of the reconciliation of this source",
    Action.MALFORMED: "the side is unknown; a proxy or maintenance page is the usual reason",
}


def as_error(fault: Fault, source: str, method: str, credentials: Credentials) -> VenueError:
    """The error about a fault. No secret and no signed URL is in it."""
    kind = _TYPES.get(fault.action, VenueError)
    code = fault.code
    if code == "timeout" and fault.status is None:
        kind, code = VenueTimeout, None
    parts = [clean(fault.what, credentials)]
    if code is not None:
        parts.append(f"code {clean(code, credentials)}")
    if fault.status is not None and not 200 <= fault.status < 300:
        parts.append(f"HTTP {fault.status}")
    text = parts[0] + (f" ({', '.join(parts[1:])})" if parts[1:] else "")
    return kind(
        text,
        venue=source,
        method=method,
        code=code,
        retry_after=fault.retry_after,
        hint=_HINTS[fault.action],
    )


def clean(text: str, credentials: Credentials) -> str:
    """A venue's own words: one line, not too long, nothing secret."""
    text = " ".join(credentials.redact(text).split())
    text = _SIGNED.sub(r"\1=***", text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def fault_of(error: BaseException, *, sent: bool) -> Fault:
    """What an error of ccxt's own, without a reply, means. Its text may hold a signed URL."""
    name = type(error).__name__
    if type(error).__module__.startswith("ccxt"):
        action = by_class(error)
        what = {
            Action.STOP: "credentials are missing, or not of the form that the venue wants",
            Action.UNSUPPORTED: "ccxt has no such question for this venue",
        }.get(action, f"ccxt gave up: {name}")
        return Fault(action, what)
    if name in ("Error", "InvalidByte") or isinstance(error, UnicodeError):
        return Fault(Action.STOP, "the secret is not of the form that the venue wants (base64)")
    if isinstance(error, ValueError) and not sent:
        return Fault(Action.STOP, "the secret is not of the form that the venue wants")
    return Fault(Action.MALFORMED, f"the answer is not of the form that ccxt reads ({name})")
