"""How answers go out: waiting for a position, tags, and CSV that no spreadsheet takes for formulas."""

import asyncio
import csv
import io

import httpx
import pytest

from app.server.served import ServedFolder
from app.text.csv_cells import harmless
from tests.app.server.conftest import published
from tests.streams.builders import at, deal_opened, sent

VIEW = sent("page_view", "user:1", at(1))
ASKED = {"until": "2026-06-30"}
PATH = "/api/v1/marketing/visits"


async def test_who_has_the_answer_already_is_told_so(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    first = await client.get(PATH, params=ASKED)
    tag = first.headers["etag"]
    again = await client.get(PATH, params=ASKED, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await client.get(PATH, params={**ASKED, "by": "channel"}, headers={"If-None-Match": tag})).status_code == 200
    assert (await client.get(PATH, params=ASKED, headers={"If-None-Match": tag, "Accept": "text/csv"})).status_code == 200
    await published(folder, VIEW)
    assert (await client.get(PATH, params=ASKED, headers={"If-None-Match": tag})).status_code == 200


async def test_as_of_now_the_tag_stands_for_what_is_said_and_not_for_when(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    first, second = [await client.get("/api/v1/sales/leads") for _ in range(2)]
    assert first.content != second.content, "each says when"
    assert first.headers["etag"] == second.headers["etag"]
    assert (await client.get("/api/v1/sales/leads", headers={"If-None-Match": first.headers["etag"]})).status_code == 304


@pytest.mark.parametrize(("path", "status"), [(PATH, 200), ("/login", 200), ("/health/ready", 200), ("/nowhere", 404), ("/events", 405)])
async def test_head_is_answered_as_get_without_a_body(client: httpx.AsyncClient, path: str, status: int) -> None:
    head, got = await client.head(path, params=ASKED), await client.get(path, params=ASKED)
    assert (head.status_code, head.content) == (got.status_code, b"") == (status, b"")
    assert head.headers == got.headers


async def test_no_cache_keeps_a_problem(client: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/api/v1/people/user:nobody", f"{PATH}?until=x", f"{PATH}?limit=0"):
        answer = await client.get(path)
        assert (answer.is_error, answer.headers["cache-control"]) == (True, "no-store")


async def test_a_request_waits_for_a_position(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    before = folder.positions.position
    waiting = asyncio.create_task(client.get(PATH, params={"min_position": before + 1, "wait": 30}))
    await published(folder, VIEW)
    answer = await waiting
    assert answer.status_code == 200
    assert answer.json()["sections"][0]["answers"][0]["position"] == before + 1


async def test_a_position_that_does_not_come_in_time_is_told_with_when_to_come_again(client: httpx.AsyncClient) -> None:
    answer = await client.get(PATH, params={"min_position": 2**53, "wait": 0})
    assert (answer.status_code, answer.headers["retry-after"]) == (412, "1")
    assert answer.json()["position"] == 1


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("+1 555", "'+1 555"),
        ("-2+3", "'-2+3"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\\t=1"),
        ("-12", "-12"),
        ("-1/3", "-1/3"),
        ("-0.25", "-0.25"),
        ("Зима", "Зима"),
        ("user\u202egpj.exe", "user\\u202egpj.exe"),
        ("x" * 200_000, "x" * 200_000),
    ],
)
def test_what_would_be_a_formula_is_text(cell: str, shown: str) -> None:
    written = io.StringIO()
    csv.writer(written).writerow([cell, "rest"])
    assert next(csv.reader(io.StringIO(harmless(written.getvalue())))) == [shown, "rest"]


async def test_no_end_of_a_line_in_a_cell_ends_its_row(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    ends = {"=1\rx": "'=1\\rx", "a\nb": "a\\nb", "c\r\nd": "c\\r\\nd"}
    views = [sent("page_view", f"user:1{nth}", at(nth), campaign=name) for nth, name in enumerate(ends)]
    won = [deal_opened(f"d{nth}", at(nth), "user:1", owner=name) for nth, name in enumerate(ends)]
    await published(folder, *views, *won)
    for path, column in (("/api/v1/marketing/audience?by=campaign&", "campaign"), ("/api/v1/deals?outcome=any&", "owner")):
        text = (await client.get(f"{path}until=2026-06-30", headers={"Accept": "text/csv"})).text
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert {row[column] for row in rows} >= {*ends.values()}
        assert not any(None in row or None in row.values() for row in rows)
