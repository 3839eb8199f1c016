"""Who places what comes in, as Kafka sees it."""

from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import Topics, ensure_topics
from streams.kafka.workers import at_work


class FirstOnly(RoundRobinPartitionAssignor):  # type: ignore[misc]  # aiokafka is not typed
    """Gives out the first partition and no other."""

    name = "first-only"

    @classmethod
    def assign(cls, cluster: Any, members: Any) -> dict[str, ConsumerProtocolMemberAssignment]:
        topics = [(topic, [0]) for metadata in members.values() for topic in metadata.subscription]
        return {member: ConsumerProtocolMemberAssignment(cls.version, topics, b"") for member in members}


async def test_partitions_that_no_worker_has_are_named(settings: KafkaSettings) -> None:
    settings = replace(settings, partitions=3)
    await ensure_topics(settings)
    nobody = await at_work(settings)
    assert (nobody.workers, nobody.without) == ((), (0, 1, 2))
    worker = AIOKafkaConsumer(
        Topics(settings).touchpoints, **settings.connection(), group_id=settings.placement_group, group_instance_id="w1",
        client_id="a client", partition_assignment_strategy=[FirstOnly],
    )  # fmt: skip
    await worker.start()
    try:
        # What Kafka was told of who has what, the members hear of.
        found = await at_work(settings)
        while not worker.assignment() or not found.is_shared_out:
            found = await at_work(settings)
    finally:
        await worker.stop()
    assert [(one.name, one.host, one.client, one.partitions) for one in found.workers] == [("w1", "127.0.0.1", "a client", (0,))]
    assert (found.without, found.is_shared_out) == ((1, 2), True)
