"""Ours, distributed: Kafka in, workers, PostgreSQL, until both read models hold every touchpoint of the topic."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.engine.distributed import Distributed, opened
from app.settings import Servers, Settings
from benchmarks.kafka_streams.peer import STAGES, stages_digest
from benchmarks.latency import CUSTOMERS, PACE, SECONDS, Latency, measure, through_units
from benchmarks.load import World, lines, make_topic
from benchmarks.measuring import ROOT, Failed, Result, bench_folder
from streams.kafka.settings import KafkaSettings

PARTS = ("placement", "marketing", "sales")
"""A worker process each, as one would run them on two cores."""
WORKER = ("-m", "app", "worker")

READY_SECONDS_MAX = 60.0
POLL_SECONDS = 0.02


async def run(kafka: str, postgres: str, topic_prefix: str, topic: str, touchpoints: int) -> Result:
    """Bring all that `topic` holds into both read models; from the first touchpoint fetched to the last one committed in both.

    `topic` is loaded already and shared with the peers. `topic_prefix` is new each time. The result holds the digest of each read model
    (`marketing`, `sales`), which has to be the embedded runtime's, that of the transitions (`stages`), which has to be the peer's as well,
    and the CPU seconds of the workers, by part in `detail`.
    """
    async with place(kafka, postgres, topic_prefix, topic) as (engine, settings):
        with workers_of(settings, {part: [*WORKER, "--only", part] for part in PARTS}) as workers:
            seconds = await done(engine, touchpoints, workers["placement"])
            cpu = {part: cpu_seconds(worker.pid) for part, worker in workers.items()}
        digests = await engine.digest()
        async with engine.marketing.snapshot() as ask:
            stages = stages_digest(await ask(STAGES))
    digest = {**{model: str(digests[model]) for model in ("marketing", "sales")}, "stages": stages}
    return Result(touchpoints, seconds, sum(cpu.values()), digest, {"cpu": cpu})


async def by_step(kafka: str, postgres: str, topic_prefix: str, topic: str, touchpoints: int) -> Result:
    """The same by one worker with clocks in it: `detail["steps"]` is by step, as `Steps.per` tells it."""
    out = bench_folder("steps") / f"{topic_prefix.strip('.')}.json"
    async with place(kafka, postgres, topic_prefix, topic) as (engine, settings):
        command = ["-m", "benchmarks.steps", "--clocks", "benchmarks.steps:DISTRIBUTED", "--out", str(out), "--", "worker"]
        with workers_of(settings, {"worker": command}) as workers:
            seconds = await done(engine, touchpoints, workers["worker"])
    told = json.loads(out.read_text(encoding="utf-8"))
    out.unlink()
    steps = {
        name: {what: figure / touchpoints for what, figure in taken.items()} for name, taken in told["steps"].items() if taken["calls"]
    }
    detail = {"steps": steps, "clocks_us": 1e6 * told["clocks_seconds"] / touchpoints}
    return Result(touchpoints, seconds, told["cpu_seconds"], detail=detail)


async def latency(kafka: str, postgres: str, topic_prefix: str, *, pace: int = PACE, seconds: float = SECONDS) -> Latency:
    """From when a touchpoint was due at the producer until both read models show it."""
    topic = f"{topic_prefix.strip('.')}-latency"
    await make_topic(kafka, topic)
    touchpoints = lines(World(customers=CUSTOMERS).file())
    async with place(kafka, postgres, topic_prefix, topic) as (engine, settings):
        record = await asyncpg.connect(settings.postgres)
        try:

            async def recorded() -> tuple[int, Mapping[int, int]]:
                rows = await record.fetch(
                    'SELECT l.position, o."partition", o."offset" FROM journey.last AS l LEFT JOIN journey.offsets AS o ON o.topic = $1',
                    engine.record.topic,
                )
                return rows[0][0], {row[1]: row[2] for row in rows if row[1] is not None}

            async def reflected() -> int:
                return min(await engine.marketing.position(), await engine.sales.position())

            with workers_of(settings, {part: [*WORKER, "--only", part] for part in PARTS}) as workers:
                await says(workers["placement"], b"at work")
                return await measure(kafka, topic, touchpoints, through_units(recorded, reflected), pace=pace, seconds=seconds)
        finally:
            await record.close()


@asynccontextmanager
async def place(kafka: str, postgres: str, topic_prefix: str, topic: str) -> AsyncIterator[tuple[Distributed, Settings]]:
    """A record and read models of their own for what `topic` holds."""
    name = topic_prefix.strip(".").replace("-", "_")
    database = await _database(postgres, name)
    settings = Settings(kafka=kafka, postgres=database, prefix=name, touchpoints=topic)
    servers = Servers(settings, KafkaSettings(kafka, prefix=name, touchpoints=topic), database)
    async with opened(servers, lambda text: None) as engine:
        yield engine, settings


async def says(worker: "subprocess.Popen[bytes]", what: bytes) -> None:
    """Wait until the worker says `what`: that it begins (from then on it fetches), or that it is at work."""
    began = time.perf_counter()
    assert worker.stderr is not None
    while what not in worker.stderr.readline():
        if worker.poll() is not None:
            raise Failed(f"a worker ended before it said {what.decode()!r}")
        if time.perf_counter() - began > READY_SECONDS_MAX:
            raise Failed(f"no worker said {what.decode()!r} within {READY_SECONDS_MAX:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


async def done(engine: Distributed, touchpoints: int, worker: "subprocess.Popen[bytes]") -> float:
    """Seconds from the first fetch until both read models have all, to within POLL_SECONDS at either end."""
    await says(worker, b"begins")
    first = time.perf_counter()
    while sum(offset + 1 for offset in (await engine.record.offsets()).values()) < touchpoints:
        if worker.poll() is not None:
            raise Failed("a worker ended before it had placed everything")
        await asyncio.sleep(POLL_SECONDS)
    position = await engine.record.position()
    while min(await engine.marketing.position(), await engine.sales.position()) < position:
        await asyncio.sleep(POLL_SECONDS)
    return time.perf_counter() - first


def cpu_seconds(pid: int) -> float:
    """What a process used so far, its start included."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def workers_of(settings: Settings, commands: Mapping[str, Sequence[str]]) -> "Iterator[dict[str, subprocess.Popen[bytes]]]":
    """A Python process each, ended in good order. The first one's messages are read as they come."""
    env = {
        **os.environ,
        "JOURNEY_KAFKA": settings.kafka or "",
        "JOURNEY_POSTGRES": settings.postgres or "",
        "JOURNEY_PREFIX": settings.prefix,
        "JOURNEY_TOUCHPOINTS": settings.touchpoints or "",
        "PYTHONPATH": str(ROOT),
    }
    workers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            said = subprocess.DEVNULL if workers else subprocess.PIPE
            ours = {**env, "JOURNEY_INSTANCE": f"bench-{name}"}
            workers[name] = subprocess.Popen([sys.executable, *command], env=ours, stdout=subprocess.DEVNULL, stderr=said)
        first = next(iter(workers.values()))
        assert first.stderr is not None
        os.set_blocking(first.stderr.fileno(), False)
        yield workers
    finally:
        for worker in workers.values():
            worker.terminate()
        for worker in workers.values():
            try:
                worker.wait(timeout=20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
            if worker.stderr is not None:
                worker.stderr.close()


async def _database(postgres: str, name: str) -> str:
    """A database of its own, so that nothing of an earlier repetition is found."""
    db = await asyncpg.connect(postgres)
    try:
        await db.execute(f'CREATE DATABASE "{name}"')
    finally:
        await db.close()
    return urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
