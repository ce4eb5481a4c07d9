"""Whether a difference between the book and a snapshot of now is real. Pure: no I/O, no clock.

A snapshot races with fills: at the moment it was taken the book may not have heard of what is in
it, and it may not hold what the book has heard of. So a snapshot S is never compared with the book
of some other moment, but with *projections*: opening + entries up to a *cut*, for each cut that
the snapshot may have been taken at. What is left, S - P, is drift. Fills do not change drift, so
readings minutes apart can be compared with each other.

Entries
  1. The book's and the venue's entries are joined by id. What both have is certain. What only the
     venue has, and is younger than the deadline, is added: it happened, the book has not heard.
     What only the book has, and is younger, is optional: S may hold it or not.
  2. Past the deadline a one-sided entry is a break of its own, and nothing is mended here: P is
     what the book makes of it. The venue's alone is not in P, the book's alone is. The deadline
     is that of the end of the first reading, so that no entry changes sides between readings.
     Where both have an entry and differ about it, the venue is right until the deadline.
  3. Entries of one stream are in the order of their sequences; without these, of their times, and
     equal times in every order. Entries of different streams, and those without one, are in the
     order of their times as far as these are further apart than the resolution.
Readings
  4. D, the drift that one reading allows, is the set of S - P over the cuts inside `taken`. One
     cut explains all keys of a reading, unless it is not `together`.
  5. A reading that is not complete says nothing of any key, and a key without an approved opening
     is unknown. So is one that the snapshot does not have, unless it lists all there is.
  6. A key that a fee not known yet may move is expected until the deadline.
  7. A key is stale if S is explained by a cut before `taken`, and by none inside. Among many cuts
     one fits by chance. So the cut has to explain more keys of the response than it contradicts:
     keys that fit inside `taken` and not there. Whatever moved since that cut is then stale; and
     what fits inside `taken` is stale as well if nothing but itself contradicts such a cut. What
     the venue's own entries come to counts here, where the book's come to something else; a
     snapshot without an entry that the venue lists, and the book lost, agrees with nothing. In a
     reading that is not `together` no key has a say about another: any cut will do.
  8. Without entries of the venue a reading counts only if the book's version was the same before
     and after; and only equal readings, around one version, count together.
Verdicts
  9. I is the intersection of D over the readings that say something. Where it is empty, it begins
     anew with the last of these: stale, until it has been confirmed like a break.
  10. I = {0} agrees. 0 among others is undecided. A break needs N readings over the grace period
      that leave I without 0; if I has several members, it is in doubt.
  11. If no drift explains all keys of all readings together, each key is judged by itself: drift
      that changed at one key leaves the others as they are. That is weaker and never wrong.
  12. More cuts than the limit say nothing: undecided.
  13. A snapshot in doubt agrees with nothing by itself, and makes what breaks by it doubtful.

So with complete entries, and a snapshot that was so inside `taken`, 0 is in each D of a key at
which the book agrees: it never breaks. Unknown, stale, expected and undecided neither open nor
clear a break.
"""

from tieout.core.confirm.confirmation import Confirmation
from tieout.core.confirm.reading import Confirming, Reading, State, Verdict

__all__ = ["Confirmation", "Confirming", "Reading", "State", "Verdict"]
