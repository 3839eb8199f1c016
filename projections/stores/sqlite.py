"""A read store in a SQLite file of its own. It follows the units, and its position is in the same transaction as its rows."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from journey.errors import Refused
from projections.read_model import Ask, ChangedFacts, ReadModel, Switched, deltas
from projections.stores import sqlite_views, switches
from projections.stores.batches import applied
from projections.stores.sqlite_adding import add, be_exact, create, indexes, transaction
from projections.stores.sqlite_asking import SqliteAsk
from projections.stores.sqlite_shadow import SqliteShadow

BUSY_MS_MAX = 5_000
"""How long a reader waits for a checkpoint, or for the tables to be made."""

FACTS_PER_TRANSACTION_MAX = 200_000


_CURE = "`journey rebuild {}` derives it again, and nothing is lost"


class Damaged(Refused):
    """The file of a read model is no database, or no longer a whole one."""


def is_damaged(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorname", None) or "").startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def damaged(name: str, path: Path, error: object) -> str:
    """Says of a read model's file what is the matter, and the cure."""
    return f"{name}'s read model {path.absolute()} is damaged ({error}); {_CURE.format(name)}"


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
                be_exact(self.db)
                self.db.execute("PRAGMA journal_mode = WAL")
                # What is lost here is applied again: the histories are the record.
                self.db.execute("PRAGMA synchronous = NORMAL")
                self._create()
        except sqlite3.Error as error:
            if is_damaged(error):
                raise Damaged(damaged(model.name, path, error)) from error
            if not path.exists():
                raise Refused(f"{model.name}'s read model {path.absolute()} is not there; {_CURE.format(model.name)}") from error
            raise Refused(f"{model.name}'s read model {path.absolute()} can't be opened: {error}") from error

    def close(self) -> None:
        self.db.close()

    def is_whole(self) -> bool:
        """Whether all of its file can be read, which takes a while where it is large."""
        try:
            return bool(self.db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        except sqlite3.DatabaseError as error:
            if is_damaged(error):
                return False
            raise

    async def position(self) -> int:
        (position,) = self.db.execute("SELECT position FROM reflects").fetchone()
        assert isinstance(position, int)
        return position

    async def apply(self, changes: AsyncIterator[ChangedFacts]) -> int:
        """See `ReadStore`. Several units share a transaction; a reader sees the last of them, which is a state that the histories had."""
        return await applied(self, changes, FACTS_PER_TRANSACTION_MAX)

    def shadow(self) -> AbstractAsyncContextManager[SqliteShadow]:
        return SqliteShadow.begun(self, self.db)

    async def switched(self, position: int) -> Switched | None:
        row = self.db.execute(
            f"SELECT {switches.COLUMNS} FROM switches WHERE position >= ? ORDER BY nth DESC LIMIT 1", (position,)
        ).fetchone()
        return switches.of_row(row)

    def stand_at(self, position: int) -> None:
        """State `position`, where the rows were built of other units than those up to it."""
        self.db.execute("UPDATE reflects SET position = ?", (position,))

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Ask]:
        """On a connection of its own: several may be open at once, and none sees a unit that is being applied."""
        db = _connect(self.path, "ro")
        try:
            db.execute("BEGIN")
            yield SqliteAsk(db)
        finally:
            db.close()

    def _check(self) -> None:
        """Raises Refused where the tables are not there, or of another version: reading brings nothing up to date."""
        made = self.db.execute("SELECT COUNT(*) FROM sqlite_schema WHERE name = 'reflects'").fetchone() == (1,)
        if not made or self.db.execute("SELECT version FROM reflects").fetchone() != (self.model.version,):
            state = "is of another version of journey" if made else "holds nothing"
            raise Refused(f"{self.model.name}'s read model {self.path.absolute()} {state}; {_CURE.format(self.model.name)}")

    # --- writing

    def _create(self) -> None:
        with transaction(self.db):
            self.db.execute("CREATE TABLE IF NOT EXISTS reflects (position INTEGER NOT NULL, version INTEGER NOT NULL) STRICT")
            found = self.db.execute("SELECT version FROM reflects").fetchone()
            if found is not None and found[0] != self.model.version:
                for table in self.model.tables:
                    self.db.execute(f"DROP TABLE IF EXISTS {table.name}")
                self.db.execute("DELETE FROM reflects")
                found = None
            if found is None:
                self.db.execute("INSERT INTO reflects VALUES (0, ?)", (self.model.version,))
            self.db.execute(
                "CREATE TABLE IF NOT EXISTS switches (nth INTEGER PRIMARY KEY, position INTEGER NOT NULL, before TEXT NOT NULL,"
                " after TEXT NOT NULL, tables TEXT NOT NULL) STRICT"
            )
            for table in self.model.tables:
                for statement in (create("main", table), *indexes(table)):
                    self.db.execute(statement)
            sqlite_views.make(self.db, self.model)

    async def commit(self, facts: list[list[Any]], _: int, position: int) -> None:
        """See `batches.Committing`. There is no other writer."""
        found = deltas(self.model, facts)
        with transaction(self.db):
            for name, some in found.items():
                add(self.db, "main", self._tables[name], some)
            self.db.execute("UPDATE reflects SET position = ?", (position,))


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    db.execute(f"PRAGMA busy_timeout = {BUSY_MS_MAX}")
    return db
