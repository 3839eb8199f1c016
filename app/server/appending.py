"""The thread that appends to the log of a folder: what is published waits for the disk, and for no placing."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from app.engine import tracing
from app.engine.clock import now
from app.engine.embedded import is_of_files
from journey.errors import Away
from schemas.incoming import Incoming
from streams.placement import UNIT_BYTES_MAX, UNIT_RECORDS_MAX
from streams.sqlite.record import SqliteRecord

WAITING_BYTES_MAX = 4 * UNIT_BYTES_MAX
"""How many bytes wait to be appended at most: a request beyond that is told to come again."""


@dataclass(slots=True)
class _Waiting:
    """A batch that waits to be appended."""

    batch: Sequence[Incoming]
    done: "asyncio.Future[None]"
    size: int = field(init=False)
    trace: str | None = field(init=False)
    """In which it comes about."""

    def __post_init__(self) -> None:
        self.trace = tracing.current()
        self.size = sum(one.size for one in self.batch)


class Appender:
    """Appends all that waits in one go, by a connection of its own. The folder's lock is held by who has this."""

    def __init__(
        self, path: Path, appended: Callable[[], None], came_about: Callable[[int, int, str], None], ended: Callable[[], None]
    ) -> None:
        """`appended` is called from the thread each time that the log has more; before it, `came_about` is told the first and the last
        offset of what came about in a trace. `ended` is called when it appends nothing more."""
        self._came_about = came_about
        self.alone = threading.Lock()
        """Who holds it is sure that nothing is appended meanwhile."""
        self._path, self._appended, self._ended = path, appended, ended
        self._batches: Queue[_Waiting | None] = Queue()
        self._size = 0
        self._loop = asyncio.get_running_loop()
        self._has_ended = False
        self._doing: list[_Waiting] = []
        self._thread = threading.Thread(target=self._run, name="appender")

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Have it end when all that waits is appended."""
        self._batches.put(None)

    def abandon(self) -> None:
        """Append nothing more: nobody would place it."""
        self._has_ended = True
        self._batches.put(None)

    async def append(self, batch: Sequence[Incoming]) -> None:
        """Returns when the log has `batch`, durably. Raises Away."""
        waiting = _Waiting(batch, self._loop.create_future())
        if self._has_ended:
            raise _ended()
        if self._size + waiting.size > max(WAITING_BYTES_MAX, waiting.size):
            raise Away("more waits to be written than is held; come again")
        self._size += waiting.size
        self._batches.put(waiting)
        if self._has_ended:  # just now: whether it has seen the batch is not known
            fail(waiting.done, _ended())
        try:
            await asyncio.shield(waiting.done)
        finally:
            self._size -= waiting.size

    # --- in the thread

    def _run(self) -> None:
        try:
            with closing(SqliteRecord(self._path)) as record:
                asyncio.run(self._work(record))
        finally:
            # Nobody waits for what nobody does any more.
            self._has_ended = True
            while not self._batches.empty():
                self._doing += filter(None, [self._batches.get()])
            for one in self._doing:
                tell(self._loop, fail, one.done, _ended())
            self._ended()

    async def _work(self, record: SqliteRecord) -> None:
        while waiting := self._next():
            self._doing = waiting
            with self.alone:
                # One of them may be at fault, or the disk: each is told for itself.
                if len(waiting) == 1 or await self._failed(record, waiting) is not None:
                    for one in waiting:
                        await self._failed(record, [one])
            self._doing = []

    async def _failed(self, record: SqliteRecord, waiting: Sequence[_Waiting]) -> Exception | None:
        """Why the log does not keep all of it; None where it does. Tells who waits, where it is one or it went well."""
        try:
            last = await record.append([one for some in waiting for one in some.batch], now())
        except Exception as error:
            if len(waiting) == 1:
                away = Away(f"the data in {self._path.parent} can't be written: {error}") if is_of_files(error) else error
                tell(self._loop, fail, waiting[0].done, away)
            return error
        self._trace(waiting, last)
        # First, so that what is asked of the writer by who was answered comes after.
        self._appended()
        for one in waiting:
            tell(self._loop, succeed, one.done, None)
        return None

    def _trace(self, waiting: Sequence[_Waiting], last: int) -> None:
        first = last + 1 - sum(len(some.batch) for some in waiting)
        for some in waiting:
            if some.trace is not None:
                self._came_about(first, first + len(some.batch) - 1, some.trace)
            first += len(some.batch)

    def _next(self) -> list[_Waiting]:
        """All that waits, within the bounds of a unit; nothing where it is to end."""
        first = self._batches.get()
        if first is None:
            return []
        waiting, size, count = [first], first.size, len(first.batch)
        while size < UNIT_BYTES_MAX and count < UNIT_RECORDS_MAX:
            try:
                one = self._batches.get_nowait()
            except Empty:
                break
            if one is None:
                self._batches.put(None)
                break
            waiting.append(one)
            size, count = size + one.size, count + len(one.batch)
        return waiting


def _ended() -> Away:
    return Away("the server has stopped writing")


def succeed(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)


def fail(future: "asyncio.Future[Any]", error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def tell(loop: asyncio.AbstractEventLoop, how: Callable[..., None], future: "asyncio.Future[Any]", what: Any) -> None:
    """From another thread than the one of `loop`. Where that has ended, so has who waited."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(how, future, what)
