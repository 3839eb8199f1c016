"""Nobody holds a connection by a request that does not go on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn
from uvicorn.server import ServerState

from app.engine.api_keys import hashed
from app.server import connections
from app.server.application import application
from app.server.connections import PatientProtocol
from app.server.served import ServedFolder

KEY = "jk_slow"
WHOLE = f'POST /v1/batch HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEY}\r\nContent-Length: 12\r\n\r\n{{"batch":[]}}'.encode()


@pytest.fixture
async def port(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "HEAD_SECONDS_MAX", 0.1)
    config = uvicorn.Config(application(folder, hashed(KEY)), http=PatientProtocol, log_config=None, lifespan="off")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(lambda: PatientProtocol(config, state, {}), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("begun", [b"", b"POST /v1/batch HT", b"POST /v1/batch HTTP/1.1\r\nHost: x\r\n", WHOLE + b"POST /v1"])
async def test_a_request_whose_head_does_not_come_ends_with_its_connection(port: int, begun: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    async with asyncio.timeout(20):
        said = await reader.read()
    assert said.count(b'{"success":true}') == begun.count(WHOLE)
    writer.close()
    await writer.wait_closed()


async def test_a_request_that_comes_in_pieces_is_answered(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        for piece in (WHOLE[:9], WHOLE[9:60], WHOLE[60:]):
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(20):
            assert (await reader.readuntil(b'{"success":true}')).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
