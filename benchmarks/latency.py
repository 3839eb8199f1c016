"""How long a touchpoint takes from being published to being seen, at a steady pace: p50 and p99.

    python -m benchmarks.latency --kafka 127.0.0.1:9092                      # the floor: seen as soon as a consumer has it

Touchpoints are due at a fixed pace and measured from when they were *due*, so that a producer held up does not hide a wait. What "seen"
means is a callable: the offsets of each partition up to which everything is visible. `through_units` makes one for stores whose
positions are unit numbers.
"""

import asyncio
import itertools
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import orjson
import typer
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.load import World, lines, make_topic
from benchmarks.measuring import Failed

Visible = Callable[[], Awaitable[Mapping[int, int]]]
"""By partition: the last offset that, with all before it, can be seen. Asked again and again."""

PACE = 2_000
SECONDS = 30
SETTLING_SECONDS = 2.0
"""Of the start: not counted."""
TICK_SECONDS = 0.001
POLL_SECONDS = 0.002
AFTERWARDS_SECONDS_MAX = 30.0
UNITS_REMEMBERED_MAX = 100_000
CUSTOMERS = 4_000
"""They leave 75,000 touchpoints: enough for half a minute."""


@dataclass(slots=True)
class Latency:
    """Milliseconds from due to seen, of each touchpoint counted."""

    samples: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        ordered = sorted(self.samples)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def told(self) -> dict[str, float]:
        return {"samples": len(self.samples), "p50_ms": self.at(0.5), "p90_ms": self.at(0.9), "p99_ms": self.at(0.99), "max_ms": self.at(1)}


@dataclass(slots=True)
class _Sent:
    """What is on its way, by partition, oldest first: its offset, and when it was due."""

    waiting: dict[int, deque[tuple[int, float]]] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return sum(map(len, self.waiting.values()))

    def acknowledged(self, partition: int, offset: int, due: float) -> None:
        self.waiting.setdefault(partition, deque()).append((offset, due))

    def seen(self, reached: Mapping[int, int], at: float) -> list[tuple[float, float]]:
        """(due, seconds it took) of those that `reached` covers."""
        found = []
        for partition, offset in reached.items():
            some = self.waiting.get(partition)
            while some and some[0][0] <= offset:
                due = some.popleft()[1]
                found.append((due, at - due))
        return found


async def measure(
    kafka: str, topic: str, touchpoints: Iterable[bytes], visible: Visible, *, pace: int = PACE, seconds: float = SECONDS
) -> Latency:
    """Publish `touchpoints` on `topic` at `pace` a second for so many seconds, and measure until `visible` has the last of them."""
    sent, latency = _Sent(), Latency()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", enable_idempotence=True, linger_ms=0)
    await producer.start()
    try:
        began = time.monotonic() + TICK_SECONDS
        publishing = asyncio.create_task(_publish(producer, topic, itertools.islice(touchpoints, int(pace * seconds)), sent, began, pace))
        try:
            await asyncio.wait_for(_watch(sent, visible, latency, began, publishing), seconds + AFTERWARDS_SECONDS_MAX)
        except TimeoutError:
            raise Failed(f"{sent.left} touchpoints were not seen {AFTERWARDS_SECONDS_MAX:.0f} s after the last was due") from None
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
    finally:
        await producer.stop()
    return latency


async def _publish(producer: Any, topic: str, touchpoints: Iterable[bytes], sent: _Sent, began: float, pace: int) -> None:
    acknowledged: list[Any] = []
    for number, line in enumerate(touchpoints):
        due = began + number / pace
        early = due - time.monotonic()
        if early > 0:
            await asyncio.sleep(max(early, TICK_SECONDS))
        future = await producer.send(topic, key=orjson.loads(line)["subject"].encode(), value=line)
        future.add_done_callback(lambda done, due=due: _note(done, sent, due))
        acknowledged.append(future)
    await asyncio.gather(*acknowledged)


def _note(done: "asyncio.Future[Any]", sent: _Sent, due: float) -> None:
    if not done.cancelled() and done.exception() is None:
        sent.acknowledged(done.result().partition, done.result().offset, due)


async def _watch(sent: _Sent, visible: Visible, latency: Latency, began: float, publishing: "asyncio.Task[None]") -> None:
    while not publishing.done() or sent.left:
        reached = await visible()
        at = time.monotonic()
        latency.samples += [1000 * took for due, took in sent.seen(reached, at) if due - began >= SETTLING_SECONDS]
        await asyncio.sleep(POLL_SECONDS)
    publishing.result()  # Where it failed, so does this.


# --- what is visible


def through_units(recorded: Callable[[], Awaitable[tuple[int, Mapping[int, int]]]], reflected: Callable[[], Awaitable[int]]) -> Visible:
    """Visible where positions are unit numbers.

    `recorded`: the record's position and the offsets reached at it, both of one moment. `reflected`: the position that *both* read models
    reflect. A position that passes between two polls is seen with the next one: a little too late, never too early.
    """
    units: deque[tuple[int, Mapping[int, int]]] = deque(maxlen=UNITS_REMEMBERED_MAX)
    reached: Mapping[int, int] = {}

    async def visible() -> Mapping[int, int]:
        nonlocal reached
        position, offsets = await recorded()
        if not units or units[-1][0] < position:
            units.append((position, offsets))
        seen = await reflected()
        while units and units[0][0] <= seen:
            reached = units.popleft()[1]
        return reached

    return visible


@asynccontextmanager
async def consumed(kafka: str, topic: str) -> AsyncIterator[Visible]:
    """Visible as soon as a consumer has it: the floor that Kafka and the client set."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    reached: dict[int, int] = {}

    async def visible() -> Mapping[int, int]:
        for partition, records in (await consumer.getmany()).items():
            reached[partition.partition] = records[-1].offset
        return reached

    await consumer.start()
    try:
        yield visible
    finally:
        await consumer.stop()


async def floor(kafka: str, pace: int, seconds: float) -> Latency:
    topic = f"bench-latency-{uuid.uuid4().hex[:8]}"
    await make_topic(kafka, topic)
    touchpoints = lines(World(customers=CUSTOMERS).file())
    async with consumed(kafka, topic) as visible:
        return await measure(kafka, topic, touchpoints, visible, pace=pace, seconds=seconds)


def main(
    kafka: Annotated[str, typer.Option()],
    pace: Annotated[int, typer.Option(min=1, help="Touchpoints a second.")] = PACE,
    seconds: Annotated[float, typer.Option(min=SETTLING_SECONDS + 1)] = SECONDS,
) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        latency = runner.run(floor(kafka, pace, seconds))
    typer.echo(" ".join(f"{name}={value:.1f}" for name, value in latency.told().items()))


if __name__ == "__main__":
    typer.run(main)
