"""What a worker tells whoever watches it: a real one, at work, without its database, and when it is told to end."""

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.app.command import refused
from tests.e2e.workers import Place, placed, simulated, wait_for
from tests.services.service import Service

Told = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def address(place: Place, worker: str) -> str:
    wait_for(lambda: "health and metrics at" in place.said(worker), "its address", lambda: place.said(worker))
    (found,) = re.findall(r"health and metrics at (http://127\.0\.0\.1:\d+)\n", place.said(worker))
    return str(found)


def scraped(at: str) -> Told:
    answer = httpx.get(f"{at}/metrics", timeout=30)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def one(told: Told, name: str, **labels: str) -> float:
    return told[name, frozenset(labels.items())]


def test_it_tells_what_it_does_and_where_the_read_models_are(place: Place, tmp_path: Path) -> None:
    place.start("w1", "--metrics-port", "0")
    at = address(place, "w1")
    place.at_work("w1")
    lines = simulated(30)
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([*lines, b"{"]))
    assert place.command("ingest", "a.jsonl").status == 0
    told = scraped(at)
    for model in ("marketing", "sales"):
        assert one(told, "journey_read_model_position", model=model) == one(told, "journey_record_position")
        assert one(told, "journey_staleness_seconds", model=model) == 0
        assert one(told, "journey_end_to_end_seconds_count", model=model) >= 1
        assert one(told, "journey_unit_seconds_count", part=model) >= 1
    assert one(told, "journey_unit_seconds_count", part="placement") >= 1
    assert one(told, "journey_records_total", outcome="accepted") == len(lines)
    assert one(told, "journey_records_total", outcome="dead-letter") == 1
    assert one(told, "journey_dead_letters", state="open") == 1
    assert {labels for name, labels in told if name == "journey_lag_records"} == {frozenset({("partition", str(n))}) for n in range(4)}
    assert sum(value for (name, _), value in told.items() if name == "journey_lag_records") == 0
    ready = httpx.get(f"{at}/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert ready.json()["position"] >= one(told, "journey_record_position")
    assert httpx.get(f"{at}/health/live").json() == {"status": "ok"}
    assert httpx.get(f"{at}/elsewhere").status_code == 404
    assert httpx.post(f"{at}/metrics").status_code == 501
    assert place.kill("w1", signal.SIGTERM) == 0


async def test_one_for_a_part_of_the_work_tells_of_that_part(place: Place) -> None:
    place.start("placing", "--only", "placement", "--metrics-port", "0")
    await place.publish(simulated(10))
    placing = address(place, "placing")
    wait_for(lambda: one(scraped(placing), "journey_records_total", outcome="accepted") > 0, "it to be placed")
    assert not [labels for name, labels in scraped(placing) if name == "journey_staleness_seconds"], "it keeps no read model"
    place.start("selling", "--only", "sales", "--metrics-port", "0")
    selling = address(place, "selling")
    place.at_work("selling")
    wait_for(lambda: one(scraped(selling), "journey_staleness_seconds", model="sales") == 0, "sales to follow")
    assert not [labels for name, labels in scraped(selling) if ("model", "marketing") in labels]


def test_one_without_its_database_is_live_and_not_ready(place: Place) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place.postgres = f"postgresql://journey@127.0.0.1:{nobody.getsockname()[1]}/none"
        place.start("w1", "--metrics-port", "0")
        at = address(place, "w1")
        wait_for(lambda: "waiting" in place.said("w1"), "it to wait", lambda: place.said("w1"))
        assert httpx.get(f"{at}/health/live").status_code == 200
        answer = httpx.get(f"{at}/health/ready")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert httpx.get(f"{at}/metrics").status_code == 200


def test_one_whose_database_goes_away_is_live_and_not_ready_until_it_is_back(
    kafka: Service, own_postgres: Service, topics: str, tmp_path: Path
) -> None:
    with placed(kafka.address, own_postgres.address, topics, tmp_path) as place:
        place.start("w1", "--metrics-port", "0")
        at = address(place, "w1")
        wait_for(lambda: httpx.get(f"{at}/health/ready").status_code == 200, "it to be ready", lambda: place.said("w1"))
        own_postgres.kill()
        assert httpx.get(f"{at}/health/ready", timeout=30).status_code == 503
        assert httpx.get(f"{at}/health/live", timeout=30).status_code == 200
        assert one(scraped(at), "journey_reachable", what="record") == 0
        own_postgres.start_again()
        wait_for(lambda: httpx.get(f"{at}/health/ready", timeout=30).status_code == 200, "it to be ready again", lambda: place.said("w1"))


def test_a_port_that_is_taken_and_one_that_is_none_are_refused(place: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        place.start("w1", "--metrics-port", port)
        assert place.workers["w1"].wait(30) == 1
        assert f"can't listen at 127.0.0.1:{port}" in place.said("w1")
    place.more["JOURNEY_METRICS_PORT"] = "70000"
    assert "JOURNEY_METRICS_PORT can't be read" in refused(place.command("worker"))
