"""The server in front of Kafka and PostgreSQL: it answers what the commands print, and withstands the same as on embedded data."""

import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from schemas.definition_files import default_definition
from tests.app.command import COMMAND, environment
from tests.e2e.workers import Place, placed, simulated, wait_for
from tests.services.service import Service

UNTIL = "2025-04-15"


@pytest.fixture
def place(kafka: Service, database: str, topics: str, tmp_path: Path) -> Iterator[Place]:
    with placed(kafka.address, database, topics, tmp_path) as place:
        yield place


@contextmanager
def served(place: Place) -> Iterator[httpx.Client]:
    """A server of the place, and a client of it."""
    log = place.folder / "serve.log"
    with open(log, "wb") as file:
        server = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0"], cwd=place.folder, env=environment(**place.env), stdout=file, stderr=file
        )  # fmt: skip
    try:
        wait_for(lambda: re.search(r"serving at \S+\n", log.read_text()) is not None, "the server", log.read_text)
        found = re.search(r"http://\S+", log.read_text())
        assert found
        key = re.search(r"jk_\S+", log.read_text())
        assert key
        with httpx.Client(base_url=found[0], timeout=120, headers={"Authorization": f"Bearer {key[0]}"}) as client:
            yield client
        server.terminate()
        assert server.wait(timeout=30) in (0, -signal.SIGTERM), log.read_text()
    finally:
        server.kill()
        server.wait(timeout=30)


def test_what_is_read_is_what_the_commands_print(place: Place) -> None:
    (place.folder / "in.jsonl").write_bytes(b"\n".join(simulated(30)))
    place.start("w1")
    assert place.command("ingest", "in.jsonl").status == 0
    # Nothing moves from here on: a scheduler would announce what strikes.
    place.kill("w1")
    position = place.command("digest", "--json").json["position"]
    asked = ("--until", UNTIL, "--json")
    with served(place) as client:
        for model in ("marketing", "sales"):
            report = client.get(f"/api/v1/{model}", params={"until": UNTIL, "min_position": position})
            assert report.json() == place.command("report", model, *asked).json
        why = client.get("/api/v1/sales/figures/stage_entries/why", params={"until": UNTIL, "limit": 3})
        assert why.json() == place.command("why", "stage_entries", "--limit", "3", *asked).json
        positions = {"from_position": 1, "to_position": position, "until": UNTIL}
        between = client.get("/api/v1/sales/between", params=positions)
        assert between.json() == place.command("report", "sales", "--between", "1", str(position), *asked).json
        for path in ("/api/v1/people", "/api/v1/deals?outcome=any", "/api/v1/leads?state=any", "/api/v1/transitions"):
            assert _all(client, path, 7) == _all(client, path, 500) != []
        person = _all(client, "/api/v1/people?search=user:", 500)[0]["person"]
        for command in ("timeline", "explain"):
            story = client.get(f"/api/v1/people/{person}/{command}", params={"until": UNTIL})
            assert story.json() == place.command(command, person, *asked).json
        stands = client.get(f"/api/v1/people/{person}").json()
        assert stands["stage"] == client.get(f"/api/v1/people/{person}/explain").json()["stage"]
        listed = Counter(map(_named, _all(client, "/api/v1/transitions?what=stage", 500)))
        told = _told(client, position)
        assert told
        assert not told - listed
        by_time = {rule.name for stage in default_definition().stages for rule in stage.rules if rule.when is None}
        assert {rule for *_, rule in listed - told} <= by_time, "what struck is told once a scheduler has announced it"
        _withstands(client)


def _told(client: httpx.Client, position: int) -> Counter[Any]:
    """What the stream tells of stages up to `position`, added up."""
    net: Counter[Any] = Counter()
    with client.stream("GET", "/api/v1/transitions/stream?after=0") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                event = orjson.loads(line.removeprefix("data: "))
                if event.get("what") == "stage":
                    net[_named(event)] += event["count"]
            if line == f"id: {position}":
                break
    return +net


def _named(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["person"], one["at"], one["left_stage"], one["entered"], one["rule"]


def _all(client: httpx.Client, path: str, limit: int) -> list[Any]:
    answer = client.get(httpx.URL(path).copy_merge_params({"limit": limit}))
    items = answer.json()["items"]
    while (following := answer.json()["next"]) is not None:
        answer = client.get(following)
        items += answer.json()["items"]
    return list(items)


def _withstands(client: httpx.Client) -> None:
    """What PostgreSQL takes in no text, or for no number, comes to it never."""
    for path in (
        "/api/v1/sales?where=owner=%00",
        "/api/v1/people/user:%00",
        "/api/v1/people?search=%00",
        "/api/v1/people?search=%F4%8F%BF%BF",
        "/api/v1/people/user:%ff/timeline",
        "/api/v1/deals?after=WyJcdTAwMDAiXQ",
        "/api/v1/leads?after=WyJ1c2VyOjEiLDE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ",
        "/api/v1/leads?after=WzEsInVzZXI6MSJd",
        "/api/v1/sales/figures/leads/why?after=WzEsInVzZXI6MSJd",
        "/api/v1/sales/figures/leads/why?after=WyJ1c2VyOjEiLDE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ",
        "/api/v1/deals/%27%3B%20DROP%20TABLE%20deals%3B--",
        "/api/v1/sales?known_at=999999999999999999999999999999",
        "/api/v1/transitions/stream?after=9007199254740993",
        "/api/v1/sales?until=9998-12-31&from=1970-01-01&to=9998-12-31",
    ):
        answer = client.get(path)
        assert answer.status_code < 500, (path, answer.text)
