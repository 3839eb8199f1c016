"""What the conditions of a definition mean: when each kind holds and because of what, what sets it off, and how it is told in words.

Each kind has one class here, a row of MEANINGS. The fold, its reasons, the plan and the checks of a definition ask that class, so that
a new kind is a model in `definition.py` and a class here.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from journey.definition import (
    All,
    AnyOf,
    Condition,
    Count,
    Counted,
    DealIs,
    LeadIs,
    Match,
    NoOpenDeal,
    ProfileIs,
    Scored,
    SegmentIs,
    StageIs,
)
from journey.facts import NEVER
from journey.instants import Instant, spelled
from journey.matching import matcher, passes
from journey.person import NO_AUDIENCE, Audience, PersonJourney
from journey.problems import Place
from journey.touchpoints import Key, Touchpoint
from journey.wording import listed, tested

BY_SCORE, BY_DEAL, BY_LEAD, BY_STAGE = "(score)", "(deal)", "(lead)", "(stage)"
"""What sets conditions off besides types of touchpoint: points, a deal that changes, a step of the lead, a stage that is entered."""


class Compiled:
    """The matches and the counts of a definition, made ready to be asked. They are known by identity."""

    def __init__(self, conditions: Iterable[Condition], matches: Iterable[Match], segments: Iterable[Condition] = ()) -> None:
        of_segments = [leaf for condition in segments for _, leaf in leaves_of(condition)]
        leaves = [*(leaf for condition in conditions for _, leaf in leaves_of(condition)), *of_segments]
        self.lasting = [leaf for leaf in of_segments if isinstance(leaf, Match | LeadIs)]
        """What happens at an instant, and holds from then on in a segment."""
        self.lasting_index = {id(leaf): index for index, leaf in enumerate(self.lasting)}
        self.profiles = {
            id(leaf): tuple((name, passes(test)) for name, test in leaf.profile.items())
            for leaf in of_segments
            if isinstance(leaf, ProfileIs)
        }
        self.counts: list[Count] = [count for leaf in leaves for count in meaning_of(leaf).counts(leaf)]
        self.count_index = {id(count): index for index, count in enumerate(self.counts)}
        within = (match for leaf in leaves for _, match in meaning_of(leaf).matches(leaf))
        self.tests: dict[int, Callable[[Touchpoint], bool] | None] = {id(match): matcher(match).passes for match in (*within, *matches)}

    def matches(self, match: Match, touch: Touchpoint) -> bool:
        """Whether `touch` is of a type that `match` names, and passes its tests."""
        if touch.type not in match.types:
            return False
        test = self.tests[id(match)]
        return test is None or test(touch)

    def counted(self, count: Count, journey: PersonJourney, at: Instant) -> tuple[Key, ...]:
        """What counts in the window that ends at `at`."""
        since = at - count.within
        return tuple(key for when, key in journey.counts.get(self.count_index[id(count)], ()) if when >= since)


@dataclass(slots=True)
class Scene:
    """What a condition is judged by: a touchpoint, what a journey remembers after it, and what the touchpoint itself brought about."""

    compiled: Compiled
    journey: PersonJourney
    touch: Touchpoint = field(init=False)
    scored: bool = False
    deal_now: str = ""
    """The outcome that a deal came to by this touchpoint."""
    lead_steps: dict[str, tuple[Key, ...]] = field(default_factory=dict)
    """What the touchpoint brought a lead cycle to, and because of what."""

    def begin(self, touch: Touchpoint) -> None:
        """The scene at `touch`, before it has brought anything about."""
        self.touch, self.scored, self.deal_now = touch, False, ""
        if self.lead_steps:
            self.lead_steps = {}


@dataclass(slots=True)
class Holding:
    """What the condition of a segment is judged by: a journey at an instant, at which what ends then still counts; and the segments that
    were judged before, each with what it holds because of."""

    compiled: Compiled
    journey: PersonJourney
    at: Instant
    members: dict[str, tuple[Key, ...]] = field(default_factory=dict)

    @property
    def audience(self) -> Audience:
        return self.journey.audience or NO_AUDIENCE


class Judgement(NamedTuple):
    """`because` names all that counted; `fresh` says whether the present touchpoint is among it."""

    holds: bool
    because: tuple[Key, ...]
    fresh: bool


_NO = Judgement(False, (), False)


class MatchStanding(NamedTuple):
    """How far a condition is met at an instant without a touchpoint: `have` of `need`, by what counts so far.

    What only a touchpoint sets off (a match, a step of the lead) is never met. `parts` are those of `all` and `any`.
    """

    condition: Condition
    met: bool
    have: int
    need: int
    because: tuple[Key, ...] = ()
    parts: tuple["MatchStanding", ...] = ()


def judge(condition: Condition, scene: Scene) -> Judgement:
    """Whether `condition` holds at the scene's touchpoint."""
    return MEANINGS[type(condition)].judge(condition, scene)


def holds(condition: Condition, holding: Holding) -> tuple[Key, ...] | None:
    """Because of what `condition` holds, in a segment; None where it does not."""
    return meaning_of(condition).holds(condition, holding)


def standing(condition: Condition, scene: Scene, at: Instant) -> MatchStanding:
    """How far `condition` is met at `at`, to which the scene's journey was brought. Explanations ask this, the fold never does."""
    return meaning_of(condition).standing(condition, scene, at)


def wanted(condition: Condition) -> str:
    """What `condition` asks for, in words."""
    return meaning_of(condition).wanted(condition)


def parts_of(condition: Condition) -> tuple[Condition, ...]:
    """The conditions that `condition` is made of; none of one that stands alone."""
    key = meaning_of(condition).parts
    return getattr(condition, key) if key else ()


def leaves_of(condition: Condition, place: Place = ()) -> Iterator[tuple[Place, Condition]]:
    """The conditions within `condition` that have no parts, each with its place."""
    key, parts = meaning_of(condition).parts, parts_of(condition)
    if not key:
        yield place, condition
    for index, part in enumerate(parts):
        yield from leaves_of(part, (*place, key, index))


C = TypeVar("C")


class ConditionMeaning(ABC, Generic[C]):
    """What one kind of condition means. What has a default is that of a kind without parts, which only a touchpoint sets off."""

    parts: ClassVar[str] = ""
    """The field that holds its parts: `all` or `any`."""
    is_measured: ClassVar[bool] = False
    """Whether `have` of `need` is a number that is worth telling."""
    is_of_segments: ClassVar[bool] = False
    """Whether segments alone may ask for it: it is a state, and sets nothing off."""

    @abstractmethod
    def judge(self, condition: C, scene: Scene) -> Judgement:
        """Whether it holds at the scene's touchpoint."""

    def standing(self, condition: C, scene: Scene, at: Instant) -> MatchStanding:
        """How far it is met at `at`."""
        return MatchStanding(condition, False, 0, 1)  # type: ignore[arg-type]  # a member of Condition

    def holds(self, condition: C, holding: Holding) -> tuple[Key, ...] | None:
        """Because of what it holds, in a segment; None where it does not. By default it does from the first time that it was set off."""
        return holding.audience.lasting.get(holding.compiled.lasting_index[id(condition)])

    def turns(self, condition: C, holding: Holding) -> Iterator[Instant]:
        """When, from the instant of `holding` on, time alone may make or end it."""
        yield from ()

    @abstractmethod
    def set_off_by(self, condition: C) -> frozenset[str]:
        """The types that may set it off; and BY_SCORE, BY_DEAL, BY_LEAD, BY_STAGE where points, a deal, a lead or a stage do."""

    def needs_an_event(self, condition: C) -> bool:
        """Whether something has to happen for it to hold, whichever way it does."""
        return bool(self.set_off_by(condition))

    def matches(self, condition: C) -> tuple[tuple[Place, Match], ...]:
        """The matches in it, each with its place."""
        return ()

    def counts(self, condition: C) -> tuple[Count, ...]:
        """What it counts."""
        return ()

    @abstractmethod
    def wanted(self, condition: C) -> str:
        """What it asks for, in words."""

    def lacking(self, condition: C, so_far: MatchStanding, journey: PersonJourney) -> str:
        """What would set it off, in words."""
        return f"{'another' if so_far.met else 'needs'}: {self.wanted(condition)}"


class _Match(ConditionMeaning[Match]):
    def judge(self, condition: Match, scene: Scene) -> Judgement:
        return Judgement(True, (scene.touch.key,), True) if scene.compiled.matches(condition, scene.touch) else _NO

    def set_off_by(self, condition: Match) -> frozenset[str]:
        return frozenset(condition.types)

    def matches(self, condition: Match) -> tuple[tuple[Place, Match], ...]:
        return (((), condition),)

    def wanted(self, condition: Match) -> str:
        tests = " and ".join(f"{name} {tested(test)}" for name, test in condition.where.items())
        return listed(condition.types) + (f" whose {tests}" if tests else "")


class _Counted(ConditionMeaning[Counted]):
    is_measured = True

    def judge(self, condition: Counted, scene: Scene) -> Judgement:
        keys = scene.compiled.counted(condition.count, scene.journey, scene.touch.occurred_at)
        return Judgement(True, keys, scene.touch.key in keys) if len(keys) >= condition.count.times else _NO

    def standing(self, condition: Counted, scene: Scene, at: Instant) -> MatchStanding:
        keys, times = scene.compiled.counted(condition.count, scene.journey, at), condition.count.times
        return MatchStanding(condition, len(keys) >= times, len(keys), times, keys)

    def holds(self, condition: Counted, holding: Holding) -> tuple[Key, ...] | None:
        keys = holding.compiled.counted(condition.count, holding.journey, holding.at)
        return keys if len(keys) >= condition.count.times else None

    def turns(self, condition: Counted, holding: Holding) -> Iterator[Instant]:
        count, journey = condition.count, holding.journey
        kept = journey.counts.get(holding.compiled.count_index[id(count)], ())
        if len(kept) >= count.times and (ends := kept[-count.times][0] + count.within) >= holding.at:
            yield ends

    def set_off_by(self, condition: Counted) -> frozenset[str]:
        return frozenset(condition.count.of.types)

    def matches(self, condition: Counted) -> tuple[tuple[Place, Match], ...]:
        return ((("count", "of"), condition.count.of),)

    def counts(self, condition: Counted) -> tuple[Count, ...]:
        return (condition.count,)

    def wanted(self, condition: Counted) -> str:
        return f"{condition.count.times} of {self._what(condition)}"

    def lacking(self, condition: Counted, so_far: MatchStanding, journey: PersonJourney) -> str:
        # What holds already was not set off: it takes one that counts.
        more = max(1, so_far.need - so_far.have)
        return f"{so_far.have} of {so_far.need} {self._what(condition)}; {more} more"

    def _what(self, condition: Counted) -> str:
        return f"{wanted(condition.count.of)} in {spelled(condition.count.within)}"


class _Scored(ConditionMeaning[Scored]):
    is_measured = True

    def judge(self, condition: Scored, scene: Scene) -> Judgement:
        ledger = scene.journey.ledger
        return Judgement(True, ledger.keys, scene.scored) if ledger.score >= condition.score.at_least else _NO

    def standing(self, condition: Scored, scene: Scene, at: Instant) -> MatchStanding:
        ledger, at_least = scene.journey.ledger, condition.score.at_least
        return MatchStanding(condition, ledger.score >= at_least, ledger.score, at_least, ledger.keys)

    def holds(self, condition: Scored, holding: Holding) -> tuple[Key, ...] | None:
        counting = [entry for entry in holding.journey.ledger.entries if entry.until >= holding.at]
        if sum(entry.points for entry in counting) < condition.score.at_least:
            return None
        return tuple(dict.fromkeys(entry.key for entry in counting))

    def turns(self, condition: Scored, holding: Holding) -> Iterator[Instant]:
        counting, at_least = [entry for entry in holding.journey.ledger.entries if entry.until >= holding.at], condition.score.at_least
        score = sum(entry.points for entry in counting)
        ending: dict[Instant, int] = {}
        for entry in counting:
            ending[entry.until] = ending.get(entry.until, 0) + entry.points
        for at in sorted(ending.keys() - {NEVER}):
            before, score = score, score - ending[at]
            if (before >= at_least) is not (score >= at_least):
                yield at

    def set_off_by(self, condition: Scored) -> frozenset[str]:
        return frozenset([BY_SCORE])

    def wanted(self, condition: Scored) -> str:
        return f"a score of {condition.score.at_least}"

    def lacking(self, condition: Scored, so_far: MatchStanding, journey: PersonJourney) -> str:
        more = so_far.need - so_far.have
        return f"score {so_far.have} of {so_far.need}; " + (f"{more} points more" if more > 0 else "the next points set it off")


class _DealIs(ConditionMeaning[DealIs]):
    def judge(self, condition: DealIs, scene: Scene) -> Judgement:
        keys = tuple(deal.key for deal in scene.journey.deals.values() if deal.outcome == condition.deal)
        return Judgement(True, keys, scene.deal_now == condition.deal) if keys else _NO

    def standing(self, condition: DealIs, scene: Scene, at: Instant) -> MatchStanding:
        return _as_judged(condition, scene)

    def holds(self, condition: DealIs, holding: Holding) -> tuple[Key, ...] | None:
        return tuple(deal.key for deal in holding.journey.deals.values() if deal.outcome == condition.deal) or None

    def set_off_by(self, condition: DealIs) -> frozenset[str]:
        return frozenset([BY_DEAL])

    def wanted(self, condition: DealIs) -> str:
        return f"a deal that is {condition.deal}"


class _NoOpenDeal(ConditionMeaning[NoOpenDeal]):
    def judge(self, condition: NoOpenDeal, scene: Scene) -> Judgement:
        return _NO if scene.journey.has_open_deal else Judgement(True, scene.journey.outcomes_because, False)

    def standing(self, condition: NoOpenDeal, scene: Scene, at: Instant) -> MatchStanding:
        return _as_judged(condition, scene)

    def holds(self, condition: NoOpenDeal, holding: Holding) -> tuple[Key, ...] | None:
        return None if holding.journey.has_open_deal else holding.journey.outcomes_because

    def set_off_by(self, condition: NoOpenDeal) -> frozenset[str]:
        return frozenset()

    def wanted(self, condition: NoOpenDeal) -> str:
        return "no open deal"

    def lacking(self, condition: NoOpenDeal, so_far: MatchStanding, journey: PersonJourney) -> str:
        is_open = sorted(deal for deal, known in journey.deals.items() if known.outcome == "open")
        return "no deal is open" if so_far.met else f"the close of deal {', '.join(is_open)}"


class _LeadIs(ConditionMeaning[LeadIs]):
    def judge(self, condition: LeadIs, scene: Scene) -> Judgement:
        return Judgement(True, scene.lead_steps[condition.lead], True) if condition.lead in scene.lead_steps else _NO

    def set_off_by(self, condition: LeadIs) -> frozenset[str]:
        return frozenset([BY_LEAD])

    def wanted(self, condition: LeadIs) -> str:
        return f"a lead that is {condition.lead}"


class _OfSegments(ConditionMeaning[C]):
    """What a person is, and not what happens: no rule is set off by it."""

    is_of_segments = True

    def judge(self, condition: C, scene: Scene) -> Judgement:
        return _NO


class _SegmentIs(_OfSegments[SegmentIs]):
    def holds(self, condition: SegmentIs, holding: Holding) -> tuple[Key, ...] | None:
        return holding.members.get(condition.segment)

    def set_off_by(self, condition: SegmentIs) -> frozenset[str]:
        return frozenset()  # What sets off the other segment does.

    def needs_an_event(self, condition: SegmentIs) -> bool:
        return True

    def wanted(self, condition: SegmentIs) -> str:
        return f"segment {condition.segment}"


class _StageIs(_OfSegments[StageIs]):
    def holds(self, condition: StageIs, holding: Holding) -> tuple[Key, ...] | None:
        return holding.journey.entered_because if holding.journey.stage in condition.stage else None

    def set_off_by(self, condition: StageIs) -> frozenset[str]:
        return frozenset([BY_STAGE])

    def wanted(self, condition: StageIs) -> str:
        return f"stage {listed(condition.stage)}"


class _ProfileIs(_OfSegments[ProfileIs]):
    def holds(self, condition: ProfileIs, holding: Holding) -> tuple[Key, ...] | None:
        profile, keys = holding.audience.profile, []
        for name, test in holding.compiled.profiles[id(condition)]:
            value, key = profile.get(name, ("", None))
            if not test(value or None):
                return None
            if key is not None:
                keys.append(key)
        return tuple(dict.fromkeys(keys))

    def set_off_by(self, condition: ProfileIs) -> frozenset[str]:
        return frozenset(["profile_updated"])

    def needs_an_event(self, condition: ProfileIs) -> bool:
        """Whether who has no profile does not pass."""
        return not all(passes(test)(None) for test in condition.profile.values())

    def wanted(self, condition: ProfileIs) -> str:
        return "a profile whose " + " and ".join(f"{name} {tested(test)}" for name, test in condition.profile.items())


class _All(ConditionMeaning[All]):
    parts = "all"

    def judge(self, condition: All, scene: Scene) -> Judgement:
        judged = [judge(part, scene) for part in condition.all]
        return _together(judged) if all(one.holds for one in judged) else _NO

    def standing(self, condition: All, scene: Scene, at: Instant) -> MatchStanding:
        return _by_parts(condition, scene, at, need=len(condition.all))

    def holds(self, condition: All, holding: Holding) -> tuple[Key, ...] | None:
        held = [holds(part, holding) for part in condition.all]
        return None if None in held else _keys(held)

    def set_off_by(self, condition: All) -> frozenset[str]:
        return frozenset().union(*map(set_off_by, condition.all))

    def needs_an_event(self, condition: All) -> bool:
        return any(map(needs_an_event, condition.all))

    def wanted(self, condition: All) -> str:
        return "; and ".join(map(wanted, condition.all))


class _AnyOf(ConditionMeaning[AnyOf]):
    parts = "any"

    def judge(self, condition: AnyOf, scene: Scene) -> Judgement:
        held = [one for one in (judge(part, scene) for part in condition.any) if one.holds]
        return _together(held) if held else _NO

    def standing(self, condition: AnyOf, scene: Scene, at: Instant) -> MatchStanding:
        return _by_parts(condition, scene, at, need=1)

    def holds(self, condition: AnyOf, holding: Holding) -> tuple[Key, ...] | None:
        held = [holds(part, holding) for part in condition.any]
        return None if all(keys is None for keys in held) else _keys(held)

    def set_off_by(self, condition: AnyOf) -> frozenset[str]:
        return frozenset().union(*map(set_off_by, condition.any))

    def needs_an_event(self, condition: AnyOf) -> bool:
        return all(map(needs_an_event, condition.any))

    def wanted(self, condition: AnyOf) -> str:
        return "; or ".join(map(wanted, condition.any))


MEANINGS: dict[type, ConditionMeaning[Any]] = {
    Match: _Match(),
    All: _All(),
    AnyOf: _AnyOf(),
    Counted: _Counted(),
    Scored: _Scored(),
    DealIs: _DealIs(),
    NoOpenDeal: _NoOpenDeal(),
    LeadIs: _LeadIs(),
    SegmentIs: _SegmentIs(),
    StageIs: _StageIs(),
    ProfileIs: _ProfileIs(),
}
"""By the kind of condition, all that is asked of it."""


def meaning_of(condition: Condition) -> ConditionMeaning[Any]:
    return MEANINGS[type(condition)]


def set_off_by(condition: Condition) -> frozenset[str]:
    """The types that may set `condition` off; and BY_SCORE, BY_DEAL, BY_LEAD, BY_STAGE where points, a deal, a lead or a stage do."""
    return meaning_of(condition).set_off_by(condition)


def needs_an_event(condition: Condition) -> bool:
    """Whether something has to happen for `condition` to hold, whichever way it does."""
    return meaning_of(condition).needs_an_event(condition)


def _together(judged: list[Judgement]) -> Judgement:
    because = tuple(dict.fromkeys(key for one in judged for key in one.because))
    return Judgement(True, because, any(one.fresh for one in judged))


def _keys(held: Iterable[tuple[Key, ...] | None]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(key for keys in held if keys is not None for key in keys))


def _by_parts(condition: All | AnyOf, scene: Scene, at: Instant, *, need: int) -> MatchStanding:
    parts = tuple(standing(part, scene, at) for part in parts_of(condition))
    met = sum(one.met for one in parts)
    return MatchStanding(condition, met >= need, met, need, parts=parts)


def _as_judged(condition: Condition, scene: Scene) -> MatchStanding:
    """Of what an instant answers as a touchpoint does."""
    judged = judge(condition, scene)
    return MatchStanding(condition, judged.holds, int(judged.holds), 1, judged.because)
