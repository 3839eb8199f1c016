"""A read model built anew in temporary tables, which take the place of the live rows in one transaction, and only where they differ.

A temporary table is its connection's own, in a file of its own: a builder that is killed leaves nothing behind.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from journey.errors import Away
from projections.canonical import digest
from projections.read_model import Changes, Differs, ReadStore, Switched, Table, catch_up, deltas
from projections.stores import switches
from projections.stores.sqlite_adding import add, create, transaction
from projections.stores.sqlite_asking import SqliteAsk


class SqliteShadow:
    """See `projections.read_model.Shadow`."""

    def __init__(self, store: ReadStore, db: sqlite3.Connection) -> None:
        self._store = store
        self._db = db
        self._tables = {table.name: table for table in store.model.tables}

    @classmethod
    @asynccontextmanager
    async def begun(cls, store: ReadStore, db: sqlite3.Connection) -> AsyncIterator["SqliteShadow"]:
        shadow = cls(store, db)
        try:
            for table in shadow._tables.values():
                shadow._db.execute(create("temp", table))
            yield shadow
        finally:
            for name in shadow._tables:
                shadow._db.execute(f"DROP TABLE IF EXISTS temp.{name}")

    async def add(self, facts: list[list[Any]]) -> None:
        found = deltas(self._store.model, facts)
        self._db.execute("SAVEPOINT adding")
        try:
            for name, some in found.items():
                add(self._db, "temp", self._tables[name], some)
        finally:
            self._db.execute("RELEASE adding")

    async def switch(self, position: int, changes: Changes | None = None) -> Switched:
        if changes is not None:
            position = await catch_up(self, position, changes)
        async with AsyncExitStack() as stack:
            with transaction(self._db):
                live = await self._store.position()
                if live > position:
                    raise Away(f"{self._store.model.name} is at unit {live} already; this one was built up to {position}")
                tables = self._differences()
                if tables:
                    # Sees what was there, for as long as it takes to read it.
                    was = await stack.enter_async_context(self._store.snapshot())
                    await was("SELECT position FROM reflects")
                for name in tables:
                    self._replace(self._tables[name])
                self._db.execute("UPDATE reflects SET position = ?", (position,))
                # Temporary tables come first wherever a name is looked for.
                after = await digest(self._store.model, SqliteAsk(self._db))
                before = await digest(self._store.model, was) if tables else after
                switched = Switched(position, before, after, tables)
                self._db.execute(f"INSERT INTO switches ({switches.COLUMNS}) VALUES (?, ?, ?, ?)", switches.to_row(switched))
        return switched

    def _differences(self) -> dict[str, Differs]:
        found = {}
        for table in self._tables.values():
            removed = self._count(f"main.{table.name} AS a WHERE NOT EXISTS (SELECT 1 FROM temp.{table.name} AS b WHERE {_same(table)})")
            added = self._count(f"temp.{table.name} AS a WHERE NOT EXISTS (SELECT 1 FROM main.{table.name} AS b WHERE {_same(table)})")
            changed = self._count(f"main.{table.name} AS a JOIN temp.{table.name} AS b ON {_same(table)} WHERE {_differ(table)}")
            if removed or added or changed:
                found[table.name] = Differs(removed, added, changed)
        return found

    def _count(self, what: str) -> int:
        (number,) = self._db.execute(f"SELECT COUNT(*) FROM {what}").fetchone()
        assert isinstance(number, int)
        return number

    def _replace(self, table: Table) -> None:
        every = ", ".join(table.columns)
        self._db.execute(f"DELETE FROM main.{table.name} AS a WHERE NOT EXISTS (SELECT 1 FROM temp.{table.name} AS b WHERE {_same(table)})")
        self._db.execute(
            f"INSERT OR REPLACE INTO main.{table.name} ({every}) SELECT {every} FROM temp.{table.name} AS a"
            f" WHERE NOT EXISTS (SELECT 1 FROM main.{table.name} AS b WHERE {_same(table)} AND NOT ({_differ(table)}))"
        )


def _same(table: Table) -> str:
    return " AND ".join(f"a.{column.name} = b.{column.name}" for column in table.key)


def _differ(table: Table) -> str:
    return " OR ".join(f"a.{name} <> b.{name}" for name in (*table.sums, "n"))
