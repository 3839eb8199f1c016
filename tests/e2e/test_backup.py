"""PostgreSQL lost and put back from its own dump: workers take from Kafka what came after it, and nothing is missing or there twice."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.one_digest import accepted
from tests.e2e.workers import DONE_SECONDS_MAX, Place, embedded_digest, placed, simulated, wait_for
from tests.services.databases import fresh_database
from tests.services.postgres import programs_folder
from tests.services.service import Service


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def dump(address: str, to: Path) -> None:
    subprocess.run([programs_folder() / "pg_dump", "--format=custom", f"--file={to}", address], check=True)


def put_back(dumped: Path, address: str) -> None:
    command = [programs_folder() / "pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={address}", dumped]
    subprocess.run(command, check=True)


async def test_a_database_of_an_older_dump_catches_up_from_kafka(place: Place, postgres: Service, tmp_path: Path) -> None:
    lines = simulated(60, broken=0.01)
    expected = embedded_digest(lines, tmp_path)
    half = len(lines) // 2
    (tmp_path / "first.jsonl").write_bytes(b"\n".join(lines[:half]))
    (tmp_path / "rest.jsonl").write_bytes(b"\n".join(lines[half:]))
    place.start("w1")
    assert place.command("ingest", "first.jsonl").status == 0
    # Taken while the worker works, as anybody's would be.
    await place.publish(lines[half : half + 200], "rest.jsonl")
    dump(place.postgres, tmp_path / "dump")
    await place.publish(lines[half + 200 :], "rest.jsonl")
    assert place.command("keys", "add", "after", "--role", "auditor").status == 0
    wait_for(lambda: place.digest() == expected, "all to be placed", seconds=DONE_SECONDS_MAX)
    there = place.command("digest", "--json").json["record"]
    place.kill("w1", signal.SIGKILL)
    with fresh_database(postgres.address) as empty:
        lost, place.postgres = place.postgres, empty
        put_back(tmp_path / "dump", empty)
        assert await accepted(place) < len(lines)
        place.start("w2")
        wait_for(lambda: place.digest() == expected, "what the dump has not", lambda: place.said("w2"), DONE_SECONDS_MAX)
        assert place.command("digest", "--json").json["record"] == there
        assert place.command("reconcile").status == 0
        again = place.command("ingest", "rest.jsonl", "--json").json
        assert again["accepted"] == 0, "it goes on, and knows all that came"
        assert place.command("keys", "--json").json["keys"] == [], "what was decided after the dump is lost with the database"
        place.kill("w2", signal.SIGTERM)
        place.postgres = lost


def test_a_read_model_of_another_server_that_is_ahead_of_the_record_is_told(place: Place, postgres: Service, tmp_path: Path) -> None:
    with fresh_database(postgres.address) as marketing, fresh_database(postgres.address) as empty:
        place.more["JOURNEY_MARKETING"] = marketing
        (tmp_path / "a.jsonl").write_bytes(b"\n".join(simulated(10)))
        place.start("w1")
        dump(place.postgres, tmp_path / "dump")
        assert place.command("ingest", "a.jsonl").status == 0
        place.kill("w1")
        expected = place.digest()
        lost, place.postgres = place.postgres, empty
        put_back(tmp_path / "dump", empty)
        place.start("w2", "--only", "marketing")
        assert place.workers["w2"].wait(60) == 1
        (line,) = [line for line in place.said("w2").splitlines() if "ERROR" in line]
        assert "DROP SCHEMA marketing CASCADE" in line
        drop = [
            programs_folder() / "psql",
            "--quiet",
            "--command=SET client_min_messages = error; DROP SCHEMA marketing CASCADE",
            marketing,
        ]
        subprocess.run(drop, check=True)
        place.start("w2")
        wait_for(lambda: place.command("digest").status == 0 and place.digest() == expected, "both read models", seconds=DONE_SECONDS_MAX)
        place.kill("w2", signal.SIGTERM)
        place.postgres = lost
