"""A read store in a SQLite file of its own. It follows the units, and its position is in the same transaction as its rows."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from journey.errors import Refused
from projections.read_model import Answer, Ask, Change, Delta, Gap, ReadModel, Table, deltas

UNITS_PER_TRANSACTION_MAX = 50
FACTS_PER_TRANSACTION_MAX = 200_000


class SqliteReadStore:
    """One read model in one file. One process writes; readers open their own, read only."""

    def __init__(self, model: ReadModel, path: Path, *, read_only: bool = False) -> None:
        self.model = model
        self._tables = {table.name: table for table in model.tables}
        try:
            self.db = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}", uri=True, isolation_level=None
            )  # fmt: skip
            if not read_only:
                self.db.execute("PRAGMA journal_mode = WAL")
                # What is lost here is applied again: the histories are the record.
                self.db.execute("PRAGMA synchronous = NORMAL")
                self._create()
            self.db.execute("PRAGMA busy_timeout = 5000")
        except sqlite3.Error as error:
            raise Refused(f"{path} can't be opened as a read store: {error}") from error

    def close(self) -> None:
        self.db.close()

    async def position(self) -> int:
        (position,) = self.db.execute("SELECT position FROM reflects").fetchone()
        assert isinstance(position, int)
        return position

    async def apply(self, changes: AsyncIterator[Change]) -> int:
        """See `ReadStore`. Several units share a transaction; a reader sees the last of them, which is a state that the histories had."""
        position = await self.position()
        held: list[list[Any]] = []
        units, rebuilt, reached = 0, False, position
        async for change in changes:
            if change.position <= position:
                continue
            if change.position > reached + 1:
                raise Gap(f"{self.model.name} reflects unit {reached}, and the next one it was given is {change.position}")
            if change.rebuilt and change.position != reached:
                held.clear()
            rebuilt = rebuilt or change.rebuilt
            held.extend(change.facts)
            reached = change.position
            if not change.last:
                continue
            units += 1
            if units >= UNITS_PER_TRANSACTION_MAX or len(held) >= FACTS_PER_TRANSACTION_MAX:
                self._commit(held, reached, rebuilt=rebuilt)
                position, units, rebuilt = reached, 0, False
                held.clear()
        if reached > position:
            self._commit(held, reached, rebuilt=rebuilt)
        return reached

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Ask]:
        self.db.execute("BEGIN")
        try:
            yield self._ask
        finally:
            self.db.execute("COMMIT")

    async def _ask(self, query: str, *values: Any) -> Answer:
        return self.db.execute(query, values).fetchall()

    # --- writing

    def _create(self) -> None:
        with self._transaction():
            self.db.execute("CREATE TABLE IF NOT EXISTS reflects (position INTEGER NOT NULL, version INTEGER NOT NULL) STRICT")
            found = self.db.execute("SELECT version FROM reflects").fetchone()
            if found is not None and found[0] != self.model.version:
                for table in self.model.tables:
                    self.db.execute(f"DROP TABLE IF EXISTS {table.name}")
                self.db.execute("DELETE FROM reflects")
                found = None
            if found is None:
                self.db.execute("INSERT INTO reflects VALUES (0, ?)", (self.model.version,))
            for table in self.model.tables:
                columns = [f"{column.name} {column.type} NOT NULL" for column in table.key]
                columns += [f"{name} INTEGER NOT NULL" for name in (*table.sums, "n")]
                key = ", ".join(column.name for column in table.key)
                self.db.execute(
                    f"CREATE TABLE IF NOT EXISTS {table.name} ({', '.join(columns)}, PRIMARY KEY ({key})) STRICT, WITHOUT ROWID"
                )  # fmt: skip

    def _commit(self, facts: list[list[Any]], position: int, *, rebuilt: bool) -> None:
        found = deltas(self.model, facts)
        with self._transaction():
            if rebuilt:
                for table in self.model.tables:
                    self.db.execute(f"DELETE FROM {table.name}")
            for name, some in found.items():
                self._add(self._tables[name], some)
            self.db.execute("UPDATE reflects SET position = ?", (position,))

    def _add(self, table: Table, some: list[Delta]) -> None:
        key = ", ".join(column.name for column in table.key)
        adds = ", ".join(f"{name} = {name} + excluded.{name}" for name in (*table.sums, "n"))
        marks = ", ".join("?" * (len(table.key) + len(table.sums) + 1))
        self.db.executemany(
            f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {adds}",
            ((*delta.key, *delta.adds[1:], delta.adds[0]) for delta in some),
        )
        taken = [delta.key for delta in some if delta.adds[0] < 0]
        if taken:
            where = " AND ".join(f"{column.name} = ?" for column in table.key)
            self.db.executemany(f"DELETE FROM {table.name} WHERE {where} AND n = 0", taken)
            for one in taken:
                # A count below nothing is a wrong number somewhere: stop rather than show it.
                if self.db.execute(f"SELECT 1 FROM {table.name} WHERE {where} AND n < 0", one).fetchone() is not None:
                    raise AssertionError(f"{self.model.name}.{table.name} {one} would hold less than no facts")

    @contextmanager
    def _transaction(self, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
        self.db.execute(begin)
        try:
            yield
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
