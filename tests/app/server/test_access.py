"""Who is told apart by which key, and what they may."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence

import httpx
import pytest
from fastapi import FastAPI, Request

from app.engine.api_keys import make
from app.server import access
from app.server.access import Actor, Callers, needs
from app.server.application import application
from app.server.roles import Right, Role
from app.server.served import Run, RunKeys, Served, ServedFolder, T
from journey.errors import Away
from streams.keys import ApiKey, Keys
from tests.app.server.keys import add, revoke


def with_routes(app: FastAPI) -> FastAPI:
    """`app` with a route that publishes, one that reads and one that decides."""

    @app.post("/tested/publish", dependencies=[needs(Right.publish)])
    async def publish(request: Request) -> str:
        request.state.body_key = (await request.json()).get("api_key")
        callers: Callers = app.state.callers
        return (await callers.check_body_key(request)).name

    @app.get("/tested/sales", dependencies=[needs(Right.read_sales)])
    async def sales(actor: Actor) -> str:
        return actor

    return app


def asking(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://server", headers=headers)


@pytest.fixture
async def app(folder: ServedFolder) -> FastAPI:
    return with_routes(application(folder))


@pytest.fixture
async def nobody(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Comes without a key."""
    async with asking(app) as client:
        yield client


def bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


async def test_a_key_is_read_from_wherever_clients_put_it(nobody: httpx.AsyncClient, folder: ServedFolder) -> None:
    key = await add(folder, "shop", Role.publisher)
    basic, backwards = b64encode(f"{key}:".encode()).decode(), b64encode(f":{key}".encode()).decode()
    given = ({"Authorization": f"Basic {basic}"}, {"authorization": f"basic {backwards}"}, bearer(key), {"X-API-Key": key})
    for headers in given:
        answer = await nobody.post("/tested/publish", json={}, headers=headers)
        assert (answer.status_code, answer.json()) == (200, "shop"), headers
    assert (await nobody.post("/tested/publish", json={"api_key": key})).json() == "shop"


async def test_none_and_a_forged_one_are_told_by_a_problem_document(nobody: httpx.AsyncClient, folder: ServedFolder) -> None:
    await add(folder, "shop", Role.publisher)
    forged = make().key
    for answer in (
        await nobody.get("/tested/sales"),
        await nobody.get("/tested/sales", headers=bearer(forged)),
        await nobody.get("/tested/sales", headers={"Authorization": "Basic !!"}),
        await nobody.get("/tested/sales", headers=[(b"Authorization", b"Basic \xe9")]),
        await nobody.get("/tested/sales", headers=[(b"Authorization", b"Bearer \xff\xfe")]),
        await nobody.get("/tested/sales", headers=[(b"Authorization", b"Basic //46")]),
        await nobody.get("/tested/sales", headers={"X-API-Key": ""}),
        await nobody.post("/tested/publish", json={}),
        await nobody.post("/tested/publish", json={"api_key": forged}),
        await nobody.post("/tested/publish", json={"api_key": 7}),
        await nobody.post("/tested/publish", content=b'{"api_key": "\\ud800"}'),
        await nobody.post("/tested/publish", json={"api_key": forged}, headers=bearer(forged)),
    ):
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert answer.headers["www-authenticate"].startswith('Bearer realm="journey"')
        assert forged not in answer.text


async def test_a_role_without_the_right_is_told_so(nobody: httpx.AsyncClient, folder: ServedFolder) -> None:
    key = await add(folder, "shop", Role.publisher)
    answer = await nobody.get("/tested/sales", headers=bearer(key))
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.json()["detail"] == "the key 'shop' is of role publisher, which has no right to read sales"
    assert (await nobody.post("/tested/publish", json={"api_key": await add(folder, "ann", Role.sales)})).status_code == 403


async def test_a_key_in_a_body_is_for_publishing_only(nobody: httpx.AsyncClient, folder: ServedFolder) -> None:
    key = await add(folder, "ann", Role.sales)
    assert (await nobody.request("GET", "/tested/sales", json={"api_key": key})).status_code == 401


async def test_a_new_key_is_good_at_once_and_a_revoked_one_soon_is_not(nobody: httpx.AsyncClient, folder: ServedFolder) -> None:
    first = await add(folder, "ann", Role.sales)
    assert (await nobody.get("/tested/sales", headers=bearer(first))).json() == "ann"
    second = await add(folder, "ben", Role.sales)
    assert (await nobody.get("/tested/sales", headers=bearer(second))).json() == "ben"
    await revoke(folder, "ann")
    async with asyncio.timeout(10):
        while (await nobody.get("/tested/sales", headers=bearer(first))).status_code != 401:
            await asyncio.sleep(0.01)
    assert (await nobody.get("/tested/sales", headers=bearer(second))).status_code == 200


async def test_a_key_with_origins_is_for_their_pages_only(nobody: httpx.AsyncClient, folder: ServedFolder) -> None:
    key = await add(folder, "shop", Role.publisher, ["https://shop.example"])
    other = await add(folder, "app", Role.publisher)
    for origin, used, status in (
        ("https://shop.example", key, 200),
        ("https://evil.example", key, 403),
        ("null", key, 403),
        ("https://shop.example", other, 200),
    ):
        answer = await nobody.post("/tested/publish", json={"api_key": used}, headers={"Origin": origin})
        assert answer.status_code == status, (origin, answer.text)


async def test_a_one_time_key_is_an_operators(folder: ServedFolder) -> None:
    made = make()
    async with asking(with_routes(application(folder, made.sha256)), **bearer(made.key)) as client:
        assert (await client.get("/tested/sales")).json() == "one-time key"
    async with asking(with_routes(application(folder)), **bearer(made.key)) as client:
        assert (await client.get("/tested/sales")).status_code == 401


class Counted:
    """A folder whose looks at its keys are counted, or fail."""

    def __init__(self, folder: ServedFolder) -> None:
        self.folder, self.asked, self.is_away = folder, 0, False
        self.positions, self.measures, self.published = folder.positions, folder.measures, 0

    async def keys(self, run: RunKeys[T]) -> T:
        self.asked += 1
        if self.is_away:
            raise Away("the database is away")
        return await self.folder.keys(run)

    async def duplicates(self) -> int:
        return 0

    async def publish(self, batch: Sequence[object]) -> None: ...
    async def check(self) -> None: ...
    async def read(self, run: Run[T]) -> T:
        return await self.folder.read(run)

    async def change(self, run: Run[T]) -> T:
        return await self.folder.change(run)


async def the_key(served: Served, name: str) -> ApiKey:
    async def run(keys: Keys) -> Sequence[ApiKey]:
        return await keys.all()

    return next(key for key in await served.keys(run) if key.name == name)


async def test_its_last_use_is_noted_and_seldom(folder: ServedFolder) -> None:
    counted = Counted(folder)
    key = await add(folder, "ann", Role.sales)
    async with asking(with_routes(application(counted)), **bearer(key)) as client:
        assert [(await client.get("/tested/sales")).status_code for _ in range(30)] == [200] * 30
        async with asyncio.timeout(10):
            while (await the_key(folder, "ann")).used_at is None:
                await asyncio.sleep(0.01)
        first = (await the_key(folder, "ann")).used_at
        before = counted.asked
        assert [(await client.get("/tested/sales")).status_code for _ in range(30)] == [200] * 30
        # Looks at the keys there may be, a second one after the other; a use is noted once a minute.
        assert counted.asked - before < 10
        assert (await the_key(folder, "ann")).used_at == first


async def test_keys_that_were_seen_are_good_while_their_database_is_away(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "KNOWN_SECONDS", 0)
    counted = Counted(folder)
    key = await add(folder, "ann", Role.sales)
    async with asking(with_routes(application(counted)), **bearer(key)) as client:
        counted.is_away = True
        assert (await client.get("/tested/sales")).status_code == 503
        counted.is_away = False
        assert (await client.get("/tested/sales")).status_code == 200
        counted.is_away = True
        assert (await client.get("/tested/sales")).status_code == 200
        monkeypatch.setattr(access, "AWAY_SECONDS_MAX", 0)
        assert (await client.get("/tested/sales")).status_code == 503


async def test_the_openapi_document_says_which_routes_ask_for_a_key(nobody: httpx.AsyncClient) -> None:
    document = (await nobody.get("/api/v1/openapi.json")).json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/tested/sales"]["get"]["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/health/live"]["get"]


async def test_the_openapi_document_names_a_header_that_a_key_is_read_from(nobody: httpx.AsyncClient) -> None:
    said = (await nobody.get("/api/v1/openapi.json")).json()["components"]["securitySchemes"]["key"]["description"]
    (header,) = re.findall(r"X-[\w-]+", said)
    assert access.key_of({header.lower(): "jk_told"}) == "jk_told"
