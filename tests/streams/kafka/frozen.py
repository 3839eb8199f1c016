"""A relay that freezes while it tells, as a process of its own. Let go on, it goes on, and says what it hears."""

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from aiokafka import AIOKafkaProducer

from app.engine.worker import keep_doing
from streams.kafka import client
from streams.kafka.relay import telling
from streams.kafka.settings import KafkaSettings
from streams.postgres import database as bounds
from streams.postgres import lock_sessions as awake
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.record import PostgresRecord
from streams.remarks import Say
from tests.streams.freezing import freeze, freezing_before, started

BOUNDS: tuple[tuple[object, str, float], ...] = (
    # Who waits for a frozen one waits for less than a second.
    (bounds, "ALONE_IDLE_MS_MAX", 600),
    (bounds, "ALONE_RETRY_SECONDS", 0.1),
    (awake, "BEAT_SECONDS", 0.1),
    # What a thawed one can still send, it does send before it says that it waits.
    (client, "STOP_SECONDS_MAX", 60.0),
)

POLL_SECONDS = 0.01
SENT_BEFORE = 30

PLACES = (
    "before it fences the one before",
    "before it reads how far others were told",
    "before it lets Kafka know of its transaction",
    "with messages that it has not sent yet",
    "while messages are on their way",
    "before it commits",
    "while it commits",
    "before it marks what it told",
)


async def frozen(database: str, record: PostgresRecord, settings: KafkaSettings, where: str) -> asyncio.subprocess.Process:
    """A relay that is stopped there, the first time that it tells."""
    return await started(__name__, database, record.topic, settings.bootstrap, settings.prefix, where)


def freeze_at(where: str) -> None:
    match where:
        case "before it fences the one before":
            AIOKafkaProducer.start = freezing_before(AIOKafkaProducer.start)
        case "before it reads how far others were told":
            PostgresRecord.published = freezing_before(PostgresRecord.published)  # type: ignore[method-assign]
        case "before it lets Kafka know of its transaction":
            AIOKafkaProducer.begin_transaction = freezing_before(AIOKafkaProducer.begin_transaction)
        case "with messages that it has not sent yet":
            AIOKafkaProducer.send = _later(AIOKafkaProducer.send, SENT_BEFORE, freeze)
        case "while messages are on their way":
            # Some turns of the loop after: partitions are let in, and then messages go out.
            AIOKafkaProducer.send = _later(AIOKafkaProducer.send, SENT_BEFORE, lambda: _in_turns(8))
        case "before it commits":
            AIOKafkaProducer.commit_transaction = freezing_before(AIOKafkaProducer.commit_transaction)
        case "while it commits":
            AIOKafkaProducer.commit_transaction = _later(AIOKafkaProducer.commit_transaction, 0, lambda: _in_turns(6))
        case "before it marks what it told":
            PostgresRecord.mark_published = freezing_before(PostgresRecord.mark_published)  # type: ignore[method-assign]
        case _:
            raise AssertionError(where)


def _later(call: Callable[..., Any], times: int, then: Callable[[], None]) -> Callable[..., Any]:
    calls = 0

    async def counted(*values: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == times + 1:
            then()
        return await call(*values, **more)

    return counted


def _in_turns(turns: int) -> None:
    """Freeze after so many turns of the loop."""
    if turns:
        asyncio.get_running_loop().call_soon(_in_turns, turns - 1)
    else:
        freeze()


class Engine:
    """As much of one as `keep_doing` needs."""

    def __init__(self, record: PostgresRecord) -> None:
        self.record = record

    def alone(self, name: str) -> AbstractAsyncContextManager[None]:
        return self.record.alone(name)


async def relay(record: PostgresRecord, settings: KafkaSettings, say: Say) -> None:
    """As a worker does it."""
    take_over = partial(telling, settings, record, PostgresAnnouncements(record))
    await keep_doing(Engine(record), "relay", take_over, POLL_SECONDS, say)  # type: ignore[arg-type]


async def main(database: str, topic: str, bootstrap: str, prefix: str, where: str) -> None:
    for bound in BOUNDS:
        setattr(*bound)
    freeze_at(where)
    await relay(await PostgresRecord.open(database, topic), KafkaSettings(bootstrap, prefix=prefix), aloud)


def aloud(text: str, level: int = logging.INFO) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
