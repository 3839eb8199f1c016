"""How PostgreSQL is asked: see `projections.read_model.Ask`."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import asyncpg

from projections.read_model import Rows
from projections.stores.postgres_adding import numbered

ROWS_AT_A_TIME = 1_000
"""How many rows of a stream are in memory at once."""

if TYPE_CHECKING:
    from projections.stores.postgres_adding import Connection

    Asked = asyncpg.Connection[asyncpg.Record] | Connection


class PostgresAsk:
    """Rows are streamed within a transaction only."""

    def __init__(self, db: "Asked") -> None:
        self._db = db

    async def __call__(self, query: str, *values: Any) -> Rows:
        return [tuple(row) for row in await self._db.fetch(numbered(query), *values)]

    async def rows(self, query: str, *values: Any) -> AsyncIterator[tuple[Any, ...]]:
        async for row in self._db.cursor(numbered(query), *values, prefetch=ROWS_AT_A_TIME):
            yield tuple(row)
