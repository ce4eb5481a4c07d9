"""Readings come in, verdicts come out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from tieout.core.confirm.reading import Confirming, Reading, State, Verdict
from tieout.core.confirm.sighting import Found, Joint, Sighting, look, tallied
from tieout.core.entries import Key
from tieout.core.money import subtract

_ZERO = Decimal(0)


class Tally:
    """What the readings so far say of one key.

    Attributes:
        drift: I, over the readings of the present run; a run is `count` readings that have a
            drift in common.
        torn: readings contradicted each other before this run.
        trusted: a reading of the run is not in doubt.
    """

    __slots__ = (
        "count", "doubt", "drift", "first", "last", "said", "sighting", "stated", "torn", "trusted"
    )  # fmt: skip

    def __init__(self) -> None:
        self.drift: frozenset[Decimal] = frozenset()
        self.count = self.first = self.last = 0
        self.torn = self.trusted = False
        self.doubt: str | None = None
        self.stated: Decimal | None = None
        self.said: Found | None = None
        self.sighting: Sighting | None = None

    def add(self, sighting: Sighting, found: Found) -> None:
        self.said = found
        if not found.drift:
            return
        common = self.drift & found.drift
        if self.count and not self._comparable(sighting, found):
            self._begin(found.drift, sighting)
        elif self.count and not common:
            self.torn = True
            self._begin(found.drift, sighting)
        elif self.count:
            self.drift = common
        else:
            self._begin(found.drift, sighting)
        self.count += 1
        self.last = sighting.reading.taken[1]
        self.stated, self.sighting = found.stated, sighting
        self.doubt = self.doubt or sighting.reading.doubt
        self.trusted = self.trusted or sighting.reading.doubt is None

    def _begin(self, drift: frozenset[Decimal], sighting: Sighting) -> None:
        self.drift, self.count, self.first = drift, 0, sighting.reading.taken[1]
        self.doubt, self.trusted = None, False

    def _comparable(self, sighting: Sighting, found: Found) -> bool:
        """Without the venue's entries only equal readings are; invariant 8."""
        if sighting.reading.evented or self.sighting is None:
            return True
        before = self.sighting.reading.version_after
        return found.stated == self.stated and sighting.reading.version_before == before


class Confirmation:
    """Readings of one source, until each key has its verdict.

    Add a reading; while `wanting` has keys, wait and add another. The second should end `grace`
    after the first; how long to wait before further ones does not matter.
    """

    def __init__(self, settings: Confirming) -> None:
        self.settings = settings
        self._sightings: list[Sighting] = []
        self._tallies: dict[Key, Tally] = {}
        self._joint: Joint | None = None
        self._past = 0
        self._narrow: dict[Key, frozenset[Decimal]] | None = None

    @property
    def readings(self) -> int:
        """How many were added, those that say nothing included."""
        return len(self._sightings)

    def add(self, reading: Reading) -> None:
        """Take a reading into account. Readings are added in the order in which they were taken."""
        if not self._sightings:
            self._past = reading.taken[1] - self.settings.deadline
        sighting = look(reading, self.settings, self._past)
        self._sightings.append(sighting)
        if sighting.why:
            return
        keys = set(sighting.found)
        if not reading.evented or reading.doubt is not None:
            keys.update(reading.stated, reading.opening)  # even agreement is not settled by one
        for key in keys - self._tallies.keys():
            tally = self._tallies[key] = Tally()
            for before, earlier in tallied(self._sightings[:-1], key):
                tally.add(before, earlier)
        begun = set()
        for key, tally in self._tallies.items():
            found = sighting.of(key)
            if found is not None:
                tally.add(sighting, found)
                if tally.count == 1:
                    begun.add(key)
        self._join(sighting.joint, begun)
        self._narrow = None

    # What all keys say together

    def _join(self, latest: Joint | None, begun: set[Key]) -> None:
        """Keep the drifts that a cut of each reading explains; invariants 4 and 11.

        Once there are none, the readings do not go together, and none are kept any more.
        """
        known = None if self._joint is None else self._within(_without(self._joint, begun))
        fresh = None if latest is None else self._within(latest)
        if known is None or fresh is None:
            self._joint = known or fresh
        else:
            self._joint = _match(known, fresh, self.settings.cuts)

    def _within(self, joint: Joint) -> Joint:
        """Only what every key allows by itself."""
        allowed = [self._drift(key) for key in joint.keys]
        return Joint(
            joint.keys,
            frozenset(
                vector
                for vector in joint.vectors
                if all(
                    each is None or amount in each
                    for amount, each in zip(vector, allowed, strict=True)
                )
            ),
        )

    def _drift(self, key: Key) -> frozenset[Decimal] | None:
        tally = self._tallies.get(key)
        return tally.drift if tally is not None and tally.count else None

    def _narrowed(self, key: Key, tally: Tally) -> frozenset[Decimal]:
        if self._narrow is None:
            joint = self._joint
            self._narrow = {}
            if joint is not None and joint.vectors:
                amounts = zip(*joint.vectors, strict=True)
                for each, drifts in zip(joint.keys, amounts, strict=True):
                    self._narrow[each] = frozenset(drifts)
        return tally.drift & self._narrow.get(key, tally.drift)

    # Verdicts

    def verdicts(self, keys: Iterable[Key] | None = None) -> Mapping[Key, Verdict]:
        """What is known of `keys`, or of all that a reading was about."""
        if keys is not None:
            return {key: self._verdict(key) for key in keys}
        verdicts = {key: self._judge(key, tally) for key, tally in self._tallies.items()}
        for sighting in reversed(self._sightings):  # the latest first: it stays
            stated = {} if sighting.why else sighting.reading.stated
            for key, amount in stated.items():
                if key not in verdicts:
                    verdicts[key] = Verdict(State.AGREES, amount, amount, _ZERO)
        for key in self._keys() - verdicts.keys():
            verdicts[key] = self._verdict(key)
        return verdicts

    def wanting(self) -> frozenset[Key]:
        """The keys that another reading may decide; empty once there is no use, or no more."""
        if len(self._sightings) >= self.settings.resamples:
            return frozenset()
        wanting = {key for key, tally in self._tallies.items() if self._wants(key, tally)}
        if any(sighting.why for sighting in self._sightings):
            spoken = [sighting.reading for sighting in self._sightings if not sighting.why]
            wanting.update(
                key
                for key in self._keys() - self._tallies.keys()
                if not any(reading.about(key) for reading in spoken)
            )
        return frozenset(wanting)

    def _keys(self) -> set[Key]:
        keys: set[Key] = set()
        for sighting in self._sightings:
            keys.update(sighting.found, sighting.reading.stated, sighting.reading.opening)
        return keys

    def _verdict(self, key: Key) -> Verdict:
        tally = self._tallies.get(key)
        if tally is not None:
            return self._judge(key, tally)
        for sighting in reversed(self._sightings):
            if not sighting.why and sighting.reading.about(key):
                stated = sighting.reading.says(key)
                return Verdict(State.AGREES, stated, stated, _ZERO)
        for sighting in reversed(self._sightings):
            if sighting.reading.about(key):
                return Verdict(State.UNKNOWN, why=sighting.why)
        return Verdict(State.UNKNOWN, why="no reading is about it")

    def _judge(self, key: Key, tally: Tally) -> Verdict:
        if not tally.count:
            assert tally.said is not None
            return Verdict(tally.said.state, tally.said.stated, why=tally.said.why)
        drift, stated = self._narrowed(key, tally), tally.stated
        assert stated is not None
        settled = min(drift, key=lambda each: (each.copy_abs(), each))
        projected = subtract(stated, settled)
        if drift == {_ZERO} and self._agrees(tally):
            return Verdict(State.AGREES, stated, projected, _ZERO)
        if _ZERO not in drift and self._confirmed(tally):
            why = tally.doubt or ("its size is not certain" if len(drift) > 1 else "")
            difference = subtract(projected, stated)
            return Verdict(State.BREAK, stated, projected, difference, bool(why), why)
        state, why = self._open(drift, tally)
        if len(drift) > 1:
            return Verdict(state, stated, why=why)
        return Verdict(state, stated, projected, subtract(projected, stated), why=why)

    def _open(self, drift: frozenset[Decimal], tally: Tally) -> tuple[State, str]:
        if tally.said is not None and not tally.said.drift:
            return tally.said.state, tally.said.why
        if tally.torn and not self._confirmed(tally):
            return State.STALE, "readings contradict each other"
        if _ZERO in drift and len(drift) > 1:
            return State.UNDECIDED, "what happened while the snapshot was taken may explain it"
        if not tally.trusted:
            return State.UNDECIDED, tally.doubt or ""
        return State.UNDECIDED, f"{tally.count} of {self.settings.readings} readings, or too near"

    def _agrees(self, tally: Tally) -> bool:
        if not tally.trusted:
            return False
        assert tally.sighting is not None
        at_once = tally.sighting.reading.evented and not tally.torn
        return at_once or self._confirmed(tally)

    def _confirmed(self, tally: Tally) -> bool:
        enough = tally.count >= self.settings.readings
        return enough and tally.last - tally.first >= self.settings.grace

    def _wants(self, key: Key, tally: Tally) -> bool:
        verdict = self._judge(key, tally)
        if verdict.state is State.BREAK:
            return verdict.doubt and tally.doubt is None
        if verdict.state is State.AGREES:
            return False
        return tally.said is None or tally.said.again


def _without(joint: Joint, keys: set[Key]) -> Joint:
    places = [place for place, key in enumerate(joint.keys) if key not in keys]
    if len(places) == len(joint.keys):
        return joint
    return Joint(
        tuple(joint.keys[place] for place in places),
        frozenset(tuple(vector[place] for place in places) for vector in joint.vectors),
    )


def _match(one: Joint, other: Joint, limit: int) -> Joint:
    """The vectors over the keys of both that agree on the keys of each; too many: of `other`."""
    shared = [key for key in one.keys if key in other.keys]
    mine = [one.keys.index(key) for key in shared]
    theirs = [other.keys.index(key) for key in shared]
    added = [place for place, key in enumerate(other.keys) if key not in one.keys]
    by: dict[tuple[Decimal, ...], list[tuple[Decimal, ...]]] = {}
    for vector in other.vectors:
        rest = tuple(vector[place] for place in added)
        by.setdefault(tuple(vector[place] for place in theirs), []).append(rest)
    matched: set[tuple[Decimal, ...]] = set()
    for vector in one.vectors:
        for rest in by.get(tuple(vector[place] for place in mine), ()):
            matched.add((*vector, *rest))
            if len(matched) > limit:
                return other
    return Joint((*one.keys, *(other.keys[place] for place in added)), frozenset(matched))
