"""People, deals, leads and transitions over HTTP: page by page, as of an instant, as known at a position."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.server.served import ServedFolder
from tests.app.command import here
from tests.app.server.conftest import published
from tests.streams.builders import at, deal_opened, link, sent

UNTIL = "2026-06-30"


async def test_a_story_and_its_reasons_are_what_the_commands_print(reader: httpx.AsyncClient, desk: Path) -> None:
    person = (await reader.get("/api/v1/people", params={"search": "user:", "limit": 1})).json()["items"][0]["person"]
    for command in ("timeline", "explain"):
        told = (await reader.get(f"/api/v1/people/{person}/{command}", params={"until": UNTIL, "known_at": "2"})).json()
        assert told == here(command, person, "--until", UNTIL, "--known-at", "2", "--json", cwd=desk).json
    why_not = (await reader.get(f"/api/v1/people/{person}/explain", params={"until": UNTIL, "stage": "mql"})).json()
    assert why_not == here("explain", person, "--until", UNTIL, "--stage", "mql", "--json", cwd=desk).json


async def test_everybody_is_listed_once_whatever_the_size_of_a_page(reader: httpx.AsyncClient) -> None:
    whole = await _all(reader, "/api/v1/people", limit=500)
    assert await _all(reader, "/api/v1/people", limit=37) == whole
    persons = [one["person"] for one in whole]
    assert len(persons) == len(set(persons)) > 150
    by_id = await _all(reader, "/api/v1/people", limit=37, search="user:10")
    assert {one["person"] for one in by_id} == {person for person in persons if person.startswith("user:10")}
    assert by_id


async def test_a_person_is_found_by_each_of_its_ids(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    await published(
        folder,
        sent("form_submitted", "anon:a/b c", at(1), intent="demo"),
        link("anon:a/b c", "user:7", at(2)),
        sent("profile_updated", "user:7", at(2), country="FR"),
        deal_opened("12", at(3), "user:7"),
    )
    for search in ("user:7", "anon:a", "a/b", "anon:a/b c"):
        (one,) = (await client.get("/api/v1/people", params={"search": search})).json()["items"]
        assert (one["person"], one["ids"]) == ("user:7", ["anon:a/b c", "user:7"])
    told = (await client.get("/api/v1/people/anon:a%2Fb c")).json()
    assert told["person"] == "user:7"
    assert told["fields"]["country"] == "FR"
    assert told["deals"] == ["12"]
    assert [lead["cycle"] for lead in told["leads"]] == [1]
    assert (await client.get(told["timeline"])).json()["ids"] == told["ids"]


async def test_how_somebody_stood_is_as_of_an_instant_and_as_known_at_a_position(client: httpx.AsyncClient, folder: ServedFolder) -> None:
    first = await published(folder, sent("page_view", "user:7", at(1)))
    await published(folder, sent("demo", "user:7", at(0, 12)), sent("demo", "user:7", at(5), id="d"))
    asked = [{"until": "2026-03-03", "known_at": str(first)}, {"until": "2026-03-03"}, {"until": "2026-03-10"}]
    told = [(await client.get("/api/v1/people/user:7", params=one)).json() for one in asked]
    explained = [(await client.get("/api/v1/people/user:7/explain", params=one)).json() for one in asked]
    assert [one["stage"] for one in told] == [one["stage"] for one in explained]
    assert [one["score"] for one in told] == [one["score"] for one in explained]
    assert len({one["score"] for one in told}) == 3, "the three differ"


@pytest.mark.parametrize("path", ["/api/v1/deals?outcome=any", "/api/v1/leads?state=any", "/api/v1/transitions"])
async def test_a_list_is_the_same_whatever_the_size_of_a_page(reader: httpx.AsyncClient, path: str) -> None:
    whole = await _all(reader, path, limit=500)
    assert await _all(reader, path, limit=3) == whole
    assert len(whole) > 3


async def test_open_deals_are_those_that_the_figure_counts(reader: httpx.AsyncClient) -> None:
    (first, *_) = await _all(reader, "/api/v1/deals?outcome=any", limit=500)
    until = first["opened_at"]
    told = (await reader.get("/api/v1/sales/figures/open_deals", params={"until": until})).json()
    deals = await _all(reader, f"/api/v1/deals?until={until}", limit=500)
    assert len(deals) == told["figures"][0]["cells"][0]["value"] > 0
    assert (await reader.get(f"/api/v1/deals/{deals[0]['deal']}", params={"until": until})).json() == deals[0]


async def test_the_last_transition_comes_first_and_somebodys_are_those_of_the_explanation(reader: httpx.AsyncClient) -> None:
    every = await _all(reader, f"/api/v1/transitions?until={UNTIL}", limit=500)
    assert all(one["at"] >= other["at"] for one, other in pairwise(every))
    person = every[-1]["person"]
    own = await _all(reader, f"/api/v1/transitions?until={UNTIL}&person={person}", limit=500)
    explained = (await reader.get(f"/api/v1/people/{person}/timeline", params={"until": UNTIL})).json()
    entered = [one["stage"] for one in explained["entries"] if one["what"] == "stage"]
    assert [one["entered"] for one in reversed(own) if one["what"] == "stage"] == entered


async def test_csv_has_the_same_rows(reader: httpx.AsyncClient) -> None:
    told = await reader.get("/api/v1/transitions", params={"limit": 3}, headers={"Accept": "text/csv"})
    assert len(told.text.splitlines()) == 1 + 3
    assert told.links["next"]["url"].startswith("/api/v1/transitions?limit=3&until=")


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("/api/v1/people/user:nobody", 404, "nothing is known of 'user:nobody'"),
        ("/api/v1/people/user:nobody/timeline", 404, "nothing is known of 'user:nobody'"),
        ("/api/v1/people/deal:12", 404, "'deal:12' is no id of a person; one begins with user: or anon:"),
        ("/api/v1/people/user:7/explain?stage=nowhere", 400, "there is no stage 'nowhere' in the definition"),
        ("/api/v1/people?limit=501", 422, "query.limit"),
        ("/api/v1/people?after=MTI", 400, "after 'MTI' is no cursor of this list"),
        ("/api/v1/deals?after=WzFd", 400, "after 'WzFd' is no cursor of this list"),
        ("/api/v1/deals?after=WyJcdTAwMDAiXQ", 400, "after 'WyJcdTAwMDAiXQ' is no cursor of this list"),
        ("/api/v1/leads?after=WyJ1c2VyOjEiLDE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ", 400, "after"),
        ("/api/v1/deals?outcome=winning", 422, "query.outcome"),
        ("/api/v1/deals/nothing%27%3B%20DROP%20TABLE%20deals", 404, "nothing is known of"),
        ("/api/v1/people/user:%F0%9F%98%80%E2%80%AE/timeline", 404, "nothing is known of"),
        ("/api/v1/people/user:%ff", 404, "nothing is known of"),
    ],
)
async def test_what_is_not_there_is_a_problem_document(
    client: httpx.AsyncClient, folder: ServedFolder, path: str, status: int, detail: str
) -> None:
    await published(folder, sent("page_view", "user:7", at(1)))
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"].startswith(detail), answer.json()["detail"]


async def _all(reader: httpx.AsyncClient, path: str, *, limit: int, **asked: str) -> list[Any]:
    """All pages."""
    answer = await reader.get(httpx.URL(path).copy_merge_params({"limit": limit, **asked}))
    items = answer.json()["items"]
    while "next" in answer.links:
        assert answer.links["next"]["url"] == answer.json()["next"]
        answer = await reader.get(answer.json()["next"])
        assert len(answer.json()["items"]) <= limit
        items += answer.json()["items"]
    assert answer.json()["next"] is None
    return items
