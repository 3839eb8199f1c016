"""Deadlines: what strikes if nothing more happens. Inactivity, the handoff's SLA, and points that expire.

A deadline at T comes after all touchpoints at T. Those of one instant strike in the definition's order. None asks a clock:
the fold strikes those that the next touchpoint has passed, and asserts the rest as what is to come.
"""

from collections.abc import Iterator, Sequence

from journey import leads
from journey.facts import Ahead, LeadStood, SegmentMoved, StageEntered
from journey.instants import Instant, day
from journey.person import SEGMENTS, Due, PersonJourney
from journey.plan import Plan
from journey.segments import moved_by_time, next_move
from journey.touchpoints import Key


def next_due(plan: Plan, journey: PersonJourney) -> Due | None:
    """What strikes next, if nothing more happens. Of those of one instant and rank, the first that the definition names."""
    found: Due | None = None
    for due in all_due(plan, journey):
        if found is None or (due.at, due.rank) < (found.at, found.rank):
            found = due
    return found


def all_due(plan: Plan, journey: PersonJourney) -> Iterator[Due]:
    """Every deadline that runs, each as if it were the next to strike."""
    rank, now = plan.ranks, journey.now
    cycle = journey.cycles[-1] if journey.cycles else None
    if cycle is not None and cycle.waits:
        if cycle.breach_at:
            yield Due(max(now, cycle.breach_at), rank["sla"], "", "breached", cycle.because)
        if cycle.expire_at:
            yield Due(max(now, cycle.expire_at), rank["sla"], "", "expired", cycle.because)
        below = plan.definition.lead.withdrawn_below
        if below is not None and cycle.mql_at:
            fall = journey.ledger.fall_below(below, since=cycle.mql_at, now=now)
            if fall is not None:
                yield Due(max(now, fall.at), rank["score_expiry"], "", "withdrawn", fall.because)
    for one in plan.deadlines.get(journey.stage, ()):
        rule = one.rule
        if rule.unless_deal_open and journey.has_open_deal:
            continue
        # That none of the deals is open, or none any more, is a reason as well.
        closes = journey.outcomes_because if rule.unless_deal_open else ()
        if rule.inactive is not None:
            at = max(journey.active_at, journey.entered_at) + rule.inactive
            yield Due(max(now, at), rank["inactivity"], one.stage, rule.name, _together(journey.idle_because, closes))
        elif rule.score_below is not None:
            fall = journey.ledger.fall_below(rule.score_below, since=journey.entered_at, now=now)
            if fall is not None:
                yield Due(max(now, fall.at), rank["score_expiry"], one.stage, rule.name, _together(fall.because, closes))
    if plan.segments and (moves_at := next_move(plan, journey)) is not None:
        yield Due(moves_at, rank[SEGMENTS], "", SEGMENTS, ())


def _together(because: tuple[Key, ...], closes: tuple[Key, ...]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(because + closes)) if closes else because


def ahead(plan: Plan, journey: PersonJourney) -> tuple[Ahead, ...]:
    """All that deadlines will do if nothing more happens, in order. `because` is empty, but for who enters a segment."""
    return tuple(as_ahead(fact) for fact in run_out(plan, journey))


def as_ahead(fact: Ahead) -> Ahead:
    """`fact` as an outlook holds it. Who is to enter a segment keeps the reasons, since a list of members says them."""
    if isinstance(fact, LeadStood) or (isinstance(fact, SegmentMoved) and fact.step == "entered"):
        return fact
    return fact._replace(because=())


def run_out(plan: Plan, journey: PersonJourney) -> Iterator[Ahead]:
    """The same, each with its `because`."""
    due = next_due(plan, journey)
    if due is None:
        return
    later, struck = journey.ahead(), 0
    while due is not None:
        assert struck < plan.chain_max, f"more than {plan.chain_max} deadlines follow each other for {later.person}"
        struck += due.name != SEGMENTS
        yield from strike(plan, later, due)
        due = next_due(plan, later)


def strike(plan: Plan, journey: PersonJourney, due: Due) -> Sequence[Ahead]:
    """Let `due` happen to `journey`. Returns what it asserts."""
    if due.name == SEGMENTS:
        journey.now = due.at
        return moved_by_time(plan, journey, due.at)
    before, since = journey.stage, journey.entered_at
    nth = journey.strike(due)
    if not due.stage:
        return leads.moved(journey.person, journey.cycles[-1], due.name, plan.definition, due.at, nth, due.because)
    return [entered(plan, journey, before, since, nth, due.name, due.because)]


def entered(plan: Plan, journey: PersonJourney, left: str, since: Instant, nth: int, rule: str, because: tuple[Key, ...]) -> StageEntered:
    """The fact that `journey` has entered its stage, out of `left`, where it had been since `since`."""
    at = journey.entered_at
    stayed, is_onward = at - since if left else -1, int((left, journey.stage) in plan.onward)
    return StageEntered(journey.person, journey.stage, at, day(at, plan.zone), nth, left, stayed, is_onward, rule, because)
