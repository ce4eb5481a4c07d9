"""Rate limits: how much of them is spent, by whoever they count for. In milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Windows:
    """A weight per window that begins anew: Binance's minute, Bybit's second."""

    spent: dict[tuple[str, int], int] = field(default_factory=dict)

    def spend(self, who: str, weight: int, length: int, now: int) -> int:
        """What was spent in the present window, this included."""
        key = who, now // length
        if key not in self.spent:
            self.spent = {old: count for old, count in self.spent.items() if old[0] != who}
        self.spent[key] = self.spent.get(key, 0) + weight
        return self.spent[key]


@dataclass(slots=True)
class Counters:
    """A counter that falls as time passes: Kraken's."""

    levels: dict[str, tuple[float, int]] = field(default_factory=dict)

    def spend(self, who: str, cost: int, *, most: int, falls: float, now: int) -> bool:
        """Whether there was room for it. What there was none for is not counted."""
        level, at = self.levels.get(who, (0.0, now))
        level = max(0.0, level - (now - at) / 1000 * falls)
        fits = level + cost <= most
        self.levels[who] = (level + cost if fits else level, now)
        return fits
