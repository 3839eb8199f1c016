"""Files over HTTP come to what `journey ingest` makes of them."""

import gzip
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.server import importing
from app.server.served import ServedFolder
from tests.app.command import ROOT, here, touch
from tests.app.server.record import letters, touchpoints

DATA = ROOT / "tests" / "schemas" / "data"
CONTACTS, COST = "hubspot-crm-exports-contacts.csv", "google-ads-cost-2026-03-05.csv"


async def imported(client: httpx.AsyncClient, body: bytes, **asked: str) -> Any:
    answer = await client.post("/import", params=asked, content=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("map", "name", "zone"), [("hubspot-contacts", CONTACTS, ""), ("google-ads-cost", COST, "America/New_York")])
async def test_a_file_with_a_map_comes_to_what_the_command_makes_of_it(
    client: httpx.AsyncClient, folder: ServedFolder, tmp_path: Path, map: str, name: str, zone: str
) -> None:
    body = (DATA / name).read_bytes()
    command = ("ingest", DATA / name, "--map", map, *(("--zone", zone) if zone else ()), "--json", "--data", tmp_path / "command")
    asked = {"map": map, "name": name, **({"zone": zone} if zone else {})}
    tried = await imported(client, body, **asked, dry_run="true")
    assert tried == here(*command, "--dry-run", cwd=tmp_path).json
    assert tried["counts"]
    assert await touchpoints(folder) == {}
    done = await imported(client, body, **asked)
    assert done == here(*command, cwd=tmp_path).json
    assert done["accepted"] == len(await touchpoints(folder)) > 0
    again = await imported(client, gzip.compress(body), **asked)
    assert (again["accepted"], again["duplicates"]) == (0, done["accepted"])


async def test_a_file_of_json_and_its_dead_letters(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    body = b"\n".join([touch(id="1"), b"nonsense", touch(id="2")])
    assert (await imported(client, body, dry_run="1"))["dead_letters"]
    done = await imported(client, body, name="touchpoints.jsonl")
    assert (done["accepted"], done["dead_lettered"]) == (2, 1)
    assert set(await touchpoints(folder)) == {"1", "2"}
    assert await letters(folder) == [("touchpoints.jsonl:2", b"nonsense")]


@pytest.mark.parametrize(
    ("status", "asked", "body"),
    [
        (400, {"map": "no-such-map"}, b"a,b\n1,2\n"),
        (400, {"map": "../../tests/schemas/data/any.yaml"}, b"a,b\n1,2\n"),
        (400, {"map": "/etc/hubspot-contacts.yaml"}, b"a,b\n1,2\n"),
        (400, {"map": "google-ads-cost"}, b"a,b\n1,2\n"),
        (400, {"map": "hubspot-contacts", "zone": "Nowhere/At_All"}, b"a,b\n1,2\n"),
        (400, {"map": "hubspot-contacts", "name": CONTACTS}, b"a,b\n1,2\n"),
        (400, {"map": "hubspot-contacts", "format": "segment"}, b""),
        (400, {"zone": "Europe/Berlin"}, b"{}"),
        (400, {"name": "../x.json"}, b"{}"),
        (400, {"name": "a/b.json"}, b"{}"),
        (400, {"name": ".."}, b"{}"),
        (400, {"name": "\x00"}, b"{}"),
        (400, {}, b'{"a": 1}'),
        (400, {"format": "segment"}, orjson.dumps({"specversion": "1.0"})),
        (422, {"format": "nonsense"}, b"{}"),
        (413, {}, b" " * 2_000),
    ],
)
async def test_what_does_not_fit_is_refused_before_any_of_it_is_taken_in(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, status: int, asked: dict[str, str], body: bytes
) -> None:
    monkeypatch.setattr(importing, "FILE_BYTES_MAX", 1_000)
    answer = await client.post("/import", params=asked, content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert str(ROOT) not in answer.text
    assert "/tmp" not in answer.text
