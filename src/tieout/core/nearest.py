"""Which of many names a text was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class Nearest:
    """Names to hold a text against, in any case.

    A text is held against all of them once: the same few that no mapping has come row after row.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_fold: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            self._by_fold.setdefault(name.casefold(), []).append(name)
        self._known: dict[str, tuple[str, ...]] = {}

    def to(self, text: str) -> tuple[str, ...]:
        """Up to three names, the nearest first."""
        found = self._known.get(text)
        if found is None:
            folds = difflib.get_close_matches(text.casefold(), self._by_fold, n=3, cutoff=0.4)
            found = tuple([name for fold in folds for name in self._by_fold[fold]][:3])
            self._known[text] = found
        return found
