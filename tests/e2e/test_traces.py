"""One trace from the request that a server takes in, through Kafka, to the worker that places it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.app.command import touch
from tests.app.server.doors import started
from tests.e2e.workers import Place, placed, wait_for
from tests.services.collector import collecting
from tests.services.service import Service

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"
PARTS = {
    "POST /events": "journey-server",
    "take in a body": "journey-server",
    "have the log keep it": "journey-server",
    "place a unit": "journey-worker",
    "take in a unit: marketing": "journey-worker",
    "take in a unit: sales": "journey-worker",
}


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


async def test_a_trace_goes_with_a_record_to_its_worker_and_is_no_part_of_it(place: Place, tmp_path: Path) -> None:
    with collecting() as collector:
        place.more |= collector.env
        place.start("w1")
        place.at_work("w1")
        with started(tmp_path, **place.env) as server:
            headers = {
                "Authorization": f"Bearer {server.key}",
                "Content-Type": "application/cloudevents+json",
                "traceparent": f"00-{TRACE}-{CALLER}-01",
            }
            async with httpx.AsyncClient() as client:
                assert (await client.post(f"{server.address}/events", content=touch(), headers=headers)).status_code == 200
            told = lambda: f"{collector.spans}\n{place.said('w1')}"  # noqa: E731
            wait_for(lambda: collector.of(TRACE).keys() == PARTS.keys(), "the trace", told)
        found = collector.of(TRACE)
        assert {name: one.service for name, one in found.items()} == PARTS
        assert found["place a unit"].parent == found["have the log keep it"].id
        assert found["take in a unit: sales"].parent == found["place a unit"].id
        kept = await published(place)
        assert dict(kept.headers)["traceparent"].decode().startswith(f"00-{TRACE}-")
        # Others' producers are traced the same way, and what is no trace is none.
        async with AIOKafkaProducer(bootstrap_servers=place.kafka) as producer:
            for number, trace in enumerate((f"00-{OTHER}-{CALLER}-01".encode(), b"\xff", b"00-1-2-3", b"")):
                body = touch(id=f"o{number}", subject=f"user:o{number}")
                await producer.send_and_wait(f"{place.prefix}.touchpoints", body, headers=[("traceparent", trace)])
        wait_for(lambda: "place a unit" in collector.of(OTHER), "the other trace", told)
        wait_for(lambda: all(place.command("timeline", f"user:o{n}").status == 0 for n in range(4)), "all of them", told)
    assert place.command("dead-letters", "--json").json["dead_letters"] == []


async def published(place: Place) -> "AIOKafkaConsumer":
    topic = f"{place.prefix}.touchpoints"
    async with AIOKafkaConsumer(topic, bootstrap_servers=place.kafka, auto_offset_reset="earliest") as consumer:
        return await consumer.getone()
