"""The services that other tests stand on: they answer, keep their data, come back after a kill, and leave nothing behind."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from tests.services import kafka as kafka_module
from tests.services import postgres as postgres_module
from tests.services.databases import connected, fresh_database
from tests.services.kafka import POM, VERSION, start_kafka
from tests.services.postgres import own_postgres, start_postgres
from tests.services.processes import NoService, free_ports, keep, run_whole
from tests.services.service import Service

GONE_SECONDS_MAX = 60.0
PYTEST_SECONDS_MAX = 180.0
ROOT = Path(__file__).parents[2]

T = TypeVar("T")


# --- Kafka


async def test_what_is_sent_to_kafka_is_read_from_it(kafka: Service, topics: str) -> None:
    await make(kafka.address, f"{topics}.words")
    await send(kafka.address, f"{topics}.words", [b"one", b"two"])
    assert await read(kafka.address, f"{topics}.words", 2) == [b"one", b"two"]


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
async def test_compressed_topics_are_read(kafka: Service, topics: str, codec: str) -> None:
    await make(kafka.address, f"{topics}.words")
    await send(kafka.address, f"{topics}.words", [b"word" * 1000] * 10, compression_type=codec)
    assert await read(kafka.address, f"{topics}.words", 10) == [b"word" * 1000] * 10


async def test_a_topic_is_not_made_by_asking_for_it(kafka: Service, topics: str) -> None:
    async with admin(kafka.address) as client:
        (answer,) = await client.describe_topics([f"{topics}.nobody"])
    assert answer["error_code"] == UnknownTopicOrPartitionError.errno


async def test_a_topic_made_anew_is_another(kafka: Service, topics: str) -> None:
    await make(kafka.address, f"{topics}.words")
    await send(kafka.address, f"{topics}.words", [b"old"])
    async with admin(kafka.address) as client:
        await client.delete_topics([f"{topics}.words"])
    await make(kafka.address, f"{topics}.words")
    await send(kafka.address, f"{topics}.words", [b"new"])
    assert await read(kafka.address, f"{topics}.words", 1) == [b"new"]


async def test_a_session_may_be_as_short_as_a_second(kafka: Service, topics: str) -> None:
    await make(kafka.address, f"{topics}.words")
    await send(kafka.address, f"{topics}.words", [b"one"])
    consumer = AIOKafkaConsumer(
        f"{topics}.words",
        bootstrap_servers=kafka.address,
        group_id=f"{topics}.readers",
        group_instance_id="reader-1",
        session_timeout_ms=1000,
        heartbeat_interval_ms=300,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), 10)
        assert record.value == b"one"
    finally:
        await consumer.stop()


@pytest.mark.slow
async def test_kafka_keeps_what_it_acknowledged_through_a_stop_and_a_kill(own_kafka: Service) -> None:
    topic = f"words-{uuid.uuid4().hex}"
    await make(own_kafka.address, topic)
    await send(own_kafka.address, topic, [b"before"])
    await asyncio.to_thread(own_kafka.stop)
    assert not listens(own_kafka.address)
    await asyncio.to_thread(own_kafka.start_again)
    await send(own_kafka.address, topic, [b"between"])
    await asyncio.to_thread(own_kafka.kill)
    assert not listens(own_kafka.address)
    await asyncio.to_thread(own_kafka.start_again)
    await send(own_kafka.address, topic, [b"after"])
    assert await read(own_kafka.address, topic, 3) == [b"before", b"between", b"after"]


# --- PostgreSQL


async def test_what_is_written_to_postgres_is_read_from_it(database: str) -> None:
    async with connected(database) as connection:
        await connection.execute("CREATE TABLE words (word TEXT)")
        await connection.execute("INSERT INTO words VALUES ('one')")
    async with connected(database) as connection:
        assert await connection.fetchval("SELECT word FROM words") == "one"


async def test_each_test_has_a_database_to_itself(database: str, postgres: Service) -> None:
    assert database != postgres.address
    async with connected(database) as connection:
        assert await connection.fetchval("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == 0


async def test_a_database_that_is_used_again_is_empty_and_who_was_left_behind_is_out(postgres: Service) -> None:
    with fresh_database(postgres.address) as first:
        left_behind = await asyncpg.connect(first)
        await left_behind.execute("CREATE TABLE words (word TEXT); CREATE SCHEMA other CREATE TABLE more (word TEXT)")
    with fresh_database(postgres.address) as second:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await left_behind.execute("INSERT INTO words VALUES ('one')")
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncpg.connect(first)
        async with connected(second) as connection:
            assert await connection.fetchval("SELECT to_regclass('words')") is None
            assert await connection.fetchval("SELECT COUNT(*) FROM pg_namespace WHERE nspname = 'other'") == 0
    left_behind.terminate()


async def test_a_commit_waits_for_the_disk(database: str) -> None:
    async with connected(database) as connection:
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


async def test_a_wrong_password_is_refused(database: str) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(database, password="wrong")


async def test_text_is_not_sorted_as_bytes_unless_asked(database: str) -> None:
    async with connected(database) as connection:
        words = "(VALUES ('a'), ('B'), ('c')) AS words (word)"
        assert await connection.fetchval(f"SELECT string_agg(word, '' ORDER BY word) FROM {words}") == "aBc"
        assert await connection.fetchval(f"SELECT string_agg(word, '' ORDER BY word COLLATE \"C\") FROM {words}") == "Bac"


async def test_postgres_keeps_what_it_committed_through_a_stop_and_a_kill(own_postgres: Service) -> None:
    async with connected(own_postgres.address) as connection:
        await connection.execute("CREATE TABLE words (word TEXT)")
        await connection.execute("INSERT INTO words VALUES ('before')")
    await asyncio.to_thread(own_postgres.stop)
    assert not listens(own_postgres.address)
    await asyncio.to_thread(own_postgres.start_again)
    async with connected(own_postgres.address) as connection:
        await connection.execute("INSERT INTO words VALUES ('between')")
        await asyncio.to_thread(own_postgres.kill)
    assert not listens(own_postgres.address)
    await asyncio.to_thread(own_postgres.start_again)
    async with connected(own_postgres.address) as connection:
        assert [word for (word,) in await connection.fetch("SELECT word FROM words")] == ["before", "between"]


# --- both


def test_what_everybody_uses_is_not_for_killing(kafka: Service, postgres: Service) -> None:
    for service in (kafka, postgres):
        with pytest.raises(NoService, match="own_"):
            service.kill()


@pytest.mark.parametrize(("variable", "start"), [("JOURNEY_TEST_KAFKA", start_kafka), ("JOURNEY_TEST_POSTGRES", start_postgres)])
def test_an_address_in_the_environment_wins(
    variable: str, start: Callable[[Path], Service], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = request.getfixturevalue("kafka" if "KAFKA" in variable else "postgres").address
    monkeypatch.setenv(variable, address)
    service = start(tmp_path / "untouched")
    assert (service.address, service.how) == (address, variable)
    assert not (tmp_path / "untouched").exists()
    service.stop()
    assert listens(address)


@pytest.mark.parametrize(
    ("variable", "start", "scheme"), [("JOURNEY_TEST_KAFKA", start_kafka, ""), ("JOURNEY_TEST_POSTGRES", start_postgres, "postgresql://")]
)
def test_an_address_at_which_nobody_answers_is_named(
    variable: str, start: Callable[[Path], Service], scheme: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address = f"{scheme}127.0.0.1:{free_ports(1)[0]}"
    monkeypatch.setattr(kafka_module, "GIVEN_SECONDS_MAX", 0.2)
    monkeypatch.setattr(postgres_module, "GIVEN_SECONDS_MAX", 0.2)
    monkeypatch.setenv(variable, address)
    with pytest.raises(NoService, match=f"{variable} is '{address}'"):
        start(tmp_path)


@pytest.mark.parametrize(("start", "packages"), [(start_kafka, "openjdk-17-jre-headless"), (start_postgres, "postgresql")])
def test_with_neither_engine_nor_programs_it_fails_and_says_what_to_install(
    start: Callable[[Path], Service], packages: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("JOURNEY_TEST_KAFKA", "JOURNEY_TEST_POSTGRES"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(postgres_module, "PLACES", "nowhere/*/bin")
    with pytest.raises(NoService, match=f"(?s)no container engine answers.*{packages}"):
        start(tmp_path)


def test_without_maven_only_the_first_start_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(kafka_module, "CACHE", tmp_path)
    with pytest.raises(NoService, match="maven"):
        kafka_module.jars()
    (tmp_path / kafka_module.JARS).mkdir()
    assert kafka_module.jars() == tmp_path / kafka_module.JARS


def test_a_service_that_does_not_start_shows_the_end_of_its_log(services: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(postgres_module.SETTINGS, "no_such_setting", "1")
    with pytest.raises(NoService, match="no_such_setting"):
        own_postgres(services / "broken")


def test_the_image_and_the_jars_are_of_one_version() -> None:
    assert f"<version>{VERSION}</version>" in POM.read_text()


# --- nothing is left


def test_what_hides_in_a_session_of_its_own_is_killed_too(tmp_path: Path) -> None:
    hidden = "import os, sys, time; os.setsid(); print(os.getpid(), flush=True); time.sleep(600)"
    forking = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hidden!r}])"
    kept = keep([sys.executable, "-c", forking], folder=tmp_path, log=tmp_path / "log")
    pid = int(wait_for(lambda: (tmp_path / "log").read_text().strip()))
    kept.kill()
    assert not runs(pid)


@pytest.mark.parametrize("outlasts", ["", "; sleep 600"])
def test_what_a_command_started_ends_with_it(tmp_path: Path, outlasts: str) -> None:
    command = ["bash", "-c", f"sleep 600 >/dev/null 2>&1 & echo $! > {tmp_path / 'pid'}{outlasts}"]
    with pytest.raises(subprocess.TimeoutExpired) if outlasts else contextlib.nullcontext():
        assert run_whole(command, timeout=1.0).returncode == 0
    wait_for(lambda: not runs(int((tmp_path / "pid").read_text())))


def test_when_its_owner_is_killed_it_ends_and_its_folder_goes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert owner.stdout
    with owner.stdout:
        pid = int(owner.stdout.readline())
    assert runs(pid)
    owner.kill()
    owner.wait()
    wait_for(lambda: not runs(pid) and not folder.exists())


OWNER = """
import sys, time
from pathlib import Path
from tests.services.processes import keep
folder = Path(sys.argv[1])
kept = keep(["sleep", "600"], folder=folder, log=folder / "log")
print(kept.pid, flush=True)
time.sleep(600)
"""

TWO_TESTS = """
import os, time
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_postgres(postgres, services, number):
    told = Path.cwd()
    (told / str(number)).write_text(postgres.address)
    (told / "folder").write_text(str(services))
    while not all((told / other).exists() for other in "12"):
        time.sleep(0.01)
    if "STAY" in os.environ:
        (told / "both").touch()
        time.sleep(600)
    assert number == 1
"""


@pytest.fixture
def two_tests(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a session of two workers and two tests that wait for one another; the second test fails."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    kafka\n    postgres\n")
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_two.py").write_text(TWO_TESTS)
    # This session may itself be a worker's, and told where to find services.
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "JOURNEY_"))}

    def start(**variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider"],
            cwd=tmp_path,
            env=ours | {"PYTHONPATH": str(ROOT), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.mark.slow
def test_two_workers_share_one_service_and_it_ends_with_them(two_tests: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    with two_tests() as session:
        output, _ = session.communicate(timeout=PYTEST_SECONDS_MAX)
    assert "1 failed, 1 passed" in output, output
    assert output.count("PostgreSQL: ") == 1
    first, second = ((tmp_path / number).read_text() for number in "12")
    assert first == second
    assert not listens(first)
    assert not Path((tmp_path / "folder").read_text()).exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_session_that_is_ended_leaves_nothing(
    how: signal.Signals, two_tests: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    with two_tests(STAY="yes") as session:
        try:
            wait_for(lambda: (tmp_path / "both").exists() or session.poll() is not None, within=PYTEST_SECONDS_MAX)
            address = (tmp_path / "1").read_text()
            assert listens(address)
        finally:
            # Ctrl-C reaches every process of the terminal's group; `kill -9` is for one.
            (os.killpg if how is signal.SIGINT else os.kill)(session.pid, how)
    folder = Path((tmp_path / "folder").read_text())
    wait_for(lambda: not listens(address) and not folder.exists())


@pytest.mark.kafka
@pytest.mark.postgres
@pytest.mark.slow
def test_a_person_is_given_both_addresses_and_ends_both() -> None:
    # As a shell starts what goes to the background: with Ctrl-C ignored.
    command = ["sh", "-c", 'trap "" INT; exec "$0" -m tests.services', sys.executable]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as services:
        try:
            assert services.stdout
            stated = dict(services.stdout.readline().strip().split("=", 1) for _ in range(2))
            assert set(stated) == {"export JOURNEY_KAFKA", "export JOURNEY_POSTGRES"}
            assert all(listens(address) for address in stated.values())
            services.send_signal(signal.SIGINT)
            services.communicate(timeout=GONE_SECONDS_MAX)
        finally:
            services.terminate()
    assert services.returncode == 0
    assert not any(listens(address) for address in stated.values())


# --- what the tests above say


async def make(address: str, topic: str) -> None:
    async with admin(address) as client:
        await client.create_topics([NewTopic(name=topic, num_partitions=1, replication_factor=1)])


async def send(address: str, topic: str, words: list[bytes], **settings: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", enable_idempotence=True, **settings)
    await producer.start()
    try:
        for word in words:
            await producer.send_and_wait(topic, word)
    finally:
        await producer.stop()


async def read(address: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return [(await asyncio.wait_for(consumer.getone(), 10)).value for _ in range(count)]
    finally:
        await consumer.stop()


@contextlib.asynccontextmanager
async def admin(address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=address)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def listens(address: str) -> bool:
    host, _, port = address.rpartition("@")[2].partition("/")[0].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], T], within: float = GONE_SECONDS_MAX) -> T:
    deadline = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not so within {within:g} s"
        time.sleep(0.02)
    return answer
