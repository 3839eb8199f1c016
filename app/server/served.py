"""The engine behind the server: one that appends, one that places what is appended, and any number of readers."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from app.engine import tracing
from app.engine.access import with_servers
from app.engine.clock import now
from app.engine.embedded import Embedded, batch_of, is_of_files, keys_of, opened, reading
from app.engine.file_imports import Files
from app.engine.measures import LOOKED_AT_SECONDS_MAX, Measures
from app.engine.observer import Observer
from app.engine.ports import Engine, no_progress
from app.engine.simulation_mark import is_simulated
from app.engine.summary import Summary
from app.server.appending import Appender, fail, succeed, tell
from app.server.long_questions import LongQuestions
from app.settings import Servers, needs_clients
from journey.definition import Definition
from journey.errors import Away, NotPlaced, Refused
from journey.instants import SECOND, Instant
from schemas.incoming import Incoming
from streams.keys import Keys
from streams.operators import By
from streams.remarks import Say
from streams.scheduler import SCHEDULE_SECONDS, announce, next_strike
from streams.sqlite.record import FILE

if TYPE_CHECKING:
    from app.engine.distributed import Distributed
    from projections.stores.postgres import PostgresReadStore
    from streams.kafka.log import KafkaLog
    from streams.kafka.workers import AtWork

T = TypeVar("T")

Run = Callable[[Engine], Awaitable[T]]
"""What a request does with an engine, whichever it is."""

RunKeys = Callable[[Keys], Awaitable[T]]
"""What is done with the keys that are kept."""

READERS_MAX = 4
"""How many questions are answered at the same time; others wait their turn."""

ACKNOWLEDGED_SECONDS_MAX = 10.0
"""How long a request waits for the log to have what it published, before it is told to come again."""

IMPORTED_AT_ONCE_MAX = 2_000
"""How many records of a file are taken in at a time on embedded data: who publishes waits for so many."""

STRUCK_AT_ONCE_MAX = 500
"""How many deadlines are announced at a time on embedded data: nobody publishes meanwhile."""

AGAIN_SECONDS = 5.0
"""How long after the disk failed it what is in the log is placed again, where nothing else is to do before."""

LOOK_SECONDS = 0.2
"""How often the distributed server looks where the read models are while one of them can't tell it."""

LEVEL_SECONDS = 5.0
"""How often it looks how far they are behind while both tell it where they are."""

LISTEN_AGAIN_SECONDS = 0.5


class Served(Protocol):
    """What requests ask of an engine."""

    positions: "Positions"
    measures: Measures
    """What is done with the data, for Prometheus."""
    published: int
    """How many records this server has published."""
    is_simulated: bool
    """Whether some of the data is simulated: once it is, it stays so."""

    @property
    def definition(self) -> Definition:
        """The definition in use."""
        ...

    def staleness(self) -> float:
        """For how many seconds the read models have been behind; 0 where they are not."""
        ...

    async def publish(self, batch: Sequence[Incoming]) -> None:
        """Have the log keep `batch`, durably once this returns. Raises Away where it can't now, Refused where it can't at all."""
        ...

    async def read(self, run: Run[T]) -> T:
        """What `run` answers, of data that is only read."""
        ...

    async def read_at_length(self, run: Run[T], seconds: float) -> T:
        """As `read`, what may take minutes, and `seconds` at most: others are read meanwhile, and it ends where nobody waits for it. Raises
        HttpProblem where it takes longer, or too many such questions are under way."""
        ...

    async def change(self, run: Run[T]) -> T:
        """What `run` answers, which changes something other than by publishing."""
        ...

    async def keys(self, run: RunKeys[T]) -> T:
        """What `run` does with the keys that are kept: at once, whatever else is read or written."""
        ...

    async def duplicates(self) -> int:
        """How many touchpoints came that were there already."""
        ...

    async def change_at_length(self, run: Run[T]) -> T:
        """As `change`, what may take minutes: it does not hold up the event loop."""
        ...

    async def take_in(self, opened: Callable[[], Files], actor: str) -> tuple[Files, Summary]:
        """Take in the files that `opened` opens, as one import: others publish meanwhile. Raises Refused where they do not fit."""
        ...

    async def check(self) -> None:
        """Raises Away where the server can't answer questions now, with what is the matter."""
        ...

    async def check_log(self) -> None:
        """Raises Away where nothing can be published now because the log can't be reached."""
        ...

    async def at_work(self) -> "AtWork | None":
        """The workers that place what comes in; None where this server does. Raises Away, Refused."""
        ...


class Positions:
    """Where both read models are, told to whoever waits for it."""

    def __init__(self) -> None:
        self.position = 0
        self._moved = asyncio.Condition()

    async def reached(self, position: int) -> None:
        """Both read models are at `position`."""
        async with self._moved:
            self.position = max(self.position, position)
            self._moved.notify_all()

    async def wait(self, position: int, seconds: float) -> bool:
        """Whether both read models have `position`, within so many seconds."""
        try:
            async with asyncio.timeout(seconds), self._moved:
                await self._moved.wait_for(lambda: self.position >= position)
        except TimeoutError:
            return False
        return True


class _ToDo(Enum):
    """What the writer is to do beside changes."""

    place = auto()
    end = auto()


@dataclass(slots=True)
class _Job(Generic[T]):
    """A change that the writer is to run."""

    run: Run[T]
    done: "asyncio.Future[T]"


class ServedFolder:
    """A folder of embedded data. Who appends to it and who places are threads of their own: SQLite would hold up the event loop."""

    def __init__(self, folder: Path, say: Say, clock: Callable[[], Instant] = now) -> None:
        self.folder = folder
        self._clock = clock
        self._strikes_at: Instant | None = None
        self.positions = Positions()
        self.measures = Measures()
        self.published = 0
        self.is_simulated = False
        self._placed = Summary()
        self._behind_since: float | None = None
        self._say = say
        self._jobs: Queue[_Job[Any] | _ToDo] = Queue()
        self._is_to_place = False
        self._readers = asyncio.Semaphore(READERS_MAX)
        self._long = LongQuestions()
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._failure: Exception | None = None
        self._engine: Embedded | None = None
        self._doing: list[_Job[Any]] = []
        self._has_ended = False
        self._observer = Observer(self.measures)
        self._appender = Appender(folder / FILE, self._appended, self._observer.came_about, lambda: self._jobs.put(_ToDo.end))
        self._writer = threading.Thread(target=self._write, name="writer")

    @property
    def definition(self) -> Definition:
        assert self._engine is not None, "it is started"
        return self._engine.placement.definition

    def staleness(self) -> float:
        return 0.0 if self._behind_since is None else time.monotonic() - self._behind_since

    async def publish(self, batch: Sequence[Incoming]) -> None:
        self._check_writing()
        await self._appender.append(batch)
        self.published += len(batch)

    async def change(self, run: Run[T]) -> T:
        self._check_writing()
        job = _Job[T](run, self._loop.create_future())
        self._jobs.put(job)
        if self._has_ended:  # just now: whether it has seen the job is not known
            fail(job.done, Away("the server has stopped writing"))
        return await asyncio.shield(job.done)

    async def change_at_length(self, run: Run[T]) -> T:
        return await self.change(run)

    async def take_in(self, opened: Callable[[], Files], actor: str) -> tuple[Files, Summary]:
        files = await asyncio.to_thread(opened)
        meant = await self.read(files.recognise)
        await self.change(lambda engine: files.begin(engine, By(now(), actor, ""), meant))
        summary, records = Summary(), files.records(lambda _: None)
        while batch := await asyncio.to_thread(batch_of, records, IMPORTED_AT_ONCE_MAX):
            summary.add_up(await self.change(partial(self._taken_in, batch)))
        await self.change(lambda engine: files.end(engine, summary))
        return files, summary

    async def read(self, run: Run[T]) -> T:
        async def ran(engine: Engine) -> T:
            return await run(engine)

        def here() -> T:
            with reading(self.folder) as engine:
                return asyncio.run(ran(engine))

        async with self._readers:
            return await asyncio.to_thread(here)

    async def read_at_length(self, run: Run[T], seconds: float) -> T:
        async def asked() -> T:
            with reading(self.folder) as engine:
                return await run(engine)

        return await self._long.run(asked, seconds)

    async def keys(self, run: RunKeys[T]) -> T:
        async def ran(keys: Keys) -> T:
            return await run(keys)

        def here() -> T:
            with keys_of(self.folder) as keys:
                return asyncio.run(ran(keys))

        return await asyncio.to_thread(here)

    async def duplicates(self) -> int:
        return self._placed.duplicates

    async def check(self) -> None:
        if self._failure is not None:
            raise Away(str(self._failure))

    async def check_log(self) -> None:
        """It is in the file of the record, which is checked."""

    async def at_work(self) -> None:
        """This server places what comes in."""

    async def start(self) -> None:
        """Raises Refused where another process writes to the folder."""
        self._writer.start()
        try:
            await self._started
        except BaseException:
            self._jobs.put(_ToDo.end)  # Cancelled, it would wait for ever for something to do.
            raise
        self._appender.start()

    async def stop(self) -> None:
        """Returns when all that waits is done. Cancelled (by Ctrl-C), it is done all the same: the appender tells the writer to end."""
        self._appender.end()
        await asyncio.to_thread(self._writer.join)

    async def _taken_in(self, batch: Sequence[Incoming], engine: Engine) -> Summary:
        assert isinstance(engine, Embedded)
        await engine.place(self._placed)  # What others have published meanwhile is counted by itself.
        return await engine.ingest(batch)

    def _check_writing(self) -> None:
        if self._has_ended:
            raise Away(f"the server has stopped writing: {self._failure or 'it ends'}")

    def _appended(self) -> None:
        """The log has more. Said again before that is looked at, it is no more to do."""
        if not self._is_to_place:
            self._is_to_place = True
            self._behind_since = self._behind_since or time.monotonic()
            self._jobs.put(_ToDo.place)

    # --- in the writer's thread

    def _write(self) -> None:
        try:
            with opened(self.folder, self._say) as engine:
                asyncio.run(self._work(engine))
        except Exception as error:
            self._fail(error)
            tell(self._loop, fail, self._started, error)
        finally:
            # Nobody waits for what nobody does any more.
            self._has_ended = True
            self._appender.abandon()
            while not self._jobs.empty():
                self._doing += [job for job in [self._jobs.get()] if isinstance(job, _Job)]
            for job in self._doing:
                tell(self._loop, fail, job.done, Away("the server has stopped writing"))

    async def _work(self, engine: Embedded) -> None:
        engine.observer = self._observer
        await engine.start(self._say)
        await self._strike(engine)
        await engine.follow()
        self._engine = engine
        self.is_simulated = await is_simulated(engine)
        await self._moved(engine)
        tell(self._loop, succeed, self._started, None)
        while (job := self._next()) is not _ToDo.end:
            if isinstance(job, _Job):
                self._doing = [job]
                with self._appender.alone:
                    await self._settle(job, engine)
            await self._place(engine)
        while self._behind_since is not None and self._failure is None:
            await self._place(engine)

    async def _settle(self, job: _Job[T], engine: Embedded) -> None:
        try:
            answer = await job.run(engine)
            self.is_simulated = self.is_simulated or await is_simulated(engine)
            tell(self._loop, succeed, job.done, answer)
        except Exception as error:
            away = Away(f"the data in {self.folder} can't be written: {error}") if is_of_files(error) else error
            tell(self._loop, fail, job.done, away)

    async def _place(self, engine: Embedded) -> None:
        """Place what the log has, a unit of it at most, so that the read models have each before the next; the rest is to do."""
        began, self._is_to_place = time.monotonic(), False
        try:
            is_all = not await engine.place_unit(self._placed)
            await self._strike(engine)
            await engine.follow()
            # Before anybody is told: who was waiting for it may ask for readiness next.
            self._failure = None
            await self._moved(engine)
        except Exception as error:  # what is in the log stays there, and the next try begins with it
            self._fail(error)
            self._strikes_at = self._clock() + round(SCHEDULE_SECONDS * SECOND)
            return
        if is_all:
            # What has come meanwhile is no older than that.
            self._behind_since = began if self._is_to_place else None
        else:
            self._appended()

    async def _strike(self, engine: Embedded) -> None:
        """Announce what time alone has brought, and note when it brings more."""
        at, announced = self._clock(), engine.announced()
        await announce(announced, at, STRUCK_AT_ONCE_MAX)
        self._strikes_at = await next_strike(announced)

    async def _moved(self, engine: Embedded) -> None:
        position = min(await engine.marketing.position(), await engine.sales.position())
        if not self._loop.is_closed():  # else nobody asks any more
            asyncio.run_coroutine_threadsafe(self.positions.reached(position), self._loop)

    def _next(self) -> "_Job[Any] | _ToDo":
        """What is to be done next: a change, or a look at the log, at the latest when a deadline strikes. Where placing failed it is tried
        again after a while: who asks for readiness first has nobody publish till then."""
        if self._failure is not None:
            waits = None if isinstance(self._failure, NotPlaced) else AGAIN_SECONDS
        elif self._strikes_at is None:
            waits = None
        else:
            waits = min(max(self._strikes_at - self._clock(), 0) / SECOND, SCHEDULE_SECONDS)
        try:
            return self._jobs.get(timeout=waits)
        except Empty:
            return _ToDo.place

    def _fail(self, error: Exception) -> None:
        is_known = repr(error) == repr(self._failure)
        self._failure, self._behind_since = error, self._behind_since or time.monotonic()
        if not isinstance(error, Refused) and not is_known:
            self._say(f"placing failed: {error}" if isinstance(error, NotPlaced) else f"placing failed: {type(error).__name__}: {error}")


class ServedServers:
    """Kafka and PostgreSQL: workers place what is published here."""

    def __init__(self, place: Servers, engine: "Distributed", log: "KafkaLog") -> None:
        self.engine = engine
        self._place = place
        self.positions = Positions()
        self.measures = Measures()
        self.published = 0
        self.is_simulated = False
        self._shows: dict[str, int] = {}
        """Where each read model was seen to be."""
        self._behind_since: float | None = None
        self._definition: Definition | None = None
        self._log = log
        self._readers = asyncio.Semaphore(READERS_MAX)
        self._long = LongQuestions()
        self._there = 0
        """Where the record was seen to be."""
        self._listening: set[str] = set()
        """The read models that tell where they are."""
        self._wake = asyncio.Event()

    @property
    def definition(self) -> Definition:
        assert self._definition is not None, "it was looked up"
        return self._definition

    def staleness(self) -> float:
        return 0.0 if self._behind_since is None else time.monotonic() - self._behind_since

    async def publish(self, batch: Sequence[Incoming]) -> None:
        try:
            async with asyncio.timeout(ACKNOWLEDGED_SECONDS_MAX):
                await self._log.append(batch, now())
        except TimeoutError:
            raise Away(f"Kafka at {self.engine.kafka.bootstrap} does not acknowledge what is published") from None
        self.published += len(batch)

    async def read(self, run: Run[T]) -> T:
        async with self._readers:
            return await run(self.engine)

    async def read_at_length(self, run: Run[T], seconds: float) -> T:
        async def ran(engine: Engine) -> T:
            return await run(engine)

        # With connections of its own: those of the event loop are tied to it.
        return await self._long.run(lambda: with_servers(self._place, ran, self.engine.say, prepared=False), seconds)

    async def change(self, run: Run[T]) -> T:
        return await run(self.engine)

    async def keys(self, run: RunKeys[T]) -> T:
        return await run(self.engine.keys)

    async def duplicates(self) -> int:
        return (await self.engine.record.counted()).duplicates

    async def change_at_length(self, run: Run[T]) -> T:
        async def ran(engine: Engine) -> T:
            return await run(engine)

        # With connections of its own: those of the event loop are tied to it.
        return await asyncio.to_thread(lambda: asyncio.run(with_servers(self._place, ran, self.engine.say)))

    async def take_in(self, opened: Callable[[], Files], actor: str) -> tuple[Files, Summary]:
        async def run(engine: Engine) -> tuple[Files, Summary]:
            files = opened()
            return files, await files.take_in(engine, By(now(), actor, ""), lambda: nullcontext(no_progress))

        taken_in = await self.change_at_length(run)
        self.is_simulated = self.is_simulated or await is_simulated(self.engine)
        return taken_in

    async def check(self) -> None:
        await self.engine.record.position()
        await self._look()

    async def check_log(self) -> None:
        await self._in_time(self.engine.waiting())

    async def at_work(self) -> "AtWork":
        return await self._in_time(self.engine.at_work())

    async def _in_time(self, asked: Awaitable[T]) -> T:
        """What Kafka answers. Raises Away where it takes too long."""
        try:
            async with asyncio.timeout(LOOKED_AT_SECONDS_MAX):
                return await asked
        except TimeoutError:
            raise Away(f"Kafka at {self.engine.kafka.bootstrap} has not answered for {LOOKED_AT_SECONDS_MAX:.0f} s") from None

    async def follow(self) -> None:
        """Tell where both read models are, and which definition is in use, for as long as the server runs: they say so themselves as they
        commit, and who listens to neither looks."""
        async with asyncio.TaskGroup() as group:
            for store in (self.engine.marketing, self.engine.sales):
                group.create_task(self._listen(store))
            group.create_task(self._look_on())

    async def _listen(self, store: "PostgresReadStore") -> None:
        """Hear where `store` is, for as long as the server runs."""
        name, at = store.model.name, 0
        moved = asyncio.Event()

        def heard(position: int) -> None:
            nonlocal at
            at = position
            moved.set()

        while True:
            lost = asyncio.Event()

            def end(lost: asyncio.Event = lost) -> None:
                lost.set()
                moved.set()

            with suppress(Away):  # readiness says it, and every request does
                async with store.listening(heard, end):
                    self._listening.add(name)
                    # What was committed before is looked up.
                    self._wake.set()
                    while not lost.is_set():
                        await moved.wait()
                        moved.clear()
                        await self._reach(name, at)
            self._listening.discard(name)
            self._wake.set()
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    async def _look_on(self) -> None:
        while True:
            self._wake.clear()
            with suppress(Away):  # readiness says it, and every request does
                await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(LEVEL_SECONDS if self._listening == self._shows.keys() else LOOK_SECONDS):
                    await self._wake.wait()

    async def _look(self) -> None:
        self._there = await self.engine.record.position()
        self.is_simulated = self.is_simulated or await is_simulated(self.engine)
        for store in (self.engine.marketing, self.engine.sales):
            await self._reach(store.model.name, await store.position())

    async def _reach(self, name: str, at: int) -> None:
        """The read model `name` is at `at`, or further by now."""
        before = self._shows.get(name, 0)
        after = self._shows[name] = max(before, at)
        await self.measures.shown(name, self.engine.record, before, after)
        position = min(self._shows.get(store.model.name, 0) for store in (self.engine.marketing, self.engine.sales))
        self._behind_since = None if position >= self._there else self._behind_since or time.monotonic()
        if self._definition is None or position > self.positions.position:
            self._definition = await self.engine.definition()  # A switch has a position of its own.
        await self.positions.reached(position)


@asynccontextmanager
async def served(place: Path | Servers, say: Say) -> AsyncIterator[Served]:
    """The engine of `place`, to publish to and to read. Raises Refused where another process writes to the folder."""
    if isinstance(place, Path):
        folder = ServedFolder(place, say)
        await folder.start()
        try:
            yield folder
        finally:
            await folder.stop()
        return
    needs_clients()
    from app.engine import distributed
    from app.engine.distributed import until_there
    from streams.kafka.log import KafkaLog

    async with distributed.opened(place, say) as engine, KafkaLog(engine.kafka, tracing.current) as log:
        servers = ServedServers(place, engine, log)
        await until_there(servers.check, say)
        following = asyncio.create_task(servers.follow())
        try:
            yield servers
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
