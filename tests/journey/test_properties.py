"""What holds for every history: steps add up to the whole, facts are plain and dated, reasons are reasons."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from journey import person_fold
from journey.channels import excluded
from journey.definition import Definition
from journey.facts import (
    Converted,
    Described,
    Fact,
    Facts,
    FirstTouched,
    LeadMoved,
    Lowered,
    Milestone,
    Ordered,
    Outlook,
    Scored,
    SessionEngaged,
    SessionStarted,
    StageEntered,
    Touched,
    from_row,
    to_row,
)
from journey.instants import DAY, Instant, day
from journey.integers import INTEGER_MAX
from journey.orders import sent_again
from journey.person import PersonJourney
from journey.person_fold import advance
from journey.plan import Plan, plan_of
from journey.touchpoints import DealOpened, Key, Touchpoint
from schemas.definition_files import default_definition
from tests.journey.builders import ME, MONDAY, touch, turns_in
from tests.journey.random_histories import DAYS, DEFINITIONS, IDS, RICH, histories

many = settings(deadline=None)
by_any_definition = pytest.mark.parametrize("by", DEFINITIONS, ids=["rich", "otherwise", "default"])

KEPT = TypeAdapter(PersonJourney)
NOBODY = PersonJourney(person=ME, ids=IDS)


def derive(by: Definition, history: list[Touchpoint], whole: list[Touchpoint] | None = None) -> tuple[PersonJourney, Facts]:
    """Of `history`, which may be part of the `whole` that says how its deals turned."""
    return person_fold.derive(by, ME, IDS, history, turns_in(by, history if whole is None else whole))


def settled(by: Definition, history: list[Touchpoint]) -> dict[Key, str]:
    """Which words of deals, and which statements of orders, count, and what they come to."""
    own = [one for one in history if one.subject in IDS and not excluded(by, one.about)]
    return turns_in(by, history) | sent_again(own)


def is_settled_alike(by: Definition, whole: list[Touchpoint], some: list[Touchpoint]) -> bool:
    """Whether in `some` of a history the same words count as in the `whole`, so that none is uncovered by what is not there."""
    keys = {one.key for one in some}
    return settled(by, some) == {key: turn for key, turn in settled(by, whole).items() if key in keys}


# --- steps


@by_any_definition
@many
@given(history=histories(), data=st.data())
def test_advancing_in_any_steps_adds_up_to_the_whole(by: Definition, history: list[Touchpoint], data: st.DataObject) -> None:
    journey, added, rest = NOBODY, Facts(), history
    while rest:
        some = data.draw(st.integers(1, len(rest)))
        before = KEPT.dump_json(journey)
        silent = person_fold.goes_on(by, journey, rest[:some])
        assert silent is not None  # None of these orders says when it was stated.
        after, changed = advance(by, journey, rest[:some], {**turns_in(by, history), **silent})
        assert KEPT.dump_json(journey) == before  # What it advanced from is left as it was, so that it may be tried again.
        assert 0 not in changed.values()
        journey = KEPT.validate_json(KEPT.dump_json(after)) if data.draw(st.booleans()) else after
        added.update(changed)
        rest = rest[some:]
    whole, facts = derive(by, history)
    assert Counter({fact: count for fact, count in added.items() if count}) == facts
    assert journey == whole


@by_any_definition
@many
@given(history=histories(), data=st.data())
def test_what_is_told_to_bring_nothing_about_brings_nothing_about(by: Definition, history: list[Touchpoint], data: st.DataObject) -> None:
    some = data.draw(st.integers(0, len(history)))
    first, _ = derive(by, history[:some], history)
    silent = {**turns_in(by, history), **(person_fold.goes_on(by, first, history[some:]) or {})}
    advanced = derive(by, history), advance(by, first, history[some:], silent)
    plan = Plan(by)
    plan.of_type = {kind: one._replace(inert=False) for kind, one in plan.of_type.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(person_fold, "plan_of", lambda definition: plan)
        assert (derive(by, history), advance(by, first, history[some:], silent)) == advanced


@by_any_definition
def test_a_type_that_a_rule_names_is_not_told_to_bring_nothing_about(by: Definition) -> None:
    inert = {one.name for one in plan_of(by).of_type.values() if one.inert}
    named = {name for stage in by.stages for rule in stage.rules if rule.when is not None for name in named_in(rule.when.model_dump())}
    named |= {name for rule in by.scoring for name in rule.when.types} | {*by.activity, *by.traffic, *by.session_types}
    assert inert
    assert not inert & named


def named_in(condition: Any) -> Iterator[str]:
    """The types that a condition names, however deep."""
    if isinstance(condition, dict):
        yield from condition.get("types", ())
        for part in condition.values():
            yield from named_in(part)
    elif isinstance(condition, list | tuple):
        for part in condition:
            yield from named_in(part)


@by_any_definition
@many
@given(history=histories())
def test_facts_are_there_once_or_more_and_hold_whole_numbers_and_text_only(by: Definition, history: list[Touchpoint]) -> None:
    _, facts = derive(by, history)
    for fact, count in facts.items():
        assert count > 0
        assert all(plain(value) for value in fact)
        assert from_row(to_row(fact, count)) == (fact, count)


def plain(value: Any) -> bool:
    """Whether `value` is a text, a whole number that every reader has exactly, or a tuple of such."""
    if isinstance(value, tuple):
        return all(plain(part) for part in value)
    return type(value) is str or (type(value) is int and abs(value) <= INTEGER_MAX)


# --- dates


class Move(NamedTuple):
    """A transition as far as a strike that is still to come has it too: of a stage, or of a lead cycle."""

    at: Instant
    nth: int
    name: str
    left: str
    rule: str
    cycle: int
    basis: str


def run_out(facts: Facts) -> list[Move]:
    """All transitions, those that will strike if nothing more happens included."""
    return sorted(_run_out(facts))


def _run_out(facts: Facts) -> Iterator[Move]:
    for fact in facts.elements():
        match fact:
            case StageEntered():
                yield Move(fact.at, fact.nth, fact.stage, fact.left_stage, fact.rule, 0, "")
            case LeadMoved():
                yield Move(fact.at, fact.nth, fact.step, "", fact.rule, fact.cycle, fact.basis)
            case Outlook(ahead=ahead):
                yield from _run_out(Counter(ahead))
            case _:
                pass


def asserted_up_to(until: Instant, by: Definition, facts: Facts) -> Facts:
    """What touchpoints up to `until` assert; what deadlines do is compared by `run_out`."""
    conditions = {rule.name for stage in by.stages for rule in stage.rules if rule.when is not None}

    def counts(fact: Fact) -> bool:
        match fact:
            case Touched():
                return fact.day < day(until, by.zone)
            case StageEntered():
                return fact.at <= until and fact.rule in conditions
            case LeadMoved():
                return fact.at <= until and not fact.basis
            case SessionEngaged():
                return fact.engaged_at <= until
            case Scored() | Converted() | Ordered() | Lowered() | Described() | FirstTouched() | SessionStarted() | Milestone():
                return fact.at <= until
            case _:
                return False

    return Counter({fact: count for fact, count in facts.items() if counts(fact)})


@by_any_definition
@many
@given(history=histories(), days=st.integers(0, DAYS), off=st.integers(-1, 1))
def test_no_fact_depends_on_what_comes_after_its_date(by: Definition, history: list[Touchpoint], days: int, off: int) -> None:
    """Of a history that is cut at an instant, what is dated up to it is the same: run out, since the clock goes on either way. What
    deals say of theirs is the same too, though it may be said later: that cuts facts by their dates, and never the set."""
    until = MONDAY + days * DAY + off
    _, whole = derive(by, history)
    _, cut = derive(by, [one for one in history if one.occurred_at <= until], history)
    assert [move for move in run_out(whole) if move.at <= until] == [move for move in run_out(cut) if move.at <= until]
    assert asserted_up_to(until, by, whole) == asserted_up_to(until, by, cut)


# --- reasons

FAR = MONDAY + 2000 * DAY


def struck(by: Definition, history: list[Touchpoint]) -> list[StageEntered | LeadMoved]:
    """All transitions in order, with their reasons: a mail long after has let every deadline strike."""
    _, facts = derive(by, [*history, touch("email_sent", at=FAR)])
    found = [fact for fact in facts.elements() if isinstance(fact, StageEntered | LeadMoved)]
    return sorted(found, key=lambda fact: (fact.at, fact.nth))


def told(moves: list[StageEntered | LeadMoved]) -> list[tuple[Any, ...]]:
    """What a transition is, its reasons and its place apart."""
    return [
        (one.at, "stage", one.stage, one.left_stage, one.rule) if isinstance(one, StageEntered) else (one.at, "lead", one.step, one.basis)
        for one in moves
    ]


@by_any_definition
@many
@given(history=histories(distinct=True))
def test_without_all_of_its_evidence_a_transition_is_gone(by: Definition, history: list[Touchpoint]) -> None:
    moves = struck(by, history)
    """Unless without it another word of a deal counts, or another statement of an order, which it had replaced or taken back."""
    known = {one.key for one in history}
    for move, is_told in zip(moves, told(moves), strict=True):
        assert move.because
        assert known.issuperset(move.because)
        assert all(one.occurred_at <= move.at for one in history if one.key in move.because)
        if isinstance(move, LeadMoved) and move.step in ("breached", "expired") and by.handoff.business_time:
            continue  # Two clocks that start out of hours are one.
        without = [one for one in history if one.key not in move.because]
        assert is_told not in told(struck(by, without)) or not is_settled_alike(by, history, without)


@pytest.mark.parametrize("by", [RICH, default_definition()], ids=["rich", "default"])
@many
@given(history=histories(distinct=True, size_max=10))
def test_without_a_touchpoint_that_no_transition_cites_nothing_goes_missing(by: Definition, history: list[Touchpoint]) -> None:
    """The first difference, if there is any, is a transition more: a deadline that it had held off, or a rule that it had blocked."""
    moves = struck(by, history)
    deadlines = {"breached", "expired", "withdrawn"} | {rule.name for stage in by.stages for rule in stage.rules if rule.when is None}
    cited: set[Key] = {key for move in moves for key in move.because}
    for one in history:
        if one.key not in cited and is_settled_alike(by, history, [other for other in history if other is not one]):
            without = struck(by, [other for other in history if other is not one])
            before, after = told(moves), told(without)
            first = next(
                (nth for nth, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), min(len(before), len(after))
            )
            if before[first:]:
                assert after[first:], f"{before[first]} is gone without {one}"
                assert after[first][0] <= before[first][0], f"{before[first]} is gone without {one}"
                assert after[first] not in before
            if after[first:]:
                # A close that another word of the deal had kept from a lead: only the opening does, which says whose the deal is.
                assert without[first].rule != "closed" or isinstance(one.data, DealOpened)
                # Of its own accord, or by a touchpoint that is there: a deadline that it had held off, or a rule that it had blocked.
                assert without[first].rule in deadlines or without[first].at in {other.occurred_at for other in history if other is not one}
