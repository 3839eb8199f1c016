"""Where a worker reads, and how it stays alive: by the record's offsets and never Kafka's, through rebalances and whatever is away."""

import asyncio
import re
import time
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete

from journey.errors import Away, Refused
from streams import pump as pumps
from streams.kafka.batches import TAKEN_BYTES_MAX
from streams.kafka.settings import KafkaSettings
from streams.kafka.source import QUIET_WAIT_MS, Source
from streams.kafka.topics import Topics, ensure_topics
from streams.kafka.unpacking import ZSTD
from streams.placement import UNIT_BYTES_MAX
from streams.ports import OutOfStep
from streams.postgres.record import PostgresRecord
from streams.units import Recorded
from tests.services.service import Service
from tests.streams.builders import at, sent
from tests.streams.kafka.clients import Sent, admin, beating, publish, publish_batch, sending, until
from tests.streams.kafka.packing import batch, packed
from tests.streams.kafka.packing import record as packed_record


def views(first: int, last: int, partition: int = 0) -> list[Sent]:
    return [Sent(sent("page_view", f"user:u{number}", at(0)), partition=partition) for number in range(first, last)]


async def stored(*_: Any) -> dict[int, int]:
    return {0: 3}


async def test_it_begins_where_the_record_stands_whatever_kafka_was_told(settings: KafkaSettings, topic_id: str) -> None:
    await publish(settings, *views(0, 6))
    topic = Topics(settings).touchpoints
    source = Source(settings, "one", topic_id, stored)
    lying = AIOKafkaConsumer(**settings.connection(), group_id=f"{settings.prefix}-placement", enable_auto_commit=False)
    await lying.start()
    lying.assign([TopicPartition(topic, 0)])
    await lying.commit({TopicPartition(topic, 0): 1})
    await lying.stop()
    await source.start()
    try:
        batch = await asyncio.wait_for(source.next(), 20)
        assert [one.offset for one in batch.records] == [4, 5]
        assert batch.after == {0: 3}
        source.again()
        again = await asyncio.wait_for(source.next(), 20)
        assert [one.offset for one in again.records] == [4, 5]
        assert again.epoch == batch.epoch + 1
    finally:
        await source.stop()


async def test_partitions_that_came_in_the_middle_of_a_fetch_are_read(
    settings: KafkaSettings, topic_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has them before it tells us so, and where it is asked meanwhile how far it read them it waits to be told, for ever."""
    await publish(settings, *views(0, 6))
    source = Source(settings, "one", topic_id, stored)
    await source.start()

    position = source._consumer.position
    waiting = [asyncio.Event()]

    async def told(place: TopicPartition) -> int:
        if waiting:
            await waiting.pop().wait()
        return int(await position(place))

    monkeypatch.setattr(source._consumer, "position", told)
    try:
        batch = await asyncio.wait_for(source.next(), 20)
        assert [one.offset for one in batch.records] == [4, 5]
    finally:
        await source.stop()


async def test_a_batch_has_a_bounded_number_of_bytes_and_every_partition_its_turn(settings: KafkaSettings) -> None:
    settings = replace(settings, partitions=3)
    topic_id = await ensure_topics(settings)
    size, count = 1_000_000, 40
    sent = [Sent(b"%d" % number + b"x" * size, partition=partition) for partition in range(3) for number in range(count)]
    # A fetch brings all of them.
    await publish(settings, *sent, compression_type="lz4")

    async def nothing() -> dict[int, int]:
        return {}

    source = Source(settings, "one", topic_id, nothing)
    await source.start()
    found: list[Recorded] = []
    turns: list[set[int]] = []
    try:
        while len(found) < len(sent):
            batch = await asyncio.wait_for(source.next(), 20)
            assert sum(len(one.incoming.raw) for one in batch.records) < UNIT_BYTES_MAX + TAKEN_BYTES_MAX + size
            found += batch.records
            turns.append({one.partition for one in batch.records})
    finally:
        await source.stop()
    assert set.union(*turns[:4]) == {0, 1, 2}
    for partition in range(3):
        assert [one.offset for one in found if one.partition == partition] == list(range(count))


async def test_a_large_batch_is_read_in_units_and_from_its_middle_on(settings: KafkaSettings, record: PostgresRecord) -> None:
    views_of = [sent("page_view", f"user:u{number % 50}", at(0), id=f"v-{number}") for number in range(3_000)]
    parts = (part for offset, one in enumerate(views_of) for part in packed_record(offset, one + b" " * 3_000))
    await publish(settings, *views(50, 53))
    await publish_batch(settings, batch(packed(ZSTD, parts), len(views_of), ZSTD), len(views_of))
    await publish(settings, *views(53, 54))
    topic_id = record.topic

    async def in_the_middle() -> dict[int, int]:
        return {0: 2_000}

    source = Source(settings, "one", topic_id, in_the_middle)
    await source.start()
    try:
        found: list[int] = []
        while not found or found[-1] < 3_003:
            found += [one.offset for one in (await asyncio.wait_for(source.next(), 20)).records]
        assert found == list(range(2_001, 3_004))
    finally:
        await source.stop()
    async with beating(settings, record, "two") as heart:
        await heart.reached(p0=3_003)
    assert (await record.counted()).accepted == 3_004


async def test_offsets_that_retention_took_are_refused_in_one_line(settings: KafkaSettings, topic_id: str) -> None:
    await publish(settings, *views(0, 6))
    place = TopicPartition(Topics(settings).touchpoints, 0)
    async with admin(settings) as client:
        await client.delete_records({place: RecordsToDelete(5)})
    source = Source(settings, "one", topic_id, stored)
    await source.start()
    try:
        with pytest.raises(
            Refused, match=rf"{place.topic}\[0\] from offset 4 \(the first that is there: 5\): its retention is shorter"
        ) as refused:
            await asyncio.wait_for(source.next(), 20)
        assert len(str(refused.value).splitlines()) == 1
    finally:
        await source.stop()


async def test_of_a_partition_never_read_it_begins_with_what_kafka_still_has(settings: KafkaSettings, record: PostgresRecord) -> None:
    await publish(settings, *views(0, 6))
    async with admin(settings) as client:
        await client.delete_records({TopicPartition(Topics(settings).touchpoints, 0): RecordsToDelete(6)})
    async with beating(settings, record) as heart:

        async def read() -> bool:
            return bool(heart.source._read_to) and heart.source._consumer.highwater(TopicPartition(heart.source.topic, 0)) == 6

        await until(read, "a fetch that says where the end is")
        assert heart.source.lag() == 0
        await publish(settings, *views(6, 7))
        await heart.reached(p0=6)
    assert (await record.counted()).accepted == 1


async def test_a_second_worker_raises_the_epoch_and_both_lose_and_double_nothing(settings: KafkaSettings, database: str) -> None:
    settings = replace(settings, partitions=2)
    topic_id = await ensure_topics(settings)
    one, two = [await PostgresRecord.open(database, topic_id) for _ in range(2)]
    await publish(settings, *views(0, 20), *views(20, 40, partition=1))
    async with beating(settings, one) as first:
        await first.reached(p0=19, p1=19)
        epoch = first.source.epoch
        async with beating(settings, two, "two") as second:

            async def shared() -> bool:
                return len(first.source._consumer.assignment()) == len(second.source._consumer.assignment()) == 1

            await until(shared, "a partition for each")
            assert first.source.epoch > epoch
            await publish(settings, *views(40, 60), *views(60, 80, partition=1))
            await first.reached(p0=39, p1=39)
    counted = await one.counted()
    assert (counted.accepted, counted.duplicates) == (80, 0)
    await one.close()
    await two.close()


async def test_where_nothing_comes_the_broker_is_asked_seldom_and_what_comes_then_is_there_at_once(
    settings: KafkaSettings, topic_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing() -> dict[int, int]:
        return {}

    source = Source(settings, "one", topic_id, nothing)
    await source.start()
    coming = asyncio.create_task(source.next())
    try:
        asked: list[float] = []
        fetch = source._consumer._fetcher._proc_fetch_request

        def counted(*request: Any) -> Any:
            asked.append(time.monotonic())
            return fetch(*request)

        monkeypatch.setattr(source._consumer._fetcher, "_proc_fetch_request", counted)

        async def quiet() -> bool:
            return len(asked) > 10 and asked[-1] - asked[-11] > 10 * QUIET_WAIT_MS / 1000 / 2

        await until(quiet, "ten fetches that the broker held")
        await publish(settings, *views(0, 5))
        assert (await asyncio.wait_for(coming, 20)).records
    finally:
        coming.cancel()
        await source.stop()


async def test_lag_is_what_waits_and_nothing_that_is_no_record(settings: KafkaSettings, record: PostgresRecord) -> None:
    """The marks of transactions take offsets, and an open one holds back what follows: neither makes a worker look stuck."""
    topic = Topics(settings).touchpoints
    async with (
        beating(settings, record) as heart,
        sending(settings, transactional_id=f"{settings.prefix}-a") as one,
        sending(settings, transactional_id=f"{settings.prefix}-b") as open_one,
    ):
        async with one.transaction():
            await one.send_and_wait(topic, sent("page_view", "user:1", at(0)), partition=0)
        await heart.reached(p0=0)

        async def idle() -> bool:
            return heart.source.lag() == 0

        await until(idle, "no lag behind the mark of a transaction")
        await open_one.begin_transaction()
        await open_one.send_and_wait(topic, b"held back", partition=0)
        await publish(settings, *views(2, 3))

        async def seen() -> bool:
            return (heart.source._consumer.highwater(TopicPartition(topic, 0)) or 0) >= 4

        await until(seen, "a fetch")
        assert heart.source.lag() == 0
        await open_one.abort_transaction()
        await heart.reached(p0=3)
    assert (await record.counted()).accepted == 2


async def test_who_has_records_and_places_none_is_stuck(
    settings: KafkaSettings, record: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "STUCK_SECONDS_MAX", 0.5)
    hanging = asyncio.Event()

    async def hang(*_: Any) -> None:
        hanging.set()
        await asyncio.Event().wait()

    async with beating(settings, record) as heart:
        monkeypatch.setattr(heart.pump.placement, "run", hang)

        async def looks() -> bool:
            return not heart.pump.is_stuck()

        await until(looks, "a first look, which a busy machine may take a while for")
        await publish(settings, *views(0, 1))
        await asyncio.wait_for(hanging.wait(), 20)

        async def stuck() -> bool:
            return heart.pump.is_stuck()

        await until(stuck, "the worker to be taken for stuck, with its last batch in hand")


async def test_who_is_at_work_on_a_long_unit_is_not_stuck(
    settings: KafkaSettings, record: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "STUCK_SECONDS_MAX", 0.5)
    working, done = asyncio.Event(), asyncio.Event()
    looks = 0

    async with beating(settings, record) as heart:

        async def work(*_: Any) -> None:
            working.set()
            while not done.is_set():
                await heart.pump.placement.pauses.after(1)
                await asyncio.sleep(0.01)
            await asyncio.Event().wait()

        monkeypatch.setattr(heart.pump.placement, "run", work)
        await publish(settings, *views(0, 1))
        await asyncio.wait_for(working.wait(), 20)
        began = time.monotonic()

        async def long_enough() -> bool:
            nonlocal looks
            looks += 1
            assert not heart.pump.is_stuck()
            return time.monotonic() - began > 1.0

        await until(long_enough, "twice as long as who is stuck may live")
        assert looks > 1
        done.set()

        async def stuck() -> bool:
            return heart.pump.is_stuck()

        await until(stuck, "the worker to be taken for stuck, once it no longer works")


@pytest.mark.parametrize("trouble", [Away("PostgreSQL is away"), OutOfStep("another was first")])
async def test_trouble_with_a_commit_is_waited_for_and_nothing_is_lost_or_doubled(
    settings: KafkaSettings, record: PostgresRecord, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Also where the commit arrived, and only the answer did not."""
    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    commit, failures = record.commit, [True, False, False]

    async def failing(unit: Any) -> int:
        if failures:
            if failures.pop():
                await commit(unit)
            raise trouble
        return await commit(unit)

    monkeypatch.setattr(record, "commit", failing)
    async with beating(settings, record) as heart:
        await publish(settings, *views(0, 10))
        await heart.reached(p0=9)
        await publish(settings, *views(10, 20))
        await heart.reached(p0=19)
    counted = await record.counted()
    assert (counted.accepted, counted.duplicates, failures) == (20, 0, [])
    assert [re.sub(r"[\d.]+ s", "N s", line) for line in heart.said] in (
        [],
        ["placement: waiting: PostgreSQL is away", "placement: going on, after N s"],
    )


async def test_who_knows_what_it_waits_for_is_not_stuck(
    settings: KafkaSettings, record: PostgresRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pumps, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(pumps, "STUCK_SECONDS_MAX", 1.0)
    tries = 0

    async def away(*_: Any) -> None:
        nonlocal tries
        tries += 1
        raise Away("PostgreSQL is away")

    async with beating(settings, record) as heart:
        monkeypatch.setattr(heart.pump.placement, "run", away)
        await publish(settings, *views(0, 1))
        began = time.monotonic()

        async def waited() -> bool:
            return time.monotonic() - began > 1.5 and tries > 3

        await until(waited, "longer than who is stuck may live")
        assert time.monotonic() - heart.pump.moved_at < 1.0
        assert not heart.pump.is_stuck()


async def test_a_broker_that_goes_away_is_waited_for(own_kafka: Service, database: str) -> None:
    settings = KafkaSettings(own_kafka.address, prefix="away", partitions=1)
    record = await PostgresRecord.open(database, await ensure_topics(settings))
    await publish(settings, *views(0, 3))
    async with beating(settings, record) as heart:
        await heart.reached(p0=2)
        await asyncio.to_thread(own_kafka.kill)
        # As after any failure: where the record stands is asked for, and Kafka for the beginning of what is new.
        heart.source.again()
        await asyncio.to_thread(own_kafka.start_again)
        await publish(settings, *views(3, 6))
        await heart.reached(p0=5)
    assert (await record.counted()).accepted == 6
    await record.close()
