"""The examples that follow our topics: plain consumers, which users copy. Through kills of workers and their own they know what holds."""

import asyncio
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from journey.instants import iso
from streams.kafka.client import only_producer
from streams.kafka.relay import POSITION
from streams.kafka.settings import KafkaSettings
from streams.kafka.topics import ensure_topics
from tests.app.command import ROOT, here
from tests.e2e.workers import DONE_SECONDS_MAX, Place, placed, simulated, wait_for
from tests.services.service import Service

LINES_MAX = 60
ROUNDS = 3
FOLLOWED = ("stages", "transitions")


def code(name: str) -> Path:
    return ROOT / "examples" / f"follow_{name}.py"


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


@pytest.fixture
def followers(place: Place) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    running: dict[str, subprocess.Popen[bytes]] = {}
    yield running
    for one in running.values():
        one.kill()
        one.wait()


def begin(place: Place, followers: dict[str, subprocess.Popen[bytes]], name: str) -> None:
    """Start a follower, or kill it with -9 and start it again. It finds nothing of ours to import."""
    if name in followers:
        followers[name].kill()
        followers[name].wait()
    with open(place.folder / f"{name}.out", "ab") as out:
        command = [sys.executable, "-P", code(name), place.kafka, f"{name}.db", f"{place.prefix}.{name}"]
        followers[name] = subprocess.Popen(command, cwd=place.folder, env={"PATH": ""}, stdout=out, stderr=out)


HELD = {
    "stages": "SELECT person, stage, 1 FROM stages WHERE stage IS NOT NULL",
    "transitions": 'SELECT person, stage, "left", at, nth, rule, count FROM entries',
}


def held(place: Place, name: str) -> Counter[Any]:
    """What the follower's file says; nothing where it has made none yet."""
    with closing(sqlite3.connect(place.folder / f"{name}.db")) as db, suppress(sqlite3.OperationalError):
        return Counter({row[:-1]: row[-1] for row in db.execute(HELD[name])})
    return Counter()


async def holds(place: Place) -> dict[str, Counter[Any]]:
    """What the read models say: who entered which stage, by deadlines up to those that are announced; and where everyone is by that."""
    db = await asyncpg.connect(place.postgres)
    try:
        async with db.transaction(isolation="repeatable_read"):
            mark = await db.fetchval("SELECT mark FROM journey.units WHERE mark IS NOT NULL ORDER BY position DESC LIMIT 1") or 0
            entered = await db.fetch(
                "SELECT person, stage, left_stage, at, nth, rule, n FROM marketing.stages WHERE ahead = 0 OR at <= $1", mark
            )
    finally:
        await db.close()
    rows = [tuple(row) for row in entered]
    last: dict[str, tuple[int, int, str]] = {}
    entries: Counter[Any] = Counter()
    for person, stage, left, at, nth, rule, count in rows:
        entries[person, stage, left, iso(at), nth, rule] += count
        last[person] = max(last.get(person, (-(2**62), 0, "")), (at, nth, stage))
    return {"transitions": entries, "stages": Counter((person, stage) for person, (_, _, stage) in last.items())}


async def test_followers_know_what_the_read_models_say_through_kills_and_another_definition(
    place: Place, followers: dict[str, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    text = here("definition", "show", "--default", cwd=tmp_path).out
    other = tmp_path / "other.yaml"
    other.write_text(text.replace("scoring:\n", "scoring:\n  - {name: visit, when: {types: page_view}, points: 60, expires: 30d}\n"))
    lines = simulated(80)
    random.Random(4).shuffle(lines)
    for name in ("w1", "w2"):
        place.start(name)
        place.at_work(name)
    for nth in range(ROUNDS):
        await place.publish(lines[nth::ROUNDS])
        if nth == ROUNDS // 2:
            assert (await asyncio.to_thread(place.command, "definition", "use", other)).status == 0
        for follower in FOLLOWED:
            begin(place, followers, follower)
        name = ("w1", "w2")[nth % 2]
        place.kill(name)
        place.start(name)
        await asyncio.to_thread(place.at_work, name)

    def said() -> str:
        return "".join((place.folder / f"{name}.out").read_text()[-2_000:] for name in FOLLOWED) + place.said("w1") + place.said("w2")

    def know() -> bool:
        assert all(one.poll() is None for one in followers.values()), said()
        expected = asyncio.run(holds(place))
        return all(held(place, name) == expected[name] for name in FOLLOWED)

    await asyncio.to_thread(wait_for, lambda: asyncio.run(all_is_in(place, len(lines))), "all to be in", said, DONE_SECONDS_MAX)
    await asyncio.to_thread(wait_for, know, "the followers to know what holds", said, DONE_SECONDS_MAX)
    for name in FOLLOWED:
        assert held(place, name)
        assert "lost" in (place.folder / f"{name}.out").read_text().splitlines()[-1]


async def all_is_in(place: Place, touchpoints: int) -> bool:
    """Whether so many are in marketing's read model."""
    db = await asyncpg.connect(place.postgres)
    try:
        accepted = await db.fetchval("SELECT SUM(accepted) FROM journey.units")
        behind = await db.fetchval("SELECT l.position - r.position FROM journey.last AS l, marketing.reflects AS r")
    finally:
        await db.close()
    return bool(accepted == touchpoints and behind == 0)


async def test_what_is_told_again_or_older_or_void_or_was_never_committed_changes_nothing(
    place: Place, followers: dict[str, subprocess.Popen[bytes]]
) -> None:
    """What no run has at its command: messages in the order of a relay that was killed, and of one from before there was a fence."""
    settings = KafkaSettings(place.kafka, prefix=place.prefix, partitions=2)
    await ensure_topics(settings)

    async def tell(*messages: tuple[int, int, str, bytes | None], commit: bool = True) -> None:
        """(partition, position, person, value), in one transaction, of both topics."""
        async with only_producer(settings, settings.prefix) as producer:
            await producer.begin_transaction()
            for partition, position, person, value in messages:
                topic = f"{place.prefix}.{'transitions' if value and b'since' in value else 'stages'}"
                headers = [(POSITION, str(position).encode())]
                await producer.send_and_wait(topic, value, person.encode(), partition=partition, headers=headers)
            if commit:
                await producer.commit_transaction()

    def entered(position: int, person: str, stage: str, count: int = 1, since: int = 0) -> tuple[int, int, str, bytes]:
        one = {"position": position, "since": since, "count": count, "person": person, "stage": stage, "left": "", "at": "T", "nth": 0}
        return int(person[-1]), position, person, orjson.dumps(one | {"rule": "r", "because": []})

    def at(position: int, person: str, stage: str | None) -> tuple[int, int, str, bytes | None]:
        value = {"person": person, "stage": stage, "entered_at": "T", "position": position}
        return int(person[-1]), position, person, orjson.dumps(value) if stage else None

    async def comes_to(stages: dict[str, str], entries: dict[str, str]) -> None:
        """In any case, and so after they were killed and begun again."""
        expected = {
            "stages": Counter(dict.fromkeys(stages.items(), 1)),
            "transitions": Counter({(person, stage, "", "T", 0, "r"): 1 for person, stage in entries.items()}),
        }
        for _ in range(2):
            for name in FOLLOWED:
                begin(place, followers, name)
                await asyncio.to_thread(wait_for, lambda name=name: held(place, name) == expected[name], f"{name}: {expected[name]}")

    first = [
        *(entered(1, "user:0", "awareness"), at(1, "user:0", "awareness")),
        *(entered(2, "user:0", "awareness", -1), entered(2, "user:0", "decision"), at(2, "user:0", "decision")),
        *(entered(2, "user:1", "awareness"), at(2, "user:1", "awareness")),
    ]
    then = [entered(3, "user:0", "decision", -1), entered(3, "user:0", "lost"), at(3, "user:0", "lost")]
    await tell(*first)
    await comes_to({"user:0": "decision", "user:1": "awareness"}, {"user:0": "decision", "user:1": "awareness"})
    await tell(then[0], at(3, "user:0", None), entered(4, "user:1", "lost"), at(4, "user:1", None), commit=False)
    await tell(*first, *then, at(2, "user:0", "decision"))
    await comes_to({"user:0": "lost", "user:1": "awareness"}, {"user:0": "lost", "user:1": "awareness"})
    await tell(entered(5, "user:1", "churned", since=5), at(5, "user:1", "churned"), at(5, "user:0", None))
    await tell(entered(4, "user:0", "churned"), at(4, "user:0", "churned"), entered(5, "user:1", "churned", since=5))
    await comes_to({"user:1": "churned"}, {"user:1": "churned"})


@pytest.mark.parametrize("name", FOLLOWED)
def test_an_example_to_be_copied_is_short_and_needs_nothing_of_ours(name: str) -> None:
    lines = code(name).read_text().splitlines()
    assert len(lines) < LINES_MAX
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imported == {"aiokafka", "asyncio", "json", "sqlite3", "sys"}
