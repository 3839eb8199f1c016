"""Why a person is where it is, and why not elsewhere. Everything here comes from the fold itself, run touchpoint by touchpoint."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from journey.conditions import Scene, Standing, standing
from journey.deadlines import all_due
from journey.definition import AnyOf, Counted, Definition, NoOpenDeal, Rule, Scored
from journey.facts import NEVER, LeadMoved, StageEntered
from journey.facts import Scored as PointsScored
from journey.identity import Person
from journey.instants import Instant, iso, spelled
from journey.person import Step, stepwise
from journey.touchpoints import Identified, Key, Touchpoint
from journey.turns import Turns
from journey.wording import said, wanted


@dataclass(frozen=True, slots=True)
class Evidence:
    """A touchpoint that counted, in words. `ties` are the links, or the deal, by which it is the person's; none of its own."""

    at: str
    type: str
    says: str
    source: str
    id: str
    subject: str
    ties: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Transition:
    """`what` is stage or lead; `cycle` is 0 for a stage. `because` is all that counted in the condition at that instant."""

    at: str
    what: str
    entered: str
    left: str
    rule: str
    cycle: int
    because: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Points that count in the score. `until` is "" where they do not expire."""

    points: int
    rule: str
    at: str
    until: str
    by: Evidence


@dataclass(frozen=True, slots=True)
class Unmet:
    """What a rule still needs. `more` says what would meet it; `because` is what counts so far. `parts`: all of them, or (`any`) one."""

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
class Explanation:
    stage: str
    score: int
    transitions: tuple[Transition, ...]
    ledger: tuple[Entry, ...]
    """Its points add up to the score: what has expired, or was beyond a daily limit, is not in it."""
    why_not: tuple[WhyNot, ...]


@dataclass(slots=True)
class _Case:
    """What an explanation is made from."""

    by: Definition
    steps: list[Step]
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
    """The reasons as of `until`; only those about `stage` where one is given. `links` are the statements that tie the person's ids."""
    steps, scene = stepwise(by, person.name, person.ids, history, turns, until)
    case = _Case(by, steps, scene, until)
    ties = _ties(person, links)
    for step in steps:
        if (touch := step.touch) is not None:
            case.known[touch.key] = evidence(touch, _tied(touch, person, ties, history))
    moves = sorted((move for step in steps for move in _moves(case, step)), key=lambda move: move[0])
    ledger = tuple(entry for step in steps for entry in _points(case, step))
    assert sum(entry.points for entry in ledger) == scene.journey.ledger.score
    told = tuple(move for _, move in moves if not stage or move.entered == stage)
    entered = {move.entered for _, move in moves if move.what == "stage"}
    asked = [stage] if stage else [name for name in by.stage_names if name not in entered]
    why_not = tuple(_why_not(case, name, rule) for name in asked if name != scene.journey.stage for rule in _rules(case, name))
    return Explanation(scene.journey.stage, scene.journey.ledger.score, told, ledger, why_not)


def evidence(touch: Touchpoint, ties: tuple[Key, ...] = ()) -> Evidence:
    says = touch.data.other if isinstance(touch.data, Identified) else said(touch)
    return Evidence(iso(touch.occurred_at), touch.type, says, touch.source, touch.id, touch.subject, ties)


def _moves(case: _Case, step: Step) -> Iterator[tuple[tuple[Instant, int], Transition]]:
    for fact in step.facts:
        match fact:
            case StageEntered(at=at, nth=nth, stage=stage, left=left, rule=rule, because=because):
                yield (at, nth), Transition(iso(at), "stage", stage, left, rule, 0, case.told(because))
            case LeadMoved(at=at, nth=nth, step=moved, rule=rule, cycle=cycle, because=because):
                yield (at, nth), Transition(iso(at), "lead", moved, "", rule, cycle, case.told(because))
            case _:
                pass


def _points(case: _Case, step: Step) -> Iterator[Entry]:
    for fact in step.facts.elements():
        if isinstance(fact, PointsScored) and fact.until > case.until:
            assert step.touch is not None
            until = "" if fact.until == NEVER else iso(fact.until)
            yield Entry(fact.points, fact.rule, iso(fact.at), until, case.known[step.touch.key])


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


def _tied(touch: Touchpoint, person: Person, ties: dict[str, tuple[Key, ...]], history: Sequence[Touchpoint]) -> tuple[Key, ...]:
    if touch.subject in person.ids:
        return ties.get(touch.subject, ())
    # It comes through a deal: the first touchpoint of it that names one of the ids says so.
    for other in history:
        if other.data.deal == touch.data.deal:
            for id in (other.subject, *(one.person for one in getattr(other.data, "people", None) or ())):
                if id in person.ids:
                    return (*dict.fromkeys([*ties.get(id, ()), other.key]),)
    return ()


# --- why not


def _rules(case: _Case, stage: str) -> list[Rule]:
    return [one.rule for one in case.scene.plan.rules if one.stage == stage]


def _why_not(case: _Case, stage: str, rule: Rule) -> WhyNot:
    leads_from = rule.from_ or ()
    unmet = _deadline(case, stage, rule) if rule.when is None else _unmet(case, standing(rule.when, case.scene, case.until))
    return WhyNot(stage, rule.name, () if case.scene.journey.stage in leads_from else leads_from, unmet)


def _unmet(case: _Case, one: Standing) -> Unmet:
    parts = tuple(_unmet(case, part) for part in one.parts)
    if parts:
        any = isinstance(one.condition, AnyOf)
        return Unmet(wanted(one.condition), one.met, one.have, one.need, "one of these" if any else "all of these", any=any, parts=parts)
    match one.condition:
        case Counted(count=count):
            # What holds already was not set off: it takes one that counts.
            lacking = max(1, one.need - one.have)
            more = f"{one.have} of {one.need} {wanted(count.of)} in {spelled(count.within)}; {lacking} more"
        case Scored():
            lacking = one.need - one.have
            more = f"score {one.have} of {one.need}; " + (f"{lacking} points more" if lacking > 0 else "the next points set it off")
        case NoOpenDeal():
            is_open = sorted(deal for deal, known in case.scene.journey.deals.items() if known.outcome == "open")
            more = "no deal is open" if one.met else f"the close of deal {', '.join(is_open)}"
        case other:
            more = f"{'another' if one.met else 'needs'}: {wanted(other)}"
    return Unmet(wanted(one.condition), one.met, one.have, one.need, more, case.told(one.because))


def _deadline(case: _Case, stage: str, rule: Rule) -> Unmet:
    """What a deadline waits for: the clock, points that expire, or the close of a deal."""
    journey = case.scene.journey
    what = f"{spelled(rule.inactive)} without activity" if rule.inactive is not None else f"a score that falls below {rule.score_below}"
    due = next((due for due in all_due(case.scene.plan, journey) if (due.stage, due.name) == (stage, rule.name)), None)
    if due is not None:
        return Unmet(what, False, 0, 1, f"strikes at {iso(due.at)} if nothing more happens", case.told(due.because))
    if rule.unless_deal_open and journey.has_open_deal:
        return Unmet(what, False, 0, 1, "waits while a deal is open")
    return Unmet(what, False, 0, 1, "does not run")
