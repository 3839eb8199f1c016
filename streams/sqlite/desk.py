"""What operators see and decide, in the embedded record: the control log, dead letters, conflicts."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from journey.histories import Stored, settle
from journey.instants import Instant
from schemas.canonical import content_hash
from schemas.decode import decode
from streams.ports import Conflict, Decision, IdleRetraction, Kept
from streams.sqlite.database import transaction

_KEPT = "SELECT number, code, reason, source, place, raw, seen, first_at, last_at FROM dead_letters"


class SqliteDesk:
    """Control log and dead letters. See `streams.ports` for what each method promises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    async def decide(self, *, at: Instant, actor: str, action: str, reason: str, detail: dict[str, Any]) -> int:
        with transaction(self.db):
            done = self.db.execute(
                "INSERT INTO control (at, actor, action, reason, detail) VALUES (?, ?, ?, ?, ?)",
                (at, actor, action, reason, orjson.dumps(detail).decode()),
            )
        assert done.lastrowid is not None
        return done.lastrowid

    async def decisions(self, action: str | None = None) -> Sequence[Decision]:
        rows = self.db.execute(
            "SELECT number, at, actor, action, reason, detail FROM control WHERE action = COALESCE(?, action) ORDER BY number", (action,)
        )
        return [Decision(number, at, actor, action, why, orjson.loads(detail)) for number, at, actor, action, why, detail in rows]

    async def kept(self, *, after: int, limit: int) -> Sequence[Kept]:
        return [Kept(*row) for row in self.db.execute(f"{_KEPT} WHERE number > ? ORDER BY number LIMIT ?", (after, limit))]

    async def show(self, number: int) -> Kept | None:
        row = self.db.execute(f"{_KEPT} WHERE number = ?", (number,)).fetchone()
        return None if row is None else Kept(*row)

    async def codes(self) -> Mapping[str, tuple[int, int]]:
        rows = self.db.execute("SELECT code, COUNT(*), SUM(seen) FROM dead_letters GROUP BY code ORDER BY code")
        return {code: (letters, seen) for code, letters, seen in rows}

    async def conflicts(self) -> Sequence[Conflict]:
        found = []
        for subject, source, id in self.db.execute("SELECT subject, source, id FROM contested ORDER BY subject, source, id").fetchall():
            rows = self.db.execute(
                "SELECT body, occurred_at FROM touchpoints WHERE key = ? AND subject = ? AND source = ? AND id = ?",
                (subject, subject, source, id),
            )
            bodies = [Stored(decode(body).touch._replace(occurred_at=at), body) for body, at in rows]
            (counts,) = settle(bodies, content_hash)
            winner = next(one for one in bodies if one.touch is counts)
            others = [one for one in bodies if content_hash(one.body) != content_hash(winner.body)]
            if others:
                found.append(Conflict((subject, source, id), winner, others))
        return found

    async def idle_retractions(self) -> Sequence[IdleRetraction]:
        there = "FROM touchpoints AS t WHERE t.key = v.subject AND t.subject = v.subject AND t.source = v.source AND t.id = v.id"
        # Whatever a retraction names is void as soon as it is there, a retraction apart.
        rows = self.db.execute(
            f"SELECT subject, source, id, EXISTS (SELECT 1 {there}) FROM voids AS v"
            f" WHERE NOT EXISTS (SELECT 1 {there} AND t.voided_by IS NOT NULL) ORDER BY subject, source, id"
        )
        return [IdleRetraction((subject, source, id), bool(found)) for subject, source, id, found in rows]
