"""Deadlines: what strikes if nothing more happens. Inactivity, the handoff's SLA, and points that expire.

A deadline at T comes after all touchpoints at T. Those of one instant strike in the definition's order. None asks a clock:
the fold strikes those that the next touchpoint has passed, and asserts the rest as what is to come.
"""

from collections.abc import Iterator

from journey.facts import Strike
from journey.person import Due, PersonJourney
from journey.plan import Plan
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


def _together(because: tuple[Key, ...], closes: tuple[Key, ...]) -> tuple[Key, ...]:
    return tuple(dict.fromkeys(because + closes)) if closes else because


def to_strike(plan: Plan, journey: PersonJourney) -> tuple[Strike, ...]:
    """The clock, run out: every deadline that would strike, one after the other."""
    return tuple(strike for strike, _ in run_out(plan, journey))


def run_out(plan: Plan, journey: PersonJourney) -> Iterator[tuple[Strike, tuple[Key, ...]]]:
    """The same, each with what it is because of."""
    due = next_due(plan, journey)
    if due is None:
        return
    ahead, struck = journey.ahead(), 0
    while due is not None:
        assert struck < plan.chain_max, f"more than {plan.chain_max} deadlines follow each other for {ahead.person}"
        struck += 1
        left = ahead.stage
        nth = ahead.strike(due)
        if due.stage:
            yield Strike(due.at, nth, due.stage, left, due.name, 0, ""), due.because
        else:
            cycle = ahead.cycles[-1]
            yield Strike(due.at, nth, due.name, "", due.name, cycle.number, cycle.basis), due.because
        due = next_due(plan, ahead)
