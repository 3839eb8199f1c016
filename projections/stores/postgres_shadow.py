"""A read model built anew in temporary tables, which take the place of the live rows in one transaction, and only where they differ.

Who asks meanwhile waits for nothing, and what others built on the live tables (views, grants) stays. A temporary table is its session's
own: a builder that is killed leaves nothing behind.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from journey.errors import Away
from projections.canonical import digest
from projections.read_model import Changes, Differs, ReadStore, Switched, catch_up, deltas
from projections.stores import switches
from projections.stores.postgres_adding import Adding, Connection, Connections
from projections.stores.postgres_asking import PostgresAsk
from projections.stores.postgres_telling import telling

SWITCH_MS_MAX = 600_000
"""How long one statement of a switch may run, and how long it may wait for what it reads from elsewhere."""

SWITCH_LOCK_MS_MAX = 60_000
"""How long a switch waits for who writes the rows right now: units of a worker that has much to catch up with."""

JOINS = (
    "SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;"
    # A plan for any instant takes ten times as long as one for the instant that is asked until.
    " SET LOCAL plan_cache_mode = force_custom_plan"
)
"""For who reads whole tables: lookups by key may not."""


class PostgresShadow:
    """See `projections.read_model.Shadow`."""

    def __init__(self, store: ReadStore, db: Connection) -> None:
        self._store = store
        self._db = db
        self._tables = {table.name: Adding("pg_temp", table) for table in store.model.tables}

    @classmethod
    @asynccontextmanager
    async def begun(cls, store: ReadStore, database: Connections) -> AsyncIterator["PostgresShadow"]:
        async with database.connection() as db:
            shadow = cls(store, db)
            try:
                await db.execute("; ".join(["DISCARD TEMP", *(one.create_temporary for one in shadow._tables.values())]))
                yield shadow
            finally:
                if not db.is_closed():
                    await db.execute("DISCARD TEMP")

    async def add(self, facts: list[list[Any]]) -> None:
        for name, some in deltas(self._store.model, facts).items():
            await self._tables[name].add(self._db, some)

    async def switch(self, position: int, changes: Changes | None = None) -> Switched:
        """See `Shadow`. Others may ask all the time; who wants to write waits while the rows are compared."""
        if changes is not None:
            position = await catch_up(self, position, changes)
        await self._db.execute("; ".join(f"ANALYZE {table.name}" for table in self._tables.values()))
        async with AsyncExitStack() as stack:
            async with self._db.transaction():
                await self._db.execute(f"SET LOCAL statement_timeout = {SWITCH_MS_MAX}; {JOINS}")
                await self._db.execute(f"SET LOCAL idle_in_transaction_session_timeout = {SWITCH_MS_MAX}")
                await self._db.execute(f"SET LOCAL lock_timeout = {SWITCH_LOCK_MS_MAX}")
                live: int = await self._db.fetchval(f"SELECT position FROM {self._name}.reflects FOR UPDATE")
                if changes is not None:
                    position = await catch_up(self, position, changes)
                if live > position:
                    raise Away(f"another writer has taken {self._name} on to unit {live}; this one was built up to {position}")
                tables = await self._differences()
                if tables:
                    # Sees what was there, for as long as it takes to read it.
                    was = await stack.enter_async_context(self._store.snapshot())
                    await was("SELECT position FROM reflects")
                for name in tables:
                    await self._replace(name)
                await self._db.execute(
                    f"UPDATE {self._name}.reflects SET position = {position:d}; {telling(self._name, f'{self._name}.reflects')}"
                )
                # Temporary tables come first wherever a name is looked for.
                after = await digest(self._store.model, PostgresAsk(self._db))
                before = await digest(self._store.model, was) if tables else after
                switched = Switched(position, before, after, tables)
                await self._db.execute(
                    f"INSERT INTO {self._name}.switches ({switches.COLUMNS}) VALUES ($1, $2, $3, $4)", *switches.to_row(switched)
                )
        return switched

    @property
    def _name(self) -> str:
        return self._store.model.name

    async def _differences(self) -> dict[str, Differs]:
        found = {}
        for table in self._store.model.tables:
            ((removed, added, changed),) = await self._db.fetch(
                "SELECT COUNT(*) FILTER (WHERE x.row_key IS NULL), COUNT(*) FILTER (WHERE l.row_key IS NULL),"
                f" COUNT(*) FILTER (WHERE x.row_key = l.row_key AND {_differ(table.columns)})"
                f" FROM {self._name}.{table.name} AS l FULL JOIN pg_temp.{table.name} AS x ON x.row_key = l.row_key",
                timeout=SWITCH_MS_MAX / 1000,
            )
            if removed or added or changed:
                found[table.name] = Differs(removed, added, changed)
        return found

    async def _replace(self, name: str) -> None:
        live, new, columns = f"{self._name}.{name}", f"pg_temp.{name}", self._tables[name].columns
        every = ", ".join([*columns, "row_key"])
        sets = ", ".join(f"{one} = x.{one}" for one in columns)
        absent = "WHERE NOT EXISTS (SELECT FROM {} AS o WHERE o.row_key = x.row_key)"
        for statement in (
            f"DELETE FROM {live} AS x {absent.format(new)}",
            f"UPDATE {live} AS l SET {sets} FROM {new} AS x WHERE x.row_key = l.row_key AND {_differ(columns)}",
            f"INSERT INTO {live} ({every}) SELECT {every} FROM {new} AS x {absent.format(live)}",
        ):
            await self._db.execute(statement, timeout=SWITCH_MS_MAX / 1000)


def _differ(columns: tuple[str, ...]) -> str:
    return f"({', '.join(f'l.{one}' for one in columns)}) IS DISTINCT FROM ({', '.join(f'x.{one}' for one in columns)})"
