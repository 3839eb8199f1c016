"""PostgreSQL lost and put back from its own dump: workers take from Kafka what came after it, and nothing is missing or there twice."""

import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from tests.app.command import ROOT
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


async def test_a_dump_that_is_older_than_what_kafka_holds_goes_on_once_somebody_has_said_so(
    place: Place, postgres: Service, tmp_path: Path
) -> None:
    place.more["JOURNEY_PARTITIONS"] = "1"
    lines = simulated(10)
    expected = embedded_digest(lines, tmp_path)
    thirds = [lines[nth::3] for nth in range(3)]
    for name, some in zip(("a.jsonl", "b.jsonl", "c.jsonl"), thirds, strict=True):
        (tmp_path / name).write_bytes(b"\n".join(some))
    place.start("w1")
    assert place.command("ingest", "a.jsonl").status == 0
    dump(place.postgres, tmp_path / "dump")
    assert place.command("ingest", "b.jsonl").status == 0
    assert place.command("ingest", "c.jsonl").status == 0
    place.kill("w1", signal.SIGTERM)
    gone = len(thirds[0]) + len(thirds[1])
    await delete_before(place, gone)
    with fresh_database(postgres.address) as empty:
        lost, place.postgres = place.postgres, empty
        put_back(tmp_path / "dump", empty)
        place.start("w2")
        assert place.workers["w2"].wait(60) == 1
        assert f"[0] from offset {len(thirds[0])} (the first that is there: {gone})" in place.said("w2")
        page = (ROOT / "docs" / "operating.md").read_text()
        (told,) = re.findall(r"^UPDATE journey.offsets .*?(?= +--)", page, re.MULTILINE)
        db = await asyncpg.connect(empty)
        assert await db.execute(told.replace("1233", str(gone - 1)).replace("= 2", "= 0")) == "UPDATE 1"
        await db.close()
        place.start("w2")
        assert place.command("ingest", "b.jsonl").status == 0
        wait_for(lambda: place.digest() == expected, "all of it", lambda: place.said("w2"), DONE_SECONDS_MAX)
        assert place.command("reconcile").status == 0
        place.kill("w2", signal.SIGTERM)
        place.postgres = lost


async def delete_before(place: Place, offset: int) -> None:
    """As retention does, in time."""
    client = AIOKafkaAdminClient(bootstrap_servers=place.kafka)
    await client.start()
    try:
        await client.delete_records({TopicPartition(f"{place.prefix}.touchpoints", 0): RecordsToDelete(before_offset=offset)})
    finally:
        await client.close()
