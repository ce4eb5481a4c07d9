"""Coinbase over HTTP: several accounts a currency, sizes in quote, corrections, cursors."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from venue_replay import ago, asking, told

from tieout.adapters.venues.settings import Credentials
from tieout.adapters.venues.venue import VenueFeed
from tieout.core.live import Answer, Ask, Permissions
from tieout.errors import VenueError, VenueMalformed, VenueRateLimited, VenueRefused
from tieout.testing.replay import Replay, Reply

VENUE = "coinbase_spot"
DAY = ago(hours=24)
ACCOUNTS = "/api/v3/brokerage/accounts"
FILLS = "/api/v3/brokerage/orders/historical/fills"


ODD = ("coinbase.txt", "coinbase_odd.txt")


def answer(ask: Ask, fixture: Any = "coinbase.txt", **settings: Any) -> Answer:
    async def one(feed: VenueFeed, replay: Replay) -> Answer:
        return await feed.fetch(ask)

    return asking(VENUE, fixture, one, **settings)


def test_accounts_of_a_currency_are_one_balance_and_a_vault_is_another() -> None:
    found = answer(Ask("balances"))
    assert told(found, "currency", "wallet", "total", "free", "used") == [
        ("USD", "spot", "110", "100.25", "9.75"),
        ("ADA", "spot", "28.361178", "27.361178", "1"),
        ("ADA", "funding", "7", "7", "0"),
    ]
    assert found.wallets == {"spot", "funding"}
    assert found.complete


def test_sizes_in_quote_reversals_and_what_is_new() -> None:
    found = answer(Ask("trades", since=DAY), ODD)
    columns = ("trade_id", "quantity", "price", "fee", "fee_currency", "exec_type", "supersedes")
    assert told(found, *columns) == [
        ("t1", "0.01", "79999.5", "1.0000000001", "USD", "trade", None),
        ("t2", "0.000333333333333333", "30000", "0.03", "USD", "trade", None),
        ("e3", "0.000333333333333333", "30000", "0.03", "USD", "bust", "t2"),
    ]
    assert found.records[0].values["timestamp"] == 1_740_827_400_091_377_090
    assert [row.field for row in found.quarantined] == ["trade_type"]


def test_orders() -> None:
    found = answer(Ask("orders", since=DAY))
    columns = ("order_id", "quantity", "filled", "price", "average_price", "status")
    assert told(found, *columns) == [
        ("o1", "0.02", "0.01", "80000", "79999.5", "partially_filled"),
        ("o2", "0.000297920684505", "0.000297920684505", None, "21220.6399999973697697", "filled"),
    ]


def test_prices_instruments_and_permissions() -> None:
    assert told(answer(Ask("prices")), "pair", "price") == [("BTC/USD", "90000.55")]
    rows = told(answer(Ask("instruments")), "symbol", "tick", "lot")
    assert rows[1] == ("ADA/USDT", "0.0001", "0.01")

    async def ask(feed: VenueFeed, replay: Replay) -> Permissions:
        return await feed.permissions()

    assert asking(VENUE, "coinbase.txt", ask) == Permissions(True, False, False)


@pytest.mark.parametrize(
    "body", ['{"fills": []}', '{"cursor": ""}', '{"fills": null, "cursor": ""}', "{}", "[]"]
)
def test_edge_05_a_page_that_lacks_something_is_not_the_last_one(body: str) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("GET", FILLS, Reply(body), where={"cursor": "f2"})
        with pytest.raises(VenueMalformed):
            await feed.fetch(Ask("trades", since=DAY))

    asking(VENUE, "coinbase.txt", ask)


def test_a_cursor_that_comes_again_is_an_error_and_not_the_end() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        fill = '{"fills": [{"entry_id": "%s"}], "cursor": "f2"}'
        replay.on("GET", FILLS, Reply(fill % "x"), where={"cursor": "f2"})
        with pytest.raises(VenueMalformed, match="second time"):
            await feed.fetch(Ask("trades", since=DAY))

    asking(VENUE, "coinbase.txt", ask)


def test_an_empty_last_page_ends_the_list() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> Answer:
        replay.on("GET", FILLS, {"fills": [], "cursor": ""}, where={"cursor": "f2"})
        return await feed.fetch(Ask("trades", since=DAY))

    assert len(asking(VENUE, "coinbase.txt", ask).records) == 1


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, "Unauthorized\n", VenueRefused),
        (401, {"error": "unauthorized", "message": "bad key"}, VenueRefused),
        (403, {"error": "PERMISSION_DENIED", "message": "missing scope"}, VenueRefused),
        (429, {"errors": [{"id": "rate_limit_exceeded", "message": "slow"}]}, VenueRateLimited),
        (500, {"error": "INTERNAL", "message": "x"}, VenueError),
    ],
)
def test_refusals_and_limits_are_told_apart(
    status: int, body: Any, error: type[VenueError]
) -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        replay.on("GET", ACCOUNTS, Reply(body, status))
        with pytest.raises(VenueError) as caught:
            await feed.fetch(Ask("balances"))
        assert type(caught.value) is error

    asking(VENUE, "coinbase.txt", ask)


def test_a_legacy_key_signs_path_and_time() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        await feed.fetch(Ask("balances"))
        asked = replay.asked("GET", ACCOUNTS)[0]
        signed = asked.headers["CB-ACCESS-TIMESTAMP"] + "GET" + ACCOUNTS
        secret = b"legacy-secret-of-nobody"
        assert (
            asked.headers["CB-ACCESS-SIGN"]
            == hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()
        )

    who = Credentials(key="key-of-nobody", secret="legacy-secret-of-nobody")
    asking(VENUE, "coinbase.txt", ask, credentials=who)


def token_of(key: str, secret: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what was signed, and the signature of the token that a key makes."""

    async def ask(feed: VenueFeed, replay: Replay) -> str:
        await feed.fetch(Ask("balances"))
        return replay.asked("GET", ACCOUNTS)[0].headers["Authorization"]

    who = Credentials(key=key, secret=secret)
    header, claims, signature = (
        asking(VENUE, "coinbase.txt", ask, credentials=who).removeprefix("Bearer ").split(".")
    )

    def decoded(part: str) -> bytes:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

    signed = f"{header}.{claims}".encode()
    return json.loads(decoded(header)), json.loads(decoded(claims)), signed, decoded(signature)


def test_a_cdp_key_signs_a_token_for_one_path() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()
    header, claims, signed, signature = token_of("organizations/o/apiKeys/k", pem)
    assert (header["alg"], header["kid"]) == ("ES256", "organizations/o/apiKeys/k")
    assert claims["uri"].endswith(ACCOUNTS)
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    der = utils.encode_dss_signature(r, s)
    private.public_key().verify(der, signed, ec.ECDSA(hashes.SHA256()))


def test_an_ed25519_key_signs_too() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    public = private.public_key()
    secret = base64.b64encode(private.private_bytes_raw() + public.public_bytes_raw()).decode()
    header, _, signed, signature = token_of("00000000-0000-0000-0000-0000000000a1", secret)
    assert header["alg"] == "EdDSA"
    public.verify(signature, signed)


def test_a_private_key_that_is_none_is_refused_without_showing_it() -> None:
    async def ask(feed: VenueFeed, replay: Replay) -> None:
        with pytest.raises(VenueRefused, match="not of the form") as caught:
            await feed.fetch(Ask("balances"))
        assert "MHcC" not in str(caught.value)
        assert not replay.asked("GET", ACCOUNTS)

    pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIA4MgKzQ\n-----END EC PRIVATE KEY-----\n"
    who = Credentials(key="organizations/o/apiKeys/k", secret=pem)
    asking(VENUE, "coinbase.txt", ask, credentials=who)
