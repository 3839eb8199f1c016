"""What clients post is in the record once, and what can't be read of it is kept."""

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.engine.api_keys import make
from app.engine.clock import now
from app.server import bodies
from app.server.application import application
from app.server.bodies import BODY_BYTES_MAX
from app.server.posted import EVENTS_MAX
from app.server.served import ServedFolder
from journey.errors import Away
from journey.instants import SECOND, iso
from streams.remarks import nobody
from tests.app.server.conftest import asked, routes
from tests.app.server.record import letters, touchpoints

BATCHES = ("/v1/batch", "/batch/")


def call(id: str = "m1", /, **said: Any) -> dict[str, Any]:
    """A call of Segment's that is also an event of PostHog's."""
    of_posthog = {"uuid": id, "distinct_id": "u1", "event": "Signed Up", "properties": {}}
    return {"type": "track", "messageId": id, "userId": "u1", "timestamp": "2026-03-02T10:00:00.000Z", **of_posthog, **said}


def batch(*calls: Any, **beside: Any) -> dict[str, Any]:
    return {"batch": list(calls), **beside}


async def published(client: httpx.AsyncClient, path: str, body: Any, **headers: str) -> Any:
    answer = await client.post(path, content=body if isinstance(body, bytes) else json.dumps(body), headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("path", BATCHES)
async def test_what_is_sent_again_is_in_the_record_once(client: httpx.AsyncClient, folder: ServedFolder, path: str) -> None:
    for sent_at in ("2026-03-02T10:00:01Z", "2026-03-02T10:00:02Z", "2026-03-02T10:00:09Z"):
        body = batch(call("m1"), call("m2"), sentAt=sent_at, sent_at=sent_at)
        assert await published(client, path, body) == {"success": True}
    assert set(await touchpoints(folder)) == {"m1", "m2"}


async def test_the_answer_comes_after_the_log_has_it(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(client, "/v1/batch", batch(call("m1")))
    assert await folder.read(lambda engine: engine.log().read(0, after=-1, limit=9))


BROKEN = [
    b"null", b"7", b'"text"', b"[]", b"{}", b"nonsense", b'{"type": "track", "messageId": "x", "userId": "u1", "properties": {"n": NaN}}',
    b'{"messageId": "x"}', b"[" * 90_000 + b"]" * 90_000, b'{"a":' * 90_000 + b"1" + b"}" * 90_000, b'{"event": "\xff"}',
    b'{"type": "track", "messageId": "x", "userId": "u1", "timestamp": "2026-03-02T10:00:00Z", "event": "\\ud800"}',
    b'{"type": "track", "messageId": "x", "userId": "a\\u0000b", "timestamp": "2026-03-02T10:00:00Z", "event": "e"}',
    b'{"type": "\\ud800", "messageId": "\\ud800", "userId": "\\ud800", "timestamp": "\\ud800"}',
    b'{"uuid": "\\ud800", "event": "\\ud800", "distinct_id": "\\ud800", "timestamp": 4, "properties": "\\ud800"}',
    b'{"pad": "' + b"x" * 1_000_001 + b'"}',
]  # fmt: skip


@pytest.mark.parametrize("path", BATCHES)
async def test_one_broken_event_is_kept_and_refuses_no_other(client: httpx.AsyncClient, folder: ServedFolder, path: str) -> None:
    for number, broken in enumerate(BROKEN):
        before, after = orjson.dumps(call(f"before-{number}")), orjson.dumps(call(f"after-{number}"))
        answer = await published(client, path, b'{"batch": [%b, %b, %b]}' % (before, broken, after))
        assert answer["success"] is True
        (rejected,) = answer["rejected"]
        assert rejected["index"] == 1
        assert rejected["reason"]
    assert set(await touchpoints(folder)) == {f"{which}-{number}" for which in ("before", "after") for number in range(len(BROKEN))}
    assert await letters(folder) == [(f"{path}[1]", broken) for broken in BROKEN]


WRONG = [
    b"", b"no JSON", b"[]", b"7", b"null", b"{}", b'{"batch": {}}', b'{"batch": null}', b'{"batch": [{}', b'{"batch": [{}]', b'{"batch"',
    b'{"batch": [{}]} {}', b'{"batch": [], "batch": [{}]}', b'{"batch": [{}], \xff}', b"\xff\xfe", b"[" * 100_000, b'{"batch":' * 50_000,
]  # fmt: skip
ONE_CALL = (b"{}", b'{"batch": {}}', b'{"batch": null}', b'{"batch": [], "batch": [{}]}', b'{"batch":' * 50_000)
"""Of a path that takes one call, they are calls that say nothing."""


async def test_a_body_that_is_broken_as_a_whole_is_refused_for_good(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    for path, wrong in [*product(BATCHES, WRONG), *product(["/v1/track"], [one for one in WRONG if one not in ONE_CALL])]:
        answer = await client.post(path, content=wrong)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), (path, wrong)
        assert answer.json()["detail"]
    assert await letters(folder) == []


async def test_content_encoding_says_what_a_body_is_packed_by(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    async def chunked(body: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(body), 7):
            yield body[at : at + 7]

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    bodies = [orjson.dumps(batch(call(f"m{number}"))) for number in range(5)]
    await published(client, "/v1/batch", bodies[0], **form)
    await published(client, "/v1/batch", gzip.compress(bodies[1]), **form, **{"Content-Encoding": "gzip"})
    await published(client, "/v1/batch", zlib.compress(bodies[2]), **{"Content-Encoding": "Deflate"})
    for packed, headers in ((bodies[3], {}), (gzip.compress(bodies[4]), {"Content-Encoding": "gzip"})):
        assert (await client.post("/v1/batch", content=chunked(packed), headers=headers)).status_code == 200
    assert set(await touchpoints(folder)) == {f"m{number}" for number in range(5)}


BOUNDS = [
    (415, "br", b"{}"),
    (415, "gzip, gzip", b"{}"),
    (400, "gzip", b"{}"),
    (400, "gzip", gzip.compress(b'{"batch": []}')[:-4]),
    (400, "gzip", gzip.compress(b'{"batch": []}') + b"more"),
    (400, "gzip", b""),
    (413, "", b" " * (BODY_BYTES_MAX + 1)),
    (413, "gzip", gzip.compress(b" " * (BODY_BYTES_MAX + 1))),
    (413, "gzip", gzip.compress(b" " * (50 * BODY_BYTES_MAX), 1)),
    (413, "", b'{"batch": [%b]}' % b",".join([b"1"] * (EVENTS_MAX + 1))),
    (200, "", b'{"batch": [%b]}' % b",".join([b"1"] * EVENTS_MAX)),
    (413, "gzip", gzip.compress(b'{"batch": []}' + b" " * (BODY_BYTES_MAX - 13))),
    (200, "gzip", gzip.compress(b'{"batch": [' + b" " * (BODY_BYTES_MAX - 13) + b"]}")),
]


async def test_a_body_has_bounds_while_it_is_unpacked(client: httpx.AsyncClient) -> None:
    for status, encoding, body in BOUNDS:
        answer = await client.post("/v1/batch", content=body, headers={"Content-Encoding": encoding} if encoding else {})
        assert answer.status_code == status, (encoding, body[:40], answer.text)


async def test_what_a_bomb_unpacks_to_is_never_made(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(bytes(30 * BODY_BYTES_MAX), 1)
    tracemalloc.start()
    try:
        assert (await client.post("/v1/batch", content=bomb, headers={"Content-Encoding": "gzip"})).status_code == 413
        assert tracemalloc.get_traced_memory()[1] < 4 * BODY_BYTES_MAX
    finally:
        tracemalloc.stop()


async def test_a_body_without_a_length_has_the_same_bounds(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1_000_000

    assert (await client.post("/v1/batch", content=endless())).status_code == 413


async def test_a_body_that_does_not_come_ends_with_408(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield b'{"batch":'
        await asyncio.Event().wait()

    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.01)
    answer = await client.post("/v1/batch", content=stalled())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")


async def test_short_paths_and_single_calls_come_to_the_same_as_a_batch(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    said: dict[str, dict[str, Any]] = {
        "track": {"event": "Signed Up"},
        "identify": {"traits": {"plan": "free"}},
        "page": {"properties": {"url": "https://shop.example/"}},
        "screen": {"name": "Home"},
        "group": {"groupId": "g1"},
        "alias": {"previousId": "a1"},
    }
    calls = {kind: {"messageId": kind, "userId": "u1", "timestamp": "2026-03-02T10:00:00Z", **more} for kind, more in said.items()}
    await published(client, "/v1/batch", batch(*({"type": kind, **one} for kind, one in calls.items())))
    first = await touchpoints(folder)
    assert {one.type for one in first.values()} == {"signed_up", "profile_updated", "page_view", "account_joined", "identified"}
    for kind, one in calls.items():
        assert await published(client, f"/v1/{kind}", one) == {"success": True}
        assert await published(client, f"/v1/{kind[0]}", {**one, "type": kind}) == {"success": True}
    await published(client, "/v1/b", batch(*({"type": kind, **one} for kind, one in calls.items())))
    assert await touchpoints(folder) == first
    assert await letters(folder) == []


@pytest.mark.parametrize("path", BATCHES)
async def test_a_clock_that_is_wrong_is_put_right_by_when_we_received_it(
    client: httpx.AsyncClient, folder: ServedFolder, path: str
) -> None:
    """It is two hours ahead, and says that the call was made half a minute before it was sent; or only when it was sent."""
    theirs, before = now() + 7200 * SECOND, now()
    sent_at = iso(theirs)
    half_a_minute = call("m1", timestamp=iso(theirs - 30 * SECOND), originalTimestamp=iso(theirs - 30 * SECOND))
    without = call("m2")
    del without["timestamp"]
    await published(client, path, batch(half_a_minute, without, sentAt=sent_at, sent_at=sent_at))
    found, after = await touchpoints(folder), now()
    assert before - 30 * SECOND <= found["m1"].at <= after - 30 * SECOND
    assert before <= found["m2"].at <= after


async def test_names_are_read_by_the_definition_and_those_without_are_custom_and_counted(
    client: httpx.AsyncClient, folder: ServedFolder
) -> None:
    calls = [call("m1", event="Walked By", properties={"at": "noon"}), call("m2", event="Walked By"), call("m3", event="Signed Up")]
    await published(client, "/v1/batch", batch(*calls))
    found = await touchpoints(folder)
    assert (found["m1"].type, found["m1"].data["name"], found["m1"].data["properties"]) == ("custom", "Walked By", {"at": "noon"})
    assert found["m3"].type == "signed_up"
    app = client._transport.app  # type: ignore[attr-defined]
    assert app.state.noticed.left_out == {("Walked By", "no touchpoint is named for it"): 2}


async def test_ids_shown_together_are_said_once(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    for number in range(3):
        await published(client, "/v1/batch", batch(call(f"m{number}", anonymousId="a1", timestamp=f"2026-03-0{number + 2}T10:00:00Z")))

    async def links(engine: Any) -> int:
        count: int = engine.record.db.execute("SELECT COUNT(*) FROM log WHERE INSTR(body, CAST('seen_together' AS BLOB))").fetchone()[0]
        return count

    assert await folder.change(links) == 1


class LogAway(ServedFolder):
    """A server whose log can't be reached."""

    async def publish(self, batch: Any) -> None:
        raise Away("Kafka at broker:9092 is away")


async def test_while_the_log_is_away_clients_are_told_to_come_again(tmp_path: Path) -> None:
    served = LogAway(tmp_path / "data", nobody)
    await served.start()
    try:
        made = make()
        transport = httpx.ASGITransport(application(served, made.sha256))
        headers = {"Authorization": f"Bearer {made.key}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers) as client:
            answer = await client.post("/v1/batch", json=batch(call("m1", anonymousId="a1")))
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            # What the log does not have was not shown.
            assert not transport.app.state.shown._times  # type: ignore[attr-defined]
    finally:
        await served.stop()


TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "type",
    "messageId",
    "userId",
    "anonymousId",
    "timestamp",
    "event",
    "properties",
    "traits",
    "context",
    "uuid",
    "distinct_id",
    "sentAt",
)
CALLS = st.builds(lambda said: call() | said, st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=4)) | ANYTHING


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[asyncio.Runner, ServedFolder]]:
    """One server for many examples, which starting each would take most of the time of."""
    with asyncio.Runner() as runner:

        async def started() -> ServedFolder:
            served = ServedFolder(tmp_path_factory.mktemp("any") / "data", nobody)
            await served.start()
            return served

        served = runner.run(started())
        yield runner, served
        runner.run(served.stop())


@given(
    posted=st.lists(st.tuples(st.sampled_from(BATCHES), st.lists(CALLS, max_size=4), st.dictionaries(st.sampled_from(FIELDS), ANYTHING)))
)
@settings(max_examples=40, deadline=None)
def test_whatever_the_events_of_a_body_are_it_is_taken_in(
    ran: tuple[asyncio.Runner, ServedFolder], posted: list[tuple[str, list[Any], dict[str, Any]]]
) -> None:
    runner, served = ran

    async def post() -> None:
        async with asked(served, routes(None)) as client:
            for path, events, beside in posted:
                around = json.loads(json.dumps(beside), parse_constant=str)  # Around its events, NaN breaks a body.
                answer = await client.post(path, content=json.dumps({**around, "batch": [*events, call("last")]}).encode())
                assert answer.status_code == 200, answer.text
                said = answer.json()
                assert said["success"] is True
                assert len(events) not in [one["index"] for one in said.get("rejected", ())]

    runner.run(post())


async def test_a_body_whose_length_is_said_twice_is_refused(client: httpx.AsyncClient) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"batch": []}'

    headers = {"Transfer-Encoding": "chunked", "Content-Length": "13"}
    answer = await client.post("/v1/batch", content=body(), headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")
