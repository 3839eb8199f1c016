"""Everything derived anew while workers place and touchpoints flow: nobody stops, and the digest is the embedded one."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from tests.app.command import here, journey, refused
from tests.e2e.one_digest import accepted
from tests.e2e.workers import DONE_SECONDS_MAX, Place, being_derived, embedded_digest, placed, simulated, wait_for
from tests.services.databases import fresh_database
from tests.services.service import Service

MODELS = ("marketing", "sales")


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A definition in which a mere visit is worth 60 points."""
    text = here("definition", "show", "--default", cwd=tmp_path).out
    file = tmp_path / "other.yaml"
    file.write_text(text.replace("scoring:\n", "scoring:\n  - {name: visit, when: {types: page_view}, points: 60, expires: 30d}\n"))
    return file


async def done(place: Place, *statements: str) -> None:
    db = await asyncpg.connect(place.postgres)
    try:
        for one in statements:
            await db.execute(one)
    finally:
        await db.close()


def until(place: Place, expected: dict[str, Any]) -> None:
    wait_for(lambda: place.digest() == expected, "the digest", lambda: _differing(place), DONE_SECONDS_MAX)


def _differing(place: Place) -> str:
    """What `journey reconcile` finds, and what workers said."""
    found = place.command("reconcile")
    return "\n".join([found.out[-3000:], found.err, *(f"{name}: {place.said(name)[-2000:]}" for name in place.starts)])


async def test_another_definition_is_switched_to_while_touchpoints_flow(place: Place, other: Path, tmp_path: Path) -> None:
    lines = simulated(200)
    embedded = tmp_path / "embedded"
    assert journey("definition", "use", other, "--data", embedded, cwd=tmp_path).status == 0
    expected = embedded_digest(lines, tmp_path)
    for name in ("w1", "w2"):
        place.start(name)
        place.at_work(name)
    third = len(lines) // 3
    await place.publish(lines[:third])
    using = place.begin("definition", "use", other)
    for start in range(third, 2 * third, 500):
        await place.publish(lines[start : min(start + 500, 2 * third)])
        await asyncio.sleep(0.2)
    assert using.wait(DONE_SECONDS_MAX) == 0
    began = time.monotonic()
    await place.publish(lines[2 * third :])
    until(place, expected)
    assert time.monotonic() - began < 30, "a worker that works by the old one goes on at once, and not by its watchdog"
    assert await accepted(place) == len(lines)
    assert all(worker.poll() is None for worker in place.workers.values())
    assert "going on by definition" in place.said("w1") + place.said("w2")


async def test_spoiled_rows_are_told_and_put_right_and_a_view_on_them_stays(place: Place, tmp_path: Path) -> None:
    lines = simulated(60)
    expected = embedded_digest(lines, tmp_path)
    place.start("w1")
    place.at_work("w1")
    await place.publish(lines)
    until(place, expected)
    spoil = ("UPDATE marketing.touched SET n = n + 1", "DELETE FROM sales.deals")
    await done(place, "CREATE VIEW marketing.people AS SELECT DISTINCT person FROM marketing.touched", *spoil)
    spoiled = place.digest()
    found = place.command("reconcile", "--json")
    assert found.status == 1
    broken = {law["law"]: law["broken"] for law in orjson.loads(found.raw)["laws"] if law["broken"]}
    assert {(one["model"], one["table"]) for one in broken["the rows are what the histories derive to"]} == {
        ("marketing", "touched"),
        ("sales", "deals"),
    }
    assert "both hold the same deals" in broken
    answer = place.command("rebuild", "marketing", "--json").json
    assert (answer["marketing"]["before"], answer["marketing"]["after"]) == (spoiled["marketing"], expected["marketing"])
    assert set(answer["marketing"]["tables"]) == {"touched"}
    assert place.digest() == {"marketing": expected["marketing"], "sales": spoiled["sales"]}
    # All is derived anew with the worker at work, killed on the way, and once more.
    killed = place.begin("rebuild", "all")
    await being_derived(place.postgres)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    answer = place.command("rebuild", "all", "--json", "--actor", "ann").json
    assert answer["sales"]["after"] == expected["sales"]
    assert place.digest() == expected
    assert await accepted(place) == len(lines)
    found = place.command("reconcile")
    assert found.status == 0, found.out
    await done(place, "SELECT FROM marketing.people")
    told = place.command("audit", "--action", "rebuild", "--json").json["decisions"]
    assert [one["detail"]["what"] for one in told][0 :: len(told) - 1] == ["marketing", "all"]


async def test_a_read_model_whose_units_are_no_longer_kept_is_built_anew(place: Place, tmp_path: Path) -> None:
    lines = simulated(60)
    expected = embedded_digest(lines, tmp_path)
    place.start("placing", "--only", "placement")
    place.start("selling", "--only", "sales")
    place.at_work("placing")
    for start in range(0, len(lines), len(lines) // 4):
        await place.publish(lines[start : start + len(lines) // 4])
        await asyncio.sleep(0.5)

    await asyncio.sleep(1)
    await done(place, "DELETE FROM journey.changes", "UPDATE journey.outbox SET pruned = published")
    place.start("late", "--only", "marketing")
    until(place, expected)
    assert "building it anew" in place.said("late")


async def test_an_empty_record_is_filled_from_what_kafka_holds(place: Place, postgres: Service, tmp_path: Path) -> None:
    lines = simulated(60, broken=0.01)
    expected = embedded_digest(lines, tmp_path)
    place.start("w1")
    assert place.command("ingest", "touchpoints.jsonl").status == 0
    place.kill("w1", signal.SIGTERM)
    assert "holds touchpoints already" in refused(place.command("rebuild", "all", "--from-log"))
    with fresh_database(postgres.address) as empty:
        lost, place.postgres = place.postgres, empty
        assert "journey rebuild all --from-log" in refused(place.command("rebuild", "sales", "--from-log"))
        killed = place.begin("rebuild", "all", "--from-log")
        await asyncio.sleep(2.5)
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        ran = place.command("rebuild", "all", "--from-log", "--json", "--actor", "ann", "--reason", "the disk is gone")
        if "holds touchpoints already" not in ran.err:  # it may have been done when it was killed
            assert ran.json["records"] == len(lines)
        assert place.digest() == expected
        told = place.command("audit", "--action", "rebuild", "--json").json["decisions"]
        assert {one["detail"]["what"] for one in told} == {"from-log"}, "each run that began with nothing says so"
        place.postgres = lost
    # Nobody watches any more: what takes its time afterwards, as the digests of millions do, would be taken for standing still.
    wait_for(lambda: "watchdog" not in {thread.name for thread in threading.enumerate()}, "the watch to end")
