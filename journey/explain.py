"""Why a person is in a stage or a segment, and why not in another: all from the fold itself, run touchpoint by touchpoint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from journey import leads
from journey.conditions import Holding, MatchStanding, Scene, holds, judge, meaning_of, parts_of, standing, wanted
from journey.deadlines import all_due
from journey.definition import Condition, Definition, Rule
from journey.facts import NEVER, LeadMoved, Scored, SegmentMoved, StageEntered
from journey.histories import keys, people_named
from journey.identity import Person
from journey.instants import Instant, iso, spelled
from journey.person_fold import FoldStep, scene_of, stepwise
from journey.plan import Plan, plan_of
from journey.segments import members
from journey.touchpoints import Identified, Key, LeadScored, Touchpoint
from journey.turns import Turns
from journey.wording import said

LEAD_STEPS = {"mql": "mql", "sql": "qualified"}
"""What may be asked about as stages are, and the step of a lead that it is."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A touchpoint that counted, in words. `ties` are the links, or the deal, by which it is part of the person's history; none where it is
    the person's own."""

    at: str
    type: str
    says: str
    source: str
    id: str
    subject: str
    ties: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedTransition:
    """`what` is stage or lead; `cycle` is 0 for a stage. `because` is all that counted in the condition at that instant."""

    at: str
    what: str
    entered: str
    left: str
    rule: str
    cycle: int
    because: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ScoreEntry:
    """Points that count in the score. `until` is "" where they do not expire."""

    points: int
    rule: str
    at: str
    until: str
    by: Evidence


@dataclass(frozen=True, slots=True)
class Unmet:
    """What a rule still needs, or had. `more` says what would meet it; `because` is what counts so far. `parts`: all, or (`any`) one."""

    wanted: str
    met: bool
    have: int
    need: int
    more: str
    because: tuple[Evidence, ...] = ()
    any: bool = False
    parts: tuple["Unmet", ...] = ()


@dataclass(frozen=True, slots=True)
class WhyNot:
    """A rule that has not led into its stage. `leads_from` are the stages that it leads out of, where the person is in another one."""

    stage: str
    rule: str
    leads_from: tuple[str, ...]
    unmet: Unmet


@dataclass(frozen=True, slots=True)
class Why:
    """What a lead became an MQL or SQL by: the parts of its criteria, and which of them held at that instant."""

    stage: str
    cycle: int
    at: str
    held: Unmet


@dataclass(frozen=True, slots=True)
class SegmentMove:
    """`step` is entered or left; `by_time`: no touchpoint set it off, but time passing. `because` is as in the fact."""

    at: str
    step: str
    by_time: bool
    because: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class ExplainedSegment:
    """A segment of the definition: what led into it and out of it, and how its condition stands. `since` is "" where the person is not in
    it."""

    segment: str
    since: str
    moves: tuple[SegmentMove, ...]
    stands: Unmet


@dataclass(frozen=True, slots=True)
class Explanation:
    stage: str
    score: int
    transitions: tuple[ExplainedTransition, ...]
    ledger: tuple[ScoreEntry, ...]
    """Its points add up to the score: what has expired, or was beyond a daily limit, is not in it."""
    why_not: tuple[WhyNot, ...]
    why: tuple[Why, ...] = ()
    """Of an MQL or SQL, where one is asked about and is there."""
    segments: tuple[ExplainedSegment, ...] = ()
    """Those of the definition, by name; none where a stage is asked about."""


@dataclass(slots=True)
class _Case:
    """What an explanation is made from."""

    plan: Plan
    person: Person
    history: Sequence[Touchpoint]
    turns: Turns
    steps: list[FoldStep]
    scene: Scene
    until: Instant
    known: dict[Key, Evidence] = field(default_factory=dict)

    def told(self, keys: Sequence[Key]) -> tuple[Evidence, ...]:
        return tuple(self.known[key] for key in keys)


def explain(
    by: Definition,
    person: Person,
    history: Sequence[Touchpoint],
    turns: Turns,
    links: Sequence[Touchpoint],
    until: Instant,
    stage: str = "",
) -> Explanation:
    """The reasons as of `until`; only those about `stage` (or mql, or sql) where one is given. `turns` are those of the deals in
    `history`; `links` are the statements that tie the person's ids."""
    # The plan's own definition, since conditions are known by identity.
    plan = plan_of(by)
    by = plan.definition
    steps, scene = stepwise(by, person.name, person.ids, history, turns, until)
    case = _Case(plan, person, history, turns, steps, scene, until)
    tied = _Tied(person, links, history)
    for step in steps:
        if (touch := step.touch) is not None:
            case.known[touch.key] = evidence(touch, tied.by(touch))
    moves = sorted((move for step in steps for move in _moves(case, step)), key=lambda move: move[0])
    ledger = tuple(entry for step in steps for entry in _points(case, step))
    assert sum(entry.points for entry in ledger) == scene.journey.ledger.score
    told = tuple(move for _, move in moves if not stage or move.entered in (stage, LEAD_STEPS.get(stage)))
    entered = {move.entered for _, move in moves if move.what == "stage"}
    asked = [stage] if stage else [name for name in by.stage_names if name not in entered]
    why_not = tuple(_why_not(case, name, rule) for name in asked if name != scene.journey.stage for rule in _rules(case, name))
    why = _lead(case, stage) if stage in LEAD_STEPS else None
    if isinstance(why, WhyNot):
        why_not += (why,)
    reasons = (why,) if isinstance(why, Why) else ()
    segments = () if stage else tuple(_segments(case))
    return Explanation(scene.journey.stage, scene.journey.ledger.score, told, ledger, why_not, reasons, segments)


def evidence(touch: Touchpoint, ties: tuple[Key, ...] = ()) -> Evidence:
    says = touch.data.other if isinstance(touch.data, Identified) else said(touch)
    return Evidence(iso(touch.occurred_at), touch.type, says, touch.source, touch.id, touch.subject, ties)


def _moves(case: _Case, step: FoldStep) -> Iterator[tuple[tuple[Instant, int], ExplainedTransition]]:
    for fact in step.facts:
        match fact:
            case StageEntered(at=at, nth=nth, stage=stage, left_stage=left, rule=rule, because=because):
                yield (at, nth), ExplainedTransition(iso(at), "stage", stage, left, rule, 0, case.told(because))
            case LeadMoved(at=at, nth=nth, step=moved, rule=rule, cycle=cycle, because=because):
                yield (at, nth), ExplainedTransition(iso(at), "lead", moved, "", rule, cycle, case.told(because))
            case _:
                pass


def _points(case: _Case, step: FoldStep) -> Iterator[ScoreEntry]:
    for fact in step.facts.elements():
        if isinstance(fact, Scored) and fact.until_at > case.until:
            assert step.touch is not None
            until = "" if fact.until_at == NEVER else iso(fact.until_at)
            yield ScoreEntry(fact.points, fact.rule, iso(fact.at), until, case.known[step.touch.key])


# --- what ties a touchpoint to the person


def _ties(person: Person, links: Sequence[Touchpoint]) -> dict[str, tuple[Key, ...]]:
    """By id: the links on a shortest way to the id that the person is named by."""
    found: dict[str, tuple[Key, ...]] = {person.name: ()}
    edge = [person.name]
    for id in edge:
        for link in links:
            assert isinstance(link.data, Identified)
            for here, there in ((link.subject, link.data.other), (link.data.other, link.subject)):
                if here == id and there not in found:
                    found[there] = (*found[id], link.key)
                    edge.append(there)
    return found


def _deals(touch: Touchpoint) -> list[str]:
    """The deals that it is stored under: the one that it is published under, and the one that it names."""
    return [key for key in keys(touch) if key.startswith("deal:")]


class _Tied:
    """What ties touchpoints to the person: its links, and the first touchpoint of each deal that names one of its ids."""

    def __init__(self, person: Person, links: Sequence[Touchpoint], history: Sequence[Touchpoint]) -> None:
        self.ids = frozenset(person.ids)
        self.links = _ties(person, links)
        self.deals: dict[str, tuple[Key, ...]] = {}
        for touch in history:
            named = next((id for id in people_named(touch) if id in self.ids), None)
            if named is not None:
                for deal in _deals(touch):
                    self.deals.setdefault(deal, (*self.links.get(named, ()), touch.key))

    def by(self, touch: Touchpoint) -> tuple[Key, ...]:
        if touch.subject in self.ids:
            return self.links.get(touch.subject, ())
        return next((self.deals[deal] for deal in _deals(touch) if deal in self.deals), ())


# --- why not


def _rules(case: _Case, stage: str) -> list[Rule]:
    return [one.rule for one in case.plan.rules if one.stage == stage]


def _why_not(case: _Case, stage: str, rule: Rule) -> WhyNot:
    leads_from = rule.from_ or ()
    unmet = _deadline(case, stage, rule) if rule.when is None else _unmet(case, standing(rule.when, case.scene, case.until))
    return WhyNot(stage, rule.name, () if case.scene.journey.stage in leads_from else leads_from, unmet)


def _unmet(case: _Case, one: MatchStanding, *, before_lead: bool = False) -> Unmet:
    """`before_lead`: it is asked of a lead that is not there yet, whose opening sets off what holds already."""
    parts = tuple(_unmet(case, part, before_lead=before_lead) for part in one.parts)
    words = wanted(one.condition)
    if parts:
        any, more = _joined(one.condition)
        return Unmet(words, one.met, one.have, one.need, more, any=any, parts=parts)
    more = meaning_of(one.condition).lacking(one.condition, one, case.scene.journey)
    if before_lead and one.met:
        more = f"{words}, which a lead's opening sets off"
    return Unmet(words, one.met, one.have, one.need, more, case.told(one.because))


def _joined(condition: Condition) -> tuple[bool, str]:
    """Whether one of the parts is enough, and that in words."""
    any = meaning_of(condition).parts == "any"
    return any, "one of these" if any else "all of these"


def _deadline(case: _Case, stage: str, rule: Rule) -> Unmet:
    """What a deadline waits for: the clock, points that expire, or the close of a deal."""
    journey = case.scene.journey
    what = f"{spelled(rule.inactive)} without activity" if rule.inactive is not None else f"a score that falls below {rule.score_below}"
    due = next((due for due in all_due(case.plan, journey) if (due.stage, due.name) == (stage, rule.name)), None)
    if due is not None:
        return Unmet(what, False, 0, 1, f"strikes at {iso(due.at)} if nothing more happens", case.told(due.because))
    if rule.unless_deal_open and journey.has_open_deal:
        return Unmet(what, False, 0, 1, "waits while a deal is open")
    return Unmet(what, False, 0, 1, "does not run")


# --- segments: why, and why not


def _segments(case: _Case) -> Iterator[ExplainedSegment]:
    journey, after = case.scene.journey, case.until + 1  # What ends at `until` no longer counts.
    holding = Holding(case.plan.compiled, journey, after, members(case.plan, journey, after))
    moved: dict[str, list[SegmentMove]] = {}
    found = ((fact, step) for step in case.steps for fact in step.facts if isinstance(fact, SegmentMoved))
    for fact, step in sorted(found, key=lambda one: (one[0].at, one[0].nth)):
        moved.setdefault(fact.segment, []).append(SegmentMove(iso(fact.at), fact.step, step.touch is None, case.told(fact.because)))
    for name, condition in sorted(case.plan.segments):
        moves = tuple(moved.get(name, ()))
        since = moves[-1].at if name in holding.members else ""
        yield ExplainedSegment(name, since, moves, _stands(case, condition, holding))


def _stands(case: _Case, condition: Condition, holding: Holding) -> Unmet:
    """How the condition of a segment stands: what holds in one lasts, which it does not in a rule."""
    because, words = holds(condition, holding), wanted(condition)
    parts = tuple(_stands(case, part, holding) for part in parts_of(condition))
    if parts:
        any, more = _joined(condition)
        return Unmet(words, because is not None, sum(part.met for part in parts), 1 if any else len(parts), more, any=any, parts=parts)
    if because is not None:
        return Unmet(words, True, 1, 1, f"holds: {words}", case.told(because))
    so_far = standing(condition, case.scene, holding.at)
    more = meaning_of(condition).lacking(condition, so_far, case.scene.journey)
    return Unmet(words, False, so_far.have, so_far.need, more, case.told(so_far.because))


# --- leads: why, and why not


def _lead(case: _Case, asked: str) -> Why | WhyNot:
    """Whether the lead is what is asked about, an MQL or SQL: what it became one by, or what is missing."""
    cycles = case.scene.journey.cycles
    index = leads.open_cycle(cycles) if asked == "mql" else leads.cycle_of(cycles, None)
    cycle = None if index is None else cycles[index]
    if cycle is not None and (cycle.mql_at if asked == "mql" else cycle.is_qualified):
        touch, moved = _step(case, cycle.number, LEAD_STEPS[asked])
        return Why(asked, cycle.number, iso(moved.at), _held(case, asked, touch))
    if cycle is None:
        openers = "lead_created, lead_assigned or lead_accepted"
        if case.plan.definition.lead.created_by is not None:
            openers += f"; or {wanted(case.plan.definition.lead.created_by)}"
        there = Unmet("a lead", False, 0, 1, f"needs a lead that is open: {openers}")
    else:
        _, created = _step(case, cycle.number, "created")
        is_open = " is open" if cycle.is_open else f" has ended: {cycle.status}"
        there = Unmet("a lead", True, 1, 1, f"lead {cycle.number}{is_open}", case.told(created.because))
    criteria = _unmet(case, standing(_criteria(case, asked), case.scene, case.until), before_lead=cycle is None)
    if asked == "mql" and case.plan.definition.lead.mql_stated:
        criteria = _or_stated(criteria, Unmet(_STATED, False, 0, 1, f"needs: {_STATED}"))
    met = there.met + criteria.met
    return WhyNot(asked, f"lead.{asked}", (), Unmet(_CALLED[asked], False, met, 2, "all of these", parts=(there, criteria)))


_CALLED = {"mql": "an MQL", "sql": "an SQL"}
_STATED = "lead_scored whose grade is mql"


def _criteria(case: _Case, asked: str) -> Condition:
    lead = case.plan.definition.lead
    return lead.mql if asked == "mql" else lead.sql


def _step(case: _Case, cycle: int, name: str) -> tuple[Touchpoint, LeadMoved]:
    """The touchpoint that brought a lead cycle to a step, and the fact of it."""
    for step in case.steps:
        for fact in step.facts:
            if isinstance(fact, LeadMoved) and (fact.cycle, fact.step) == (cycle, name) and step.touch is not None:
                return step.touch, fact
    raise AssertionError(f"lead {cycle} of {case.person.name} came to {name!r} by nothing")


def _held(case: _Case, asked: str, touch: Touchpoint) -> Unmet:
    """Which parts of the criteria held at `touch`."""
    scene = scene_of(case.plan.definition, case.person.name, case.person.ids, case.history, case.turns, touch)
    held = _judged(case, _criteria(case, asked), scene)
    if asked == "mql" and case.plan.definition.lead.mql_stated:
        stated = isinstance(touch.data, LeadScored) and touch.data.grade == "mql"
        more = f"{'held' if stated else 'not then'}: {_STATED}"
        held = _or_stated(held, Unmet(_STATED, stated, int(stated), 1, more, case.told([touch.key]) if stated else ()))
    return held


def _judged(case: _Case, condition: Condition, scene: Scene) -> Unmet:
    judged, what = judge(condition, scene), wanted(condition)
    parts = tuple(_judged(case, part, scene) for part in parts_of(condition))
    if parts:
        any, more = _joined(condition)
        return Unmet(what, judged.holds, sum(part.met for part in parts), 1 if any else len(parts), more, any=any, parts=parts)
    have, need, number = int(judged.holds), 1, ""
    if meaning_of(condition).is_measured:
        so_far = standing(condition, scene, scene.touch.occurred_at)
        have, need, number = so_far.have, so_far.need, f" ({so_far.have})"
    more = f"{'held' if judged.holds else 'not then'}: {what}{number}"
    return Unmet(what, judged.holds, have, need, more, case.told(judged.because))


def _or_stated(criteria: Unmet, stated: Unmet) -> Unmet:
    """The definition's criteria, or another system's word for it."""
    parts = (*(criteria.parts if criteria.any else (criteria,)), stated)
    met = sum(part.met for part in parts)
    return Unmet(f"{criteria.wanted}; or {stated.wanted}", met > 0, met, 1, "one of these", any=True, parts=parts)
