"""Topics of a test's own on the real Kafka, and a record of its own in the real PostgreSQL."""

from collections.abc import AsyncIterator

import pytest

from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import ensure_topics
from streams.postgres.record import PostgresRecord
from tests.services.service import Service


@pytest.fixture
def settings(kafka: Service, topics: str) -> KafkaSettings:
    return KafkaSettings(kafka.address, prefix=topics, partitions=1)


@pytest.fixture
async def topic_id(settings: KafkaSettings) -> str:
    """The id of the topic of touchpoints, which is made with all others."""
    return await ensure_topics(settings)


@pytest.fixture
async def record(database: str, topic_id: str) -> AsyncIterator[PostgresRecord]:
    record = await PostgresRecord.open(database, topic_id)
    yield record
    await record.close()
