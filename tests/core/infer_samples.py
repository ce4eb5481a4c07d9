"""Samples of files, as the tests of `infer` write them."""

from __future__ import annotations

import csv
import io

from tieout.core.infer import Proposal, Sample, header_at, propose

AS_OF = "2026-11-20T00:00:00Z"


def sample(name: str, text: str, delimiter: str = ",") -> Sample:
    rows = list(csv.reader(io.StringIO(text.strip()), delimiter=delimiter, skipinitialspace=True))
    at = header_at(rows)
    header = tuple(cell.strip() for cell in rows[at])
    return Sample(name, header, [row for row in rows[at + 1 :] if len(row) == len(header)])


def proposed(ours: str, theirs: str, *, delimiters: str = ",,") -> Proposal:
    return propose(
        sample("ours", ours, delimiters[0]), sample("theirs", theirs, delimiters[1]), as_of=AS_OF
    )
