"""Questions for a second opinion: a key that may not ask them is refused for these only.

They come just when something is wrong, and what they take (another permission) may never have been
needed before; that the venue says so in the words for a revoked key must not end everything else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

ASIDE: Final[ContextVar[bool]] = ContextVar("aside", default=False)
"""Whether the present question is one of these."""


@contextmanager
def looking_aside() -> Iterator[None]:
    """What is asked inside is only a second opinion."""
    token = ASIDE.set(True)
    try:
        yield
    finally:
        ASIDE.reset(token)
