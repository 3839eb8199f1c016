"""Killed at any moment and run again, everything is there, once."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random

import orjson
import pytest

from app.engine.embedded import LOCK, reading
from app.simulation.world import simulate
from schemas.decode import decode
from streams.sqlite.record import SqliteRecord
from tests.faults.command import SECONDS_MAX, digest, ingest, kill_at, position, run, start, wait_until
from tests.streams.builders import at, sent

Name = tuple[str, str, str]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return list(simulate(customers=200, days=60, seed=11, start=date(2025, 1, 1)))


@pytest.fixture(scope="module")
def names(lines: list[bytes]) -> set[Name]:
    return {(one["subject"], one["source"], one["id"]) for one in map(orjson.loads, lines)}


@pytest.fixture(scope="module")
def feed(lines: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("feed") / "feed.jsonl", lines)


@pytest.fixture(scope="module")
def undisturbed(feed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digest where nothing went wrong."""
    data = tmp_path_factory.mktemp("undisturbed")
    ingest(data, feed)
    return digest(data)


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def stored(data: Path) -> Counter[Name]:
    """How often each touchpoint is stored under its own subject."""
    found: Counter[Name] = Counter()

    async def count(record: SqliteRecord) -> None:
        after = ""
        while keys := await record.subjects(after, 1000):
            after = keys[-1]
            for key, bodies in (await record.bodies(keys)).items():
                found.update((one.touch.subject, one.touch.source, one.touch.id) for one in bodies if one.touch.subject == key)

    with reading(data) as engine:
        asyncio.run(count(engine.record))
    return found


@pytest.mark.parametrize("units", [1, 2, 9])
def test_killed_half_way_and_run_again_each_touchpoint_is_there_once(
    feed: Path, names: set[Name], undisturbed: tuple[str, str], tmp_path: Path, units: int
) -> None:
    assert kill_at(start("ingest", feed, "--data", tmp_path), tmp_path, units), "it was done before it could be killed"
    ingest(tmp_path, feed)
    assert digest(tmp_path) == undisturbed
    assert stored(tmp_path) == Counter(dict.fromkeys(names, 1))


def test_killed_again_and_again_it_gets_there(feed: Path, names: set[Name], undisturbed: tuple[str, str], tmp_path: Path) -> None:
    kills = 0
    while kill_at(start("ingest", feed, "--data", tmp_path), tmp_path, position(tmp_path) + 3):
        kills += 1
        assert kills < 100, "it never gets there"
        if kills == 4:
            break
    ingest(tmp_path, feed)
    assert kills >= 4
    assert digest(tmp_path) == undisturbed
    assert stored(tmp_path) == Counter(dict.fromkeys(names, 1))


def test_what_was_appended_before_the_kill_needs_not_be_sent_again(feed: Path, lines: list[bytes], tmp_path: Path) -> None:
    kill_at(start("ingest", feed, "--data", tmp_path), tmp_path, 5)
    with reading(tmp_path) as engine:
        appended = len(asyncio.run(engine.record.read(0, after=-1, limit=len(lines))))
    ingest(tmp_path, write(tmp_path / "nothing.jsonl", []))
    count = Counter((touch.subject, touch.source, touch.id) for touch in (decode(line).touch for line in lines[:appended]))
    assert stored(tmp_path) == count


def test_one_touchpoint_that_is_missing_shows_in_the_digest(lines: list[bytes], undisturbed: tuple[str, str], tmp_path: Path) -> None:
    counts = next(index for index, line in enumerate(lines) if orjson.loads(line)["type"] == "ad_click")
    ingest(tmp_path / "data", write(tmp_path / "feed.jsonl", lines[:counts] + lines[counts + 1 :]))
    assert digest(tmp_path / "data") != undisturbed


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda lines: Random(1).sample(lines, len(lines)), id="shuffled"),
        pytest.param(lambda lines: lines[::-1], id="backwards"),
        pytest.param(lambda lines: [line for line in lines for _ in range(2)], id="each twice"),
        pytest.param(lambda lines: lines + Random(2).sample(lines, len(lines)), id="twice, the second time shuffled"),
    ],
)
def test_whatever_the_order_the_digest_is_one(
    lines: list[bytes], undisturbed: tuple[str, str], tmp_path: Path, order: Callable[[list[bytes]], list[bytes]]
) -> None:
    summary = ingest(tmp_path / "data", write(tmp_path / "feed.jsonl", order(lines)))
    assert digest(tmp_path / "data") == undisturbed
    assert summary.accepted == len(lines)


def test_two_halves_in_the_wrong_order_with_a_kill_in_each_come_to_the_same(
    lines: list[bytes], undisturbed: tuple[str, str], tmp_path: Path
) -> None:
    half, data = len(lines) // 2, tmp_path / "data"
    for number, part in enumerate((lines[half:], lines[:half])):
        path = write(tmp_path / f"{number}.jsonl", part)
        assert kill_at(start("ingest", path, "--data", data), data, position(data) + 3)
        ingest(data, path)
    assert digest(data) == undisturbed


def test_a_second_writer_is_refused_and_told_who_the_first_one_is(tmp_path: Path) -> None:
    first = start("ingest", "-", "--data", tmp_path)
    assert wait_until(lambda: (tmp_path / LOCK).exists() and (tmp_path / LOCK).read_text() == str(first.pid), first)
    said = run("ingest", write(tmp_path / "more.jsonl", [sent("page_view", "user:x", at(0))]), "--data", tmp_path, status=1)
    assert f"process {first.pid}" in said
    assert "Traceback" not in said
    first.communicate(sent("page_view", "user:1", at(0)))
    assert first.returncode == 0
    assert stored(tmp_path).keys() == {("user:1", "urn:test", f"page_view-{at(0)}")}


def test_the_lock_of_a_killed_writer_holds_nobody_up(feed: Path, tmp_path: Path) -> None:
    kill_at(start("ingest", feed, "--data", tmp_path), tmp_path, 2)
    assert (tmp_path / LOCK).exists()
    ingest(tmp_path, feed)


def test_killed_while_it_made_its_files_it_starts_anew(feed: Path, undisturbed: tuple[str, str], tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("journey.db", "marketing.db", "sales.db", "sales.db-wal"):
        process = start("ingest", feed, "--data", data)
        assert wait_until((data / name).exists, process)
        process.kill()
        process.communicate()
        # Asked now, it answers, or says in one line that there is nothing to ask yet.
        asked = start("digest", "--data", data, "--json")
        said, error = asked.communicate(timeout=SECONDS_MAX)
        if asked.returncode:
            assert (asked.returncode, error.count(b"\n")) == (1, 1), error.decode()
        else:
            assert orjson.loads(said).keys() == {"position", "marketing", "sales", "record"}
    ingest(data, feed)
    assert digest(data) == undisturbed
