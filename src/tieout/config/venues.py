"""Sources that say how things are now: venues, the book, freqtrade's database."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from tieout.config.findings import SECRET_KEYS, Findings, nearest, unknown
from tieout.config.keys import REQUIRED, Key, Table, keyed, list_of, mapping
from tieout.config.mapping import MAPPING
from tieout.config.scalars import choice, duration, span, text
from tieout.config.secret import credential, option, public, url
from tieout.config.settings import (
    BookOptions,
    FreqtradeOptions,
    MappingSettings,
    SourceSettings,
    VenueOptions,
)
from tieout.config.tree import Fault, Node, Reported

_KEYS: Final = ("api_key", "secret")
VENUES: Final[Mapping[str, tuple[str, ...]]] = {
    "binance_spot": _KEYS,
    "binance_perp": _KEYS,
    "bybit_spot": _KEYS,
    "bybit_perp": _KEYS,
    "hyperliquid_perp": ("wallet_address",),
    "mexc_spot": _KEYS,
    "gateio_spot": _KEYS,
    "bitget_spot": (*_KEYS, "password"),
    "kraken_spot": _KEYS,
    "kraken_margin": _KEYS,
    "coinbase_spot": _KEYS,
    "dydx_perp": ("wallet_address",),
}
"""Venues by name, and what each has to know to answer for an account."""

_CCXT: Final = re.compile(r"ccxt:[a-z][a-z0-9]*")
_ENCRYPTED: Final = {"http": "https", "ws": "wss"}


def _venue(node: Node, findings: Findings) -> str:
    value = text(node, findings).strip()
    if value in VENUES or _CCXT.fullmatch(value):
        return value
    message, hint = unknown("venue", value, VENUES)
    raise Fault(node, message, f"{hint}; or `ccxt:<id>` for any other exchange of ccxt")


def _exchange(node: Node, findings: Findings) -> str:
    """An exchange as records name it, and not an adapter."""
    value = text(node, findings).strip()
    if value in VENUES or _CCXT.fullmatch(value):
        own = VenueOptions(value).exchange
        raise Fault(node, f"`{value}` is an adapter", f"records name the exchange: `{own}`")
    return value


def _address(*schemes: str) -> Any:
    """A reader of addresses with one of `schemes`, the encrypted one first."""

    def reader(node: Node, findings: Findings) -> str:
        value = text(node, findings).strip()
        example = f"e.g. `{schemes[0]}://127.0.0.1:9001`, or `{schemes[0]}://api.example.com`"
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise Fault(node, "this is no address of a web service", example) from None
        if parts.username is not None or parts.password is not None:
            hint = "give it as `api_key` and `secret`, by reference"
            raise Fault(node, "an address holds no credentials", hint)
        odd = parts.query or parts.fragment or re.search(r"[\s\x00-\x1f\\]", value)
        if parts.scheme not in schemes or not host or odd:
            raise Fault(node, "this is no address of a web service", example)
        if parts.scheme != schemes[0] and not _loopback(host):
            what = f"{parts.scheme}://{host} is not encrypted"
            hint = f"use {schemes[0]}://; {parts.scheme}:// only to this machine, e.g. 127.0.0.1"
            raise Fault(node, what, hint)
        return value.rstrip("/")

    return reader


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _aliases(node: Node, findings: Findings) -> dict[str, str]:
    """The source's symbol: the canonical one; of two that are called the same, neither is known."""
    found = MAPPING["symbols"].read(node, findings)
    if isinstance(found, str):
        raise Fault(node, f"symbols cannot come from {found}", "a mapping, or a CSV file")
    aliases: dict[str, str] = {}
    for native, symbol in found.items():
        if (first := aliases.setdefault(symbol, native)) != native:
            raise Fault(node, f"`{first}` and `{native}` are both called `{symbol}`")
    return dict(found)


def _symbols(node: Node, findings: Findings) -> frozenset[str] | dict[str, str]:
    """A list of what to ask for; or aliases."""
    if isinstance(node.value, list):
        return frozenset(list_of(text)(node, findings))
    return _aliases(node, findings)


def _options(node: Node, findings: Findings) -> dict[str, Any]:
    """Values for the adapter, references among them. A secret in clear is refused."""
    before = len(findings.problems)
    plain = {name: _plain(each, findings) for name, each in mapping(node).items()}
    for name, each in _below(node):
        if name.lower().replace("-", "_").endswith(SECRET_KEYS):
            hint = "the keys for credentials are `api_key`, `secret` and `password`"
            findings.add(each, f"`{name}` is no option", hint, key=True)
    if len(findings.problems) > before:
        raise Reported(node)
    return plain


def _below(node: Node) -> Iterator[tuple[str, Node]]:
    if isinstance(node.value, dict):
        for name, each in node.value.items():
            yield name, each
            yield from _below(each)
    elif isinstance(node.value, list):
        for each in node.value:
            yield from _below(each)


def _plain(node: Node, findings: Findings) -> Any:
    """Truth values and whole numbers as such; other numbers stay texts, since floats round.

    What is, or has in it, a reference is one.
    """
    match node.value:
        case dict():
            return {name: _plain(each, findings) for name, each in node.value.items()}
        case list():
            return [_plain(each, findings) for each in node.value]
        case str() if not node.quoted:
            if node.value.lower() in ("true", "false"):
                return node.value.lower() == "true"
            if re.fullmatch(r"-?\d{1,18}", node.value, re.ASCII):
                return int(node.value)
    return option(node, findings) if isinstance(node.value, str) else node.value


_ACCOUNT: Final = "The account's name, as records say it."
_LIVE_KEYS: Final[Table] = {
    "constants": replace(MAPPING["constants"], shape="{wallet: spot}"),
    "max_age": Key(span, "5m", "What it says is stale after this time.", None, "never"),
}
_ALIASES: Final = Key(
    _aliases,
    "{BTCUSDT: BTC/USDT}",
    "Its symbol: the canonical one; or a CSV file with the header `native,symbol`. What is not in"
    " it is quarantined.",
    {},
    "as they are",
)
_SCOPE: Final[Table] = {
    "account": Key(text, "main", "Only of this account.", None, "that of the other side"),
    "venue": Key(_exchange, "binance", "Only of this exchange.", None, "that of the other side"),
}

VENUE: Final[Table] = {
    "venue": Key(
        _venue,
        "binance_spot",
        f"{', '.join(f'`{name}`' for name in VENUES)}; any other exchange of ccxt is `ccxt:<id>`.",
        REQUIRED,
    ),
    "account": Key(text, "main", _ACCOUNT, "main"),
    "api_key": Key(credential, "env:BINANCE_KEY", "A reference to the API key."),
    "secret": Key(credential, "file:/run/secrets/binance", "A reference to its secret."),
    "password": Key(
        credential, "env:BITGET_PASSPHRASE", "A reference to its passphrase, where it has one."
    ),
    "wallet_address": Key(
        public,
        "env:WALLET",
        "The address of the account, where the venue knows it by that; it needs no key to be read."
        " A private key is never asked for.",
    ),
    "subaccount": Key(public, "desk-2", "The venue's name or number of a sub-account."),
    "base_url": Key(
        _address("https", "http"),
        "https://api.example.com",
        "In place of the exchange's own address. `http://` only to this machine.",
        None,
        "the exchange's",
    ),
    "ws_url": Key(
        _address("wss", "ws"),
        "wss://ws.example.com",
        "The same, of its websocket. `ws://` only to this machine.",
        None,
        "the exchange's",
    ),
    "timeout": Key(span, "10s", "Of one request.", 10_000_000_000, "`10s`"),
    "symbols": Key(
        _symbols,
        "[BTC/USDT]",
        "What is asked for beside the symbols of the book, where the venue answers by symbol only;"
        " or its symbol: the canonical one (or a CSV file with the header `native,symbol`); what is"
        " not in it stays as it is.",
        frozenset(),
        "those of the book",
    ),
    "lag": Key(
        duration,
        "2s",
        "How long after it happened a fill may be invisible to who asks for it.",
        2_000_000_000,
        "`2s`",
    ),
    "options": Key(
        _options,
        "{rate_limit: 20}",
        "The adapter's own options. A text may be a reference, or have one in it; a password in"
        " clear is refused.",
        {},
    ),
    **_LIVE_KEYS,
    "max_age": Key(
        span,
        "1m",
        "What it says is stale after this time; its prices are none after five minutes, or this.",
        None,
        "never",
    ),
}

METHOD: Final[Table] = {
    "basis": Key(
        choice("basis", ("average", "fifo")),
        "fifo",
        "What a position costs: the average of what opened it, or the oldest of it.",
        "average",
    ),
    "fees": Key(choice("way with fees", ("in", "out")), "in", "In that cost or not.", "out"),
}


def _build_method(basis: str, fees: str) -> tuple[str, str]:
    return basis, fees


BOOK: Final[Table] = {
    **_SCOPE,
    "method": Key(
        keyed(METHOD, _build_method),
        "{basis: fifo, fees: in}",
        "How positions are costed.",
        ("average", "out"),
        "`{basis: average, fees: out}`",
    ),
    "symbols": _ALIASES,
    **_LIVE_KEYS,
}
FREQTRADE: Final[Table] = {
    "url": Key(
        url,
        "sqlite:///tradesv3.sqlite",
        "The SQLAlchemy URL of freqtrade's database. A password in it is a reference.",
        REQUIRED,
    ),
    **_SCOPE,
    "symbols": _ALIASES,
    **_LIVE_KEYS,
}
LIVE_TYPES: Final[Mapping[str, Table]] = {"venue": VENUE, "book": BOOK, "freqtrade": FREQTRADE}


def live_options(
    type_: str, node: Node, keys: Mapping[str, Any], findings: Findings
) -> VenueOptions | BookOptions | FreqtradeOptions:
    """The options of a source of one of LIVE_TYPES, from its keys."""
    match type_:
        case "venue":
            return _venue_options(node, keys, findings)
        case "book":
            basis, fees = keys["method"]
            return BookOptions(keys["account"], keys["venue"], basis, fees)
        case _:
            return FreqtradeOptions(keys["url"], keys["account"], keys["venue"])


def _venue_options(node: Node, keys: Mapping[str, Any], findings: Findings) -> VenueOptions:
    venue, symbols = keys["venue"] or "", keys["symbols"]
    _check_credentials(venue, node, keys, findings)
    same = ("account", "api_key", "secret", "password", "wallet_address", "subaccount")
    addresses = ("base_url", "ws_url", "timeout", "lag", "options")
    return VenueOptions(
        venue=venue,
        symbols=symbols if isinstance(symbols, frozenset) else frozenset(),
        **{name: keys[name] for name in (*same, *addresses)},
    )


def _check_credentials(venue: str, node: Node, keys: Mapping[str, Any], findings: Findings) -> None:
    """That what the venue has to know is there. Prices and instruments are open to everybody."""
    entries = mapping(node)
    if keys["records"] in ("prices", "instruments"):
        return
    needed = VENUES.get(venue, ())
    for name in needed:
        if name not in entries:
            shape = VENUE[name].shape
            what = f"{venue} needs `{name}`"
            findings.add(node, what, f"add it as a reference: `{name}: {shape}`", key=True)
    if bool(entries.get("api_key")) is not bool(entries.get("secret")) and not needed:
        one, other = ("secret", "api_key") if "api_key" in entries else ("api_key", "secret")
        if other in entries:
            hint = f"add `{one}: {VENUE[one].shape}`"
            findings.add(entries[other], f"`{other}` without `{one}`", hint, key=True)


def live_mapping(keys: Mapping[str, Any]) -> MappingSettings:
    """Aliases and constants: what can be said of records that need no reading."""
    symbols = keys["symbols"]
    return MappingSettings(
        constants=keys["constants"],
        symbols=symbols if isinstance(symbols, dict) else {},
    )


def check_keys(
    nodes: Mapping[str, Node],
    sources: Mapping[str, SourceSettings | None],
    findings: Findings,
) -> None:
    """Warn of a credential that two exchanges are given: each would learn the other's."""
    owners: dict[str, tuple[str, str]] = {}
    for name, source in sources.items():
        if source is None or not isinstance(source.options, VenueOptions):
            continue
        exchange = source.options.exchange
        for key in ("api_key", "secret", "password"):
            reference = source.options.references.get(key)
            if reference is None:
                continue
            first, theirs = owners.setdefault(reference.text, (name, exchange))
            if theirs != exchange:
                what = f"`{first}` has the same `{reference}` for {theirs}, another exchange"
                findings.warn(mapping(nodes[name])[key], what, "every exchange has its own key")


def refuse_secrets(node: Node, known: Table, findings: Findings) -> list[str]:
    """Report every key for a secret that is none of `known`; returns them all.

    A secret has its own keys, or its place inside of a URL, and never stands in clear.
    """
    entries = mapping(node)
    found = [key for key in entries if key.lower().endswith(SECRET_KEYS) and key not in known]
    for key in found:
        value = entries[key].value
        if key.lower().endswith(("private_key", "privatekey", "mnemonic")):
            hint = "Tieout only reads: give `wallet_address` or an API key that may only read"
            findings.add(entries[key], f"`{key}` is not accepted", hint, key=True)
        elif isinstance(value, str) and not value.startswith(("env:", "file:", "keyring:")):
            hint = f"refer to it, e.g. `env:{key.upper()}`"
            findings.add(entries[key], f"`{key}` stands here in clear", hint, key=True)
        else:
            close = nearest(key, [name for name in known if name.endswith(SECRET_KEYS)])
            hint = "a database's password goes into its URL: `…://user:${env:PGPASSWORD}@host/db`"
            if "api_key" in known:
                hint = f"did you mean `{close or 'secret'}`?"
            findings.add(entries[key], f"`{key}` is no key of this source", hint, key=True)
    return found
