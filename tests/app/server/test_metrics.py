"""What Prometheus is told."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from app.engine.api_keys import make
from app.server.application import application
from app.server.roles import Role
from app.server.served import ServedFolder
from journey.errors import Away
from schemas.incoming import Incoming
from tests.app.command import touch
from tests.app.server.keys import add
from tests.poison import POISON, poisoned


async def told(client: httpx.AsyncClient, **labels: str) -> dict[str, float]:
    answer = await client.get("/metrics")
    assert answer.status_code == 200, answer.text
    samples = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {sample.name: sample.value for sample in samples if labels.items() <= sample.labels.items()}


def published(body: bytes) -> Incoming:
    return Incoming(body, "tests", "1", body=body)


async def test_what_was_published_and_where_the_read_models_are(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await folder.publish([published(touch(id="1"))])
    await folder.publish([published(touch(id="1")), published(b"{")])
    assert await folder.positions.wait(3, 10)
    found = await told(client)
    assert found["journey_published_total"] == 3
    assert found["journey_duplicates_total"] == 1
    assert found["journey_record_position"] == 3
    assert (await told(client, partition="0"))["journey_lag_records"] == 0
    for model in ("marketing", "sales"):
        of_model = await told(client, model=model)
        assert (of_model["journey_read_model_position"], of_model["journey_staleness_seconds"]) == (3, 0)
        assert of_model["journey_end_to_end_seconds_count"] == 2
        assert (await told(client, part=model))["journey_unit_seconds_count"] >= 2
    assert (await told(client, part="placement"))["journey_unit_seconds_count"] == 2
    assert (await told(client, state="open"))["journey_dead_letters"] == 1
    outcomes = {name: (await told(client, outcome=name))["journey_records_total"] for name in ("accepted", "duplicate", "dead-letter")}
    assert outcomes == {"accepted": 1, "duplicate": 1, "dead-letter": 1}


async def failing(folder: ServedFolder) -> None:
    while True:
        await folder.check()
        await asyncio.sleep(0)


async def test_what_cant_be_placed_is_lag(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    with poisoned():
        await folder.publish([published(touch(id=POISON))])
        with pytest.raises(Away):
            await failing(folder)
        assert (await told(client, partition="0"))["journey_lag_records"] == 1


async def test_requests_are_counted_by_route_and_status_and_not_by_path(folder: ServedFolder) -> None:
    made = make()
    app: FastAPI = application(folder, made.sha256)

    @app.get("/breaks/{name}")
    async def breaks(name: str) -> None:
        raise RuntimeError(name)

    headers = {"Authorization": f"Bearer {made.key}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server", headers=headers) as client:
        for path in ("/health/live", "/health/live", "/breaks/a", "/breaks/b", "/made-up/1", "/made-up/2"):
            await client.get(path)
        assert (await told(client, route="/health/live", status="200"))["journey_http_requests_total"] == 2
        assert (await told(client, route="/breaks/{name}", status="500"))["journey_http_requests_total"] == 2
        assert (await told(client, route="(none)", status="404"))["journey_http_requests_total"] == 2
        assert (await told(client, route="/health/live"))["journey_http_request_seconds_count"] == 2
        assert "made-up" not in (await client.get("/metrics")).text


async def test_a_scrapers_key_can_change_nothing(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    auditors = {"Authorization": f"Bearer {await add(folder, 'prometheus', Role.auditor)}"}
    assert (await client.get("/metrics", headers=auditors)).status_code == 200
    assert (await client.post("/api/v1/keys", headers=auditors, json={"name": "x", "role": "operator"})).status_code == 403
