"""The writer behind the server: what waits for it is never left waiting."""

import httpx
import pytest

from app.engine.ports import Engine
from app.server.served import ServedFolder
from journey.errors import Away
from tests.streams.builders import incoming

BATCH = {"batch": [{"type": "track", "messageId": "m", "event": "Signed Up", "userId": "u", "properties": {"plan": "x" * 500_000}}]}


async def test_while_the_disk_is_full_clients_are_told_to_come_again(folder: ServedFolder, client: httpx.AsyncClient) -> None:
    async def pages(engine: Engine, number: int) -> None:
        engine.record.db.execute(f"PRAGMA max_page_count = {number}")  # type: ignore[attr-defined]  # it is SQLite's

    await folder.change(lambda engine: pages(engine, 1))
    answer = await client.post("/v1/batch", json=BATCH)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    await folder.change(lambda engine: pages(engine, 2**30))
    assert (await client.post("/v1/batch", json=BATCH)).status_code == 200
    assert (await client.get("/health/ready")).status_code == 200


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
