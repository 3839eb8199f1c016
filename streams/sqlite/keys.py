"""Keys of the HTTP interface, in the embedded record."""

import sqlite3
from collections.abc import Sequence

import orjson

from journey.instants import Instant
from streams.keys import ADD, REVOKE, ApiKey, adding, no_key, revoking, taken
from streams.operators import By
from streams.sqlite.database import transaction
from streams.sqlite.desk import decide


class SqliteKeys:
    """See `streams.keys` for what each method promises."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    async def all(self) -> Sequence[ApiKey]:
        rows = self.db.execute(
            "SELECT k.name, k.role, k.sha256, k.origins, m.at, m.actor, k.used_at, r.at, r.actor FROM api_keys AS k"
            " JOIN control AS m ON m.number = k.made LEFT JOIN control AS r ON r.number = k.revoked ORDER BY k.made"
        )
        return [ApiKey(name, role, hashed, tuple(orjson.loads(origins)), *rest) for name, role, hashed, origins, *rest in rows]

    async def add(self, name: str, role: str, sha256: bytes, origins: Sequence[str], by: By) -> None:
        with transaction(self.db):
            if self.db.execute("SELECT 1 FROM api_keys WHERE name = ?", (name,)).fetchone():
                raise taken(name)
            made = decide(self.db, by, ADD, adding(name, role, origins))
            self.db.execute(
                "INSERT INTO api_keys (name, role, sha256, origins, made) VALUES (?, ?, ?, ?, ?)",
                (name, role, sha256, orjson.dumps(list(origins)).decode(), made),
            )

    async def revoke(self, name: str, by: By) -> bool:
        with transaction(self.db):
            row = self.db.execute("SELECT role, revoked FROM api_keys WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise no_key(name)
            role, revoked = row
            if revoked is None:
                number = decide(self.db, by, REVOKE, revoking(name, role))
                self.db.execute("UPDATE api_keys SET revoked = ? WHERE name = ?", (number, name))
        return revoked is None

    async def used(self, name: str, at: Instant) -> None:
        with transaction(self.db):
            self.db.execute("UPDATE api_keys SET used_at = MAX(COALESCE(used_at, 0), ?) WHERE name = ?", (at, name))
