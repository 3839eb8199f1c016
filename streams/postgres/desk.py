"""What operators see and decide, in PostgreSQL: the control log, dead letters, conflicts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import orjson

from journey.histories import Stored
from journey.instants import Instant
from schemas.decode import touchpoint_of
from schemas.intended import Name
from streams.dead_letters import DISMISS, FIX, check_there, conflict, dismissing, fixing, no_conflict
from streams.operators import By, Conflict, Decision, IdleRetraction, Kept, Letter, State
from streams.postgres.awaited_letters import expect
from streams.postgres.database import Database
from streams.postgres.lock_sessions import Connection
from streams.postgres.unit_statements import FORGET, LOCK_LETTERS
from streams.units import Imported

DECIDING = 7_004
"""The advisory lock that puts decisions in one order: taken last."""

_FIELDS = (
    "d.number, d.code, d.reason, d.source, d.place, d.seen, d.first_at, d.last_at, d.id, d.state, d.needs_fix, u.position,"
    " COALESCE(d.length, octet_length(d.raw)), d.sha256,"
    " CASE WHEN d.needs_fix AND d.fix IS NULL THEN 0"
    " ELSE COALESCE(octet_length(d.fix), NULLIF(octet_length(d.body), 0), octet_length(d.raw)) END"
)
_LETTERS = "FROM journey.dead_letters AS d LEFT JOIN journey.units AS u ON u.unit = d.unit"
_IMPORTS = "(SELECT array_agg(b.import ORDER BY b.import) FROM journey.letters_brought AS b WHERE b.letter = d.id) AS imports"
_KEPT = f"SELECT {_FIELDS} {_LETTERS}"


class PostgresDesk:
    """Control log, dead letters and imports. See `streams.ports` for what each method promises."""

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- the control log

    async def decide(self, *, at: Instant, actor: str, action: str, reason: str, detail: dict[str, Any]) -> int:
        async with self.database.transaction() as db:
            return await decide(db, By(at, actor, reason), action, detail)

    async def decisions(
        self, action: str | None = None, *, after: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Decision]:  # fmt: skip
        async with self.database.connection() as db:
            rows = await db.fetch(
                "SELECT number, at, actor, action, reason, detail FROM journey.control"
                " WHERE action = COALESCE($1, action) AND number > $2 AND number < COALESCE($3::bigint, number + 1)"
                f" ORDER BY number {'ASC' if before is None else 'DESC'} LIMIT $4",
                action,
                after,
                before,
                limit,
            )
        return [Decision(number, at, actor, what, why, orjson.loads(detail)) for number, at, actor, what, why, detail in rows]

    # --- dead letters

    async def kept(
        self,
        *,
        after: int,
        limit: int,
        states: Collection[State] = tuple(State),
        code: str | None = None,
        source: str | None = None,
    ) -> Sequence[Kept]:
        async with self.database.connection() as db:
            rows = await db.fetch(
                f"{_KEPT} WHERE d.number > $1 AND d.state = ANY($2::TEXT[]) AND d.code = COALESCE($3, d.code)"
                " AND d.source = COALESCE($4, d.source) ORDER BY d.number LIMIT $5",
                after,
                list(states),
                code,
                source,
                limit,
            )
        return [_kept(row) for row in rows]

    async def show(self, number: int) -> Letter | None:
        async with self.database.connection() as db:
            return await _show(db, number)

    async def codes(self, states: Collection[State] = tuple(State), source: str | None = None) -> Mapping[str, tuple[int, int]]:
        async with self.database.connection() as db:
            rows = await db.fetch(
                "SELECT code, COUNT(*), SUM(seen)::BIGINT FROM journey.dead_letters WHERE state = ANY($1::TEXT[])"
                " AND source = COALESCE($2, source) GROUP BY code ORDER BY code",
                list(states),
                source,
            )
        return {code: (letters, seen) for code, letters, seen in rows}

    async def states(self) -> Mapping[State, int]:
        async with self.database.connection() as db:
            rows = await db.fetch("SELECT state, COUNT(*) FROM journey.dead_letters GROUP BY state")
        return {State(state): letters for state, letters in rows}

    async def unknown_fields(self) -> Mapping[str, int]:
        async with self.database.connection() as db:
            rows = await db.fetch("SELECT type || '.' || field, seen FROM journey.unknown_fields ORDER BY seen DESC, type, field")
        return {row[0]: row[1] for row in rows}

    async def conflicts(self) -> Sequence[Conflict]:
        async with self.database.connection() as db:
            rows = await db.fetch(
                "SELECT c.number, c.dismissed, c.subject, c.source, c.id, t.body, t.occurred_at FROM journey.contested AS c"
                " JOIN journey.touchpoints AS t ON t.key = c.subject AND t.name = c.name ORDER BY c.subject, c.source, c.id"
            )
        found = []
        for (number, dismissed, subject, source, id), of_name in groupby(rows, key=lambda row: (row[0], row[1], row[2], row[3], row[4])):
            bodies = (Stored(touchpoint_of(body, at), body) for *_, body, at in of_name)
            found.append(conflict(number, (subject, source, id), bodies, dismissed))
        return [one for one in found if one is not None]

    async def idle_retractions(self) -> Sequence[IdleRetraction]:
        there = "FROM journey.touchpoints AS t WHERE t.key = v.subject AND t.name = v.name"
        # Whatever a retraction names is void as soon as it is there, a retraction apart.
        async with self.database.connection() as db:
            rows = await db.fetch(
                f"SELECT subject, source, id, EXISTS (SELECT 1 {there}) FROM journey.voids AS v"
                f" WHERE NOT EXISTS (SELECT 1 {there} AND t.voided_by IS NOT NULL) ORDER BY subject, source, id"
            )
        return [IdleRetraction((subject, source, id), found) for subject, source, id, found in rows]

    async def fix(self, number: int, body: bytes, by: By) -> bool:
        async with self.database.transaction() as db:
            await db.execute(LOCK_LETTERS)
            detail = fixing(number, await _show(db, number), body)
            if detail is not None:
                await db.execute("UPDATE journey.dead_letters SET state = 'fixed', fix = $2 WHERE number = $1", number, body)
                await decide(db, by, FIX, detail)
        return detail is not None

    async def dismiss(self, numbers: Collection[int], conflicts: Collection[int], by: By) -> int:
        async with self.database.transaction() as db:
            # In the order in which units lock them.
            closed = await _dismiss_conflicts(db, conflicts)
            await db.execute(LOCK_LETTERS)
            found = [_kept(row) for row in await db.fetch(f"{_KEPT} WHERE d.number = ANY($1::BIGINT[]) ORDER BY d.number", list(numbers))]
            check_there(numbers, found)
            letters = [one for one in found if one.state is not State.dismissed]
            detail = dismissing(letters, closed)
            await db.execute(
                "UPDATE journey.dead_letters SET state = 'dismissed' WHERE number = ANY($1::BIGINT[])", [one.number for one in letters]
            )
            await db.execute(FORGET, [one.id for one in letters])
            if letters or closed:
                await decide(db, by, DISMISS, detail)
        return len(letters) + len(closed)

    async def expect(self, number: int, names: Collection[Name]) -> bool:
        async with self.database.transaction() as db:
            await db.execute(LOCK_LETTERS)
            found = await _show(db, number)
            if found is None or found.kept.state not in (State.open, State.fixed) or not names:
                return False
            await db.execute(FORGET, [found.kept.id])
            await expect(db, [(found.kept.id, name) for name in names])
            found = await _show(db, number)
        return found is not None and found.kept.state is State.arrived

    # --- imports

    async def ended(self, import_id: int, read: int) -> None:
        async with self.database.connection() as db:
            await db.execute("INSERT INTO journey.whole_imports (import, read) VALUES ($1, $2) ON CONFLICT DO NOTHING", import_id, read)

    async def imported(self) -> Mapping[int, Imported]:
        names = ("read", "accepted", "duplicates", "conflicts", "dead_letters", "left_out")
        sums = ", ".join(f"SUM({name})::BIGINT" for name in names)
        async with self.database.connection() as db:
            rows = await db.fetch(f"SELECT import, {sums} FROM journey.imported GROUP BY import")
        return {import_id: Imported(*counts) for import_id, *counts in rows}

    async def whole(self) -> Mapping[int, int]:
        async with self.database.connection() as db:
            return {row[0]: row[1] for row in await db.fetch("SELECT import, read FROM journey.whole_imports")}


async def _show(db: Connection, number: int) -> Letter | None:
    row = await db.fetchrow(f"SELECT d.raw, d.body, d.fix, {_IMPORTS}, u.recorded_at, {_FIELDS} {_LETTERS} WHERE d.number = $1", number)
    if row is None:
        return None
    raw, body, fix, imports, since, *kept = row
    return Letter(_kept(kept), raw, body, fix, tuple(imports or ()), since)


async def _dismiss_conflicts(db: Connection, numbers: Collection[int]) -> list[int]:
    """Those of `numbers` that were not dismissed."""
    rows = await db.fetch(
        "SELECT number, dismissed FROM journey.contested WHERE number = ANY($1::BIGINT[]) ORDER BY name FOR UPDATE", list(numbers)
    )
    for number in sorted(set(numbers) - {row[0] for row in rows}):
        raise no_conflict(number)
    closed = sorted(number for number, dismissed in rows if not dismissed)
    await db.execute("UPDATE journey.contested SET dismissed = TRUE WHERE number = ANY($1::BIGINT[])", closed)
    return closed


async def decide(db: Connection, by: By, action: str, detail: dict[str, Any]) -> int:
    """Record a decision in the transaction that is open. Returns its number."""
    await db.execute(f"SELECT pg_advisory_xact_lock({DECIDING})")
    number: int = await db.fetchval(
        "INSERT INTO journey.control (number, at, actor, action, reason, detail)"
        " SELECT COALESCE(MAX(number), 0) + 1, $1, $2, $3, $4, $5 FROM journey.control RETURNING number",
        by.at,
        by.actor,
        action,
        by.reason,
        orjson.dumps(detail).decode(),
    )
    return number


def _kept(row: Iterable[Any]) -> Kept:
    one = Kept(*row)
    return one._replace(state=State(one.state))
