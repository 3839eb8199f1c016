"""What a soak is made of: touchpoints that flow all the time, and the faults that meet the processes meanwhile."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import NamedTuple

import asyncpg
import orjson

from app.engine.clock import now
from app.simulation.world import simulate
from journey.errors import Away
from schemas.incoming import Incoming
from streams.kafka.log import KafkaLog, held
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics, topic_id
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.database import Database
from streams.postgres.record import PostgresRecord
from tests.app.command import Ran, journey
from tests.e2e.workers import Place
from tests.services.service import Service
from tests.streams.kafka.clients import read

BATCHES_PER_SECOND = 10
WINDOW = 1_000
"""Touchpoints that are shuffled at a time."""
LATE_SHARE, TWICE_SHARE = 0.03, 0.05
PROGRESS_SECONDS_MAX = 90.0
COMMAND_SECONDS_MAX = 900.0
"""All of a long soak is derived anew while more flows in, on a machine that does other work too."""
LOOK_SECONDS = 0.02
FROZEN_SECONDS = 8.0
"""Longer than a worker keeps its partitions without a sign of life."""
WORKERS = ("w1", "w2")


def feed(seed: int, customers: int) -> Iterator[bytes]:
    """A simulated company's touchpoints as they come in reality: out of order, some twice, and some much later."""
    chance = random.Random(seed)
    lines = simulate(customers=customers, days=180, seed=seed, start=date(2025, 1, 1))
    late: list[bytes] = []
    while window := list(islice(lines, WINDOW)):
        late += (some := [line for line in window if chance.random() < LATE_SHARE])
        kept = set(some)
        window = [line for line in window if line not in kept]
        window += chance.sample(window, int(len(window) * TWICE_SHARE))
        if len(late) > WINDOW:
            chance.shuffle(late)
            window += late[WINDOW // 2 :]
            del late[WINDOW // 2 :]
        chance.shuffle(window)
        yield from window
    yield from late


class Flow:
    """Publishes a feed at a rate, again and again until Kafka has acknowledged it. What was is in `acknowledged`, in its order."""

    def __init__(self, settings: KafkaSettings, lines: Iterable[bytes], rate: int) -> None:
        self.acknowledged: list[bytes] = []
        self._settings = settings
        self._lines = iter(lines)
        self._size = max(1, rate // BATCHES_PER_SECOND)
        self._open = asyncio.Event()
        self._open.set()
        self._idle = asyncio.Event()

    async def run(self) -> None:
        batch: list[bytes] = []
        while True:
            with suppress(Away):
                async with KafkaLog(self._settings) as log:
                    while batch := batch or list(islice(self._lines, self._size)):
                        self._idle.set()
                        await self._open.wait()
                        self._idle.clear()
                        appending = log.append([Incoming(line, "soak", "soak") for line in batch], now())
                        await asyncio.gather(appending, asyncio.sleep(1 / BATCHES_PER_SECOND))
                        self.acknowledged += batch
                        batch = []
                    self._idle.set()
                    return
            await asyncio.sleep(LOOK_SECONDS)

    async def pause(self) -> None:
        self._open.clear()
        await self._idle.wait()

    def go_on(self) -> None:
        self._open.set()


class Met(NamedTuple):
    """A fault, and how long it took from its end until every partition had moved on."""

    fault: str
    seconds: float


@dataclass
class Trial:
    place: Place
    kafka: Service
    postgres: Service
    chance: random.Random
    flow: Flow
    met: list[Met] = field(default_factory=list)
    kills: int = 0
    ended: list[str] = field(default_factory=list)
    """Workers that ended by themselves, with their exit status."""

    async def offsets(self) -> dict[int, int]:
        """Where the record stands; waits for it."""
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                db = await asyncpg.connect(self.place.postgres, timeout=2)
                try:
                    return {row[0]: row[1] for row in await db.fetch('SELECT "partition", "offset" FROM journey.offsets')}
                finally:
                    await db.close(timeout=2)
            await asyncio.sleep(LOOK_SECONDS)

    async def meet(self, fault: str) -> Met:
        """Let `fault` happen, and wait until every partition has moved on since."""
        began = await FAULTS[fault](self)
        stood = await self.offsets()
        deadline = time.monotonic() + PROGRESS_SECONDS_MAX
        while True:
            self.raise_the_dead()
            moved = await self.offsets()
            if moved.keys() >= stood.keys() and all(moved[one] > last for one, last in stood.items()):
                break
            assert time.monotonic() < deadline, f"no progress after {fault}: {stood} -> {moved}\n{self.said()}"
            await asyncio.sleep(LOOK_SECONDS)
        met = Met(fault, time.monotonic() - began)
        self.met.append(met)
        return met

    async def caught_up(self) -> None:
        """Wait until all that Kafka holds is placed."""
        last = (await held(self.place_settings)).last
        deadline = time.monotonic() + PROGRESS_SECONDS_MAX
        while True:
            stands = await self.offsets()
            if all(stands.get(partition, -1) >= offset for partition, offset in last.items()):
                return
            self.raise_the_dead()
            assert time.monotonic() < deadline, f"not all is placed: {last}, the record stands at {stands}\n{self.said()}"
            await asyncio.sleep(0.1)

    @property
    def place_settings(self) -> KafkaSettings:
        return KafkaSettings(self.place.kafka, prefix=self.place.prefix)

    def raise_the_dead(self) -> None:
        """Start again who has ended, as whoever supervises workers does."""
        for name in WORKERS:
            if (status := self.place.workers[name].poll()) is not None:
                self.ended.append(f"{name}: {status}")
                self.place.start(name)

    def said(self) -> str:
        return "".join(f"--- {name}\n{self.place.said(name)[-2_000:]}" for name in self.place.starts)

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        self.place.kill(name, how)
        self.kills += how is signal.SIGKILL

    def one(self) -> str:
        return self.chance.choice(WORKERS)

    async def killed(self, *services: Service) -> None:
        for service in services:
            await asyncio.to_thread(service.kill)
            self.kills += 1

    async def back(self, *services: Service) -> None:
        await asyncio.gather(*(asyncio.to_thread(service.start_again) for service in services))


async def bent(trial: Trial) -> int:
    """Of how many people the last message of the compacted topic of stages is not what the record says, once all is told."""
    settings = trial.place_settings
    record = PostgresRecord(Database(trial.place.postgres), await topic_id(settings))
    try:
        deadline = time.monotonic() + PROGRESS_SECONDS_MAX
        while await record.published() < await record.position():
            trial.raise_the_dead()
            assert time.monotonic() < deadline, f"not all is told\n{trial.said()}"
            await asyncio.sleep(LOOK_SECONDS)
        last = {one.key.decode(): one.value for one in await read(settings, Topics(settings).stages)}
        said = {person: orjson.loads(value)["stage"] for person, value in last.items() if value is not None}
        announcements = PostgresAnnouncements(record)
        stands: dict[str, str] = {}
        async for ids in announcements.ids():
            stands |= {person: stage for person, (stage, _) in (await announcements.stages(ids)).items() if stage}
    finally:
        await record.close()
    return sum(said.get(person) != stands.get(person) for person in {*said, *stands})


# --- faults: each returns when it was over, and progress could begin


async def worker_killed(trial: Trial) -> float:
    name = trial.one()
    trial.kill(name)
    began = time.monotonic()
    trial.place.start(name)
    return began


async def both_workers_killed(trial: Trial) -> float:
    for name in WORKERS:
        trial.kill(name)
    began = time.monotonic()
    for name in WORKERS:
        trial.place.start(name)
    return began


async def broker_killed(trial: Trial) -> float:
    await trial.killed(trial.kafka)
    await trial.back(trial.kafka)
    return time.monotonic()


async def broker_away_for_a_minute(trial: Trial) -> float:
    await trial.killed(trial.kafka)
    await asyncio.sleep(60)
    await trial.back(trial.kafka)
    return time.monotonic()


async def database_killed(trial: Trial) -> float:
    await trial.killed(trial.postgres)
    await trial.back(trial.postgres)
    return time.monotonic()


async def database_restarted(trial: Trial) -> float:
    await asyncio.to_thread(trial.postgres.stop)
    await trial.back(trial.postgres)
    return time.monotonic()


async def both_servers_killed(trial: Trial) -> float:
    await trial.killed(trial.kafka, trial.postgres)
    await trial.back(trial.kafka, trial.postgres)
    return time.monotonic()


async def worker_and_broker_killed(trial: Trial) -> float:
    name = trial.one()
    trial.kill(name)
    await trial.killed(trial.kafka)
    trial.place.start(name)
    await trial.back(trial.kafka)
    return time.monotonic()


async def worker_and_database_killed(trial: Trial) -> float:
    name = trial.one()
    await trial.killed(trial.postgres)
    trial.kill(name)
    trial.place.start(name)
    await trial.back(trial.postgres)
    return time.monotonic()


async def all_killed(trial: Trial) -> float:
    for name in WORKERS:
        trial.kill(name)
    await trial.killed(trial.kafka, trial.postgres)
    for name in WORKERS:
        trial.place.start(name)
    await trial.back(trial.kafka, trial.postgres)
    return time.monotonic()


async def worker_frozen(trial: Trial) -> float:
    """Stopped past its session, and continued."""
    worker = trial.place.workers[trial.one()]
    worker.send_signal(signal.SIGSTOP)
    await asyncio.sleep(FROZEN_SECONDS)
    worker.send_signal(signal.SIGCONT)
    return time.monotonic()


async def relay_frozen(trial: Trial) -> float:
    """Both are stopped in turn, past their sessions, as soon as something new is to be told: one of them is telling it."""
    for name in WORKERS:
        worker = trial.place.workers[name]
        await asyncio.sleep(trial.chance.random() / 5)
        worker.send_signal(signal.SIGSTOP)
        await asyncio.sleep(FROZEN_SECONDS)
        worker.send_signal(signal.SIGCONT)
    return time.monotonic()


async def sessions_ended(trial: Trial) -> float:
    """An administrator ends everybody's session."""
    db = await asyncpg.connect(trial.place.postgres)
    try:
        await db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await db.close()
    return time.monotonic()


async def rebalance_storm(trial: Trial) -> float:
    """A third worker joins and leaves, in good order or not, three times."""
    for _ in range(3):
        trial.place.start("w3")
        await asyncio.to_thread(trial.place.at_work, "w3")
        await asyncio.sleep(trial.chance.random())
        trial.kill("w3", trial.chance.choice([signal.SIGTERM, signal.SIGKILL]))
    return time.monotonic()


async def two_under_one_name(trial: Trial) -> float:
    """Somebody starts a worker under the name of one that runs; after a while it is gone."""
    name = trial.one()
    first = trial.place.workers[name]
    trial.place.start(name)
    await asyncio.sleep(FROZEN_SECONDS)
    trial.kill(name)
    trial.place.workers[name] = first
    return time.monotonic()


async def definition_changed(trial: Trial) -> float:
    """Another definition is used, and then the first one again."""
    text = (await _command(trial, "definition", "show", "--default")).out
    other = text.replace("scoring:\n", "scoring:\n  - {name: visit, when: {types: page_view}, points: 60, expires: 30d}\n")
    assert other != text
    for name, some in (("default.yaml", text), ("other.yaml", other)):
        (trial.place.folder / name).write_text(some)
    for name in ("other.yaml", "default.yaml"):
        ran = await _command(trial, "definition", "use", name)
        assert ran.status == 0, ran.err
    return time.monotonic()


async def rebuild_killed(trial: Trial) -> float:
    """All is derived anew; killed on the way, and once more."""
    first = trial.place.begin("rebuild", "all")
    await asyncio.sleep(trial.chance.uniform(1, 3))
    first.kill()
    first.wait()
    trial.kills += 1
    ran = await _command(trial, "rebuild", "all")
    assert ran.status == 0, ran.err
    return time.monotonic()


async def _command(trial: Trial, *arguments: str) -> Ran:
    # In a process of its own: this one goes on feeding.
    place = trial.place
    return await asyncio.to_thread(lambda: journey(*arguments, cwd=place.folder, seconds_max=COMMAND_SECONDS_MAX, **place.env))


FAULTS: dict[str, Callable[[Trial], Awaitable[float]]] = {
    one.__name__.replace("_", " "): one
    for one in (
        worker_killed,
        both_workers_killed,
        broker_killed,
        broker_away_for_a_minute,
        database_killed,
        database_restarted,
        both_servers_killed,
        worker_and_broker_killed,
        worker_and_database_killed,
        all_killed,
        worker_frozen,
        relay_frozen,
        sessions_ended,
        rebalance_storm,
        two_under_one_name,
        definition_changed,
        rebuild_killed,
    )
}
