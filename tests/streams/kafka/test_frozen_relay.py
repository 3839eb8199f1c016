"""A relay that freezes in the middle, while another takes over, and thaws: it writes nothing old behind what is new."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from streams.kafka.relay import POSITION
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics
from streams.placement import Placement
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.record import PostgresRecord
from streams.remarks import nobody
from streams.units import Recorded
from tests.journey.builders import SMALL
from tests.streams.builders import LATER, at, incoming, link, sent, unlink
from tests.streams.followed import Told, entries, stands, summed
from tests.streams.kafka.clients import read, until
from tests.streams.kafka.frozen import BOUNDS, PLACES, frozen, relay

PEOPLE = 40
SECONDS_MAX = 120.0


async def followed(settings: KafkaSettings, topic: str, *, committed: bool) -> list[Told]:
    messages = await read(settings, topic, committed=committed)
    return [Told(one.key, one.value, int(dict(one.headers)[POSITION])) for one in messages]


@asynccontextmanager
async def relaying(record: PostgresRecord, settings: KafkaSettings) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Another relay, which takes over where it can. Gives what waits until all is told."""
    task = asyncio.create_task(relay(record, settings, nobody))

    async def all_is_told() -> bool:
        assert not task.done()
        return await record.published() == await record.position()

    try:
        yield partial(until, all_is_told, "all to be told", SECONDS_MAX)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def said_it_waits(relay: asyncio.subprocess.Process) -> bytes:
    """All that it said until it said that: asyncpg may have told of a connection before."""
    assert relay.stdout is not None
    said = b""
    while b"waiting: " not in said:
        said += (line := await relay.stdout.readline())
        assert line, said
    return said


async def test_frozen_eight_times_and_thawed_the_last_word_about_everyone_is_what_the_record_says(
    database: str, record: PostgresRecord, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in BOUNDS:
        monkeypatch.setattr(*bound)
    placement, announcements, offset = Placement(SMALL, record), PostgresAnnouncements(record), -1
    anons = [f"anon:{number}" for number in range(1, PEOPLE + 1)]

    async def take(*lines: bytes) -> None:
        nonlocal offset
        await placement.run([Recorded(0, offset + nth, LATER, incoming(line)) for nth, line in enumerate(lines, start=1)], {0: offset})
        offset += len(lines)

    await take(*(sent("page_view", person, at(0)) for person in (*anons, "user:7")))
    for nth, where in enumerate(PLACES):
        # It is about to tell that they are themselves again. Others tell meanwhile that they are all user:7.
        await take(*(unlink(person, "user:7", at(2 * nth)) for person in anons))
        thawing = await frozen(database, record, settings, where)
        try:
            await take(*(link(person, "user:7", at(2 * nth + 1)) for person in anons))
            async with relaying(record, settings) as all_is_told:
                await all_is_told()
                thawing.send_signal(signal.SIGCONT)
                said = await asyncio.wait_for(said_it_waits(thawing), SECONDS_MAX)
                await take(sent("page_view", "user:8", at(nth)))
                await all_is_told()
        finally:
            thawing.kill()
            rest, _ = await thawing.communicate()
        assert ((said + rest).count(b"waiting: "), (said + rest).count(b"aiokafka")) == (1, 0), (where, said + rest)
        now = {person: stage for person, (stage, _) in (await announcements.stages([*anons, "user:7", "user:8"])).items()}
        for committed in (True, False):
            stages = await followed(settings, Topics(settings).stages, committed=committed)
            assert stands(stages) == stands(stages, is_careful=True) == now, (where, committed)
            transitions = await followed(settings, Topics(settings).transitions, committed=committed)
            assert summed(transitions) == await entries(record, announcements), (where, committed)
