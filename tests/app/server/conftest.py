"""A server over an empty folder of embedded data, or over one with simulated touchpoints, asked within this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.engine.api_keys import make
from app.server import importing, publishing
from app.server.access import Callers
from app.server.application import application
from app.server.live import TransitionFeed
from app.server.pages.lengthy import Lengthy
from app.server.served import ServedFolder
from journey.instants import Instant
from streams.remarks import nobody
from tests.streams.builders import incoming


def before_all() -> Instant:
    """A clock by which no deadline strikes."""
    return 0


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[ServedFolder]:
    served = ServedFolder(tmp_path / "journey-data", nobody, clock=before_all)
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def client(folder: ServedFolder) -> AsyncIterator[httpx.AsyncClient]:
    async with asked(folder, routes(None)) as client:
        yield client


@pytest.fixture
async def shop(desk: Path) -> AsyncIterator[ServedFolder]:
    """Data of 150 simulated customers."""
    served = ServedFolder(desk / "journey-data", nobody, clock=before_all)
    await served.start()
    yield served
    await served.stop()


@pytest.fixture
async def reader(shop: ServedFolder) -> AsyncIterator[httpx.AsyncClient]:
    async with asked(shop, routes(None)) as client:
        yield client


async def published(served: ServedFolder, *lines: bytes) -> int:
    """Published at once, and in both read models. Returns their position."""
    position = served.positions.position + 1
    await served.publish([incoming(line, number) for number, line in enumerate(lines, start=1)])
    assert await served.positions.wait(position, 60)
    return position


routes = cache(application)
"""Made once: it takes a second to make all of them."""


@asynccontextmanager
async def asked(served: ServedFolder, app: FastAPI | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an operator's key, of `app`, or of the routes as the figures are now."""
    app = app or application(served)
    made = make()
    app.state.served, app.state.callers, app.state.feed = served, Callers(served, made.sha256), TransitionFeed(served)
    app.state.lengthy = Lengthy()
    app.state.imports = asyncio.Semaphore(importing.FILES_MAX)
    publishing.prepare(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {made.key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers) as client:
        yield client
