"""How facts are added up in a table of PostgreSQL: its statements, each of which takes all its rows as arrays.

A row is found by a digest of its key, since an entry of an index holds about 2,700 bytes and a key may hold a whole path. Its count is
never below one: the database itself stops a wrong number.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from projections.read_model import Delta, Table, Value

ROWS_PER_STATEMENT_MAX = 10_000

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


class Adding:
    """One table."""

    def __init__(self, schema: str, table: Table) -> None:
        self.name = f"{schema}.{table.name}"
        names = [column.name for column in table.key]
        types = ["TEXT" if column.type == "TEXT" else "BIGINT" for column in table.key]
        # A sum of amounts has no bound.
        numbers, number_types = [*table.sums, "n"], [*["NUMERIC"] * len(table.sums), "BIGINT"]
        spelled = {"TEXT": 'TEXT COLLATE "C"', "BIGINT": "BIGINT"}
        columns = [f"{name} {spelled[type]} NOT NULL" for name, type in zip(names, types, strict=True)]
        columns += [f"{name} {type} NOT NULL" for name, type in zip(numbers, number_types, strict=True)]
        rest = f"TABLE {self.name} ({', '.join(columns)}, row_key BYTEA PRIMARY KEY, CHECK (n > 0))"
        self.create, self.create_temporary = f"CREATE {rest}", f"CREATE TEMPORARY {rest}"
        self.columns = table.columns

        every = ", ".join([*names, *numbers, "row_key"])
        adds = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in numbers)
        self._put = (
            f"INSERT INTO {self.name} AS t ({every}) SELECT {every}"
            f" FROM unnest({_arrays([*types, *number_types, 'BYTEA'])}) AS u ({every})"
            f" ON CONFLICT (row_key) DO UPDATE SET {adds}"
        )
        taken = f"unnest({_arrays([*number_types, 'BYTEA'])}) AS u ({', '.join(numbers)}, row_key) WHERE t.row_key = u.row_key"
        come_to_nothing = " AND ".join(f"t.{name} + u.{name} = 0" for name in numbers)
        self._drop = f"DELETE FROM {self.name} AS t USING {taken} AND {come_to_nothing}"
        self._take = f"UPDATE {self.name} AS t SET {', '.join(f'{name} = t.{name} + u.{name}' for name in numbers)} FROM {taken}"
        nothing: list[list[Any]] = [[]] * (len(numbers) + 1)
        self.ready = [(self._put, [[]] * len(names) + nothing), (self._drop, nothing), (self._take, nothing)]

    async def add(self, db: Connection, some: list[Delta]) -> None:
        """Add `some` up, in order of key. First what takes back, which has to find its row: most often all that is in it.

        Raises AssertionError where a row would hold less than no facts, or a sum of none.
        """
        try:
            await self._add(db, some)
        except asyncpg.CheckViolationError as error:
            raise AssertionError(f"{self.name} would hold less than no facts, or a sum of none: {error.detail}") from error

    async def _add(self, db: Connection, some: list[Delta]) -> None:
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
