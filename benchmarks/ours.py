"""Ours, distributed: Kafka in, workers, PostgreSQL, until both read models hold every touchpoint of the topic."""

import asyncio
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from app.distributed import Distributed, opened
from app.wiring import Servers, Settings
from benchmarks.measuring import ROOT, Failed, Result
from streams.kafka.settings import KafkaSettings

PARTS = ("placement", "marketing", "sales")
"""A worker process each, as one would run them on two cores."""

READY_SECONDS_MAX = 60.0
POLL_SECONDS = 0.02


async def run(kafka: str, postgres: str, topic_prefix: str, topic: str, touchpoints: int) -> Result:
    """Bring all that `topic` holds into both read models; from the first touchpoint fetched to the last one committed in both.

    `topic` is loaded already and shared with the peers. `topic_prefix` is new each time. The result holds the digest of each read model
    (`marketing`, `sales`), which has to be the embedded runtime's, and the CPU seconds of the workers.
    """
    name = topic_prefix.strip(".").replace("-", "_")
    database = await _database(postgres, name)
    settings = Settings(kafka=kafka, postgres=database, prefix=name, touchpoints=topic)
    servers = Servers(settings, KafkaSettings(kafka, prefix=name, touchpoints=topic), database)
    async with opened(servers, lambda text: None) as engine:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        with _workers(settings) as workers:
            began = time.perf_counter()
            seconds = await _done(engine, touchpoints, began, workers)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        digests = await engine.digest()
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return Result(touchpoints, seconds, cpu, {model: str(digests[model]) for model in ("marketing", "sales")})


async def _done(engine: Distributed, touchpoints: int, began: float, workers: "list[subprocess.Popen[bytes]]") -> float:
    """Seconds from the first fetch, told by the first look at an offset after the workers were ready, until both read models have all."""
    first = 0.0
    while True:
        offsets = await engine.record.offsets()
        placed = sum(offset + 1 for offset in offsets.values())
        if not first and any(worker.poll() is not None for worker in workers):
            raise Failed("a worker ended before it had placed anything")
        if not first and _fetching(workers):
            first = time.perf_counter()
        if placed >= touchpoints:
            position = await engine.record.position()
            while min(await engine.marketing.position(), await engine.sales.position()) < position:
                await asyncio.sleep(POLL_SECONDS)
            return time.perf_counter() - (first or began)
        if not first and time.perf_counter() - began > READY_SECONDS_MAX:
            raise Failed(f"no worker was at work after {READY_SECONDS_MAX:.0f} s")
        await asyncio.sleep(POLL_SECONDS)


def _fetching(workers: "list[subprocess.Popen[bytes]]") -> bool:
    """Whether the worker that places says that it is at work: it fetches from then on."""
    said = workers[0].stderr
    assert said is not None
    line = said.readline()
    return b"at work" in line


@contextmanager
def _workers(settings: Settings) -> "Iterator[list[subprocess.Popen[bytes]]]":
    env = {
        **os.environ,
        "JOURNEY_KAFKA": settings.kafka or "",
        "JOURNEY_POSTGRES": settings.postgres or "",
        "JOURNEY_PREFIX": settings.prefix,
        "JOURNEY_TOUCHPOINTS": settings.touchpoints or "",
        "PYTHONPATH": str(ROOT),
    }
    workers = []
    try:
        for part in PARTS:
            command = [sys.executable, "-m", "app.cli", "worker", "--only", part]
            # Only the placing one is listened to, and without waiting.
            said = subprocess.PIPE if part == "placement" else subprocess.DEVNULL
            ours = {**env, "JOURNEY_INSTANCE": f"bench-{part}"}
            workers.append(subprocess.Popen(command, env=ours, stdout=subprocess.DEVNULL, stderr=said))
        assert workers[0].stderr is not None
        os.set_blocking(workers[0].stderr.fileno(), False)
        yield workers
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            try:
                worker.wait(timeout=20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()


async def _database(postgres: str, name: str) -> str:
    """A database of its own, so that nothing of an earlier repetition is found."""
    db = await asyncpg.connect(postgres)
    try:
        await db.execute(f'CREATE DATABASE "{name}"')
    finally:
        await db.close()
    return urlunsplit(urlsplit(postgres)._replace(path=f"/{name}"))
