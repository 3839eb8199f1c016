"""The audit over HTTP and on its page: who decided what, when and why."""

import csv
import io
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.server.roles import Role
from app.server.served import ServedFolder
from app.text.decisions import in_words
from tests.app.server.conftest import asked, routes
from tests.app.server.keys import add, revoke

HTML = {"Accept": "text/html"}


@pytest.fixture
async def eve(folder: ServedFolder) -> AsyncIterator[httpx.AsyncClient]:
    """Asks with the key of an auditor of that name."""
    key = await add(folder, "eve", Role.auditor)
    async with asked(folder, routes(None)) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


async def test_an_auditor_reads_every_decision_page_by_page_the_last_one_first(eve: httpx.AsyncClient, folder: ServedFolder) -> None:
    for name in ("shop", "app", "site"):
        await add(folder, name, Role.publisher)
    await revoke(folder, "shop")
    found, path = [], "/api/v1/audit?limit=2"
    while path:
        answer = await eve.get(path)
        assert len(answer.json()["items"]) <= 2
        found += answer.json()["items"]
        path = answer.json()["next"]
        assert answer.links.get("next", {}).get("url") == path
    kept = await folder.read(lambda engine: engine.desk.decisions())
    assert [(one["number"], one["action"], one["reason"], one["says"]) for one in found] == [
        (one.number, one.action, one.reason, in_words(one)) for one in reversed(kept)
    ]
    assert (found[0]["action"], found[0]["reason"]) == ("revoke-key", "leaked")
    only = (await eve.get("/api/v1/audit", params={"action": "add-key", "limit": 3})).json()
    assert [one["detail"]["key"] for one in only["items"]] == ["site", "app", "shop"]
    assert "action=add-key" in only["next"]
    assert (await eve.get("/api/v1/audit", params={"action": "nothing"})).json() == {"items": [], "next": None}


async def test_the_audit_as_csv_has_no_formula_in_it(eve: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    await client.post("/api/v1/keys", json={"name": "shop", "role": "publisher", "reason": "=1+1"})
    told = await eve.get("/api/v1/audit?limit=1", headers={"Accept": "text/csv"})
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(told.text))
    assert (row["actor"], row["action"], row["reason"]) == ("one-time key", "add-key", "'=1+1")
    assert '"key":"shop"' in row["detail"]


async def test_what_is_no_page_of_the_audit_is_a_problem_document(eve: httpx.AsyncClient) -> None:
    for asks, status in (("after=x", 400), ("after=WyJhIl0", 400), ("limit=0", 422), ("until=now", 422), ("action=%00", 400)):
        answer = await eve.get(f"/api/v1/audit?{asks}")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), asks
    assert (await eve.get("/audit?after=x", headers=HTML)).status_code == 400


async def test_a_decision_that_moves_no_position_is_in_an_answer_that_is_asked_for_again(
    eve: httpx.AsyncClient, folder: ServedFolder
) -> None:  # fmt: skip
    before = await eve.get("/api/v1/audit")
    again = {"If-None-Match": before.headers["etag"]}
    assert (await eve.get("/api/v1/audit", headers=again)).status_code == 304
    await add(folder, "shop", Role.publisher)
    after = await eve.get("/api/v1/audit", headers=again)
    assert (after.status_code, after.json()["items"][0]["detail"]["key"]) == (200, "shop")


async def test_the_page_shows_who_when_what_and_why_with_nothing_that_runs(eve: httpx.AsyncClient, client: httpx.AsyncClient) -> None:
    reason = "<script>alert(1)</script> \u202egnp.exe ann@shop.example"
    await client.post("/api/v1/keys", json={"name": "shop", "role": "publisher", "reason": reason})
    page = (await eve.get("/audit", headers=HTML)).text
    assert '<a href="/audit" aria-current="page">Audit</a>' in page
    row = next(one for one in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "script" in one)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; \\u202egnp.exe masked-" in row
    assert "key shop: nothing -&gt; role publisher" in row
    assert "<td>one-time key</td><td>add-key</td>" in row
    assert "ann@shop.example" not in page
    assert "ann@shop.example" in (await client.get("/audit", headers=HTML)).text, "an operator sees whom it is about"


async def test_the_page_leads_to_earlier_decisions_of_the_action_that_is_asked_for(eve: httpx.AsyncClient, folder: ServedFolder) -> None:
    for number in range(60):
        await add(folder, f"shop-{number}", Role.publisher)
    first = (await eve.get("/audit?action=add-key", headers=HTML)).text
    assert ("key shop-59:" in first, "key shop-9:" in first, ">definition</td>" in first) == (True, False, False)
    (further,) = re.findall(r'<a href="([^"]*)">Earlier ones</a>', first)
    second = (await eve.get(further.replace("&amp;", "&"), headers=HTML)).text
    assert ("key shop-59:" in second, "key shop-9:" in second, "Earlier ones" in second) == (False, True, False)
    assert "Nothing was decided by action <code>nothing</code>." in (await eve.get("/audit?action=nothing", headers=HTML)).text
    assert "this server places what comes in" in (await eve.get("/status", headers=HTML)).text
