"""Browsers may publish from the pages of sites that were named, and from no others."""

import httpx
import pytest

from app.server.application import application
from app.server.served import ServedFolder
from tests.app.command import here, refused

SHOP = "https://shop.example"


def asking(origin: str, method: str = "POST") -> dict[str, str]:
    headers = "authorization, content-type, content-encoding"
    return {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}


async def test_only_pages_of_named_sites_may_publish(folder: ServedFolder, client: httpx.AsyncClient) -> None:
    transport = httpx.ASGITransport(application(folder, [SHOP]))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as told:
        asked = await told.options("/v1/t", headers=asking(SHOP))
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, SHOP)
        assert "authorization" in asked.headers["access-control-allow-headers"].lower()
        posted = await told.post("/v1/b", content=b'{"batch": []}', headers={"Origin": SHOP, "Content-Type": "text/plain"})
        assert (posted.json(), posted.headers["access-control-allow-origin"]) == ({"success": True}, SHOP)
        assert "access-control-allow-credentials" not in posted.headers
        for origin, method in (("https://other.example", "POST"), ("null", "POST"), ("https://shop.example.evil", "POST"), (SHOP, "GET")):
            assert (await told.options("/v1/t", headers=asking(origin, method))).status_code == 400
        assert "access-control-allow-origin" not in (await told.get("/health/live", headers={"Origin": "https://other.example"})).headers
    nobody = await client.options("/v1/t", headers=asking(SHOP))
    assert nobody.status_code == 405
    assert "access-control-allow-origin" not in nobody.headers


@pytest.mark.parametrize("url", ["*", "shop.example", "https://", "https://shop.example/page", "ftp://shop.example", "https://a?b"])
def test_what_is_no_origin_is_refused(tmp_path, url: str) -> None:
    assert "no origin" in refused(here("serve", "--allow-origin", url, cwd=tmp_path))
