"""A person's journey: all that the next touchpoint needs to know of those before it. `person_fold` moves it on."""

from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import NamedTuple

from journey import leads
from journey.facts import Outlook, Touch
from journey.instants import Instant
from journey.leads import LeadCycle
from journey.orders import Orders
from journey.score import Ledger
from journey.sessions import Origins, Session
from journey.statements import Schedule
from journey.touchpoints import (
    Key,
    Order,
)

NOT_YET: Instant = -(2**53)

SEGMENTS = "(segments)"
"""What a deadline is called by which time alone moves segments."""


class Due(NamedTuple):
    """A deadline: a stage to enter, or (`stage` is "") a step of the open lead cycle, or (SEGMENTS) segments that change."""

    at: Instant
    rank: int
    stage: str
    name: str
    """The rule of a stage, the step of a lead, or SEGMENTS."""
    because: tuple[Key, ...]


class Audience(NamedTuple):
    """What a journey remembers for segments. Nothing in it is changed in place."""

    segments: dict[str, Instant]
    """Those that the person is in, and since when."""
    lasting: dict[int, tuple[Key, ...]]
    """What holds from the first time on that it was set off, and because of what."""
    profile: dict[str, tuple[str, Key]]
    """The fields of the profile that are asked for, and what they are by."""


NO_AUDIENCE = Audience({}, {}, {})


@dataclass(slots=True)
class PersonDeal:
    """What a person's journey remembers of a deal that the person takes part in."""

    outcome: str
    key: Key
    """The touchpoint that the outcome is by."""
    opened_by: Key
    """What tied it to its lead cycle: its opening, as far as that is known, else its close."""
    opened_at: Instant = 0
    """0: no opening is known. Only that ties it to a lead before it is closed."""
    cycle: int = 0
    """The number of the lead cycle that it belongs to; 0: none, or none yet."""
    lead_at: Instant = 0
    primary: bool = False


@dataclass(slots=True)
class PersonJourney:
    """How far a person has come: all that the next touchpoint needs to know of those before it."""

    person: str
    ids: tuple[str, ...]
    seen: Order | None = None
    """The place of the last touchpoint folded, whatever it was about."""
    now: Instant = NOT_YET
    """The instant of the last touchpoint that counted, or of a deadline that struck since."""
    quiet_until: Instant = NOT_YET
    """No deadline strikes before this instant, so none has to be looked for."""
    active_at: Instant = NOT_YET
    active_because: tuple[Key, ...] = ()
    stage: str = ""
    entered_at: Instant = NOT_YET
    entered_because: tuple[Key, ...] = ()
    moved_at: Instant = NOT_YET
    """The instant of the last transitions, stages and leads alike, and the place of the last of them."""
    moved: int = 0
    described_at: Instant = NOT_YET
    described: int = 0
    account: str = ""
    session_at: Instant = NOT_YET
    """The instant of the last touchpoint of a session."""
    session: Session = field(default_factory=Session)
    origins: Origins = field(default_factory=Origins)
    ledger: Ledger = field(default_factory=Ledger)
    per_day: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Of a scoring rule with a daily limit: the day, and how often it has counted on it."""
    counts: dict[int, list[tuple[Instant, Key]]] = field(default_factory=dict)
    deals: dict[str, PersonDeal] = field(default_factory=dict)
    cycles: list[LeadCycle] = field(default_factory=list)
    cycles_before: int = 0
    touches: list[Touch] = field(default_factory=list)
    touches_cut_at: Instant = NOT_YET
    """The instant of the last touch that was dropped, though the look-back still held it."""
    audience: Audience | None = None
    """None where the definition has no segments."""
    orders: Orders = field(default_factory=Orders)
    schedule: Schedule = field(default_factory=Schedule)
    outlook: Outlook | None = None
    presumed: bool = False
    """Links presume its one id, which nothing else knows: its first touchpoint may join it with others."""

    def copied(self) -> "PersonJourney":
        """A journey of its own, sharing only what is never changed in place."""
        other = self.ahead()
        other.ledger = self.ledger.copied()
        other.per_day = self.per_day.copy()
        other.counts = {index: kept.copy() for index, kept in self.counts.items()}
        other.deals = {deal: replace(one) for deal, one in self.deals.items()}
        other.touches = self.touches.copy()
        other.orders = self.orders.copied()
        other.schedule = self.schedule.copied()
        return other

    def ahead(self) -> "PersonJourney":
        """A copy that deadlines may strike, and nothing else may change."""
        other = PersonJourney(*_all_fields(self))
        other.cycles = self.cycles.copy()
        return other

    @property
    def has_open_deal(self) -> bool:
        return any(deal.outcome == "open" for deal in self.deals.values())

    @property
    def outcomes_because(self) -> tuple[Key, ...]:
        """The touchpoints that decided the deals."""
        return tuple(deal.key for deal in self.deals.values())

    @property
    def idle_because(self) -> tuple[Key, ...]:
        """What inactivity runs from: the later of the last activity and the entry into the stage; both if they are of one instant."""
        if self.active_at != self.entered_at:
            return self.active_because if self.active_at > self.entered_at else self.entered_because
        return tuple(dict.fromkeys(self.active_because + self.entered_because))

    def place(self, at: Instant) -> int:
        """The next place among the person's transitions of the instant `at`."""
        self.moved = self.moved + 1 if self.moved_at == at else 0
        self.moved_at = at
        return self.moved

    def noted(self, at: Instant) -> int:
        """The next place among what the person's own touchpoints say at the instant `at`."""
        self.described = self.described + 1 if self.described_at == at else 0
        self.described_at = at
        return self.described

    def enter(self, stage: str, at: Instant, because: tuple[Key, ...]) -> int:
        """Enter `stage`; returns the place of this transition."""
        self.stage, self.entered_at, self.entered_because = stage, at, because
        self.quiet_until = NOT_YET
        return self.place(at)

    def strike(self, due: Due) -> int:
        """Let `due` happen; returns the place of this transition."""
        self.now = due.at
        if due.stage:
            return self.enter(due.stage, due.at, due.because)
        self.cycles[-1] = leads.struck(self.cycles[-1], due.name, due.at)
        return self.place(due.at)


_all_fields = attrgetter(*(one.name for one in fields(PersonJourney)))
