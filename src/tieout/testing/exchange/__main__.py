"""`python -m tieout.testing.exchange`: serve the simulated exchange until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import base64
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from tieout.errors import MissingExtra
from tieout.testing.exchange.faults import Fault, Faults, Trouble
from tieout.testing.exchange.market import Market
from tieout.testing.exchange.model import Exchange

KEYS: Final = {
    "binance": ("simulated-binance", "not-a-secret"),
    "bybit": ("simulated-bybit", "not-a-secret"),
    "kraken": ("simulated-kraken", base64.b64encode(b"not-a-secret").decode()),
}
"""An API key and its secret for each venue: they open nothing but this exchange."""


def planned(text: str) -> Fault:
    """`timeout=0.02`: the kind of fault, and the share of requests that it happens to."""
    kind, _, rate = text.partition("=")
    try:
        return Fault(Trouble(kind), rate=float(rate) if rate else None)
    except ValueError:
        known = ", ".join(each.value for each in Trouble)
        raise argparse.ArgumentTypeError(f"{text}: write KIND=SHARE; kinds: {known}") from None


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(
        "python -m tieout.testing.exchange",
        description="Serve a simulated Binance, Bybit and Kraken on loopback.",
    )
    parser.add_argument("--port", type=int, default=9001, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=2.0, help="fills a second; 0: none")
    parser.add_argument(
        "--fault", type=planned, action="append", default=[], metavar="KIND=SHARE",
        help="what goes wrong, and how often: timeout=0.02; may be repeated",
    )  # fmt: skip
    return parser.parse_args(arguments)


def built(chosen: argparse.Namespace) -> Exchange:
    """The exchange that was asked for: an account `main` at each venue."""
    exchange = Exchange(seed=chosen.seed, faults=Faults(chosen.seed, chosen.fault))
    for venue, (key, secret) in KEYS.items():
        exchange.open(venue, key=key, secret=secret)
    market = Market(exchange, list(exchange.accounts.values()), seed=chosen.seed, rate=chosen.rate)
    market.endow()
    return exchange


async def main(chosen: argparse.Namespace) -> None:
    """Serve until cancelled."""
    from tieout.testing.exchange.server import serve

    async with serve(built(chosen), port=chosen.port) as server:
        sys.stdout.write(f"{server.base_url}  {server.ws_url}\n")
        for venue, (key, secret) in KEYS.items():
            sys.stdout.write(f"{venue:8} api_key {key}  secret {secret}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        try:
            asyncio.run(main(options()))
        except MissingExtra as error:
            sys.exit(str(error))
