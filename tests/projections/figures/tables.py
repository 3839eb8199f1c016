"""Small read models by hand: tables as facts make them, in SQLite and PostgreSQL, and rows of which only what matters is said."""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg

from journey.instants import day, instant
from projections.marketing import marketing
from projections.read_model import Ask
from projections.sales import sales
from projections.stores.postgres_adding import numbered
from projections.stores.postgres_asking import PostgresAsk
from projections.stores.sqlite_asking import SqliteAsk

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

# Of a table that both read models have, one keeps what the other does, and more.
_TABLES = {table.name: table for table in sorted((*marketing.tables, *sales.tables), key=lambda table: len(table.columns))}
COLUMNS = {
    "reflects": ("position", "n"),
    **{name: table.columns for name, table in _TABLES.items()},
}
_TEXTS = {(name, column.name) for name, table in _TABLES.items() for column in table.key if column.type == "TEXT"}
DEFAULTS = {
    "n": 1,
    "stayed": -1,
    "took": -1,
    "to_assign": -1,
    "to_assign_business": -1,
    "to_accept": -1,
    "to_accept_business": -1,
    "until_at": 2**53,
    "currency": "EUR",
}


def at(text: str) -> int:
    """The instant of "2026-03-02", or "2026-03-02 10:00", in UTC."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def is_integer(table: str, column: str) -> bool:
    return (table, column) not in _TEXTS


def create(integer: str, summed: str) -> list[str]:
    text = 'TEXT COLLATE "C"' if integer == "BIGINT" else "TEXT"

    def typed(table: str, column: str) -> str:
        # The sums have no bound.
        is_summed = table in _TABLES and column in _TABLES[table].sums
        return summed if is_summed else integer if is_integer(table, column) else text

    return [f"CREATE TABLE {name} ({', '.join(f'{one} {typed(name, one)} NOT NULL' for one in of)})" for name, of in COLUMNS.items()]


def values(table: str, row: Mapping[str, Any]) -> list[Any]:
    """`row`, its instants read from text, its days worked out of them; what it does not say is "", or 0."""
    row = {
        column: at(value) if isinstance(value, str) and column.endswith("at") and is_integer(table, column) else value
        for column, value in row.items()
    }
    assert not row.keys() - COLUMNS[table], f"{table} has no {row.keys() - COLUMNS[table]}"
    for column in COLUMNS[table]:
        instant_of = "at" if column == "day" else f"{column[:-3]}_at"
        if column not in row and (column == "day" or column.endswith("_on")) and row.get(instant_of):
            row[column] = day(row[instant_of], "UTC")
    return [row.get(column, DEFAULTS.get(column, 0 if is_integer(table, column) else "")) for column in COLUMNS[table]]


def inserts(rows: Rows) -> list[tuple[str, list[Any]]]:
    found = []
    for table, of_table in {"reflects": [{"position": 7}], **rows}.items():
        marks = ", ".join("?" for _ in COLUMNS[table])
        found += [(f"INSERT INTO {table} VALUES ({marks})", values(table, row)) for row in of_table]
    return found


def sqlite(rows: Rows) -> tuple[sqlite3.Connection, Ask]:
    db = sqlite3.connect(":memory:")
    for statement in create("INTEGER", "BLOB"):
        db.execute(statement)
    for statement, of_row in inserts(rows):
        db.execute(statement, of_row)

    return db, SqliteAsk(db)


@asynccontextmanager
async def postgres(address: str) -> AsyncIterator[asyncpg.Connection]:
    # Without it, as our connections are: a long SELECT is compiled for seconds, to run for a millisecond.
    db = await asyncpg.connect(address, server_settings={"jit": "off"})
    try:
        async with db.transaction():
            for statement in create("BIGINT", "NUMERIC"):
                await db.execute(statement)
            yield db
    finally:
        await db.close()


async def filled(db: asyncpg.Connection, rows: Rows) -> Ask:
    """Ask of PostgreSQL, which holds nothing but `rows`."""
    await db.execute("".join(f"DELETE FROM {name};" for name in COLUMNS))
    for statement, of_row in inserts(rows):
        await db.execute(numbered(statement), *of_row)
    return PostgresAsk(db)
