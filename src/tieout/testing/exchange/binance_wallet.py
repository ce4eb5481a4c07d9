"""Binance's wallet endpoints (`/sapi`): transfers, deposits, withdrawals, what a key may do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tieout.testing.exchange.binance_words import DAY, refuse
from tieout.testing.exchange.records import EXACT, ZERO, Movement
from tieout.testing.exchange.wire import Call, Endpoint, fixed, stripped

_WALLETS: Final = {
    "MAIN": "spot",
    "UMFUTURE": "futures",
    "FUNDING": "funding",
    "CMFUTURE": "coin-futures",
    "MARGIN": "margin",
}


SEEN: Final = 3_600_000 + 1_800_000
"""Milliseconds from when a deposit is seen, by which it is listed, until it is credited."""

SENT: Final = 300_000
"""Milliseconds from when a withdrawal is asked for, by which it is listed, until it has left."""


def _movements(call: Call, kind: str, days: int, later: int = 0) -> Iterator[Movement]:
    """Newest first, of the window that was asked for; by what was so much before they counted."""
    end = call.integer("endTime", call.actual) or call.actual
    start = call.integer("startTime")
    since = end - days * DAY if start is None else start
    coin = call.params.get("coin")
    for event in reversed(call.account.history.between(since + later, end + later)):
        movement = event.movement
        if movement is not None and movement.type == kind and coin in {None, movement.asset}:
            yield movement


def _page(call: Call, rows: list[Any], most: int) -> list[Any]:
    offset, limit = call.integer("offset", 0) or 0, call.integer("limit", most) or most
    return rows[offset : offset + min(limit, most)]


def deposits(call: Call) -> Any:
    rows = [
        {
            "id": str(each.id),
            "amount": stripped(each.amount),
            "coin": each.asset,
            "network": each.asset,
            "status": 1,
            "address": "0x0000000000000000000000000000000000000001",
            "addressTag": "",
            "txId": f"0x{each.reference}",
            "insertTime": each.at - SEEN,
            "completeTime": each.at,
            "transferType": 0,
            "confirmTimes": "1/1",
            "unlockConfirm": 1,
            "walletType": 0,
        }
        for each in _movements(call, "deposit", 90, SEEN)
    ]
    return _page(call, rows, 1000)


def withdrawals(call: Call) -> Any:
    """Times are texts in UTC; the amount is without the fee."""
    rows = [
        {
            "id": f"{each.id:032x}",
            "amount": stripped(EXACT.subtract(each.amount.copy_negate(), each.fee)),
            "transactionFee": stripped(each.fee),
            "coin": each.asset,
            "status": 6 if _left(call, each) else 4,
            "address": "0x0000000000000000000000000000000000000002",
            "txId": f"0x{each.reference}",
            "applyTime": _text(each.at),
            **({"completeTime": _text(each.at + SENT)} if _left(call, each) else {}),
            "network": each.asset,
            "transferType": 0,
            "info": "",
            "confirmNo": 1,
            "walletType": 0,
            "txKey": "",
        }
        for each in _movements(call, "withdrawal", 90)
    ]
    return _page(call, rows, 1000)


def _left(call: Call, movement: Movement) -> bool:
    return movement.at + SENT <= call.actual


def _text(at: int) -> str:
    return datetime.fromtimestamp(at // 1000, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


def transfers(call: Call) -> Any:
    """Of one direction: `MAIN_UMFUTURE`."""
    kind = call.params.get("type", "")
    source, _, target = kind.partition("_")
    if source not in _WALLETS or target not in _WALLETS:
        raise refuse(
            400, -1102, "Mandatory parameter 'type' was not sent, was empty/null, or malformed."
        )
    found = [
        each
        for each in _movements(call, "transfer", 7)
        if (each.wallet, each.other) == (_WALLETS[source], _WALLETS[target])
    ]
    size, page = min(call.integer("size", 10) or 10, 100), call.integer("current", 1) or 1
    rows = [
        {
            "asset": each.asset,
            "amount": stripped(each.amount.copy_abs()),
            "type": kind,
            "status": "CONFIRMED",
            "tranId": each.id,
            "timestamp": each.at,
        }
        for each in found[(page - 1) * size : page * size]
    ]
    return {"total": len(found), "rows": rows} if rows else {"total": len(found)}


def funding_wallet(call: Call) -> Any:
    return [
        {
            "asset": asset,
            "free": fixed(total),
            "locked": "0",
            "freeze": "0",
            "withdrawing": "0",
            "btcValuation": "0",
        }
        for asset, total in sorted(call.state.holdings("funding").items())
        if total
    ]


def user_assets(call: Call) -> Any:
    """The spot wallet again, only what there is of it."""
    locked = call.state.locked()
    return [
        {
            "asset": asset,
            "free": fixed(EXACT.subtract(total, locked.get(asset, ZERO))),
            "locked": fixed(locked.get(asset, ZERO)),
            "freeze": "0",
            "withdrawing": "0",
            "ipoable": "0",
            "btcValuation": "0",
        }
        for asset, total in sorted(call.state.holdings("spot").items())
        if total
    ]


def earn(call: Call) -> Any:
    rows = [
        {
            "asset": asset,
            "totalAmount": fixed(total),
            "productId": f"{asset}001",
            "canRedeem": True,
            "collateralAmount": "0",
        }
        for asset, total in sorted(call.state.holdings("earn").items())
        if total > ZERO
    ]
    return {"rows": rows, "total": len(rows)}


def no_rows(_: Call) -> Any:
    return {"rows": [], "total": 0}


def restrictions(call: Call) -> Any:
    key = call.key
    assert key is not None
    return {
        "ipRestrict": False,
        "createTime": call.exchange.began,
        "enableReading": True,
        "enableWithdrawals": key.withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": key.trade,
        "permitsUniversalTransfer": False,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": key.trade,
        "enablePortfolioMarginTrading": False,
    }


def nothing(_: Call) -> Any:
    return []


WALLET: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", "/sapi/v1/account/apiRestrictions"): Endpoint(restrictions),
    ("GET", "/sapi/v1/capital/deposit/hisrec"): Endpoint(deposits, reads="events"),
    ("GET", "/sapi/v1/capital/withdraw/history"): Endpoint(withdrawals, weight=2, reads="events"),
    ("GET", "/sapi/v1/asset/transfer"): Endpoint(transfers, reads="events"),
    ("GET", "/sapi/v1/asset/assetDividend"): Endpoint(no_rows, reads="events"),
    ("POST", "/sapi/v1/asset/get-funding-asset"): Endpoint(funding_wallet, reads="snapshot"),
    ("POST", "/sapi/v3/asset/getUserAsset"): Endpoint(user_assets, weight=5, reads="snapshot"),
    ("GET", "/sapi/v1/simple-earn/flexible/position"): Endpoint(earn, reads="snapshot"),
    ("GET", "/sapi/v1/simple-earn/locked/position"): Endpoint(no_rows, reads="snapshot"),
    ("GET", "/sapi/v1/capital/config/getall"): Endpoint(nothing),
    ("GET", "/sapi/v1/margin/allPairs"): Endpoint(nothing, "key"),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): Endpoint(nothing),
}
