"""What a condition means stands in one place: a new kind is a model and a meaning, and the whole house knows it."""

from typing import Literal, get_args

import pytest
from pydantic import BaseModel

from journey.conditions import MEANINGS, ConditionMeaning, Judgement, Scene
from journey.definition import All, Condition, Definition, Match
from journey.definition_checks import problems
from journey.explain import explain
from journey.identity import Person
from journey.instants import DAY, HOUR
from tests.journey.builders import MONDAY, SMALL, at, derived, moves, touch, turns_in

ME = Person("user:7", ("user:7",))


class AtNight(BaseModel):
    """A page view before six in the morning."""

    at_night: Literal[True]


class Nights(ConditionMeaning[AtNight]):
    def judge(self, condition: AtNight, scene: Scene) -> Judgement:
        holds = scene.touch.type == "page_view" and scene.touch.occurred_at % DAY < 6 * HOUR
        return Judgement(holds, (scene.touch.key,) if holds else (), holds)

    def set_off_by(self, condition: AtNight) -> frozenset[str]:
        return frozenset({"page_view"})

    def wanted(self, condition: AtNight) -> str:
        return "a visit at night"


def led_in_by(condition: object) -> Definition:
    """The small definition, whose demo stage is led into by `condition`."""
    first, second, *others = SMALL.stages
    rules = (second.rules[0].model_copy(update={"when": condition}),)
    return SMALL.model_copy(update={"stages": (first, second.model_copy(update={"rules": rules}), *others)})


def test_every_kind_of_condition_has_its_meaning() -> None:
    assert set(MEANINGS) == set(get_args(Condition))


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # The definition's own field knows nothing of the new kind.
def test_a_new_kind_of_condition_is_checked_folded_and_explained_by_its_meaning_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEANINGS, AtNight, Nights())
    seldom = All.model_construct(all=(AtNight(at_night=True), Match(types=("page_view",), where={})))
    by = led_in_by(seldom)
    assert problems(by) == []

    by_day, by_night = touch("page_view", at=MONDAY), touch("page_view", at=at("2026-03-03T04:00"))
    assert [move.stage for move in moves(derived(by_day, by_night, by=by)[1])] == ["awareness", "consideration"]

    reasons = explain(by, ME, [by_day], turns_in(by, [by_day]), [], MONDAY, "consideration")
    (why_not,) = reasons.why_not
    assert why_not.unmet.wanted == "a visit at night; and page_view"
    assert why_not.unmet.parts[0].more == "needs: a visit at night"
