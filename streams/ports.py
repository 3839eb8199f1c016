"""What placement needs of the world: a log that touchpoints come in by, and the record that their effect is committed to.

Both runtimes implement these; `tests/contracts/` holds each promise as a test that every implementation runs.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from journey.errors import Away as Away
from journey.histories import Stored
from journey.identity import Id, Person, PersonId
from journey.instants import Instant
from journey.touchpoints import Touchpoint
from schemas.decode import Decoded, Unreadable
from schemas.incoming import Incoming

Name = tuple[str, str, str]
"""(subject, source, id): what one touchpoint is known by for ever."""

FactRow = list[Any]
"""A signed fact as plain values: see `journey.facts.to_row`."""


class Recorded(NamedTuple):
    """What the log holds at one place of it."""

    partition: int
    offset: int
    recorded_at: Instant
    incoming: Incoming
    decoded: Decoded | Unreadable | None = None
    """What its bytes say, where they have been read already."""


class Known(NamedTuple):
    """A body that is stored under a name, as far as it takes to know it again."""

    occurred_at: Instant
    digest: bytes


class Row(NamedTuple):
    """A body of a touchpoint, to be stored under each of `keys`, where it is not yet."""

    touch: Touchpoint
    body: bytes
    digest: bytes
    keys: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """Fields that its type does not name."""
    voided: bool = False
    again: bool = False
    """Stored before; a rival under its name names more keys, and one of them is to count under all."""


class DeadLetter(NamedTuple):
    """Bytes that are no touchpoint, kept with the reason. `id` is a hash of them and their source: seen again, it counts again."""

    id: str
    code: str
    reason: str
    source: str
    place: str
    raw: bytes
    recorded_at: Instant


@dataclass(slots=True)
class Unit:
    """One micro-batch and all its effect: committed whole, together with the offsets that it reached, or not at all."""

    after: dict[int, int]
    """Where it started, by partition: commits only if this is still where the record stands."""
    reached: dict[int, int]
    recorded_at: Instant
    rows: list[Row] = field(default_factory=list)
    voids: set[Name] = field(default_factory=set)
    """Names that a retraction of this unit voids, whether or not they are there yet."""
    takes_part: set[tuple[Id, str]] = field(default_factory=set)
    """(id, deal): that a touchpoint of this unit names the id as taking part. Whether it counts is settled when it is read."""
    contested: set[Name] = field(default_factory=set)
    """Names that have more than one body now."""
    persons: dict[Id, PersonId] = field(default_factory=dict)
    journeys: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    """The subjects whose stored state it was worked out from, each at the version that was read; 0: nothing was there."""
    touched: set[str] = field(default_factory=set)
    """The subjects that it changes, each of which comes to its next version."""
    gone: set[str] = field(default_factory=set)
    """Subjects whose journeys are no more: persons merged into others, and persons split."""
    facts: list[FactRow] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    unknown_fields: dict[tuple[str, str], int] = field(default_factory=dict)
    mark: Instant | None = None
    """The instant up to which deadlines are announced from here on, where the unit moves it; `struck`: those that it announces."""
    struck: list[list[Any]] = field(default_factory=list)
    duplicates: int = 0

    @property
    def accepted(self) -> int:
        """How many bodies came with it that are new."""
        return sum(not row.again for row in self.rows)


class Change(NamedTuple):
    """What a committed unit changed in the facts. `rebuilt`: all facts before it are void, and these are all there are."""

    position: int
    facts: list[FactRow]
    rebuilt: bool = False
    last: bool = True
    """False while more parts of the same unit follow."""


class Counted(NamedTuple):
    """What the units of a record did, altogether. Dead letters by code, and fields that no type names, count how often they were seen."""

    accepted: int
    duplicates: int
    conflicts: int
    dead_letters: dict[str, int]
    unknown_fields: dict[str, int]


class Part(NamedTuple):
    """Some of what the whole record derives to."""

    facts: list[FactRow]
    journeys: dict[str, bytes]
    persons: dict[Id, PersonId]


class Generation(NamedTuple):
    """What facts, journeys and persons were derived by."""

    definition: str
    """The fingerprint."""
    fold_version: int


class Decision(NamedTuple):
    """An entry of the control log: what somebody decided, and why."""

    number: int
    at: Instant
    actor: str
    action: str
    reason: str
    detail: dict[str, Any]


class ControlLog(Protocol):
    """What operators decided, in order, for ever. Workers use only what it holds."""

    async def decide(self, *, at: Instant, actor: str, action: str, reason: str, detail: dict[str, Any]) -> int:
        """Record a decision. Returns its number."""
        ...

    async def decisions(self, action: str | None = None) -> Sequence[Decision]:
        """All of them, or those of one action, oldest first."""
        ...


class Kept(NamedTuple):
    """A dead letter as it is listed: its number, how often it was seen, and when."""

    number: int
    code: str
    reason: str
    source: str
    place: str
    raw: bytes
    seen: int
    first_at: Instant
    last_at: Instant


class DeadLetters(Protocol):
    """What could not be read, kept as bytes with the reason."""

    async def kept(self, *, after: int, limit: int) -> Sequence[Kept]:
        """Up to `limit` dead letters with numbers beyond `after`, in order of number."""
        ...

    async def show(self, number: int) -> Kept | None: ...

    async def codes(self) -> Mapping[str, tuple[int, int]]:
        """By code: how many dead letters there are, and how often they were seen."""
        ...

    async def conflicts(self) -> Sequence["Conflict"]:
        """Names that several bodies stand under: the body that counts, and the others."""
        ...

    async def idle_retractions(self) -> Sequence["IdleRetraction"]:
        """Retractions that void nothing, in order: their target is not there, not under their subject, or a retraction itself."""
        ...


class Conflict(NamedTuple):
    name: Name
    counts: Stored
    others: list[Stored]


class IdleRetraction(NamedTuple):
    target: Name
    """The subject that the retraction was published under, and the source and id that it names."""
    is_retraction: bool
    """Whether a retraction is what stands there; else nothing does, so far."""


class Log(Protocol):
    """Touchpoints in the order they were accepted, for as long as the log keeps them."""

    async def append(self, batch: Sequence[Incoming], recorded_at: Instant) -> int:
        """Keep `batch`, durably once this returns, all or nothing. Returns the offset of its last record."""
        ...

    async def read(self, partition: int, *, after: int, limit: int) -> Sequence[Recorded]:
        """Up to `limit` records of one partition beyond offset `after`, oldest first, none skipped."""
        ...


class Histories(Protocol):
    """The record: what is stored of every subject, and all that is derived from it. Every read sees the last commit."""

    async def position(self) -> int:
        """The number of the last unit; 0 before the first. Numbers have no gaps and are the order of commits."""
        ...

    async def offsets(self) -> dict[int, int]:
        """The last offset of each partition whose effect is committed; a partition without one has none yet."""
        ...

    async def bodies(self, keys: Collection[str]) -> Mapping[str, list[Stored]]:
        """Everything stored under each key, voided bodies too."""
        ...

    async def known(self, names: Collection[Name]) -> Mapping[Name, list[Known]]:
        """The bodies stored under those of `names` that have any."""
        ...

    async def voided(self, names: Collection[Name]) -> set[Name]:
        """Those of `names` that a retraction names, whether or not they are stored."""
        ...

    async def people(self, ids: Collection[Id]) -> Mapping[Id, Person]:
        """The person of each of `ids` that the record knows."""
        ...

    async def deals_of(self, ids: Collection[Id]) -> set[str]:
        """The deals that a stored body names any of `ids` in, or that are named in a touchpoint of theirs."""
        ...

    async def versions(self, keys: Collection[str]) -> Mapping[str, int]:
        """The versions of those of `keys` that have one. A record with one writer need not keep any."""
        ...

    async def journeys(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """The journeys kept for `subjects`, as they were committed; one that is missing is derived from its history."""
        ...

    async def commit(self, unit: Unit) -> int:
        """Store all of `unit` in one transaction, as the next position.

        Raises OutOfStep where it does not start where the record stands, Raced where a subject is no longer at the version it was read at.
        """
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """While it is held, no other writer commits a unit: what is read within can't be raced."""
        ...

    async def rebuild(self, parts: AsyncIterator["Part"], generation: "Generation", recorded_at: Instant) -> int:
        """Commit a unit that replaces all facts, journeys and persons by those of `parts`; touchpoints stay."""
        ...

    async def generation(self) -> "Generation | None":
        """What the derived part of the record was derived by; None in an empty one."""
        ...

    def changes(self, after: int) -> AsyncIterator[Change]:
        """What units after position `after` changed, in order, none skipped."""
        ...

    async def subjects(self, after: str, limit: int) -> Sequence[str]:
        """Up to `limit` keys that anything is stored under, beyond `after`, by bytes."""
        ...


class Raced(Exception):
    """Another unit changed a subject that this one was worked out from. Nothing was stored: read again, and try again."""


class OutOfStep(Exception):
    """A unit does not start where the record stands: another one was committed first. Nothing was stored."""


class Outbox(Protocol):
    """What is committed and still to be told to others, and how far that has come."""

    async def published(self) -> int:
        """The position up to which all changes were told; 0 before the first."""
        ...

    async def mark_published(self, position: int) -> None:
        """Note that the changes up to `position` were told. The mark never goes back; after a crash it may be behind what was told."""
        ...

    async def prune_changes(self, kept: int) -> int:
        """Drop the changes of units that were told, except those of the last `kept` units. Returns of how many units it did.

        Who asks for dropped changes is refused with Pruned.
        """
        ...


class Pruned(Exception):
    """Changes that were asked for are no longer kept: what follows them has to be built anew."""
