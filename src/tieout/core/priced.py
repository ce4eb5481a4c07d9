"""By which prices a value came about, as text beside a break, and back.

It is no part of a break's content, nor of what a decision is bound to: a price that moves is no
change of a break.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Final

from tieout.core.canonical import dumps
from tieout.core.model import OWN_PRICE, Money, Priced
from tieout.core.money import plain

OWN_TEXT: Final = "own"
"""Of most values, so it is short."""


def prices_text(value: Money | None) -> str | None:
    """The prices of a value: a JSON list of [pair, price, UTC nanoseconds]; None without any.

    A record's own price stands there as nulls, and alone as `own`: the record states it.
    """
    if value is None or not value.by:
        return None
    if value.by is OWN_PRICE:
        return OWN_TEXT
    return dumps(
        [
            [each.pair, None if each.price is None else plain(each.price), each.as_of]
            for each in value.by
        ]
    )


def prices_of(text: str | None) -> tuple[Priced, ...]:
    """The prices that `prices_text` has written down."""
    if text is None:
        return ()
    if text == OWN_TEXT:
        return OWN_PRICE
    return tuple(
        Priced(pair, None if price is None else Decimal(price), as_of)
        for pair, price, as_of in json.loads(text)
    )
