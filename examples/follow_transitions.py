"""Who entered which stage, and when? Follows the topic `journey.transitions` and keeps the entries that hold in a file of SQLite's.

    python follow_transitions.py 127.0.0.1:9092 transitions.db [topic]

Copy it: it needs aiokafka only. It begins with what Kafka holds; `journey rebuild all` tells it all that was before."""

import asyncio
import json
import sqlite3
import sys

from aiokafka import AIOKafkaConsumer

TABLES = """
CREATE TABLE IF NOT EXISTS entries (person, stage, "left", at, nth, rule, count, PRIMARY KEY (person, stage, "left", at, nth, rule));
CREATE TABLE IF NOT EXISTS told ("partition", position, value, PRIMARY KEY ("partition", position, value));
CREATE TABLE IF NOT EXISTS reached ("partition" INTEGER PRIMARY KEY, next, position);
CREATE TABLE IF NOT EXISTS anew (single INTEGER PRIMARY KEY, since INTEGER); INSERT OR IGNORE INTO anew VALUES (1, 0);
"""
ADD = "INSERT INTO entries VALUES (:person, :stage, :left, :at, :nth, :rule, :count) ON CONFLICT DO UPDATE SET count = count + :count"


def take(db: sqlite3.Connection, partition: int, last: int, value: bytes) -> int:
    """Add a message up, if it is news. Returns its position. Whatever else you do about an entry, in `db`, belongs here too."""
    one = json.loads(value)
    # After a crash some are told again from further back, byte for byte. No two of a position are the same, so what we had can be known.
    db.execute('DELETE FROM told WHERE "partition" = ? AND position < ?', (partition, one["position"]))
    is_new = db.execute("INSERT OR IGNORE INTO told VALUES (?, ?, ?)", (partition, one["position"], value)).rowcount
    if one["position"] >= last and is_new:
        if db.execute("UPDATE anew SET since = :since WHERE since < :since", one).rowcount:
            db.execute("DELETE FROM entries")  # Everything was derived anew, as by another definition: what was told before is void,
        if db.execute("SELECT since FROM anew").fetchone()[0] == one["since"]:  # and so is what another partition still has of before.
            db.execute(ADD, one)  # `count` is 1 for an entry that holds, and -1 for one that no longer does.
    return max(last, one["position"])


async def follow(kafka: str, file: str, topic: str = "journey.transitions") -> None:
    db = sqlite3.connect(file)
    db.executescript(TABLES)
    # "none": who was away for longer than Kafka keeps messages hears of it, and does not go on with a gap.
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, isolation_level="read_committed", auto_offset_reset="none")
    await consumer.start()
    next_offset = dict(db.execute('SELECT "partition", next FROM reached'))
    last = dict(db.execute('SELECT "partition", position FROM reached'))
    for place, first in (await consumer.beginning_offsets(consumer.assignment())).items():
        consumer.seek(place, next_offset.get(place.partition, first))
    while True:
        batch = await consumer.getmany(timeout_ms=1_000)
        with db:  # One transaction: what we know, and how far we have read to know it. So a kill at any moment does no harm.
            for (_, partition), messages in batch.items():
                for message in messages:
                    last[partition] = take(db, partition, last.get(partition, 0), message.value)
                db.execute("INSERT OR REPLACE INTO reached VALUES (?, ?, ?)", (partition, messages[-1].offset + 1, last[partition]))
            db.execute("DELETE FROM entries WHERE count = 0")
        if batch:
            print(*db.execute("SELECT stage, SUM(count) FROM entries GROUP BY stage"), flush=True)  # noqa: T201


asyncio.run(follow(*sys.argv[1:]))
