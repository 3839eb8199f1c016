"""What operators see and decide: the control log, dead letters, conflicts, imports."""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from journey.histories import Stored
from journey.instants import Instant
from schemas.intended import Name
from streams.units import Imported


class Decision(NamedTuple):
    """An entry of the control log: what somebody decided, and why."""

    number: int
    at: Instant
    actor: str
    action: str
    reason: str
    detail: dict[str, Any]


class SetAsideReason(NamedTuple):
    """Why a record of the log is no touchpoint though it may say one: somebody decided so."""

    reason: str
    sha256: str
    """Of the record's bytes, in hex: at the same place, other bytes are another record."""


class SetAside(NamedTuple):
    """The records of a log that were set aside, by partition and offset; and the imports that were retracted, all records of which are."""

    number: int
    """Of the last decision to set any aside; 0 before the first."""
    records: Mapping[tuple[int, int], SetAsideReason]
    imports: frozenset[int] = frozenset()


class ControlLog(Protocol):
    """What operators decided, in order, for ever. Workers use only what it holds."""

    async def decide(self, *, at: Instant, actor: str, action: str, reason: str, detail: dict[str, Any]) -> int:
        """Record a decision. Returns its number."""
        ...

    async def decisions(
        self, action: str | None = None, *, after: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Decision]:  # fmt: skip
        """Up to `limit` of them beyond number `after`, or of those of one action, oldest first; those below `before`, last first."""
        ...


class OnlyBrought(NamedTuple):
    """What nothing but one import brought, and what others brought too."""

    touchpoints: int
    others_too: int
    people: int
    deals: int
    """Those that the former are stored under, and as many persons."""
    dismissed: tuple[int, ...] = ()
    """The numbers of dead letters that it alone brought: they are dismissed."""
    open_again: tuple[int, ...] = ()
    """Of others for which nothing else is in than what it alone brought: they wait again."""

    @property
    def counts(self) -> dict[str, int]:
        """How many of each."""
        letters = {"dead_letters": len(self.dismissed), "open_again": len(self.open_again)}
        return {"touchpoints": self.touchpoints, "others_too": self.others_too, "people": self.people, "deals": self.deals, **letters}


class Unknown(Protocol):
    """What came in and no definition or type has a name for."""

    async def unknown_fields(self) -> Mapping[str, int]:
        """By "type.field": how often a field was seen that the type has not, the most frequent first."""
        ...


class Imports(Protocol):
    """What came in with which import. That there is one, and who retracted it, is in the control log."""

    async def ended(self, import_id: int, read: int) -> None:
        """Note that all of an import was taken in."""
        ...

    async def imported(self) -> Mapping[int, Imported]:
        """What became of the records of each import that brought any."""
        ...

    async def whole(self) -> Mapping[int, int]:
        """The imports all of which was taken in, and how many records that were."""
        ...


class By(NamedTuple):
    """Who decides something, when, and why."""

    at: Instant
    actor: str
    reason: str


class Decided(NamedTuple):
    """A decision that is to be recorded together with what it does."""

    by: By
    action: str
    detail: dict[str, Any]


class State(StrEnum):
    """What became of a dead letter."""

    open = "open"
    fixed = "fixed"
    requeued = "requeued"
    arrived = "arrived"
    """What it was meant to be came in otherwise, such as in a corrected file."""
    dismissed = "dismissed"


class Kept(NamedTuple):
    """A dead letter as it is listed: its number, how often it was seen, when, and what became of it. Its bytes are not loaded."""

    number: int
    code: str
    reason: str
    source: str
    place: str
    seen: int
    first_at: Instant
    last_at: Instant
    id: str
    state: State
    needs_fix: bool
    position: int | None
    """Of the unit that it came in with, or that what it was meant to be came in with."""
    length: int
    """How many bytes came, whether or not all of them are kept."""
    sha256: str | None
    """Of all of them, where only the beginning is kept."""
    to_send: int
    """How many bytes are sent, where it is sent again: 0 where only a fix can be."""


class Letter(NamedTuple):
    """A dead letter with its bytes."""

    kept: Kept
    raw: bytes
    body: bytes | None
    """As of the dead letter."""
    fix: bytes | None
    """What is sent in its place."""
    imports: tuple[int, ...] = ()
    """The imports that brought it; 0: it came without one too. what is sent again for it goes with each of them."""
    since: Instant | None = None
    """When the unit of its position was recorded."""


class DeadLetters(Protocol):
    """What could not be read, kept as bytes with the reason; the first bytes stay whatever becomes of it.

    A unit that brings a letter again says so (`Unit.requeued`), so that its state changes with its effect. Seen again, it keeps its state.
    A letter that is open or fixed is closed, as `arrived`, by the unit with which the last of the touchpoints that it was meant to be is
    in: those of its names (`DeadLetter.meant`, `expect`), and so by its own where they were all in before.
    """

    async def kept(
        self,
        *,
        after: int,
        limit: int,
        states: Collection[State] = tuple(State),
        code: str | None = None,
        source: str | None = None,
    ) -> Sequence[Kept]:
        """Up to `limit` dead letters of `states` with numbers beyond `after`, in order of number; of those of one code or source."""
        ...

    async def show(self, number: int) -> Letter | None: ...

    async def codes(self, states: Collection[State] = tuple(State), source: str | None = None) -> Mapping[str, tuple[int, int]]:
        """By code: how many dead letters of `states` (and of one source) there are, and how often they were seen."""
        ...

    async def states(self) -> Mapping[State, int]:
        """How many dead letters there are of each state that any are of."""
        ...

    async def conflicts(self) -> Sequence["Conflict"]:
        """Names that several bodies stand under: the body that counts, and the others."""
        ...

    async def fix(self, number: int, body: bytes, by: By) -> bool:
        """Keep `body` as what is sent in place of a letter, with the decision. False where it is that already; Refused where it is in."""
        ...

    async def dismiss(self, numbers: Collection[int], conflicts: Collection[int], by: By) -> int:
        """Dismiss letters and conflicts, with the decision, all or none. Returns how many were not; Refused where one is in or not there.

        A letter stays dismissed when it is seen again, a conflict until another body comes under its name.
        """
        ...

    async def expect(self, number: int, names: Collection[Name]) -> bool:
        """The letter was meant to be the touchpoints of `names` and no others, and closes once all are in. Returns whether it did.

        That is no decision, and nothing is changed of a letter that is neither open nor fixed.
        """
        ...

    async def idle_retractions(self) -> Sequence["IdleRetraction"]:
        """Retractions that void nothing, in order: their target is not there, not under their subject, or a retraction itself."""
        ...


class Conflict(NamedTuple):
    number: int
    name: Name
    counts: Stored
    others: list[Stored]
    dismissed: bool


class IdleRetraction(NamedTuple):
    target: Name
    """The subject that the retraction was published under, and the source and id that it names."""
    is_retraction: bool
    """Whether a retraction is what stands there; else nothing does, so far."""
