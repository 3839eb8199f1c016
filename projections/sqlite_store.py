"""A read store in a SQLite file of its own. It follows the units, and its position is in the same transaction as its rows."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from journey.errors import Refused
from projections.read_model import Answer, Ask, Change, Delta, Gap, ReadModel, Table, deltas

BUSY_MS_MAX = 5_000
"""How long a reader waits for a checkpoint, or for the tables to be made."""

UNITS_PER_TRANSACTION_MAX = 50
FACTS_PER_TRANSACTION_MAX = 200_000


class SqliteReadStore:
    """One read model in one file. One process writes; readers open their own, read only."""

    def __init__(self, model: ReadModel, path: Path, *, read_only: bool = False) -> None:
        self.model = model
        self.path = path
        self._tables = {table.name: table for table in model.tables}
        try:
            self.db = _connect(path, "ro" if read_only else "rwc")
            if read_only:
                self._check()
            else:
                self.db.execute("PRAGMA journal_mode = WAL")
                # What is lost here is applied again: the histories are the record.
                self.db.execute("PRAGMA synchronous = NORMAL")
                self._create()
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
        whole = await self.position()
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
                self._commit(held, whole, rebuilt=rebuilt)
                units, rebuilt = 0, False
                held.clear()
        if in_parts:
            raise Gap(f"{self.model.name} was given unit {whole + 1} without its last part")
        if units:
            self._commit(held, whole, rebuilt=rebuilt)
        return whole

    def stand_at(self, position: int) -> None:
        """State `position`, where the rows were built of other units than those up to it."""
        self.db.execute("UPDATE reflects SET position = ?", (position,))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Ask]:
        """On a connection of its own: several may be open at once, and none sees a unit that is being applied."""
        db = _connect(self.path, "ro")

        async def ask(query: str, *values: Any) -> Answer:
            return db.execute(query, values).fetchall()

        try:
            db.execute("BEGIN")
            yield ask
        finally:
            db.close()

    def _check(self) -> None:
        """Raises Refused where the tables are not there, or of another version: reading brings nothing up to date."""
        made = self.db.execute("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'reflects'").fetchone() == (1,)
        if not made or self.db.execute("SELECT version FROM reflects").fetchone() != (self.model.version,):
            raise Refused(f"{self.path} holds nothing yet, or is of another version of journey; `journey ingest` brings it up to date")

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
        taken = [delta.key for delta in some if delta.adds[0] <= 0]
        if taken:
            where = " AND ".join(f"{column.name} = ?" for column in table.key)
            wrong = " OR ".join(("n < 0", *(f"(n = 0 AND {name} <> 0)" for name in table.sums)))
            for one in taken:
                # A count below nothing, or a sum of nothing, is a wrong number somewhere: stop rather than show it.
                if self.db.execute(f"SELECT 1 FROM {table.name} WHERE {where} AND ({wrong})", one).fetchone() is not None:
                    raise AssertionError(f"{self.model.name}.{table.name} {one} would hold less than no facts, or a sum of none")
            self.db.executemany(f"DELETE FROM {table.name} WHERE {where} AND n = 0", taken)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            raise


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS_MAX}")
    return db
