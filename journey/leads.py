"""Lead cycles: from created to accepted, rejected or expired, and on to qualified. A person can be a lead again: cycles are numbered.

A cycle opens with `lead_created` or the definition's rule, or with `lead_assigned` or `lead_accepted` when none is open. It ends with
rejected, expired, withdrawn, recycled or disqualified, or when its deal closes. The handoff is the first `lead_assigned`, else the
MQL, else the creation; its SLA runs from there. An expired cycle still takes a late answer, and stays breached.
"""

from typing import NamedTuple

from journey.calendars import after
from journey.definition import Definition
from journey.instants import Instant
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
    calendar = None
    if handoff.business_time:
        calendar = definition.calendars.get(cycle.team) or definition.calendars.get("default")
    breach_at = after(calendar, at, handoff.limit)
    expire_at = 0 if handoff.expire_after is None else after(calendar, at, handoff.expire_after)
    if cycle.basis != basis:
        return cycle._replace(basis=basis, because=because, breach_at=breach_at, expire_at=expire_at)
    if breach_at == cycle.breach_at or (expire_at and expire_at == cycle.expire_at):
        both = tuple(dict.fromkeys(cycle.because + because))
        return cycle._replace(because=both[-definition.bounds.evidence_max :])
    return cycle


def answered(cycle: LeadCycle, status: str, *, owner: str = "") -> LeadCycle:
    """`cycle` after sales said something about it; no clock runs any more.

    What has ended is not opened again, except by a late answer to what expired; what is qualified stays so when accepted once more.
    """
    if (not cycle.is_open and cycle.status != "expired" and status not in ENDED) or (cycle.status, status) == ("qualified", "accepted"):
        status = cycle.status
    return cycle._replace(status=status, owner=owner or cycle.owner, breach_at=0, expire_at=0)


def may_still_answer(cycle: LeadCycle, lead: str | None) -> bool:
    """Whether an answer about `lead` is a late one to `cycle`, which expired."""
    return cycle.status == "expired" and (not lead or cycle.lead in ("", lead))


def struck(cycle: LeadCycle, deadline: str) -> LeadCycle:
    """`cycle` after its deadline: breached, expired or withdrawn."""
    return cycle._replace(breach_at=0) if deadline == "breached" else cycle._replace(status=deadline, breach_at=0, expire_at=0)


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
