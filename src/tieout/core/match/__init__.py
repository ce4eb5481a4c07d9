"""Which records belong together. Matching never judges and never changes a record.

The whole of keyed matching, in the order in which it happens. An engine may take shortcuts; the
slow reference in `tests/` does exactly this.

Words: a side's *records* are its readable rows, plus the records carried into the run whose
identity no readable row of the side has, or that are newer than each of its rows of that identity:
by `version` if these differ, else by `sequence`, all of them numbers. A record later than the cut
is set aside as `after_cut` (carried ones too). *Present* columns are those that a side's source
has.

A. Identity, on each side by itself.
   1. The identity of a record is its values in the side's identity columns (`BoundReading.
      identity`); null is a value here. The id column (`RecordType.id_of`: `trade_id`,
      `movement_id`; of an order `order_id`, else `client_order_id`) names one record. Where it is
      null, and where an event's is not present, the id is derived from the record's content:
      `canonical.derived_id(plain record, n)`, where n = 0, 1, ... counts records of the side
      with that very content. So two equal rows without an id are two records.
   2. `supersedes`: a record whose `supersedes` is not null removes every record of its side whose
      `trade_id` is that text and that agrees with it in account and venue where present. But a
      record never removes itself, nor, unless it is a bust, one that supersedes the same id as
      itself: two copies of a correction under its trade's own id are a record and its duplicate.
      Chains work: a removed record still removes. A record with exec_type `bust` and without
      `supersedes` is about its own `trade_id`. Every bust then leaves as well: a busted trade
      and its bust are both gone.
   3. Records with one identity: if their contents (all present columns) are equal, the first goes
      on, and the identity gives one DUPLICATE group: the first as primary, the others as
      duplicates. If contents differ: those with the highest `version` (else, where no version
      differs, the highest `sequence`; null is lowest) win, and the others are superseded, without
      a trace among the breaks. If the winners' contents are still different, they are a CONFLICT:
      none of them goes on. Winners with equal contents are again one record and its duplicates.

B. Passes, in the order of `Rules.passes`; without any, one pass on the identity columns that both
   sides have (for an event: those that are present, not derived). `account` and `venue` are added
   to every pass where both sides have them. A record with a null in a pass's key does not take
   part in that pass; but in `account`, `venue`, `wallet` and `leg`, which say whose it is, null
   is a value like others (a value that could not be read is not null). In each pass the records
   still free are grouped by key:
   1. one on each side: they are a pair;
   2. several on a side and at least one on the other: records that agree in the identity columns
      present on both sides and are alone with it on each side within the group are a pair; of
      what is left, those that are alone on each side with their (symbol, side) are a pair; if
      then records of both sides are left, these are one AMBIGUOUS group, and free no longer.
      Here two nulls agree, and a symbol or side that is not present counts as null;
   3. records of one side only: they stay free.

C. Relaxed passes, after all others: for each pass in order, and for each of: without `side`;
   without `symbol`; without both: if that removes something from its key (added columns
   included), and an id column (`schema.ID_COLUMNS`) remains in it, it is tried like a pass in B.
   A column can only be removed if it is in the key. An identical key is tried once.

D. Blocked keys. For each pass in B and C in order, a free record whose key in that pass equals the
   key of a CONFLICT on the other side joins that conflict's group as a candidate (the first such
   conflict by its anchor), and is free no longer. A free record whose key equals the key of a
   quarantined row of the other side, of which that key was readable, is a Single with
   `partner_quarantined`. Two conflicts on opposite sides with an equal pass key are one group,
   and so are all that one of them meets.

E. All other free records are Singles.

A check's row is looked up for each pair, by the check's columns in its internal record. Equal PnL
rows under one key are one row; where they contradict each other, the check is not made.

All records of a CONFLICT and of an AMBIGUOUS group are candidates. Groups order their records by
side (internal first), role (primary, duplicate, candidate), canonical text, and last by identity.
Nothing depends on the order of rows in a file, except which of several equal records is called
the first, and these are equal.
"""
