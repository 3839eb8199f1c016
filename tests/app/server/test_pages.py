"""Pages, asked within this process: what browsers send that is not from a page of ours, and what nobody should send."""

import html
import re
from urllib.parse import urlsplit

import httpx
import pytest

from app.engine.simulation_mark import note_simulated
from app.server.access import COOKIE
from app.server.roles import Role
from app.server.served import ServedFolder
from projections.figures import sections
from tests.app.server.conftest import asked, published, routes
from tests.app.server.keys import add
from tests.app.server.test_matrix import routes as every_route

HUGE = "9" * 30
SIMULATED = ">simulated data<"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/dead-letters/{HUGE}", ""),
        ("GET", f"/dead-letters?after={HUGE}", ""),
        ("POST", "/dead-letters", f"do=requeue&number={HUGE}&reason=x"),
        ("POST", "/dead-letters", f"do=dismiss&number={'9' * 5000}&reason=x"),
        ("POST", "/dead-letters", "do=dismiss&number=1&reason=%00"),
        ("POST", f"/imports/{HUGE}/retract", "reason=x"),
        ("GET", "/marketing?until=9999-99-99&where=%00", ""),
        ("GET", "/subjects/user:%00", ""),
        ("GET", "/marketing/figures/people?period=decade", ""),
    ],
)
async def test_nonsense_is_no_error_of_ours(client: httpx.AsyncClient, method: str, path: str, body: str) -> None:
    answer = await client.request(method, path, content=body, headers={"Accept": "text/html"})
    assert answer.status_code < 500, answer.text


async def test_a_cookie_changes_something_from_our_own_pages_only(folder: ServedFolder) -> None:
    key = await add(folder, "anna", Role.operator)
    async with asked(folder, routes(None)) as client:
        client.headers.pop("Authorization")
        client.cookies.set(COOKIE, key)
        assert (await client.get("/dead-letters")).status_code == 200
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {}, {"Origin": "https://evil.example"}):
            for path in ("/v1/batch", "/import", "/dead-letters"):
                assert (await client.post(path, content=b'{"batch": []}', headers=headers)).status_code in (401, 403), (path, headers)
        ours = await client.post("/v1/batch", content=b'{"batch": []}', headers={"Sec-Fetch-Site": "same-origin"})
        assert ours.status_code == 200


async def test_a_body_is_read_once_it_is_known_who_sends_it(folder: ServedFolder) -> None:
    async with asked(folder, routes(None)) as client:
        headers = {"Content-Type": "application/json"}
        client.headers.pop("Authorization")
        assert (await client.post("/api/v1/keys", content=b" " * (9 * 1024 * 1024), headers=headers)).status_code == 401


async def test_problems_name_nobody_whom_the_role_is_not_shown(folder: ServedFolder) -> None:
    line = (
        b'{"specversion":"1.0","id":"1","source":"/s","type":"ad_click","subject":"user:ann@shop.example",'
        b'"time":"2026-03-02T10:00:00Z","data":{"campaign":"ann@shop.example"}}'
    )
    await published(folder, line)
    key = await add(folder, "max", Role.marketing)
    async with asked(folder, routes(None)) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        for path in (
            "/api/v1/marketing/figures/people?where=campaign=ann",
            "/marketing?where=campaign=ann",
            "/api/v1/transitions?limit=1",
            "/api/v1/people?search=user:an",
            "/subjects/user:ann@shop.example",
            "/identity?id=user:ann@shop.example",
        ):
            answer = await client.get(path)
            assert "ann@" not in answer.headers.get("Link", "") + answer.text, path


async def test_a_page_says_that_the_figures_are_behind(folder: ServedFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asked(folder, routes(None)) as client:
        assert "is not in the figures yet" not in (await client.get("/marketing")).text
        monkeypatch.setattr(folder, "staleness", lambda: 75.0)
        page = (await client.get("/marketing")).text
        assert "during the last 75 s is not in the figures yet" in page
        assert '<a href="/status">Health</a> says' in page
        health = (await client.get("/status")).text
        assert "behind by</th><td>75 s</td>" in health
        assert "not placed yet</th><td>0</td>" in health


async def test_every_page_says_that_some_of_the_data_is_simulated(reader: httpx.AsyncClient) -> None:
    app = routes(None)
    paths = [call.path for call in every_route(app) if call.method == "GET" and call.path not in app.openapi()["paths"]]
    pages = [
        await reader.get(path, headers={"Accept": "text/html"}) for path in (*paths, "/marketing/figures/people", "/deals?outcome=any")
    ]
    is_said = {page.url.path: SIMULATED in page.text for page in pages if '<header class="top">' in page.text}
    assert {"/definition", "/imports", "/status", "/dead-letters", "/subjects", "/deals", "/periods", "/sales"} <= is_said.keys()
    assert [path for path, said in is_said.items() if not said] == ["/login"], "where nobody is shown any data"


async def test_the_first_simulated_touchpoint_is_said_at_once_and_from_then_on(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    assert SIMULATED not in (await client.get("/definition")).text
    await folder.change(note_simulated)
    assert SIMULATED in (await client.get("/definition")).text
    assert SIMULATED not in (await client.get("/login", headers={"Authorization": ""})).text


async def test_each_figure_of_a_report_leads_to_what_it_is_to_its_touchpoints_and_to_what_changed_it(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/sales?where=owner=seller-01")).text
    for anchor in ("definition", "why", "changed"):
        assert f'href="/sales/figures/win_rate?where=owner%3Dseller-01#{anchor}"' in page
    figure = (await reader.get("/sales/figures/win_rate")).text
    for anchor in ("definition", "why", "changed", "told"):
        assert f'id="{anchor}"' in figure


async def test_what_no_database_takes_in_is_refused_before_one_is_asked(client: httpx.AsyncClient) -> None:
    for path in ("/dead-letters?code=%00", "/identity?id=%00", "/subjects/%00", "/sales?where=owner=%00", "/api/v1/people/user:%00"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["detail"][:34]) == (400, "what is asked has a NUL character "), path


async def test_sections_that_a_report_does_not_wait_for_come_one_by_one(reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (await reader.get("/sales?by=owner")).text
    monkeypatch.setattr("app.server.pages.reports.REPORT_SECONDS", -1.0)
    begun = (await reader.get("/sales?by=owner")).text
    later = re.findall(r'hx-get="(/sales/sections/\w+[^"]*)"', begun)
    named = [urlsplit(one).path.rpartition("/")[2] for one in later]
    assert named == ["handoff", "scores", "people", "decided", "win_costs", "pipeline", "waterfall", "slippage", "targets"]
    (card,) = re.findall(r'<section class="card" id="decided".*?</section>', whole, re.DOTALL)
    come = (await reader.get(html.unescape(later[3]), headers={"HX-Request": "true"})).text
    assert "win rate" in come
    assert " ".join(come.split()) in " ".join(card.split())
    assert "<html" not in come
    assert "no figure of people has a dimension &#39;owner&#39;" in (await reader.get(html.unescape(later[2]))).text.lower()
    assert (await reader.get("/sales/sections/weather")).status_code == 404


async def test_of_each_group_the_first_section_is_open_and_an_index_leads_to_every_group(reader: httpx.AsyncClient) -> None:
    page = (await reader.get("/marketing")).text
    groups = re.findall(r'<h2 class="group" id="group-(\w+)">', page)
    assert groups == [group.name for group, _ in sections.grouped("marketing")]
    assert re.findall(r'<a href="#group-(\w+)"', page) == groups
    for part in page.split('<h2 class="group"')[1:]:
        opened = [" open" in tag for tag in re.findall(r'<details class="section"[^>]*>', part)]
        assert opened == [True, *[False] * (len(opened) - 1)]
    assert len(re.findall(r'<details class="section"[^>]*>', page)) > 30
    sales = (await reader.get("/sales")).text
    assert ('class="groups"' in sales, '<details class="section">' in sales) == (False, False)


async def test_a_report_of_nothing_begins_with_what_brings_something(client: httpx.AsyncClient) -> None:
    page = (await client.get("/marketing")).text
    assert page.index("journey ingest FILE") < page.index('<details id="visits">') < page.index("page_engaged.seconds")
    assert 'class="groups"' not in page
