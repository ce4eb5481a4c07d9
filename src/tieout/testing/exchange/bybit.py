"""Bybit's v5 wire format: headers, envelope and errors; what is asked is in `bybit_answers`.

Every answer is HTTP 200 with a `retCode`; nearly every number is a string.
Where a rule comes from: bybit-exchange.github.io/docs/v5, "Integration Guidance", "Error Codes".
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tieout.testing.exchange.bybit_answers import ANSWERS
from tieout.testing.exchange.wire import Call, Endpoint, Refusal, Reply, Request, encoded

if TYPE_CHECKING:
    from tieout.testing.exchange.model import ApiKey

A_SECOND: Final = 50
"""Requests that a key may send to a path in a second."""


class Bybit:
    """See `wire.Wire`."""

    venue = "bybit"

    def find(self, request: Request) -> Endpoint | None:
        return ANSWERS.get((request.method, request.path))

    def admit(self, call: Call, endpoint: Endpoint) -> ApiKey | None:
        if endpoint.access == "public":
            return None
        headers = call.request.headers
        key = call.exchange.keys.get(headers.get("x-bapi-api-key", ""))
        if key is None or key.revoked or key.account.venue != self.venue:
            raise _refuse(call, 10003, "API key is invalid.")
        sent, window = (
            headers.get("x-bapi-timestamp", ""),
            headers.get("x-bapi-recv-window", "5000"),
        )
        allowed = int(window) if window.isdigit() else 5000
        if not sent.isdigit() or not call.now - allowed <= int(sent) < call.now + 1000:
            raise _refuse(
                call,
                10002,
                "invalid request, please check your server timestamp or recv_window param. "
                f"req_timestamp[{sent}],server_timestamp[{call.now}],recv_window[{window}]",
            )
        payload = sent + key.key + window + (call.request.query or call.request.body)
        right = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, headers.get("x-bapi-sign", "")):
            raise _refuse(call, 10004, f"error sign! origin_string[{payload}]")
        return key

    def spend(self, call: Call, endpoint: Endpoint) -> Mapping[str, str]:
        if endpoint.access == "public":
            return {}
        who = f"{call.request.headers.get('x-bapi-api-key', '')} {call.request.path}"
        used = call.exchange.windows.spend(who, endpoint.weight, 1000, call.actual)
        reset = str(call.actual - call.actual % 1000 + 1000)
        headers = {
            "X-Bapi-Limit": str(A_SECOND),
            "X-Bapi-Limit-Status": str(max(0, A_SECOND - used)),
            "X-Bapi-Limit-Reset-Timestamp": reset,
        }
        if used > A_SECOND:
            body = _envelope(call.now, 10006, "Too many visits. Exceeded the API Rate Limit.", {})
            raise Refusal(Reply(200, encoded(body), headers))
        return headers

    def wrap(self, call: Call, content: Any) -> Reply:
        return Reply(200, encoded(_envelope(call.now, 0, "OK", content)))

    def unknown(self) -> Reply:
        return Reply(404, "404 page not found", type="text/plain")

    def throttled(self, seconds: int, *, banned: bool = False) -> Reply:
        headers = {"Retry-After": str(seconds)}
        if banned:
            return Reply(
                403, "access too frequent, please try again in 5 minutes", headers, "text/plain"
            )
        body = _envelope(0, 10006, "Too many visits. Exceeded the API Rate Limit.", {})
        return Reply(200, encoded(body), headers)

    def unavailable(self) -> Reply:
        body = _envelope(0, 10016, "Service is restarting.", {})
        return Reply(503, encoded(body))


def _envelope(now: int, code: int, message: str, result: Any) -> dict[str, Any]:
    return {
        "retCode": code,
        "retMsg": message,
        "result": result,
        "retExtInfo": {},
        "time": now,
    }


def _refuse(call: Call, code: int, message: str) -> Refusal:
    return Refusal(Reply(200, encoded(_envelope(call.now, code, message, {}))))


BYBIT: Final = Bybit()
