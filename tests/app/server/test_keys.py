"""Keys over HTTP, and the audit of what operators change there."""

import httpx
import pytest

from app.server.roles import Role
from app.server.served import ServedFolder
from tests.app.server.keys import add


@pytest.fixture
async def olga(client: httpx.AsyncClient, folder: ServedFolder) -> httpx.AsyncClient:
    """Asks with the key of an operator of that name."""
    client.headers["Authorization"] = f"Bearer {await add(folder, 'olga', Role.operator)}"
    return client


async def test_what_an_operator_changes_is_in_the_audit_with_the_name_of_the_key(olga: httpx.AsyncClient, folder: ServedFolder) -> None:
    made = await olga.post("/api/v1/keys", json={"name": "shop", "role": "publisher", "origins": ["https://shop.example"]})
    assert made.status_code == 201
    assert made.json()["key"].startswith("jk_")
    assert (await olga.post("/api/v1/keys/shop/revoke", json={"reason": "leaked"})).json() == {"changed": True}
    assert (await olga.post("/api/v1/keys/shop/revoke", json={"reason": "leaked"})).json() == {"changed": False}
    decisions = await folder.read(lambda engine: engine.desk.decisions())
    assert [(one.actor, one.action, one.detail["key"], one.reason) for one in decisions if one.actor == "olga"] == [
        ("olga", "add-key", "shop", ""),
        ("olga", "revoke-key", "shop", "leaked"),
    ]
    shop = next(key for key in (await olga.get("/api/v1/keys")).json()["keys"] if key["name"] == "shop")
    assert (shop["role"], shop["made_by"], shop["revoked_by"]) == ("publisher", "olga", "olga")
    assert "sha256" not in shop


async def test_what_cannot_be_a_key_is_a_problem_document(olga: httpx.AsyncClient) -> None:
    for body, status in (
        ({"name": "x", "role": "boss"}, 422),
        ({"name": "one-time key", "role": "sales"}, 400),
        ({"name": "x", "role": "publisher", "origins": ["*"]}, 400),
        ({"name": "olga", "role": "sales"}, 400),
    ):
        answer = await olga.post("/api/v1/keys", json=body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), body
    assert (await olga.post("/api/v1/keys/nobody/revoke", json={"reason": "x"})).status_code == 400
    assert (await olga.post("/api/v1/keys/olga/revoke", json={"reason": " "})).status_code == 422
