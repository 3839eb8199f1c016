"""The limit: aiokafka's `getmany` and `orjson.loads` over a whole topic, nothing else. No Python consumer of aiokafka's is faster.

python -m benchmarks.limit --kafka 127.0.0.1:9092 --topic bench
"""

import asyncio
import time
from typing import Annotated

import orjson
import typer
import uvloop
from aiokafka import AIOKafkaConsumer

from benchmarks.measuring import Failed, Result, tell

RECORDS_MAX = 10_000
FETCH_BYTES_MAX = 4 * 1024 * 1024
IDLE_MS_MAX = 10_000


async def read(kafka: str, topic: str) -> Result:
    """From the first records in hand until all that the topic held at the start are decoded."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False, max_partition_fetch_bytes=FETCH_BYTES_MAX
    )  # fmt: skip
    await consumer.start()
    try:
        partitions = consumer.assignment()
        left = sum((await consumer.end_offsets(partitions)).values()) - sum((await consumer.beginning_offsets(partitions)).values())
        seen, began, used = 0, 0.0, 0.0
        while seen < left:
            found = await consumer.getmany(timeout_ms=IDLE_MS_MAX, max_records=RECORDS_MAX)
            if not found:
                raise Failed(f"{topic}: nothing came for {IDLE_MS_MAX} ms, after {seen} of {left} records")
            if not began:
                began, used = time.perf_counter(), time.process_time()
            for records in found.values():
                for record in records:
                    orjson.loads(record.value)
                seen += len(records)
        return Result(seen, time.perf_counter() - began, time.process_time() - used)
    finally:
        await consumer.stop()


def main(kafka: Annotated[str, typer.Option()], topic: Annotated[str, typer.Option()]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tell(runner.run(read(kafka, topic)))


if __name__ == "__main__":
    typer.run(main)
