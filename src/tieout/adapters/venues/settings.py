"""What an adapter needs to know of an account at an exchange."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tieout.errors import UsageError

_PLAIN: Final = ("http", "ws")
_HIDDEN: Final = "***"
_TELLING: Final = 6
"""A secret shorter than this is not looked for in texts: it would blot out half of them."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who asks. No text of an object shows any of it.

    Attributes:
        wallet: a wallet's address, where the venue knows its customers by that.
        subaccount: the venue's name or number of a sub-account.
    """

    key: str | None = None
    secret: str | None = None
    password: str | None = None
    wallet: str | None = None
    subaccount: str | None = None

    def __repr__(self) -> str:
        given = [name for name in self.__slots__ if getattr(self, name) is not None]
        return f"Credentials({', '.join(f'{name}={_HIDDEN}' for name in given)})"

    def redact(self, text: str) -> str:
        """`text` without key, secret and password: for what a venue says, and for URLs."""
        for secret in (self.secret, self.password, self.key):
            if secret is not None and len(secret) >= _TELLING:
                text = text.replace(secret, _HIDDEN)
        return text


@dataclass(frozen=True, slots=True)
class Retry:
    """How long a question is asked again.

    Attributes:
        delays: seconds before each further attempt, where trying again may help at once.
        waits: seconds to wait where the venue asks to wait and does not say how long.
        budget: seconds that one question may wait in all because the venue asks to; a longer
            `Retry-After` is an error at once.
        failures: questions that fail one after the other until the breaker opens.
        cooldown: seconds until an open breaker lets one question through.
    """

    delays: tuple[float, ...] = (0.0, 0.1, 0.5, 2.5)
    waits: tuple[float, ...] = (1.0, 5.0, 15.0)
    budget: float = 30.0
    failures: int = 5
    cooldown: float = 30.0


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """One account at one exchange, as the configuration names it.

    Attributes:
        name: the source's name in the configuration.
        venue: the adapter: `binance_spot`, or `ccxt:<id>`.
        account: the `account` of its records.
        base_url, ws_url: in place of the exchange's own addresses. Plain `http` and `ws` are
            refused except to this machine.
        timeout: seconds for each request.
        symbols: unified symbols to ask about where the venue answers by symbol only.
        options: of the adapter. `rate_limit: false` switches our own limiter off (a simulated
            exchange), a number is milliseconds for a request of cost one.

    Raises:
        UsageError: an address would send credentials in the clear.
    """

    name: str
    venue: str
    account: str
    credentials: Credentials = Credentials()
    base_url: str | None = None
    ws_url: str | None = None
    timeout: float = 10.0
    symbols: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    retry: Retry = Retry()

    def __post_init__(self) -> None:
        for url in (self.base_url, self.ws_url):
            problem = url and insecure(url)
            if problem:
                raise UsageError(
                    problem, where=self.name, hint="use https:// (or wss://), or a local address"
                )


def insecure(url: str) -> str | None:
    """Why nothing signed may be sent to `url`; None where it may."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in ("https", "wss") and host:
        return None
    if parts.scheme not in _PLAIN or not host:
        return f"{parts.scheme or 'no scheme'}://{host} is no address of a web service"
    if _is_loopback(host):
        return None
    return f"{parts.scheme}://{host} is not encrypted: everybody on the way could read along"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def relocated(urls: Any, base: str) -> Any:
    """ccxt's table of addresses with `base` in place of scheme and host; paths are kept."""
    if isinstance(urls, dict):
        return {name: relocated(value, base) for name, value in urls.items()}
    if not isinstance(urls, str):
        return urls
    return base.rstrip("/") + urlsplit(urls.replace("{hostname}", "host")).path


def subset(asked: frozenset[str] | None, configured: Iterable[str]) -> frozenset[str]:
    """The symbols to go through, one by one: those asked for, else the configured ones."""
    return frozenset(configured) if asked is None else asked
