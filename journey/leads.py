"""Lead cycles: from created to accepted, rejected or expired, and on to qualified. A person can be a lead again: cycles are numbered.

A cycle opens with `lead_created` or the definition's rule (or with `lead_assigned` or `lead_accepted` when none is open) and ends with rejected, recycled,
disqualified, withdrawn, or when its deal closes. The handoff is the first `lead_assigned`, else the MQL, else the creation;
its SLA runs from there. `expired` is a verdict that a later answer replaces; a breach stays.
"""

from dataclasses import dataclass, replace

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

ENDED = frozenset({"rejected", "recycled", "disqualified", "withdrawn", "closed"})
WAITING = frozenset({"created", "expired"})
"""What an MQL or an assignment may still change: nobody has answered yet."""


@dataclass(frozen=True, slots=True)
class LeadCycle:
    """One cycle, as far as it has come. `status` is created (it waits), expired, accepted, qualified, or one of ENDED."""

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
    basis: str = "created"
    breach_at: Instant = 0
    """When the SLA's limit is reached; 0 once it was, or once the lead was answered."""
    expire_at: Instant = 0

    @property
    def is_open(self) -> bool:
        return self.status not in ENDED

    @property
    def waits(self) -> bool:
        return self.status in WAITING


def opened(cycle: LeadCycle, definition: Definition) -> LeadCycle:
    """`cycle` with its clock started at its creation."""
    return handed_off(cycle, definition, at=cycle.created_at, basis="created", because=cycle.because)


def handed_off(cycle: LeadCycle, definition: Definition, *, at: Instant, basis: str, because: tuple[Key, ...]) -> LeadCycle:
    """`cycle` with the handoff's clock running from `at`. Another owner later does not restart it."""
    handoff = definition.handoff
    calendar = None
    if handoff.business_time:
        calendar = definition.calendars.get(cycle.team) or definition.calendars.get("default")
    expire_at = 0 if handoff.expire_after is None else after(calendar, at, handoff.expire_after)
    return replace(cycle, basis=basis, because=because, breach_at=after(calendar, at, handoff.limit), expire_at=expire_at)


def answered(cycle: LeadCycle, status: str, *, owner: str = "") -> LeadCycle:
    """`cycle` after sales said something about it; no clock runs any more."""
    return replace(cycle, status=status, owner=owner or cycle.owner, breach_at=0, expire_at=0)


def cycle_of(cycles: list[LeadCycle], lead: str | None) -> int | None:
    """The index of the cycle that a touchpoint is about: the one with its lead id, else the last one, which is the open one if any is."""
    if lead:
        for index in range(len(cycles) - 1, -1, -1):
            if cycles[index].lead == lead:
                return index
    return len(cycles) - 1 if cycles else None
