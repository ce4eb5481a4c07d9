"""From a request to what comes back: find the venue, apply faults, check, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tieout.testing.exchange.binance import BINANCE
from tieout.testing.exchange.bybit import BYBIT
from tieout.testing.exchange.faults import FAIR, Ruling, Trouble, said_instead
from tieout.testing.exchange.kraken import KRAKEN
from tieout.testing.exchange.wire import Call, Endpoint, Refusal, Reply, Request, Wire

if TYPE_CHECKING:
    from tieout.testing.exchange.model import Exchange

WIRES: Final[Mapping[str, Wire]] = {"binance": BINANCE, "bybit": BYBIT, "kraken": KRAKEN}

_PREFIXES: Final[Mapping[str, Wire]] = {
    "/api/": BINANCE, "/fapi/": BINANCE, "/sapi/": BINANCE, "/v5/": BYBIT, "/0/": KRAKEN,
}  # fmt: skip
"""No two venues share a path, so that one server can be all of them."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A reply and how it gets back: whole, cut (half of the body comes), or not at all.

    Attributes:
        lost: TIMEOUT or DROPPED; `reply` means nothing then.
    """

    reply: Reply
    cut: bool = False
    lost: Trouble | None = None


def answer(
    exchange: Exchange,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: str | None,
    *,
    venue: str | None = None,
    faults: bool = True,
) -> Delivery:
    """What the exchange does with a request at this instant."""
    request = Request.of(method, url, headers, body)
    prefix = next((each for each in _PREFIXES if request.path.startswith(each)), None)
    wire = None if prefix is None else _PREFIXES[prefix]
    if wire is None or (venue is not None and wire.venue != venue):
        return Delivery(Reply(404, "<html><body>404 Not found</body></html>", type="text/html"))
    now = exchange.advance()
    endpoint = wire.find(request)
    if endpoint is None:
        return Delivery(wire.unknown())
    ruling = exchange.faults.rule(request, endpoint, now) if faults else FAIR
    if ruling.instead in {Trouble.TIMEOUT, Trouble.DROPPED}:
        return Delivery(Reply(0, ""), lost=ruling.instead)
    if ruling.instead is not None:
        return Delivery(said_instead(wire, ruling))
    return Delivery(_asked(exchange, wire, endpoint, request, ruling, now), cut=ruling.cut)


def _asked(
    exchange: Exchange, wire: Wire, endpoint: Endpoint, request: Request, ruling: Ruling, now: int
) -> Reply:
    skewed = now + exchange.faults.skew(now)
    try:
        call = Call(exchange, request, request.params(), skewed, now, ruling.distortion)
        spent = wire.spend(call, endpoint) if exchange.limits else {}
        call.key = wire.admit(call, endpoint)
        reply = wire.wrap(call, endpoint.answer(call))
    except Refusal as refusal:
        return refusal.reply
    return replace(reply, headers={**reply.headers, **spent}) if spent else reply
