"""A short form of `soak.py`, in process and over HTTP; and that its judge finds what is wrong."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from soak_judge import score
from soak_market import KINDS, Scale, World

from tieout.core.confirm import State
from tieout.testing.exchange.planting import Planted

# Worlds with thousands of fills go through lines that smaller tests have gone through.
pytestmark = pytest.mark.no_cover

SMALL = Scale(rate=40, seconds=130, warm=20)
HTTP = Scale(rate=30, seconds=12, warm=3, cycle=3, grace=0.6, lag=0.4, late=0.4, http=True)
SOUGHT = frozenset(KINDS) - {"perp-orders", "spot-orders"}


@pytest.fixture(scope="module")
def quiet() -> World:
    return World(1, faults=False, scale=SMALL).run()


def test_all_that_is_planted_is_found_and_nothing_else(quiet: World) -> None:
    scores = {kind: score(quiet, kind) for kind in KINDS}
    assert {kind: each.wrong for kind, each in scores.items() if each.wrong} == {}
    assert {kind: each.statuses["failed"] for kind, each in scores.items()} == dict.fromkeys(
        KINDS, 0
    )
    found = {kind: each.found + each.held for kind, each in scores.items() if kind in SOUGHT}
    assert min(found.values()) >= 3, found


@pytest.mark.parametrize("seed", [2, 3])
def test_faults_make_no_break_and_hide_none_as_clean(seed: int) -> None:
    world = World(seed, faults=True, scale=SMALL).run()
    wrong = {kind: found for kind in KINDS if (found := score(world, kind).wrong)}
    assert wrong == {}


def test_the_same_over_http() -> None:
    world = World(4, faults=False, scale=HTTP).run()
    scores = {kind: score(world, kind) for kind in KINDS}
    assert {kind: each.wrong for kind, each in scores.items() if each.wrong} == {}
    assert sum(each.found + each.held for each in scores.values()) > 0


def test_the_judge_knows_a_false_break(quiet: World) -> None:
    honest = replace(quiet, truth={product: [] for product in quiet.truth})
    for kind in SOUGHT:
        assert score(honest, kind).wrong, kind


def test_the_judge_knows_what_is_missed(quiet: World) -> None:
    never = [replace(each, breaks=[], verdicts={}) for each in quiet.told]
    blind = replace(quiet, told=never)
    assert score(blind, "perp-trades").wrong
    mute = [replace(each, verdicts={}) for each in quiet.told]
    assert score(replace(quiet, told=mute), "perp-positions").wrong
    agreed = [
        replace(each, verdicts={key: _agreeing(one) for key, one in each.verdicts.items()})
        for each in quiet.told
    ]
    for kind in ("perp-positions", "spot-balances"):
        assert score(replace(quiet, told=agreed), kind).wrong, kind


def test_the_judge_knows_a_wrong_size(quiet: World) -> None:
    def larger(each: Planted) -> Planted:
        legs = {key: amount + Decimal(1) for key, amount in each.positions.items()}
        return replace(each, positions=legs)

    truth = {product: [larger(each) for each in all_] for product, all_ in quiet.truth.items()}
    assert score(replace(quiet, truth=truth), "perp-positions").wrong


def _agreeing(verdict: object) -> object:
    from msgspec.structs import replace as restated

    return restated(verdict, state=State.AGREES)  # type: ignore[type-var]
