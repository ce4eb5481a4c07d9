"""What happened, as what it did: an entry moves one or more amounts.

A fill on a spot market moves three: base, quote, and the asset of the fee. An entry is such a
vector, and its effects come together or not at all: a snapshot has seen all of them or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final, TypeAlias

from msgspec import Struct

from tieout.core.amended import Family, families, latest
from tieout.core.canonical import ID_LENGTH, derived_id, digest, dumps, plain_record
from tieout.core.model import Value
from tieout.core.money import add, multiply
from tieout.core.schema import RECORD_TYPES
from tieout.errors import CalculationError


class KeyKind(StrEnum):
    """What an amount is an amount of."""

    POSITION = "position"
    BALANCE = "balance"


class Key(Struct, frozen=True, order=True):
    """One amount that a snapshot states.

    Attributes:
        name: a position's unified symbol, or a balance's currency.
        part: a position's leg (`net`, `long`, `short`), or a balance's wallet.
    """

    account: str
    venue: str
    kind: KeyKind
    name: str
    part: str


class Entry(Struct, frozen=True):
    """Something that happened, and what it moved.

    Attributes:
        id: joins the book's entry to the venue's: the record's type and identity, hashed.
        at: UTC nanoseconds.
        sequence: the venue's own order, comparable inside one `stream` only.
        stream: what `sequence` counts in: venue, account and symbol; empty where there is none.
        effects: signed; in the instrument's unit or the currency.
        possible: keys that a part not yet known (a fee) may have moved as well.
    """

    id: str
    at: int
    effects: Mapping[Key, Decimal]
    sequence: int | None = None
    stream: str = ""
    possible: frozenset[Key] = frozenset()


Effects: TypeAlias = tuple[dict[Key, Decimal], frozenset[Key]]
"""What moved, and what else may have."""


class Conventions(Struct, frozen=True):
    """What a venue leaves unsaid. A record with a `wallet` of its own says it.

    Attributes:
        spot: the wallet that spot fills are booked in.
        derivatives: the wallet of contracts' fees, funding and settlements.
        fee_assets: what fees may be paid in besides the currencies of the market, like BNB.
        arrivals: the wallet of movements without a market: deposits, withdrawals, transfers.
            None: that of spot fills.
    """

    spot: str = "spot"
    derivatives: str = "futures"
    fee_assets: frozenset[str] = frozenset()
    arrivals: str | None = None

    @property
    def home(self) -> str:
        """The wallet of what has neither a wallet nor a market: a balance, a deposit."""
        return self.arrivals or self.spot


VENUES: Final[Mapping[str, Conventions]] = {
    "binance": Conventions(fee_assets=frozenset({"BNB"})),
    "bybit": Conventions("unified", "unified"),
    "dydx": Conventions("futures", "futures"),
    # Deposits arrive among the perpetuals' cash, as everything that the adapter calls a movement.
    "hyperliquid": Conventions(arrivals="futures"),
    # Margin is of the spot wallet; its futures are another venue.
    "kraken": Conventions("spot", "spot"),
}
"""Those of venues that differ from the default."""


class Market(Struct, frozen=True):
    """What a unified symbol says: `BTC/USDT` is spot, `BTC/USDT:USDT` a contract.

    Attributes:
        settle: the currency that a contract settles in; None for spot and for a plain `AAPL`.
    """

    base: str
    quote: str | None
    settle: str | None

    @property
    def spot(self) -> bool:
        return self.quote is not None and self.settle is None


@lru_cache(maxsize=4096)  # an account trades some of them, often
def market_of(symbol: str) -> Market:
    """The parts of a symbol. Without a slash it is a security, of which one has a position."""
    pair, colon, rest = symbol.partition(":")
    base, slash, quote = pair.partition("/")
    return Market(base, quote if slash else None, rest.split("-")[0] if colon else None)


def entry_of(
    records: str, values: Mapping[str, Value], *, conventions: Conventions | None = None
) -> Entry:
    """What one trade or movement did.

    Of a spot market the base and quote move, and what the fee was paid in; of a contract, or of a
    trade that names its `leg`, the position and the fee: the venue's own settlement says what
    profit was paid. A product of quantity and price is exact, with up to 36 decimals. A `bust`
    undoes what it states; see `entries_of` for what supersedes a record in the same list.

    Args:
        records: `trades` or `movements`; `values` under its contract.
        conventions: those of the venue where not given.

    Raises:
        CalculationError: the record does not say what it moved: a trade without a side, a
            movement without currency and symbol.
    """
    effects, possible = effects_of(records, values, conventions=conventions)
    if values.get("exec_type") == "bust":
        effects = _undone(effects)
    return Step(values, _time(values), effects, possible).entry(records)


def effects_of(
    records: str, values: Mapping[str, Value], *, conventions: Conventions | None = None
) -> Effects:
    """What a record that stands moved, and what else it may have moved. See `entry_of`."""
    usual = conventions or VENUES.get(str(values.get("venue")), _USUAL)
    return _movement(values, usual) if records == "movements" else _trade(values, usual)


def entries_of(
    records: str,
    rows: Iterable[Mapping[str, Value]],
    *,
    conventions: Conventions | None = None,
    kind: KeyKind | None = None,
) -> list[Entry]:
    """What a list of trades or movements did, with what superseded what. By time, then id.

    `kind`: what it did to amounts of that kind, and nothing else.

    What supersedes a record undoes it and does its own; not before the record itself. Where the
    superseded one is not in the list, a `bust` undoes what it states, and of a `correct` it is
    open what it moved (`Entry.possible`). Records that contradict each other are left out: see
    `amended.latest`.
    """
    chosen = latest(records, rows).rows

    def effects(values: Mapping[str, Value]) -> Effects:
        return effects_of(records, values, conventions=conventions)

    groups = families(chosen) if records == "trades" else [Family((row,)) for row in chosen]
    steps = (step for group in groups for step in steps_of(group, effects))
    if kind is not None:  # before an id is worked out, which is what costs
        steps = (only for step in steps if (only := step.only(kind)) is not None)
    found = [step.entry(records) for step in steps]
    return sorted(found, key=lambda entry: (entry.at, entry.id))


class Step(Struct, frozen=True):
    """What a record changed, and when: an entry that has no id yet."""

    values: Mapping[str, Value]
    at: int
    effects: Mapping[Key, Decimal]
    possible: frozenset[Key]

    def only(self, kind: KeyKind) -> Step | None:
        """The part of it that changed amounts of a kind; None where there is none."""
        effects = {key: effect for key, effect in self.effects.items() if key.kind is kind}
        possible = frozenset(key for key in self.possible if key.kind is kind)
        return Step(self.values, self.at, effects, possible) if effects or possible else None

    def entry(self, records: str) -> Entry:
        sequence, number = self.values.get("sequence"), None
        if isinstance(sequence, Decimal) and sequence == sequence.to_integral_value():
            number = int(sequence)
        stream = ""
        if number is not None:
            stream = _stream(*(_text(self.values, name) for name in ("venue", "account", "symbol")))
        id_ = entry_id(records, self.values)
        return Entry(id_, self.at, self.effects, number, stream, self.possible)


@lru_cache(maxsize=4096)
def _stream(venue: str, account: str, symbol: str) -> str:
    return dumps([venue, account, symbol])


def steps_of(family: Family, effects: Callable[[Mapping[str, Value]], Effects]) -> Iterator[Step]:
    """What each record of a family changed, see `entries_of`. `effects`: of one that stands."""
    if len(family.members) == 1 and family.whole:  # as nearly always
        (only,) = family.members
        own, open_ = (_NOTHING, _NO_KEYS) if only.get("exec_type") == "bust" else effects(only)
        yield Step(only, _time(only), own, open_)
        return
    before, possible = _NOTHING, _NO_KEYS
    at = 0
    for number, trade in enumerate(family.members):
        own, open_ = effects(trade)
        bust = trade.get("exec_type") == "bust"
        at = max(at, _time(trade)) if number else _time(trade)
        if number == 0 and not family.whole:
            # What it stood for is out of sight.
            keys = frozenset() if bust else open_ | frozenset(own)
            yield Step(trade, at, _undone(own) if bust else {}, keys)
            continue
        if bust:
            own, open_ = _NOTHING, frozenset()
        changed = _summed([*own.items(), *_undone(before).items()]) if before else own
        yield Step(trade, at, changed, open_ | possible)
        before, possible = own, open_


def _undone(effects: Mapping[Key, Decimal]) -> dict[Key, Decimal]:
    return {key: effect.copy_negate() for key, effect in effects.items()}


def _time(values: Mapping[str, Value]) -> int:
    at = values.get("timestamp")
    if not isinstance(at, int):
        raise CalculationError(f"the record {dict(values)} does not say when it happened")
    return at


def _trade(values: Mapping[str, Value], usual: Conventions) -> Effects:
    symbol, side = _text(values, "symbol"), values.get("side")
    quantity, price = values.get("quantity"), values.get("price")
    if side not in _SIGNS or not isinstance(quantity, Decimal) or not isinstance(price, Decimal):
        raise CalculationError(
            f"the trade {values.get('trade_id')} does not say what it moved: "
            f"side {side}, quantity {quantity}, price {price}",
            where=symbol,
        )
    if side == "sell":
        quantity = quantity.copy_negate()
    market, leg = market_of(symbol), values.get("leg")
    spot = market.spot and leg is None
    wallet = _text(values, "wallet") or (usual.derivatives if market.settle else usual.spot)
    money = market.settle or _text(values, "price_currency") or market.quote
    place = _text(values, "account"), _text(values, "venue")
    if spot:
        first = key_of(*place, KeyKind.BALANCE, market.base, wallet)
    else:
        first = key_of(*place, KeyKind.POSITION, symbol, str(leg or "net"))
    moved = {first: quantity} if quantity else {}
    if money is not None and (spot or market.quote is None):
        paid = multiply(quantity, price).copy_negate()
        _move(moved, key_of(*place, KeyKind.BALANCE, money, wallet), paid)
    fee, fee_currency = values.get("fee"), values.get("fee_currency")
    if fee_currency is None and not spot:
        fee_currency = money
    possible = _NO_KEYS
    if isinstance(fee, Decimal) and isinstance(fee_currency, str):
        _move(moved, key_of(*place, KeyKind.BALANCE, fee_currency, wallet), fee.copy_negate())
    elif fee is None or fee:
        assets = {money, market.base if spot else None, *usual.fee_assets} - {None}
        possible = frozenset(
            key_of(*place, KeyKind.BALANCE, str(asset), wallet) for asset in assets
        )
    return moved, possible


def _move(moved: dict[Key, Decimal], key: Key, effect: Decimal) -> None:
    """Add an effect; what comes to nothing is left out."""
    if not effect:
        return
    if key not in moved:
        moved[key] = effect
    elif total := add(moved[key], effect):
        moved[key] = total
    else:
        del moved[key]


def _movement(values: Mapping[str, Value], usual: Conventions) -> Effects:
    amount, currency = values.get("amount"), values.get("currency")
    symbol = _text(values, "symbol")
    if not isinstance(amount, Decimal) or (currency is None and not symbol):
        raise CalculationError(
            f"the movement {values.get('movement_id')} does not say what it moved",
            where=_text(values, "type"),
        )
    market = market_of(symbol)
    contract = market.settle is not None or values.get("type") in ("funding", "settlement")
    wallet = _text(values, "wallet") or (
        usual.derivatives if contract else usual.spot if market.spot else usual.home
    )
    if currency is not None:
        key = _balance(values, str(currency), wallet)
    elif market.spot:
        key = _balance(values, market.base, wallet)
    else:
        key = _position(values, symbol, _text(values, "leg") or "net")
    return _summed([(key, amount)]), frozenset()


def entry_id(records: str, values: Mapping[str, Value]) -> str:
    """32 hex characters: the record type and its identity, whatever other columns a source has.

    A record without an id has one from its content.
    """
    type_ = RECORD_TYPES[records]
    known = {name: values[name] for name in type_.identities[0] if values.get(name) is not None}
    plain: dict[str, Any] = known
    if any(value.__class__ is not str for value in known.values()):
        plain = plain_record(known, type_)
    if _ID_COLUMNS[records] not in known:
        content = {name: value for name, value in values.items() if value is not None}
        plain["derived"] = derived_id(plain_record(content, type_), 0)
    return digest("entry", records, dumps(plain))[:ID_LENGTH]


def _summed(parts: Iterable[tuple[Key, Decimal]]) -> dict[Key, Decimal]:
    total: dict[Key, Decimal] = {}
    for key, effect in parts:
        total[key] = add(total[key], effect) if key in total else effect
    return {key: effect for key, effect in total.items() if effect}


@lru_cache(maxsize=16384)  # a key is made for each part of each fill
def key_of(account: str, venue: str, kind: KeyKind, name: str, part: str) -> Key:
    """`Key(...)`: the same object for the same key, where there are not very many."""
    return Key(account, venue, kind, name, part)


def _balance(values: Mapping[str, Value], currency: str, wallet: str) -> Key:
    place = _text(values, "account"), _text(values, "venue")
    return key_of(*place, KeyKind.BALANCE, currency, wallet)


def _position(values: Mapping[str, Value], symbol: str, leg: str) -> Key:
    return key_of(_text(values, "account"), _text(values, "venue"), KeyKind.POSITION, symbol, leg)


def _text(values: Mapping[str, Value], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


_ID_COLUMNS: Final = {name: each.id_column for name, each in RECORD_TYPES.items()}
_SIGNS: Final = ("buy", "sell")
_USUAL: Final = Conventions()
_NOTHING: Final[dict[Key, Decimal]] = {}
_NO_KEYS: Final[frozenset[Key]] = frozenset()
