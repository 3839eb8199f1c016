"""What placement needs of the world: a log that touchpoints come in by, and the record that their effect is committed to.

Both runtimes implement these; `tests/contracts/` holds each promise as a test that every implementation runs.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from journey.errors import Away as Away
from journey.histories import Stored
from journey.identity import Id, Person, PersonId
from journey.instants import Instant
from journey.touchpoints import Touchpoint
from schemas.decode import Decoded
from schemas.incoming import Incoming, Whole
from schemas.intended import Name as Name

FactRow = list[Any]
"""A signed fact as plain values: see `journey.facts.to_row`."""


class Recorded(NamedTuple):
    """What the log holds at one place of it."""

    partition: int
    offset: int
    recorded_at: Instant
    incoming: Incoming
    decoded: Decoded | Exception | None = None
    """What its bytes say, where they have been read already; or what went wrong: Unreadable, or an error of ours, for placement to meet."""


class KnownBody(NamedTuple):
    """A body that is stored under a name, as far as it takes to know it again."""

    occurred_at: Instant
    digest: bytes
    import_ids: frozenset[int] = frozenset()
    """The imports that brought it; none where something else did: such a body is never withdrawn."""


class BodyRow(NamedTuple):
    """A body of a touchpoint, to be stored under each of `keys`, where it is not yet."""

    touch: Touchpoint
    body: bytes
    digest: bytes
    keys: tuple[str, ...]
    unknown: tuple[str, ...] = ()
    """Fields that its type does not name."""
    voided: bool = False
    again: bool = False
    """Stored before; a rival under its name names more keys, and one of them is to count under all. Or an equal body was, at an earlier
    time, by another import: this one counts only once that is withdrawn."""
    import_id: int | None = None
    """The import that it came in with."""


class DeadLetter(NamedTuple):
    """Bytes that are no touchpoint, kept with the reason. `id` is a hash of them and their source: seen again, it counts again."""

    id: str
    code: str
    reason: str
    source: str
    place: str
    raw: bytes
    recorded_at: Instant
    body: bytes | None = None
    """What could not be read, where that was made of `raw`; where it needs a fix, what it was meant to be: see `schemas.intended`."""
    needs_fix: bool = False
    """Nothing could be made of `raw`: no later version reads it as it is."""
    again: bool = False
    """The letter of that id was sent again, and can't be read still: its reason is the new one, and it was not seen once more.

    Only of letters that are in the unit's `sent_again`."""
    whole: Whole | None = None
    """Where `raw` is but the beginning."""
    meant: tuple[Name, ...] = ()
    """The names of the touchpoints that it was meant to be, where all of them can be known: when all are in, it closes."""
    import_id: int | None = None
    """The import that it came in with."""


class BroughtToo(NamedTuple):
    """That a body that is stored came once more, with another import; or with none, where `import_id` is 0."""

    name: Name
    digest: bytes
    occurred_at: Instant
    import_id: int


@dataclass(slots=True)
class Imported:
    """What became of the records that came in with an import."""

    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    dead_letters: int = 0
    left_out: int = 0
    """Those that were placed after it was retracted: they are nothing."""


PIPELINE, STAGE = "pipeline", "stage"
"""What stands for the type where a name that the definition does not know is counted: no type of the vocabulary is called so."""


@dataclass(slots=True)
class Unit:
    """One micro-batch and all its effect: committed whole, together with the offsets that it reached, or not at all."""

    after: dict[int, int]
    """Where it started, by partition: commits only if this is still where the record stands."""
    reached: dict[int, int]
    recorded_at: Instant
    rows: list[BodyRow] = field(default_factory=list)
    voids: set[Name] = field(default_factory=set)
    """Names that a retraction of this unit voids, whether or not they are there yet."""
    takes_part: set[tuple[Id, str]] = field(default_factory=set)
    """(id, deal): that a touchpoint of this unit names the id as taking part. Whether it counts is settled when it is read."""
    contested: set[Name] = field(default_factory=set)
    """Names that have more than one body now, and one more than before: who dismissed the conflict has not seen that one."""
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
    requeued: dict[str, Name] = field(default_factory=dict)
    """By the id of a dead letter that was sent again, the touchpoint that is in for it with this unit, or was before."""
    sent_again: dict[str, bytes] = field(default_factory=dict)
    """Of each dead letter that it brings again, the SHA-256 of what it brings: commits only if this is still what goes in for it."""
    set_aside: int | None = None
    """The last decision to set a record aside, or to retract an import, that it knows of: commits only if there is none since."""
    brought_too: set[BroughtToo] = field(default_factory=set)
    imported: dict[int, Imported] = field(default_factory=dict)
    """What became of its records that came in with imports, by import."""
    unknown_fields: dict[tuple[str, str], int] = field(default_factory=dict)
    """(type, field), and (PIPELINE or STAGE, name) for those that the definition does not know."""
    mark: Instant | None = None
    """The instant up to which deadlines are announced from here on, where the unit moves it; `struck`: those that it announces."""
    struck: list[list[Any]] = field(default_factory=list)
    duplicates: int = 0
    held: dict[Id, bool] = field(default_factory=dict)
    """The ids whose being kept apart from others by a bound changes with it, and whether they are now."""
    by: "Generation | None" = None
    """What it was worked out by: commits only if the record is still derived by that."""

    @property
    def held_more(self) -> int:
        """How many more ids than before bounds keep apart from others."""
        return sum(1 if is_held else -1 for is_held in self.held.values())

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
    """What the units of a record did, altogether. Dead letters by code, and names that nothing knows, count how often they were seen."""

    accepted: int
    duplicates: int
    conflicts: int
    dead_letters: dict[str, int]
    unknown_fields: dict[str, int]
    held: int
    """Ids that bounds keep apart from others."""


class Part(NamedTuple):
    """Some of what the whole record derives to."""

    facts: list[FactRow]
    journeys: dict[str, bytes]
    persons: dict[Id, PersonId]
    gone: Collection[str] = ()
    """Subjects of an earlier part that are no more."""


class Brought(NamedTuple):
    """What some units stored: bodies with the keys that they were stored under, and names that were voided."""

    rows: list[BodyRow]
    voids: set[Name]


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


class Aside(NamedTuple):
    """Why a record of the log is no touchpoint though it may say one: somebody decided so."""

    reason: str
    sha256: str
    """Of the record's bytes, in hex: at the same place, other bytes are another record."""


class SetAside(NamedTuple):
    """The records of a log that were set aside, by partition and offset; and the imports that were retracted, all records of which are."""

    number: int
    """Of the last decision to set any aside; 0 before the first."""
    records: Mapping[tuple[int, int], Aside]
    imports: frozenset[int] = frozenset()


class ControlLog(Protocol):
    """What operators decided, in order, for ever. Workers use only what it holds."""

    async def decide(self, *, at: Instant, actor: str, action: str, reason: str, detail: dict[str, Any]) -> int:
        """Record a decision. Returns its number."""
        ...

    async def decisions(self, action: str | None = None, *, after: int = 0, limit: int | None = None) -> Sequence[Decision]:
        """Up to `limit` of them beyond number `after`, or of those of one action, oldest first."""
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


class Log(Protocol):
    """Touchpoints in the order they were accepted, for as long as the log keeps them."""

    async def append(self, batch: Sequence[Incoming], recorded_at: Instant) -> int:
        """Keep `batch`, durably once this returns. Returns the offset of its last record.

        What can't be kept at all is refused before anything is. A log of several servers may fail in the middle (Away): then some of
        it may be kept, and appended again it is there twice, which placement counts once. `recorded_at` is for logs without a clock.
        """
        ...

    async def read(self, partition: int, *, after: int, limit: int) -> Sequence[Recorded]:
        """Up to `limit` records of one partition beyond offset `after`, oldest first, none skipped: one at least, where there is any.

        There are fewer where they have many bytes.
        """
        ...

    async def partitions(self) -> Collection[int]: ...


class Bodies(Protocol):
    """All that histories are made of: the whole record as it stands, or as it stood (`streams.past`)."""

    async def position(self) -> int:
        """The number of the last unit; 0 before the first. Numbers have no gaps and are the order of commits."""
        ...

    async def bodies(self, keys: Collection[str]) -> Mapping[str, list[Stored]]:
        """Everything stored under each key, voided bodies too."""
        ...

    async def deals_of(self, ids: Collection[Id]) -> set[str]:
        """The deals that a stored body names any of `ids` in, or that are named in a touchpoint of theirs."""
        ...

    async def subjects(self, after: str, limit: int) -> Sequence[str]:
        """Up to `limit` keys that anything is stored under, beyond `after`, by bytes."""
        ...

    async def subjects_count(self) -> int:
        """How many keys `subjects` gives, now."""
        ...


class Histories(Bodies, Protocol):
    """The record: what is stored of every subject, and all that is derived from it. Every read sees the last commit."""

    async def offsets(self) -> dict[int, int]:
        """The last offset of each partition whose effect is committed; a partition without one has none yet."""
        ...

    async def bodies(self, keys: Collection[str], known_at: int | None = None) -> Mapping[str, list[Stored]]:
        """Everything stored under each key, voided bodies too; as of the position `known_at`, where one is given."""
        ...

    async def units_of(self, keys: Collection[str], after: int, up_to: int) -> Sequence[int]:
        """The positions in (`after`, `up_to`], in order, of the units that brought something under `keys`, or that voided it."""
        ...

    async def keys_of(self, after: int, up_to: int, limit: int) -> set[str]:
        """Up to `limit` keys under which the units in (`after`, `up_to`] brought something, voided it or withdrew it."""
        ...

    async def position_at(self, recorded_at: Instant) -> int:
        """The last position that was recorded up to `recorded_at`; 0 before the first."""
        ...

    async def set_aside(self) -> SetAside:
        """Which records of its log were set aside, and which imports were retracted."""
        ...

    async def only_brought(self, import_id: int) -> OnlyBrought:
        """What is withdrawn where this import is retracted, and what stays."""
        ...

    async def last_withdrawal(self) -> int:
        """The last position at which anything was withdrawn; 0 where nothing was."""
        ...

    async def sent_again(self, ids: Collection[str]) -> Mapping[str, bytes]:
        """Of those of `ids` that are dead letters here, and can be sent again: the SHA-256 of what goes in for them."""
        ...

    async def digest(self, position: int) -> str:
        """SHA-256 over everything accepted up to `position`: see `streams.record_digest`."""
        ...

    async def definitions(self) -> Sequence[tuple[int, str]]:
        """Since which position which definition was in use, as its fingerprint: oldest first."""
        ...

    async def known(self, names: Collection[Name]) -> Mapping[Name, list[KnownBody]]:
        """The bodies stored under those of `names` that have any."""
        ...

    async def named(self, names: Collection[Name], known_at: int | None = None) -> Mapping[Name, list[Stored]]:
        """Everything stored under each of `names`, voided bodies too; as of the position `known_at`, where one is given."""
        ...

    async def voided(self, names: Collection[Name]) -> set[Name]:
        """Those of `names` that a retraction names, whether or not they are stored."""
        ...

    async def people(self, ids: Collection[Id]) -> Mapping[Id, Person]:
        """The person of each of `ids` that the record knows."""
        ...

    async def versions(self, keys: Collection[str]) -> Mapping[str, int]:
        """The versions of those of `keys` under which anything is stored. A record with one writer need not tell one from another."""
        ...

    async def journeys(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        """What is kept for `subjects`, as it was committed: journeys, and what links come to; one that is missing is derived again."""
        ...

    async def commit(self, unit: Unit) -> int:
        """Store all of `unit` in one transaction, as the next position.

        Raises OutOfStep where it does not start where the record stands, or does not know of all records that were set aside; Regenerated
        where that is derived by something else; Raced where a subject is no longer at the version it was read at, or a dead letter that it
        brings again no longer says that.
        """
        ...

    def turn(self) -> AbstractAsyncContextManager[None]:
        """While it is held, no other writer commits a unit: what is read within can't be raced."""
        ...

    async def brought(self, after: int, up_to: int) -> "Brought":
        """What the units in (`after`, `up_to`] stored and voided, voided as of `up_to`."""
        ...

    async def rebuild(
        self,
        parts: AsyncIterator["Part"],
        generation: "Generation",
        recorded_at: Instant,
        last: "Callable[[], AsyncIterator[Part]] | None" = None,
        decisions: "Sequence[Decided]" = (),
    ) -> int:
        """Commit a unit that replaces all facts, journeys and persons by those of `parts` and `last`; touchpoints stay.

        `parts` are kept beside what is in use while others commit; `last` is asked for in turn. `decisions` are recorded with the unit.
        """
        ...

    async def withdraw(
        self,
        import_id: int,
        parts: "Callable[[], AsyncIterator[Part]]",
        generation: "Generation",
        recorded_at: Instant,
        decisions: "Sequence[Decided]" = (),
    ) -> int:
        """Withdraw what only this import brought, and commit a unit that replaces all facts, journeys and persons by those of `parts`.

        They are asked for once it is withdrawn: what they read is the record without it. Nobody else commits meanwhile. As of an earlier
        position it is there as it was. Dead letters that only this import brought are dismissed.
        """
        ...

    async def generation(self) -> "Generation | None":
        """What the derived part of the record was derived by; None in an empty one."""
        ...

    def changes(self, after: int, kinds: Collection[str] | None = None) -> AsyncIterator[Change]:
        """What units after position `after` changed, in order, none skipped; of their facts only those of `kinds`, where some are named.

        A unit that changed none of these is told all the same, without facts.
        """
        ...


class Raced(Exception):
    """Another unit changed a subject that this one was worked out from. Nothing was stored: read again, and try again."""


class OutOfStep(Exception):
    """A unit does not start where the record stands, or somebody set a record aside since. Nothing was stored: begin where it stands."""


class Regenerated(OutOfStep):
    """All was derived anew, by another definition or version than the unit was worked out by."""


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
