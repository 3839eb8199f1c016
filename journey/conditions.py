"""Whether a condition of the definition holds at a touchpoint, and because of what. The one evaluation that rules and reasons share."""

from dataclasses import dataclass, field
from typing import NamedTuple, assert_never

from journey.definition import All, AnyOf, Condition, Count, Counted, DealIs, LeadIs, Match, NoOpenDeal, Scored
from journey.instants import Instant
from journey.person import PersonJourney
from journey.plan import Plan
from journey.touchpoints import Key, Touchpoint


@dataclass(slots=True)
class Scene:
    """What a condition is judged by: a touchpoint, what a journey remembers after it, and what the touchpoint itself brought about."""

    plan: Plan
    journey: PersonJourney
    touch: Touchpoint = field(init=False)
    scored: bool = False
    deal_now: str = ""
    """The outcome that a deal came to by this touchpoint."""
    lead_steps: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    """What the touchpoint brought a lead cycle to, and because of what."""

    def begin(self, touch: Touchpoint) -> None:
        """Of `touch`, which has brought nothing about yet."""
        self.touch, self.scored, self.deal_now = touch, False, ""
        if self.lead_steps:
            self.lead_steps = {}


class Judgement(NamedTuple):
    """`because` names all that counted; `fresh` says whether the present touchpoint is among it."""

    holds: bool
    because: tuple[Key, ...]
    fresh: bool


_NO = Judgement(False, (), False)


def judge(condition: Condition, scene: Scene) -> Judgement:
    """Whether `condition` holds at the scene's touchpoint."""
    journey = scene.journey
    match condition:
        case Match():
            return Judgement(True, (scene.touch.key,), True) if scene.plan.matches(condition, scene.touch.data) else _NO
        case Counted(count=count):
            keys = _counted(count, scene, scene.touch.occurred_at)
            return Judgement(True, keys, scene.touch.key in keys) if len(keys) >= count.times else _NO
        case Scored(score=score):
            if journey.ledger.score < score.at_least:
                return _NO
            return Judgement(True, journey.ledger.keys, scene.scored)
        case DealIs(deal=outcome):
            keys = tuple(deal.key for deal in journey.deals.values() if deal.outcome == outcome)
            return Judgement(True, keys, scene.deal_now == outcome) if keys else _NO
        case NoOpenDeal():
            return _NO if journey.has_open_deal else Judgement(True, journey.outcomes_because, False)
        case LeadIs(lead=step):
            return Judgement(True, scene.lead_steps[step], True) if step in scene.lead_steps else _NO
        case All(all=parts):
            judged = [judge(part, scene) for part in parts]
            return _together(judged) if all(one.holds for one in judged) else _NO
        case AnyOf(any=parts):
            held = [one for one in (judge(part, scene) for part in parts) if one.holds]
            return _together(held) if held else _NO
        case _:
            assert_never(condition)


def _counted(count: Count, scene: Scene, at: Instant) -> tuple[Key, ...]:
    """What counts in the window that ends at `at`."""
    since = at - count.within
    return tuple(key for when, key in scene.journey.counts.get(scene.plan.count_index[id(count)], ()) if when >= since)


class Standing(NamedTuple):
    """How far a condition is met at an instant without a touchpoint: `have` of `need`, by what counts so far.

    What only a touchpoint sets off (a match, a step of the lead) is never met. `parts` are those of `all` and `any`.
    """

    condition: Condition
    met: bool
    have: int
    need: int
    because: tuple[Key, ...] = ()
    parts: tuple["Standing", ...] = ()


def standing(condition: Condition, scene: Scene, at: Instant) -> Standing:
    """How far `condition` is met at `at`, to which the scene's journey was brought. Asked where reasons are, never by the fold."""
    match condition:
        case All(all=parts) | AnyOf(any=parts):
            judged = tuple(standing(part, scene, at) for part in parts)
            met, need = sum(one.met for one in judged), len(parts) if isinstance(condition, All) else 1
            return Standing(condition, met >= need, met, need, parts=judged)
        case Match() | LeadIs():
            return Standing(condition, False, 0, 1)
        case Counted(count=count):
            keys = _counted(count, scene, at)
            return Standing(condition, len(keys) >= count.times, len(keys), count.times, keys)
        case Scored(score=score):
            ledger = scene.journey.ledger
            return Standing(condition, ledger.score >= score.at_least, ledger.score, score.at_least, ledger.keys)
        case DealIs() | NoOpenDeal():
            judged_now = judge(condition, scene)
            return Standing(condition, judged_now.holds, int(judged_now.holds), 1, judged_now.because)
        case _:
            assert_never(condition)


def _together(judged: list[Judgement]) -> Judgement:
    because = tuple(dict.fromkeys(key for one in judged for key in one.because))
    return Judgement(True, because, any(one.fresh for one in judged))
