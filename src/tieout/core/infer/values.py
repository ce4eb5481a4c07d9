"""What the cells of a sample look like: numbers in which style, times in which form, sides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from itertools import product
from typing import Final

from tieout.core.infer.languages import SIDES as FOREIGN_SIDES
from tieout.core.infer.languages import TWINS as FOREIGN_TWINS
from tieout.core.infer.proposal import Cells
from tieout.core.read import ALIASES
from tieout.core.schema import Column
from tieout.core.text import NumberStyle, Unreadable, parse_date, parse_decimal, parse_time, zone

STYLES: Final = (
    NumberStyle(".", None),
    NumberStyle(".", ","),
    NumberStyle(",", None),
    NumberStyle(",", "."),
    NumberStyle(".", " "),
    NumberStyle(",", " "),
    NumberStyle(".", "'"),
)
"""Ways to write numbers; of two that read as many cells, the earlier."""

DATES: Final = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y%m%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%b %d %Y",
    "%d %B %Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
)
CLOCKS: Final = (
    "",
    " %H:%M:%S",
    " %H:%M:%S.%f",
    " %H:%M",
    ", %H:%M:%S",
    "T%H:%M:%S",
    "T%H:%M:%S.%f",
    " %I:%M:%S %p",
    " %I:%M %p",
    ", %I:%M:%S %p",
    ";%H%M%S",
    " %H%M%S",
    "-%H:%M:%S",
    "-%H:%M:%S.%f",
)
_PATTERNS: Final = (
    *(f"{date}{clock}" for date, clock in product(DATES, CLOCKS)),
    "%Y-%m-%d, %H:%M:%S",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d;%H%M%S",
)
_DATED: Final = tuple(
    f"%Y-%m-%d{between}%H:%M:%S{fraction}{zone_}"
    for between, fraction, zone_ in product(("T", " "), ("", ".%f"), ("%z", ""))
)
"""ISO 8601 as patterns, by which a day is read from a time."""

_TOLD = 60
_TRIED = 400
"""Different cells of a column that are looked at for its form."""

_EPOCHS: Final = (
    ("s", 10**9 - 10**8, 5 * 10**9),
    ("ms", 9 * 10**11, 5 * 10**12),
    ("us", 9 * 10**14, 5 * 10**15),
    ("ns", 9 * 10**17, 5 * 10**18),
)
"""Epoch units by the magnitude of times between 1998 and 2128."""

SIDES: Final[Mapping[str, str]] = {
    "buy": "buy",
    "b": "buy",
    "bot": "buy",
    "bought": "buy",
    "bid": "buy",
    "purchase": "buy",
    "sell": "sell",
    "s": "sell",
    "sld": "sell",
    "sold": "sell",
    "sale": "sell",
    "ask": "sell",
    **FOREIGN_SIDES,
}
TWINS: Final = (("buy", "sell"), *FOREIGN_TWINS)
CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "status": {
        "working": "open",
        "live": "open",
        "active": "open",
        "accepted": "open",
        "placed": "open",
        "submitted": "pending",
        "complete": "filled",
        "completed": "filled",
        "done": "filled",
        "executed": "filled",
        "part": "partially_filled",
        "partial": "partially_filled",
        "partially": "partially_filled",
        "canceled": "cancelled",
        "new": "open",
    },
    "liquidity": {"m": "maker", "t": "taker", "added": "maker", "removed": "taker"},
    "leg": {"both": "net", "buy": "long", "sell": "short", "l": "long", "s": "short"},
    "type": {
        "deposit": "transfer",
        "withdrawal": "transfer",
        "wire": "transfer",
        "commission": "fee",
        "fees": "fee",
        "dividend": "corporate_action",
        "split": "corporate_action",
        "merger": "corporate_action",
    },
}
"""Words in the values of other columns with choices, and what they mean."""

_EPOCH: Final = re.compile(r"\d{9,19}(\.\d{1,9})?")
_WORDS: Final = re.compile(r"[A-Za-zÀ-ÿ]+")


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How a column writes times.

    Attributes:
        form: as `core.read.Reading.forms`. `share` of the cells that it reads.
        naive: they carry no zone. `date_only`: no time of day either.
        rival: another form that reads as many; which one is meant the cells do not say.
    """

    form: str
    share: float
    naive: bool = False
    date_only: bool = False
    rival: str | None = None


def filled(rows: Iterable[Cells], index: int) -> list[str]:
    """The cells of a column that are not empty, stripped."""
    return [text for row in rows if (text := (row[index] or "").strip())]


def number_share(texts: Sequence[str], style: NumberStyle) -> float:
    """The share of `texts` that `style` reads as numbers."""
    return _share(texts, lambda text: parse_decimal(text, style))


def number_style(columns: Sequence[Sequence[str]]) -> tuple[NumberStyle, NumberStyle | None]:
    """The style that reads the most cells of number columns, and a rival that reads as many."""
    texts = [text for column in columns for text in _telling(column)]
    best = max(STYLES, key=lambda style: (_count(texts, style), -STYLES.index(style)))
    rivals = (
        style
        for style in STYLES
        if _count(texts, style) == _count(texts, best) and read_differently(texts, style, best)
    )
    return best, next(rivals, None)


def _telling(column: Sequence[str]) -> list[str]:
    """The cells that say the most about a style: grouped ones, other fractions, integers."""
    different = list(dict.fromkeys(column))
    kinds: list[list[str]] = [[], [], []]
    for text in different:
        grouped = "," in text or "'" in text or " " in text
        kinds[0 if grouped else 2 if text.isalnum() else 1].append(text)
    return [text for kind in kinds for text in kind[:_TOLD]]


def read_differently(texts: Sequence[str], one: NumberStyle, other: NumberStyle) -> str | None:
    """The first text that the two styles read as different numbers."""
    differing = (text for text in texts if read_number(text, one) != read_number(text, other))
    return next(differing, None)


def time_form(texts: Sequence[str]) -> TimeForm | None:
    """The form that reads the most of `texts` as times, if any reads most of them."""
    tried = list(dict.fromkeys(texts))[:_TRIED]
    if not tried:
        return None
    forms = [form for form in ("iso", *_epoch(tried), *_PATTERNS) if _plausible(tried, form)]
    shares = {form: _time_share(tried, form) for form in forms}
    if not shares or max(shares.values()) < 0.5:
        return None
    best = max(shares, key=lambda form: (shares[form], -forms.index(form)))
    rival = next((f for f in forms if shares[f] == shares[best] and _differ(tried, f, best)), None)
    naive = best not in ("s", "ms", "us", "ns") and _mostly(_naive(text, best) for text in tried)
    date_only = naive and (
        best in DATES or (best == "iso" and all(len(text) == 10 for text in tried))
    )
    return TimeForm(best, shares[best], naive, date_only, rival)


def read_time(text: str, form: str) -> int:
    """UTC nanoseconds, naive times taken for UTC. Raises Unreadable."""
    return parse_time(text, form, zone("UTC"))


def date_form(texts: Sequence[str], form: str) -> str | None:
    """How to read the days of times that are written in `form`, if that can be said."""
    for tried in (form, *_DATED) if form == "iso" else (form,):
        if "%" in tried or tried == "iso":
            if _share(texts, partial(parse_date, form=tried)) == 1.0:
                return tried
    return None


def side_of(text: str) -> str | None:
    """`Market buy` → `buy`, `Sell to open` → `sell`; None for what says neither, or both."""
    words = [word.lower() for word in _WORDS.findall(text)]
    if not words or len(words) > 4:
        return None
    found = {SIDES[word] for word in words if word in SIDES and (len(word) > 1 or len(words) == 1)}
    return found.pop() if len(found) == 1 else None


def choice_of(column: Column, text: str) -> str | None:
    """Which of the column's choices `text` means, if it can be told."""
    if column.name == "side":
        return side_of(text)
    lowered = text.lower().replace(" ", "_")
    if lowered in column.choices:
        return lowered
    alias = ALIASES.get(column.name, {}).get(text.lower())
    if alias is not None:
        return alias
    words = [word.lower() for word in _WORDS.findall(text)]
    known = CHOICES.get(column.name, {})
    found = {known[word] for word in words if word in known} | (set(words) & set(column.choices))
    if "partially_filled" in found:
        return "partially_filled"
    return found.pop() if len(found) == 1 else None


def choice_values(column: Column, texts: Iterable[str]) -> dict[str, str]:
    """Source value to choice, for those that need a mapping; of sides the twin too, seen or not."""
    own = {*column.choices, *ALIASES.get(column.name, {})}
    mapped: dict[str, str] = {}
    for text in sorted(set(texts)):
        choice = choice_of(column, text)
        if choice is None or text.lower() in own:
            continue
        mapped[text] = choice
        twin = _twin(text) if column.name == "side" else None
        if twin is not None:
            mapped.setdefault(twin, "sell" if choice == "buy" else "buy")
    return mapped


def _twin(text: str) -> str | None:
    """The same text for the other side: `Limit sell` of `Limit buy`."""
    for one, other in (*TWINS, *((other, one) for one, other in TWINS)):
        for change in (str.lower, str.title, str.upper):
            if change(one) in _WORDS.findall(text):
                return text.replace(change(one), change(other))
    return None


def _time_share(texts: Sequence[str], form: str) -> float:
    return _share(texts, lambda text: read_time(text, form))


def _share(texts: Sequence[str], read: Callable[[str], object]) -> float:
    good = 0
    for text in texts:
        try:
            read(text)
        except Unreadable:
            continue
        good += 1
    return good / len(texts) if texts else 0.0


@lru_cache(maxsize=8192)
def read_number(text: str, style: NumberStyle) -> Decimal | None:
    """The number that `text` is in that style, if it is one."""
    try:
        return parse_decimal(text, style)
    except Unreadable:
        return None


def _count(texts: Sequence[str], style: NumberStyle) -> int:
    return sum(read_number(text, style) is not None for text in texts)


def _epoch(texts: Sequence[str]) -> list[str]:
    numbers = [int(text[:19].split(".")[0]) for text in texts if _EPOCH.fullmatch(text)]
    if len(numbers) < len(texts) / 2:
        return []
    middle = sorted(numbers)[len(numbers) // 2]
    return [unit for unit, low, high in _EPOCHS if low <= middle < high]


def _differ(texts: Sequence[str], one: str, other: str) -> bool:
    """Whether the forms read some text as different times."""
    return one != other and any(_time(text, one) != _time(text, other) for text in texts)


def _time(text: str, form: str) -> int | None:
    try:
        return read_time(text, form)
    except Unreadable:
        return None


def _plausible(texts: Sequence[str], form: str) -> bool:
    """Whether any of the first cells reads, so that hopeless forms cost little."""
    return _time_share(texts[:8], form) > 0


def _mostly(answers: Iterable[bool]) -> bool:
    said = list(answers)
    return sum(said) > len(said) / 2


def _naive(text: str, form: str) -> bool:
    try:
        parse_time(text, form, None)
    except Unreadable as why:
        return "no time zone" in str(why)
    return False
