"""A read store in a schema of PostgreSQL that is named for its model. Its position is in the same transaction as its rows.

A row is found by a digest of its key, since an entry of an index holds about 2,700 bytes and a key may hold a whole path. Its count is
never below one: the database itself stops a wrong number.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from journey.errors import Away, Refused
from projections.read_model import Answer, Ask, Change, Delta, Gap, ReadModel, Table, Value, deltas

UNITS_PER_TRANSACTION_MAX = 50
FACTS_PER_TRANSACTION_MAX = 50_000
ROWS_PER_STATEMENT_MAX = 10_000
EMPTYING_MS_MAX = 600_000
QUESTION_IDLE_MS_MAX = 60_000
"""How long a question may think between two looks. It holds nobody up, but what it sees can't be cleaned away."""

if TYPE_CHECKING:
    Connection = PoolConnectionProxy[asyncpg.Record]
else:
    Connection = PoolConnectionProxy


class Connections(Protocol):
    """The database, as far as a read store needs it: see `streams.postgres.database`."""

    @property
    def place(self) -> str: ...
    def connection(self) -> AbstractAsyncContextManager[Connection]: ...
    async def ready(self, db: Connection, statements: Iterable[tuple[str, Sequence[Any]]]) -> None: ...
    async def close(self) -> None: ...


class PostgresReadStore:
    """One read model in one schema. Who writes holds the row of its position: a second writer waits, and finds that it is behind."""

    def __init__(self, model: ReadModel, database: Connections) -> None:
        self.model = model
        self.database = database
        self._tables = {table.name: Adding(model.name, table) for table in model.tables}

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

    async def close(self) -> None:
        await self.database.close()

    async def position(self) -> int:
        async with self.database.connection() as db:
            position: int = await db.fetchval(f"SELECT position FROM {self.model.name}.reflects")
        return position

    async def apply(self, changes: AsyncIterator[Change]) -> int:
        """See `ReadStore`. Several units share a transaction; a reader sees the last of them, which is a state that the histories had."""
        stored = whole = await self.position()
        held: list[list[Any]] = []
        units, rebuilt, in_parts = 0, False, False
        async for change in changes:
            if change.position <= whole:
                continue
            if change.position > whole + 1:
                raise Gap(f"{self.model.name} reflects unit {whole}, and the next one it was given is {change.position}")
            if change.rebuilt and not in_parts:
                held.clear()
                rebuilt = True
            held.extend(change.facts)
            in_parts = not change.last
            if in_parts:
                continue
            whole = change.position
            units += 1
            if units >= UNITS_PER_TRANSACTION_MAX or len(held) >= FACTS_PER_TRANSACTION_MAX:
                await self._commit(held, stored, whole, rebuilt=rebuilt)
                stored, units, rebuilt = whole, 0, False
                held.clear()
        if in_parts:
            raise Gap(f"{self.model.name} was given unit {whole + 1} without its last part")
        if units:
            await self._commit(held, stored, whole, rebuilt=rebuilt)
        return whole

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Ask]:
        async with self.database.connection() as db, db.transaction(isolation="repeatable_read", readonly=True):
            # Questions read whole tables and join them as they like, which lookups by key may not.
            await db.execute(
                f"SET LOCAL search_path = {self.model.name}; SET LOCAL idle_in_transaction_session_timeout = {QUESTION_IDLE_MS_MAX};"
                " SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;"
                " SET LOCAL plan_cache_mode = auto"
            )

            async def ask(query: str, *values: Any) -> Answer:
                return [tuple(row) for row in await db.fetch(numbered(query), *values)]

            yield ask

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
            version = await db.fetchval(f"SELECT version FROM {name}.reflects")
            if version == self.model.version:
                return
            for table in self._tables.values():
                await db.execute(f"DROP TABLE IF EXISTS {table.name}; {table.create}")
            await db.execute(f"DELETE FROM {name}.reflects")
            await db.execute(f"INSERT INTO {name}.reflects VALUES (0, $1)", self.model.version)

    async def _commit(self, facts: list[list[Any]], stored: int, whole: int, *, rebuilt: bool) -> None:
        found = deltas(self.model, facts)
        move = f"UPDATE {self.model.name}.reflects SET position = $2 WHERE position = $1"
        async with self.database.connection() as db:
            await self.database.ready(db, [(move, (-1, -1)), *(one for table in self._tables.values() for one in table.ready)])
            try:
                async with db.transaction():
                    if await db.execute(move, stored, whole) != "UPDATE 1":
                        raise Away(f"another writer has taken {self.model.name} on from unit {stored}; this one has to look where it is")
                    if rebuilt:
                        # Not truncated, which who asks at the same time would see.
                        await db.execute(f"SET LOCAL statement_timeout = {EMPTYING_MS_MAX}")
                        for table in self._tables.values():
                            await db.execute(f"DELETE FROM {table.name}", timeout=EMPTYING_MS_MAX / 1000)
                    for name, some in found.items():
                        await self._tables[name].add(db, some)
            except asyncpg.CheckViolationError as error:
                where = f"{error.schema_name}.{error.table_name}"
                raise AssertionError(f"{where} would hold less than no facts, or a sum of none: {error.detail}") from error


class Adding:
    """How facts are added up in one table: its statements, each of which takes all its rows as arrays."""

    def __init__(self, schema: str, table: Table) -> None:
        self.name = f"{schema}.{table.name}"
        names = [column.name for column in table.key]
        types = ["TEXT" if column.type == "TEXT" else "BIGINT" for column in table.key]
        numbers = [*table.sums, "n"]
        spelled = {"TEXT": 'TEXT COLLATE "C"', "BIGINT": "BIGINT"}
        columns = [f"{name} {spelled[type]} NOT NULL" for name, type in zip(names, types, strict=True)]
        columns += [f"{name} BIGINT NOT NULL" for name in numbers]
        self.create = f"CREATE TABLE {self.name} ({', '.join(columns)}, row_key BYTEA PRIMARY KEY, CHECK (n > 0))"

        every = ", ".join([*names, *numbers, "row_key"])
        adds = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in numbers)
        self._put = (
            f"INSERT INTO {self.name} AS t ({every}) SELECT {every}"
            f" FROM unnest({_arrays([*types, *['BIGINT'] * len(numbers), 'BYTEA'])}) AS u ({every})"
            f" ON CONFLICT (row_key) DO UPDATE SET {adds}"
        )
        taken = f"unnest({_arrays([*['BIGINT'] * len(numbers), 'BYTEA'])}) AS u ({', '.join(numbers)}, row_key) WHERE t.row_key = u.row_key"
        come_to_nothing = " AND ".join(f"t.{name} + u.{name} = 0" for name in numbers)
        self._drop = f"DELETE FROM {self.name} AS t USING {taken} AND {come_to_nothing}"
        self._take = f"UPDATE {self.name} AS t SET {', '.join(f'{name} = t.{name} + u.{name}' for name in numbers)} FROM {taken}"
        nothing: list[list[Any]] = [[]] * (len(numbers) + 1)
        self.ready = [(self._put, [[]] * len(names) + nothing), (self._drop, nothing), (self._take, nothing)]

    async def add(self, db: Connection, some: list[Delta]) -> None:
        """Add `some` up, in order of key. First what takes back, which has to find its row: most often all that is in it."""
        for taken in _some([delta for delta in some if delta.adds[0] <= 0]):
            columns = [*_turned([(*delta.adds[1:], delta.adds[0]) for delta in taken]), [row_key(delta.key) for delta in taken]]
            dropped = _count(await db.execute(self._drop, *columns))
            if dropped < len(taken) and dropped + _count(await db.execute(self._take, *columns)) < len(taken):
                raise AssertionError(f"{self.name} would lose facts from rows that it does not have")
        for put in _some([delta for delta in some if delta.adds[0] > 0]):
            rows = [(*delta.key, *delta.adds[1:], delta.adds[0]) for delta in put]
            await db.execute(self._put, *_turned(rows), [row_key(delta.key) for delta in put])


def row_key(key: tuple[Value, ...]) -> bytes:
    """What a row is found by. No text holds a NUL."""
    return blake2b("\0".join(map(str, key)).encode(), digest_size=16).digest()


@cache
def numbered(query: str) -> str:
    """`query` with $1, $2, … for its question marks, apart from those in quotes."""
    marks = count(1)
    return _MARK.sub(lambda found: f"${next(marks)}" if found[0] == "?" else found[0], query)


_MARK = re.compile(r"""'[^']*'|"[^"]*"|\?""")


def _arrays(types: list[str]) -> str:
    return ", ".join(f"${number}::{type}[]" for number, type in enumerate(types, start=1))


def _turned(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows as columns."""
    return list(zip(*rows, strict=True))


def _some(rows: list[Delta]) -> Iterator[list[Delta]]:
    return (rows[start : start + ROWS_PER_STATEMENT_MAX] for start in range(0, len(rows), ROWS_PER_STATEMENT_MAX))


def _count(status: str) -> int:
    """How many rows a statement changed, as its status says last."""
    return int(status.rpartition(" ")[2])
