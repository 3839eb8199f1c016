"""What operators see and decide, in the embedded record: the control log, dead letters, conflicts."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from journey.histories import Stored
from journey.instants import Instant
from schemas.decode import touchpoint_of
from schemas.intended import Name
from streams.dead_letters import DISMISS, FIX, check_there, conflict, dismissing, fixing, no_conflict
from streams.operators import By, Conflict, Decision, IdleRetraction, Kept, Letter, State
from streams.sqlite.awaited_letters import expect, forget
from streams.sqlite.database import transaction
from streams.units import Imported

_FIELDS = (
    "number, code, reason, source, place, seen, first_at, last_at, id, state, needs_fix, unit, COALESCE(length, length(raw)), sha256,"
    " iif(needs_fix AND length(fix) IS NULL, 0, COALESCE(length(fix), NULLIF(length(body), 0), length(raw)))"
)
_IMPORTS = "(SELECT json_group_array(import) FROM letters_brought WHERE letter = dead_letters.id)"
_SINCE = "(SELECT recorded_at FROM units WHERE position = dead_letters.unit)"
_KEPT = f"SELECT {_FIELDS} FROM dead_letters"


class SqliteDesk:
    """Control log, dead letters and imports. See `streams.ports` for what each method promises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    # --- the control log

    async def decide(self, *, at: Instant, actor: str, action: str, reason: str, detail: dict[str, Any]) -> int:
        with transaction(self.db):
            return decide(self.db, By(at, actor, reason), action, detail)

    async def decisions(
        self, action: str | None = None, *, after: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Decision]:  # fmt: skip
        rows = self.db.execute(
            "SELECT number, at, actor, action, reason, detail FROM control WHERE action = COALESCE(?, action) AND number > ?"
            f" AND number < COALESCE(?, number + 1) ORDER BY number {'ASC' if before is None else 'DESC'} LIMIT ?",
            (action, after, before, -1 if limit is None else limit),
        )
        return [Decision(number, at, actor, action, why, orjson.loads(detail)) for number, at, actor, action, why, detail in rows]

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
        rows = self.db.execute(
            f"{_KEPT} WHERE number > ? AND state IN ({_marks(states)}) AND code = COALESCE(?, code)"
            " AND source = COALESCE(?, source) ORDER BY number LIMIT ?",
            (after, *states, code, source, limit),
        )
        return [_kept(row) for row in rows]

    async def show(self, number: int) -> Letter | None:
        row = self.db.execute(
            f"SELECT raw, body, fix, {_IMPORTS}, {_SINCE}, {_FIELDS} FROM dead_letters WHERE number = ?", (number,)
        ).fetchone()
        if row is None:
            return None
        raw, body, fix, imports, since, *kept = row
        return Letter(_kept(tuple(kept)), raw, body, fix, tuple(sorted(orjson.loads(imports))), since)

    async def codes(self, states: Collection[State] = tuple(State), source: str | None = None) -> Mapping[str, tuple[int, int]]:
        rows = self.db.execute(
            f"SELECT code, COUNT(*), SUM(seen) FROM dead_letters WHERE state IN ({_marks(states)}) AND source = COALESCE(?, source)"
            " GROUP BY code ORDER BY code",
            (*states, source),
        )
        return {code: (letters, seen) for code, letters, seen in rows}

    async def states(self) -> Mapping[State, int]:
        return {State(state): letters for state, letters in self.db.execute("SELECT state, COUNT(*) FROM dead_letters GROUP BY state")}

    async def unknown_fields(self) -> Mapping[str, int]:
        return dict(self.db.execute("SELECT type || '.' || field, seen FROM unknown_fields ORDER BY seen DESC, type, field"))

    async def conflicts(self) -> Sequence[Conflict]:
        found = []
        names = self.db.execute("SELECT number, dismissed, subject, source, id FROM contested ORDER BY subject, source, id").fetchall()
        for number, dismissed, *name in names:
            subject, source, id = name
            rows = self.db.execute(
                "SELECT body, occurred_at FROM touchpoints WHERE key = ? AND subject = ? AND source = ? AND id = ?",
                (subject, subject, source, id),
            )
            bodies = (Stored(touchpoint_of(body, at), body) for body, at in rows)
            found.append(conflict(number, (subject, source, id), bodies, bool(dismissed)))
        return [one for one in found if one is not None]

    async def idle_retractions(self) -> Sequence[IdleRetraction]:
        there = "FROM touchpoints AS t WHERE t.key = v.subject AND t.subject = v.subject AND t.source = v.source AND t.id = v.id"
        # Whatever a retraction names is void as soon as it is there, a retraction apart.
        rows = self.db.execute(
            f"SELECT subject, source, id, EXISTS (SELECT 1 {there}) FROM voids AS v"
            f" WHERE NOT EXISTS (SELECT 1 {there} AND t.voided_by IS NOT NULL) ORDER BY subject, source, id"
        )
        return [IdleRetraction((subject, source, id), bool(found)) for subject, source, id, found in rows]

    async def fix(self, number: int, body: bytes, by: By) -> bool:
        with transaction(self.db):
            detail = fixing(number, await self.show(number), body)
            if detail is not None:
                self.db.execute("UPDATE dead_letters SET state = 'fixed', fix = ? WHERE number = ?", (body, number))
                decide(self.db, by, FIX, detail)
        return detail is not None

    async def dismiss(self, numbers: Collection[int], conflicts: Collection[int], by: By) -> int:
        with transaction(self.db):
            closed = self._dismiss_conflicts(conflicts)
            found = [_kept(row) for row in self.db.execute(f"{_KEPT} WHERE number IN ({_marks(numbers)}) ORDER BY number", tuple(numbers))]
            check_there(numbers, found)
            letters = [one for one in found if one.state is not State.dismissed]
            detail = dismissing(letters, closed)
            self.db.executemany("UPDATE dead_letters SET state = 'dismissed' WHERE number = ?", ((one.number,) for one in letters))
            forget(self.db, [one.id for one in letters])
            if letters or closed:
                decide(self.db, by, DISMISS, detail)
        return len(letters) + len(closed)

    async def expect(self, number: int, names: Collection[Name]) -> bool:
        with transaction(self.db):
            (found,) = self.db.execute("SELECT id FROM dead_letters WHERE number = ?", (number,)).fetchone() or (None,)
            if found is None:
                return False
            forget(self.db, [found])
            return expect(self.db, found, names)

    # --- imports

    async def ended(self, import_id: int, read: int) -> None:
        with transaction(self.db):
            self.db.execute("INSERT OR IGNORE INTO whole_imports (import, read) VALUES (?, ?)", (import_id, read))

    async def imported(self) -> Mapping[int, Imported]:
        sums = "SUM(read), SUM(accepted), SUM(duplicates), SUM(conflicts), SUM(dead_letters), SUM(left_out)"
        return {one: Imported(*counts) for one, *counts in self.db.execute(f"SELECT import, {sums} FROM imported GROUP BY import")}

    async def whole(self) -> Mapping[int, int]:
        return dict(self.db.execute("SELECT import, read FROM whole_imports"))

    def _dismiss_conflicts(self, numbers: Collection[int]) -> list[int]:
        """Those of `numbers` that were not dismissed."""
        closed = []
        for number in sorted(set(numbers)):
            row = self.db.execute("SELECT dismissed FROM contested WHERE number = ?", (number,)).fetchone()
            if row is None:
                raise no_conflict(number)
            if not row[0]:
                self.db.execute("UPDATE contested SET dismissed = 1 WHERE number = ?", (number,))
                closed.append(number)
        return closed


def decide(db: sqlite3.Connection, by: By, action: str, detail: dict[str, Any]) -> int:
    """Record a decision in the transaction that is open. Returns its number."""
    done = db.execute(
        "INSERT INTO control (at, actor, action, reason, detail) VALUES (?, ?, ?, ?, ?)",
        (by.at, by.actor, action, by.reason, orjson.dumps(detail).decode()),
    )
    assert done.lastrowid is not None
    return done.lastrowid


def _kept(row: tuple[Any, ...]) -> Kept:
    one = Kept(*row)
    return one._replace(state=State(one.state), needs_fix=bool(one.needs_fix))


def _marks(values: Collection[Any]) -> str:
    return ", ".join("?" * len(values))
