"""How we reach Kafka: one place for addresses, credentials and bounds, and for what its errors mean to us."""

import asyncio
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
    InvalidProducerEpoch,
    InvalidProducerIdMapping,
    InvalidTxnState,
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
    OutOfOrderSequenceNumber,
    PolicyViolationError,
    ProducerFenced,
    RecordListTooLargeError,
    RecordTooLargeError,
    ReplicaNotAvailableError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownProducerId,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)

from journey.errors import Away, Refused
from streams.kafka.batches import FetchShare, Records
from streams.kafka.large import RECORD_BYTES_MAX
from streams.kafka.settings import KafkaSettings

# For all who read: with its own, a batch of a few bytes takes gigabytes, and a header name that is no UTF-8 stops them for ever.
fetcher.MemoryRecords = Records
fetcher.FetchResult = FetchShare

ENVELOPE_BYTES_MAX = 1024
"""What a record takes beside its key, value and headers."""

LINGER_MS = 5

TRANSACTION_MS_MAX = 30_000
"""After which Kafka takes back what a producer had begun to send: one that is frozen, and that nobody follows."""

COORDINATOR_SECONDS_MAX = 20.0
"""How long Kafka may take to say who looks after our transactions: aiokafka asks again and again, and says nothing."""

STOP_SECONDS_MAX = 2.0
"""How long what is still to be sent may take when it no longer matters: where the broker is away, for as long as that is."""

_FENCED = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping, InvalidTxnState, OutOfOrderSequenceNumber, UnknownProducerId)


_DENIED = {
    TopicAuthorizationFailedError: "read and write the topic",
    GroupAuthorizationFailedError: "join the consumer group",
    ClusterAuthorizationFailedError: "do what we asked of the cluster",
    TransactionalIdAuthorizationFailed: "send in a transaction, which takes WRITE and DESCRIBE on the transactional id",
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


def is_fenced(error: BaseException) -> bool:
    """Whether Kafka takes nothing more from a producer, and would from a new one."""
    # What aiokafka did not expect, it wraps.
    return isinstance(error, _FENCED) or isinstance(error.__cause__, _FENCED)


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


@asynccontextmanager
async def only_producer(settings: KafkaSettings, name: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that sends in transactions, and the only one of that name: once it is there, Kafka takes nothing from those before it,
    and takes back what they had not committed. So one that was frozen and thaws can't send what it held. Raises Away, Refused.
    """
    made = AIOKafkaProducer(
        **settings.connection(),
        transactional_id=name,
        transaction_timeout_ms=TRANSACTION_MS_MAX,
        acks="all",
        compression_type="lz4",
        # What is sent is waited for before it is committed.
        linger_ms=0,
        max_request_size=RECORD_BYTES_MAX,
    )
    try:
        try:
            async with asyncio.timeout(COORDINATOR_SECONDS_MAX):
                await made.start()
        except TimeoutError as error:
            raise Away(
                f"Kafka at {settings.bootstrap} has no coordinator for transactions; of fewer than three brokers it needs"
                " transaction.state.log.replication.factor=1 and transaction.state.log.min.isr=1"
            ) from error
        except KafkaError as error:
            raise meaning(error, settings.bootstrap) from error
        yield made
    finally:
        # It would send what it still holds first, into a transaction that is void.
        await asyncio.wait([asyncio.create_task(_stop(made))], timeout=STOP_SECONDS_MAX)
        _hear(made)


async def _stop(made: AIOKafkaProducer) -> None:
    try:
        await made.stop()
    except KafkaError:
        # It ends with what the last request came to, such as that it is fenced, and leaves its connections open then.
        await made.client.close()


def _hear(made: AIOKafkaProducer) -> None:
    """Ask every future that aiokafka has failed, and that nobody waits for: asyncio would log each of them, with a traceback."""
    batches = [batch for some in made._message_accumulator._batches.values() for batch in some]
    for future in (made._txn_manager._transaction_waiter, *(batch._drain_waiter for batch in batches)):
        if future is not None and future.done() and not future.cancelled():
            future.exception()
