"""Transitions as they are committed: each told once, corrections marked, and told on from where a client was."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import uvicorn

from app.engine import transitions
from app.engine.api_keys import make
from app.engine.ports import Engine, no_progress
from app.server import live
from app.server.application import application
from app.server.live import EventStream, Place, TransitionFeed, events
from app.server.served import ServedFolder
from journey.definition import Definition
from journey.instants import DAY, iso
from schemas.definition_files import default_definition, kept_definition
from streams.remarks import nobody
from tests.app.command import ROOT
from tests.app.server.conftest import asked, published
from tests.streams.builders import at, deal_opened, retraction, sent

WITHOUT_ORDERS = kept_definition(
    (ROOT / "schemas/definitions/default.yaml").read_text().replace("[order_placed, subscription_started]", "subscription_started"), "other"
)
"""In which an order enters no stage."""

DEMO, ORDER = sent("demo", "user:1", at(1)), sent("order_placed", "user:1", at(2))


async def test_a_transition_is_told_once_it_is_committed(folder: ServedFolder) -> None:
    async with told(folder) as next_one:
        position = await published(folder, DEMO)
        event = await next_one()
        assert event["id"].startswith(str(position))
        assert (event["event"], event["data"]["person"], event["data"]["count"]) == ("transition", "user:1", 1)
        assert (event["data"]["what"], event["data"]["correction"]) == ("stage", False)
        assert event["data"]["because"][0]["id"] == f"demo-{at(1)}"


async def test_who_comes_again_is_told_the_rest_from_any_event_on(folder: ServedFolder) -> None:
    await published(folder, DEMO, deal_opened("1", at(1, 1), "user:1"), sent("form_submitted", "user:2", at(1), intent="demo"))
    await published(folder, ORDER)
    every = await _so_far(folder, Place(1))
    assert any("." in event["id"] for event in every), "a unit tells several"
    assert len({event["id"] for event in every}) == len(every)
    for nth, event in enumerate(every):
        assert await _so_far(folder, live._place(event["id"])) == every[nth + 1 :]


async def test_what_was_told_adds_up_to_the_transitions_that_are_listed(folder: ServedFolder) -> None:
    lead = sent("lead_created", "user:2", at(3), lead="L1")
    for lines in ([ORDER, lead], [DEMO], [retraction(ORDER, at(3))], [sent("form_submitted", "user:2", at(1), intent="demo")]):
        await published(folder, *lines)
    async with asked(folder) as client:
        listed = (await client.get("/api/v1/transitions", params={"limit": 500, "until": iso(at(4))})).json()["items"]
    counted: Counter[tuple[Any, ...]] = Counter()
    for event in await _so_far(folder, Place(1)):
        counted[tuple(event["data"][name] for name in listed[0])] += event["data"]["count"]
    assert sorted(one for one, count in counted.items() if count) == sorted(tuple(one.values()) for one in listed)
    assert {one["what"] for one in listed} == {"stage", "lead"}


async def test_a_correction_takes_back_what_no_longer_holds_and_says_so(folder: ServedFolder) -> None:
    position = await published(folder, ORDER)
    first = await _so_far(folder, Place(1))
    assert not any(event["data"]["correction"] for event in first)
    await published(folder, retraction(ORDER, at(3)))
    taken = await _so_far(folder, Place(position))
    assert {_what(event, -1) for event in taken} == {_what(event, 1) for event in first}
    assert all(event["data"]["correction"] for event in taken)


async def test_what_comes_late_corrects_only_what_it_changes(folder: ServedFolder) -> None:
    position = await published(folder, ORDER, sent("page_view", "user:2", at(1)))
    await published(folder, DEMO)
    late = [event["data"] for event in await _so_far(folder, Place(position)) if event["data"]["what"] == "stage"]
    assert {one["person"] for one in late} == {"user:1"}
    assert sum(one["count"] for one in late) == 1, "one stage more was entered"
    assert any(one["count"] < 0 for one in late)
    assert all(one["correction"] for one in late)


async def test_what_changes_no_transition_tells_nothing(folder: ServedFolder) -> None:
    position = await published(folder, DEMO)
    await published(folder, DEMO, sent("demo", "user:1", at(1, 1)))
    assert await _so_far(folder, Place(position)) == []


async def test_what_is_derived_anew_is_not_told_again(folder: ServedFolder) -> None:
    position = await published(folder, DEMO, ORDER)
    anew = await _derived(folder, default_definition().model_copy(update={"zone": "Asia/Tokyo"}))
    await published(folder, sent("order_placed", "user:2", at(5)))
    assert {event["data"]["person"] for event in await _so_far(folder, Place(position))} == {"user:2"}
    assert {event["data"]["person"] for event in await _so_far(folder, Place(anew))} == {"user:2"}


async def test_of_what_is_derived_anew_only_what_differs_is_told_as_a_correction(folder: ServedFolder) -> None:
    await published(folder, DEMO, sent("demo", "user:2", at(1)))
    position = await published(folder, ORDER)
    anew = await _derived(folder, WITHOUT_ORDERS)
    differs = await _so_far(folder, Place(position))
    assert differs
    assert {event["data"]["position"] for event in differs} == {anew}
    assert {event["data"]["person"] for event in differs} == {"user:1"}
    assert all(event["data"]["correction"] for event in differs)
    net = Counter[Any]()
    for event in await _so_far(folder, Place(0)):
        if event["data"]["what"] == "stage":
            net[_what(event, 1)[1:]] += event["data"]["count"]
    assert +net == await folder.read(_standing)


async def test_what_differs_too_much_is_told_as_a_reset(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transitions, "TRANSITIONS_MAX", 0)
    position = await published(folder, ORDER)
    anew = await _derived(folder, WITHOUT_ORDERS)
    (reset,) = await _so_far(folder, Place(position))
    assert (reset["event"], reset["id"]) == ("reset", str(anew))


async def test_positions_are_told_whatever_they_brought_and_nothing_is_read(
    folder: ServedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(live, "POSITION_SECONDS", 0)
    monkeypatch.setattr(TransitionFeed, "_read", None)
    await published(folder, DEMO)
    async with aclosing(live.positions(TransitionFeed(folder), folder.positions.position)) as stream:
        assert _read(await anext(stream)) is None, "it says where it begins"
        for line in (sent("page_view", "user:1", at(1, 1)), sent("spend_recorded", "campaign:1", at(2), amount="1", currency="EUR")):
            position = await published(folder, line)
            assert _read(await anext(stream)) == {"event": "position", "id": str(position), "data": {"position": position}}


async def test_positions_that_come_too_fast_are_told_as_one(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    rested, rests = asyncio.Event(), []

    async def rest(_: TransitionFeed, seconds: float) -> None:
        rests.append(seconds)
        await rested.wait()

    monkeypatch.setattr(TransitionFeed, "rest", rest)
    async with aclosing(live.positions(TransitionFeed(folder), 0)) as stream:
        await anext(stream)
        assert _position(await anext(stream)) == 1, "what came between the page and its listening"
        following = asyncio.ensure_future(anext(stream))
        for number in range(3):
            last = await published(folder, sent("page_view", "user:1", at(1, number)))
        assert not following.done()
        rested.set()
        assert _position(await following) == last
    assert rests == [live.POSITION_SECONDS]


async def test_a_stream_of_positions_ends_with_the_server(folder: ServedFolder) -> None:
    feed = TransitionFeed(folder)
    stream = live.positions(feed, 0)
    await anext(stream)
    await anext(stream)
    feed.end()
    assert [piece async for piece in stream] == []
    assert feed.clients == 0


async def test_a_unit_is_read_once_for_all_who_listen(folder: ServedFolder) -> None:
    reads = 0
    read = folder.read

    async def counted(run: Any) -> Any:
        nonlocal reads
        reads += 1
        return await read(run)

    folder.read = counted  # type: ignore[method-assign]
    feed = TransitionFeed(folder)
    start = Place(folder.positions.position)
    async with told(folder, start, feed) as one, told(folder, start, feed) as other:
        both = asyncio.gather(one(), other())
        await published(folder, DEMO)
        first, second = await both
    assert first == second
    assert reads == 1


async def test_no_more_is_held_than_the_bounds_allow(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "UNITS_MAX", 2)
    feed = TransitionFeed(folder)
    positions = [await published(folder, sent("order_placed", f"user:{number}", at(number))) for number in range(1, 6)]
    for position in positions:
        await feed.after(position - 1)
    assert [unit.position for unit in feed._held] == positions[-2:]
    behind = await feed.after(positions[0] - 1)
    assert behind is not None
    assert behind[0].position == positions[0], "who is behind reads the record"


async def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "SEND_SECONDS_MAX", 0.01)
    never = asyncio.Event()

    async def stuck(_: Any) -> None:
        await never.wait()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b": \n\n"

    await EventStream(endless()).stream_response(stuck)


@pytest.mark.parametrize("id", ["x", "1.x", "-1", "1.2.3", "9" * 64, "٣"])
async def test_an_id_that_is_none_is_a_problem(folder: ServedFolder, id: str) -> None:
    async with asked(folder) as client:
        refused = await client.get("/api/v1/transitions/stream", headers={"Last-Event-ID": id.encode()})
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"


async def test_a_client_that_goes_away_is_noticed(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    async with served(folder) as (_, app, client):
        async with client.stream("GET", "/api/v1/transitions/stream") as stream:
            await anext(stream.aiter_lines())
            assert app.state.feed.clients == 1
        while app.state.feed.clients:
            await asyncio.sleep(0.01)


async def test_over_http_it_is_an_event_stream_that_ends_with_the_server(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_SECONDS", 0.05)
    async with served(folder) as (server, app, client):
        async with client.stream("GET", "/api/v1/transitions/stream") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == [": from here on", "id: 1", "retry: 1000"]
            assert await anext(lines) == ""
            assert [await anext(lines) for _ in range(2)] == [": nothing yet", "id: 1"]
            async with client.stream("GET", "/api/v1/transitions/stream?positions=true&after=0") as of_positions:
                told_there = of_positions.aiter_lines()
                while not (line := await anext(told_there)).startswith("data: "):
                    pass
                assert orjson.loads(line.removeprefix("data: ")) == {"position": 1}
            await published(folder, DEMO)
            while not (line := await anext(lines)).startswith("data: "):
                pass
            assert orjson.loads(line.removeprefix("data: "))["person"] == "user:1"
            server.should_exit = True
            app.state.feed.end()
            assert [line async for line in lines][-1] == ""
        assert app.state.feed.clients == 0


async def test_who_asks_for_the_headers_of_a_stream_alone_does_not_listen(folder: ServedFolder) -> None:
    async with served(folder) as (_, app, client):
        head = await client.head("/api/v1/transitions/stream")
        assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        async with asyncio.timeout(30):
            while app.state.feed.clients:
                await asyncio.sleep(0)


# ---


async def _standing(engine: Engine) -> Counter[Any]:
    """The stages that were entered by touchpoints, as the read model has them."""
    async with engine.sales.snapshot() as ask:
        rows = await ask("SELECT person, 'stage', stage, at FROM stages WHERE ahead = 0")
    return Counter((person, what, stage, iso(at)) for person, what, stage, at in rows)


async def _derived(folder: ServedFolder, by: Definition) -> int:
    """All anew by another definition. Returns the position of the switch."""
    anew = await folder.change(lambda engine: engine.derive(by, [], no_progress))
    assert await folder.positions.wait(anew, 60)
    return anew


def _what(event: dict[str, Any], sign: int) -> tuple[Any, ...]:
    data = event["data"]
    return (sign * data["count"], data["person"], data["what"], data["entered"], data["at"])


@asynccontextmanager
async def told(folder: ServedFolder, place: Place | None = None, feed: TransitionFeed | None = None) -> AsyncIterator[Any]:
    """Gives the next event, whenever there is one."""
    async with aclosing(events(feed or TransitionFeed(folder), place or Place(folder.positions.position))) as stream:

        async def next_one() -> dict[str, Any]:
            while (event := _read(await anext(stream))) is None:
                pass
            return event

        yield next_one


async def _so_far(folder: ServedFolder, place: Place) -> list[dict[str, Any]]:
    """All events from `place` on."""
    found: list[dict[str, Any]] = []
    feed = TransitionFeed(folder)
    while place.position < folder.positions.position:
        units = await feed.after(place.position)
        assert units
        for unit in units:
            found += [event for piece in live.pieces(unit)[place.told :] if (event := _read(piece)) is not None]
            place = Place(unit.position)
    return found


def _position(piece: bytes) -> int:
    event = _read(piece)
    assert event is not None
    return int(event["data"]["position"])


def _read(piece: bytes) -> dict[str, Any] | None:
    """What a piece tells; nothing, where it is a comment."""
    lines = piece.decode().splitlines()
    fields = dict(line.split(": ", 1) for line in lines if line and not line.startswith(":"))
    return {**fields, "data": orjson.loads(fields["data"])} if "data" in fields else None


@asynccontextmanager
async def served(folder: ServedFolder) -> AsyncIterator[Any]:
    """A server of its own port, and a client of it with an operator's key."""
    made = make()
    app = application(folder, made.sha256)
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        host, port = listening.getsockname()
        try:
            async with httpx.AsyncClient(
                base_url=f"http://{host}:{port}", timeout=60, headers={"Authorization": f"Bearer {made.key}"}
            ) as client:
                yield server, app, client
        finally:
            server.should_exit = True
            app.state.feed.end()
            await serving


async def test_what_only_time_brings_is_told_when_it_strikes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The writer looks at its clock again and again, which here goes on when the test says so.
    monkeypatch.setattr("app.server.served.SCHEDULE_SECONDS", 0.001)
    clock = [at(2)]
    folder = ServedFolder(tmp_path / "journey-data", nobody, clock=lambda: clock[0])
    await folder.start()
    try:
        position = await published(folder, sent("page_view", "user:1", at(1)), sent("page_view", "user:2", at(2)))
        before = await _so_far(folder, Place(0))
        assert {event["data"]["entered"] for event in before} == {"awareness"}
        clock[0] = at(1) + 90 * DAY
        assert await folder.positions.wait(position + 1, 60)
        (lost,) = [event["data"] for event in await _so_far(folder, Place(position))]
        assert (lost["person"], lost["entered"], lost["at"], lost["because"]) == ("user:1", "lost", iso(at(1) + 90 * DAY), [])
        clock[0] = at(400)
        assert await folder.positions.wait(position + 2, 60)
        await published(folder, sent("page_view", "user:1", at(30)))
        corrected = [(event["data"]["person"], event["data"]["count"]) for event in await _so_far(folder, Place(position + 2))]
        assert ("user:1", -1) in corrected, "what was told of a deadline is taken back by what comes late"
        assert {person for person, _ in corrected} == {"user:1"}
    finally:
        await folder.stop()


async def test_many_deadlines_are_announced_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.server.served.STRUCK_AT_ONCE_MAX", 2)
    clock = [at(1)]
    folder = ServedFolder(tmp_path / "journey-data", nobody, clock=lambda: clock[0])
    await folder.start()
    try:
        position = await published(folder, *(sent("page_view", f"user:{number}", at(1, number)) for number in range(1, 6)))
    finally:
        await folder.stop()
    clock[0] = at(400)
    folder = ServedFolder(tmp_path / "journey-data", nobody, clock=lambda: clock[0])
    await folder.start()
    try:
        assert await folder.positions.wait(position + 3, 60), "also those that struck while no server was there"
        struck = [event["data"]["person"] for event in await _so_far(folder, Place(position))]
        assert struck == [f"user:{number}" for number in range(1, 6)]
    finally:
        await folder.stop()
