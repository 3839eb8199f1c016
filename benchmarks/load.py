"""The touchpoints that everything is measured with: simulated, kept as a file under `.bench/`, and put on a topic fast.

python -m benchmarks.load --kafka 127.0.0.1:9092 --topic bench
"""

import asyncio
import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner

from app.simulation.spoiling import spoil
from app.simulation.world import simulate
from benchmarks.measuring import ROOT, Failed, bench_folder

CUSTOMERS = 26_700
"""They leave 500,000 touchpoints in half a year."""
QUICK_CUSTOMERS = 130
PARTITIONS = 4
BATCH_BYTES_MAX = 512 * 1024
BATCHES_UNDER_WAY_MAX = 64


@dataclass(frozen=True, slots=True)
class World:
    """What is simulated. The same world, from the same simulation, is the same file."""

    customers: int = CUSTOMERS
    days: int = 180
    seed: int = 7
    start: date = date(2025, 1, 1)
    late: float = 0.0
    duplicates: float = 0.0
    seldom: bool = False
    """With what a small company of this kind may be without, and what any fold has to get right: see `seldom`."""

    def file(self) -> Path:
        """The touchpoints, one a line; simulated if they are not there yet."""
        parts = (self.customers, self.days, self.seed, self.start, self.late, self.duplicates)
        more = "-seldom" if self.seldom else ""
        file = bench_folder("touchpoints") / f"{'-'.join(map(str, parts))}{more}-{_simulation()}.jsonl"
        if not file.exists():
            made = simulate(customers=self.customers, days=self.days, seed=self.seed, start=self.start)
            if self.seldom:
                made = itertools.chain(made, seldom(self.start + timedelta(days=2 * self.days)))
            if self.late or self.duplicates:
                made = spoil(made, seed=self.seed, late=self.late, duplicates=self.duplicates)
            unfinished = file.with_suffix(".unfinished")
            with open(unfinished, "wb") as out:
                for line in made:
                    out.write(line + b"\n")
            unfinished.rename(file)
        return file


def seldom(start: date, *, crowd: int = 201) -> Iterator[bytes]:
    """Accounts whose news comes long after the last that their people did, so that these are silent by then: one with two people, one that
    a `crowd` joins, and one of whose crowd one joined by mistake. A deal that is lost, and open again by a later stage. And a step
    that is a milestone and enters a stage, which both take a place of their instant."""
    numbers, begin = itertools.count(), datetime.combine(start, time(12), UTC)

    def line(name: str, subject: str, days: int, /, **data: Any) -> bytes:
        number = next(numbers)
        at = (begin + timedelta(days=days, seconds=number)).isoformat()
        told = {"specversion": "1.0", "id": f"seldom-{number}", "source": "/seldom", "type": name, "subject": subject, "time": at}
        return orjson.dumps({**told, "data": data})

    sizes = {"seldom-few": 2, "seldom-crowd": crowd, "seldom-left": crowd}
    for account, people in sizes.items():
        for number in range(people):
            yield line("account_joined", f"user:{account}-{number}", 0, account=account)
        for number in range(2):
            yield line("page_view", f"user:{account}-{number}", 1, url="https://www.example.com/")
    deal = {"deal": "seldom", "amount": "100.00", "currency": "EUR"}
    opened = {"pipeline": "new_business", "stage": "discovery", "kind": "new", "owner": "seller", "team": "sales"}
    people = [{"person": "user:seldom-deal", "role": "it", "primary": True}]
    yield line("deal_opened", "deal:seldom", 2, **deal, **opened, expected_close_on=str(start), people=people)
    yield line("close", "deal:seldom", 3, **deal, outcome="lost", reason="timing")
    yield line("deal_updated", "deal:seldom", 4, deal="seldom", stage="proposal")
    yield line("deal_reopened", "deal:seldom", 5, deal="seldom", stage="proposal")
    yield line("close", "deal:seldom", 6, **deal, outcome="lost", reason="timing")
    yield line("trial_started", "user:seldom-trial", 7, plan="team", ends_at=f"{start + timedelta(days=21)}T12:00:00Z")
    for account in sizes:
        yield line("account_updated", f"account:{account}", 200, tier="large")
    taken = sizes["seldom-few"] + 2 + crowd + 2 + crowd - 1
    mistaken = f"user:seldom-left-{crowd - 1}"
    yield line("retracted", mistaken, 201, of_source="/seldom", of_id=f"seldom-{taken}", reason="error", by="sales")


def lines(file: Path) -> Iterator[bytes]:
    with open(file, "rb") as touchpoints:
        for line in touchpoints:
            yield line[:-1]


def count(file: Path) -> int:
    return sum(1 for _ in lines(file))


def _simulation() -> str:
    """Short for the code that simulates: other code, other touchpoints."""
    code = hashlib.sha256()
    for file in sorted((ROOT / "app" / "simulation").glob("*.py")):
        code.update(file.read_bytes())
    return code.hexdigest()[:8]


# --- onto a topic


async def make_topic(kafka: str, topic: str, partitions: int = PARTITIONS) -> None:
    """A topic as `journey.touchpoints` is: the log says when it recorded, not the sender."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        made = NewTopic(topic, partitions, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})
        answer = await admin.create_topics([made], timeout_ms=30_000)
        for _, code, said in answer.topic_errors:
            if code != 0:
                raise Failed(f"topic {topic} can't be made: {said or f'error {code}'}")
    finally:
        await admin.close()


async def publish(kafka: str, topic: str, touchpoints: Iterator[bytes], partitions: int = PARTITIONS) -> int:
    """Put `touchpoints` on a new topic, keyed by subject as Kafka's own clients would, in order within a partition. Returns how many.

    Batches are filled here: `send` for one after another takes aiokafka several times as long.
    """
    await make_topic(kafka, topic, partitions)
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", enable_idempotence=True, compression_type="lz4",
        max_batch_size=BATCH_BYTES_MAX, max_request_size=2 * BATCH_BYTES_MAX, linger_ms=0,
    )  # fmt: skip
    await producer.start()
    try:
        return await _send(producer, topic, touchpoints, partitions)
    finally:
        await producer.stop()


async def _send(producer: Any, topic: str, touchpoints: Iterator[bytes], partitions: int) -> int:
    partition_of, all_partitions = DefaultPartitioner(), list(range(partitions))
    places: dict[str, tuple[bytes, int]] = {}
    filling = [producer.create_batch() for _ in all_partitions]
    under_way: list[Any] = []
    sent = 0
    for line in touchpoints:
        subject = orjson.loads(line)["subject"]
        place = places.get(subject)
        if place is None:
            key = subject.encode()
            place = places[subject] = (key, partition_of(key, all_partitions, all_partitions))
        key, partition = place
        while filling[partition].append(key=key, value=line, timestamp=None) is None:
            under_way.append(await producer.send_batch(filling[partition], topic, partition=partition))
            filling[partition] = producer.create_batch()
            if len(under_way) >= BATCHES_UNDER_WAY_MAX:
                await asyncio.gather(*under_way)
                under_way.clear()
        sent += 1
    rest = [(partition, batch) for partition, batch in enumerate(filling) if batch.record_count()]
    await asyncio.gather(*under_way, *[await producer.send_batch(batch, topic, partition=partition) for partition, batch in rest])
    return sent


def main(
    kafka: Annotated[str, typer.Option(help="Bootstrap servers.")],
    topic: Annotated[str, typer.Option(help="A topic that is not there yet.")],
    customers: Annotated[int, typer.Option(min=1)] = CUSTOMERS,
    days: Annotated[int, typer.Option(min=1)] = 180,
    seed: int = 7,
    late: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    duplicates: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    limit: Annotated[int | None, typer.Option(min=1, help="The first so many only.")] = None,
) -> None:
    file = World(customers=customers, days=days, seed=seed, late=late, duplicates=duplicates).file()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sent = runner.run(publish(kafka, topic, itertools.islice(lines(file), limit)))
    typer.echo(f"{sent} touchpoints on {topic}, of {file.relative_to(ROOT)}")


if __name__ == "__main__":
    typer.run(main)
