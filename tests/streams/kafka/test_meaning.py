"""What Kafka says, in words for whoever is on call: whether it is there, and what it is short of."""

import re

import pytest
from aiokafka import errors
from aiokafka.errors import KafkaError

from journey.errors import Away, Refused
from streams.kafka.client import meaning

PLACE = "Kafka at kafka:9092"

PASSES = [
    (errors.NotEnoughReplicasError(), "is there, and has too few replicas in step"),
    (errors.NotEnoughReplicasAfterAppendError(), "is there, and has too few replicas in step"),
    (errors.KafkaStorageError(), "is there, and can't write: a disk of it is full or has failed"),
    (errors.LogDirNotFound(), "is there, and can't write: a disk of it is full or has failed"),
    (errors.UnknownTopicOrPartitionError("journey.touchpoints"), "does not know the topic, or a partition of it: journey.touchpoints"),
    (errors.NotLeaderForPartitionError(), "is there, and has not settled yet"),
    (errors.GroupCoordinatorNotAvailableError(), "is there, and has not settled yet"),
    (errors.KafkaTimeoutError(), "does not answer in time"),
    (errors.KafkaConnectionError("Unable to bootstrap from [('127.0.0.1', 9092, <AddressFamily.AF_INET: 2>)]"), "can't be reached"),
    (errors.NodeNotReadyError("Attempt to send a request to node which is not ready"), "can't be reached"),
]
REFUSES = [
    (errors.TopicAuthorizationFailedError({"journey.touchpoints"}), "does not allow us to read and write the topic: journey.touchpoints"),
    (errors.GroupAuthorizationFailedError("journey-placement"), "does not allow us to join the consumer group: journey-placement"),
    (errors.ClusterAuthorizationFailedError(), "does not allow us"),
    (errors.MessageSizeTooLargeError("The message is 30 bytes"), "takes no record that large; set max.message.bytes="),
    (errors.RecordListTooLargeError(), "takes no record that large"),
    (errors.PolicyViolationError("no such topics here"), "has a policy against what we asked: no such topics here"),
    (errors.SaslAuthenticationFailed("invalid credentials"), "refuses our credentials: invalid credentials"),
]
CASES = [*((error, Away, says) for error, says in PASSES), *((error, Refused, says) for error, says in REFUSES)]


@pytest.mark.parametrize(("error", "is_to_us", "says"), CASES, ids=[type(error).__name__ for error, *_ in CASES])
def test_each_error_is_said_as_what_it_is(error: KafkaError, is_to_us: type[Exception], says: str) -> None:
    found = meaning(error, "kafka:9092")
    assert type(found) is is_to_us
    assert says in str(found)
    assert str(found).startswith(PLACE)
    assert not re.search(r"Error\b|\[Error|<\w+\.\w+|\{", str(found)), str(found)


def test_a_broker_that_is_killed_is_one_outage() -> None:
    found = [meaning(one, "kafka:9092") for one in (errors.KafkaConnectionError("closed"), errors.KafkaTimeoutError())]
    assert {one.outage for one in found if isinstance(one, Away)} == {PLACE}


def test_what_is_a_bug_of_ours_stays_what_it_is() -> None:
    bug = errors.IllegalStateError("closed")
    assert meaning(bug, "kafka:9092") is bug
