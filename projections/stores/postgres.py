"""A read store in a schema of PostgreSQL that is named for its model. Its position is in the same transaction as its rows."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from journey.errors import Away, Refused
from projections.read_model import Ask, ChangedFacts, ReadModel, Switched, deltas
from projections.stores import postgres_roles, postgres_views, switches
from projections.stores.batches import applied
from projections.stores.postgres_adding import Adding, Connection, Connections
from projections.stores.postgres_asking import PostgresAsk
from projections.stores.postgres_shadow import JOINS, PostgresShadow
from projections.stores.postgres_telling import listening, telling

FACTS_PER_TRANSACTION_MAX = 50_000
QUESTION_IDLE_MS_MAX = 60_000
"""How long a question may think between two looks. It holds nobody up, but what it sees can't be cleaned away."""


class PostgresReadStore:
    """One read model in one schema. Who writes holds the row of its position: a second writer waits, and finds that it is behind."""

    def __init__(self, model: ReadModel, database: Connections) -> None:
        self.model = model
        self.database = database
        self._tables = {table.name: Adding(model.name, table) for table in model.tables}
        self._move = (
            f"WITH moved AS (UPDATE {model.name}.reflects SET position = $2 WHERE position = $1 RETURNING position)"
            f" {telling(model.name, 'moved')}"
        )

    @classmethod
    async def open(cls, model: ReadModel, database: Connections, *, read_only: bool = False) -> "PostgresReadStore":
        """Make the schema and its tables where they are missing, or hold another version of the model. Raises Refused, Away."""
        store = cls(model, database)
        try:
            if not read_only:
                await store.prepare()
            else:
                async with database.connection() as db:
                    if await db.fetchval("SELECT to_regclass($1)", f"{model.name}.reflects") is None:
                        raise Refused(f"{database.place} has no read model {model.name!r} yet; a worker makes it")
        except BaseException:
            await database.close()
            raise
        return store

    async def prepare(self) -> None:
        """Make the schema and its tables where they are missing, or hold another version of the model. Raises Refused, Away."""
        async with self.database.connection() as db:
            await self._create(db)

    async def use_small_count(self, small_count: int) -> None:
        """Have whoever sees no single deal see sums over at least `small_count`."""
        async with self.database.connection() as db:
            await postgres_roles.use_small_count(db, self.model, small_count)

    async def close(self) -> None:
        await self.database.close()

    async def position(self) -> int:
        async with self.database.connection() as db:
            position: int = await db.fetchval(f"SELECT position FROM {self.model.name}.reflects")
        return position

    def listening(self, moved: Callable[[int], None], lost: Callable[[], None]) -> AbstractAsyncContextManager[None]:
        """Calls `moved` with each position that is committed from now on, and `lost` when nothing is heard any more. Raises Away."""
        return listening(self.model.name, self.database, moved, lost)

    async def apply(self, changes: AsyncIterator[ChangedFacts]) -> int:
        """See `ReadStore`. Several units share a transaction; a reader sees the last of them, which is a state that the histories had."""
        return await applied(self, changes, FACTS_PER_TRANSACTION_MAX)

    def shadow(self) -> AbstractAsyncContextManager[PostgresShadow]:
        return PostgresShadow.begun(self, self.database)

    async def switched(self, position: int) -> Switched | None:
        async with self.database.connection() as db:
            row = await db.fetchrow(
                f"SELECT {switches.COLUMNS} FROM {self.model.name}.switches WHERE position >= $1 ORDER BY nth DESC LIMIT 1",
                position,
            )
        return switches.of_row(row)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Ask]:
        async with self.database.connection() as db, db.transaction(isolation="repeatable_read", readonly=True):
            # Questions read whole tables and join them as they like, which lookups by key may not.
            # By its guess of one row, which may be thousands, it would read all of a table for each: there are no indexes to look up in.
            await db.execute(f"SET LOCAL search_path = {self.model.name}; {JOINS}; SET LOCAL enable_nestloop = off")
            await db.execute(f"SET LOCAL idle_in_transaction_session_timeout = {QUESTION_IDLE_MS_MAX}")
            yield PostgresAsk(db)

    # --- writing

    async def _create(self, db: Connection) -> None:
        name = self.model.name
        async with db.transaction():
            await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"journey tables of {name}")
            # To make what is there already needs the right to make it, which the role need not have.
            if await db.fetchval("SELECT to_regnamespace($1)", name) is None:
                await db.execute(f"CREATE SCHEMA {name}")
            if await db.fetchval("SELECT to_regclass($1)", f"{name}.reflects") is None:
                await db.execute(
                    f"CREATE TABLE {name}.reflects (position BIGINT NOT NULL, version INTEGER NOT NULL) WITH (fillfactor = 10)"
                )
            if await db.fetchval("SELECT to_regclass($1)", f"{name}.switches") is None:
                await db.execute(
                    f"CREATE TABLE {name}.switches (nth BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, position BIGINT NOT NULL,"
                    " before TEXT NOT NULL, after TEXT NOT NULL, tables TEXT NOT NULL)"
                )
            if await db.fetchval("SELECT has_schema_privilege($1, 'CREATE')", name):
                await postgres_roles.make_small_count(db, self.model)
            granted: list[postgres_views.Granted] = []
            if await db.fetchval(f"SELECT version FROM {name}.reflects") != self.model.version:
                granted = await postgres_views.drop(db, self.model)
                for table in self._tables.values():
                    await db.execute(f"DROP TABLE IF EXISTS {table.name}; {table.create}")
                await db.execute(f"DELETE FROM {name}.reflects")
                await db.execute(f"INSERT INTO {name}.reflects VALUES (0, $1)", self.model.version)
            await postgres_views.make(db, self.model, granted)
            await postgres_roles.grant(db, self.model)

    async def commit(self, facts: list[list[Any]], stored: int, position: int) -> None:
        """See `batches.Committing`. Raises Away where another writer was first."""
        found = deltas(self.model, facts)
        async with self.database.connection() as db:
            await self.database.ready(db, [(self._move, (-1, -1)), *(one for table in self._tables.values() for one in table.ready)])
            async with db.transaction():
                if await db.execute(self._move, stored, position) != "SELECT 1":
                    raise Away(f"another writer has taken {self.model.name} on from unit {stored}; this one has to look where it is")
                for name, some in found.items():
                    await self._tables[name].add(db, some)
