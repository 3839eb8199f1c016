"""What the server in front of Kafka and PostgreSQL says of its own health."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.app.server.doors import started
from tests.e2e.workers import Place, placed, wait_for
from tests.services.kafka import fresh_topics
from tests.services.service import Service


@pytest.fixture
def place(own_kafka: Service, database: str, tmp_path: Path) -> Iterator[Place]:
    with fresh_topics(own_kafka.address) as prefix, placed(own_kafka.address, database, prefix, tmp_path) as place:
        yield place


def test_a_server_whose_log_is_away_is_not_ready_and_answers_what_is_in_the_read_models(
    place: Place, own_kafka: Service, tmp_path: Path
) -> None:  # fmt: skip
    place.start("w1")
    with started(tmp_path, **place.env) as server:
        key = {"Authorization": f"Bearer {server.key}"}

        def asked(path: str) -> httpx.Response:
            return httpx.get(f"{server.address}{path}", headers=key, timeout=60)

        assert asked("/health/ready").status_code == 200
        assert "not placed yet</th><td>0</td>" in asked("/status").text
        own_kafka.kill()
        try:
            unready, health = asked("/health/ready"), asked("/status")
            assert (unready.status_code, health.status_code) == (503, 503)
            assert "Kafka" in unready.json()["detail"]
            assert "Kafka" in health.text
            assert "Nobody can say now which workers are at work: Kafka" in health.text
            assert asked("/api/v1/sales/figures/win_rate").status_code == 200
        finally:
            own_kafka.start_again()
        wait_for(lambda: asked("/health/ready").status_code == 200, "it to be ready again")
