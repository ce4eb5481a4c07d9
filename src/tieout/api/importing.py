"""Importing a great deal beside a loop that must not wait."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MANY: Final = 100
"""Modules; so many are imported where none of it was there."""


@contextmanager
def importing() -> Iterator[None]:
    """What speaks to venues is imported once in a process, and nothing of it is ever garbage. To
    find that out again and again would stop every thread, the engine's too, for 0.1 s and more: so
    nothing is collected meanwhile, and what is there at the end is not looked at any more."""
    if not gc.isenabled():
        yield
        return
    known = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) - known >= MANY:
            gc.freeze()
        gc.enable()
