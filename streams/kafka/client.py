"""How we reach Kafka: one place for addresses, credentials and bounds, and for what its errors mean to us."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    AuthenticationFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from journey.errors import Away, Refused
from streams.kafka.settings import KafkaSettings

RECORD_BYTES_MAX = 4 * 1024 * 1024
"""More than a touchpoint may have, so that one that is too large still arrives and is kept as a dead letter."""

LINGER_MS = 5


def meaning(error: KafkaError, bootstrap: str) -> Exception:
    """What an error of Kafka's is to us: Refused where only a person can mend it, Away where waiting may."""
    if isinstance(error, SaslAuthenticationFailed | AuthenticationFailedError | UnsupportedSaslMechanismError | IllegalStateError):
        return Refused(f"Kafka at {bootstrap} refuses our credentials: {error}")
    if isinstance(error, KafkaConnectionError) or error.retriable:
        return Away(f"Kafka at {bootstrap} can't be reached: {error}")
    unexpected: Exception = error
    return unexpected


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
