"""A server over an empty folder of embedded data, asked within this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.server.application import application
from app.server.served import ServedFolder
from streams.remarks import nobody


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[ServedFolder]:
    served = ServedFolder(tmp_path / "journey-data", nobody)
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def client(folder: ServedFolder) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application(folder), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        yield client
