"""Kafka and PostgreSQL that are away, at the start or in the middle: everybody waits, says for what, and goes on to the embedded digest."""

import asyncio
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.app.command import COMMAND
from tests.e2e.workers import Place, embedded_digest, placed, simulated, wait_for
from tests.services.postgres import fresh_database
from tests.services.service import Service

pytestmark = pytest.mark.slow

PIECE = 60
"""Touchpoints that are published at a time, so that there is a middle."""

AWAY_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0
SESSION_SECONDS = 6.0


@pytest.fixture
def place(own_kafka: Service, own_postgres: Service, tmp_path: Path) -> Iterator[Place]:
    with (
        fresh_database(own_postgres.address) as database,
        placed(own_kafka.address, database, f"t{uuid.uuid4().hex[:12]}", tmp_path) as place,
    ):
        try:
            yield place
        finally:
            own_postgres.start_again()
            own_kafka.start_again()


@pytest.fixture
def lines() -> list[bytes]:
    return simulated(60, duplicates=0.3, shuffled=True)


@pytest.fixture
def expected(lines: list[bytes], tmp_path: Path) -> dict[str, Any]:
    return embedded_digest(lines, tmp_path)


def pieces(lines: list[bytes]) -> list[list[bytes]]:
    return [lines[start : start + PIECE] for start in range(0, len(lines), PIECE)]


def says(place: Place, name: str, what: str, times: int = 1) -> None:
    wait_for(lambda: place.said(name).count(what) >= times, f"{name} to say {what!r}", lambda: place.said(name), AWAY_SECONDS_MAX)


def comes_to(place: Place, expected: dict[str, Any]) -> None:
    """Everything is placed, by the workers that there are, once each."""
    told = lambda: "\n".join(place.said(name)[-2000:] for name in place.workers)  # noqa: E731
    wait_for(lambda: place.left() == 0, "all to be placed and followed", told)
    assert place.digest() == expected


def goes_on(place: Place, expected: dict[str, Any], *names: str) -> None:
    """By itself, to the digest; and none of the workers had to be started anew."""
    comes_to(place, expected)
    assert all(place.workers[name].poll() is None for name in names)
    assert "Traceback" not in "".join(place.said(name) for name in names)


async def test_a_broker_that_is_away_at_the_start_is_waited_for(
    place: Place, lines: list[bytes], expected: dict[str, Any], own_kafka: Service
):
    own_kafka.kill()
    place.start("w1")
    ingest = place.begin("ingest", *COMMAND, "ingest", "touchpoints.jsonl")
    says(place, "w1", f"waiting: Kafka at {place.kafka} can't be reached")
    says(place, "ingest", f"waiting: Kafka at {place.kafka} can't be reached")
    own_kafka.start_again()
    assert ingest.wait(60) == 0, place.said("ingest")
    goes_on(place, expected, "w1")
    assert place.kill("w1", signal.SIGTERM) == 0


async def test_postgres_that_is_away_at_the_start_is_waited_for(
    place: Place, lines: list[bytes], expected: dict[str, Any], own_postgres: Service
):
    own_postgres.kill()
    place.start("w1")
    ingest = place.begin("ingest", *COMMAND, "ingest", "touchpoints.jsonl")
    says(place, "w1", "waiting: PostgreSQL at")
    says(place, "ingest", "waiting: PostgreSQL at")
    own_postgres.start_again()
    assert ingest.wait(60) == 0, place.said("ingest")
    goes_on(place, expected, "w1")


async def test_a_broker_that_goes_while_a_worker_starts_is_waited_for(
    place: Place, lines: list[bytes], expected: dict[str, Any], own_kafka: Service
):
    """After the topics were found, and before the worker has joined its group."""
    held = (
        "import asyncio, sys, app.worker as worker; work = worker.work\n"
        "async def later(*given):\n"
        "    print('opened', file=sys.stderr, flush=True); await asyncio.to_thread(sys.stdin.readline); return await work(*given)\n"
        "worker.work = later; from app.cli import run; sys.exit(run(['worker']))"
    )
    worker = place.begin("w1", sys.executable, "-c", held)
    says(place, "w1", "opened")
    own_kafka.kill()
    assert worker.stdin
    worker.stdin.write(b"\n")
    worker.stdin.close()
    says(place, "w1", "waiting: Kafka at")
    assert "is at work" not in place.said("w1")
    own_kafka.start_again()
    for piece in pieces(lines):
        await place.publish(piece)
    goes_on(place, expected, "w1")


@pytest.mark.parametrize("gone", [("kafka",), ("postgres",), ("kafka", "postgres")], ids=["kafka", "postgres", "both"])
async def test_what_is_killed_in_the_middle_and_comes_back_is_waited_for(
    place: Place, lines: list[bytes], expected: dict[str, Any], gone: tuple[str, ...], own_kafka: Service, own_postgres: Service
):
    services = [{"kafka": own_kafka, "postgres": own_postgres}[name] for name in gone]
    place.start("w1")
    place.start("w2")
    place.at_work("w1")
    place.at_work("w2")

    async def publish() -> None:
        for piece in pieces(lines):
            await place.publish(piece)

    publishing = asyncio.create_task(publish())
    await asyncio.to_thread(wait_for, lambda: place.placed() != {}, "the first unit")
    for service in services:
        await asyncio.to_thread(service.kill)
    for name in ("w1", "w2"):
        await asyncio.to_thread(says, place, name, "waiting: ")
    for service in services:
        await asyncio.to_thread(service.start_again)
    await publishing
    goes_on(place, expected, "w1", "w2")


async def test_an_ingest_in_whose_middle_both_are_killed_ends_by_itself(
    place: Place, lines: list[bytes], expected: dict[str, Any], own_kafka: Service, own_postgres: Service
):
    place.start("w1")
    place.at_work("w1")
    ingest = place.begin("ingest", *COMMAND, "ingest", "-")
    assert ingest.stdin
    half = len(lines) // 2
    ingest.stdin.write(b"\n".join(lines[:half]) + b"\n")
    ingest.stdin.flush()
    await asyncio.to_thread(own_kafka.kill)
    await asyncio.to_thread(own_postgres.kill)
    ingest.stdin.write(b"\n".join(lines[half:]) + b"\n")
    ingest.stdin.close()
    await asyncio.to_thread(says, place, "ingest", "waiting: ")
    await asyncio.to_thread(own_kafka.start_again)
    await asyncio.to_thread(own_postgres.start_again)
    assert ingest.wait(60) == 0, place.said("ingest")
    goes_on(place, expected, "w1")


async def test_sessions_that_an_administrator_ends_are_opened_again(place: Place, lines: list[bytes], expected: dict[str, Any]):
    place.start("w1")
    place.at_work("w1")
    for piece in pieces(lines):
        await place.publish(piece)
        db = await asyncpg.connect(place.postgres)
        await db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'journey'")
        await db.close()
    goes_on(place, expected, "w1")


async def test_a_read_model_whose_server_is_away_holds_up_itself_only(
    place: Place, lines: list[bytes], expected: dict[str, Any], own_postgres: Service, database: str
):
    """At the start and in the middle: the record and sales go on, and marketing catches up."""
    place.more["JOURNEY_MARKETING"], place.postgres = place.postgres, database
    own_postgres.kill()
    place.start("w1")
    place.at_work("w1")
    says(place, "w1", "marketing is waiting: PostgreSQL at")
    half = len(lines) // 2
    await place.publish(lines[:half])
    wait_for(lambda: place.left("sales") == 0, "sales to have the first half", lambda: place.said("w1"))
    own_postgres.start_again()
    wait_for(lambda: place.left("marketing") == 0, "marketing to have caught up", lambda: place.said("w1"))
    own_postgres.kill()
    await place.publish(lines[half:])
    wait_for(lambda: place.left("sales") == 0, "sales to have all", lambda: place.said("w1"))
    own_postgres.start_again()
    goes_on(place, expected, "w1")


async def test_a_frozen_worker_is_replaced_and_thaws_without_doing_harm(place: Place, lines: list[bytes], expected: dict[str, Any]):
    place.start("w1")
    place.start("w2")
    place.at_work("w1")
    place.at_work("w2")
    half = len(lines) // 2
    for piece in pieces(lines[:half]):
        await place.publish(piece)
    place.workers["w1"].send_signal(signal.SIGSTOP)
    frozen_at = time.monotonic()
    for piece in pieces(lines[half:]):
        await place.publish(piece)
    comes_to(place, expected)  # By the other one, alone.
    wait_for(lambda: time.monotonic() > frozen_at + SESSION_SECONDS + 1, "the session to have ended")
    place.workers["w1"].send_signal(signal.SIGCONT)
    await place.publish(lines)
    goes_on(place, expected, "w1", "w2")
    # The one that was frozen works again.
    place.kill("w2")
    more = simulated(70)
    await place.publish(more)
    wait_for(lambda: place.left() == 0, "w1 to place all", lambda: place.said("w1"))


@pytest.mark.parametrize("gone", ["kafka", "postgres"])
@pytest.mark.parametrize("when", ["at the start", "in the middle"])
async def test_sigterm_ends_a_worker_while_what_it_needs_is_away(
    place: Place, gone: str, when: str, own_kafka: Service, own_postgres: Service
):
    service = {"kafka": own_kafka, "postgres": own_postgres}[gone]
    if when == "at the start":
        service.kill()
    place.start("w1")
    if when == "in the middle":
        place.at_work("w1")
        service.kill()
    says(place, "w1", "waiting: ")
    place.workers["w1"].send_signal(signal.SIGTERM)
    # At the start it has begun nothing that it could end in good order.
    assert place.workers["w1"].wait(STOP_SECONDS_MAX) == (0 if when == "in the middle" else -signal.SIGTERM)
    assert "Traceback" not in place.said("w1")


async def test_two_workers_of_one_name_lose_and_double_nothing(place: Place, lines: list[bytes], expected: dict[str, Any]):
    place.start("w1")
    place.at_work("w1")
    first = place.workers["w1"]
    place.start("w1")
    place.at_work("w1")
    place.workers["first"] = first
    await place.publish(lines)
    goes_on(place, expected, "w1", "first")
