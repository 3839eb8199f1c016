"""`journey worker`: placement, relay, projections and scheduler, hosted by Faust in one process or spread over several."""

import asyncio
import ctypes
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import KafkaError

from app.engine.clock import now
from app.engine.distributed import Distributed, until_there
from app.engine.generations import follow as followed
from app.engine.logs import failed as tell_failed
from app.engine.ports import RecordKeeper
from journey.errors import FAILED_EXIT, Away, Refused
from projections.stores.postgres import PostgresReadStore
from streams.kafka.client import meaning
from streams.kafka.relay import telling
from streams.kafka.source import Source
from streams.placement import Placement
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.database import Database
from streams.postgres.record import PostgresRecord
from streams.pump import Pump, watch
from streams.remarks import Outage, Say, SayAs
from streams.scheduler import SCHEDULE_SECONDS, announce

POLL_SECONDS = 0.02
"""How long a projection or the relay waits where nothing was new: part of the time from a touchpoint to its row."""

RESTING_POLLS, RESTING_SECONDS = 10, 0.1
"""After so many times of nothing new it waits for longer: the database has to answer each time."""

RETRY_SECONDS = 0.5
HEAD_START_SECONDS_MAX = 2.0
STOP_SECONDS_MAX = 8.0

M_MMAP_THRESHOLD = -3
OWN_PART_BYTES = 1024 * 1024
"""What is at least so large has a part of the memory to itself, which goes back to the system when it is freed."""

if TYPE_CHECKING:
    from app.engine.worker_health import Health

Task = Callable[[], Coroutine[Any, Any, None]]
Round = Callable[[], Awaitable[int]]


class Failure(NamedTuple):
    """What ended a part of the work."""

    part: str
    error: BaseException


async def work(engine: Distributed, instance: str, only: str | None, say_as: SayAs, health: "Health | None" = None) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit status. A bug stops the worker, loudly: a wrong number is worse."""
    _give_memory_back()
    say = engine.say
    stopping = asyncio.Event()
    failures: list[Failure] = []

    def failed(part: str, error: BaseException) -> None:
        failures.append(Failure(part, error))
        stopping.set()

    def stop(by: signal.Signals) -> None:
        if not stopping.is_set():
            say(f"stopping: {by.name}")
        stopping.set()

    if health is not None:
        engine.observer.measures = health.measures
        health.begun(engine, [store for store in (engine.marketing, engine.sales) if only in (None, store.model.name)])
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop, one)
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(engine, instance, only, failed, stack, say_as, health))
        told_to = asyncio.create_task(stopping.wait())
        await asyncio.wait([starting, told_to], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
        elif error := starting.exception():
            failed("worker", error)
        else:
            say(f"worker {instance} is at work: {', '.join(starting.result())}")
        await told_to
        status = _told(failures, say_as)
        # What hangs on a server that is away must not hold us up: nothing that is left to do has to be done.
        loop.call_later(STOP_SECONDS_MAX, _leave, status, say)
        await asyncio.wait([starting])
    return status


def _give_memory_back() -> None:
    """glibc, once something large was freed, puts what comes next among all else, and its gaps are never given back: 200 MB after a few
    records of 15 MB. Other libraries have no such call, and need none.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, OWN_PART_BYTES)


async def _start(
    engine: Distributed,
    instance: str,
    only: str | None,
    failed: Callable[[str, BaseException], None],
    stack: AsyncExitStack,
    say_as: SayAs,
    health: "Health | None",
) -> list[str]:
    """Begin all the work, and see to it that `stack` ends it. Waits for what is away. Returns what it is."""

    async def guarded(name: str, run: Task) -> None:
        try:
            await run()
        except Exception as error:
            failed(name, error)

    tasks, pump = await parts(engine, instance, only, stack, say_as)
    if health is not None:
        health.pump = pump
    running = [asyncio.create_task(guarded(name, run), name=name) for name, run in tasks]
    for task in running:
        stack.callback(task.cancel)
    engine.say(f"worker {instance} begins: {', '.join(task.get_name() for task in running)}")
    # To import Faust and to join its group take longer than all else that a start does: what was left waiting goes first.
    head_start = time.monotonic() + HEAD_START_SECONDS_MAX
    while pump is not None and not pump.is_under_way() and time.monotonic() < head_start:
        await asyncio.sleep(POLL_SECONDS)
    faust_app = await asyncio.to_thread(import_module, "streams.faust_app")

    async def hosted() -> None:
        # One that could not be started can't be started again.
        app = faust_app.make_app(engine.kafka, instance, _hinted)
        try:
            await faust_app.host(app, running)
        except BaseException as error:
            await app.stop()
            if isinstance(error, KafkaError):
                raise meaning(error, engine.kafka.bootstrap) from error
            raise
        stack.push_async_callback(app.stop)

    await until_there(hosted, say_as("faust"))
    if health is not None:
        health.is_at_work = True
    return [task.get_name() for task in running]


async def _hinted(hint: bytes) -> None:
    """Operators' hints only wake us up; the control log is read for what they decided."""


class Parts(NamedTuple):
    """The parts of the work by name, and the pump, where placement is one of them."""

    tasks: list[tuple[str, Task]]
    pump: Pump | None


async def parts(engine: Distributed, instance: str, only: str | None, stack: AsyncExitStack, say_as: SayAs) -> Parts:
    """`stack` closes what they use."""
    tasks: list[tuple[str, Task]] = []
    pump: Pump | None = None
    if only in (None, "placement"):
        source = Source(engine.kafka, instance, engine.record.topic, engine.record.offsets)
        await until_there(source.start, say_as("source"))
        stack.push_async_callback(source.stop)
        definition = await until_there(engine.definition, say_as("placement"))
        pump = Pump(source, Placement(definition, engine.record), engine.definition, say_as, engine.observer.placed)
        stack.callback(pump.flush)
        stack.callback(watch(pump.is_stuck, say_as("placement")))
        tasks += [("source", pump.fetch), ("placement", pump.place)]
    if only != "placement":
        # By those who have the read models: where placement is a process of its own, it is the one that has no time to spare.
        # A record is for one writer, and the scheduler is another one than placement.
        writer = PostgresRecord(Database(engine.postgres), engine.record.topic)
        stack.push_async_callback(writer.close)
        announcements = PostgresAnnouncements(writer)
        relay = partial(telling, engine.kafka, engine.record, announcements)
        scheduler = doing(lambda: announce(announcements, now()))
        tasks.append(("relay", lambda: keep_doing(engine, "relay", relay, POLL_SECONDS, say_as("relay"))))
        tasks.append(("scheduler", lambda: keep_doing(engine, "scheduler", scheduler, SCHEDULE_SECONDS, say_as("scheduler"))))
    for name, store in (("marketing", engine.marketing), ("sales", engine.sales)):
        if only is None or only == name:
            tasks.append((name, _following(engine, store, name, say_as(name))))
    return Parts(tasks, pump)


def _following(engine: Distributed, store: PostgresReadStore, name: str, say: Say) -> Task:
    async def step() -> int:
        before, began = await store.position(), time.monotonic()
        after = await followed(engine, store, say)
        await engine.observer.followed(engine.record, store.model, before, after, began)
        return after - before

    @asynccontextmanager
    async def taking_over() -> AsyncIterator[Round]:
        # Looked at in this order, none that follows the record is ahead of it.
        stands, position = await store.position(), await engine.record.position()
        if stands > position:
            raise Refused(
                f"{name}'s read model in {store.database.place} is at unit {stands}, and the record in {engine.record.database.place} at"
                f" {position}: the record is of an older backup. `DROP SCHEMA {name} CASCADE` there, and a worker fills it anew"
            )
        yield step

    async def follow() -> None:
        await until_there(store.prepare, say)
        await keep_doing(engine, name, taking_over, POLL_SECONDS, say)

    return follow


def doing(step: Round) -> Callable[[], AbstractAsyncContextManager[Round]]:
    """For what needs nothing to begin with. See `keep_doing`."""
    return lambda: nullcontext(step)


async def keep_doing(
    engine: RecordKeeper, name: str, taking_over: Callable[[], AbstractAsyncContextManager[Round]], pause: float, say: Say
) -> None:
    """Call a step again and again, as the only one among all workers; whoever is not waits to take over.

    Each time that it does, `taking_over` gives the step, and what it needs.
    """
    outage = Outage(say)
    while True:
        try:
            async with engine.alone(name), taking_over() as step:
                idle = 0
                while True:
                    done = await step()
                    outage.is_over()
                    idle = 0 if done else idle + 1
                    if idle:
                        await asyncio.sleep(pause if idle <= RESTING_POLLS else max(pause, RESTING_SECONDS))
        except Away as away:
            outage.goes_on(away)
            await asyncio.sleep(RETRY_SECONDS)


def _told(failures: list[Failure], say_as: SayAs) -> int:
    for part, error in failures:
        if isinstance(error, Refused):
            say_as(part)(", ".join(map(str, error.args)), logging.ERROR)
            return 1
        tell_failed(part, error)
    return FAILED_EXIT if failures else 0


def _leave(status: int, say: Say) -> None:
    say(f"stopped, and has not waited for what did not end within {STOP_SECONDS_MAX:.0f} s", logging.WARNING)
    os._exit(status)
