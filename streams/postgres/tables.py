"""The tables of the record, brought up to date by numbered files of SQL. Workers that start at once wait for each other here."""

from pathlib import Path
from typing import NamedTuple

from journey.errors import Refused
from streams.postgres.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATING = 7_001
MIGRATION_MS_MAX = 600_000


async def migrate(database: Database, folder: Path = MIGRATIONS) -> None:
    """Run the files of `folder` that this database has not seen, in order, all or none. Raises Refused where it has seen more."""
    steps = _steps(folder)
    async with database.transaction() as db:
        await db.execute(f"SET LOCAL lock_timeout = {MIGRATION_MS_MAX}; SET LOCAL statement_timeout = {MIGRATION_MS_MAX}")
        await db.execute(f"SELECT pg_advisory_xact_lock({MIGRATING})")
        encoding = await db.fetchval("SHOW server_encoding")
        if encoding != "UTF8":
            raise Refused(f"{database.place} holds text as {encoding}; make the database with ENCODING 'UTF8'")
        # To make what is there already needs the right to make it, which the role need not have.
        if await db.fetchval("SELECT to_regnamespace('journey')") is None:
            await db.execute("CREATE SCHEMA journey")
        if await db.fetchval("SELECT to_regclass('journey.migrations')") is None:
            await db.execute("CREATE TABLE journey.migrations (number INTEGER PRIMARY KEY, file TEXT NOT NULL)")
        done: int = await db.fetchval("SELECT COUNT(*) FROM journey.migrations")
        if done > len(steps):
            raise Refused(
                f"the record in {database.place} was written by a newer version of journey"
                f" (its tables are at {done}, this version knows {len(steps)})"
            )
        for number, step in enumerate(steps[done:], start=done + 1):
            await db.execute(step.sql)
            await db.execute("INSERT INTO journey.migrations VALUES ($1, $2)", number, step.file)


class _Migration(NamedTuple):
    file: str
    sql: str


def _steps(folder: Path) -> list[_Migration]:
    return [_Migration(path.name, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.sql"))]
