"""Keys of the HTTP interface, in PostgreSQL."""

from collections.abc import Sequence

from journey.instants import Instant
from streams.keys import ADD, REVOKE, ApiKey, adding, no_key, revoking, taken
from streams.operators import By
from streams.postgres.database import Database
from streams.postgres.desk import decide


class PostgresKeys:
    """See `streams.keys` for what each method promises."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def all(self) -> Sequence[ApiKey]:
        async with self.database.connection() as db:
            rows = await db.fetch(
                "SELECT k.name, k.role, k.sha256, k.origins, m.at, m.actor, k.used_at, r.at, r.actor FROM journey.api_keys AS k"
                " JOIN journey.control AS m ON m.number = k.made LEFT JOIN journey.control AS r ON r.number = k.revoked ORDER BY k.made"
            )
        return [ApiKey(name, role, hashed, tuple(origins), *rest) for name, role, hashed, origins, *rest in rows]

    async def add(self, name: str, role: str, sha256: bytes, origins: Sequence[str], by: By) -> None:
        async with self.database.transaction() as db:
            # Decisions wait for each other: who comes second finds the name taken.
            made = await decide(db, by, ADD, adding(name, role, origins))
            if await db.fetchval("SELECT 1 FROM journey.api_keys WHERE name = $1", name):
                raise taken(name)
            await db.execute(
                "INSERT INTO journey.api_keys (name, role, sha256, origins, made) VALUES ($1, $2, $3, $4, $5)",
                name, role, sha256, list(origins), made,
            )  # fmt: skip

    async def revoke(self, name: str, by: By) -> bool:
        async with self.database.transaction() as db:
            row = await db.fetchrow("SELECT role, revoked FROM journey.api_keys WHERE name = $1 FOR UPDATE", name)
            if row is None:
                raise no_key(name)
            role, revoked = row
            if revoked is None:
                number = await decide(db, by, REVOKE, revoking(name, role))
                await db.execute("UPDATE journey.api_keys SET revoked = $2 WHERE name = $1", name, number)
        return revoked is None

    async def used(self, name: str, at: Instant) -> None:
        async with self.database.connection() as db:
            await db.execute("UPDATE journey.api_keys SET used_at = GREATEST(COALESCE(used_at, 0), $2) WHERE name = $1", name, at)
