"""Pages on which operators decide: dead letters put right, the definition put to use, periods closed; each with its entry in the audit."""

import asyncio
import re
from html import unescape
from typing import Any

import httpx
import pytest

from app.server.access import Callers
from app.server.pages import lengthy
from app.server.pages.definitions import USE
from app.server.roles import Role
from app.server.served import ServedFolder
from journey.errors import Away
from schemas.definition_files import default_definition, dump_definition
from streams.operators import Decision
from tests.app.command import ROOT, touch
from tests.app.server.conftest import asked, published, routes
from tests.app.server.keys import add
from tests.app.server.record import touchpoints

HTML = {"Accept": "text/html"}
BAD = touch("form_submitted", id="f", subject="user:new", form="contact", intent="demo").replace(b'"demo"', b'"a demo"')
GOOD = BAD.replace(b'"a demo"', b'"demo"').decode()
CONTACTS = ROOT / "tests" / "schemas" / "data" / "hubspot-crm-exports-contacts.csv"


async def decided(served: ServedFolder, *actions: str) -> list[Decision]:
    return [one for action in actions for one in await served.read(lambda engine, action=action: engine.desk.decisions(action))]  # type: ignore[misc]


async def states(served: ServedFolder) -> dict[int, str]:
    return {one.number: one.state.value for one in await served.read(lambda engine: engine.desk.kept(after=0, limit=100))}


async def sent(client: httpx.AsyncClient, path: str, **form: Any) -> httpx.Response:
    return await client.post(path, data=form, headers=HTML, follow_redirects=True)


async def test_a_dead_letter_is_put_right_on_its_page_and_sent_with_an_entry_in_the_audit(
    client: httpx.AsyncClient, folder: ServedFolder
) -> None:  # fmt: skip
    await published(folder, BAD)
    page = await client.get("/dead-letters/1", headers=HTML)
    assert "&#34;a demo&#34;" in page.text.partition("<textarea")[2]
    still = await sent(client, "/dead-letters/1", body=BAD.decode().replace("a demo", "mischief"), do="fix and requeue", reason="a slip")
    assert still.status_code == 400
    assert 'role="alert"' in still.text
    assert "mischief" in still.text.partition("<textarea")[2], "what was written is lost"
    assert await decided(folder, "fix", "requeue") == []
    done = await sent(client, "/dead-letters/1", body=GOOD.replace(",", ",\r\n"), do="fix and requeue", reason="a slip")
    assert (done.status_code, await states(folder)) == (200, {1: "requeued"})
    assert "1 came in" in done.text
    assert '<a href="/subjects/user%3Anew">' in done.text
    assert [*await touchpoints(folder)] == ["f"]
    assert [(one.action, one.actor, one.reason) for one in await decided(folder, "fix", "requeue")] == [
        ("fix", "one-time key", "a slip"), ("requeue", "one-time key", "a slip"),
    ]  # fmt: skip
    closed = await sent(client, "/dead-letters/1", body=GOOD, do="fix")
    assert "is in since position" in closed.text


async def test_a_fix_is_kept_for_later_and_sent_as_it_is(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, BAD)
    await sent(client, "/dead-letters/1", body=GOOD, do="fix")
    assert (await states(folder), await touchpoints(folder)) == ({1: "fixed"}, {})
    await sent(client, "/dead-letters/1", do="requeue")
    assert [*await touchpoints(folder)] == ["f"]


async def test_a_row_is_put_right_with_the_map_of_its_import(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    rows = CONTACTS.read_text().splitlines()
    header, row = rows[0].split(","), rows[1]
    assert "Create Date" in rows[0], header
    broken = "\n".join([rows[0], row.replace("2026-", "2O26-").replace("2025-", "2O25-")])
    answer = await client.post("/import", params={"map": "hubspot-contacts", "name": CONTACTS.name}, content=broken.encode())
    assert answer.json()["dead_lettered"] >= 1, answer.text
    page = await client.get("/dead-letters/1", headers=HTML)
    assert '<option value="row" selected>' in page.text
    assert "Create Date" in page.text
    done = await sent(client, "/dead-letters/1", body=row, do="fix and requeue", read_as="row")
    assert "read with the map hubspot-contacts" in done.text
    assert (await states(folder))[1] in ("requeued", "arrived")
    assert await touchpoints(folder)


async def test_what_a_letter_holds_comes_back_from_its_page_as_it_is(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    odd = '{"specversion":"1.0","id":"</textarea><b>","source":"/s",\t"type":"page_view","subject":"user:\u202e7","data":{"url":"/"}}'
    await published(folder, odd.encode())
    page = (await client.get("/dead-letters/1", headers=HTML)).text
    shown = page.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]
    assert "\u202e" not in page
    body = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&#34;", '"').replace('"data"', '"time":"2026-03-02T10:00:00Z","data"')
    await sent(client, "/dead-letters/1", body=body, do="fix and requeue")
    assert {id: one.subject for id, one in (await touchpoints(folder)).items()} == {"</textarea><b>": "user:\u202e7"}


async def test_many_are_decided_at_once_and_never_by_mistake(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, b"{", BAD, b"[]", BAD.replace(b'"f"', b'"g"'), touch(id="c", url="/a"), touch(id="c", url="/b"))
    for form in (
        {"do": "dismiss", "reason": "x"},
        {"do": "requeue"},
        {"do": "dismiss", "which": "all"},
        {"number": ["1; DROP"], "do": "requeue"},
    ):
        assert (await sent(client, "/dead-letters", **form)).status_code == 400, form
    assert {*(await states(folder)).values()} == {"open"}
    some = await sent(client, "/dead-letters", number=["1", "c1"], do="dismiss", reason="junk", which="ticked")
    assert "2 dismissed" in some.text
    assert "c1" not in some.text.partition("<form")[2]
    code = next(one.code for one in await folder.read(lambda engine: engine.desk.kept(after=1, limit=1)))
    page = await client.get("/dead-letters", params={"code": code}, headers=HTML)
    assert "all 2 that are open or fixed of code" in page.text
    again = await sent(client, "/dead-letters", which="all", code=code, do="requeue")
    assert "2 still can&#39;t be read" in again.text
    rest = await sent(client, "/dead-letters", which="all", code=code, do="dismiss", reason="junk")
    assert "2 dismissed" in rest.text
    assert await states(folder) == {1: "dismissed", 2: "dismissed", 3: "open", 4: "dismissed"}


async def test_a_definition_is_checked_with_its_lines_and_what_it_says_otherwise(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    text = dump_definition(default_definition())
    part = {"hx-request": "true", **HTML}
    wrong = await client.post(
        "/definition/check", data={"text": text.replace("times: 3", "times: many"), "file": "ours.yaml"}, headers=part
    )
    assert "It can&#39;t be used: one problem." in wrong.text.replace("'", "&#39;")
    assert "ours.yaml:" in wrong.text
    assert "times" in wrong.text
    good = await client.post("/definition/check", data={"text": text.replace("times: 3", "times: 4").replace("\n", "\r\n")}, headers=part)
    assert "It can be used." in good.text
    assert [line in good.text for line in ("-        times: 3</span>", "+        times: 4</span>")] == [True, True]
    assert "<html" not in good.text
    assert len(await decided(folder, "definition")) == 1, "it is in use, and was only to be checked"
    assert "It can be used." in (await client.post("/definition/check", data={"text": text}, headers=HTML)).text


async def test_a_definition_is_put_to_use_with_a_reason_and_by_operators_only(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, *(touch("content_view", id=f"{n}", at=f"2026-03-0{n}T10:00:00Z") for n in (1, 2, 3)))
    text = dump_definition(default_definition()).replace("times: 3", "times: 4")
    assert (await sent(client, "/definition", text=text)).status_code == 400, "no reason is given"
    assert (await sent(client, "/definition", text=text + "  : [", reason="x")).status_code == 400
    assert len(await decided(folder, "definition")) == 1
    done = await sent(client, "/definition", text=text, file="ours.yaml", reason="three were too few")
    assert "In use since position" in done.text
    last = (await decided(folder, "definition"))[-1]
    assert (last.actor, last.reason, last.detail["file"]) == ("one-time key", "three were too few", "ours.yaml")
    assert (await folder.read(lambda engine: engine.definition())).fingerprint == last.detail["fingerprint"]
    page = (await client.get("/definition", headers=HTML)).text
    assert f"fingerprint <code>{last.detail['fingerprint'][:16]}</code>" in page
    assert page.count("times: 4") == 2, "to read, and to begin another one with"
    story = await client.get("/api/v1/people/user:7", params={"until": "2026-03-04"})
    assert story.json()["stage"] == "awareness", "by the first one it was consideration"
    auditor = await add(folder, "eve", Role.auditor)
    async with asked(folder, routes(None)) as other:
        other.headers["Authorization"] = f"Bearer {auditor}"
        page = await other.get("/definition", headers=HTML)
        assert "times: 4" in page.text
        assert "<textarea" not in page.text
        for path in ("/definition", "/definition/check"):
            assert (await other.post(path, data={"text": text, "reason": "x"})).status_code == 403


async def test_while_a_definition_is_put_to_use_no_other_is_asked_for_and_its_page_is_loaded_again_when_it_is(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lengthy, "LOOK_SECONDS", 0)
    is_done = asyncio.Event()

    async def use() -> dict[str, str]:
        await is_done.wait()
        return {"before": "8b72", "definition": "8b72"}

    under_way = await routes(None).state.lengthy.look(USE, use)
    page = (await client.get("/definition", headers=HTML)).text
    assert ("is being put to use" in page, "<textarea" in page) == (True, False)
    text = dump_definition(default_definition())
    other = await sent(client, "/definition", text=text, file="ours.yaml", reason="meanwhile")
    assert (other.status_code, "wait until that is done" in other.text) == (409, True)
    assert "\nstages:\n" in other.text.partition("<textarea")[2], "what was written is lost"
    part = {"hx-request": "true", **HTML}
    assert "HX-Redirect" not in (await client.get("/definition/under-way", headers=part)).headers
    is_done.set()
    await under_way.task
    assert (await client.get("/definition/under-way", headers=part)).headers["HX-Redirect"] == "/definition"


async def test_what_was_written_is_on_the_page_of_what_is_wrong_with_it(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, BAD)
    closed = await sent(client, "/periods", period="2026-13", reason="told to the board")
    assert closed.status_code == 400
    assert 'name="period" value="2026-13"' in closed.text
    assert 'name="reason" value="told to the board"' in closed.text
    dismissed = await sent(client, "/dead-letters", number="1", which="ticked", do="dismiss", reason="")
    assert dismissed.status_code == 400
    again = dict(re.findall(r'<input (?:type="hidden" )?name="(\w+)" value="([^"]*)"', dismissed.text))
    assert again == {"number": "1", "which": "ticked", "do": "dismiss", "reason": ""}
    assert "1 dismissed" in (await sent(client, "/dead-letters", **{**again, "reason": "sent by hand"})).text
    asked = await client.get("/sales", params={"until": "soon", "by": "owner"}, headers=HTML)
    assert ('name="until" value="soon"' in asked.text, 'name="by" value="owner"' in asked.text) == (True, True)


async def test_a_key_that_was_written_is_on_no_page(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise Away("the keys are away")

    monkeypatch.setattr(Callers, "of_key", away)
    answer = await client.post("/login", data={"key": "jk_mine"}, headers={**HTML, "Authorization": ""})
    assert (answer.status_code, "the keys are away" in answer.text, "jk_mine" in answer.text) == (503, True, False)


async def test_a_period_is_closed_and_a_figure_tells_what_was_told_beside_what_is_known(
    client: httpx.AsyncClient, folder: ServedFolder
) -> None:  # fmt: skip
    await published(folder, touch(id="1", subject="user:1"))
    assert (await sent(client, "/periods", period="2026-03")).status_code == 400, "no reason is given"
    assert "is not over" in (await sent(client, "/periods", period="9000-03", reason="x")).text
    closed = await sent(client, "/periods", period="2026-03", reason="told to the board")
    assert "2026-03 is closed at position" in closed.text
    assert "told to the board" in closed.text
    await published(folder, touch(id="late", subject="user:2"))
    for path in (
        "/marketing/figures/sessions/told?period=2026-03",
        "/marketing/periods/2026-03",
        "/marketing/figures/sessions/changed?since=2",
        "/marketing/figures/sessions/changed?since=2&where=channel=Direct",
    ):
        told = await client.get(path, headers=HTML)
        row = re.search(r'<tr><th scope="row">[^\n]*sessions<.*?</tr>', told.text)[0]  # type: ignore[index]
        assert [f">{number}<" in row for number in ("1", "2", "+1")] == [True, True, True], (path, told.text)
        assert "page_view late" in row, path
    assert "<html" not in (await client.get("/marketing/figures/sessions/told?period=2026-03", headers={**HTML, "hx-request": "true"})).text
    nothing = await client.get("/marketing/figures/sessions/changed?since=3", headers=HTML)
    assert "Nothing changed between" in nothing.text
    for path, status in (
        ("/marketing/figures/sessions/told?period=2026-02", 404), ("/marketing/figures/sessions/told", 400),
        ("/marketing/figures/sessions/changed", 400), ("/marketing/figures/sessions/changed?since=soon", 400),
        ("/marketing/figures/sessions/changed?since=99", 400), ("/marketing/figures/nope/changed?since=1", 404),
        ("/marketing/periods/2026-13", 400), ("/marketing/figures/sessions/changed?since=1&where=nope=1", 400),
    ):  # fmt: skip
        assert (await client.get(path, headers=HTML)).status_code == status, path


async def test_what_changed_a_figure_of_sums_is_not_shown_to_who_sees_sums(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(folder, touch(id="1"))
    await sent(client, "/periods", period="2026-03", reason="told")
    key = await add(folder, "max", Role.marketing)
    async with asked(folder, routes(None)) as marketing:
        marketing.headers["Authorization"] = f"Bearer {key}"
        assert 'id="changed"' in (await marketing.get("/marketing/figures/sessions", headers=HTML)).text
        page = (await marketing.get("/marketing/figures/conversion_value", headers=HTML)).text
        assert 'id="changed"' not in page
        assert "in sums only" in page
        for path in ("changed?since=1", "told?period=2026-03"):
            assert (await marketing.get(f"/marketing/figures/conversion_value/{path}", headers=HTML)).status_code == 403
        assert "conversion value" not in (await marketing.get("/marketing/periods/2026-03", headers=HTML)).text
        assert (await marketing.post("/periods", data={"period": "2026-01", "reason": "x"})).status_code == 403


async def test_what_a_win_cost_is_told_to_sales_by_channel_and_nothing_behind_it(folder: ServedFolder) -> None:
    """Each cost behind it is of a campaign."""
    key = await add(folder, "ben", Role.sales)
    async with asked(folder, routes(None)) as sales:
        sales.headers["Authorization"] = f"Bearer {key}"
        for asks, status in (("", 200), ("by=channel", 200), ("by=channel&by=month", 200), ("by=campaign", 403), ("where=campaign=x", 403)):
            assert (await sales.get(f"/sales/figures/win_cost?{asks}", headers=HTML)).status_code == status, asks
            for path in ("changed?since=1&", "why?"):
                assert (await sales.get(f"/sales/figures/win_cost/{path}{asks}", headers=HTML)).status_code == 403, (path, asks)


async def test_a_join_that_looks_wrong_is_parted_on_its_page_with_an_entry_in_the_audit(
    client: httpx.AsyncClient, folder: ServedFolder
) -> None:  # fmt: skip
    await published(
        folder, *(touch("identified", id=f"l{day}", subject="user:ann@x.example", other="user:bob@x.example") for day in (1, 5))
    )
    page = (await client.get("/identity/suspects", headers=HTML)).text
    assert "2 ids of the kind email" in page
    (line,) = [unescape(text) for text in re.findall(r'name="line" value="([^"]*)"', page)]
    without = await sent(client, "/identity/statements", line=line, reason="")
    assert (without.status_code, "a reason is needed" in without.text) == (400, True)
    other = await sent(client, "/identity/statements", line=GOOD, reason="not an answer to this question")
    assert (other.status_code, "this is no" in other.text or "only what looks wrong" in other.text) == (400, True)
    assert await decided(folder, "state-identity") == [], "nothing was decided yet"
    told = await sent(client, "/identity/statements", line=line, reason="they are brothers")
    assert "1 statement sent" in told.text
    (decision,) = await decided(folder, "state-identity")
    assert (decision.actor, decision.reason, decision.detail) == ("one-time key", "they are brothers", {"statements": [line]})
    assert "None." in (await client.get("/identity/suspects", headers=HTML)).text


async def test_what_reads_all_histories_for_the_identity_page_comes_to_it_once_it_is_there(
    client: httpx.AsyncClient, folder: ServedFolder
) -> None:  # fmt: skip
    links = [touch("identified", id=f"l{number}", subject=f"user:{number}", other="anon:kiosk") for number in range(1, 61)]
    await published(folder, *links)
    page = (await client.get("/identity", headers=HTML)).text
    assert 'hx-get="/identity/held"' in page
    assert 'hx-get="/identity/suspects"' in page
    for path, said in (("/identity/held", "Links would join it with 60 others. Kept from user:"), ("/identity/suspects", "None.")):
        part = await client.get(path, headers=HTML)
        while "It is being worked out" in part.text:
            part = await client.get(path, headers=HTML)
        assert said in part.text
