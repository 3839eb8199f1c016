"""Where is everyone now? Follows the topic `journey.stages` and keeps the answer in a file of SQLite's. Copy it: it needs aiokafka only.

    python follow_stages.py 127.0.0.1:9092 stages.db [topic]

Kill it at any moment and start it again: it loses nothing and doubles nothing.
"""

import asyncio
import json
import sqlite3
import sys

from aiokafka import AIOKafkaConsumer

TABLES = """
CREATE TABLE IF NOT EXISTS stages (person TEXT PRIMARY KEY, stage TEXT, entered_at TEXT, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS offsets ("partition" INTEGER PRIMARY KEY, next INTEGER NOT NULL);
"""
# A message says the whole of a person, so the last one is all there is to know. One that says an older position than we have is no news.
# Where nobody stands any more (the person was merged into another), the row stays, without a stage: what is older is to be known as that.
KEEP = """
INSERT INTO stages VALUES (?, ?, ?, ?) ON CONFLICT (person) DO UPDATE
SET stage = excluded.stage, entered_at = excluded.entered_at, position = excluded.position WHERE excluded.position >= position
"""
REACHED = 'INSERT INTO offsets VALUES (?, ?) ON CONFLICT ("partition") DO UPDATE SET next = excluded.next'


async def follow(kafka: str, file: str, topic: str = "journey.stages") -> None:
    db = sqlite3.connect(file)
    db.executescript(TABLES)
    # What a worker had begun to tell when it was killed is not committed: another tells it again. Offsets are ours to keep, so no group.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        stored = dict(db.execute('SELECT "partition", next FROM offsets'))
        for place in consumer.assignment():
            if place.partition in stored:
                consumer.seek(place, stored[place.partition])
        while True:
            batch = await consumer.getmany(timeout_ms=1_000)
            with db:  # One transaction: what we know, and how far we have read to know it. This is why a kill does no harm.
                for place, messages in batch.items():
                    for message in messages:
                        # A tombstone has no value; its key says who, and its header which position, as with all others.
                        told = json.loads(message.value) if message.value else {}
                        position = int(dict(message.headers)["journey_position"])
                        db.execute(KEEP, (message.key.decode(), told.get("stage"), told.get("entered_at"), position))
                    db.execute(REACHED, (place.partition, messages[-1].offset + 1))
            if batch:
                held = db.execute("SELECT stage, COUNT(*) FROM stages WHERE stage IS NOT NULL GROUP BY stage ORDER BY stage")
                print(", ".join(f"{stage} {number:,}" for stage, number in held), flush=True)  # noqa: T201
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(follow(*sys.argv[1:]))
