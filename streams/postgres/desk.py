"""What operators see and decide, in PostgreSQL: the control log, dead letters, conflicts."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import orjson

from journey.histories import Stored, settle
from journey.instants import Instant
from schemas.canonical import content_hash
from schemas.decode import decode
from streams.ports import Conflict, Decision, IdleRetraction, Kept
from streams.postgres.database import Database

DECIDING = 7_004
"""The advisory lock that puts decisions in one order."""

_KEPT = "SELECT number, code, reason, source, place, raw, seen, first_at, last_at FROM journey.dead_letters"


class PostgresDesk:
    """Control log and dead letters. See `streams.ports` for what each method promises."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def decide(self, *, at: Instant, actor: str, action: str, reason: str, detail: dict[str, Any]) -> int:
        async with self.database.transaction() as db:
            await db.execute(f"SELECT pg_advisory_xact_lock({DECIDING})")
            number: int = await db.fetchval(
                "INSERT INTO journey.control (number, at, actor, action, reason, detail)"
                " SELECT COALESCE(MAX(number), 0) + 1, $1, $2, $3, $4, $5 FROM journey.control RETURNING number",
                at,
                actor,
                action,
                reason,
                orjson.dumps(detail).decode(),
            )
        return number

    async def decisions(self, action: str | None = None) -> Sequence[Decision]:
        async with self.database.connection() as db:
            rows = await db.fetch(
                "SELECT number, at, actor, action, reason, detail FROM journey.control WHERE action = COALESCE($1, action) ORDER BY number",
                action,
            )
        return [Decision(number, at, actor, what, why, orjson.loads(detail)) for number, at, actor, what, why, detail in rows]

    async def kept(self, *, after: int, limit: int) -> Sequence[Kept]:
        async with self.database.connection() as db:
            rows = await db.fetch(f"{_KEPT} WHERE number > $1 ORDER BY number LIMIT $2", after, limit)
        return [Kept(*row) for row in rows]

    async def show(self, number: int) -> Kept | None:
        async with self.database.connection() as db:
            row = await db.fetchrow(f"{_KEPT} WHERE number = $1", number)
        return None if row is None else Kept(*row)

    async def codes(self) -> Mapping[str, tuple[int, int]]:
        async with self.database.connection() as db:
            rows = await db.fetch("SELECT code, COUNT(*), SUM(seen) FROM journey.dead_letters GROUP BY code ORDER BY code")
        return {code: (letters, seen) for code, letters, seen in rows}

    async def conflicts(self) -> Sequence[Conflict]:
        async with self.database.connection() as db:
            rows = await db.fetch(
                "SELECT c.subject, c.source, c.id, t.body, t.occurred_at FROM journey.contested AS c"
                " JOIN journey.touchpoints AS t ON t.key = c.subject AND t.name = c.name ORDER BY c.subject, c.source, c.id"
            )
        found = []
        for name, of_name in groupby(rows, key=lambda row: (row[0], row[1], row[2])):
            bodies = [Stored(decode(body).touch._replace(occurred_at=at), body) for *_, body, at in of_name]
            (counts,) = settle(bodies, content_hash)
            winner = next(one for one in bodies if one.touch is counts)
            others = [one for one in bodies if content_hash(one.body) != content_hash(winner.body)]
            if others:
                found.append(Conflict(name, winner, others))
        return found

    async def idle_retractions(self) -> Sequence[IdleRetraction]:
        there = "FROM journey.touchpoints AS t WHERE t.key = v.subject AND t.name = v.name"
        # Whatever a retraction names is void as soon as it is there, a retraction apart.
        async with self.database.connection() as db:
            rows = await db.fetch(
                f"SELECT subject, source, id, EXISTS (SELECT 1 {there}) FROM journey.voids AS v"
                f" WHERE NOT EXISTS (SELECT 1 {there} AND t.voided_by IS NOT NULL) ORDER BY subject, source, id"
            )
        return [IdleRetraction((subject, source, id), found) for subject, source, id, found in rows]
