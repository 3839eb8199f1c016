"""Kafka or PostgreSQL away, at start or in the middle, or a worker that freezes: everybody waits, says for what, and goes on by itself."""

import asyncio
import re
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from journey.errors import Away
from tests.app.command import COMMAND, environment
from tests.e2e.one_digest import accepted
from tests.e2e.workers import DONE_SECONDS_MAX, Place, embedded_digest, placed, simulated, wait_for
from tests.services.databases import fresh_database
from tests.services.service import Service

SESSION_SECONDS = 6.0
"""For which a worker that says nothing keeps its partitions."""

STOP_SECONDS_MAX = 20.0
PUBLISH_SECONDS_MAX = 60.0


@pytest.fixture
def place(own_kafka: Service, own_postgres: Service, tmp_path: Path) -> Iterator[Place]:
    with fresh_database(own_postgres.address) as database:
        with placed(own_kafka.address, database, f"t{uuid.uuid4().hex[:12]}", tmp_path) as place:
            yield place


async def publish(place: Place, lines: list[bytes]) -> None:
    """Until it is acknowledged. What is sent twice on the way is placed once."""
    deadline = time.monotonic() + PUBLISH_SECONDS_MAX
    while True:
        try:
            return await place.publish(lines)
        except Away:
            assert time.monotonic() < deadline, "Kafka does not come back"


def comes_to(place: Place, expected: dict[str, str]) -> None:
    def there() -> bool:
        said = place.command("digest", "--json")
        return said.status == 0 and {model: said.json[model] for model in ("marketing", "sales")} == expected

    wait_for(there, "the embedded digest", lambda: "".join(place.said(name)[-2000:] for name in place.starts), DONE_SECONDS_MAX)
    assert asyncio.run(accepted(place)) == expected_accepted(place)


def expected_accepted(place: Place) -> int:
    """Touchpoints that the embedded run was given: simulated ones are distinct."""
    return (place.folder / "touchpoints.jsonl").read_bytes().count(b"\n")


def test_the_broker_is_killed_in_the_middle(place: Place, own_kafka: Service, tmp_path: Path) -> None:
    lines = simulated(150)
    expected = embedded_digest(lines, tmp_path)
    place.start("w1")
    place.at_work("w1")
    asyncio.run(publish(place, lines[::2]))
    own_kafka.kill()
    own_kafka.start_again()
    asyncio.run(publish(place, lines[1::2]))
    comes_to(place, expected)
    assert place.starts == {"w1": 1}
    assert place.workers["w1"].poll() is None


def test_the_database_is_killed_in_the_middle(place: Place, own_postgres: Service, tmp_path: Path) -> None:
    lines = simulated(150)
    expected = embedded_digest(lines, tmp_path)
    place.start("w1")
    place.at_work("w1")
    asyncio.run(publish(place, lines[::2]))
    own_postgres.kill()
    asyncio.run(publish(place, lines[1::2]))
    wait_for(lambda: "waiting: PostgreSQL" in place.said("w1"), "the worker to say what it waits for", lambda: place.said("w1"))
    own_postgres.start_again()
    comes_to(place, expected)
    assert place.workers["w1"].poll() is None


@pytest.mark.parametrize("which", ["Kafka", "PostgreSQL"])
def test_a_worker_and_an_ingest_wait_for_what_is_away_when_they_start(
    place: Place, own_kafka: Service, own_postgres: Service, tmp_path: Path, which: str
) -> None:
    lines = simulated(40)
    expected = embedded_digest(lines, tmp_path)
    service = own_kafka if which == "Kafka" else own_postgres
    service.kill()
    place.start("w1")
    with open(place.log("ingest"), "ab") as log:
        ingest = subprocess.Popen(
            [*COMMAND, "ingest", "touchpoints.jsonl"], cwd=place.folder, env=environment(**place.env), stdout=log, stderr=log
        )
    try:
        for name in ("w1", "ingest"):
            wait_for(lambda name=name: f"waiting: {which}" in place.said(name), f"{name} to wait", lambda name=name: place.said(name))
        service.start_again()
        assert ingest.wait(DONE_SECONDS_MAX) == 0, place.said("ingest")
    finally:
        ingest.kill()
        ingest.wait()
    comes_to(place, expected)
    assert place.workers["w1"].poll() is None


def test_a_worker_frozen_past_its_session_and_thawed_doubles_nothing(place: Place, tmp_path: Path) -> None:
    lines = simulated(150)
    expected = embedded_digest(lines, tmp_path)
    for name in ("w1", "w2"):
        place.start(name)
    for name in ("w1", "w2"):
        place.at_work(name)
    asyncio.run(publish(place, lines[::2]))
    place.workers["w1"].send_signal(signal.SIGSTOP)
    frozen_at = time.monotonic()
    asyncio.run(publish(place, lines[1::2]))
    # The other one has taken over: all is placed, by it alone.
    wait_for(
        lambda: asyncio.run(accepted(place)) == len(lines), "the other worker to take over", lambda: place.said("w2"), DONE_SECONDS_MAX
    )
    wait_for(lambda: time.monotonic() - frozen_at > SESSION_SECONDS, "its session to end")
    place.workers["w1"].send_signal(signal.SIGCONT)
    asyncio.run(publish(place, lines))
    comes_to(place, expected)
    assert [worker.poll() for worker in place.workers.values()] == [None, None]


PARTS = {"worker", "faust", "source", "placement", "relay", "scheduler", "marketing", "sales"}


def told(place: Place, name: str, begins: str) -> Counter[str]:
    """How many lines that begin so each part has said."""
    return Counter(one["part"] for one in place.events(name) if one["message"].startswith(begins))


def well_formed(events: list[dict[str, str]]) -> None:
    """Each line says when, how bad and about what, and nothing that only a programmer could make sense of."""
    for one in events:
        assert one.keys() == {"time", "level", "part", "worker", "message"}, one
        assert datetime.fromisoformat(one["time"]).utcoffset() == timedelta(0)
        assert one["level"] in ("info", "warning", "error")
        assert (one["part"] in PARTS, one["worker"]) == (True, "w1"), one
        assert not re.search(r"Error|Exception|Errno|<\w+\.\w+|switch to state", one["message"]), one


def test_an_outage_is_one_line_a_part_and_one_when_it_is_over_dead_letters_are_counted_and_a_stop_is_said(
    place: Place, own_kafka: Service, own_postgres: Service
) -> None:
    lines = simulated(60)
    place.more = {"JOURNEY_LOG": "json"}
    place.start("w1")
    place.at_work("w1")
    asyncio.run(publish(place, [*lines[::2], b"no touchpoint\n2026-01-01 forged", b'{"specversion": "1.0"}']))
    wait_for(lambda: told(place, "w1", "2 dead letters: ")["placement"] == 1, "dead letters to be said", lambda: place.said("w1"))

    own_postgres.kill()
    asyncio.run(publish(place, lines[1::2]))
    wait_for(
        lambda: told(place, "w1", "waiting: ").keys() >= {"placement", "relay", "marketing", "sales"},
        "all to wait",
        lambda: place.said("w1"),
    )
    own_postgres.start_again()
    wait_for(lambda: asyncio.run(accepted(place)) == len(lines), "all to be placed", lambda: place.said("w1"))
    wait_for(lambda: told(place, "w1", "waiting: ") == told(place, "w1", "going on, after "), "all to go on", lambda: place.said("w1"))
    assert set(told(place, "w1", "waiting: PostgreSQL at 127.0.0.1:").values()) == {1}, place.said("w1")
    before = told(place, "w1", "waiting: ")

    own_kafka.kill()
    wait_for(lambda: told(place, "w1", "waiting: Kafka at 127.0.0.1:").keys() == {"source"}, "the source to wait", lambda: place.said("w1"))
    own_kafka.start_again()
    # Nothing is published: that it is over is not only found out by what comes next.
    wait_for(lambda: told(place, "w1", "waiting: ") == told(place, "w1", "going on, after "), "all to go on", lambda: place.said("w1"))
    assert told(place, "w1", "waiting: ") - before == {"source": 1}, place.said("w1")

    worker = place.workers.pop("w1")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(STOP_SECONDS_MAX) == 0
    events = place.events("w1")
    assert [one["message"] for one in events[-2:]] == ["stopping: SIGTERM", "stopped"]
    well_formed(events)


def test_a_worker_that_is_told_to_stop_while_it_waits_to_begin_says_so(place: Place, own_postgres: Service) -> None:
    own_postgres.kill()
    place.start("w1")
    wait_for(lambda: "waiting: PostgreSQL" in place.said("w1"), "it to wait", lambda: place.said("w1"))
    assert place.kill("w1", signal.SIGTERM) == 0
    own_postgres.start_again()
    lines = place.said("w1").splitlines()
    assert [line.partition(" INFO worker: ")[2] for line in lines[-2:]] == ["stopping: SIGTERM", "stopped"]


def test_a_worker_ends_in_bounded_time_while_the_broker_is_away(place: Place, own_kafka: Service) -> None:
    place.start("w1")
    place.at_work("w1")
    own_kafka.kill()
    worker = place.workers.pop("w1")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(STOP_SECONDS_MAX) == 0, place.said("w1")
