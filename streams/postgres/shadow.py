"""What is derived anew, kept beside what is in use until one transaction puts it in its place.

Its journeys and persons are in tables of their own; its changes are under the number of a unit that is not there yet, which nobody sees.
What a builder that was killed left behind, the next one takes away.
"""

from collections.abc import AsyncIterator

import orjson

from streams.postgres.commit_steps import run
from streams.postgres.database import transaction
from streams.postgres.lock_sessions import Connection
from streams.postgres.unit_statements import Statement, write_changes, write_journeys
from streams.units import DerivedPart, FactRow, Generation

_BEGIN = """
    DELETE FROM journey.changes AS c WHERE NOT EXISTS (SELECT FROM journey.units AS u WHERE u.unit = c.unit);
    DROP TABLE IF EXISTS journey.journeys_next, journey.persons_next;
    CREATE TABLE journey.journeys_next (LIKE journey.journeys INCLUDING ALL) WITH (fillfactor = 70, toast_tuple_target = 8160);
    CREATE TABLE journey.persons_next (key TEXT COLLATE "C" PRIMARY KEY, person TEXT COLLATE "C" NOT NULL);
"""
_PERSONS = """
    INSERT INTO journey.persons_next (key, person) SELECT key, person FROM unnest($1::TEXT[], $2::TEXT[]) AS u (key, person)
    ON CONFLICT (key) DO UPDATE SET person = excluded.person
"""
_GONE = "DELETE FROM journey.journeys_next WHERE subject = ANY($1::TEXT[])"
_NO_MORE = """
    SELECT subject FROM journey.journeys AS j
    WHERE (subject LIKE 'user:%' OR subject LIKE 'anon:%')
    AND NOT EXISTS (SELECT FROM journey.journeys_next AS n WHERE n.subject = j.subject)
    ORDER BY subject
"""
_SWITCH = """
    UPDATE journey.subjects AS s SET person = n.person FROM journey.persons_next AS n
    WHERE s.key = n.key AND s.person IS DISTINCT FROM n.person;
    INSERT INTO journey.subjects (key, person, version) SELECT key, person, 1 FROM journey.persons_next AS n
    WHERE NOT EXISTS (SELECT FROM journey.subjects AS s WHERE s.key = n.key);
    DROP TABLE journey.journeys, journey.persons_next;
    ALTER TABLE journey.journeys_next RENAME TO journeys;
"""
_GENERATION = """
    INSERT INTO journey.generation (definition, fold_version) VALUES ($1, $2)
    ON CONFLICT (single) DO UPDATE SET definition = excluded.definition, fold_version = excluded.fold_version
"""
SWITCH_MS_MAX = 600_000
"""How long one statement of a switch may run."""

LOCK_MS_MAX = 60_000
"""How long a switch waits for those who are reading journeys."""

LIMITS = (
    f"SET LOCAL statement_timeout = {SWITCH_MS_MAX}; SET LOCAL lock_timeout = {LOCK_MS_MAX};"
    " SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on"
)


class PostgresShadow:
    """What is derived anew as unit `number`."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._part = 0

    async def begin(self, db: Connection) -> None:
        async with transaction(db):
            await db.execute(LIMITS)
            await db.execute(_BEGIN, timeout=SWITCH_MS_MAX / 1000)

    async def put(self, db: Connection, part: DerivedPart) -> None:
        """In a transaction of its own. What is put is worked out before it begins, since that may take long."""
        storing = self._storing(part)
        async with transaction(db):
            await run(db, storing)

    def _storing(self, part: DerivedPart) -> list[Statement]:
        steps = [Statement(_GONE, (sorted(part.gone),))] if part.gone else []
        steps += write_journeys(part.journeys, part.facts, "journeys_next")
        if part.persons:
            steps.append(Statement(_PERSONS, (list(part.persons), list(part.persons.values()))))
        return [*steps, *self._telling(part.facts, is_last=False)] if part.facts else steps

    def _telling(self, facts: list[FactRow], *, is_last: bool) -> list[Statement]:
        storing = write_changes(self.number, self._part, facts, is_last=is_last)
        self._part += sum(len(step.values[1]) for step in storing)
        return storing

    async def switch(self, db: Connection, parts: AsyncIterator[DerivedPart], generation: Generation) -> None:
        """Add `parts`, and put all in the place of what is in use. In the transaction that is open, while nobody else commits."""
        await db.execute(LIMITS)
        async for part in parts:
            await run(db, self._storing(part))
        await run(db, self._telling([], is_last=True))
        gone = [subject for (subject,) in await db.fetch(_NO_MORE, timeout=SWITCH_MS_MAX / 1000)]
        await db.execute("UPDATE journey.changes SET gone = $2 WHERE unit = $1 AND part = 0", self.number, orjson.dumps(gone))
        await db.execute(_SWITCH, timeout=SWITCH_MS_MAX / 1000)
        await db.execute(_GENERATION, *generation)
