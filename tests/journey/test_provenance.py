"""Every fact that holds knows the touchpoints that it is because of, and no other does."""

from collections import Counter

import pytest
from hypothesis import given, settings

from journey import deal, person_fold
from journey.deadlines import as_ahead
from journey.definition import Definition
from journey.facts import Facts, Outlook
from journey.identity import Person
from journey.instants import DAY
from journey.provenance import ExplainedFact, of_other, of_person
from journey.touchpoints import Touchpoint
from schemas.definition_files import default_definition
from tests.journey.builders import ME, MONDAY, in_order, touch, turns_in
from tests.journey.random_histories import DEFINITIONS, IDS, histories


def come_to(brought: list[ExplainedFact]) -> Facts:
    """The facts as a fold asserts them: what lies ahead in one."""
    ahead = sorted((one.fact for one in brought if one.is_ahead), key=lambda fact: (fact.at, fact.nth))  # type: ignore[union-attr]
    plain = tuple(as_ahead(fact) for fact in ahead)  # type: ignore[arg-type]
    facts = (one.fact for one in brought if not one.is_ahead)
    return Counter(one._replace(ahead=plain) if isinstance(one, Outlook) else one for one in facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", DEFINITIONS, ids=["rich", "otherwise", "default"])
@given(history=histories())
@settings(deadline=None)
def test_the_facts_of_a_person_are_those_that_its_fold_asserts(by: Definition, history: list[Touchpoint]) -> None:
    turns = turns_in(by, history)
    found = of_person(by, Person(ME, IDS), history, turns)
    assert come_to(found) == person_fold.derive(by, ME, IDS, history, turns)[1]
    assert {key for one in found for key in one.because} <= {one.key for one in history}


@given(history=histories())
@settings(deadline=None)
def test_the_facts_of_a_deal_are_those_that_its_fold_asserts(history: list[Touchpoint]) -> None:
    ours = [one for one in history if one.about.deal == "12"]
    found = of_other(default_definition(), "deal:12", ours)
    assert Counter(one.fact for one in found) == deal.derive(default_definition(), "deal:12", ours)[1]


def test_what_time_brings_is_because_of_what_the_deadline_runs_from() -> None:
    seen = touch("page_view", at=MONDAY, id="seen")
    again = touch("page_view", at=MONDAY + 400 * DAY, id="again")
    history = in_order([seen, again])
    found = of_person(default_definition(), Person(ME, (ME,)), history, {})
    lost = next(one for one in found if one.fact.kind == "stage_entered" and one.by_time and not one.is_ahead)
    assert lost.because == (seen.key,)
    assert [one.because for one in found if one.is_ahead] == [(again.key,)]


def test_of_two_statements_the_one_that_counts_is_what_a_cost_is_because_of() -> None:
    day = {"period_start": "2026-03-02", "period_end": "2026-03-03", "statement": "march"}
    first = touch("spend_recorded", subject="campaign:spring", at=MONDAY, id="first", **day, amount="10.00", currency="EUR")
    second = touch("spend_recorded", subject="campaign:spring", at=MONDAY + DAY, id="second", **day, amount="30.00", currency="EUR")
    found = of_other(default_definition(), "campaign:spring", in_order([first, second]))
    assert [(one.fact.amount_minor, one.because) for one in found] == [(1500, (second.key,))] * 2  # type: ignore[union-attr]


def test_a_touchpoint_that_is_left_out_brings_no_deadline_about() -> None:
    seen = touch("page_view", at=MONDAY, id="seen")
    tested = touch("page_view", at=MONDAY + 400 * DAY, id="tested", test=True)
    found = of_person(default_definition(), Person(ME, (ME,)), in_order([seen, tested]), {})
    assert not [one for one in found if one.by_time and not one.is_ahead]
    assert {one.because for one in found if one.is_ahead} == {(seen.key,)}
