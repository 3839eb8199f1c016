"""Some rows of a read model in the memory of this process, to ask the same questions of."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from projections.read_model import Delta, ReadModel, Value
from projections.stores.sqlite_adding import add, be_exact, create
from projections.stores.sqlite_asking import SqliteAsk


class InMemory:
    """The tables of `model`, in its state as of `position`. Not more than what is put into it."""

    def __init__(self, model: ReadModel, position: int) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        be_exact(self.db)
        self.ask = SqliteAsk(self.db)
        self._tables = {table.name: table for table in model.tables}
        for table in model.tables:
            self.db.execute(create("main", table))
        self.db.execute("CREATE TABLE reflects (position INTEGER NOT NULL) STRICT")
        self.db.execute("INSERT INTO reflects VALUES (?)", (position,))

    def close(self) -> None:
        self.db.close()

    def add(self, table: str, rows: Iterable[Delta]) -> None:
        add(self.db, "main", self._tables[table], list(rows))

    def put(self, table: str, rows: Iterable[Sequence[Any]]) -> None:
        """Whole rows of the read model's own table, instead of what is there of them."""
        columns = self._tables[table].columns
        marks = ", ".join("?" * len(columns))
        self.db.executemany(f"INSERT OR REPLACE INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)

    def choose(self, table: str, keys: Sequence[tuple[Value, ...]], width: int) -> None:
        """A table of `keys`, whose columns are u0, u1, …"""
        if width:
            columns = ", ".join(f"u{place}" for place in range(width))
            self.db.execute(f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({columns})) WITHOUT ROWID")
            self.db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", sorted(set(keys)))

    def named(self, sql: str, values: Sequence[Any]) -> list[dict[str, Any]]:
        """Rows with the names of their columns."""
        found = self.db.execute(sql, tuple(values))
        names = [name for name, *_ in found.description]
        return [dict(zip(names, row, strict=True)) for row in found]
