"""Which of Bybit's paths there are, and what answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tieout.testing.exchange import bybit_account as account
from tieout.testing.exchange import bybit_events as events
from tieout.testing.exchange.wire import Endpoint

ANSWERS: Final[Mapping[tuple[str, str], Endpoint]] = {
    ("GET", "/v5/market/time"): Endpoint(account.time, "public"),
    ("GET", "/v5/market/instruments-info"): Endpoint(account.instruments, "public"),
    ("GET", "/v5/market/tickers"): Endpoint(account.tickers, "public"),
    ("GET", "/v5/account/wallet-balance"): Endpoint(account.wallet, reads="snapshot"),
    ("GET", "/v5/account/info"): Endpoint(account.account_info),
    ("GET", "/v5/account/transaction-log"): Endpoint(events.transaction_log, reads="events"),
    ("GET", "/v5/position/list"): Endpoint(account.positions, reads="snapshot"),
    ("GET", "/v5/order/realtime"): Endpoint(events.open_orders, reads="snapshot"),
    ("GET", "/v5/order/history"): Endpoint(events.order_history),
    ("GET", "/v5/execution/list"): Endpoint(events.executions, reads="events"),
    ("GET", "/v5/user/query-api"): Endpoint(account.query_api),
    ("GET", "/v5/asset/transfer/query-account-coins-balance"): Endpoint(
        account.coins_balance, reads="snapshot"
    ),
    ("GET", "/v5/asset/transfer/query-inter-transfer-list"): Endpoint(
        account.no_list, reads="events"
    ),
    ("GET", "/v5/asset/coin/query-info"): Endpoint(account.coins),
    ("GET", "/v5/asset/deposit/query-record"): Endpoint(account.no_rows, reads="events"),
    ("GET", "/v5/asset/withdraw/query-record"): Endpoint(account.no_rows, reads="events"),
}
