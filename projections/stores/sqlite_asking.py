"""How SQLite is asked: see `projections.read_model.Ask`."""

import sqlite3
from collections.abc import AsyncIterator
from typing import Any

from projections.read_model import Rows


class SqliteAsk:
    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    async def __call__(self, query: str, *values: Any) -> Rows:
        return self._db.execute(query, values).fetchall()

    async def rows(self, query: str, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        for row in self._db.execute(query, values):
            yield row
