"""The writer behind the server: what waits for it is never left waiting."""

import asyncio
import resource
import sqlite3
import threading
from pathlib import Path

import httpx
import pytest

from app.engine.embedded import Embedded, reading
from app.engine.ports import Engine
from app.engine.summary import Summary
from app.server import served
from app.server.served import ServedFolder
from journey.errors import Away
from streams.remarks import nobody
from streams.sqlite.record import PARTITION
from tests.streams.builders import incoming

BATCH = {"batch": [{"type": "track", "messageId": "m", "event": "Signed Up", "userId": "u", "properties": {"plan": "x" * 500_000}}]}


async def test_while_the_disk_is_full_clients_are_told_to_come_again(folder: ServedFolder, client: httpx.AsyncClient) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, most))
    try:
        answer = await client.post("/v1/batch", json=BATCH)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await client.post("/v1/batch", json=BATCH)).status_code == 200
    assert (await client.get("/health/ready")).status_code == 200


async def test_once_there_is_room_what_was_acknowledged_is_placed_without_anybody_publishing(
    folder: ServedFolder, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "AGAIN_SECONDS", 0.01)
    is_full, has_room, place, first = threading.Event(), threading.Event(), Embedded.place_unit, folder.positions.position

    async def placing(engine: Embedded, summary: Summary) -> bool:
        if not has_room.is_set():
            is_full.set()
            raise sqlite3.OperationalError("database or disk is full")
        return await place(engine, summary)

    monkeypatch.setattr(Embedded, "place_unit", placing)
    await folder.publish([incoming(b"{}", 1)])
    assert await asyncio.to_thread(is_full.wait, 60)
    has_room.set()
    assert await folder.positions.wait(first + 1, 10)
    assert (await client.get("/health/ready")).status_code == 200


async def test_what_is_published_waits_for_no_placing(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    is_placing, goes_on, first = threading.Event(), threading.Event(), folder.positions.position
    follow = Embedded.follow

    async def following(engine: Embedded) -> None:
        is_placing.set()
        assert goes_on.wait(60)
        await follow(engine)

    monkeypatch.setattr(Embedded, "follow", following)
    try:
        await folder.publish([incoming(b"{}", 1)])
        assert await asyncio.to_thread(is_placing.wait, 60)
        async with asyncio.timeout(60):
            await asyncio.gather(*(folder.publish([incoming(b"{}", number)]) for number in range(2, 12)))
        told = await folder.read(lambda engine: folder.measures.text(engine, None, (engine.sales,)))
        assert folder.measures.registry.get_sample_value("journey_staleness_seconds", {"model": "sales"}), told
    finally:
        goes_on.set()
    assert await folder.positions.wait(first + 2, 60)
    with reading(folder.folder) as engine:
        assert await engine.record.offsets() == {PARTITION: 11}
        assert await engine.record.position() == first + 2, "what waited is one unit"


async def test_nothing_is_appended_while_something_is_changed(folder: ServedFolder) -> None:
    is_changing, goes_on = threading.Event(), threading.Event()

    async def change(_: Engine) -> None:
        is_changing.set()
        assert goes_on.wait(60)

    changing = asyncio.create_task(folder.change(change))
    assert await asyncio.to_thread(is_changing.wait, 60)
    publishing = asyncio.create_task(folder.publish([incoming(b"{}", 1)]))
    done, _ = await asyncio.wait([publishing], timeout=0.1)
    assert not done
    goes_on.set()
    await asyncio.gather(changing, publishing)


async def test_what_waits_is_done_where_stopping_is_cancelled(tmp_path: Path) -> None:
    served = ServedFolder(tmp_path / "journey-data", nobody)
    await served.start()
    await served.publish([incoming(b"{}", 1)])
    stopping = asyncio.create_task(served.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await asyncio.to_thread(served._writer.join, 60)
    assert not served._writer.is_alive()
    with reading(served.folder) as engine:
        assert await engine.record.offsets() == {PARTITION: 1}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_where_the_writer_has_ended_nobody_waits_for_it(folder: ServedFolder) -> None:
    class Bug(BaseException):
        """What nothing expects."""

    async def end(_: Engine) -> None:
        raise Bug

    with pytest.raises(Away):
        await folder.change(end)
    with pytest.raises(Away):
        await folder.publish([incoming(b"{}", 1)])
