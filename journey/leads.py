"""Lead cycles: from created to accepted, rejected or expired, and on to qualified. A person can be a lead again: cycles are numbered.

A cycle opens with `lead_created` or the definition's rule, or with `lead_assigned` or `lead_accepted` when none is open. It ends with
rejected, expired, withdrawn, recycled or disqualified, or when its deal closes. The handoff is the first `lead_assigned`, else the
MQL, else the creation; its SLA runs from there. An expired cycle still takes a late answer, and stays breached.
"""

from typing import NamedTuple

from journey.calendars import after, elapsed
from journey.definition import Calendar, Definition
from journey.facts import LeadMoved, LeadStood
from journey.instants import Instant, day
from journey.touchpoints import (
    Key,
    LeadAccepted,
    LeadAssigned,
    LeadCreated,
    LeadDisqualified,
    LeadQualified,
    LeadRecycled,
    LeadRejected,
    LeadScored,
)

CYCLES_MAX = 100
"""Lead cycles that are remembered for one person; older ones can no longer change."""

LeadTouch = (
    LeadCreated | LeadAssigned | LeadAccepted | LeadRejected | LeadRecycled | LeadDisqualified | LeadScored | LeadQualified
)  # fmt: skip

ENDED = frozenset({"rejected", "expired", "withdrawn", "recycled", "disqualified", "closed"})

NOT_HANDED_OVER = "not_handed_over"
ANSWERS = (NOT_HANDED_OVER, "waiting", "accepted", "rejected", "expired", "withdrawn")
"""Every lead cycle has one of these; the definition's `handoff.starts` says what hands one over."""
STATES = ("working", "qualified", "recycled", "disqualified")
"""Every accepted lead cycle is in one of these."""


class LeadCycle(NamedTuple):
    """One cycle, as far as it has come. `status` is created (it waits for an answer), accepted, qualified, or one of ENDED."""

    number: int
    status: str
    lead: str
    created_at: Instant
    channel: str
    campaign: str
    lead_source: str
    because: tuple[Key, ...]
    """What the running clock was started by."""
    owner: str = ""
    team: str = ""
    mql_at: Instant = 0
    is_qualified: bool = False
    basis: str = ""
    """What handed it over: assigned, mql or created; "" where nothing has, and no clock runs."""
    breach_at: Instant = 0
    """When the SLA's limit is reached; 0 once it was, or once the lead was answered."""
    expire_at: Instant = 0
    answer: str = NOT_HANDED_OVER
    """One of ANSWERS."""
    state: str = ""
    """One of STATES where it was accepted."""
    reason: str = ""
    """Why it was rejected, recycled or disqualified."""
    is_breached: bool = False
    due_at: Instant = 0
    """When the SLA's limit is or was reached; 0 where no clock has run."""
    handed_over_at: Instant = 0
    assigned_at: Instant = 0
    """Of the first assignment."""
    answered_at: Instant = 0
    """When it was accepted or rejected."""
    qualified_at: Instant = 0
    ended_at: Instant = 0

    @property
    def is_open(self) -> bool:
        return self.status not in ENDED

    @property
    def waits(self) -> bool:
        return self.status == "created"


def handed_over(cycle: LeadCycle, definition: Definition, basis: str, *, at: Instant, because: tuple[Key, ...]) -> LeadCycle:
    """`cycle` with its clock started by `basis` at `at`, where that hands a lead over and nothing that the definition prefers has.

    What was started by the same is not started again: another owner later does not. Where it would run out at the very instant, as out
    of hours, it is a reason as well.
    """
    handoff = definition.handoff
    starts = handoff.starts
    if not cycle.waits or basis not in starts or (cycle.basis and starts.index(basis) > starts.index(cycle.basis)):
        return cycle
    calendar = calendar_of(definition, cycle.team) if handoff.business_time else None
    breach_at = after(calendar, at, handoff.limit)
    expire_at = 0 if handoff.expire_after is None else after(calendar, at, handoff.expire_after)
    if cycle.basis != basis:
        return cycle._replace(
            basis=basis, because=because, breach_at=breach_at, expire_at=expire_at, due_at=breach_at, handed_over_at=at, answer="waiting"
        )
    if breach_at == cycle.breach_at or (expire_at and expire_at == cycle.expire_at):
        both = tuple(dict.fromkeys(cycle.because + because))
        return cycle._replace(because=both[-definition.bounds.evidence_max :])
    return cycle


def calendar_of(definition: Definition, team: str) -> Calendar | None:
    return definition.calendars.get(team) or definition.calendars.get("default")


def answered(cycle: LeadCycle, status: str, at: Instant, *, owner: str = "") -> LeadCycle:
    """`cycle` after sales said something about it; no clock runs any more.

    What has ended is not opened again, except by a late answer to what expired; what is qualified stays so when accepted once more.
    """
    cycle = cycle._replace(owner=owner or cycle.owner, breach_at=0, expire_at=0)
    if (not cycle.is_open and cycle.status != "expired" and status not in ENDED) or (cycle.status, status) == ("qualified", "accepted"):
        return cycle
    match status:
        case "accepted" | "closed":
            answer, state = "accepted", cycle.state or "working"
        case "qualified":
            answer, state = "accepted", "qualified"
        case "recycled" | "disqualified" if cycle.answer == "accepted":
            answer, state = "accepted", status
        case "recycled" | "disqualified":
            # Given back before it was accepted: sales said no.
            answer, state = "rejected", ""
        case _:
            answer, state = status, ""
    return cycle._replace(
        status=status,
        answer=answer,
        state=state,
        answered_at=cycle.answered_at if answer == cycle.answer else at,
        ended_at=0 if status not in ENDED else at,
    )


def may_still_answer(cycle: LeadCycle, lead: str | None) -> bool:
    """Whether an answer about `lead` is a late one to `cycle`, which expired."""
    return cycle.status == "expired" and (not lead or cycle.lead in ("", lead))


def struck(cycle: LeadCycle, deadline: str, at: Instant) -> LeadCycle:
    """`cycle` after its deadline: breached, expired or withdrawn."""
    if deadline == "breached":
        return cycle._replace(breach_at=0, is_breached=True)
    return cycle._replace(status=deadline, answer=deadline, state="", breach_at=0, expire_at=0, ended_at=at)


def moved(
    person: str, cycle: LeadCycle, step: str, definition: Definition, at: Instant, nth: int, because: tuple[Key, ...]
) -> tuple[LeadMoved, LeadStood]:
    """What a step of a cycle asserts: the step, and how the cycle stands after it."""
    zone = definition.zone
    on = day(at, zone)
    reason = cycle.reason if step in ("rejected", "recycled", "disqualified") else ""
    calendar = calendar_of(definition, cycle.team)
    is_assigned = 0 < cycle.mql_at <= cycle.assigned_at
    accepted_at = cycle.answered_at if cycle.answer == "accepted" and 0 < cycle.handed_over_at <= cycle.answered_at else 0
    return LeadMoved(
        person, cycle.number, at, on, nth, step, cycle.lead, cycle.owner, cycle.team, cycle.channel, cycle.campaign, cycle.lead_source,
        reason, cycle.basis, step, because,
    ), LeadStood(
        person=person, cycle=cycle.number, at=at, day=on, nth=nth, answer=cycle.answer, state=cycle.state, is_open=int(cycle.is_open),
        is_mql=int(cycle.mql_at > 0), is_qualified=int(cycle.is_qualified), is_breached=int(cycle.is_breached), lead=cycle.lead,
        owner=cycle.owner, team=cycle.team, channel=cycle.channel, campaign=cycle.campaign, lead_source=cycle.lead_source,
        reason=cycle.reason, basis=cycle.basis,
        created_at=cycle.created_at, created_on=_on(cycle.created_at, zone), mql_at=cycle.mql_at, mql_on=_on(cycle.mql_at, zone),
        handed_over_at=cycle.handed_over_at, handed_over_on=_on(cycle.handed_over_at, zone), due_at=cycle.due_at,
        answered_at=cycle.answered_at, answered_on=_on(cycle.answered_at, zone),
        qualified_at=cycle.qualified_at, qualified_on=_on(cycle.qualified_at, zone),
        ended_at=cycle.ended_at, ended_on=_on(cycle.ended_at, zone),
        to_assign=cycle.assigned_at - cycle.mql_at if is_assigned else -1,
        to_assign_business=elapsed(calendar, cycle.mql_at, cycle.assigned_at) if is_assigned else -1,
        to_accept=accepted_at - cycle.handed_over_at if accepted_at else -1,
        to_accept_business=elapsed(calendar, cycle.handed_over_at, accepted_at) if accepted_at else -1,
    )  # fmt: skip


def _on(at: Instant, zone: str) -> str:
    return day(at, zone) if at else ""


def open_cycle(cycles: list[LeadCycle]) -> int | None:
    """The index of the cycle that is open; of several, which a late answer may leave, the last."""
    for index in range(len(cycles) - 1, -1, -1):
        if cycles[index].is_open:
            return index
    return None


def cycle_of(cycles: list[LeadCycle], lead: str | None) -> int | None:
    """The index of the cycle that a touchpoint is about: the last with its lead id, else the open one, else the last.

    A lead that ended and comes back keeps its id where it is kept, so an open cycle without an id is about it as well.
    """
    is_open = open_cycle(cycles)
    named = with_id(cycles, lead)
    if named is not None and (is_open is None or cycles[named].is_open or cycles[is_open].lead):
        return named
    if is_open is not None:
        return is_open
    return len(cycles) - 1 if cycles else None


def cycle_of_deal(cycles: list[LeadCycle], lead: str | None) -> int | None:
    """The index of the cycle that a deal belongs to: the one that it names, else the last one opened.

    A deal may name the lead of somebody else who takes part: a cycle with another id is not its own.
    """
    if not lead:
        return len(cycles) - 1 if cycles else None
    named = with_id(cycles, lead)
    return with_id(cycles, "") if named is None else named


def with_id(cycles: list[LeadCycle], lead: str | None) -> int | None:
    """The index of the last cycle whose lead id is `lead`."""
    for index in range(len(cycles) - 1, -1, -1):
        if cycles[index].lead == lead:
            return index
    return None
