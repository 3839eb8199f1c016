"""A producer that is the only one of its name, where Kafka has nobody to look after its transactions."""

from pathlib import Path

import pytest

from journey.errors import Away
from streams.kafka import client
from streams.kafka.client import only_producer
from streams.kafka.settings import KafkaSettings
from tests.services.kafka import kafka_with


@pytest.mark.kafka
async def test_a_broker_alone_that_is_to_keep_transactions_three_times_is_waited_for_and_told_of(
    services: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a broker is that nobody has told to be alone."""
    monkeypatch.setattr(client, "COORDINATOR_SECONDS_MAX", 3.0)
    with kafka_with(services / "three-times", {"transaction.state.log.replication.factor": "3"}) as kafka:
        with pytest.raises(Away, match=r"transaction\.state\.log\.replication\.factor=1"):
            async with only_producer(KafkaSettings(kafka.address), "somebody"):
                pass
