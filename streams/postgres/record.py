"""The record in PostgreSQL: what any number of workers write at the same time, as if one after the other.

A unit commits only where the offsets it starts from are the stored ones, and only at the versions of all subjects that it was worked
out from. Both are locked until the transaction ends, so READ COMMITTED is enough: see `docs/decisions/0020-postgres-record.md`.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from contextvars import ContextVar
from itertools import islice
from typing import TypeVar

import asyncpg

from journey.errors import Busy
from journey.histories import Stored
from journey.identity import Id, Person
from journey.instants import Instant
from schemas.decode import touchpoint_of
from schemas.intended import Name
from streams import fact_bodies
from streams.called import called, has_all, words_of
from streams.operators import Decided, OnlyBrought, SetAside
from streams.pauses import Pauses
from streams.ports import OutOfStep, Pruned, Raced, Regenerated
from streams.postgres.awaited_letters import arrive
from streams.postgres.commit_steps import finish, lock_subjects, position_of, run
from streams.postgres.database import Database, is_lost, transaction
from streams.postgres.desk import decide
from streams.postgres.error_messages import IN_THE_WAY
from streams.postgres.lock_sessions import Connection
from streams.postgres.shadow import PostgresShadow
from streams.postgres.tables import migrate
from streams.postgres.unit_statements import (
    GENERATION,
    LOCK_OFFSETS,
    MOVE_OFFSETS,
    READY,
    SENT_AGAIN,
    SET_ASIDE,
    VERSIONS,
    changed_by,
    name_digest,
    steps,
)
from streams.postgres.withdrawal import close, only_brought, withdraw
from streams.record_digest import RecordDigest
from streams.remarks import Outage, Say, nobody
from streams.set_aside import SETTING_ASIDE, decided
from streams.units import BodyRow, Change, DerivedPart, Generation, KnownBody, Received, RecordCounts, StoredBodies, Unit

T = TypeVar("T")

KEYS_PER_QUERY_MAX = 10_000
BODIES_PER_QUERY_MAX = 1_000
"""Keys in a query that answers with all that is kept under them."""

CHANGES_PER_QUERY_MAX = 16

CALLED_PER_FETCH = 1_000
"""Ids, or profiles, that are looked at together for what people are called."""

IDS_OF_PEOPLE = """
    SELECT key, NULL FROM journey.subjects
    WHERE (key BETWEEN 'anon:' AND 'anon;' OR key BETWEEN 'user:' AND 'user;') AND version > 0 ORDER BY key
"""
# The condition is the index's, word by word.
PROFILES = """
    SELECT key, body FROM journey.touchpoints
    WHERE position('"profile_updated"'::BYTEA IN body) > 0 AND voided_by IS NULL ORDER BY key
"""

COMMITTING = 7_002
"""The advisory lock that every commit shares, and that a turn holds alone."""

TURN_IDLE_MS_MAX = 6_000
"""How long who has the turn may say nothing. Its session is kept awake whatever it works at, so it is frozen then."""

TURN_WAIT_MS_MAX = 35_000
"""More than that, so that who waits for a frozen one gets its turn. Who waits for a rebuild hears Away, and waits again."""

TURNS_WAITED_FOR_MAX = 5
"""How often a rebuild waits so long, when it has all but the last of it."""

BODIES = "SELECT key, body, occurred_at, voided_by IS NOT NULL FROM journey.touchpoints WHERE key = ANY($1::TEXT[])"
_UNTIL = "JOIN journey.units AS w ON w.unit = t.until AND w.position >"
"""Of what was withdrawn, what was there still at a position."""

BODIES_AS_OF = " UNION ALL ".join(
    f"SELECT t.key, t.body, t.occurred_at, v.position IS NOT NULL FROM journey.{table} AS t"
    f" JOIN journey.units AS u ON u.unit = t.unit AND u.position <= $2 {until}"
    " LEFT JOIN journey.units AS v ON v.unit = t.voided_by AND v.position <= $2"
    " WHERE t.key = ANY($1::TEXT[])"
    for table, until in (("touchpoints", ""), ("withdrawn", f"{_UNTIL} $2"))
)

_NAMED = (
    "SELECT n.nth, t.body, t.occurred_at, t.voided_by IS NOT NULL FROM unnest($1::TEXT[], $2::BYTEA[]) WITH ORDINALITY"
    " AS n (subject, name, nth) JOIN journey.touchpoints AS t ON t.key = n.subject AND t.name = n.name"
)
_NAMED_AS_OF = " UNION ALL ".join(
    "SELECT n.nth, t.body, t.occurred_at, v.position IS NOT NULL FROM unnest($1::TEXT[], $2::BYTEA[]) WITH ORDINALITY"
    f" AS n (subject, name, nth) JOIN journey.{table} AS t ON t.key = n.subject AND t.name = n.name"
    f" JOIN journey.units AS u ON u.unit = t.unit AND u.position <= $3 {until}"
    " LEFT JOIN journey.units AS v ON v.unit = t.voided_by AND v.position <= $3"
    for table, until in (("touchpoints", ""), ("withdrawn", f"{_UNTIL} $3"))
)

_BROUGHT = " UNION ALL ".join(
    f"SELECT t.key, t.name, t.digest, t.occurred_at, t.body, v.position IS NOT NULL FROM journey.{table} AS t {until}"
    " LEFT JOIN journey.units AS v ON v.unit = t.voided_by AND v.position <= $4"
    " WHERE t.unit BETWEEN $1 AND $2 AND t.unit = ANY($3::BIGINT[])"
    for table, until in (("touchpoints", ""), ("withdrawn", f"{_UNTIL} $4"))
)
_BROUGHT_VOIDS = " UNION ALL ".join(
    f"SELECT t.subject, t.source, t.id FROM journey.{table} AS t {until} WHERE t.unit BETWEEN $1 AND $2 AND t.unit = ANY($3::BIGINT[])"
    for table, until in (("voids", ""), ("withdrawn_voids", f"{_UNTIL} $4"))
)


_BROUGHT_TOO = "SELECT name, digest, occurred_at, import FROM journey.brought_too WHERE name = ANY($1::BYTEA[])"

DIGESTS_AT_ONCE = 10_000
_WHOLE = "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL statement_timeout = 0"
"""For what reads all of a table, once."""

_KEYS_OF = (
    "WITH those AS (SELECT unit FROM journey.units WHERE position > $1 AND position <= $2) SELECT key FROM ("
    " SELECT t.key FROM journey.touchpoints AS t JOIN those AS u ON u.unit = t.unit"
    " UNION SELECT t.key FROM journey.touchpoints AS t JOIN those AS u ON u.unit = t.voided_by"
    " UNION SELECT t.key FROM journey.withdrawn AS t JOIN those AS u ON u.unit IN (t.unit, t.voided_by, t.until)) AS found LIMIT $3"
)

_ALL = " UNION ALL ".join(
    f"SELECT t.digest, t.occurred_at FROM journey.{table} AS t JOIN journey.units AS u ON u.unit = t.unit AND u.position <= $1 {until}"
    for table, until in (("touchpoints", ""), ("withdrawn", f"{_UNTIL} $1"))
)
_DIGESTS = f"SELECT digest, MIN(occurred_at) FROM ({_ALL}) AS every GROUP BY digest ORDER BY digest"
_VOIDED = " UNION ".join(
    f"SELECT t.subject, t.source, t.id FROM journey.{table} AS t JOIN journey.units AS u ON u.unit = t.unit AND u.position <= $1 {until}"
    for table, until in (("voids", ""), ("withdrawn_voids", f"{_UNTIL} $1"))
)


class PostgresRecord:
    """Histories and outbox of the distributed runtime. See `streams.ports` for what each method promises.

    `topic` is the id of the Kafka topic whose offsets these are.
    """

    def __init__(self, database: Database, topic: str) -> None:
        self.database = database
        self.topic = topic
        self.say: Say = nobody
        """Is told what a rebuild waits for."""
        # Of the task that has the turn, and of those that it starts: others of this process wait like those of any other.
        self._turn: ContextVar[Connection | None] = ContextVar("turn", default=None)
        self._withdrawing: ContextVar[Connection | None] = ContextVar("withdrawing", default=None)

    @classmethod
    async def open(cls, address: str, topic: str) -> "PostgresRecord":
        """Connect, and bring the tables up to date. Raises Refused where only a person can help, Away where waiting does."""
        database = Database(address)
        try:
            await migrate(database)
        except BaseException:
            await database.close()
            raise
        return cls(database, topic)

    async def close(self) -> None:
        await self.database.close()

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        """For what only one worker may do at a time. See `Database.alone`."""
        return self.database.alone(name)

    # --- reading the histories

    async def position(self) -> int:
        async with self.database.connection() as db:
            position: int = await db.fetchval("SELECT position FROM journey.last")
        return position

    async def offsets(self) -> dict[int, int]:
        async with self.database.connection() as db:
            rows = await db.fetch('SELECT "partition", "offset" FROM journey.offsets WHERE topic = $1', self.topic)
        return {row[0]: row[1] for row in rows}

    async def bodies(self, keys: Collection[str], known_at: int | None = None) -> Mapping[str, list[Stored]]:
        found: dict[str, list[Stored]] = defaultdict(list)
        pauses = Pauses()
        for some in _some(keys, BODIES_PER_QUERY_MAX):
            async with self._reading() as db:
                if known_at is None:
                    rows = await db.fetch(BODIES, some)
                else:
                    rows = await db.fetch(BODIES_AS_OF, some, known_at)
            for key, body, occurred_at, voided in rows:
                await pauses.after(1)
                touch = touchpoint_of(body, occurred_at)
                found[key].append(Stored(touch, body, voided))
        return found

    async def units_of(self, keys: Collection[str], after: int, up_to: int) -> Sequence[int]:
        found: set[int] = set()
        for some in _some(keys):
            async with self.database.connection() as db:
                for units in (
                    "journey.touchpoints AS t JOIN journey.units AS u ON u.unit IN (t.unit, t.voided_by)",
                    "journey.withdrawn AS t JOIN journey.units AS u ON u.unit IN (t.unit, t.voided_by, t.until)",
                ):
                    rows = await db.fetch(
                        f"SELECT DISTINCT u.position FROM {units} WHERE t.key = ANY($1::TEXT[]) AND u.position > $2 AND u.position <= $3",
                        some,
                        after,
                        up_to,
                    )
                    found.update(position for (position,) in rows)
        return sorted(found)

    async def keys_of(self, after: int, up_to: int, limit: int) -> set[str]:
        async with self.database.connection() as db, db.transaction(isolation="repeatable_read", readonly=True):
            await db.execute(_WHOLE)
            return {key for (key,) in await db.fetch(_KEYS_OF, after, up_to, limit)}

    async def position_at(self, recorded_at: Instant) -> int:
        async with self.database.connection() as db:
            position: int = await db.fetchval("SELECT COALESCE(MAX(position), 0) FROM journey.units WHERE recorded_at <= $1", recorded_at)
        return position

    async def received(self, after: int, up_to: int, limit: int) -> Sequence[Received]:
        async with self.database.connection() as db:
            rows = await db.fetch(
                "SELECT recorded_at, rebuilt FROM journey.units WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3",
                after,
                up_to,
                limit,
            )
        return [Received(at, rebuilt) for at, rebuilt in rows]

    async def set_aside(self) -> SetAside:
        async with self.database.connection() as db:
            rows = await db.fetch(
                f"SELECT number, action, reason, detail FROM journey.control WHERE action IN {SETTING_ASIDE} ORDER BY number"
            )
        return decided(((number, action, reason, detail) for number, action, reason, detail in rows), self.topic)

    async def sent_again(self, ids: Collection[str]) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        for some in _some(ids):
            async with self.database.connection() as db:
                found |= await _sent_again(db, some)
        return found

    async def digest(self, position: int) -> str:
        found = RecordDigest()
        async with self.database.connection() as db, db.transaction(isolation="repeatable_read", readonly=True):
            await db.execute(_WHOLE)
            bodies = db.cursor(_DIGESTS, position, prefetch=DIGESTS_AT_ONCE)
            async for digest, occurred_at in bodies:
                found.add([(digest, occurred_at)])
            voids = await db.fetch(_VOIDED, position)
        return found.ended((subject, source, id) for subject, source, id in voids)

    async def definitions(self) -> Sequence[tuple[int, str]]:
        async with self.database.connection() as db:
            rows = await db.fetch("SELECT position, definition FROM journey.units WHERE definition IS NOT NULL ORDER BY position")
        return [(position, definition) for position, definition in rows]

    async def brought(self, after: int, up_to: int) -> StoredBodies:
        rows: dict[tuple[bytes, bytes, Instant], BodyRow] = {}
        async with self.database.connection() as db:
            units = [
                unit for (unit,) in await db.fetch("SELECT unit FROM journey.units WHERE position > $1 AND position <= $2", after, up_to)
            ]
            span = (min(units, default=0), max(units, default=0), units)
            stored = await db.fetch(_BROUGHT, *span, up_to)
            voids = await db.fetch(_BROUGHT_VOIDS, *span, up_to)
        for key, name, digest, occurred_at, body, voided in stored:
            row = rows.get((name, digest, occurred_at))
            if row is None:
                touch = touchpoint_of(body, occurred_at)
                row = BodyRow(touch, body, digest, (), voided=voided)
            rows[name, digest, occurred_at] = row._replace(keys=(*row.keys, key))
        return StoredBodies(list(rows.values()), {(subject, source, id) for subject, source, id in voids})

    async def known(self, names: Collection[Name]) -> Mapping[Name, list[KnownBody]]:
        found: dict[Name, list[KnownBody]] = {}
        for some in _some(sorted(names)):
            digests = [name_digest(name) for name in some]
            async with self.database.connection() as db:
                rows = await db.fetch(
                    "SELECT u.nth, t.occurred_at, t.digest, t.import"
                    " FROM unnest($1::TEXT[], $2::BYTEA[]) WITH ORDINALITY AS u (subject, name, nth)"
                    " JOIN journey.touchpoints AS t ON t.key = u.subject AND t.name = u.name",
                    [subject for subject, _, _ in some],
                    digests,
                )
                too: dict[tuple[bytes, bytes, Instant], set[int]] = defaultdict(set)
                if imported := [digests[nth - 1] for nth, _, _, import_id in rows if import_id is not None]:
                    for name, digest, occurred_at, import_id in await db.fetch(_BROUGHT_TOO, imported):
                        too[name, digest, occurred_at].add(import_id)
            for nth, occurred_at, digest, import_id in rows:
                by = {import_id, *too[digests[nth - 1], digest, occurred_at]} - {None}
                found.setdefault(some[nth - 1], []).append(KnownBody(occurred_at, digest, frozenset() if 0 in by else frozenset(by)))
        return found

    async def last_withdrawal(self) -> int:
        async with self.database.connection() as db:
            position: int = await db.fetchval(
                "SELECT COALESCE(MAX(position), 0) FROM journey.units WHERE unit = (SELECT MAX(until) FROM journey.withdrawn)"
            )
        return position

    async def named(self, names: Collection[Name], known_at: int | None = None) -> Mapping[Name, list[Stored]]:
        found: dict[Name, list[Stored]] = {}
        for some in _some(sorted(names), BODIES_PER_QUERY_MAX):
            asked = [subject for subject, _, _ in some], [name_digest(name) for name in some]
            async with self.database.connection() as db:
                rows = await (db.fetch(_NAMED, *asked) if known_at is None else db.fetch(_NAMED_AS_OF, *asked, known_at))
            for nth, body, occurred_at, voided in rows:
                found.setdefault(some[nth - 1], []).append(Stored(touchpoint_of(body, occurred_at), body, voided))
        return found

    async def voided(self, names: Collection[Name]) -> set[Name]:
        found: set[Name] = set()
        for some in _some(names):
            by_digest = {name_digest(name): name for name in some}
            async with self.database.connection() as db:
                rows = await db.fetch("SELECT name FROM journey.voids WHERE name = ANY($1::BYTEA[])", list(by_digest))
            found.update(by_digest[name] for (name,) in rows)
        return found

    async def people(self, ids: Collection[Id]) -> Mapping[Id, Person]:
        of_person: dict[str, list[Id]] = defaultdict(list)
        for some in _some(ids):
            async with self.database.connection() as db:
                rows = await db.fetch(
                    "WITH named AS (SELECT DISTINCT person FROM journey.subjects WHERE key = ANY($1::TEXT[]) AND person IS NOT NULL)"
                    " SELECT s.person, s.key FROM named JOIN journey.subjects AS s ON s.key = named.person AND s.person = s.key"
                    " UNION ALL"
                    " SELECT s.person, s.key FROM named JOIN journey.subjects AS s ON s.person = named.person AND s.person <> s.key",
                    some,
                )
            for person, id in rows:
                of_person[person].append(id)
        persons = [Person(person, tuple(sorted(set(known)))) for person, known in of_person.items()]
        return {id: person for person in persons for id in person.ids}

    async def deals_of(self, ids: Collection[Id]) -> set[str]:
        deals: set[str] = set()
        for some in _some(ids):
            async with self._reading() as db:
                rows = await db.fetch("SELECT DISTINCT deal FROM journey.takes_part WHERE id = ANY($1::TEXT[])", some)
            deals.update(deal for (deal,) in rows)
        return deals

    async def versions(self, keys: Collection[str]) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for some in _some(keys):
            async with self.database.connection() as db:
                rows = await db.fetch(VERSIONS, some)
            found.update((key, version) for key, version in rows)
        return found

    async def journeys(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        kept: dict[str, bytes] = {}
        for some in _some(subjects, BODIES_PER_QUERY_MAX):
            async with self.database.connection() as db:
                rows = await db.fetch("SELECT subject, body FROM journey.journeys WHERE subject = ANY($1::TEXT[])", some)
            kept.update((subject, body) for subject, body in rows)
        return kept

    async def subjects(self, after: str, limit: int) -> Sequence[str]:
        async with self._reading() as db:
            rows = await db.fetch("SELECT key FROM journey.subjects WHERE key > $1 AND version > 0 ORDER BY key LIMIT $2", after, limit)
        return [key for (key,) in rows]

    async def called(self, part: str, limit: int) -> Mapping[Id, str]:
        words, found = words_of(part), dict[Id, str]()
        async with self._reading() as db, db.transaction():
            for name, query in (("id", IDS_OF_PEOPLE), ("profile", PROFILES)):
                async for id, body in db.cursor(query, prefetch=CALLED_PER_FETCH):
                    if id not in found and has_all(told := id if name == "id" else called(body), words):
                        found[id] = told
                    if len(found) == limit:
                        return found
        return found

    async def subjects_count(self) -> int:
        async with self.database.connection() as db:
            number: int = await db.fetchval("SELECT COUNT(*) FROM journey.subjects WHERE version > 0")
        return number

    async def generation(self) -> Generation | None:
        async with self.database.connection() as db:
            row = await db.fetchrow(GENERATION)
        return None if row is None else Generation(*row)

    async def changes(self, after: int, kinds: Collection[str] | None = None) -> AsyncIterator[Change]:
        """See `Histories`. Read some at a time, so that nothing stays open between two of them. Raises Pruned."""
        position, part = after, 1 << 30
        while True:
            async with self.database.connection() as db:
                rows = await db.fetch(
                    "SELECT u.position, u.rebuilt, c.part, c.is_last, c.facts"
                    " FROM journey.units AS u JOIN journey.changes AS c ON c.unit = u.unit"
                    " WHERE u.position BETWEEN $1 AND $1 + $3::BIGINT AND (u.position, c.part) > ($1, $2)"
                    " ORDER BY u.position, c.part LIMIT $3",
                    position,
                    part,
                    CHANGES_PER_QUERY_MAX,
                )
                # Asked last: what is not pruned now was not pruned when the rows were read.
                pruned: int = await db.fetchval("SELECT pruned FROM journey.outbox")
            if pruned > position:
                raise Pruned(f"changes up to position {pruned} are no longer kept, and those after {position} were asked for")
            if not rows:
                return
            for row in rows:
                yield Change(row["position"], fact_bodies.load(row["facts"], kinds), row["rebuilt"], row["is_last"])
            position, part = rows[-1]["position"], rows[-1]["part"]

    async def counted(self) -> RecordCounts:
        """What all units together did."""
        async with self.database.connection() as db:
            sums = ", ".join(f"COALESCE(SUM({column}), 0)::BIGINT" for column in ("accepted", "duplicates", "held"))
            ((accepted, duplicates, held),) = await db.fetch(f"SELECT {sums} FROM journey.units")
            conflicts: int = await db.fetchval("SELECT COUNT(*) FROM journey.contested")
            letters = await db.fetch("SELECT code, SUM(seen) FROM journey.dead_letters GROUP BY code")
            unknown = await db.fetch("SELECT type || '.' || field, seen FROM journey.unknown_fields")
        return RecordCounts(
            accepted, duplicates, conflicts, {row[0]: int(row[1]) for row in letters}, {row[0]: row[1] for row in unknown}, held
        )

    # --- committing

    async def commit(self, unit: Unit) -> int:
        async with self._writing() as db:
            number: int = await db.fetchval("SELECT nextval('journey.unit_numbers')")
            changed, storing = changed_by(unit), steps(unit, number)
            try:
                async with transaction(db, f"BEGIN; SELECT pg_advisory_xact_lock_shared({COMMITTING})"):
                    await self._advance_offsets(db, unit)
                    await lock_subjects(db, unit, changed)
                    await run(db, storing)
                    await arrive(db, unit, number)
                    await self._check_sent_again(db, unit)
                    await finish(db, number, unit.recorded_at, rebuilt=False, unit=unit)
            except (*IN_THE_WAY, asyncpg.UniqueViolationError) as error:
                raise Raced(f"another unit was in the way: {error}") from error
            return await position_of(db, number)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """See `Histories`. Waited for no longer than TURN_WAIT_MS_MAX; who falls silent in it for TURN_IDLE_MS_MAX has had it."""
        async with self.database.awake() as db:
            await db.execute(f"SET lock_timeout = {TURN_WAIT_MS_MAX}; SET idle_session_timeout = {TURN_IDLE_MS_MAX}")
            try:
                await self.database.ready(db, READY)
                await db.execute(f"SELECT pg_advisory_lock({COMMITTING}); RESET lock_timeout")
                self._turn.set(db)
                yield
            finally:
                self._turn.set(None)
                if not is_lost(db):
                    await db.execute(f"SELECT pg_advisory_unlock({COMMITTING}); RESET lock_timeout; RESET idle_session_timeout")

    @asynccontextmanager
    async def _turn_at_last(self) -> AsyncIterator[None]:
        """The turn, waited for longer: to give up is to throw away what was derived until now."""
        outage = Outage(self.say)
        async with AsyncExitStack() as stack:
            for _ in range(TURNS_WAITED_FOR_MAX):
                try:
                    await stack.enter_async_context(self.turn())
                except Busy as busy:
                    outage.goes_on(busy)
                    continue
                outage.is_over()
                yield
                return
        raise Busy(
            f"other writers have had the turn in {self.database.place} for {TURNS_WAITED_FOR_MAX * TURN_WAIT_MS_MAX // 1000} s: a rebuild,"
            " or workers that place large units; nothing has changed, and it can be done when they are through"
        )

    async def rebuild(
        self,
        parts: AsyncIterator[DerivedPart],
        generation: Generation,
        recorded_at: Instant,
        last: Callable[[], AsyncIterator[DerivedPart]] | None = None,
        decisions: Sequence[Decided] = (),
    ) -> int:
        async with self.alone("what is derived anew"):
            async with self.database.connection() as db:
                shadow = await _begun(db)
                async for part in parts:
                    await shadow.put(db, part)
            async with self._turn_at_last() if self._turn.get() is None else nullcontext(), self._writing() as db:
                limits = f"SET LOCAL idle_in_transaction_session_timeout = {TURN_IDLE_MS_MAX}"
                async with transaction(db, f"BEGIN; {limits}"):
                    await shadow.switch(db, nothing() if last is None else last(), generation)
                    for by, action, detail in decisions:
                        await decide(db, by, action, detail)
                    await finish(db, shadow.number, recorded_at, rebuilt=True, definition=generation.definition)
                return await position_of(db, shadow.number)

    async def withdraw(
        self,
        import_id: int,
        parts: Callable[[], AsyncIterator[DerivedPart]],
        generation: Generation,
        recorded_at: Instant,
        decisions: Sequence[Decided] = (),
    ) -> int:
        """See `Histories`. All of it in turn, and what is read within sees what is withdrawn: workers wait for as long as it takes."""
        async with self.alone("what is derived anew"), self._turn_at_last(), self._writing() as db, self.database.connection() as other:
            shadow = await _begun(other)
            async with transaction(db, f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = {TURN_IDLE_MS_MAX}"):
                await withdraw(db, import_id, shadow.number)
                self._withdrawing.set(db)
                try:
                    async for part in parts():
                        await shadow.put(other, part)
                finally:
                    self._withdrawing.set(None)
                await shadow.switch(db, nothing(), generation)
                await close(db, import_id)
                for by, action, detail in decisions:
                    await decide(db, by, action, detail)
                await finish(db, shadow.number, recorded_at, rebuilt=True, definition=generation.definition)
            return await position_of(db, shadow.number)

    async def only_brought(self, import_id: int) -> OnlyBrought:
        async with self.database.connection() as db, db.transaction(isolation="repeatable_read", readonly=True):
            await db.execute(_WHOLE)
            return await only_brought(db, import_id)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        """A connection to read on: the one that withdraws, where it is ours."""
        if (ours := self._withdrawing.get()) is not None:
            with self.database.named(ours):
                yield ours
        else:
            async with self.database.connection() as db:
                yield db

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Connection]:
        """A connection to commit on: the one that has the turn, where we have it."""
        if (ours := self._turn.get()) is not None:
            with self.database.named(ours):
                yield ours
        else:
            async with self.database.connection() as db:
                await self.database.ready(db, READY)
                yield db

    async def _advance_offsets(self, db: Connection, unit: Unit) -> None:
        """Move on from where the unit started; refuse it where the record stands elsewhere, or is of another generation."""
        row = await db.fetchrow(GENERATION)
        if unit.by is not None and row is not None and Generation(*row) != unit.by:
            raise Regenerated("another writer has derived all anew, by another definition or version; read which, and start over")
        if not unit.reached:
            return
        if unit.set_aside is not None and unit.set_aside < await db.fetchval(SET_ASIDE):
            raise OutOfStep("a record was set aside or an import retracted, and the unit does not know of it")
        partitions = sorted(unit.reached)
        stored: dict[int, int] = {row[0]: row[1] for row in await db.fetch(LOCK_OFFSETS, self.topic, partitions)}
        for partition in partitions:
            if (stands := stored.get(partition, -1)) != unit.after[partition]:
                raise OutOfStep(f"partition {partition} stands at {stands}, and the unit starts after {unit.after[partition]}")
        reached = [unit.reached[partition] for partition in partitions]
        moved = await db.execute(MOVE_OFFSETS, self.topic, partitions, reached, list(stored))
        if moved != f"INSERT 0 {len(partitions)}":
            raise OutOfStep(f"another unit was the first one of a partition in {partitions}")

    async def _check_sent_again(self, db: Connection, unit: Unit) -> None:
        """Behind the lock of all letters: raises Raced where one that was brought again has got another fix meanwhile."""
        if unit.sent_again and unit.sent_again != await _sent_again(db, list(unit.sent_again)):
            raise Raced("a dead letter was fixed otherwise while what was sent for it came in")

    # --- the outbox

    async def published(self) -> int:
        async with self.database.connection() as db:
            published: int = await db.fetchval("SELECT published FROM journey.outbox")
        return published

    async def mark_published(self, position: int) -> None:
        async with self.database.transaction() as db:
            # Lost in a crash, it is told again, which is allowed.
            await db.execute("SET LOCAL synchronous_commit = off")
            await db.execute("UPDATE journey.outbox SET published = GREATEST(published, $1)", position)

    async def prune_changes(self, kept: int) -> int:
        async with self.database.transaction() as db:
            pruned, up_to = await db.fetchrow(
                "SELECT pruned, LEAST(published, position - $1) FROM journey.outbox, journey.last FOR UPDATE OF outbox", kept
            ) or (0, 0)
            if up_to <= pruned:
                return 0
            await db.execute(
                "DELETE FROM journey.changes AS c USING journey.units AS u WHERE c.unit = u.unit AND u.position > $1 AND u.position <= $2",
                pruned,
                up_to,
            )
            await db.execute("UPDATE journey.outbox SET pruned = $1", up_to)
            dropped: int = up_to - pruned
        return dropped


async def _begun(db: Connection) -> PostgresShadow:
    shadow = PostgresShadow(await db.fetchval("SELECT nextval('journey.unit_numbers')"))
    await shadow.begin(db)
    return shadow


async def nothing() -> AsyncIterator[DerivedPart]:
    """No parts."""
    for part in list[DerivedPart]():
        yield part


async def _sent_again(db: Connection, ids: list[str]) -> dict[str, bytes]:
    return {row[0]: row[1] for row in await db.fetch(SENT_AGAIN, ids)}


def _some(values: Iterable[T], limit: int = KEYS_PER_QUERY_MAX) -> Iterable[list[T]]:
    """`values` in the sizes that a query takes."""
    rest = iter(values)
    while some := list(islice(rest, limit)):
        yield some
