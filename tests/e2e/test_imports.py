"""Distributed: a bad import is taken back while touchpoints flow, and reading Kafka's log again does not bring it back."""

import asyncio
import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from tests.e2e.workers import DONE_SECONDS_MAX, Place, being_derived, embedded_digest, placed, simulated, wait_for
from tests.services.databases import fresh_database
from tests.services.service import Service


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def write(file: Path, lines: list[bytes]) -> Path:
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def bad(lines: list[bytes]) -> list[bytes]:
    """What a wrong map makes of `lines`: other people, orders and statements, and links between strangers."""
    made = []
    for nth, line in enumerate(lines):
        event = orjson.loads(line)
        made.append(orjson.dumps(event | {"id": f"bad-{nth}"}))
        if event["subject"].startswith("user:"):
            other = {"type": "identified", "id": f"link-{nth}", "data": {"other": f"anon:stranger-{nth % 7}"}}
            made.append(orjson.dumps({**event, **other}))
    return made


async def done(place: Place, *statements: str) -> list[Any]:
    db = await asyncpg.connect(place.postgres)
    try:
        return [await db.fetch(one) for one in statements]
    finally:
        await db.close()


async def test_it_is_taken_back_while_touchpoints_flow_and_for_good(place: Place, postgres: Service, tmp_path: Path) -> None:
    lines = simulated(120)
    half = len(lines) // 2
    expected = embedded_digest(lines, tmp_path)
    for name in ("w1", "w2"):
        place.start(name)
        place.at_work(name)
    await place.publish(lines[:half])
    wrong = write(tmp_path / "wrong.jsonl", [*bad(lines[:800]), *lines[:200], b"{broken"])
    number = place.command("ingest", wrong, "--json").json["import"]
    # Killed on the way nothing has changed, and done while touchpoints come.
    killed = place.begin("retract", "--import", str(number), "--reason", "killed")
    await being_derived(place.postgres)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    retracting = place.begin("retract", "--import", str(number), "--reason", "wrong map")
    for start in range(half, len(lines), 300):
        await place.publish(lines[start : start + 300])
        await asyncio.sleep(0.1)
    assert retracting.wait(DONE_SECONDS_MAX) == 0
    wait_for(lambda: place.digest() == expected, "the digest", lambda: place.said("w1")[-2000:], DONE_SECONDS_MAX)
    (listed,) = place.command("imports", "--json").json["imports"]
    assert (listed["number"], listed["state"], listed["left_out"]) == (number, "retracted", 0)
    assert place.command("dead-letters", "--state", "open", "--json").json["dead_letters"] == []
    # Kafka's log is read once more from its beginning.
    for name in ("w1", "w2"):
        place.kill(name)
    await done(place, "DELETE FROM journey.offsets")
    place.start("w1")
    place.at_work("w1")

    def read_again() -> bool:
        return bool(place.command("imports", "--json").json["imports"][0]["left_out"] == listed["read"])

    wait_for(read_again, "the log to be read again", lambda: place.said("w1")[-2000:], DONE_SECONDS_MAX)
    wait_for(lambda: place.digest() == expected, "the digest", seconds=DONE_SECONDS_MAX)
    # The same file is new again as another import.
    again = place.command("ingest", write(tmp_path / "again.jsonl", lines[:50]), "--json").json
    assert (again["accepted"], again["import"] > number) == (0, True)
    assert json.dumps(place.digest()) == json.dumps(expected)
    # An empty record that is filled from the log is told first.
    place.kill("w1")
    with fresh_database(postgres.address) as empty:
        filled = replace(place, postgres=empty)
        assert filled.command("retract", "--id", listed["id"], "--reason", "as in the record that is lost").status == 0
        assert filled.command("rebuild", "all", "--from-log").status == 0
        assert filled.digest() == expected


async def test_a_row_put_right_closes_its_letter_and_opens_it_again_when_it_is_taken_back(place: Place, tmp_path: Path) -> None:
    visits = tmp_path / "visits.yaml"
    visits.write_text(
        "zone: UTC\ntouchpoints:\n  - {type: page_view, subject: 'user:{Visitor}', time: When, data: {url: 'https://shop.example/{Page}'}}\n"
    )
    place.start("w1")
    place.at_work("w1")
    imports = [
        place.command(
            "ingest", write(tmp_path / "visits.csv", [b"Visitor,When,Page", b"8,2026-03-05,b", row]), "--map", visits, "--json"
        ).json
        for row in (b",2026-03-06,a", b"7,2026-03-06,a")
    ]
    assert [one["dead_lettered"] for one in imports] == [1, 0]
    letters = place.command("dead-letters", "--json").json["dead_letters"]
    assert [one["state"] for one in letters] == ["arrived"]
    done = place.command("retract", "--import", str(imports[1]["import"]), "--reason", "of somebody else", "--json").json
    assert (done["touchpoints"], done["open_again"]) == (1, 1)
    assert [one["state"] for one in place.command("dead-letters", "--json").json["dead_letters"]] == ["open"]
