"""Sessions that hold a lock for long. They live in a thread of their own, so that what keeps them awake never waits for Python's work.

A session that says nothing is ended by the server, with what it holds: so does a process that is frozen, all threads of it, give way to
another. One that is hard at work says something all the while; and one whose event loop does not turn at all is let go by ourselves.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy

T = TypeVar("T")

if TYPE_CHECKING:
    Connection = PoolConnectionProxy[asyncpg.Record]
else:
    Connection = PoolConnectionProxy

BEAT_SECONDS = 1.0
"""How often a session says something: several times within the shortest time that the server lets one say nothing."""

STUCK_SECONDS_MAX = 120.0
"""How long the event loop may not turn, which is how long a piece of Python's work may take, until what it holds is let go."""

REST_SECONDS_MAX = 5.0
"""How long what is left to do in the thread may take when it ends."""

LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class SessionThread:
    """The thread, and its event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="keeps sessions awake", daemon=True)
        self._thread.start()

    async def run(self, doing: Coroutine[Any, Any, T]) -> T:
        """What `doing` comes to over there. Cancelled here, it is cancelled there."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(doing, self._loop))

    def call(self, do: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(do)

    async def close(self) -> None:
        # What was cancelled here may still be on its way there, such as a connection that is being made.
        await self.run(_rest_ended())
        self.call(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


async def _rest_ended() -> None:
    """All else of this loop is over: what was cancelled has put in order what it began."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    if rest:
        await asyncio.wait(rest, timeout=REST_SECONDS_MAX)


class WatchedSession:
    """A session of the thread, used from here like any other: one statement at a time, and a word in between where it is silent."""

    def __init__(self, thread: SessionThread, db: Connection) -> None:
        self._thread, self._db = thread, db
        self._one_at_a_time = asyncio.Lock()
        self._here = asyncio.get_running_loop()
        self._turned_at = time.monotonic()

    async def execute(self, query: str, *values: Any, **more: Any) -> Any:
        return await self._there(lambda: self._db.execute(query, *values, **more))

    async def fetch(self, query: str, *values: Any, **more: Any) -> Any:
        return await self._there(lambda: self._db.fetch(query, *values, **more))

    async def fetchrow(self, query: str, *values: Any, **more: Any) -> Any:
        return await self._there(lambda: self._db.fetchrow(query, *values, **more))

    async def fetchval(self, query: str, *values: Any, **more: Any) -> Any:
        return await self._there(lambda: self._db.fetchval(query, *values, **more))

    def is_closed(self) -> bool:
        return self._db.is_closed()

    def is_in_transaction(self) -> bool:
        return self._db.is_in_transaction()

    def get_server_pid(self) -> int:
        return self._db.get_server_pid()

    def terminate(self) -> None:
        self._thread.call(self._db.terminate)

    async def _there(self, statement: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async def say() -> T:
            async with self._one_at_a_time:
                return await statement()

        return await self._thread.run(say())

    async def begin(self, lost: Callable[[], None]) -> None:
        """In the thread: keep the session awake from now on. Calls `lost` here when it is no more."""
        self._beating = asyncio.create_task(self._beat(lost))

    async def end(self) -> None:
        """In the thread: between two statements, so that none is broken off."""
        async with self._one_at_a_time:
            self._beating.cancel()

    async def _beat(self, lost: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # There is no `here` any more.
            try:
                while not self._is_stuck():
                    await asyncio.sleep(BEAT_SECONDS)
                    async with self._one_at_a_time:
                        # A transaction that has failed says so, and is awake.
                        with suppress(asyncpg.InFailedSQLTransactionError):
                            await self._db.execute("SELECT 1")
                    self._here.call_soon_threadsafe(self._turned)
                self._db.terminate()
            except LOST:
                pass
            self._here.call_soon_threadsafe(lost)

    def _turned(self) -> None:
        self._turned_at = time.monotonic()

    def _is_stuck(self) -> bool:
        return time.monotonic() - self._turned_at > STUCK_SECONDS_MAX


@asynccontextmanager
async def kept_awake(thread: SessionThread, db: Connection, lost: Callable[[], None] = lambda: None) -> AsyncIterator[Connection]:
    """`db`, a session of the thread's, for use from here. `lost` is called when it is no more, unless this is over by then."""
    over = False

    def gone() -> None:
        if not over:
            lost()

    session = WatchedSession(thread, db)
    await thread.run(session.begin(gone))
    try:
        yield cast("Connection", session)
    finally:
        over = True
        await thread.run(session.end())
