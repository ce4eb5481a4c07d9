"""The example of docs/confirming.md, worked through from its own tables."""

from __future__ import annotations

from decimal import Decimal

from core.confirm_cases import PERP, SECOND
from docs.pages import ROOT, tables

from tieout.core.confirm import Confirmation, Confirming, Reading, Verdict
from tieout.core.entries import Entry

OPENING = Decimal(10)


def moment(clock: str) -> int:
    hours, minutes, seconds = clock.split(":")
    return int((Decimal(hours) * 3600 + Decimal(minutes) * 60 + Decimal(seconds)) * SECOND)


def test_the_example_of_the_documentation() -> None:
    text = (ROOT / "docs" / "confirming.md").read_text(encoding="utf-8")
    entries, readings, (shown,) = [
        table.dicts() for table in tables(text) if "An example" in table.headings
    ]
    confirmation = Confirmation(Confirming(grace=5 * SECOND, deadline=60 * SECOND))
    for row in readings:
        both = {"in both readings", "in the second" if row["reading"] == "2" else ""}
        book, venue = (
            [
                Entry(each["entry"], moment(each["at"]), {PERP: Decimal(each["quantity"])})
                for each in entries
                if each[side] in both
            ]
            for side in ("book has it", "venue lists it")
        )
        stated = Decimal(row["venue says"])
        start, end = map(moment, row["window"].split(" to "))
        confirmation.add(
            Reading(
                taken=(start, end),
                stated={PERP: stated},
                opening={PERP: OPENING},
                book=book,
                venue=venue,
            )
        )
        drift = {Decimal(each) for each in row["drift"].split(", ")}
        assert confirmation._sightings[-1].found[PERP].drift == drift
        assert {stated - Decimal(each) for each in row["projected"].split(", ")} == drift
    found = confirmation.verdicts()[PERP]
    amounts = (Decimal(shown[name]) for name in ("venue says", "projected", "difference"))
    assert found == Verdict(found.state, *amounts)
    assert found.state == shown["verdict"]
