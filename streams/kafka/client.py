"""How we reach Kafka: one place for addresses, credentials and bounds, and for what its errors mean to us."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.consumer import fetcher
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    KafkaUnavailableError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailed,
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


def meaning(error: KafkaError, bootstrap: str) -> Exception:
    """What an error of Kafka's is to us: Refused where only a person can mend it, Away where waiting may."""
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError | UnsupportedSaslMechanismError | IllegalSaslStateError):
        return Refused(f"Kafka at {bootstrap} refuses our credentials: {error}")
    if isinstance(error, MessageSizeTooLargeError):
        return Refused(f"Kafka at {bootstrap} takes no record that large; set max.message.bytes={RECORD_BYTES_MAX} on the topic: {error}")
    if isinstance(error, KafkaConnectionError | KafkaTimeoutError | KafkaUnavailableError) or error.retriable:
        return Away(f"Kafka at {bootstrap} can't be reached: {str(error) or type(error).__name__}")
    unexpected: Exception = error
    return unexpected


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
