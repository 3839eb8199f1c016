"""Browsers may publish from the pages of sites that a key is for, and from no others."""

import httpx

from app.server.roles import Role
from app.server.served import ServedFolder
from tests.app.server.keys import add

SHOP = "https://shop.example"


def asking(origin: str, method: str = "POST") -> dict[str, str]:
    headers = "authorization, content-type, content-encoding"
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


async def test_only_pages_of_named_sites_may_publish(folder: ServedFolder, client: httpx.AsyncClient) -> None:
    nobody = await client.options("/v1/t", headers=asking(SHOP))
    assert nobody.status_code == 400
    assert "access-control-allow-origin" not in nobody.headers
    key = await add(folder, "shop", Role.publisher, [SHOP])
    while (asked := await client.options("/v1/t", headers=asking(SHOP))).status_code == 400:
        pass  # a server sees a new key within a second
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, SHOP)
    assert "authorization" in asked.headers["access-control-allow-headers"].lower()
    headers = {"Origin": SHOP, "Content-Type": "text/plain", "Authorization": f"Bearer {key}"}
    posted = await client.post("/v1/b", content=b'{"batch": []}', headers=headers)
    assert (posted.json(), posted.headers["access-control-allow-origin"]) == ({"success": True}, SHOP)
    assert "access-control-allow-credentials" not in posted.headers
    for origin, method in (("https://other.example", "POST"), ("null", "POST"), ("https://shop.example.evil", "POST"), (SHOP, "GET")):
        assert (await client.options("/v1/t", headers=asking(origin, method))).status_code == 400
    assert "access-control-allow-origin" not in (await client.get("/health/live", headers={"Origin": "https://other.example"})).headers
