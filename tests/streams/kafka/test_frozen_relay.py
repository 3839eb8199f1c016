"""A relay that freezes in the middle, while another takes over, and thaws: it writes nothing old behind what is new."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import orjson
import pytest

from streams.kafka.relay import POSITION
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics
from streams.placement import Placement
from streams.ports import Recorded
from streams.postgres import database as bounds
from streams.postgres.announcements import PostgresAnnouncements
from streams.postgres.record import PostgresRecord
from tests.journey.builders import SMALL
from tests.streams.builders import LATER, at, incoming, link, sent, unlink
from tests.streams.kafka.clients import read, until
from tests.streams.kafka.frozen import ALONE_BEAT_SECONDS, ALONE_IDLE_MS_MAX, PLACES, frozen, relay

PEOPLE = 40
SECONDS_MAX = 120.0


async def stands(settings: KafkaSettings, *, committed: bool, is_careful: bool = False) -> dict[str, str]:
    """Who is at which stage by the last message of each, or by the last one that is no older than those before it."""
    last: dict[str, tuple[int, bytes | None]] = {}
    for one in await read(settings, Topics(settings).stages, committed=committed):
        person, position = one.key.decode(), int(dict(one.headers)[POSITION])
        if not is_careful or position >= last.get(person, (0, None))[0]:
            last[person] = position, one.value
    return {person: orjson.loads(value)["stage"] for person, (_, value) in last.items() if value is not None}


@asynccontextmanager
async def relaying(record: PostgresRecord, settings: KafkaSettings) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Another relay, which takes over where it can. Gives what waits until all is told."""
    task = asyncio.create_task(relay(record, settings, lambda text: None))

    async def all_is_told() -> bool:
        assert not task.done()
        return await record.published() == await record.position()

    try:
        yield partial(until, all_is_told, "all to be told", SECONDS_MAX)
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_frozen_eight_times_and_thawed_the_last_word_about_everyone_is_what_the_record_says(
    database: str, record: PostgresRecord, settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "ALONE_IDLE_MS_MAX", ALONE_IDLE_MS_MAX)
    monkeypatch.setattr(bounds, "ALONE_BEAT_SECONDS", ALONE_BEAT_SECONDS)
    placement, announcements, offset = Placement(SMALL, record), PostgresAnnouncements(record), -1
    anons = [f"anon:{number}" for number in range(PEOPLE)]

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
                assert thawing.stdout is not None
                said = await asyncio.wait_for(thawing.stdout.readline(), SECONDS_MAX)
                await take(sent("page_view", "user:8", at(nth)))
                await all_is_told()
        finally:
            thawing.kill()
            rest, _ = await thawing.communicate()
        assert said.startswith(b"relay is waiting: "), (where, said + rest)
        assert (rest.count(b"is waiting"), rest.count(b"aiokafka")) == (0, 0), "it says one line, and aiokafka none"
        now = {person: stage for person, (stage, _) in (await announcements.stages([*anons, "user:7", "user:8"])).items()}
        for committed in (True, False):
            assert await stands(settings, committed=committed) == now, where
            assert await stands(settings, committed=committed, is_careful=True) == now, where
