"""A flood by one write key is told to come again; the others are served."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.server import floods
from app.server.application import application
from app.server.roles import Role
from app.server.served import ServedFolder
from schemas.incoming import Incoming
from streams.remarks import nobody
from tests.app.server.keys import add


class Slow(ServedFolder):
    """A server whose log takes until it is told to go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, nobody)
        self.go_on = asyncio.Event()

    async def publish(self, batch: Sequence[Incoming]) -> None:
        await self.go_on.wait()
        await super().publish(batch)


@asynccontextmanager
async def slow(folder: Path) -> AsyncIterator[tuple[Slow, httpx.AsyncClient]]:
    served = Slow(folder / "data")
    await served.start()
    transport = httpx.ASGITransport(application(served))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            KEYS.update({name: await add(served, name, Role.publisher) for name in ("flood", "other", *(f"key-{nth}" for nth in range(5)))})
            yield served, client
            state = transport.app.state  # type: ignore[attr-defined]
            assert (state.floods.of_all, state.floods.of_keys) == (0, {})
    finally:
        await served.stop()


async def ended(number: int, tasks: list["asyncio.Task[httpx.Response]"]) -> None:
    """Wait until so many of `tasks` are done."""
    while sum(task.done() for task in tasks) < number:
        await asyncio.wait([task for task in tasks if not task.done()], return_when=asyncio.FIRST_COMPLETED)


KEYS: dict[str, str] = {}
"""Those of the server, by their names."""


def basic(name: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{KEYS[name]}:'.encode()).decode()}"}


BODY = b'{"batch": [{"type": "track", "messageId": "%b"}]%b}'

WAYS: dict[str, tuple[str, Callable[[str], tuple[bytes, dict[str, str]]]]] = {
    "user": ("/v1/batch", lambda key: (BODY % (key.encode(), b""), basic(key))),
    "bearer": ("/events", lambda key: (b"{}", {"Authorization": f"Bearer {KEYS[key]}"})),
    "writeKey": ("/v1/batch", lambda key: (BODY % (b"x", b', "writeKey": "%b"' % KEYS[key].encode()), {})),
    "call": ("/v1/t", lambda key: (b'{"writeKey": "%b"}' % KEYS[key].encode(), {})),
    "api_key": ("/batch/", lambda key: (BODY % (b"x", b', "api_key": "%b"' % KEYS[key].encode()), {})),
}


async def test_many_at_once_by_one_key_are_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "KEY_BYTES_MAX", 4 * floods.REQUEST_BYTES + 1_000)
    async with slow(tmp_path) as (served, client):
        for path, of_key in WAYS.values():
            served.go_on.clear()

            async def post(key: str, path: str = path, of_key: Callable[[str], tuple[bytes, dict[str, str]]] = of_key) -> httpx.Response:
                body, headers = of_key(key)
                return await client.post(path, content=body, headers=headers)

            flood = [asyncio.create_task(post("flood")) for _ in range(9)]
            await ended(5, flood)
            other = asyncio.create_task(post("other"))
            served.go_on.set()
            assert (await other).status_code == 200
            answers = [await one for one in flood]
            assert sorted(one.status_code for one in answers) == [200] * 4 + [429] * 5, path
            assert all(one.headers["retry-after"] == "1" for one in answers if one.status_code == 429)
            assert (await post("flood")).status_code == 200  # Once it is over, that key is served again.


async def test_more_than_is_held_for_all_is_told_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floods, "ALL_BYTES_MAX", 3 * floods.REQUEST_BYTES)
    async with slow(tmp_path) as (served, client):
        waiting = [asyncio.create_task(client.post("/events", content=b"{}", headers=basic(f"key-{number}"))) for number in range(5)]
        await ended(3, waiting)
        served.go_on.set()
        answers = [await one for one in waiting]
        assert sorted(one.status_code for one in answers) == [200, 200, 503, 503, 503]
        assert all(one.headers["retry-after"] == "1" for one in answers if one.status_code == 503)
