"""What another endpoint says of a snapshot in which suddenly nothing is.

It only has to say whether something is there, so that it may be coarse: a sum, or an estimate.
What it says where it fails, or where its answer has another form than is known, counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tieout.adapters.venues.cells import BadCell, Raw, number, text
from tieout.adapters.venues.classify import Misshapen
from tieout.adapters.venues.shapes import Shape
from tieout.core.live import Ask, Witness


def there(listed: Callable[[Any], Iterable[Raw]], name: str, *amounts: str) -> Shape:
    """The names of the rows in which one of the amounts is not zero.

    Args:
        listed: the rows of a body, or Misshapen. Each has to say its name and all of the amounts.
    """

    def shape(data: Any) -> tuple[str, ...]:
        found = []
        for raw in listed(data):
            try:
                if any(number(raw, each) for each in amounts):
                    found.append(text(raw, name))
            except BadCell as why:
                raise Misshapen(str(why)) from None
        return tuple(found)

    return shape


def named(method: str, ask: Ask, names: Iterable[str]) -> Witness:
    """A witness that names what is there: of that, what was asked about."""
    held = sorted(each for each in set(names) if ask.symbols is None or each in ask.symbols)
    return Witness(method, tuple(held))


def summed(method: str, ask: Ask, names: tuple[str, ...]) -> Witness | None:
    """A witness for the whole account. None: something is there, and it may be something else than
    what was asked about.
    """
    return None if names and ask.symbols is not None else Witness(method, names)
