"""The topics: made as the settings say, left as they are where they are there, and told from those of the same name before them."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from journey.errors import Refused
from streams.kafka import source, topics
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics, ensure_topics
from streams.postgres.record import PostgresRecord
from tests.streams.builders import at, sent
from tests.streams.kafka.clients import admin, beating, publish, until


async def configured(settings: KafkaSettings, topic: str) -> dict[str, str]:
    async with admin(settings) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    return {name: value for *_, entries in answer.resources for name, value, *_ in entries}


async def partitions(settings: KafkaSettings) -> dict[str, int]:
    async with admin(settings) as client:
        found: list[dict[str, Any]] = await client.describe_topics(list(vars(Topics(settings)).values()))
    return {one["topic"]: len(one["partitions"]) for one in found}


async def test_topics_are_made_as_the_settings_say(settings: KafkaSettings) -> None:
    settings = replace(settings, partitions=3, retention_hours=5)
    await ensure_topics(settings)
    names = Topics(settings)
    made = await partitions(settings)
    assert made == {names.touchpoints: 3, names.changes: 1, names.transitions: 3, names.stages: 3, names.control: 1}
    touchpoints = await configured(settings, names.touchpoints)
    assert touchpoints["retention.ms"] == str(5 * 3600 * 1000)
    assert touchpoints["message.timestamp.type"] == "LogAppendTime"
    stages = await configured(settings, names.stages)
    assert (stages["cleanup.policy"], stages["delete.retention.ms"]) == ("compact", touchpoints["retention.ms"])
    assert (await configured(settings, names.changes))["cleanup.policy"] == "delete"


async def test_topics_that_are_there_are_left_as_they_are(settings: KafkaSettings) -> None:
    first = await ensure_topics(settings)
    assert await ensure_topics(replace(settings, partitions=3, retention_hours=5)) == first
    assert set((await partitions(settings)).values()) == {1}
    assert (await configured(settings, Topics(settings).touchpoints))["retention.ms"] == str(168 * 3600 * 1000)


async def test_the_touchpoints_may_come_by_a_topic_of_another_name(settings: KafkaSettings) -> None:
    settings = replace(settings, touchpoints=f"{settings.prefix}.another")
    await ensure_topics(settings)
    assert f"{settings.prefix}.another" in await partitions(settings)


async def test_a_topic_that_keeps_the_senders_time_is_refused_in_one_line_that_says_what_to_do(settings: KafkaSettings) -> None:
    topic = Topics(settings).touchpoints
    async with admin(settings) as client:
        await client.create_topics([NewTopic(topic, 1, 1)])
        with pytest.raises(Refused) as refused:
            await ensure_topics(settings)
        (line,) = str(refused.value).splitlines()
        assert f"--topic {topic} --add-config message.timestamp.type=LogAppendTime" in line
        to = {"message.timestamp.type": "LogAppendTime"}
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, to)])

    async def goes_by_it() -> bool:
        with suppress(Refused):
            return bool(await ensure_topics(settings))
        return False

    await until(goes_by_it, "the broker to go by what it was told")


async def test_the_clock_of_a_topic_that_its_broker_does_not_know_yet_is_looked_at_once_it_does(settings: KafkaSettings) -> None:
    async with admin(settings) as client:
        looking = asyncio.create_task(topics._check_clock(client, Topics(settings).touchpoints))
        assert not (await asyncio.wait([looking], timeout=0.3))[0]
        await client.create_topics([NewTopic(Topics(settings).touchpoints, 1, 1)])
        with pytest.raises(Refused, match="keeps the time that senders say"):
            await looking


async def test_what_kafka_will_not_make_is_refused(settings: KafkaSettings) -> None:
    for wrong in (replace(settings, replication=2), replace(settings, prefix=settings.prefix + "/")):
        with pytest.raises(Refused, match="won't make the topic"):
            await ensure_topics(wrong)


async def test_a_topic_made_anew_is_another_one_and_is_read_from_its_beginning(
    settings: KafkaSettings, topic_id: str, record: PostgresRecord, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "METADATA_MS", 200)
    topic = Topics(settings).touchpoints
    await publish(settings, *(sent("page_view", "user:7", at(day)) for day in range(3)))
    async with beating(settings, record) as heart:
        await heart.reached(p0=2)
        async with admin(settings) as client:
            await client.delete_topics([topic])

            async def made() -> bool:
                answer = await client.create_topics([NewTopic(topic, 1, 1, topic_configs={"message.timestamp.type": "LogAppendTime"})])
                return not any(code for _, code, *_ in answer.topic_errors)

            await until(made, "the topic to be made anew")
        # Who read on by the old offsets would skip what is new.
        await publish(settings, *(sent("page_view", "user:8", at(day)) for day in range(5)))
        with pytest.raises(Refused, match="made anew"):
            await heart.reached(p0=3)
    another = await ensure_topics(settings)
    assert another != topic_id
    anew = await PostgresRecord.open(database, another)
    assert await anew.offsets() == {}
    async with beating(settings, anew) as heart:
        await heart.reached(p0=4)
    assert len((await anew.bodies(["user:8"]))["user:8"]) == 5
    assert (await anew.counted()).accepted == 8
    await anew.close()
