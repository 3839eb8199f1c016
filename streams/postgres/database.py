"""PostgreSQL as we use it: how it is reached, how long anything may take or be held, and what its errors mean to us.

Connections are direct or from a pooler in session mode: prepared statements and advisory locks belong to a session.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from journey.errors import Away, Refused
from streams.postgres.address import read_address
from streams.postgres.error_messages import lost, meaning
from streams.postgres.lock_sessions import Connection, SessionThread, kept_awake

SERVER_VERSION_MIN = 14
"""The first one that ends sessions which sleep on a lock."""

CONNECTIONS_MAX = 12
"""Of one process to one database: one for each thing that it does at a time, and as many for locks that it holds for long."""
CONNECT_SECONDS_MAX = 10
CLOSE_SECONDS_MAX = 5

IDLE_IN_TRANSACTION_MS_MAX = 3_000
"""How long a writer may sleep inside a transaction: as long does a frozen one hold its successor up."""

LOCK_MS_MAX = 6_000
"""How long a lock is waited for. More than IDLE_IN_TRANSACTION_MS_MAX, so that who waits for a frozen writer gets its turn."""

STATEMENT_MS_MAX = 60_000
ANSWER_SECONDS_MAX = 75
"""How long we wait for an answer: longer than the server lets a statement run, so that only a lost server is given up."""

ALONE_IDLE_MS_MAX = 6_000
ALONE_RETRY_SECONDS = 1.5

SESSION = {
    "application_name": "journey",
    "lock_timeout": str(LOCK_MS_MAX),
    "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_MS_MAX),
    "statement_timeout": str(STATEMENT_MS_MAX),
    # A peer whose machine is gone is noticed after this, and what it locked is free.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25000",
    # We look things up by key, thousands in a query. The planner, which guesses from tables that have just grown, must not read all
    # of a table instead, nor plan for every array anew.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}


class Database:
    """The database at `address`. Connects when it is first asked, and again whenever a connection was lost."""

    def __init__(self, address: str, variable: str = "JOURNEY_POSTGRES") -> None:
        """`variable` is where people said the address. Raises Refused where it can't be read."""
        self._address = read_address(address, variable)
        self._reached = False
        self._ready: set[int] = set()
        self._opening = asyncio.Lock()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._thread: SessionThread | None = None
        self._kept: asyncpg.Pool[asyncpg.Record] | None = None
        """The thread's connections."""

    @property
    def place(self) -> str:
        """Where it is, without what is secret."""
        return self._address.place

    async def close(self) -> None:
        if self._pool is not None:
            await _closed(self._pool)
            self._pool = None
        if self._thread is not None:
            if self._kept is not None:
                await self._thread.run(_closed(self._kept))
                self._kept = None
            await self._thread.close()
            self._thread = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One of at most CONNECTIONS_MAX. What goes wrong on it is named: Away, Refused."""
        pool = await self._opened()
        db = await self._acquired(pool)
        try:
            with self.named(db):
                yield db
        finally:
            with self.named(db):
                await pool.release(db)

    async def ready(self, db: Connection, statements: Iterable[tuple[str, Sequence[Any]]]) -> None:
        """Have `statements` prepared on this connection, each run once with values that change nothing.

        Whatever runs while a lock is held must be: asyncpg asks for a statement to be prepared without ending the exchange, and a
        writer that freezes right then is not idle to the server, which so would never end it.
        """
        session = db.get_server_pid()
        if session not in self._ready:
            for sql, values in statements:
                await db.fetch(sql, *values)
            self._ready.add(session)

    @contextmanager
    def named(self, db: "asyncpg.Connection[asyncpg.Record] | Connection") -> Iterator[None]:
        """Say what an error on `db` means to us."""
        try:
            yield
        except asyncpg.InterfaceError as error:
            if not is_lost(db):
                raise
            raise self._away(error) from error
        except asyncpg.InternalClientError as error:
            # So asyncpg says that the server's farewell came between two statements.
            if not is_lost(db):
                db.terminate()
            raise self._away(error) from error
        except (asyncpg.PostgresError, TimeoutError) as error:
            raise self._meaning(error) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection with a transaction around it. READ COMMITTED: what must not change meanwhile is locked."""
        async with self.connection() as db, transaction(db):
            yield db

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[None]:
        """Held by one at a time in all the world, and waited for. Who freezes loses it, and finds out by Away when it thaws.

        Who is hard at work does not lose it.
        """
        holder = asyncio.current_task()
        assert holder is not None
        is_gone = False

        def lose() -> None:
            nonlocal is_gone
            is_gone = True
            holder.cancel()

        try:
            async with self.awake(lose) as db:
                while not await db.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", f"journey {name}"):
                    await asyncio.sleep(ALONE_RETRY_SECONDS)
                await db.execute(f"SET idle_session_timeout = {ALONE_IDLE_MS_MAX}")
                try:
                    yield
                finally:
                    if not is_lost(db):
                        await db.execute("SELECT pg_advisory_unlock_all(); RESET idle_session_timeout")
        except asyncio.CancelledError:
            if is_gone and not holder.uncancel():
                raise Away(
                    f"{self.place} ended the session that had {name!r} for us, or we were silent in it for too long", outage=self.place
                ) from None
            raise

    @asynccontextmanager
    async def awake(self, lost: Callable[[], None] = lambda: None) -> AsyncIterator[Connection]:
        """A connection that is never silent while it is ours, whatever else we do. Calls `lost` where it is no more."""
        async with self._opening:
            if self._thread is None:
                self._thread = SessionThread()
            if self._kept is None:
                self._kept = await self._thread.run(self._made())
        thread, pool = self._thread, self._kept
        db = await thread.run(self._acquired(pool))
        try:
            async with kept_awake(thread, db, lost) as session:
                with self.named(session):
                    yield session
        finally:
            with self.named(db):
                await thread.run(pool.release(db))

    async def _acquired(self, pool: "asyncpg.Pool[asyncpg.Record]") -> Connection:
        try:
            db: Connection = await pool.acquire(timeout=CONNECT_SECONDS_MAX)
        except (asyncpg.PostgresError, OSError) as error:
            raise self._meaning(error) from error
        except ValueError:
            # What it says may quote what is secret. (A certificate that is not trusted is an OSError, and a ValueError as well.)
            raise Refused(f"{self.place} can't be asked as {self._address.variable} says: one of its settings can't be used") from None
        self._reached = True
        return db

    async def _opened(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await self._made()
        return self._pool

    async def _made(self) -> "asyncpg.Pool[asyncpg.Record]":
        """A pool of the event loop that this runs in."""
        address = self._address
        return await asyncpg.create_pool(
            address.dsn,
            host=list(address.hosts) or None,
            port=list(address.ports) or None,
            ssl=address.tls(),
            min_size=0,
            max_size=CONNECTIONS_MAX,
            max_inactive_connection_lifetime=0,
            max_cached_statement_lifetime=0,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=ANSWER_SECONDS_MAX,
            server_settings=SESSION,
            init=self._begin,
            reset=_as_it_is,
        )

    async def _begin(self, db: "asyncpg.Connection[asyncpg.Record] | Connection") -> None:
        # Of an earlier session, where the server has given its number again.
        self._ready.discard(db.get_server_pid())
        if len(self._ready) >= CONNECTIONS_MAX:
            # Some are of sessions that are no more. Those that still are get ready once more.
            self._ready.clear()
        if db.get_server_version().major < SERVER_VERSION_MIN:
            raise Refused(f"{self.place} is of version {db.get_server_version().major}; {SERVER_VERSION_MIN} is the oldest that works")
        # It may be lost as soon as it is made.
        with self.named(db):
            # Acknowledged means durable, whatever the server does for others.
            await db.execute("SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'")
            # What we add up are integers, also where the sum of them is a numeric.
            await db.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=int, format="text")

    def _meaning(self, error: Exception) -> Exception:
        if isinstance(error, ssl.SSLCertVerificationError):
            return Refused(
                f"{self.place} has a certificate that is not trusted: {error.verify_message}; say whom to trust by sslrootcert=FILE in"
                f" {self._address.variable}, or trust whoever answers by sslmode=require"
            )
        if isinstance(error, ConnectionError) and "rejected SSL upgrade" in str(error):
            return Refused(
                f"{self.place} speaks no TLS, which {self._address.mode} asks for; for a private network say sslmode=disable in"
                f" {self._address.variable}"
            )
        return meaning(error, self.place, is_new=not self._reached)

    def _away(self, error: Exception) -> Away:
        return lost(error, self.place)


@asynccontextmanager
async def transaction(db: Connection, begin: str = "BEGIN") -> AsyncIterator[None]:
    """All of it, or nothing. One that has been committed within is left as it is."""
    try:
        await db.execute(begin)
        yield
    except BaseException:
        if not is_lost(db):
            # Whether it is in a transaction it does not know yet, where `begin` was cancelled: the answer to that comes first, and this
            # waits for it. Where there is no transaction, it does nothing.
            await db.execute("ROLLBACK")
        raise
    if db.is_in_transaction():
        await db.execute("COMMIT")


def is_lost(db: "asyncpg.Connection[asyncpg.Record] | Connection") -> bool:
    """Whether the connection is no more. The pool takes back one that breaks, and it then answers nothing."""
    try:
        return db.is_closed()
    except asyncpg.InterfaceError:
        return True


async def _as_it_is(db: "asyncpg.Connection[asyncpg.Record] | Connection") -> None:
    """Nothing to reset when a connection is given back: nothing is left behind on one, and to reset takes a round trip."""


async def _closed(pool: "asyncpg.Pool[asyncpg.Record]") -> None:
    try:
        await asyncio.wait_for(pool.close(), CLOSE_SECONDS_MAX)
    except TimeoutError:
        pool.terminate()
