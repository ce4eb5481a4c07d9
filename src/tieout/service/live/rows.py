"""Records of a live source <-> keys, amounts and entries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from msgspec.structs import replace

from tieout.core.compare import AMOUNTS
from tieout.core.entries import VENUES, Conventions, Entry, Key, KeyKind, entries_of
from tieout.core.live import Answer
from tieout.core.model import Record, Side, Value
from tieout.core.money import add, subtract
from tieout.core.schema import RECORD_TYPES
from tieout.ports import Feed

Counting: TypeAlias = Callable[[Key, int], bool]
"""Whether what happened to a key at an instant (UTC ns) is not in its opening already."""

KINDS: Final = {"positions": KeyKind.POSITION, "balances": KeyKind.BALANCE}
ZERO: Final = Decimal(0)


NAMES: Final = {"positions": ("symbol", "leg", "net"), "balances": ("currency", "wallet", "")}
"""What a key's name and part are called, and the part where a record does not say it."""

_PARTS: Final = frozenset({"free", "used", "settled"})


@dataclass(frozen=True, slots=True)
class Home:
    """Whose amounts a comparison is about, and what they are called where a record does not say.

    Attributes:
        account, venue: those of the venue; empty where it does not say.
        wallets: of balances, the wallets of its answer; None: every one that there is.
        conventions: which wallet a record is about where it names none; None: those of the venue.
    """

    account: str = ""
    venue: str = ""
    wallets: frozenset[str] | None = None
    conventions: Conventions | None = None

    def holds(self, key: Key) -> bool:
        """Whether the venue's answer is about this key."""
        if (self.account and key.account != self.account) or (
            self.venue and key.venue != self.venue
        ):
            return False
        return key.kind is not KeyKind.BALANCE or self.wallets is None or key.part in self.wallets

    @property
    def only(self) -> str:
        """The only wallet; empty where there are several, or it is not known."""
        return next(iter(self.wallets)) if self.wallets and len(self.wallets) == 1 else ""

    @property
    def wallet(self) -> str:
        """The wallet of a balance that names none: the only one, or of several the one that the
        venue's entries move. Empty where the answer is not about that, or does not say."""
        usual = (self.conventions or VENUES.get(self.venue, Conventions())).home
        return self.only or (usual if self.wallets and usual in self.wallets else "")


def home_of(feed: Feed, answer: Answer) -> Home:
    """The home of a venue's answer."""
    return Home(
        getattr(feed, "account", ""),
        getattr(feed, "venue", ""),
        answer.wallets,
        getattr(feed, "conventions", None),
    )


def at_home(feed: Feed, rows: Iterable[Record]) -> list[Record]:
    """Without what `rows` say of other accounts or venues than the venue's own: a book may be of
    several.
    """
    own = {name: value for name in ("account", "venue") if (value := getattr(feed, name, None))}
    return [
        row
        for row in rows
        if all(row.values.get(name) in (None, value) for name, value in own.items())
    ]


def key_of(records: str, values: Mapping[str, Value], home: Home = Home()) -> Key:
    """The key that a position or balance is about."""
    name, part, usual = NAMES[records]
    get = values.get
    return Key(  # these columns are texts
        get("account") or home.account,  # type: ignore[arg-type]
        get("venue") or home.venue,  # type: ignore[arg-type]
        KINDS[records],
        get(name) or "",  # type: ignore[arg-type]
        get(part) or usual or home.wallet,  # type: ignore[arg-type]
    )


def by_key(records: str, rows: Iterable[Record], home: Home = Home()) -> dict[Key, Record]:
    """Positions or balances by key.

    Of one key a source states one amount, see `Answer`; but a book may have an opening that names
    no wallet, and what was booked in the venue's beside it. Together these are what it has there.
    """
    found: dict[Key, Record] = {}
    for row in rows:
        key = key_of(records, row.values, home)
        other = found.get(key)
        found[key] = row if other is None or records != "balances" else _both(other, row)
    return found


def _both(one: Record, other: Record) -> Record:
    """Two balances of a wallet as one: the row that names it, with what both come to."""
    if one.values.get("wallet") is None:
        one, other = other, one
    first, second = one.values.get("total"), other.values.get("total")
    assert isinstance(first, Decimal)
    assert isinstance(second, Decimal)
    values = {**one.values, **dict.fromkeys(_PARTS & one.values.keys())}
    return Record({**values, "total": add(first, second)}, one.identity, one.row)


def amounts(records: str, rows: Mapping[Key, Record]) -> dict[Key, Decimal]:
    """What each says of its amount."""
    column = AMOUNTS[records]
    return {
        key: value
        for key, row in rows.items()
        if isinstance(value := row.values.get(column), Decimal)
    }


def entries(answers: Iterable[Answer], kind: KeyKind, home: Home = Home()) -> list[Entry]:
    """What the trades and movements of `answers` did to amounts of one kind."""
    return [
        entry
        for answer in answers
        for entry in entries_of(
            answer.ask.records,
            [_placed(each.values, home) for each in answer.records],
            conventions=home.conventions,
            kind=kind,
        )
    ]


def _placed(values: Mapping[str, Value], home: Home) -> Mapping[str, Value]:
    """An event with its account and venue, and its wallet where nothing tells that: those that the
    amounts beside it are given as well, else the two sides' entries would not be the same ones."""
    if values.get("account") and values.get("venue") and (values.get("wallet") or not home.only):
        return values
    wallet = values.get("wallet") or (None if values.get("symbol") else home.only or None)
    return {
        **values,
        "account": values.get("account") or home.account or None,
        "venue": values.get("venue") or home.venue or None,
        **({} if wallet is None else {"wallet": wallet}),
    }


def counted(found: Iterable[Entry], counts: Counting | None) -> list[Entry]:
    """The entries without what they did before a key was opened: the opening holds that."""
    if counts is None:
        return list(found)
    kept = []
    for entry in found:
        effects = {key: each for key, each in entry.effects.items() if counts(key, entry.at)}
        possible = frozenset(key for key in entry.possible if counts(key, entry.at))
        if len(effects) == len(entry.effects) and len(possible) == len(entry.possible):
            kept.append(entry)
        elif effects or possible:
            kept.append(replace(entry, effects=effects, possible=possible))
    return kept


def columns_of(rows: Collection[Record], records: str) -> list[str]:
    """The columns in which a record has a value, and the required ones; without records all.

    A column without any value is one that the source does not have: it is not compared.
    """
    contract = RECORD_TYPES[records].columns
    absent = [name for name, each in contract.items() if rows and not each.required]
    for row in rows:
        if any(row.values.get(name) is not None for name in absent):
            absent = [name for name in absent if row.values.get(name) is None]
    return [name for name in contract if name not in absent]


def before(now: Mapping[Key, Decimal], since: Sequence[Entry]) -> dict[Key, Decimal]:
    """The amounts as they were before the entries `since`. What is not listed is zero now."""
    earlier = dict(now)
    for entry in since:
        for key, effect in entry.effects.items():
            earlier[key] = subtract(earlier.get(key, ZERO), effect)
    return earlier


def restated(records: str, key: Key, row: Record | None, amount: Decimal, as_of: int) -> Record:
    """`row` with another amount; a row of its own where there is none."""
    column = AMOUNTS[records]
    if row is not None:
        if row.values.get(column) == amount:
            return row
        return Record({**row.values, column: amount}, row.identity, row.row)
    name, part, _ = NAMES[records]
    values: dict[str, Value] = {
        "account": key.account or None,
        "venue": key.venue or None,
        name: key.name,
        part: key.part or None,
        column: amount,
        "as_of": as_of,
    }
    identity = {each: values.get(each) for each in RECORD_TYPES[records].identities[0]}
    return Record(values, identity)


def covered_by(ours: Answer, theirs: Answer) -> dict[Side, frozenset[str]]:
    """What each side's answer is about, where it is not everything."""
    answers = {Side.INTERNAL: ours, Side.EXTERNAL: theirs}
    return {side: each.symbols for side, each in answers.items() if each.symbols is not None}
