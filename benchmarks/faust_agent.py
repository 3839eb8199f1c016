"""A Faust agent that does nothing, per event: what the ordinary way to use Faust costs before any work is done.

    python -m benchmarks.faust_agent --kafka 127.0.0.1:9092 --topic bench --events 50000

The app is started by itself, not by Faust's `worker` command, which listens on 0.0.0.0 even with `web_enabled=False`.
"""

import asyncio
import time
import uuid
from enum import StrEnum
from typing import Annotated, Any

import faust
import typer
import uvloop

from benchmarks.measuring import Failed, Result, bench_folder, tell

EVENTS = 50_000
STOP_SECONDS_MAX = 15.0


class Values(StrEnum):
    raw = "raw"
    json = "json"


class Watch:
    """When the first event came, and when the last one wanted did."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.seen = 0
        self.began = self.used = self.seconds = self.cpu_seconds = 0.0
        self.done = asyncio.Event()

    def saw_one(self) -> None:
        if not self.seen:
            self.began, self.used = time.perf_counter(), time.process_time()
        self.seen += 1
        if self.seen == self.wanted:
            self.seconds, self.cpu_seconds = time.perf_counter() - self.began, time.process_time() - self.used
            self.done.set()


async def read(kafka: str, topic: str, events: int, values: Values, seconds_max: float) -> Result:
    watch = Watch(events)
    app = faust.App(
        f"bench-faust-{uuid.uuid4().hex[:8]}",
        broker=f"aiokafka://{kafka}",
        store="memory://",
        datadir=str(bench_folder("faust")),
        web_enabled=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        consumer_auto_offset_reset="earliest",
    )

    @app.agent(app.topic(topic, key_serializer="raw", value_serializer=values.value))
    async def nothing(stream: Any) -> None:
        async for _ in stream:
            watch.saw_one()

    await app.start()
    try:
        await asyncio.wait_for(watch.done.wait(), seconds_max)
    except TimeoutError:
        raise Failed(f"the agent saw {watch.seen} of {events} events in {seconds_max:.0f} s") from None
    finally:
        await asyncio.wait_for(app.stop(), STOP_SECONDS_MAX)
    return Result(watch.wanted, watch.seconds, watch.cpu_seconds)


def main(
    kafka: Annotated[str, typer.Option()],
    topic: Annotated[str, typer.Option()],
    events: Annotated[int, typer.Option(min=1, help="How many to see before it is over; the topic holds at least as many.")] = EVENTS,
    values: Values = Values.raw,
    seconds_max: Annotated[float, typer.Option(min=1)] = 120,
) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tell(runner.run(read(kafka, topic, events, values, seconds_max)))


if __name__ == "__main__":
    typer.run(main)
