"""Kraken's wire format: nonces, signatures, the counter, errors; answers are in `kraken_answers`.

Every answer is HTTP 200 with an `error` list; times are seconds with a fraction, as JSON numbers.
Where a rule comes from: docs.kraken.com/api, "Authentication", "Rate Limits", "Errors".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tieout.testing.exchange.kraken_answers import ANSWERS
from tieout.testing.exchange.kraken_words import refuse
from tieout.testing.exchange.wire import Call, Endpoint, Reply, Request, encoded

if TYPE_CHECKING:
    from tieout.testing.exchange.model import ApiKey

MOST: Final = 20
FALLS: Final = 1.0
"""The counter of a key, and how much of it a second gives back: those of the highest tier."""


class Kraken:
    """See `wire.Wire`."""

    venue = "kraken"

    def find(self, request: Request) -> Endpoint | None:
        endpoint = ANSWERS.get(request.path)
        public = request.path.startswith("/0/public/")
        return endpoint if endpoint and (public or request.method == "POST") else None

    def admit(self, call: Call, endpoint: Endpoint) -> ApiKey | None:
        if endpoint.access == "public":
            return None
        headers = call.request.headers
        key = call.exchange.keys.get(headers.get("api-key", ""))
        if key is None or key.revoked or key.account.venue != self.venue:
            raise refuse("EAPI:Invalid key")
        nonce = call.params.get("nonce", "")
        digest = hashlib.sha256((nonce + call.request.body).encode()).digest()
        message = call.request.path.encode() + digest
        right = hmac.new(_decoded(key.secret), message, hashlib.sha512).digest()
        given = headers.get("api-sign", "")
        if not hmac.compare_digest(base64.b64encode(right).decode(), given):
            raise refuse("EAPI:Invalid signature")
        if not nonce.isdigit() or int(nonce) <= key.nonce:
            raise refuse("EAPI:Invalid nonce")
        key.nonce = int(nonce)
        return key

    def spend(self, call: Call, endpoint: Endpoint) -> Mapping[str, str]:
        if endpoint.access != "public":
            who = call.request.headers.get("api-key", "")
            counters = call.exchange.counters
            if not counters.spend(who, endpoint.weight, most=MOST, falls=FALLS, now=call.actual):
                raise refuse("EAPI:Rate limit exceeded")
        return {}

    def wrap(self, _: Call, content: Any) -> Reply:
        return Reply(200, encoded({"error": [], "result": content}))

    def unknown(self) -> Reply:
        return Reply(200, encoded({"error": ["EGeneral:Unknown method"]}))

    def throttled(self, seconds: int, *, banned: bool = False) -> Reply:
        if banned:
            return Reply(200, encoded({"error": ["EGeneral:Temporary lockout"]}))
        body = encoded({"error": ["EAPI:Rate limit exceeded"]})
        return Reply(200, body, {"Retry-After": str(seconds)})

    def unavailable(self) -> Reply:
        return Reply(200, encoded({"error": ["EService:Unavailable"]}))


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret, validate=True)
    except binascii.Error as error:
        raise ValueError("a Kraken secret is base64") from error


KRAKEN: Final = Kraken()
