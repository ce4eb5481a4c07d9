"""What an account's key is refused for, so that nobody asks it again: that could lock the key.

1. A part of the API that refuses the key is asked nothing more with it; the others go on. Where the
   venue has a code for a question that the key may not ask, only that one is not asked again.
2. Parts that refuse it one after the other, while none takes it, are one matter: that of a key that
   is no good any more, of which a person is told once.
"""

from __future__ import annotations

from tieout.adapters.venues.aside import ASIDE
from tieout.adapters.venues.classify import Action, Fault, Wire
from tieout.errors import VenueRefused


class Refusals:
    """Of one key, until the program ends.

    Args:
        name: of the first source that asks with it.
    """

    def __init__(self, name: str, wire: Wire) -> None:
        self._name = name
        self._part = wire.part
        self._errors: dict[str, VenueRefused] = {}  # by part of the API, or by question
        self._matter: str | None = None  # of the last refusal, until the key is good for something

    def check(self, method: str, source: str) -> None:
        """Raises VenueRefused where this was refused before."""
        refused = self._errors.get(self._part(method)) or self._errors.get(method)
        if refused is not None:
            raise VenueRefused(
                f"not asked, since the venue refused this key before: {refused.what}",
                venue=source,
                method=method,
                code=refused.code,
                hint=refused.hint,
                matter=refused.matter,
            )

    def note(self, error: VenueRefused, fault: Fault, method: str) -> None:
        """The venue refused a question. `error` is told which matter it belongs to."""
        whole = fault.action is Action.STOP and not ASIDE.get()
        refused = self._part(method) if whole else method
        before = self._errors.setdefault(refused, error)
        if before is not error:  # asked at the same time
            error.matter = before.matter
            return
        error.matter = f"{self._name} {refused}".rstrip()
        if whole:
            error.matter = self._matter = self._matter or error.matter

    def taken(self) -> None:
        """The venue answered a question that needs the key."""
        self._matter = None
