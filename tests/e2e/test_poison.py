"""A record that ends every worker: it is named, an operator goes on without it, and every replay of the log follows."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import orjson
import pytest

from journey.errors import FAILED_EXIT
from tests.app.command import environment
from tests.e2e.workers import DONE_SECONDS_MAX, Place, embedded_digest, placed, simulated, wait_for
from tests.poison import POISON
from tests.services.databases import fresh_database
from tests.services.service import Service
from tests.streams.builders import at, sent

WRONG = sent("page_view", "user:wrong", at(0), id=POISON)
TIMES = 2


@pytest.fixture
def place(kafka: Service, topics: str, database: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def worked(place: Place, name: str) -> str:
    """What a worker that has the bug says until it ends, as it does."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.poison", "worker"],
        cwd=place.folder,
        env=environment(**place.env, JOURNEY_INSTANCE=name),
        capture_output=True,
        timeout=DONE_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == FAILED_EXIT, ran.stderr.decode()
    return ran.stderr.decode()


def begin(place: Place, name: str) -> None:
    """A worker that has the bug, among those that are ended with the test."""
    place.starts[name] = place.starts.get(name, 0) + 1
    with open(place.log(name), "ab") as log:
        place.workers[name] = subprocess.Popen(
            [sys.executable, "-m", "tests.poison", "worker"],
            cwd=place.folder,
            env=environment(**place.env, JOURNEY_INSTANCE=name),
            stdout=log,
            stderr=log,
        )


def test_it_is_named_set_aside_and_sent_again_after_the_mend(place: Place, postgres: Service, tmp_path: Path) -> None:
    for name in ("without", "whole"):
        (tmp_path / name).mkdir()
    lines = simulated(40)
    without, whole = embedded_digest(lines, tmp_path / "without"), embedded_digest([*lines, WRONG], tmp_path / "whole")
    half = len(lines) // 2
    assert place.command("audit").status == 0, "and the topics are there"
    asyncio.run(place.publish([*lines[:half], WRONG, *lines[half:]]))
    for _ in range(TIMES):
        told = worked(place, "w1")
        named = told.rpartition("It is the record at ")[2]
        assert sha256(WRONG).hexdigest() in named
        assert f"topic {place.prefix}.touchpoints: placing partition " in told
    partition, offset = named.removeprefix("partition ").partition(" (")[0].split(", offset ")
    aside = ("dead-letters", "set-aside", "--partition", partition, "--offset", offset, "--reason", "bug 77", "--json")
    done = place.command(*aside).json
    assert (done["changed"], done["sha256"]) == (True, sha256(WRONG).hexdigest())
    assert place.command(*aside).json["changed"] is False
    begin(place, "w1")
    wait_for(lambda: place.digest() == without, "all but the one that is set aside", lambda: place.said("w1"), DONE_SECONDS_MAX)
    (letter,) = place.command("dead-letters", "--json").json["dead_letters"]
    assert (letter["code"], letter["reason"], letter["state"]) == ("set-aside", "bug 77", "open")
    refused = place.command(*aside)
    assert (refused.status, f"offset {offset} of partition {partition} is placed already" in refused.err) == (1, True)
    place.kill("w1", signal.SIGTERM)
    place.start("w1")
    assert place.command("dead-letters", "requeue", str(letter["number"]), "--json").json["in"] == 1
    assert place.digest() == whole
    place.kill("w1", signal.SIGTERM)

    with fresh_database(postgres.address) as another:
        # The control log is not in Kafka: in another record it is decided again, and holds for what that places.
        anew = Place(place.kafka, another, place.prefix, tmp_path)
        assert anew.command(*aside).json["changed"]
        answer = anew.command("rebuild", "all", "--from-log", "--json").json
        assert answer["dead_letters"] == {"set-aside": 1}
        assert {model: answer[model] for model in whole} == whole, "what was sent again is in"
        assert orjson.loads(anew.command("dead-letters", "--json").raw)["states"] == {"requeued": 1}
