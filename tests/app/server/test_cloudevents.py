"""CloudEvents over HTTP, in each of its modes."""

import json
from typing import Any

import httpx
import orjson

from app.engine.clock import now
from app.server.served import ServedFolder
from journey.instants import SECOND, iso
from tests.app.server.record import letters, touchpoints

STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}
BATCH = {"Content-Type": "application/cloudevents-batch+json"}


def event(id: str, /, **said: Any) -> dict[str, Any]:
    head = {"specversion": "1.0", "id": id, "source": "urn:shop", "subject": "user:u1", "time": "2026-03-02T10:00:00Z"}
    return {**head, "type": "signed_up", "data": {"plan": "free"}, **said}


def attributes(id: str, /, **more: str) -> dict[str, str]:
    return {f"ce-{name}": text for name, text in event(id, **more).items() if name != "data"} | {"Content-Type": "application/json"}


async def post(client: httpx.AsyncClient, body: object, **headers: str) -> httpx.Response:
    return await client.post("/events", content=body if isinstance(body, bytes) else orjson.dumps(body), headers=headers)


async def test_all_modes_come_to_the_same(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    for answer in (
        await post(client, {"plan": "free"}, **attributes("binary")),
        await post(client, event("structured"), **STRUCTURED),
        await post(client, [event("batch"), event("batch-2")], **BATCH),
        await post(client, [], **BATCH),
        await post(client, event("json"), **{"Content-Type": "application/json"}),
        await post(client, [event("json-list")]),
    ):
        assert (answer.status_code, answer.json()) == (200, {"success": True}), answer.text
    found = await touchpoints(folder)
    assert set(found) == {"binary", "structured", "batch", "batch-2", "json", "json-list"}
    first = found["binary"]
    assert (first.type, first.subject, first.data) == ("signed_up", "user:u1", {"plan": "free"})
    assert all(one._replace(id="binary") == first for one in found.values())


async def test_headers_spell_out_what_they_cannot_carry(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    answer = await post(client, {}, **attributes("%22%C3%A9%22"))
    assert answer.json() == {"success": True}
    assert set(await touchpoints(folder)) == {'"é"'}


async def test_one_broken_event_refuses_no_other(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    broken = orjson.dumps(event("x", type="nonsense"))
    body = b"[%b, nonsense, %b, %b]" % (orjson.dumps(event("1")), broken, orjson.dumps(event("2")))
    answer = (await post(client, body, **BATCH)).json()
    assert [(one["index"], one.get("id"), one["code"]) for one in answer["rejected"]] == [(1, None, "not-json"), (2, "x", "unknown-type")]
    in_binary = (await post(client, {}, **attributes("3", type="nonsense"))).json()
    assert [one["code"] for one in in_binary["rejected"]] == ["unknown-type"]
    twice = (await post(client, event("other"), **STRUCTURED, **{"ce-id": "4"})).json()
    assert [one["index"] for one in twice["rejected"]] == [0]
    assert set(await touchpoints(folder)) == {"1", "2"}
    places, kept = zip(*await letters(folder), strict=True)
    assert places == ("/events[1]", "/events[2]", "/events", "/events")
    assert kept[:2] == (b"nonsense", broken)
    assert json.loads(kept[2])["type"] == "nonsense"
    assert b"ce_id: 4\r\n" in kept[3]


async def test_a_body_that_is_broken_as_a_whole_is_refused_for_good(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    for headers in (STRUCTURED, BATCH, attributes("1"), {}):
        for body in (b"", b"no JSON", b"\xff", b"[{}", b"[{}] []", b"[{}] {}", b'{"a"', b"[" * 100_000):
            assert (await post(client, body, **headers)).status_code == 400, (headers, body[:20])
    for body in (b"7", b"[]"):
        assert (await post(client, body, **STRUCTURED)).status_code == 400
    for body in (b"7", b"{}"):
        assert (await post(client, body, **BATCH)).status_code == 400
    for media_type in ("application/cloudevents+avro", "application/cloudevents-batch+xml"):
        assert (await post(client, b"{}", **{"Content-Type": media_type})).status_code == 415
    assert await letters(folder) == []


async def test_a_clock_that_the_event_tells_of_is_put_right(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    theirs, before = now() - 7200 * SECOND, now()
    await post(client, event("1", time=iso(theirs), sentat=iso(theirs)), **STRUCTURED)
    await post(client, {}, **attributes("2", time=iso(theirs), sentat=iso(theirs)))
    found, after = await touchpoints(folder), now()
    assert [before <= one.at <= after for one in found.values()] == [True, True]


async def test_ids_are_kept_as_they_are_whatever_they_hold(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    hostile = ["'; DROP TABLE touchpoints; --", "<script>alert(1)</script>", "=1+1", "\u202eright to left", "%s%n{0}", "../../etc/passwd"]
    answer = await post(client, [event(id) for id in hostile], **BATCH)
    assert answer.json() == {"success": True}
    assert set(await touchpoints(folder)) == set(hostile)
