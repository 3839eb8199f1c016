"""Pages of deals, of leads, and of who is found: by role."""

import re

import httpx
import pytest

from app.server.roles import Role
from app.server.served import ServedFolder
from tests.app.command import touch
from tests.app.server.conftest import asked, published, routes
from tests.app.server.keys import add

HTML = {"Accept": "text/html"}
DEAL = (
    touch("deal_opened", id="d", subject="deal:12", deal="12", pipeline="new_business", stage="proposal", amount="98765.43", currency="EUR",
          owner="anna", people=[{"person": "user:7", "primary": True}], account="acme"),
    touch(id="v", subject="user:7"),
    touch("profile_updated", id="p", subject="user:7", at="2026-03-02T09:00:00Z",
          traits={"First Name": "Björn", "last_name": "Ögren", "email": "bjorn@example.com", "plan": "Ögonblick"}),
    touch("profile_updated", id="q", subject="user:9", traits={"plan": "Ögren", "nested": {"name": "Ögren"}}),
    touch(id="w", subject="user:Bjarne@example.com"),
)  # fmt: skip


async def as_role(folder: ServedFolder, role: Role, path: str) -> httpx.Response:
    key = await add(folder, f"a-{role}-{path}"[:60], role)
    async with asked(folder, routes(None)) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        return await client.get(path, headers=HTML, follow_redirects=True)


async def test_a_deal_is_told_to_sales_and_to_marketing_without_its_amount(folder: ServedFolder) -> None:
    await published(folder, *DEAL)
    page = await as_role(folder, Role.sales, "/subjects/deal:12")
    for said in (
        "<h1>Deal 12",
        "98,765.43 EUR",
        "anna",
        "proposal",
        'href="/subjects/user%3A7"',
        'href="/subjects/account%3Aacme"',
        "deal opened",
    ):
        assert said in page.text, said
    assert "98,765.43 EUR" in (await as_role(folder, Role.sales, "/deals?owner=anna")).text
    assert "No deal is like that" in (await as_role(folder, Role.sales, "/deals?owner=ben")).text
    assert (await as_role(folder, Role.sales, "/deals/13")).status_code == 404
    for path in ("/deals", "/deals/12", "/leads"):
        assert (await as_role(folder, Role.marketing, path)).status_code == 403, path
    for path in ("/subjects/deal:12", "/subjects/user:7", "/subjects?id=12", "/periods", "/marketing"):
        told = (await as_role(folder, Role.marketing, path)).text
        assert re.search(r"98[.,]?765", told) is None, path


async def test_leads_are_listed_as_the_api_has_them(reader: httpx.AsyncClient) -> None:
    listed = (await reader.get("/api/v1/leads", params={"state": "any", "limit": 2})).json()["items"]
    page = (await reader.get("/leads?state=any&limit=2", headers=HTML)).text
    assert [f'href="/subjects/{one["person"].replace(":", "%3A")}"' in page for one in listed] == [True] * 2
    following = page.partition("Further ones")[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    assert following.startswith("/leads?state=any&limit=2")
    assert (await reader.get(following, headers=HTML)).status_code == 200
    assert (await reader.get("/leads?nonsense=1", headers=HTML)).status_code == 422


async def test_who_moved_last_is_there_to_open_and_named_as_the_role_sees_people(folder: ServedFolder) -> None:
    await published(folder, *DEAL)
    as_sales = re.findall(r'<a href="/subjects/([^"]+)">', (await as_role(folder, Role.sales, "/subjects")).text)
    assert {"user%3A7", "user%3ABjarne%40example.com"} <= {*as_sales}
    assert len(as_sales) == len({*as_sales}), "each once"
    for role in (Role.marketing, Role.auditor):
        page = (await as_role(folder, role, "/subjects")).text
        assert 'href="/subjects/user%3A7"' in page
        assert "Bjarne" not in page
        assert "user:masked-" in page
        assert "masked" not in "".join(re.findall(r'href="/subjects/([^"]+)"', page)), "which would lead nowhere"


async def test_deals_in_a_story_lead_to_their_pages_for_who_may_read_sales(folder: ServedFolder) -> None:
    unsightly = DEAL[0].replace(b'"12"', b'"of ann@example.com"').replace(b"deal:12", b"deal:of ann@example.com").replace(b'"d"', b'"e"')
    await published(folder, *DEAL, unsightly)
    link = 'href="/deals/12"'
    sales, auditor = [(await as_role(folder, role, "/subjects/user:7")).text for role in (Role.sales, Role.auditor)]
    assert link in sales
    assert link in auditor
    assert 'href="/deals/of%20ann%40example.com"' in sales
    assert "/deals/of" not in auditor, "which would lead nowhere"
    assert link not in (await as_role(folder, Role.marketing, "/subjects/user:7")).text
    assert link not in (await as_role(folder, Role.sales, "/deals/12")).text, "it is that page"


@pytest.mark.parametrize(
    ("asked_for", "found"),
    [
        ("ögren", ["user:7"]), ("BJÖRN ögr", ["user:7"]), ("EXAMPLE.com", ["user:7", "user:Bjarne@example.com"]),
        ("bjarne", ["user:Bjarne@example.com"]), ("ögonblick", []), ("%", []), ("_", []), ("'", []),
    ],
)  # fmt: skip
async def test_people_are_found_by_a_part_of_what_they_are_called(
    client: httpx.AsyncClient, folder: ServedFolder, asked_for: str, found: list[str]
) -> None:  # fmt: skip
    await published(folder, *DEAL)
    items = (await client.get("/api/v1/people", params={"called": asked_for})).json()["items"]
    assert sorted(one["person"] for one in items) == found
    page = await client.get("/subjects", params={"id": asked_for}, headers=HTML)
    assert page.status_code == (200 if found else 404)
    assert [f">{person}</a>" in page.text for person in found] == [True] * len(found)


async def test_an_id_leads_to_its_page_and_who_sees_no_ids_finds_nobody_by_a_part(folder: ServedFolder) -> None:
    await published(folder, *DEAL)
    assert "<h1>user:7" in (await as_role(folder, Role.sales, "/subjects?id=7")).text
    await published(folder, touch(id="x", subject="user:a?b#c"))
    assert "<h1>user:a?b#c" in (await as_role(folder, Role.sales, "/subjects?id=a%3Fb%23c")).text
    for role in (Role.marketing, Role.auditor):
        assert "<h1>user:7" in (await as_role(folder, role, "/subjects?id=7")).text
        nobody = await as_role(folder, role, "/subjects?id=bjarne")
        assert nobody.status_code == 404
        assert "Bjarne" not in nobody.text
        assert (await as_role(folder, role, "/api/v1/people?called=bjarne")).status_code == 403
