"""Sources that say how things are now: what they are given, and that no secret stands in clear."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_documents import problems

from tieout.config import BookOptions, FreqtradeOptions, Settings, VenueOptions, parse
from tieout.config.venues import VENUES
from tieout.core.text import NS
from tieout.errors import ConfigError

KEYS = "api_key: env:KEY, secret: env:SECRET"
PRIVATE = "0x" + "4f" * 32


def document(venue: str = f"venue: binance_spot, {KEYS}", book: str = "type: book") -> str:
    return f"""\
version: 1
sources:
  book: {{{book}}}
  there: {{type: venue, {venue}}}
reconciliations:
  balances: {{records: balances, internal: book, external: there}}
"""


def venue_of(text: str, base: Path | None = None, **environ: str) -> VenueOptions:
    options = parse(document(text), base, environ).sources["there"].options
    assert isinstance(options, VenueOptions)
    return options


def book_of(text: str) -> Settings:
    return parse(document(book=text), Path("/base"), {})


def test_a_venue_with_everything(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    options = venue_of(
        "venue: bitget_spot, account: desk, api_key: env:KEY, secret: file:secret,"
        " password: '${env:PHRASE}', subaccount: 3, base_url: http://127.0.0.1:9001/,"
        " ws_url: ws://localhost:9001, timeout: 2500ms, symbols: [BTC/USDT, ETH/USDT], lag: 0s,"
        " options: {rate_limit: false, uta: True, n: 20, half: 0.5, word: 'true', in: {x: [1, a]}}",
        tmp_path,
        KEY="key1",
        PHRASE="phrase1",
    )
    assert (options.venue, options.exchange, options.account) == ("bitget_spot", "bitget", "desk")
    resolved = {name: each.resolve() for name, each in options.references.items()}
    assert resolved == {
        "api_key": "key1",
        "secret": "hunter2",
        "password": "phrase1",
        "subaccount": "3",
    }
    assert (options.base_url, options.ws_url) == ("http://127.0.0.1:9001", "ws://localhost:9001")
    assert (options.timeout, options.lag) == (2_500_000_000, 0)
    assert options.symbols == {"BTC/USDT", "ETH/USDT"}
    assert options.options == {
        "rate_limit": False,
        "uta": True,
        "n": 20,
        "half": "0.5",
        "word": "true",
        "in": {"x": [1, "a"]},
    }
    for secret in ("hunter2", "key1", "phrase1"):
        assert secret not in repr(options)


def test_what_a_venue_is_without_saying_so() -> None:
    options = venue_of(f"venue: kraken_margin, {KEYS}")
    assert options.account == "main"
    assert (options.timeout, options.lag) == (10 * NS, 2 * NS)
    assert options.base_url is options.ws_url is None
    assert options.symbols == frozenset()
    assert options.exchange == "kraken"


@pytest.mark.parametrize("name", VENUES)
def test_every_venue_says_what_it_needs(name: str) -> None:
    found = problems(document(f"venue: {name}"))
    assert {each.message for each in found} == {f"{name} needs `{key}`" for key in VENUES[name]}
    assert {each.line for each in found} == {4}
    given = ", ".join(f"{key}: env:X" for key in VENUES[name])
    assert problems(document(f"venue: {name}, {given}")) == ()


def test_any_exchange_of_ccxt() -> None:
    assert venue_of(f"venue: ccxt:kucoin, {KEYS}").exchange == "kucoin"
    assert venue_of("venue: ccxt:kucoin").references == {}
    [problem] = problems(document("venue: ccxt:kucoin, api_key: env:X"))
    assert problem.message == "`api_key` without `secret`"


def test_prices_and_instruments_need_no_key() -> None:
    text = document().replace(
        "reconciliations",
        "  p: {type: venue, venue: binance_spot, records: prices, max_age: 1m}\nreconciliations",
    )
    settings = parse(text, None, {})
    assert settings.reconciliations["balances"].prices == "p"
    assert settings.sources["p"].max_age == 60 * NS


@pytest.mark.parametrize("scheme", ["http", "ws"])
@pytest.mark.parametrize(
    "host", ["127.0.0.1:9001", "127.8.9.10", "localhost", "LOCALHOST:1", "[::1]:9001"]
)
def test_plain_addresses_of_this_machine_are_good(scheme: str, host: str) -> None:
    key = "base_url" if scheme == "http" else "ws_url"
    options = venue_of(f"venue: binance_spot, {KEYS}, {key}: '{scheme}://{host}'")
    assert getattr(options, key) == f"{scheme}://{host}"


@pytest.mark.parametrize(
    "host",
    [
        "api.example.com",
        "10.0.0.1",
        "127.0.0.1.example.com",
        "localhost.example.com",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "[::2]",
    ],
)
def test_plain_addresses_of_others_are_refused(host: str) -> None:
    [problem] = problems(document(f"venue: binance_spot, {KEYS}, base_url: 'http://{host}'"))
    assert "is not encrypted" in problem.message
    assert problem.hint is not None
    assert "https://" in problem.hint
    assert problem.path == "sources.there.base_url"
    [problem] = problems(document(f"venue: binance_spot, {KEYS}, ws_url: 'ws://{host}'"))
    assert "is not encrypted" in problem.message


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://user:hunter2@api.example.com", "an address holds no credentials"),
        ("http://localhost@evil.example.com", "an address holds no credentials"),
        ("https://api.example.com?api_key=hunter2", "no address of a web service"),
        ("https://api.example.com#x", "no address of a web service"),
        ("https://", "no address of a web service"),
        ("https://[::1", "no address of a web service"),
        ("https://host:port", "no address of a web service"),
        ("api.example.com", "no address of a web service"),
        ("wss://api.example.com", "no address of a web service"),
        ("file:///etc/passwd", "no address of a web service"),
        ("http://127.0.0.1\\@evil.example.com", "no credentials"),
    ],
)
def test_a_wrong_address(url: str, message: str) -> None:
    [problem] = problems(document(f"venue: binance_spot, {KEYS}, base_url: '{url}'"))
    assert message in problem.message
    assert "hunter2" not in f"{problem}"


@pytest.mark.parametrize("key", ["api_key", "secret", "password"])
@pytest.mark.parametrize("value", ["hunter2", "hunter2${env:X}", "${env:X}${env:hunter2}", "ENV:x"])
def test_a_credential_in_clear_is_refused_and_not_repeated(key: str, value: str) -> None:
    given = {"api_key": "env:K", "secret": "env:S", key: f"'{value}'"}
    text = ", ".join(f"{name}: {each}" for name, each in given.items())
    [problem] = problems(document(f"venue: binance_spot, {text}"))
    assert problem.message == f"`{key}` stands here in clear"
    assert problem.line == 4
    assert problem.hint is not None
    assert f"env:{key.upper()}" in problem.hint
    assert "hunter2" not in f"{problem}"


@pytest.mark.parametrize("value", ["env:", "'file: '", "'${env:}'"])
def test_a_reference_to_nothing(value: str) -> None:
    [problem] = problems(document(f"venue: binance_spot, api_key: env:K, secret: {value}"))
    assert "refers to nothing" in problem.message


@pytest.mark.parametrize("key", ["private_key", "privateKey", "wallet_private_key", "mnemonic"])
@pytest.mark.parametrize("value", [PRIVATE, "env:PRIVATE", "hunter2 words"])
def test_a_private_key_is_never_accepted(key: str, value: str) -> None:
    text = f"venue: hyperliquid_perp, wallet_address: env:W, {key}: '{value}'"
    [problem] = problems(document(text))
    assert problem.message == f"`{key}` is not accepted"
    for secret in ("4f4f", "hunter2"):
        assert secret not in f"{problem}"


@pytest.mark.parametrize("value", [PRIVATE, PRIVATE[2:]])
def test_a_private_key_in_place_of_an_address_is_refused_and_not_repeated(value: str) -> None:
    [problem] = problems(document(f"venue: hyperliquid_perp, wallet_address: '{value}'"))
    assert problem.message == "this looks like a private key"
    assert "4f4f" not in f"{problem}"
    address = "0x" + "4f" * 20
    options = venue_of(f"venue: hyperliquid_perp, wallet_address: '{address}'")
    assert options.references["wallet_address"].resolve() == address


@pytest.mark.parametrize("options", ["{apiKey: hunter2}", "{a: [{secret: hunter2}]}"])
def test_a_secret_among_the_options_is_refused(options: str) -> None:
    [problem] = problems(document(f"venue: binance_spot, {KEYS}, options: {options}"))
    assert "is no option" in problem.message
    assert "hunter2" not in f"{problem}"


@pytest.mark.parametrize(
    "proxy",
    [
        "http://me:hunter2@proxy:3128",
        "me:hunter2@proxy:3128",
        "http://me:hunt/hunter2@proxy",
        "http://proxy:3128/?token=hunter2",
    ],
)
@pytest.mark.parametrize("options", ["{{proxy: '{}'}}", "{{ccxt: {{proxies: ['{}']}}}}"])
def test_a_password_in_clear_in_an_option_is_refused(proxy: str, options: str) -> None:
    [problem] = problems(document(f"venue: binance_spot, {KEYS}, options: {options.format(proxy)}"))
    assert problem.message == "a password stands here in clear"
    assert problem.hint is not None
    assert "env:PROXY" in problem.hint
    assert "hunter2" not in f"{problem}"


def test_an_option_may_be_a_reference(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter/2\n")
    options = venue_of(
        f"venue: binance_spot, {KEYS}, options: {{proxy: env:PX, plain: 'http://proxy:3128',"
        " ccxt: {in: ['http://me:${file:pw}@proxy', a@b:c, 7]}}",
        tmp_path,
        PX="http://me:hunter2@proxy:3128",
    )
    assert "hunter" not in repr(options)
    assert options.resolved() == {
        "proxy": "http://me:hunter2@proxy:3128",
        "plain": "http://proxy:3128",
        "ccxt": {"in": ["http://me:hunter%2F2@proxy", "a@b:c", 7]},
    }
    absent = venue_of(f"venue: binance_spot, {KEYS}, options: {{proxy: env:PX}}")
    with pytest.raises(ConfigError, match="PX is not set"):
        absent.resolved()
    [problem] = problems(document(f"venue: binance_spot, {KEYS}, options: {{proxy: 'env:'}}"))
    assert problem.message == "`env:` refers to nothing"


def test_two_exchanges_with_one_key_are_warned_of() -> None:
    text = document().replace(
        "reconciliations", f"  more: {{type: venue, venue: bybit_spot, {KEYS}}}\nreconciliations"
    )
    settings = parse(text, None, {})
    assert [each.message for each in settings.warnings] == [
        "`there` has the same `env:KEY` for binance, another exchange",
        "`there` has the same `env:SECRET` for binance, another exchange",
    ]
    assert settings.warnings[0].path == "sources.more.api_key"
    again = text.replace("bybit_spot", "binance_perp")
    assert parse(again, None, {}).warnings == ()


def test_symbols_of_a_venue_are_a_list_or_aliases(tmp_path: Path) -> None:
    listed = parse(document(f"venue: kraken_spot, {KEYS}, symbols: [XBT/USD]"), tmp_path, {})
    assert listed.sources["there"].mapping.symbols == {}
    aliases = parse(document(f"venue: kraken_spot, {KEYS}, symbols: {{A: B}}"), tmp_path, {})
    assert aliases.sources["there"].mapping.symbols == {"A": "B"}
    options = aliases.sources["there"].options
    assert isinstance(options, VenueOptions)
    assert options.symbols == frozenset()


def test_books() -> None:
    settings = book_of(
        "type: book, account: main, venue: binance, method: {basis: fifo, fees: in}, max_age: 5m,"
        " symbols: {BTCUSDT: BTC/USDT}, constants: {wallet: spot}"
    )
    book = settings.sources["book"]
    assert book.options == BookOptions("main", "binance", "fifo", "in")
    assert book.max_age == 300 * NS
    assert book.mapping.symbols == {"BTCUSDT": "BTC/USDT"}
    assert book.mapping.constants == {"wallet": "spot"}
    assert book.live
    assert book_of("type: book").sources["book"].options == BookOptions()
    assert book_of("type: book, method: {basis: fifo}").sources["book"].options == BookOptions(
        basis="fifo", fees="out"
    )


def test_freqtrade() -> None:
    options = book_of("type: freqtrade, url: sqlite:///tradesv3.sqlite").sources["book"].options
    assert isinstance(options, FreqtradeOptions)
    assert options.url.resolve() == "sqlite:////base/tradesv3.sqlite"
    with pytest.raises(ConfigError, match="a password stands here in clear"):
        book_of("type: freqtrade, url: 'postgresql://a:hunter2@db/x'")


VENUE_CASES = {
    "venue": ("venue: binance_sopt", "unknown venue `binance_sopt` (did you mean `binance_spot`?)"),
    "venue without market": ("venue: dydx", "(did you mean `dydx_perp`?)"),
    "ccxt": ("venue: 'ccxt:'", "unknown venue `ccxt:`"),
    "no venue": ("account: x", "`venue` is missing"),
    "key": (f"venue: binance_spot, {KEYS}, symbol: [A]", "(did you mean `symbols`?)"),
    "other secret": (f"venue: binance_spot, {KEYS}, api_secret: env:X", "is no key of this"),
    "no time": (f"venue: binance_spot, {KEYS}, timeout: 0s", "0s is no time at all"),
    "no unit": (f"venue: binance_spot, {KEYS}, lag: 2", "2 has no unit"),
    "constant": (f"venue: binance_spot, {KEYS}, constants: {{wallt: x}}", "(did you mean `wallet`"),
    "zone": (f"venue: binance_spot, {KEYS}, timezone: UTC", "`timezone` is of sources of type"),
    "symbols from": (f"venue: kraken_spot, {KEYS}, symbols: list", "symbols cannot come from list"),
    "one name": (
        f"venue: kraken_spot, {KEYS}, symbols: {{A: C, B: C}}",
        "`A` and `B` are both called `C`",
    ),
    "pnl": (f"venue: binance_spot, {KEYS}, records: pnl", "unknown record type `pnl`"),
}


@pytest.mark.parametrize(("text", "message"), VENUE_CASES.values(), ids=VENUE_CASES)
def test_a_wrong_venue(text: str, message: str) -> None:
    found = [each for each in problems(document(text)) if message in each.message]
    assert [each.line for each in found] == [4]


BOOK_CASES = {
    "adapter": ("type: book, venue: binance_spot", "`binance_spot` is an adapter"),
    "basis": ("type: book, method: {basis: lifo}", "unknown basis `lifo` (did you mean `fifo`?)"),
    "fees": ("type: book, method: {fees: no}", "unknown way with fees `no`"),
    "method": ("type: book, method: fifo", "a mapping belongs here"),
    "key": ("type: book, url: env:X", "`url` is of sources of type sql or freqtrade; this one is"),
    "symbols": ("type: book, symbols: {A: C, B: C}", "`A` and `B` are both called `C`"),
    "no url": ("type: freqtrade", "`url` is missing"),
    "file": ("type: file, path: a.csv, account: main", "`account` is of sources of type venue,"),
    "later": ("type: kafka", "sources of type `kafka` do not exist yet"),
}


@pytest.mark.parametrize(("text", "message"), BOOK_CASES.values(), ids=BOOK_CASES)
def test_a_wrong_book(text: str, message: str) -> None:
    found = [each for each in problems(document(book=text)) if message in each.message]
    assert [each.line for each in found] == [3]


def test_a_constant_is_suggested_where_a_file_has_none() -> None:
    found = problems(document(book="type: file, path: a.csv, account: main"))
    assert "`constants: {account: main}`" in {each.hint for each in found}


def test_a_type_is_guessed_from_the_keys() -> None:
    found = problems(document().replace("type: venue, ", ""))
    assert "add `type: venue`" in str([each.hint for each in found])
