"""What placement needs of the world: a log that touchpoints come in by, and the record that their effect is committed to.

Both runtimes implement these; `tests/contracts/` holds each promise as a test that every implementation runs.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from journey.histories import Stored
from journey.identity import Id, Person
from journey.instants import Instant
from schemas.incoming import Incoming
from schemas.intended import Name
from streams.operators import Decided, OnlyBrought, SetAside
from streams.units import Change, DerivedPart, Generation, KnownBody, Received, Recorded, StoredBodies, Unit

"""What stands for the type where a name that the definition does not know is counted: no type of the vocabulary is called so."""


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

    async def received(self, after: int, up_to: int, limit: int) -> Sequence[Received]:
        """When what the units in (`after`, `up_to`] brought was received: the first `limit` of them, in order."""
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

    async def called(self, part: str, limit: int) -> Mapping[Id, str]:
        """Up to `limit` ids of people that have every word of `part` in them or in the names of a profile, whatever the case; with what
        it was found in. See `streams.called`."""
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

    async def brought(self, after: int, up_to: int) -> StoredBodies:
        """What the units in (`after`, `up_to`] stored and voided, voided as of `up_to`."""
        ...

    async def rebuild(
        self,
        parts: AsyncIterator["DerivedPart"],
        generation: "Generation",
        recorded_at: Instant,
        last: "Callable[[], AsyncIterator[DerivedPart]] | None" = None,
        decisions: "Sequence[Decided]" = (),
    ) -> int:
        """Commit a unit that replaces all facts, journeys and persons by those of `parts` and `last`; touchpoints stay.

        `parts` are kept beside what is in use while others commit; `last` is asked for in turn. `decisions` are recorded with the unit.
        """
        ...

    async def withdraw(
        self,
        import_id: int,
        parts: "Callable[[], AsyncIterator[DerivedPart]]",
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
