"""The pages in front of Kafka and PostgreSQL: what operators decide there comes to the same."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.definition_files import default_definition, dump_definition
from tests.app.command import touch
from tests.app.server.doors import started
from tests.e2e.workers import Place, placed, wait_for
from tests.services.service import Service

HTML = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


def test_a_letter_is_put_right_a_period_told_and_a_definition_put_to_use(place: Place, tmp_path: Path) -> None:
    place.start("w1")
    bad = touch("profile_updated", id="bad", subject="user:7", traits={"name": "Ann Öhm"}, country="DE").replace(b'"DE"', b"7")
    with started(tmp_path, **place.env) as server:
        headers = {**HTML, "Authorization": f"Bearer {server.key}"}
        with httpx.Client(base_url=server.address, headers=headers, timeout=60, follow_redirects=True) as client:
            seen = touch(id="1", subject="user:7", at="2026-02-02T10:00:00Z")
            assert client.post("/events", content=b"[%b,%b]" % (bad, seen), headers={"Content-Type": "application/json"}).status_code == 200
            wait_for(lambda: client.get("/dead-letters/1").status_code == 200, "the dead letter", lambda: place.said("w1"))
            sent = client.post(
                "/dead-letters/1", data={"body": bad.decode().replace(":7,", ':"DE",').replace(":7}", ':"DE"}'), "do": "fix and requeue"}
            )
            assert "1 came in" in sent.text, sent.text
            assert ">user:7</a>" in client.get("/subjects", params={"id": "öhm"}).text
            closed = client.post("/periods", data={"period": "2026-02", "reason": "told"})
            assert "2026-02 is closed at position" in closed.text, closed.text
            told = client.get("/marketing/figures/sessions/told", params={"period": "2026-02"})
            assert "What is known now is what was told then" in told.text, told.text
            text = dump_definition(default_definition()).replace("times: 3", "times: 4")
            assert "times: 4</span>" in client.post("/definition/check", data={"text": text}).text
            client.post("/definition", data={"text": text, "reason": "three were too few"})

            def is_used() -> bool:
                return "In use since position" in client.get("/definition/under-way").text

            wait_for(is_used, "the other definition to be in use", lambda: place.said("w1"))

            audit = place.command("audit", "--json").json["decisions"]
            assert ">simulated data<" not in client.get("/status").text
            (tmp_path / "in.jsonl").write_bytes(place.command("simulate", "--customers", "1", "--days", "2").raw)
            place.command("ingest", tmp_path / "in.jsonl")
            wait_for(lambda: ">simulated data<" in client.get("/status").text, "another process's word", lambda: place.said("w1"))
    assert [(one["action"], one["reason"]) for one in audit][-4:] == [
        ("fix", ""), ("requeue", ""), ("close-period", "told"), ("definition", "three were too few"),
    ]  # fmt: skip


def test_the_page_of_health_lists_the_workers_and_names_the_partitions_that_none_has(place: Place, tmp_path: Path) -> None:
    with started(tmp_path, **place.env) as server, httpx.Client(base_url=server.address, timeout=60) as client:
        client.headers.update({**HTML, "Authorization": f"Bearer {server.key}"})
        alone = "No worker is at work. No worker has partitions 0, 1, 2, 3: what comes in there waits"
        wait_for(lambda: alone in client.get("/status").text, "nobody to be at work", lambda: client.get("/status").text)

        def workers() -> dict[str, list[str]]:
            rows = re.findall(
                r'<tr><th scope="row">(w\d)</th><td>127\.0\.0\.1</td><td[^>]*>[^<]+</td><td>([\d, ]*)</td>', client.get("/status").text
            )
            return {name: partitions.split(", ") for name, partitions in rows}

        place.start("w1")
        wait_for(lambda: workers() == {"w1": ["0", "1", "2", "3"]}, "w1 to be listed", lambda: client.get("/status").text)
        place.start("w2")

        def is_shared() -> bool:
            found = workers()
            return found.keys() == {"w1", "w2"} and sorted(one for each in found.values() for one in each) == ["0", "1", "2", "3"]

        wait_for(is_shared, "both to be listed", lambda: client.get("/status").text)
        assert "No worker has" not in client.get("/status").text
