"""How we reach Kafka: one place for addresses, credentials and bounds, and for what its errors mean to us."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.consumer import fetcher
from aiokafka.errors import (
    AuthenticationFailedError,
    BrokerNotAvailableError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaStorageError,
    KafkaTimeoutError,
    KafkaUnavailableError,
    LeaderNotAvailableError,
    LogDirNotFound,
    MessageSizeTooLargeError,
    NotControllerError,
    NotCoordinatorForGroupError,
    NotEnoughReplicasAfterAppendError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
    PolicyViolationError,
    RecordListTooLargeError,
    RecordTooLargeError,
    ReplicaNotAvailableError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)

from journey.errors import Away, Refused
from streams.kafka.header_names import LenientRecords
from streams.kafka.settings import KafkaSettings

# For all who read: with its own, a record with a header name that is no UTF-8 stops them for ever.
fetcher.MemoryRecords = LenientRecords

RECORD_BYTES_MAX = 20 * 1024 * 1024
"""Far more than a touchpoint may have, so that what is too large still arrives and is kept as a dead letter: any line of a file."""

ENVELOPE_BYTES_MAX = 1024
"""What a record takes beside its key, value and headers."""

LINGER_MS = 5


_DENIED = {
    TopicAuthorizationFailedError: "read and write the topic",
    GroupAuthorizationFailedError: "join the consumer group",
    ClusterAuthorizationFailedError: "do what we asked of the cluster",
    TransactionalIdAuthorizationFailed: "use the transactional id",
}
_THERE = {
    (NotEnoughReplicasError, NotEnoughReplicasAfterAppendError): "has too few replicas in step to store anything safely",
    (KafkaStorageError, LogDirNotFound): "can't write: a disk of it is full or has failed",
    (UnknownTopicOrPartitionError,): "does not know the topic, or a partition of it",
    (
        BrokerNotAvailableError, GroupCoordinatorNotAvailableError, GroupLoadInProgressError, LeaderNotAvailableError, NotControllerError,
        NotCoordinatorForGroupError, NotLeaderForPartitionError, ReplicaNotAvailableError,
    ): "has not settled yet which of its brokers leads",
}  # fmt: skip
"""What a broker that answers is short of: these pass, with no help of ours."""


def meaning(error: KafkaError, bootstrap: str) -> Exception:
    """What an error of Kafka's is to us: Refused where only a person can mend it, Away where waiting may. In words for who is on call."""
    place = f"Kafka at {bootstrap}"
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError | UnsupportedSaslMechanismError | IllegalSaslStateError):
        return Refused(f"{place} refuses our credentials{_words(error)}")
    if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError | RecordTooLargeError):
        return Refused(f"{place} takes no record that large; set max.message.bytes={RECORD_BYTES_MAX} on the topic{_words(error)}")
    if isinstance(error, PolicyViolationError):
        return Refused(f"{place} has a policy against what we asked{_words(error)}")
    for denied, what in _DENIED.items():
        if isinstance(error, denied):
            return Refused(f"{place} does not allow us to {what}{_words(error)}; give us the right to")
    for there, what in _THERE.items():
        if isinstance(error, there):
            return Away(f"{place} is there, and {what}{_words(error)}")
    if isinstance(error, KafkaTimeoutError | RequestTimedOutError):
        return Away(f"{place} does not answer in time{_words(error)}", outage=place)
    if isinstance(error, KafkaConnectionError | KafkaUnavailableError) or error.retriable:
        return Away(f"{place} can't be reached{_words(error)}", outage=place)
    unexpected: Exception = error
    return unexpected


def _words(error: KafkaError) -> str:
    """What the broker or the client adds, where that is for people: the client also says how it keeps addresses, or nothing."""
    said = ", ".join(", ".join(sorted(map(str, one))) if isinstance(one, set | frozenset | list) else str(one) for one in error.args)
    return "" if not said or "<" in said else f": {said}"


async def check_credentials(settings: KafkaSettings) -> None:
    """Raises Refused where a broker answers and won't have us: aiokafka's clients say only that they could not connect."""
    how = settings.connection()
    del how["bootstrap_servers"]
    for host, port, _ in collect_hosts(settings.bootstrap):
        try:
            connection = await create_conn(host, port, **how)
        except ssl.SSLCertVerificationError as error:
            raise Refused(f"the certificate of Kafka at {settings.bootstrap} is not to be trusted: {error.verify_message}") from error
        except KafkaError as error:
            if isinstance(refused := meaning(error, settings.bootstrap), Refused):
                raise refused from error
        except (OSError, TimeoutError):
            pass
        else:
            connection.close()


@asynccontextmanager
async def producer(settings: KafkaSettings) -> AsyncIterator[AIOKafkaProducer]:
    """A producer whose acknowledgements mean that all replicas in step have it, and that retries do not double. Raises Away."""
    made = AIOKafkaProducer(
        **settings.connection(),
        acks="all",
        enable_idempotence=True,
        compression_type="lz4",
        linger_ms=LINGER_MS,
        max_request_size=RECORD_BYTES_MAX,
    )
    try:
        await made.start()
    except KafkaError as error:
        await made.stop()
        raise meaning(error, settings.bootstrap) from error
    try:
        yield made
    finally:
        await made.stop()
