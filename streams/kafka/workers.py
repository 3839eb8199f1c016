"""Who places what comes in, as Kafka sees it: the members of the workers' consumer group, and the partitions of each."""

import asyncio
import re
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    NotCoordinatorForGroupError,
    for_code,
)

from streams.kafka.client import meaning
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics

SHARED_OUT = "Stable"
"""The state of a group each of whose members knows its partitions."""

NOBODY = frozenset({"Dead", "Empty"})
"""The states of a group without members: Kafka calls one dead that it has never heard of."""

NOT_SETTLED = (GroupCoordinatorNotAvailableError, GroupLoadInProgressError, NotCoordinatorForGroupError)
"""As before the first group of a cluster, for a second."""

SETTLED_TRIES_MAX, SETTLED_SECONDS = 20, 0.1

_GIVEN = re.compile(r"-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.ASCII)
"""What Kafka puts behind the name of an instance to make a member's id of it."""


class WorkerAtWork(NamedTuple):
    """A worker. It stays one for some seconds after it was killed: that long Kafka waits for it to come back."""

    name: str
    """Its JOURNEY_INSTANCE."""
    host: str
    client: str
    """What its client calls itself."""
    partitions: tuple[int, ...]


class AtWork(NamedTuple):
    """The workers, and the partitions that none of them has. While they share out the partitions nobody knows who has which."""

    workers: tuple[WorkerAtWork, ...]
    without: tuple[int, ...]
    is_shared_out: bool


async def at_work(settings: KafkaSettings) -> AtWork:
    """The workers that place, now. Raises Away, Refused."""
    topic = Topics(settings).touchpoints
    admin = AIOKafkaAdminClient(**settings.connection())
    try:
        await admin.start()
        (described,) = await admin.describe_topics([topic])
        _check(described["error_code"])
        state, members = await _group(admin, settings.placement_group)
    except KafkaError as error:
        raise meaning(error, settings.bootstrap) from error
    finally:
        await admin.close()
    is_shared_out = state == SHARED_OUT or state in NOBODY
    workers = sorted(
        WorkerAtWork(_GIVEN.sub("", id), host.removeprefix("/"), client, _partitions(topic, assignment) if is_shared_out else ())
        for id, client, host, _, assignment, *_ in members
    )
    partitions = {one["partition"] for one in described["partitions"]}
    taken = {partition for worker in workers for partition in worker.partitions}
    return AtWork(tuple(workers), tuple(sorted(partitions - taken)) if is_shared_out else (), is_shared_out)


async def _group(admin: AIOKafkaAdminClient, name: str) -> tuple[str, list[Any]]:
    """The state of a group, and its members. Asks again while Kafka has not settled yet which broker looks after it."""
    tries = 0
    while True:
        tries += 1
        try:
            (answer,) = await admin.describe_consumer_groups([name])
            # Later versions have more behind these.
            ((code, _, state, _, _, members, *_),) = answer.groups
            _check(code)
            return state, members
        except NOT_SETTLED:
            if tries == SETTLED_TRIES_MAX:
                raise
        await asyncio.sleep(SETTLED_SECONDS)


def _partitions(topic: str, assignment: bytes) -> tuple[int, ...]:
    """The partitions of `topic` in what Kafka keeps of who was given which."""
    given = ConsumerProtocol.ASSIGNMENT.decode(assignment).assignment if assignment else ()
    return tuple(sorted(partition for name, partitions in given if name == topic for partition in partitions))


def _check(code: int) -> None:
    if code:
        raise for_code(code)
