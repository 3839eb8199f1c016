"""Deadlines: what strikes if nothing more happens. Inactivity, the handoff's SLA, and points that expire.

A deadline at T comes after all touchpoints at T. Those of one instant strike in the definition's order. None asks a clock:
the fold strikes those that the next touchpoint has passed, and asserts the rest as what is to come.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from journey.conditions import Points
from journey.facts import NEVER
from journey.instants import Instant
from journey.plan import Plan
from journey.touchpoints import Key

if TYPE_CHECKING:
    from journey.person import PersonJourney

CHAIN_MAX = 100
"""Deadlines that may follow each other without a touchpoint. A definition that could pass it is refused at load."""


class Due(NamedTuple):
    """A deadline: a stage to enter, or (`stage` is "") a step of the open lead cycle."""

    at: Instant
    rank: int
    stage: str
    name: str
    """The rule of a stage, or the step of a lead."""
    because: tuple[Key, ...]


def next_due(plan: Plan, journey: "PersonJourney") -> Due | None:
    """What strikes next, if nothing more happens."""
    return min(_all_due(plan, journey), key=lambda due: (due.at, due.rank), default=None)


def _all_due(plan: Plan, journey: "PersonJourney") -> Iterator[Due]:
    order = plan.definition.deadline_order
    # A limit that was passed while something held it off strikes as soon as nothing does.
    now = max(journey.moved_at, journey.seen[0] if journey.seen is not None else journey.moved_at)
    for one in plan.inactivity:
        if journey.stage in (one.rule.from_ or ()):
            if one.rule.unless_deal_open and any(deal.outcome == "open" for deal in journey.deals.values()):
                continue
            since, because = max((journey.active_at, journey.active_because), (journey.entered_at, journey.entered_because))
            yield Due(max(now, since + (one.rule.inactive or 0)), order.index("inactivity"), one.stage, one.rule.name, because)
    cycle = journey.cycles[-1] if journey.cycles and journey.cycles[-1].is_open else None
    if cycle is not None and cycle.waits:
        if cycle.breach_at:
            yield Due(max(now, cycle.breach_at), order.index("sla"), "", "breached", cycle.because)
        if cycle.expire_at:
            yield Due(max(now, cycle.expire_at), order.index("sla"), "", "expired", cycle.because)
        below = plan.definition.lead.withdrawn_below
        if below is not None and cycle.mql_at:
            for at, because in _falls_below(journey.ledger, below, now):
                yield Due(at, order.index("score_expiry"), "", "withdrawn", because)
    for one in plan.score_below:
        if journey.stage in (one.rule.from_ or ()) and one.rule.score_below is not None:
            if one.rule.unless_deal_open and any(deal.outcome == "open" for deal in journey.deals.values()):
                continue
            for at, because in _falls_below(journey.ledger, one.rule.score_below, now):
                yield Due(at, order.index("score_expiry"), one.stage, one.rule.name, because)


def _falls_below(ledger: list[Points], limit: int, now: Instant) -> Iterator[tuple[Instant, tuple[Key, ...]]]:
    """The first instant from `now` on at which points that expire take the score from `limit` or more to less."""
    counting = [entry for entry in ledger if entry.until >= now]
    score = sum(entry.points for entry in counting)
    for at in sorted({entry.until for entry in counting} - {NEVER}):
        expiring = [entry for entry in counting if entry.until == at]
        before, score = score, score - sum(entry.points for entry in expiring)
        if before >= limit > score:
            yield at, tuple(entry.key for entry in expiring)
            return
