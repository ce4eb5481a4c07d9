"""The invariants of `core.lifecycle`, each against a model that holds everything in a dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec import structs
from store_values import D1, D2, D3, brk

from tieout.core.canonical import content
from tieout.core.found import binding, found_of
from tieout.core.lifecycle import PAGE, Event, Evidence, KnownBreak, Merges, Transition, settle
from tieout.core.merging import merging
from tieout.core.model import Break, Difference, Kind, Severity, State
from tieout.core.tally import Tally

NOW = 1_000_000
IDS = tuple("abcdef")


@dataclass
class Model:
    """The store as a dict, and the rules of `settle` as a sentence each."""

    known: dict[str, KnownBreak]

    def open_breaks(self) -> Iterator[KnownBreak]:
        return iter(
            [
                self.known[id_]
                for id_ in sorted(self.known)
                if self.known[id_].state is not State.RESOLVED
            ]
        )

    def lookup(self, ids: Sequence[str]) -> Mapping[str, KnownBreak]:
        assert len(ids) <= PAGE
        return {id_: self.known[id_] for id_ in ids if id_ in self.known}

    def run(self, found: Sequence[Break], evidence: Evidence, as_of: int = NOW) -> list[Transition]:
        written = [found_of(each, snapshot=evidence.snapshot) for each in found]
        merges = merging(self.open_breaks, written, evidence)
        steps = settle(
            self.open_breaks(), written, self.lookup, evidence, as_of=as_of, merges=merges
        )
        return list(steps)

    def after(self, steps: Sequence[Transition], on: date) -> Model:
        known = dict(self.known)
        for step in steps:
            known[step.id] = KnownBreak(
                step.id,
                step.state,
                step.content,
                step.binding,
                step.business_date,
                step.first_seen,
                step.opened_at,
                step.known.suppressed_until if step.known else None,
                on if step.state is State.RESOLVED else None,
            )
        return Model(known)

    def expected(self, found: Sequence[Break], evidence: Evidence) -> dict[str, Event]:
        """Without merging."""
        events = {}
        present = {each.id: each for each in found}
        for id_ in self.known.keys() | present.keys():
            known, here = self.known.get(id_), present.get(id_)
            resolved = known is not None and known.state is State.RESOLVED
            if here is None:
                if known is None or resolved:
                    continue
                events[id_] = Event.CLEARED if evidence.clears(known) else Event.CARRIED
            elif known is None:
                events[id_] = Event.OPENED
            elif resolved:
                same = binding(here, snapshot=evidence.snapshot) == known.binding
                later = known.cleared_on is not None and known.cleared_on > evidence.business_date
                if not (same and later):
                    events[id_] = Event.REOPENED
            else:
                same = binding(here, snapshot=evidence.snapshot) == known.binding
                events[id_] = Event.CARRIED if same else Event.CHANGED
        return events


def known_of(
    found: Break,
    *,
    state: State = State.OPEN,
    on: date = D1,
    first_seen: int = 10,
    opened_at: int = 20,
    until: int | None = None,
    cleared_on: date | None = None,
    snapshot: bool = False,
) -> KnownBreak:
    return KnownBreak(
        found.id,
        state,
        content(found),
        binding(found, snapshot=snapshot),
        on,
        first_seen,
        opened_at,
        until,
        cleared_on,
    )


prices = st.sampled_from(["101", "102", "103"])
days = st.sampled_from([D1, D2, D3])


@st.composite
def founds(draw: st.DrawFn) -> list[Break]:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    return [brk(id_, price=draw(prices)) for id_ in sorted(ids)]


@st.composite
def models(draw: st.DrawFn) -> Model:
    known = {}
    for id_ in draw(st.lists(st.sampled_from(IDS), unique=True)):
        state = draw(st.sampled_from(State))
        until = draw(st.none() | st.integers(NOW - 1, NOW + 1))
        known[id_] = known_of(
            brk(id_, price=draw(prices)),
            state=state,
            on=draw(days),
            first_seen=draw(st.integers(0, 50)),
            opened_at=draw(st.integers(50, 99)),
            until=until if state is State.SUPPRESSED else None,
            cleared_on=draw(days) if state is State.RESOLVED else None,
        )
    return Model(known)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    evaluated = draw(st.sets(st.sampled_from(IDS)))
    return Evidence(
        complete=draw(st.booleans()),
        business_date=draw(days),
        everything=draw(st.booleans()),
        evaluated=lambda known: known.id in evaluated,
    )


@given(models(), founds(), evidences())
def test_every_step_is_what_the_model_says(
    model: Model, found: list[Break], evidence: Evidence
) -> None:
    steps = model.run(found, evidence)
    assert {step.id: step.event for step in steps} == model.expected(found, evidence)
    assert [step.id for step in steps] == sorted({step.id for step in steps})


@given(models(), founds(), days)
def test_1_an_incomplete_run_clears_nothing(model: Model, found: list[Break], on: date) -> None:
    evidence = Evidence(False, on, everything=True, snapshot=True, evaluated=lambda _: True)
    steps = model.run(found, evidence)
    assert not {step.event for step in steps} & {Event.CLEARED, Event.MERGED}
    before = {known.id for known in model.open_breaks()}
    after = {known.id for known in model.after(steps, on).open_breaks()}
    assert before <= after


@given(models(), founds(), evidences())
def test_2_a_break_open_after_a_run_is_one_of_new_carried_changed_reopened(
    model: Model, found: list[Break], evidence: Evidence
) -> None:
    tally = Tally()
    steps = model.run(found, evidence)
    for step in steps:
        tally.add(step)
    counts = tally.counts()
    after = list(model.after(steps, evidence.business_date).open_breaks())
    assert counts.open + counts.suppressed == len(after)
    assert counts.open == counts.new + counts.carried + counts.changed + counts.reopened
    assert counts.open == sum(counts.by_kind.values()) == sum(counts.by_severity.values())
    assert counts.suppressed == Counter(known.state for known in after)[State.SUPPRESSED]


@given(models(), founds(), evidences())
def test_3_the_same_result_again_is_no_change(
    model: Model, found: list[Break], evidence: Evidence
) -> None:
    first = model.after(model.run(found, evidence), evidence.business_date)
    again = first.run(found, evidence, NOW + 5)
    assert {step.event for step in again} <= {Event.CARRIED}
    assert not any(step.written for step in again)


@given(models(), st.lists(st.tuples(founds(), evidences()), max_size=4))
def test_4_first_seen_is_kept_for_ever_and_opened_at_restarts_only_with_reopening(
    model: Model, runs: list[tuple[list[Break], Evidence]]
) -> None:
    for number, (found, evidence) in enumerate(runs):
        as_of = NOW + number
        steps = model.run(found, evidence, as_of)
        for step in steps:
            before = model.known.get(step.id)
            assert step.first_seen == (as_of if before is None else before.first_seen)
            fresh = before is None or step.event is Event.REOPENED
            assert step.opened_at == (as_of if fresh else before.opened_at)
        model = model.after(steps, evidence.business_date)


@given(models(), founds(), evidences(), st.data())
def test_5_a_missing_side_that_appears_keeps_the_age_under_the_id_of_the_pair(
    model: Model, found: list[Break], evidence: Evidence, data: st.DataObject
) -> None:
    taken = {each.id for each in found}
    orphans = [known for known in model.open_breaks() if known.id not in taken]
    assume(orphans and found)
    orphan = data.draw(st.sampled_from(orphans))
    assume(not evidence.overtaken(orphan))
    at = data.draw(st.integers(0, len(found) - 1))
    found[at] = structs.replace(found[at], aliases=(orphan.id,))
    id_ = found[at].id
    steps = {step.id: step for step in model.run(found, evidence)}
    pair, gone = steps[id_], steps[orphan.id]
    assert (gone.event, gone.state, gone.merged_into) == (Event.MERGED, State.RESOLVED, id_)
    assert (pair.event, pair.state, pair.merged_from) == (Event.CHANGED, State.OPEN, orphan.id)
    assert pair.first_seen <= orphan.first_seen
    assert pair.opened_at <= orphan.opened_at
    if id_ not in model.known:
        assert (pair.first_seen, pair.opened_at) == (orphan.first_seen, orphan.opened_at)
    others = {key: step.event for key, step in steps.items() if key not in (id_, orphan.id)}
    expected = model.expected(found, evidence)
    assert others == {k: v for k, v in expected.items() if k not in (id_, orphan.id)}


@given(models(), founds(), evidences())
def test_6_an_older_date_leaves_alone_what_a_later_one_found_or_cleared(
    model: Model, found: list[Break], evidence: Evidence
) -> None:
    here = {each.id: binding(each, snapshot=False) for each in found}
    steps = {step.id: step for step in model.run(found, evidence)}
    for id_, known in model.known.items():
        resolved = known.state is State.RESOLVED
        if resolved and known.cleared_on is not None and here.get(id_) == known.binding:
            assert (id_ not in steps) == (known.cleared_on > evidence.business_date)
        later = known.business_date > evidence.business_date
        if later and not resolved and id_ not in here and not evidence.evaluated(known):
            assert steps[id_].event is Event.CARRIED


@given(models(), founds(), evidences())
def test_7_suppressed_until_its_date_while_nothing_changes(
    model: Model, found: list[Break], evidence: Evidence
) -> None:
    for step in model.run(found, evidence):
        known = step.known
        if known is None or known.state is not State.SUPPRESSED:
            assert step.state is not State.SUPPRESSED
        elif step.event is Event.CARRIED:
            over = known.suppressed_until is not None and known.suppressed_until <= NOW
            assert step.state is (State.OPEN if over else State.SUPPRESSED)
        else:
            assert step.state is (State.RESOLVED if step.event is Event.CLEARED else State.OPEN)


def test_kinds_and_severities_are_of_the_breaks_open_after() -> None:
    """Also of a break that was carried without being found again."""
    gone = {"severity": Severity.HIGH, "kind": Kind.SIDE}
    model = Model({"a": known_of(brk("a", **gone), on=D1), "b": known_of(brk("b"), on=D2)})
    tally = Tally()
    for step in model.run([brk("c", severity=Severity.INFO)], Evidence(True, D2)):
        tally.add(step)
    counts = tally.counts()
    assert (counts.open, counts.new, counts.carried, counts.cleared) == (2, 1, 1, 1)
    assert counts.by_kind == {"PRICE": 1, "SIDE": 1}
    assert list(counts.by_severity.items()) == [("info", 1), ("high", 1)]


def test_a_date_clears_what_it_found_and_not_what_another_found() -> None:
    model = Model({id_: known_of(brk(id_), on=on) for id_, on in [("a", D1), ("b", D2)]})
    steps = model.run([], Evidence(True, D2))
    assert [(step.id, step.event) for step in steps] == [
        ("a", Event.CARRIED),
        ("b", Event.CLEARED),
    ]


@pytest.mark.parametrize("kind", ["snapshot", "everything"])
def test_the_newest_snapshot_clears_older_breaks_and_no_newer_one(kind: str) -> None:
    model = Model({id_: known_of(brk(id_), on=on) for id_, on in [("a", D1), ("b", D3)]})
    steps = model.run([], Evidence(True, D2, **{kind: True}))
    assert [step.event for step in steps] == [Event.CLEARED, Event.CARRIED]


def test_snapshots_bind_to_the_difference_and_events_to_everything() -> None:
    def moved(internal: str, external: str, difference: str | None = "-1") -> Break:
        return brk("a", differences=(Difference("price", internal, external, difference),))

    one, other = moved("1", "2"), moved("11", "12")
    assert binding(one, snapshot=True) == binding(other, snapshot=True)
    assert binding(one, snapshot=False) != binding(other, snapshot=False)
    assert binding(one, snapshot=True) != binding(moved("1", "3", "-2"), snapshot=True)
    texts = moved("x", "y", None), moved("x", "z", None)
    assert binding(texts[0], snapshot=True) != binding(texts[1], snapshot=True)


def test_a_carried_snapshot_break_with_new_content_is_written() -> None:
    def moved(internal: str, external: str) -> Break:
        return brk("a", differences=(Difference("price", internal, external, "-1"),))

    model = Model({"a": known_of(moved("1", "2"), snapshot=True)})
    (step,) = model.run([moved("11", "12")], Evidence(True, D2, snapshot=True))
    assert (step.event, step.written) == (Event.CARRIED, True)
    assert '"internal":"11"' in step.content


def test_of_two_breaks_that_hold_its_record_the_first_id_goes_on() -> None:
    model = Model({"m": known_of(brk("m", kind=Kind.MISSING_INTERNAL))})
    steps = model.run([brk("a", aliases=("m",)), brk("z", aliases=("m",))], Evidence(True, D2))
    assert [(step.id, step.event) for step in steps] == [
        ("a", Event.CHANGED),
        ("m", Event.MERGED),
        ("z", Event.OPENED),
    ]


def test_a_resolved_break_does_not_merge() -> None:
    model = Model({"m": known_of(brk("m"), state=State.RESOLVED)})
    (step,) = model.run([brk("a", aliases=("m",))], Evidence(True, D2))
    assert step.event is Event.OPENED


def test_merging_reads_what_was_found_several_times() -> None:
    found = [found_of(brk("a"), snapshot=False)]
    with pytest.raises(TypeError, match="several times"):
        merging(lambda: iter(()), iter(found), Evidence(True, D2))


@pytest.mark.parametrize("ids", ["ba", "aa"])
def test_unsorted_input_is_refused(ids: str) -> None:
    with pytest.raises(ValueError, match="sorted"):
        Model({}).run([brk(id_) for id_ in ids], Evidence(True, D1))


def test_nothing_is_read_more_than_a_page_ahead() -> None:
    read = 0

    def known() -> Iterator[KnownBreak]:
        nonlocal read
        for number in range(10 * PAGE):
            read += 1
            yield known_of(brk(f"{number:06}"))

    steps = settle(known(), (), lambda ids: {}, Evidence(False, D1), as_of=NOW, merges=Merges())
    for number, _ in enumerate(steps):
        assert read <= number + PAGE + 2


def test_dates_only_move_the_business_date_of_what_was_found() -> None:
    model = Model({id_: known_of(brk(id_), on=D1) for id_ in "ab"})
    steps = model.run([brk("a")], Evidence(False, D1 + timedelta(days=1)))
    assert [step.business_date for step in steps] == [D1 + timedelta(days=1), D1]
