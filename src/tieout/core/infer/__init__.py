"""Two samples in, a proposed reconciliation out: mapping, keys, tolerances, and what to check.

1. Nothing is loosened in silence: every comparison is exact unless a person uncomments a tolerance,
   and what is skipped, ignored or only in one of the samples is said.
2. What is proposed was tried: the samples are read by `core.read`, as a run would read them.
3. What the samples do not decide (a month or a day, a time zone) is said, not hidden.
"""

from tieout.core.infer.header import header_at
from tieout.core.infer.proposal import (
    Evidence,
    KeyCandidate,
    Proposal,
    Sample,
    SampledFile,
    SourceProposal,
    percent,
)
from tieout.core.infer.propose import propose

__all__ = [
    "Evidence",
    "KeyCandidate",
    "Proposal",
    "Sample",
    "SampledFile",
    "SourceProposal",
    "header_at",
    "percent",
    "propose",
]
