"""The embedded record: log, histories, units and dead letters in one SQLite file.

WAL with `synchronous=FULL`: what a call returned for survives the loss of power. One connection writes; readers open their own.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from journey.histories import Stored, is_person, keys
from journey.identity import Id, Person, PersonId
from journey.instants import Instant
from journey.integers import INTEGER_MAX
from schemas.decode import touchpoint_of
from schemas.incoming import Incoming, WholeRecord
from schemas.intended import Name
from schemas.strict_json import BODY_BYTES_MAX
from streams import fact_bodies
from streams.called import called, has_all, words_of
from streams.operators import Decided, OnlyBrought, SetAside
from streams.pauses import Pauses
from streams.placement import UNIT_BYTES_MAX
from streams.ports import OutOfStep, Raced, Regenerated
from streams.record_digest import RecordDigest
from streams.set_aside import EMBEDDED, SETTING_ASIDE, decided
from streams.sqlite.awaited_letters import arrive, expect, stand_for
from streams.sqlite.database import check_tables, connect, migrate, transaction
from streams.sqlite.desk import decide
from streams.sqlite.withdrawal import only_brought, withdraw
from streams.transitions import due
from streams.units import BodyRow, Change, DeadLetter, DerivedPart, FactRow, Generation, KnownBody, Received, Recorded, StoredBodies, Unit

PARTITION = 0
"""The embedded log has one."""

KEYS_PER_QUERY_MAX = 500
NAMES_PER_QUERY_MAX = 100
FILE = "journey.db"
MIGRATIONS = Path(__file__).parent / "migrations"

SENT_AGAIN = (
    "SELECT id, COALESCE(NULLIF(fix, x''), NULLIF(body, x''), raw) AS goes_in FROM dead_letters"
    f" WHERE (fix IS NOT NULL OR NOT needs_fix) AND LENGTH(goes_in) <= {BODY_BYTES_MAX}"
)
"""What goes in for a letter: see `streams.dead_letters.sent_again`."""


_NAMED = "t.key = a.subject AND t.subject = a.subject AND t.source = a.source AND t.id = a.id"
_OPEN_AGAIN = "iif(state = 'dismissed' AND NOT EXISTS (SELECT 1 FROM letters_brought WHERE letter = dead_letters.id), 'open', state)"
"""A letter that came only with imports that were retracted is as new."""


IDS_OF_PEOPLE = "SELECT key, NULL FROM subjects WHERE key BETWEEN 'anon:' AND 'anon;' OR key BETWEEN 'user:' AND 'user;' ORDER BY key"
# The condition is the index's, word by word.
PROFILES = "SELECT key, body FROM touchpoints WHERE instr(body, CAST('\"profile_updated\"' AS BLOB)) > 0 AND voided_by IS NULL ORDER BY key"

_KEYED = ("touchpoints", "subjects", "withdrawn")
"""Tables that have a row for each key that asserts facts."""


class SqliteRecord:
    """Log and histories of the embedded runtime. See `streams.ports` for what each method promises."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.topic = EMBEDDED
        self.path = path
        self.db = connect(path, read_only=read_only)
        (check_tables if read_only else migrate)(self.db, MIGRATIONS)

    def close(self) -> None:
        self.db.close()

    # --- the log

    async def append(self, batch: Sequence[Incoming], recorded_at: Instant) -> int:
        with transaction(self.db):
            self.db.executemany(
                "INSERT INTO log (recorded_at, import, raw, body, reason, source, place, letter, meant, length, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        *(recorded_at, one.import_id, one.raw, one.body, one.reason, one.source, one.place, one.letter, one.meant),
                        *(one.whole or (None, None)),
                    )
                    for one in batch
                ),
            )
            return self._number('SELECT COALESCE(MAX("offset"), -1) FROM log')

    async def read(self, partition: int, *, after: int, limit: int) -> Sequence[Recorded]:
        assert partition == PARTITION
        rows = self.db.execute(
            'SELECT "offset", recorded_at, length, sha256, raw, source, place, body, reason, NULL, letter, NULL, NULL, meant, import'
            ' FROM log WHERE "offset" > ? ORDER BY "offset" LIMIT ?',
            (after, limit),
        )
        found: list[Recorded] = []
        size = 0
        for offset, at, length, hashed, *parts in rows:
            incoming = Incoming(*parts)
            if length is not None:
                incoming = incoming._replace(whole=WholeRecord(length, hashed))
            found.append(Recorded(PARTITION, offset, at, incoming))
            size += incoming.size
            if size >= UNIT_BYTES_MAX:
                break
        return found

    async def partitions(self) -> Collection[int]:
        return (PARTITION,)

    async def waiting(self) -> dict[int, int]:
        """How many records are not placed yet, by partition."""
        placed = (await self.offsets()).get(PARTITION, -1)
        return {PARTITION: self._number(f'SELECT COUNT(*) FROM log WHERE "offset" > {placed:d}')}

    async def waits_since(self) -> Instant | None:
        """When the first of them was received; None where there is none."""
        placed = (await self.offsets()).get(PARTITION, -1)
        row = self.db.execute(f'SELECT recorded_at FROM log WHERE "offset" > {placed:d} ORDER BY "offset" LIMIT 1').fetchone()
        return None if row is None else row[0]

    # --- reading the histories

    async def position(self) -> int:
        return self._number("SELECT COALESCE(MAX(position), 0) FROM units")

    async def offsets(self) -> dict[int, int]:
        return dict(self.db.execute('SELECT "partition", "offset" FROM offsets'))

    async def bodies(self, keys: Collection[str], known_at: int | None = None) -> Mapping[str, list[Stored]]:
        found: dict[str, list[Stored]] = defaultdict(list)
        up_to = INTEGER_MAX if known_at is None else known_at
        pauses = Pauses()
        for some in _some(keys):
            rows = self.db.execute(
                f"SELECT key, body, occurred_at, voided_by FROM touchpoints WHERE key IN ({_marks(some)}) AND unit <= ?",
                (*some, up_to),
            ).fetchall()
            if known_at is not None:
                rows += self.db.execute(
                    f"SELECT key, body, occurred_at, voided_by FROM withdrawn WHERE key IN ({_marks(some)}) AND unit <= ? AND until > ?",
                    (*some, up_to, up_to),
                )
            for key, body, occurred_at, voided_by in rows:
                await pauses.after(1)
                touch = touchpoint_of(body, occurred_at)
                found[key].append(Stored(touch, body, voided_by is not None and voided_by <= up_to))
        return found

    async def units_of(self, keys: Collection[str], after: int, up_to: int) -> Sequence[int]:
        found: set[int] = set()
        for some in _some(keys):
            rows = self.db.execute(
                f"SELECT unit, voided_by, NULL FROM touchpoints WHERE key IN ({_marks(some)})"
                f" UNION SELECT unit, voided_by, until FROM withdrawn WHERE key IN ({_marks(some)})",
                [*some, *some],
            )
            for units in rows:
                found.update(unit for unit in units if unit is not None and after < unit <= up_to)
        return sorted(found)

    async def keys_of(self, after: int, up_to: int, limit: int) -> set[str]:
        rows = self.db.execute(
            "SELECT key FROM touchpoints WHERE unit BETWEEN ?1 AND ?2 OR voided_by BETWEEN ?1 AND ?2 UNION SELECT key FROM withdrawn"
            " WHERE unit BETWEEN ?1 AND ?2 OR voided_by BETWEEN ?1 AND ?2 OR until BETWEEN ?1 AND ?2 LIMIT ?3",
            (after + 1, up_to, limit),
        )
        return {key for (key,) in rows}

    async def position_at(self, recorded_at: Instant) -> int:
        return self._number(f"SELECT COALESCE(MAX(position), 0) FROM units WHERE recorded_at <= {recorded_at:d}")

    async def received(self, after: int, up_to: int, limit: int) -> Sequence[Received]:
        rows = self.db.execute(
            "SELECT recorded_at, rebuilt FROM units WHERE position > ? AND position <= ? ORDER BY position LIMIT ?", (after, up_to, limit)
        )
        return [Received(at, bool(rebuilt)) for at, rebuilt in rows]

    async def set_aside(self) -> SetAside:
        rows = self.db.execute(f"SELECT number, action, reason, detail FROM control WHERE action IN {SETTING_ASIDE} ORDER BY number")
        return decided(rows, self.topic)

    async def sent_again(self, ids: Collection[str]) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        for some in _some(ids):
            # One after the other: each may be as large as a touchpoint.
            for id, body in self.db.execute(f"{SENT_AGAIN} AND id IN ({_marks(some)})", some):
                found[id] = sha256(body).digest()
        return found

    async def digest(self, position: int) -> str:
        found = RecordDigest()
        found.add(
            self.db.execute(
                "SELECT digest, MIN(occurred_at) FROM (SELECT digest, occurred_at FROM touchpoints WHERE unit <= ?1"
                " UNION ALL SELECT digest, occurred_at FROM withdrawn WHERE unit <= ?1 AND until > ?1) GROUP BY digest ORDER BY digest",
                (position,),
            )
        )
        return found.ended(
            self.db.execute(
                "SELECT subject, source, id FROM voids WHERE unit <= ?1"
                " UNION SELECT subject, source, id FROM withdrawn_voids WHERE unit <= ?1 AND until > ?1",
                (position,),
            )
        )

    async def definitions(self) -> Sequence[tuple[int, str]]:
        return self.db.execute("SELECT position, definition FROM units WHERE definition IS NOT NULL ORDER BY position").fetchall()

    async def brought(self, after: int, up_to: int) -> StoredBodies:
        rows: dict[tuple[Any, ...], BodyRow] = {}
        columns = "key, subject, source, id, digest, occurred_at, voided_by, body"
        stored = self.db.execute(
            f"SELECT {columns} FROM touchpoints WHERE unit > ?1 AND unit <= ?2"
            f" UNION ALL SELECT {columns} FROM withdrawn WHERE unit > ?1 AND unit <= ?2 AND until > ?2",
            (after, up_to),
        )
        for key, *name, digest, occurred_at, voided_by, body in stored:
            row = rows.get((*name, digest, occurred_at))
            if row is None:
                touch = touchpoint_of(body, occurred_at)
                row = BodyRow(touch, body, digest, (), voided=voided_by is not None and voided_by <= up_to)
            rows[*name, digest, occurred_at] = row._replace(keys=(*row.keys, key))
        voids = self.db.execute(
            "SELECT subject, source, id FROM voids WHERE unit > ?1 AND unit <= ?2"
            " UNION SELECT subject, source, id FROM withdrawn_voids WHERE unit > ?1 AND unit <= ?2 AND until > ?2",
            (after, up_to),
        )
        return StoredBodies(list(rows.values()), set(voids))

    async def known(self, names: Collection[Name]) -> Mapping[Name, list[KnownBody]]:
        found: dict[Name, list[KnownBody]] = {}
        for asked, values in _asked(names):
            rows = self.db.execute(
                f"{asked} SELECT t.subject, t.source, t.id, t.occurred_at, t.digest, t.import FROM asked AS a CROSS JOIN touchpoints AS t"
                " ON t.key = a.subject AND t.subject = a.subject AND t.source = a.source AND t.id = a.id",
                values,
            )
            for *name, occurred_at, digest, import_id in rows:
                import_ids = frozenset() if import_id is None else self._brought_by(name, digest, occurred_at, import_id)
                found.setdefault((name[0], name[1], name[2]), []).append(KnownBody(occurred_at, digest, import_ids))
        return found

    def _brought_by(self, name: Sequence[str], digest: bytes, occurred_at: Instant, first: int) -> frozenset[int]:
        too = self.db.execute(
            "SELECT import FROM brought_too WHERE subject = ? AND source = ? AND id = ? AND digest = ? AND occurred_at = ?",
            (*name, digest, occurred_at),
        )
        found = {first, *(import_id for (import_id,) in too)}
        return frozenset() if 0 in found else frozenset(found)

    async def named(self, names: Collection[Name], known_at: int | None = None) -> Mapping[Name, list[Stored]]:
        found: dict[Name, list[Stored]] = {}
        up_to = INTEGER_MAX if known_at is None else known_at
        for asked, values in _asked(names):
            rows = self.db.execute(
                f"{asked} SELECT t.subject, t.source, t.id, t.body, t.occurred_at, t.voided_by FROM asked AS a CROSS JOIN touchpoints AS t"
                f" ON {_NAMED} AND t.unit <= {up_to:d}",
                values,
            ).fetchall()
            if known_at is not None:
                rows += self.db.execute(
                    f"{asked} SELECT t.subject, t.source, t.id, t.body, t.occurred_at, t.voided_by FROM asked AS a"
                    f" CROSS JOIN withdrawn AS t ON {_NAMED} AND t.unit <= {up_to:d} AND t.until > {up_to:d}",
                    values,
                )
            for subject, source, id, body, occurred_at, voided_by in rows:
                stored = Stored(touchpoint_of(body, occurred_at), body, voided_by is not None and voided_by <= up_to)
                found.setdefault((subject, source, id), []).append(stored)
        return found

    async def last_withdrawal(self) -> int:
        return self._number("SELECT COALESCE(MAX(until), 0) FROM withdrawn")

    async def voided(self, names: Collection[Name]) -> set[Name]:
        found: set[Name] = set()
        for asked, values in _asked(names):
            rows = self.db.execute(
                f"{asked} SELECT v.subject, v.source, v.id FROM asked AS a CROSS JOIN voids AS v"
                " ON v.subject = a.subject AND v.source = a.source AND v.id = a.id",
                values,
            )
            found.update(rows)
        return found

    async def people(self, ids: Collection[Id]) -> Mapping[Id, Person]:
        of_person: dict[str, list[Id]] = defaultdict(list)
        for some in _some(ids):
            rows = self.db.execute(
                f"SELECT person, key FROM subjects WHERE person IN (SELECT person FROM subjects WHERE key IN ({_marks(some)}))",
                some,
            )
            for person, id in rows:
                of_person[person].append(id)
        persons = [Person(person, tuple(sorted(set(known), key=str.encode))) for person, known in of_person.items()]
        return {id: person for person in persons for id in person.ids}

    async def deals_of(self, ids: Collection[Id]) -> set[str]:
        deals: set[str] = set()
        for some in _some(ids):
            deals.update(deal for (deal,) in self.db.execute(f"SELECT deal FROM takes_part WHERE id IN ({_marks(some)})", some))
        return deals

    async def versions(self, keys: Collection[str]) -> Mapping[str, int]:
        """1 of all that is stored: the folder's lock makes this the only writer, so nothing can be raced."""
        found: dict[str, int] = {}
        for some in _some(keys):
            rows = self.db.execute(
                f"SELECT key FROM subjects WHERE key IN ({_marks(some)}) UNION SELECT key FROM touchpoints WHERE key IN ({_marks(some)})",
                [*some, *some],
            )
            found.update((key, 1) for (key,) in rows)
        return found

    def turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def journeys(self, subjects: Collection[str]) -> Mapping[str, bytes]:
        kept: dict[str, bytes] = {}
        for some in _some(subjects):
            kept.update(self.db.execute(f"SELECT subject, body FROM journeys WHERE subject IN ({_marks(some)})", some))
        return kept

    async def subjects(self, after: str, limit: int) -> Sequence[str]:
        """Subjects that assert facts: keys of stored touchpoints, and ids that only a deal names."""
        # Each for itself up to the limit, by its index: SQLite would look at all that is beyond `after` otherwise.
        some = (f"SELECT * FROM (SELECT DISTINCT key FROM {name} WHERE key > ?1 ORDER BY key LIMIT ?2)" for name in _KEYED)
        rows = self.db.execute(f"{' UNION '.join(some)} ORDER BY key LIMIT ?2", (after, limit))
        return [key for (key,) in rows]

    async def called(self, part: str, limit: int) -> Mapping[Id, str]:
        words, found = words_of(part), dict[Id, str]()
        for name, query in (("id", IDS_OF_PEOPLE), ("profile", PROFILES)):
            for id, body in self.db.execute(query):
                if id not in found and has_all(told := id if name == "id" else called(body), words):
                    found[id] = told
                if len(found) == limit:
                    return found
        return found

    async def subjects_count(self) -> int:
        every = "SELECT key FROM touchpoints UNION SELECT key FROM subjects UNION SELECT key FROM withdrawn"
        return self._number(f"SELECT COUNT(*) FROM ({every})")

    async def changes(self, after: int, kinds: Collection[str] | None = None) -> AsyncIterator[Change]:
        """Reads on a cursor of its own, so that a store may commit between two changes."""
        rows = self.db.execute(
            "SELECT u.position, u.rebuilt, c.facts, c.part = (SELECT MAX(part) FROM changes WHERE position = u.position)"
            " FROM units u JOIN changes c USING (position) WHERE position > ? ORDER BY position, part",
            (after,),
        )
        for position, rebuilt, facts, last in rows:
            yield Change(position, fact_bodies.load(facts, kinds), bool(rebuilt), bool(last))

    # --- committing

    async def commit(self, unit: Unit) -> int:
        with transaction(self.db):
            position = self._next(unit.recorded_at, rebuilt=False)
            self._advance_offsets(unit)
            self._store(unit, position)
            self._write_journeys(unit.journeys, unit.gone)
            self._write_facts(position, 0, unit.facts)
            self._write_struck(unit, position)
            self._count(unit, position)
            if unit.sent_again and unit.sent_again != await self.sent_again(unit.sent_again):
                raise Raced("a dead letter was fixed otherwise while what was sent for it came in")
        return position

    async def rebuild(
        self,
        parts: AsyncIterator[DerivedPart],
        generation: Generation,
        recorded_at: Instant,
        last: Callable[[], AsyncIterator[DerivedPart]] | None = None,
        decisions: Sequence[Decided] = (),
    ) -> int:
        """See `Histories`. One transaction: the folder's lock keeps other writers away, and who reads sees what was."""
        with transaction(self.db):
            return await self._replace((parts,) if last is None else (parts, last()), generation, recorded_at, decisions)

    async def withdraw(
        self,
        import_id: int,
        parts: Callable[[], AsyncIterator[DerivedPart]],
        generation: Generation,
        recorded_at: Instant,
        decisions: Sequence[Decided] = (),
    ) -> int:
        with transaction(self.db):
            withdraw(self.db, import_id, self._number("SELECT COALESCE(MAX(position), 0) + 1 FROM units"))
            return await self._replace((parts(),), generation, recorded_at, decisions)

    async def _replace(
        self, parts: Iterable[AsyncIterator[DerivedPart]], generation: Generation, recorded_at: Instant, decisions: Sequence[Decided]
    ) -> int:
        position = self._number("SELECT COALESCE(MAX(position), 0) + 1 FROM units")
        self.db.execute("DELETE FROM journeys")
        self.db.execute("DELETE FROM deadlines")
        number = 0
        for some in parts:
            async for facts, journeys, persons, gone in some:
                self._write_facts(position, number, facts)
                self._write_journeys(journeys, gone)
                self._write_persons(persons, position)
                number += 1
        if number == 0:
            self._write_facts(position, 0, [])
        self.db.execute(
            "INSERT INTO generation (only, definition, fold_version) VALUES (1, ?, ?)"
            " ON CONFLICT DO UPDATE SET definition = excluded.definition, fold_version = excluded.fold_version",
            generation,
        )
        for by, action, detail in decisions:
            decide(self.db, by, action, detail)
        # Last, so that whoever makes the parts finds the record where it stood.
        assert position == self._next(recorded_at, rebuilt=True)
        self.db.execute("UPDATE units SET definition = ? WHERE position = ?", (generation.definition, position))
        return position

    # --- imports

    async def only_brought(self, import_id: int) -> OnlyBrought:
        touchpoints, too, keys, dismissed, again = only_brought(self.db, import_id)
        persons = set(filter(is_person, keys))
        found = await self.people(persons)
        people = {found[id].name if id in found else id for id in persons}
        return OnlyBrought(touchpoints, too, len(people), sum(key.startswith("deal:") for key in keys), dismissed, again)

    async def generation(self) -> Generation | None:
        found = self.db.execute("SELECT definition, fold_version FROM generation").fetchone()
        return None if found is None else Generation(*found)

    def _next(self, recorded_at: Instant, *, rebuilt: bool) -> int:
        """Take the next position."""
        position = self._number("SELECT COALESCE(MAX(position), 0) + 1 FROM units")
        self.db.execute("INSERT INTO units (position, recorded_at, rebuilt) VALUES (?, ?, ?)", (position, recorded_at, int(rebuilt)))
        return position

    def _advance_offsets(self, unit: Unit) -> None:
        """Move on from where the unit started; refuse it where the record stands elsewhere."""
        derived_by = self.db.execute("SELECT definition, fold_version FROM generation").fetchone()
        if unit.by is not None and derived_by is not None and Generation(*derived_by) != unit.by:
            raise Regenerated("all was derived anew, by another definition or version")
        if unit.set_aside is not None and unit.set_aside < self._number(
            f"SELECT COALESCE(MAX(number), 0) FROM control WHERE action IN {SETTING_ASIDE}"
        ):
            raise OutOfStep("a record was set aside or an import retracted, and the unit does not know of it")
        stored = dict(self.db.execute('SELECT "partition", "offset" FROM offsets'))
        for partition, reached in unit.reached.items():
            if stored.get(partition, -1) != unit.after[partition]:
                raise OutOfStep(
                    f"partition {partition} stands at {stored.get(partition, -1)}, and the unit starts after {unit.after[partition]}"
                )
            self.db.execute(
                'INSERT INTO offsets ("partition", "offset") VALUES (?, ?) ON CONFLICT DO UPDATE SET "offset" = excluded."offset"',
                (partition, reached),
            )

    def _store(self, unit: Unit, position: int) -> None:
        if unit.voids:
            self.db.executemany("INSERT OR IGNORE INTO voids (subject, source, id, unit) VALUES (?, ?, ?, ?)", _with(unit.voids, position))
            self._void(unit.voids, position)
        self.db.executemany(
            "INSERT INTO touchpoints (key, subject, source, id, digest, occurred_at, unit, voided_by, body, import)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (key, touch.subject, touch.source, touch.id, digest, touch.occurred_at, position, position if voided else None, body, by)
                for touch, body, digest, keys, _, voided, _, by in unit.rows
                for key in keys
            ),
        )
        self.db.executemany(
            "INSERT OR IGNORE INTO brought_too (subject, source, id, digest, occurred_at, import) VALUES (?, ?, ?, ?, ?, ?)",
            ((*name, digest, occurred_at, import_id) for name, digest, occurred_at, import_id in unit.brought_too),
        )
        self.db.executemany("INSERT OR IGNORE INTO takes_part (id, deal) VALUES (?, ?)", unit.takes_part)
        self.db.executemany(
            "INSERT INTO contested (subject, source, id, unit, number)"
            " SELECT ?, ?, ?, ?, COALESCE(MAX(number), 0) + 1 FROM contested WHERE TRUE ON CONFLICT DO UPDATE SET dismissed = 0",
            _with(sorted(unit.contested), position),
        )
        self._write_persons(unit.persons, position)

    def _void(self, names: Iterable[Name], position: int) -> None:
        """Void what is stored under `names`, under every key; a retraction cannot be retracted."""
        for subject, source, id in names:
            stored = self.db.execute(
                "SELECT body, occurred_at FROM touchpoints WHERE key = ? AND subject = ? AND source = ? AND id = ? AND voided_by IS NULL",
                (subject, subject, source, id),
            ).fetchall()
            touches = [touchpoint_of(body, occurred_at) for body, occurred_at in stored]
            for key in {key for touch in touches if touch.type != "retracted" for key in keys(touch)}:
                self.db.execute(
                    "UPDATE touchpoints SET voided_by = ? WHERE key = ? AND subject = ? AND source = ? AND id = ? AND voided_by IS NULL",
                    (position, key, subject, source, id),
                )

    def _write_journeys(self, journeys: Mapping[str, bytes], gone: Collection[str]) -> None:
        self.db.executemany(
            "INSERT INTO journeys (subject, body) VALUES (?, ?) ON CONFLICT DO UPDATE SET body = excluded.body", journeys.items()
        )
        self.db.executemany("DELETE FROM journeys WHERE subject = ?", ((subject,) for subject in gone))

    def _write_persons(self, persons: Mapping[Id, PersonId], position: int) -> None:
        self.db.executemany(
            "INSERT INTO subjects (key, person, version) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET person = excluded.person, version = excluded.version",
            ((id, person, position) for id, person in persons.items()),
        )

    def _write_facts(self, position: int, part: int, facts: list[FactRow]) -> None:
        self.db.execute("INSERT INTO changes (position, part, facts) VALUES (?, ?, ?)", (position, part, fact_bodies.dump(facts)))
        strikes = due(facts)
        self.db.executemany("DELETE FROM deadlines WHERE subject = ?", ((person,) for person in strikes))
        self.db.executemany(
            "INSERT OR IGNORE INTO deadlines (at, subject) VALUES (?, ?)",
            ((at, person) for person, found in strikes.items() for at in found),
        )

    def _write_struck(self, unit: Unit, position: int) -> None:
        if unit.mark is not None:
            self.db.execute("UPDATE units SET mark = ? WHERE position = ?", (unit.mark, position))
            self.db.execute("UPDATE changes SET struck = ? WHERE position = ? AND part = 0", (orjson.dumps(unit.struck), position))

    def _count(self, unit: Unit, position: int) -> None:
        self._keep_dead_letters(unit.dead_letters)
        self.db.executemany(
            "INSERT INTO imported (import, unit, read, accepted, duplicates, conflicts, dead_letters, left_out)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (id, position, one.read, one.accepted, one.duplicates, one.conflicts, one.dead_letters, one.left_out)
                for id, one in unit.imported.items()
            ),
        )
        self.db.executemany(
            "UPDATE dead_letters SET state = 'requeued', unit = ? WHERE id = ? AND state <> 'requeued'",
            ((position, id) for id in sorted(unit.requeued)),
        )
        stand_for(self.db, unit.requeued, position)
        for letter in unit.dead_letters:
            if letter.meant:
                expect(self.db, letter.id, letter.meant)
        arrive(self.db, ((touch.subject, touch.source, touch.id) for touch, *_ in unit.rows), position)
        self.db.executemany(
            "INSERT INTO unknown_fields (type, field, seen) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seen = seen + excluded.seen",
            ((type, field, seen) for (type, field), seen in unit.unknown_fields.items()),
        )

    def _keep_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        number = self._number("SELECT COALESCE(MAX(number), 0) FROM dead_letters")
        for nth, letter in enumerate(letters, start=1):
            id, code, reason, source, place, raw, recorded_at, body, needs_fix, again, whole, _, import_id = letter
            if again:
                self.db.execute(
                    "UPDATE dead_letters SET code = iif(state = 'requeued', code, ?), reason = iif(state = 'requeued', reason, ?),"
                    " state = iif(state = 'fixed', 'open', state) WHERE id = ?",
                    (code, reason, id),
                )
                continue
            self.db.execute(
                "INSERT INTO dead_letters"
                " (id, number, code, reason, source, place, raw, body, needs_fix, seen, first_at, last_at, length, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?)"
                f" ON CONFLICT (id) DO UPDATE SET seen = seen + 1, last_at = MAX(last_at, excluded.last_at), state = {_OPEN_AGAIN}",
                (id, number + nth, code, reason, source, place, raw, body, needs_fix, recorded_at, recorded_at, *(whole or (None, None))),
            )
            self.db.execute("INSERT OR IGNORE INTO letters_brought (letter, import) VALUES (?, ?)", (id, import_id or 0))

    def _number(self, query: str) -> int:
        (number,) = self.db.execute(query).fetchone()
        assert isinstance(number, int)
        return number


def _with(names: Iterable[Name], position: int) -> Iterable[tuple[str, str, str, int]]:
    return ((*name, position) for name in names)


def _some(values: Iterable[str]) -> Iterable[list[str]]:
    """`values` in the sizes that a query takes."""
    rest = iter(values)
    while some := list(islice(rest, KEYS_PER_QUERY_MAX)):
        yield some


def _asked(names: Iterable[Name]) -> Iterable[tuple[str, list[str]]]:
    """`names` as tables to be joined with, so that many are looked up by one statement."""
    rest = iter(names)
    while some := list(islice(rest, NAMES_PER_QUERY_MAX)):
        marks = ", ".join(["(?, ?, ?)"] * len(some))
        yield f"WITH asked (subject, source, id) AS (VALUES {marks})", [part for name in some for part in name]


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
