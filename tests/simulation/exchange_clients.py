"""Clients of the simulated exchange: ccxt moved to loopback, and requests signed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import ccxt.pro

from tieout.testing.exchange import Account, Exchange

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEYS = {
    "binance": ("binance-key", "binance-secret"),
    "bybit": ("bybit-key", "bybit-secret"),
    "kraken": ("kraken-key", base64.b64encode(b"kraken-secret").decode()),
}


class StoppedClock:
    """Says what it is told."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def pass_(self, **much: float) -> None:
        self.at += timedelta(**much)


def opened(exchange: Exchange, venue: str, **options: Any) -> Account:
    """The account `main`, with the key of KEYS."""
    key, secret = KEYS[venue]
    return exchange.open(venue, key=key, secret=secret, **options)


def relocate(urls: Any, base: str) -> Any:
    """The urls of a ccxt exchange, moved to another host; their paths stay."""
    if isinstance(urls, dict):
        return {key: relocate(value, base) for key, value in urls.items()}
    return base + urlsplit(urls.replace("{hostname}", "h")).path


def client(venue: str, server: Any, **options: Any) -> Any:
    """ccxt.pro's exchange, exact, on the simulated server."""
    cls = getattr(ccxt.pro, venue)

    class Exact(cls):  # type: ignore[misc]
        def on_json_response(self, body: str) -> Any:
            return json.loads(body, parse_float=str)

    key, secret = KEYS[venue]
    chosen: dict[str, Any] = {
        "binance": {
            "fetchMarkets": {"types": ["spot", "linear"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
        },
        "bybit": {"fetchMarkets": {"types": ["spot", "linear"]}},
        "kraken": {},
    }[venue]
    settings = {
        "apiKey": key, "secret": secret, "number": str, "enableRateLimit": False, "timeout": 2000,
        "options": {**chosen, **options},
    }  # fmt: skip
    made = Exact(settings)
    streams = relocate(made.urls["api"].get("ws", {}), server.ws_url)
    made.urls["api"] = relocate(made.urls["api"], server.base_url)
    made.urls["api"]["ws"] = streams
    return made


Answered = tuple[int, Mapping[str, str], Any]


def binance(
    exchange: Exchange,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    key: str = KEYS["binance"][0],
    secret: str = KEYS["binance"][1],
    method: str = "GET",
    timestamp: int | None = None,
) -> Answered:
    """A signed request, answered at once."""
    url, headers = signed_binance(
        exchange, path, params, key=key, secret=secret, timestamp=timestamp
    )
    return decoded(*exchange.handle(method, url, headers))


def signed_binance(
    exchange: Exchange,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    key: str = KEYS["binance"][0],
    secret: str = KEYS["binance"][1],
    timestamp: int | None = None,
) -> tuple[str, dict[str, str]]:
    at = exchange.elsewhere() // 1_000_000 if timestamp is None else timestamp
    query = urlencode({**(params or {}), "timestamp": at})
    signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
    return f"http://x{path}?{query}&signature={signature}", {"X-MBX-APIKEY": key}


def bybit(
    exchange: Exchange,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    key: str = KEYS["bybit"][0],
    secret: str = KEYS["bybit"][1],
    timestamp: int | None = None,
) -> Answered:
    at = str(exchange.elsewhere() // 1_000_000 if timestamp is None else timestamp)
    query = urlencode(params or {})
    signature = hmac.new(secret.encode(), (at + key + "5000" + query).encode(), hashlib.sha256)
    headers = {
        "X-BAPI-API-KEY": key,
        "X-BAPI-TIMESTAMP": at,
        "X-BAPI-RECV-WINDOW": "5000",
        "X-BAPI-SIGN": signature.hexdigest(),
    }
    return decoded(*exchange.handle("GET", f"http://x{path}?{query}", headers))


def kraken(
    exchange: Exchange,
    path: str,
    params: Mapping[str, Any] | None = None,
    *,
    nonce: int,
    key: str = KEYS["kraken"][0],
    secret: str = KEYS["kraken"][1],
) -> Answered:
    body = urlencode({"nonce": nonce, **(params or {})})
    digest = hashlib.sha256((str(nonce) + body).encode()).digest()
    signature = hmac.new(base64.b64decode(secret), path.encode() + digest, hashlib.sha512)
    headers = {"API-Key": key, "API-Sign": base64.b64encode(signature.digest()).decode()}
    return decoded(*exchange.handle("POST", f"http://x{path}", headers, body))


def decoded(status: int, headers: Mapping[str, str], body: str) -> Answered:
    return status, headers, json.loads(body, parse_float=str) if body[:1] in "{[" else body
