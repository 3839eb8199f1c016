"""What a micro-batch comes to, as values: what came in, what it changes, and what was known before."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from journey.identity import Id, PersonId
from journey.instants import Instant
from journey.touchpoints import Touchpoint
from schemas.decode import Decoded
from schemas.incoming import Incoming, WholeRecord
from schemas.intended import Name

FactRow = list[Any]

PIPELINE, STAGE = "pipeline", "stage"

"""A signed fact as plain values: see `journey.facts.to_row`."""


class Recorded(NamedTuple):
    """What the log holds at one place of it."""

    partition: int
    offset: int
    recorded_at: Instant
    incoming: Incoming
    decoded: Decoded | Exception | None = None
    """What its bytes say, where they have been read already; or what went wrong: Unreadable, or an error of ours, for placement to meet."""
    trace: str | None = None
    """Its sender's `traceparent`, where it came with one."""


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
    whole: WholeRecord | None = None
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


class Received(NamedTuple):
    """When the last record of a unit was received."""

    at: Instant
    is_derived_anew: bool
    """It brought nothing from outside."""


class RecordCounts(NamedTuple):
    """What the units of a record did, altogether. Dead letters by code, and names that nothing knows, count how often they were seen."""

    accepted: int
    duplicates: int
    conflicts: int
    dead_letters: dict[str, int]
    unknown_fields: dict[str, int]
    held: int
    """Ids that bounds keep apart from others."""


class DerivedPart(NamedTuple):
    """Some of what the whole record derives to."""

    facts: list[FactRow]
    journeys: dict[str, bytes]
    persons: dict[Id, PersonId]
    gone: Collection[str] = ()
    """Subjects of an earlier part that are no more."""


class StoredBodies(NamedTuple):
    """What some units stored: bodies with the keys that they were stored under, and names that were voided."""

    rows: list[BodyRow]
    voids: set[Name]


class Generation(NamedTuple):
    """What facts, journeys and persons were derived by."""

    definition: str
    """The fingerprint."""
    fold_version: int
