"""The server in front of Kafka and PostgreSQL: what it acknowledged is in the record once, as on the embedded runtime."""

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.server.doors import started
from tests.e2e.workers import Place, placed, wait_for
from tests.services.service import Service


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def calls(first: int) -> list[dict[str, Any]]:
    about = {"type": "track", "event": "Signed Up", "userId": "u1", "timestamp": "2026-03-02T10:00:00Z"}
    return [{**about, "messageId": f"m{number}"} for number in range(first, first + 5)]


def test_what_was_acknowledged_is_in_the_record_once(place: Place, tmp_path: Path) -> None:
    place.start("w1")
    with started(tmp_path, **place.env) as server:
        key = {"Authorization": f"Bearer {server.key}"}
        body = {"batch": [*calls(0), {"type": "track"}], "sentAt": "2026-03-02T10:00:01Z"}
        answer = httpx.post(f"{server.address}/v1/batch", json=body, headers=key)
        assert answer.status_code == 200
        assert [one["index"] for one in answer.json()["rejected"]] == [5]
        event = {"specversion": "1.0", "id": "e1", "source": "urn:shop", "subject": "user:u1", "type": "signed_up", "data": {}}
        headers = {**key, "Content-Type": "application/cloudevents+json"}
        assert httpx.post(f"{server.address}/events", json={**event, "time": "2026-03-02T10:00:00Z"}, headers=headers).status_code == 200
        server.end(signal.SIGKILL)
        server.start()
        # As a client does that had no answer.
        for _ in range(2):
            body = {"batch": [*calls(0), *calls(5)], "sentAt": "2026-03-02T10:00:09Z"}
            again = httpx.post(f"{server.address}/v1/batch", json=body, headers=key)
            assert (again.status_code, again.json()) == (200, {"success": True})
        file = httpx.post(
            f"{server.address}/import",
            params={"name": "one.jsonl"},
            timeout=60,
            json={**event, "id": "e2", "time": "2026-03-02T10:00:00Z"},
            headers=key,
        )
        assert (file.status_code, file.json()["read"]) == (200, 1)
        server.end(signal.SIGTERM)

    def seen() -> Counter[str]:
        told = place.command("timeline", "user:u1", "--json")
        return Counter() if told.status else Counter(entry["id"] for entry in told.json["entries"] if entry["what"] == "signed_up")

    once = Counter(["e1", "e2", *(f"m{number}" for number in range(10))])
    wait_for(lambda: seen() == once, "all of them to be in the timeline", lambda: f"{seen()} {place.said('w1')}")
    (letter,) = place.command("dead-letters", "--json").json["dead_letters"]
    assert (letter["place"], letter["source"]) == ("/v1/batch[5]", "/v1/batch")
