"""Files over HTTP come to what `journey ingest` makes of them."""

import asyncio
import gzip
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from app.engine import embedded
from app.server import importing
from app.server.served import ServedFolder
from tests.app.command import ROOT, here, touch
from tests.app.server.record import letters, touchpoints
from tests.streams.builders import incoming

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


MAP = b"""touchpoints:
  - type: signed_up
    id: "{Number}"
    subject: "user:{Customer}"
    time: At
"""
SIGN_UPS = b"Customer,Number,At\n" + b"".join(b"%d,%d,2026-03-02T10:00:00Z\n" % (number, number) for number in range(1, 6))

Form = dict[str, tuple[str, bytes]]


def form(map: bytes = MAP, file: bytes = SIGN_UPS, map_name: str = "shop.yaml", name: str = "sign-ups.csv") -> Form:
    return {"map": (map_name, map), "file": (name, file)}


async def test_a_map_of_ones_own_reads_the_file_that_it_comes_with(client: httpx.AsyncClient, folder: ServedFolder, tmp_path: Path) -> None:
    (tmp_path / "shop.yaml").write_bytes(MAP)
    (tmp_path / "sign-ups.csv").write_bytes(SIGN_UPS)
    command = ("ingest", "sign-ups.csv", "--map", "shop.yaml", "--json", "--data", tmp_path / "command")
    tried = await client.post("/import", files=form(), params={"dry_run": "true"})
    assert tried.json() == here(*command, "--dry-run", cwd=tmp_path).json
    assert await touchpoints(folder) == {}
    done = await client.post("/import", files=form())
    assert done.json() == here(*command, cwd=tmp_path).json
    assert done.json()["accepted"] == len(await touchpoints(folder)) == 5


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (form(map=b"touchpoints:\n  - type: singed_up\n"), "shop.yaml:2: "),
        (form(map=b"touchpoints: [\n"), "shop.yaml:2: is not YAML"),
        (form(map=b"a: \xff\n"), "shop.yaml:1: is not UTF-8"),
        (form(map=b""), "shop.yaml: there is nothing in it"),
        (form(file=b"A,B\n1,2\n"), "shop.yaml"),
        (form(file=b""), "sign-ups.csv is empty"),
        (form(map_name="../shop.yaml"), "the part `map`"),
        (form(name="../sign-ups.csv"), "name is the file's name alone"),
        ({"map": ("shop.yaml", MAP)}, "one part `file`"),
        ({**form(), "more": ("more.csv", b"")}, "one part `file`"),
    ],
)
async def test_a_map_or_a_form_that_is_wrong_is_refused_and_where_is_said(
    client: httpx.AsyncClient, folder: ServedFolder, files: Form, said: str
) -> None:
    for asked in ({}, {"dry_run": "true"}):
        answer = await client.post("/import", params=asked, files=files)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        assert said in answer.json()["detail"]
        assert "/tmp" not in answer.text
    assert await touchpoints(folder) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no form",
        b"--x",
        b"--x--",
        b"--x\r\n\r\n",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{}',
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{}\r\n' * 20 + b"--x--",
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.json"\r\n\r\n{}\r\n' * 2 + b"--x--",
        b"--x\r\n" + b"A: b\r\n" * 10_000 + b"\r\n{}\r\n--x--",
    ],
)
async def test_what_is_no_form_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    for boundary in ("; boundary=x", "; boundary=" + "x" * 100, ""):
        answer = await client.post("/import", content=body, headers={"Content-Type": f"multipart/form-data{boundary}"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


async def test_others_publish_while_a_file_is_taken_in(
    client: httpx.AsyncClient, folder: ServedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.server.served.IMPORTED_AT_ONCE_MAX", 1)
    batches = 0
    meanwhile: list[Any] = []

    def batch_of(*asked: Any) -> Any:
        # The file's next record is read while a client publishes and is answered.
        nonlocal batches
        if (batches := batches + 1) == 2:
            published = folder.publish([incoming(touch(id="meanwhile"), 1)])
            meanwhile.append(asyncio.run_coroutine_threadsafe(published, loop).result(60))
        return embedded.batch_of(*asked)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr("app.server.served.batch_of", batch_of)
    done = await client.post("/import", files=form())
    assert meanwhile == [None]
    assert (done.json()["read"], done.json()["accepted"]) == (5, 5), "what came meanwhile is not counted with the file"
    assert len(await touchpoints(folder)) == 6
