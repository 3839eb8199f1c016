"""Which touchpoints brought each fact about: the folds, one touchpoint at a time, of which only what still holds at the end is left."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from journey import deal, dimension, person_fold
from journey.definition import Definition
from journey.facts import NEVER, Fact, Facts, LeadMoved, LeadStood, Outlook, SegmentMoved, StageEntered
from journey.identity import Person
from journey.person import NOT_YET
from journey.touchpoints import Key, Touchpoint
from journey.turns import Turns


class ExplainedFact(NamedTuple):
    """A fact, and the touchpoints that it is because of. `by_time`: a deadline brought it about, and they are what that runs from;
    `is_ahead`: it is what only time will bring after the last touchpoint."""

    fact: Fact
    because: tuple[Key, ...]
    by_time: bool = False
    is_ahead: bool = False


def of_person(definition: Definition, one: Person, history: Sequence[Touchpoint], turns: Turns) -> list[ExplainedFact]:
    """All facts that hold of a person, and each as often as it does."""
    steps, scene = person_fold.stepwise(definition, one.name, one.ids, history, turns, NEVER - 1)
    *past, last = steps
    ahead = [brought for brought, _ in _by_time(last.facts, is_ahead=True)]
    journey = scene.journey
    if ahead or journey.active_at != NOT_YET:
        # What lies ahead is told fact by fact.
        ahead.append(ExplainedFact(Outlook(journey.person, journey.active_at, ()), journey.active_because))
    return _standing(
        told
        for step in past
        for told in (_by_time(step.facts) if step.touch is None else _by_touch(step.touch, step.facts))
    ) + ahead  # fmt: skip


def of_other(definition: Definition, subject: str, history: Sequence[Touchpoint]) -> list[ExplainedFact]:
    """All facts that hold of a deal, or of what touchpoints refer to, and each as often as it does."""
    fold = deal if subject.startswith("deal:") else dimension
    return _standing(told for touch, facts in fold.stepwise(definition, subject, history) for told in _by_touch(touch, facts))


def _by_touch(touch: Touchpoint, facts: Facts) -> Iterator[tuple[ExplainedFact, int]]:
    for fact, count in facts.items():
        yield ExplainedFact(fact, (touch.key,)), count


def _by_time(facts: Facts, *, is_ahead: bool = False) -> Iterator[tuple[ExplainedFact, int]]:
    """How a lead stood after a deadline is because of what the deadline's step is because of."""
    because = {(fact.at, fact.nth): fact.because for fact in facts if isinstance(fact, StageEntered | LeadMoved | SegmentMoved)}
    for fact, count in facts.items():
        assert isinstance(fact, StageEntered | LeadMoved | SegmentMoved | LeadStood), fact
        yield ExplainedFact(fact, because[fact.at, fact.nth], True, is_ahead), count


def _standing(told: Iterable[tuple[ExplainedFact, int]]) -> list[ExplainedFact]:
    """What is not taken back: of several equal facts, those that were asserted last are taken back first."""
    stacks: defaultdict[Fact, list[ExplainedFact]] = defaultdict(list)
    for brought, count in told:
        stack = stacks[brought.fact]
        if count > 0:
            stack.extend([brought] * count)
        else:
            assert len(stack) >= -count, f"taken back before it was asserted: {brought.fact}"
            del stack[count:]
    return [brought for stack in stacks.values() for brought in stack]
