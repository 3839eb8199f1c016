"""A definition made ready for folding: what each type of touchpoint can bring about, looked up instead of searched for."""

from collections.abc import Callable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import NamedTuple

from journey.conditions import BY_DEAL, BY_LEAD, BY_SCORE, Compiled, leaves_of, set_off_by
from journey.definition import Condition, Conversion, Count, Definition, LeadIs, Match, ProfileIs, Rule, ScoreRule, SegmentIs
from journey.leads import LeadTouch
from journey.person import SEGMENTS
from journey.stateless import STATELESS, Stateless
from journey.touchpoints import (
    TYPES,
    AccountJoined,
    AccountLeft,
    ActivityScheduled,
    Close,
    DealOpened,
    DealReopened,
    DealUpdated,
    Identified,
    OrderPlaced,
    PageEngaged,
    PageView,
    ProfileUpdated,
    Refund,
    Retracted,
    Touchpoint,
    Unlinked,
)

PLANS_KEPT_MAX = 8

LEAD_STRIKES_MAX = 2
"""How many deadlines of one lead cycle may follow each other: breached, then expired or withdrawn."""


class StageRule(NamedTuple):
    stage: str
    rule: Rule


class Segment(NamedTuple):
    name: str
    condition: Condition


class OfType(NamedTuple):
    """What touchpoints of one type may do. `(…, test)`: only those whose fields pass."""

    name: str
    silent: bool
    """Links and retractions: they assert nothing themselves."""
    inert: bool
    """It brings nothing about, whoever it is about and whatever it says, but the fact that takes no state: only time has come to it."""
    stateless: Stateless | None
    schedules: bool
    activity: bool
    not_activity: tuple[Callable[[Touchpoint], bool] | None, ...]
    traffic: bool
    session: bool
    touch: bool
    engages: bool
    """It may make a session engaged."""
    describes: bool
    moves_deal: bool
    about_lead: bool
    opens_lead: bool
    qualifies_lead: bool
    points: tuple[tuple[ScoreRule, Callable[[Touchpoint], bool] | None], ...]
    counts: tuple[tuple[int, Count, Callable[[Touchpoint], bool] | None], ...]
    conversions: tuple[tuple[Conversion, Callable[[Touchpoint], bool] | None], ...]
    key_events: tuple[Callable[[Touchpoint], bool] | None, ...]
    milestones: tuple[tuple[str, Callable[[Touchpoint], bool] | None], ...]
    segments: bool
    """It may move segments by itself."""
    lasting: tuple[tuple[int, Callable[[Touchpoint], bool] | None], ...]
    """What holds in segments from it on."""


class Plan:
    """The definition, compiled. One per definition: see `plan_of`."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.zone = definition.zone
        self.rules = [
            StageRule(stage.name, rule.model_copy(update={"from_": leads_from(definition, stage.name, rule)}))
            for stage in reversed(definition.stages)
            for rule in stage.rules
        ]
        self.segments = tuple(Segment(name, definition.segments[name]) for name in _in_turn(definition.segments))
        """Each after those that it asks for."""
        self.compiled = Compiled(self._conditions(), self._matches(), (one.condition for one in self.segments))
        self.lasting_leads = tuple((index, leaf.lead) for index, leaf in enumerate(self.compiled.lasting) if isinstance(leaf, LeadIs))
        leaves = (leaf for one in self.segments for _, leaf in leaves_of(one.condition))
        self.profile_fields = frozenset(name for leaf in leaves if isinstance(leaf, ProfileIs) for name in leaf.profile)
        """Those that segments ask for."""
        self.of_type = {kind: self._of_type(name) for name, kind in TYPES.items()}
        self.mql_types = set_off_by(definition.lead.mql)
        self.deadlines = {
            name: tuple(one for one in self.rules if one.rule.when is None and name in (one.rule.from_ or ()))
            for name in ("", *definition.stage_names)
        }
        """By the stage that they lead out of."""
        self.onward = frozenset(_onward(definition))
        """From which stage to which is along the journey, to a later one: to any of it from none, or from one that leads back into it."""
        self.ranks = {name: rank for rank, name in enumerate((*definition.deadline_order, SEGMENTS))}
        """Segments come last: they see all that an instant brought."""
        self.chain_max = len(definition.stages) + LEAD_STRIKES_MAX
        """How many deadlines may follow each other without a touchpoint. More would be a circle, and is refused at load."""
        below = [definition.lead.withdrawn_below, *(one.rule.score_below for one in self.rules)]
        self.score_limits = tuple(sorted({limit for limit in below if limit is not None}))
        """The scores that something strikes below."""
        self._candidates: dict[tuple[str, str, bool, bool, bool], tuple[StageRule, ...]] = {}

    def candidates(self, stage: str, type: str, *, scored: bool, deal: bool, lead: bool) -> tuple[StageRule, ...]:
        """The rules out of `stage` that a touchpoint of `type` may set off, which scored, changed a deal or moved a lead; first wins."""
        key = (stage, type, scored, deal, lead)
        found = self._candidates.get(key)
        if found is None:
            found = self._candidates[key] = tuple(
                one
                for one in self.rules
                if one.rule.when is not None
                and stage in (one.rule.from_ or ())
                and _may_set_off(set_off_by(one.rule.when), type, scored=scored, deal=deal, lead=lead)
            )
        return found

    def mql_may_hold(self, type: str, *, scored: bool, deal: bool, lead: bool) -> bool:
        return _may_set_off(self.mql_types, type, scored=scored, deal=deal, lead=lead)

    def _conditions(self) -> Iterator[Condition]:
        yield from (one.rule.when for one in self.rules if one.rule.when is not None)
        yield self.definition.lead.mql

    def _matches(self) -> Iterator[Match]:
        lead = self.definition.lead
        yield lead.sql
        if lead.created_by is not None:
            yield lead.created_by
        yield from self.definition.not_activity
        yield from (rule.when for rule in self.definition.scoring)
        yield from (one.when for one in self.definition.attribution.conversions if one.when is not None)
        yield from self.definition.key_events
        yield from self.definition.milestones.values()

    def _of_type(self, name: str) -> OfType:
        definition, tests = self.definition, self.compiled.tests
        key_events = tuple(tests[id(match)] for match in definition.key_events if name in match.types)
        of_type = OfType(
            name=name,
            inert=False,
            stateless=STATELESS.get(TYPES[name]),
            schedules=TYPES[name] is ActivityScheduled,
            silent=issubclass(TYPES[name], Identified | Unlinked | Retracted),
            activity=name in definition.activity,
            not_activity=tuple(tests[id(match)] for match in definition.not_activity if name in match.types),
            traffic=name in definition.traffic,
            session=name in definition.session_types,
            touch=name in definition.attribution.touches,
            engages=bool(key_events) or (name in definition.session_types and issubclass(TYPES[name], PageView | PageEngaged)),
            describes=issubclass(TYPES[name], ProfileUpdated | AccountJoined | AccountLeft | OrderPlaced | Refund),
            moves_deal=issubclass(TYPES[name], DealOpened | DealUpdated | DealReopened | Close),
            about_lead=issubclass(TYPES[name], LeadTouch),
            opens_lead=definition.lead.created_by is not None and name in definition.lead.created_by.types,
            qualifies_lead=name in definition.lead.sql.types,
            points=tuple((rule, tests[id(rule.when)]) for rule in definition.scoring if name in rule.when.types),
            counts=tuple((index, count, tests[id(count.of)]) for index, count in enumerate(self.compiled.counts) if name in count.of.types),
            conversions=tuple(
                (one, tests[id(one.when)]) for one in definition.attribution.conversions if one.when is not None and name in one.when.types
            ),
            key_events=key_events,
            # By name: a definition is the same whatever the order of its keys.
            milestones=tuple(
                (milestone, tests[id(match)]) for milestone, match in sorted(definition.milestones.items()) if name in match.types
            ),
            segments=any(name in set_off_by(one.condition) for one in self.segments),
            lasting=tuple(
                (index, tests[id(leaf)])
                for index, leaf in enumerate(self.compiled.lasting)
                if isinstance(leaf, Match) and name in leaf.types
            ),
        )
        does_nothing = not any(value for field, value in of_type._asdict().items() if field not in ("name", "stateless", "schedules"))
        sets_off_nothing = not any(name in set_off_by(condition) for condition in self._conditions())
        return of_type._replace(inert=does_nothing and sets_off_nothing)


def _may_set_off(by: frozenset[str], type: str, *, scored: bool, deal: bool, lead: bool) -> bool:
    return type in by or (scored and BY_SCORE in by) or (deal and BY_DEAL in by) or (lead and BY_LEAD in by)


def _in_turn(segments: Mapping[str, Condition]) -> list[str]:
    """Their names, each after those of the segments that it asks for, else by name: a definition is the same whatever the order of keys."""
    asks_for = {name: segments_in(condition) for name, condition in segments.items()}
    return list(TopologicalSorter({name: sorted(asks_for[name]) for name in sorted(asks_for)}).static_order())


def segments_in(condition: Condition) -> frozenset[str]:
    """The segments that a condition asks for."""
    return frozenset(leaf.segment for _, leaf in leaves_of(condition) if isinstance(leaf, SegmentIs))


def leads_from(definition: Definition, stage: str, rule: Rule) -> tuple[str, ...]:
    """The stages that a rule leads out of: as stated, else none yet and all before its own."""
    if rule.from_ is not None:
        return rule.from_
    names = definition.stage_names
    before = names[: names.index(stage)]
    return ("", *(name for name, one in zip(names, definition.stages, strict=True) if name in before and one.way == "along"))


def _onward(definition: Definition) -> Iterator[tuple[str, str]]:
    for place, stage in enumerate(definition.stages):
        if stage.way == "along":
            yield "", stage.name
            yield from ((one.name, stage.name) for n, one in enumerate(definition.stages) if one.way == "back" or n < place)


_plans: dict[str, Plan] = {}


def plan_of(definition: Definition) -> Plan:
    """The plan of `definition`, made once."""
    plan = _plans.get(definition.fingerprint)
    if plan is None:
        while len(_plans) >= PLANS_KEPT_MAX:
            del _plans[next(iter(_plans))]
        plan = _plans[definition.fingerprint] = Plan(definition)
    return plan
