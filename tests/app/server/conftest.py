"""A server over an empty folder of embedded data, asked within this process."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.engine.api_keys import make
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
    """Has an operator's key."""
    made = make()
    transport = httpx.ASGITransport(application(folder, made.sha256), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {made.key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers) as client:
        yield client
