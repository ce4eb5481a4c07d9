"""Binance's wire format: keys, signatures, time, weights and errors. Spot and USD-M futures.

Where a rule comes from: developers.binance.com, "General API Information" and "Error Codes" of the
spot and of the USD-M futures API.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tieout.testing.exchange.binance_futures import FUTURES
from tieout.testing.exchange.binance_spot import SPOT
from tieout.testing.exchange.binance_wallet import WALLET
from tieout.testing.exchange.binance_words import refuse
from tieout.testing.exchange.wire import Call, Endpoint, Refusal, Reply, Request, encoded

if TYPE_CHECKING:
    from tieout.testing.exchange.model import ApiKey

ROUTES: Final[Mapping[tuple[str, str], Endpoint]] = {**SPOT, **FUTURES, **WALLET}

MINUTE: Final = 60_000
WEIGHTS: Final = {"api": 6000, "fapi": 2400, "sapi": 12000}
"""What an address may spend a minute, by the first part of the path."""

PATIENCE: Final = 20
"""Requests beyond the limit in a minute, until 429 becomes 418: a ban."""

_BAN_SECONDS: Final = 120


class Binance:
    """See `wire.Wire`."""

    venue = "binance"

    def find(self, request: Request) -> Endpoint | None:
        return ROUTES.get((request.method, request.path))

    def admit(self, call: Call, endpoint: Endpoint) -> ApiKey | None:
        if endpoint.access == "public":
            return None
        name = call.request.headers.get("x-mbx-apikey", "")
        if not name:
            raise refuse(401, -2014, "API-key format invalid.")
        key = call.exchange.keys.get(name)
        if key is None or key.revoked or key.account.venue != self.venue:
            raise refuse(401, -2015, "Invalid API-key, IP, or permissions for action.")
        if endpoint.access == "signed":
            check_time(call.params, call.now)
            check_signature(call.request.query + call.request.body, key.secret)
        return key

    def spend(self, call: Call, endpoint: Endpoint) -> Mapping[str, str]:
        group = call.request.path.split("/")[1]
        most = WEIGHTS[group]
        weight = endpoint.weight
        if call.request.path.endswith("openOrders") and not call.params.get("symbol"):
            weight = 80 if group == "api" else 40
        used = call.exchange.windows.spend(group, weight, MINUTE, call.actual)
        if used > most:
            beyond = (used - most) // max(1, weight)
            left = (MINUTE - call.actual % MINUTE) // 1000 + 1
            banned = beyond > PATIENCE
            raise Refusal(self.throttled(_BAN_SECONDS if banned else left, banned=banned))
        return {"X-MBX-USED-WEIGHT-1M": str(used)}

    def wrap(self, _: Call, content: Any) -> Reply:
        return Reply(200, encoded(content))

    def unknown(self) -> Reply:
        return Reply(404, "<html><body>404 Not found</body></html>", type="text/html")

    def throttled(self, seconds: int, *, banned: bool = False) -> Reply:
        message = (
            "Way too much request weight used; IP banned until later. Please use WebSocket Streams "
            "for live updates to avoid bans."
            if banned
            else "Too much request weight used; current limit is 6000 request weight per 1 MINUTE."
        )
        body = encoded({"code": -1003, "msg": message})
        return Reply(418 if banned else 429, body, {"Retry-After": str(seconds)})

    def unavailable(self) -> Reply:
        body = {"code": -1008, "msg": "Server is currently overloaded with other requests."}
        return Reply(503, encoded(body))


def check_time(params: Mapping[str, str], now: int) -> None:
    """Raises Refusal where the timestamp is not there, too old, or more than a second ahead."""
    text = params.get("timestamp", "")
    if not text.isdigit():
        raise refuse(
            400,
            -1102,
            "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed.",
        )
    window = params.get("recvWindow", "5000")
    allowed = min(int(window), 60_000) if window.isdigit() else 5000
    if int(text) >= now + 1000:
        raise refuse(
            400, -1021, "Timestamp for this request was 1000ms ahead of the server's time."
        )
    if now - int(text) > allowed:
        raise refuse(400, -1021, "Timestamp for this request is outside of the recvWindow.")


def check_signature(payload: str, secret: str) -> None:
    """Raises Refusal where the signature is not the HMAC-SHA256 of what stands around it."""
    parts = payload.split("&")
    given = [part[10:] for part in parts if part.startswith("signature=")]
    if not given:
        raise refuse(
            400,
            -1102,
            "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.",
        )
    signed = "&".join(part for part in parts if not part.startswith("signature="))
    right = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(right, given[0]):
        raise refuse(400, -1022, "Signature for this request is not valid.")


BINANCE: Final = Binance()
