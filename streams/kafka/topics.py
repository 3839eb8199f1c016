"""The topics: what they are called, what each promises, and how they come to be there.

`touchpoints` is the way in, and not the record: its retention is bounded. `changes` has one partition, in the order of units.
`stages` is compacted, with a tombstone for each person that was merged away. `control` carries hints only.
"""

import asyncio
import uuid
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from journey.errors import Refused
from streams.kafka.client import check_credentials, meaning
from streams.kafka.large import RECORD_BYTES_MAX
from streams.kafka.settings import KafkaSettings

HOUR_MS = 3_600_000

KNOWN_TRIES_MAX, KNOWN_SECONDS = 50, 0.1
"""How often, and how far apart, a topic that was just made is asked for: brokers hear of it one after the other."""

LOG_APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}
"""The broker's own clock says when a touchpoint was recorded: the sender's may be wrong."""


class Topics:
    """The names of our topics."""

    def __init__(self, settings: KafkaSettings) -> None:
        prefix = settings.prefix
        self.touchpoints = settings.touchpoints or f"{prefix}.touchpoints"
        self.changes = f"{prefix}.changes"
        self.transitions = f"{prefix}.transitions"
        self.stages = f"{prefix}.stages"
        self.control = f"{prefix}.control"


def wanted(settings: KafkaSettings) -> list[NewTopic]:
    """The topics as they are made where they are not there yet."""
    names = Topics(settings)
    bounded = {"retention.ms": str(settings.retention_hours * HOUR_MS), "max.message.bytes": str(RECORD_BYTES_MAX)}
    # A tombstone stays as long as a message of the other topics: who was away for less hears of it.
    compacted = {"cleanup.policy": "compact", "delete.retention.ms": bounded["retention.ms"], "max.message.bytes": str(RECORD_BYTES_MAX)}

    def topic(name: str, partitions: int, configs: dict[str, str]) -> NewTopic:
        return NewTopic(name, num_partitions=partitions, replication_factor=settings.replication, topic_configs=configs)

    return [
        topic(names.touchpoints, settings.partitions, {**bounded, **LOG_APPEND_TIME}),
        topic(names.changes, 1, bounded),
        topic(names.transitions, settings.partitions, bounded),
        topic(names.stages, settings.partitions, compacted),
        topic(names.control, 1, bounded),
    ]


async def ensure_topics(settings: KafkaSettings) -> str:
    """Make the topics that are missing. Returns the id of the topic of touchpoints. Raises Away, Refused."""
    admin = AIOKafkaAdminClient(**settings.connection())
    try:
        await admin.start()
        there = set(await admin.list_topics())
        missing = [topic for topic in wanted(settings) if topic.name not in there]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, why in answer.topic_errors:
                if code and for_code(code) is not TopicAlreadyExistsError:
                    raise Refused(f"Kafka at {settings.bootstrap} won't make the topic {name}: {why or for_code(code).__name__}")
        await _check_clock(admin, Topics(settings).touchpoints)
        return await _topic_id(admin, Topics(settings).touchpoints)
    except KafkaError as error:
        if isinstance(error, KafkaConnectionError):
            await check_credentials(settings)
        raise meaning(error, settings.bootstrap) from error
    finally:
        await admin.close()


async def topic_id(settings: KafkaSettings) -> str:
    """The id of the topic of touchpoints, as it is now. Raises Away, Refused."""
    admin = AIOKafkaAdminClient(**settings.connection())
    try:
        await admin.start()
        return await _topic_id(admin, Topics(settings).touchpoints)
    except KafkaError as error:
        raise meaning(error, settings.bootstrap) from error
    finally:
        await admin.close()


async def _check_clock(admin: AIOKafkaAdminClient, topic: str) -> None:
    """Raises Refused where the senders' clocks say when touchpoints were recorded. Who may not look has to know by himself."""
    for _ in range(KNOWN_TRIES_MAX):
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic, LOG_APPEND_TIME)])
        if not any(for_code(code) is UnknownTopicOrPartitionError for code, *_ in answer.resources):
            break
        await asyncio.sleep(KNOWN_SECONDS)
    for name, value, *_ in (entry for *_, entries in answer.resources for entry in entries):
        if name in LOG_APPEND_TIME and value != LOG_APPEND_TIME[name]:
            raise Refused(
                f"the topic {topic} keeps the time that senders say ({name}={value}), and what is dated too far ahead is judged by it;"
                f" set it to {LOG_APPEND_TIME[name]}: kafka-configs.sh --alter --topic {topic} --add-config {name}={LOG_APPEND_TIME[name]}"
            )


# A topic that is deleted and made anew starts at offset 0 again. Only its id tells it from the old one, and aiokafka does not ask for it.


class _Uuid:
    @classmethod
    def encode(cls, value: uuid.UUID) -> bytes:
        return value.bytes

    @classmethod
    def decode(cls, data: Any) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc]  # aiokafka is not typed
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponse
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_MetadataStruct]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: type[_MetadataStruct]) -> _MetadataStruct:
        return request_struct_class([(uuid.UUID(int=0), self._topic, {})], False, False, False, {})


async def _topic_id(admin: AIOKafkaAdminClient, topic: str) -> str:
    for _ in range(KNOWN_TRIES_MAX):
        answer = await admin._send_request(_Metadata(topic))
        for error_code, name, topic_id, *_ in answer.topics:
            if name == topic and not error_code:
                return str(topic_id)
            if error_code and not for_code(error_code).retriable:
                raise for_code(error_code)(topic)
        await asyncio.sleep(KNOWN_SECONDS)
    raise UnknownTopicOrPartitionError(topic)
