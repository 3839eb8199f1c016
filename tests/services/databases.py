"""Empty databases of PostgreSQL. One that was used is emptied and used again: to make one and to drop it takes ten times as long.

It has another name each time, so that who was left behind by the test before finds nothing.
"""

import asyncio
import atexit
import contextlib
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.services.processes import answer

TIDY_SECONDS_MAX = 60.0
LEAVE_SECONDS = 0.05

_EMPTY: defaultdict[str, list[str]] = defaultdict(list)
"""By server: those that are ready to be used again."""


@contextlib.contextmanager
def fresh_database(server: str) -> Iterator[str]:
    """The address of an empty database, which is gone in the end, whoever is still in it."""
    name = f"t{uuid.uuid4().hex[:12]}"
    answer(make(server, name), within=TIDY_SECONDS_MAX)
    yield at(server, name)
    answer(take_away(server, name), within=TIDY_SECONDS_MAX)


def at(server: str, name: str) -> str:
    """The address of the database `name`."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{name}"))


async def make(server: str, name: str) -> None:
    """Raises asyncpg.DuplicateDatabaseError where there is one of that name."""
    async with connected(server) as connection:
        if not _EMPTY[server]:
            await connection.execute(f"CREATE DATABASE {name}")
            return
        # Taken first: another task may want one meanwhile.
        kept = _EMPTY[server].pop()
        try:
            await connection.execute(f"ALTER DATABASE {kept} RENAME TO {name}")
        except asyncpg.DuplicateDatabaseError:
            _EMPTY[server].append(kept)
            raise


async def take_away(server: str, name: str) -> None:
    """Whoever is still in it is thrown out."""
    kept = f"e{uuid.uuid4().hex[:12]}"
    async with connected(server) as connection:
        while True:
            await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            try:
                await connection.execute(f"ALTER DATABASE {name} RENAME TO {kept}")
                break
            except asyncpg.ObjectInUseError:
                await asyncio.sleep(LEAVE_SECONDS)
    async with connected(at(server, kept)) as connection:
        schemas = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE NOT starts_with(nspname::TEXT, 'pg_') AND nspname <> 'information_schema'"
        )
        for (schema,) in schemas:
            await connection.execute(f'DROP SCHEMA "{schema}" CASCADE')
        await connection.execute("CREATE SCHEMA public")
    _EMPTY[server].append(kept)


@contextlib.asynccontextmanager
async def connected(address: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection, which is closed in the end."""
    connection = await asyncpg.connect(address)
    try:
        yield connection
    finally:
        await connection.close()


@atexit.register
def _drop() -> None:
    """A server of the environment stays, and is left as it was."""

    async def drop(server: str, names: list[str]) -> None:
        async with connected(server) as connection:
            for name in names:
                await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    for server, names in _EMPTY.items():
        # One that was started for a few tests is gone by now.
        with contextlib.suppress(OSError, asyncpg.PostgresError, TimeoutError):
            asyncio.run(asyncio.wait_for(drop(server, names), TIDY_SECONDS_MAX))
