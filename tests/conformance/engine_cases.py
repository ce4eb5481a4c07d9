"""The edge rows that every engine must answer alike. Case names carry the numbers of the edge
cases that they prove."""

from __future__ import annotations

from conformance import (
    cases_checks,
    cases_identity,
    cases_matching,
    cases_passes,
    cases_values,
)

CASES = [
    *cases_identity.CASES,
    *cases_matching.CASES,
    *cases_passes.CASES,
    *cases_values.CASES,
    *cases_checks.CASES,
]
