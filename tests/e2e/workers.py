"""Workers as real processes, and what tests of them have in common."""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg

from app.engine.clock import now
from app.simulation.spoiling import spoil
from app.simulation.world import simulate
from schemas.incoming import Incoming
from streams.kafka.log import KafkaLog
from streams.kafka.settings import KafkaSettings
from tests.app.command import COMMAND, Ran, environment, here

READY_SECONDS_MAX = 60.0
DONE_SECONDS_MAX = 180.0


@dataclass
class Place:
    """One distributed runtime of a test's own: topics of its own, a database of its own."""

    kafka: str
    postgres: str
    prefix: str
    folder: Path
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    starts: dict[str, int] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    """What else the environment says."""

    @property
    def env(self) -> dict[str, str]:
        return {
            "JOURNEY_KAFKA": self.kafka,
            "JOURNEY_POSTGRES": self.postgres,
            "JOURNEY_PREFIX": self.prefix,
            "JOURNEY_PARTITIONS": "4",
        } | self.more

    def command(self, *arguments: str | Path) -> Ran:
        return here(*arguments, cwd=self.folder, **self.env)

    def begin(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Begin a command, and do not wait for it."""
        return subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=self.folder,
            env=environment(**self.env),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def start(self, name: str, *arguments: str) -> None:
        """Start the worker `name`, or start it again."""
        self.starts[name] = self.starts.get(name, 0) + 1
        with open(self.log(name), "ab") as log:
            self.workers[name] = subprocess.Popen(
                [*COMMAND, "worker", *arguments],
                cwd=self.folder,
                env=environment(**self.env, JOURNEY_INSTANCE=name),
                stderr=log,
                stdout=log,
            )

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def said(self, name: str) -> str:
        return self.log(name).read_text(errors="replace") if self.log(name).exists() else ""

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of a worker's log, each of which has to be an event. For one whose `more` says JOURNEY_LOG=json."""
        whole = self.said(name)
        return [json.loads(line) for line in whole[: whole.rfind("\n") + 1].splitlines()]

    def at_work(self, name: str) -> None:
        """Wait until the worker says that it is, each time it was started."""
        wait_for(lambda: self.said(name).count("is at work") >= self.starts[name], f"{name} to be at work", lambda: self.said(name))

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        worker = self.workers.pop(name)
        worker.send_signal(how)
        return worker.wait(timeout=30)

    def digest(self) -> dict[str, Any]:
        found: dict[str, Any] = self.command("digest", "--json").json
        return {model: found[model] for model in ("marketing", "sales")}

    async def publish(self, lines: list[bytes], source: str = "simulation") -> None:
        async with KafkaLog(KafkaSettings(self.kafka, prefix=self.prefix)) as log:
            await log.append([Incoming(line, source, source) for line in lines], now())


@contextmanager
def placed(kafka: str, postgres: str, prefix: str, folder: Path) -> Iterator[Place]:
    """A runtime whose workers are gone when the test is over."""
    place = Place(kafka, postgres, prefix, folder)
    try:
        yield place
    finally:
        for worker in place.workers.values():
            worker.kill()
            worker.wait(timeout=30)


def wait_for(done: Callable[[], bool], what: str, told: Callable[[], str] = lambda: "", seconds: float = READY_SECONDS_MAX) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}\n{told()}"
        time.sleep(0.05)


async def being_derived(postgres: str) -> None:
    """Wait until everything is being derived anew, beside what is in use."""
    db = await asyncpg.connect(postgres)
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            while await db.fetchval("SELECT to_regclass('journey.journeys_next')") is None:
                pass
    finally:
        await db.close()


def simulated(customers: int, **spoilt: Any) -> list[bytes]:
    made = simulate(customers=customers, days=120, seed=5, start=date(2025, 1, 1))
    return list(spoil(made, seed=5, **spoilt)) if spoilt else list(made)


def embedded_digest(lines: list[bytes], folder: Path) -> dict[str, Any]:
    """What the embedded runtime makes of `lines`."""
    file = folder / "touchpoints.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    assert here("ingest", file, "--data", folder / "embedded", cwd=folder).status == 0
    found: dict[str, Any] = here("digest", "--json", "--data", folder / "embedded", cwd=folder).json
    return {model: found[model] for model in ("marketing", "sales")}
